/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "target/checkpoint.h"

#include <stdio.h>

struct checkpoint_opts {
	const char *ns, *container, *to, *output, *secret;
	int64_t timeout_ms;
	bool encrypt;
};

static const struct cryo_opt opts_table[] = {
	{ "namespace", 'n', CRYO_OPT_STR, offsetof(struct checkpoint_opts, ns), "NS",
	  "default: \"default\"" },
	{ "container", 'c', CRYO_OPT_STR, offsetof(struct checkpoint_opts, container), "NAME",
	  "which one (default: the only one)" },
	{ "to", 0, CRYO_OPT_STR, offsetof(struct checkpoint_opts, to), "FILE",
	  "copy the archive here" },
	{ "encrypt", 0, CRYO_OPT_FLAG, offsetof(struct checkpoint_opts, encrypt), NULL,
	  "no readable byte of memory in the archive" },
	{ "encryption-secret", 0, CRYO_OPT_STR, offsetof(struct checkpoint_opts, secret), "NAME",
	  "Secret (kubernetes.io/tls) whose certificate it is for" },
	{ "timeout", 0, CRYO_OPT_DURATION, offsetof(struct checkpoint_opts, timeout_ms), "DURATION",
	  "of the dump (default: the kubelet's)" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct checkpoint_opts, output), "FORMAT",
	  "table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static void print_table(const struct cryo_checkpoint *c)
{
	cryo_auto(cryo_free) char *size = cryo_size_show(c->bytes);
	cryo_auto(cryo_free) char *took = cryo_duration_show(c->ms);

	printf("node       %s\ncontainer  %s/%s/%s\narchive    %s\n", c->node, c->ns, c->pod,
	       c->container, c->archive);
	if (c->copy)
		printf("copy       %s\n", c->copy);
	printf("size       %s%s\ntook       %s (%s)\n", size, c->sealed ? ", encrypted" : "", took,
	       cryo_checkpoint_form_name(c->form));
}

static int run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
	       struct cryo_err *err)
{
	cryo_auto(cryo_target_free) struct cryo_target *t = NULL;
	cryo_auto(cryo_checkpoint_release) struct cryo_checkpoint c = { 0 };
	const struct checkpoint_opts *o = opts;
	struct cryo_checkpoint_opts request = { .ns = o->ns,
						.pod = args[0],
						.container = o->container,
						.to = o->to,
						.timeout_ms = o->timeout_ms,
						.encryption_secret = o->secret };
	enum cryo_output output;
	int rc = cryo_cli_output(o->output, &output, err);

	(void)exit_code;
	if (rc == 0 && o->encrypt != (o->secret != NULL))
		rc = cryo_err_set(err, CRYO_E_USAGE,
				  "--encrypt and --encryption-secret NAME belong together");
	if (rc == 0)
		rc = cryo_cli_target(cli, &t, err);
	if (rc == 0)
		rc = cryo_checkpoint_run(t, &request, &c, err);
	if (rc < 0)
		return rc;
	if (output == CRYO_OUTPUT_TABLE) {
		print_table(&c);
	} else {
		cryo_auto(cryo_json_decref) json_t *j = cryo_checkpoint_json(&c);

		cryo_cli_print(j, output);
	}
	return 0;
}

const struct cryo_cmd cryo_cmd_checkpoint = {
	.name = "checkpoint",
	.usage = "POD",
	.summary = "checkpoint a container of a pod",
	.opts = opts_table,
	.size = sizeof(struct checkpoint_opts),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
