/* SPDX-License-Identifier: Apache-2.0 */
/* `cryopod node`: our programs in an RKE2 node. */
#include "cli/node_cmd.h"
#include "cli/verb.h"

#define AT(member) offsetof(struct node_opts, member)

static const struct cryo_opt node_opts_table[] = {
	{ "method", 0, CRYO_OPT_STR, AT(method), "METHOD",
	  "plan, install: runtime-image (default) or swap" },
	{ "bundle", 0, CRYO_OPT_STR, AT(bundle), "FILE",
	  "plan, install: what `cryopod bundle create` made" },
	{ "trust", 0, CRYO_OPT_STR, AT(trust), "FILE",
	  "plan, install: the bundle has to be signed with one of these certificates" },
	{ "stack", 0, CRYO_OPT_STR, AT(stack), "STACK",
	  "plan, install: a stack that is built here (default: upstream)" },
	{ "apiserver-image", 0, CRYO_OPT_STR, AT(image), "IMAGE",
	  "plan, install: an image of the API server from elsewhere instead of ours" },
	{ "force", 0, CRYO_OPT_FLAG, AT(force), NULL,
	  "install, rollback: overrule what can be; changes of others are lost" },
	{ "keep", 0, CRYO_OPT_FLAG, AT(keep), NULL,
	  "install: leave a node that does not come back as it is" },
	{ "restart-pods", 0, CRYO_OPT_FLAG, AT(restart_pods), NULL,
	  "install: delete the pods of this node, so that they start with our shim" },
	{ "limit", 0, CRYO_OPT_DURATION, AT(limit_ms), "DURATION",
	  "install, rollback: for the node to come back (default: 10m)" },
	{ "host", 0, CRYO_OPT_LIST, AT(hosts), "[USER@]HOST[,…]",
	  "do it there by ssh: servers first, then agents, one at a time" },
	{ "drain", 0, CRYO_OPT_FLAG, AT(drain), NULL,
	  "with --host: drain each node before, uncordon it after" },
	{ "sudo", 0, CRYO_OPT_FLAG, AT(sudo), NULL,
	  "with --host: by sudo, as the user is not root" },
	{ "plain", 0, CRYO_OPT_FLAG, AT(plain), NULL,
	  "manifest: a DaemonSet instead of a plan for the system-upgrade-controller" },
	{ "all", 0, CRYO_OPT_FLAG, AT(all), NULL,
	  "status: of all nodes of the cluster, as their annotations tell" },
	{ "output", 'o', CRYO_OPT_STR, AT(output), "FORMAT", "plan, status: table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static const struct node_verb {
	struct cryo_verb v;
	int (*run)(const struct node_opts *o, int *exit_code, struct cryo_err *err);
	bool remote;
} node_verbs[] = {
	{ { "plan", false, false }, node_cmd_plan, true },
	{ { "install", false, false }, node_cmd_install, true },
	{ { "status", false, false }, node_cmd_status, true },
	{ { "verify", false, false }, node_cmd_verify, true },
	{ { "rollback", false, false }, node_cmd_rollback, true },
	{ { "manifest", false, false }, node_cmd_manifest, false },
	{ { "fleet", false, false }, node_cmd_fleet, false },
};

static int node_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			struct cryo_err *err)
{
	const struct node_opts *o = opts;
	int i = cryo_cli_verb("node", &node_verbs[0].v, CRYO_ARRAY_LEN(node_verbs),
			      sizeof(node_verbs[0]), args, err);
	int rc = 0;

	(void)cli;
	if (i < 0)
		return i;
	if (o->trust && !o->bundle)
		return cryo_err_set(err, CRYO_E_USAGE, "--trust is for --bundle");
	if (o->hosts.n && !node_verbs[i].remote)
		return cryo_err_set(err, CRYO_E_USAGE, "node %s: --host is not for it", args[0]);
	if (o->trust)
		rc = cli_bundle_trust(o->bundle, o->trust, err);
	if (rc < 0)
		return rc;
	if (o->hosts.n)
		return node_cmd_remote(o, args[0], exit_code, err);
	return node_verbs[i].run(o, exit_code, err);
}

const struct cryo_cmd cryo_cmd_node = {
	.name = "node",
	.usage = "plan|install|status|verify|rollback|manifest",
	.summary = "our programs in an RKE2 node: install, look, go back",
	.opts = node_opts_table,
	.size = sizeof(struct node_opts),
	.min_args = 1,
	.max_args = 1,
	.run = node_cmd_run,
};
