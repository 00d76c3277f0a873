/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/criu_options.h"

#include "base/clock.h"
#include "conf/json.h"
#include "checkpoint/checkpoint.h"

#include <stdio.h>

struct restore_opts {
	const char *ns, *pod, *node, *manifest, *output, *secret, *key, *cert, *policy;
	int64_t timeout_ms;
	bool run_init, allow_privileges;
	struct cryo_criu_options criu;
};

static const struct cryo_opt opts_table[] = {
	{ "pod", 0, CRYO_OPT_STR, offsetof(struct restore_opts, pod), "NAME",
	  "of the new pod (required)" },
	{ "namespace", 'n', CRYO_OPT_STR, offsetof(struct restore_opts, ns), "NS",
	  "of the new pod (default: default)" },
	{ "node", 0, CRYO_OPT_STR, offsetof(struct restore_opts, node), "NAME",
	  "where (default: the node of the manifest, else one that has the image)" },
	{ "filename", 'f', CRYO_OPT_STR, offsetof(struct restore_opts, manifest), "FILE",
	  "manifest of the source pod or its workload (default: what the archive tells)" },
	{ "restart-policy", 0, CRYO_OPT_STR, offsetof(struct restore_opts, policy), "POLICY",
	  "Never, OnFailure or Always (default: the manifest's, else Never)" },
	{ "run-init", 0, CRYO_OPT_FLAG, offsetof(struct restore_opts, run_init), NULL,
	  "run the pod's init containers again" },
	{ "allow-privileges", 0, CRYO_OPT_FLAG, offsetof(struct restore_opts, allow_privileges),
	  NULL, "let its processes have more than the new pod's spec gives" },
	{ "key-secret", 0, CRYO_OPT_STR, offsetof(struct restore_opts, secret), "NAME",
	  "Secret (kubernetes.io/tls) whose key opens an encrypted archive" },
	{ "key", 0, CRYO_OPT_STR, offsetof(struct restore_opts, key), "FILE",
	  "or the key itself, PEM" },
	{ "cert", 0, CRYO_OPT_STR, offsetof(struct restore_opts, cert), "FILE",
	  "and its certificate (finds the right recipient at once)" },
	CRYO_CLI_CRIU_OPTIONS(struct restore_opts, criu),
	{ "timeout", 0, CRYO_OPT_DURATION, offsetof(struct restore_opts, timeout_ms), "DURATION",
	  "until it runs (default: 1m)" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct restore_opts, output), "FORMAT",
	  "table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static void print_restore_result(const struct cryo_restore *r, enum cryo_output output)
{
	cryo_auto(cryo_free) char *took = cryo_duration_show(r->ms);
	cryo_auto(cryo_free) char *containers = cryo_strv_join(&r->containers, ", ");
	cryo_auto(cryo_free) char *images = cryo_strv_join(&r->images, ", ");
	cryo_auto(cryo_json_decref) json_t *j = json_pack(
	    "{ss ss ss ss ss sI}", "namespace", r->ns, "pod", r->pod, "container", containers,
	    "node", r->node, "image", images, "milliseconds", (json_int_t)r->ms);

	if (output == CRYO_OUTPUT_TABLE)
		printf("pod        %s/%s\ncontainer  %s\nnode       %s\nimage      %s\ntook       "
		       "%s\n",
		       r->ns, r->pod, containers, r->node, images, took);
	else
		cryo_cli_print(j, output);
}

static int restore_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			   struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_restore_release) struct cryo_restore r = { 0 };
	const struct restore_opts *o = opts;
	struct cryo_restore_opts request = { .archive = args[0],
					     .pod = o->pod,
					     .ns = o->ns,
					     .node = o->node,
					     .manifest = o->manifest,
					     .restart_policy = o->policy,
					     .run_init = o->run_init,
					     .allow_privileges = o->allow_privileges,
					     .timeout_ms = o->timeout_ms,
					     .key_secret = o->secret,
					     .key_file = o->key,
					     .cert_file = o->cert,
					     .criu = o->criu };
	enum cryo_output output;
	int rc = cryo_cli_output(o->output, &output, err);

	if (rc == 0 && !o->pod)
		rc = cryo_err_set(err, CRYO_E_USAGE, "the new pod needs a name: --pod NAME");
	if (rc == 0)
		rc = cryo_cli_target(cli, &t, err);
	if (rc == 0)
		rc = cryo_restore_run(t, &request, &r, err);
	if (rc == 0)
		print_restore_result(&r, output);
	if (rc == 0 && r.ended.ended)
		*exit_code = CRYO_ENDED_EXIT;
	return rc;
}

const struct cryo_cmd cryo_cmd_restore = {
	.name = "restore",
	.usage = "ARCHIVE|DIR",
	.summary = "create a pod that goes on where the checkpoint was taken",
	.opts = opts_table,
	.size = sizeof(struct restore_opts),
	.min_args = 1,
	.max_args = 1,
	.run = restore_cmd_run,
};
