/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/event.h"

#include <stdio.h>

static const struct cryo_opt opts_table[] = {
	{ "stack", 0, CRYO_OPT_STR, offsetof(struct cryo_up_opts, stack), "STACK",
	  "name or file (default: upstream)" },
	{ "port", 0, CRYO_OPT_UINT, offsetof(struct cryo_up_opts, port), "PORT",
	  "of 127.0.0.1 for the API server (default: a free one)" },
	{ "timeout", 0, CRYO_OPT_DURATION, offsetof(struct cryo_up_opts, timeout_ms), "DURATION",
	  "until the node is Ready (default: 2m)" },
	{ "no-build", 0, CRYO_OPT_FLAG, offsetof(struct cryo_up_opts, no_build), NULL,
	  "fail if something is not built yet" },
	{ "cold", 0, CRYO_OPT_FLAG, offsetof(struct cryo_up_opts, cold), NULL,
	  "start everything anew: restore from no template, make none" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
	       struct cryo_err *err)
{
	cryo_auto(cryo_target_free) struct cryo_target *t = NULL;
	const struct cryo_up_opts *up = opts;
	int rc = 0;

	(void)args;
	(void)exit_code;
	if (up->port > 65535)
		return cryo_err_set(err, CRYO_E_USAGE, "--port: %u is no port", up->port);
	rc = cryo_cli_target(cli, &t, err);
	if (rc == 0)
		rc = t->ops->up(t, up, err);
	if (rc == 0)
		cryo_info("cluster '%s' is up: export KUBECONFIG=%s", t->name, t->kubeconfig);
	return rc;
}

const struct cryo_cmd cryo_cmd_up = {
	.name = "up",
	.usage = "",
	.summary = "start a cluster (build what is missing first)",
	.opts = opts_table,
	.size = sizeof(struct cryo_up_opts),
	.run = run,
};
