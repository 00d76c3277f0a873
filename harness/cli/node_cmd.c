/* SPDX-License-Identifier: Apache-2.0 */
/* `cryopod node`: our programs in an RKE2 node. */
#include "cli/node_cmd.h"
#include "cli/verb.h"

#define AT(member) offsetof(struct node_opts, member)

static const struct cryo_opt node_opts_table[] = {
	{ "method", 0, CRYO_OPT_STR, AT(method), "METHOD",
	  "plan, install: runtime-image (default) or swap" },
	{ "bundle", 0, CRYO_OPT_STR, AT(bundle), "FILE",
	  "plan, install: bundle made by `cryopod bundle create`" },
	{ "trust", 0, CRYO_OPT_STR, AT(trust), "FILE",
	  "plan, install: require the bundle to be signed by one of these certificates" },
	{ "stack", 0, CRYO_OPT_STR, AT(stack), "STACK",
	  "plan, install: a stack built on this machine (default: upstream)" },
	{ "apiserver-image", 0, CRYO_OPT_STR, AT(image), "IMAGE",
	  "plan, install: image of the API server to use instead of ours" },
	{ "force", 0, CRYO_OPT_FLAG, AT(force), NULL,
	  "install, rollback: override warnings; changes made since are lost" },
	{ "keep", 0, CRYO_OPT_FLAG, AT(keep), NULL,
	  "install: do not roll back a node that does not become Ready" },
	{ "restart-pods", 0, CRYO_OPT_FLAG, AT(restart_pods), NULL,
	  "install: delete this node's pods, so that they restart with our shim" },
	{ "limit", 0, CRYO_OPT_DURATION, AT(limit_ms), "DURATION",
	  "install, rollback: time for the node to become Ready (default: 10m)" },
	{ "host", 0, CRYO_OPT_LIST, AT(hosts), "[USER@]HOST[,…]",
	  "work there through ssh: servers first, then agents, one at a time" },
	{ "drain", 0, CRYO_OPT_FLAG, AT(drain), NULL,
	  "with --host: drain each node before, uncordon it after" },
	{ "sudo", 0, CRYO_OPT_FLAG, AT(sudo), NULL, "with --host: use sudo there" },
	{ "plain", 0, CRYO_OPT_FLAG, AT(plain), NULL,
	  "manifest: a DaemonSet instead of a Plan for the system-upgrade-controller" },
	{ "all", 0, CRYO_OPT_FLAG, AT(all), NULL,
	  "status: all nodes of the cluster, from their annotations" },
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
		return cryo_err_set(err, CRYO_E_USAGE, "node %s does not take --host", args[0]);
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
	.summary = "install our programs into RKE2 nodes, check them, roll back",
	.opts = node_opts_table,
	.size = sizeof(struct node_opts),
	.min_args = 1,
	.max_args = 1,
	.run = node_cmd_run,
};
