/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/event.h"
#include "cluster/attach.h"

struct attach_opts {
	const char *kubeconfig, *context;
};

static const struct cryo_opt opts_table[] = {
	{ "kubeconfig", 0, CRYO_OPT_STR, offsetof(struct attach_opts, kubeconfig), "FILE",
	  "how kubectl reaches the cluster (required)" },
	{ "context", 0, CRYO_OPT_STR, offsetof(struct attach_opts, context), "NAME",
	  "context of the kubeconfig (default: the current one)" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int attach_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			  struct cryo_err *err)
{
	const struct attach_opts *o = opts;
	const struct cryo_kubectl k = { .kubeconfig = o->kubeconfig, .context = o->context };
	int rc;

	(void)cli;
	(void)exit_code;
	if (!o->kubeconfig)
		return cryo_err_set(
		    err, CRYO_E_USAGE,
		    "an argument is missing: cryopod attach NAME --kubeconfig FILE");
	rc = cryo_cluster_attach(args[0], &k, err);
	if (rc == 0)
		cryo_info("cluster '%s' is attached: cryopod status --name %s", args[0], args[0]);
	return rc;
}

const struct cryo_cmd cryo_cmd_attach = {
	.name = "attach",
	.usage = "NAME",
	.summary = "use an existing cluster through its kubeconfig",
	.opts = opts_table,
	.size = sizeof(struct attach_opts),
	.min_args = 1,
	.max_args = 1,
	.run = attach_cmd_run,
};
