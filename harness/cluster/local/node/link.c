/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between nodes: each but the first has a pair whose far end is in the first one, by
 * its own name. Packets of two others go through the first.
 */
#include "cluster/local/local.h"

#include "base/clock.h"

#define EXEC_MS 10000

static int run_with_input(const struct local *l, const char *const *argv, const char *input,
			  struct cryo_err *err)
{
	struct cryo_cluster *t = (struct cryo_cluster *)&l->base;
	const struct cryo_exec x = { .argv = argv,
				     .input = input,
				     .timeout_ms = cryo_limit_ms(EXEC_MS) };

	return local_exec(t, &t->node[0], &x, NULL, err);
}

int local_link_nodes(const struct local *l, struct cryo_err *err)
{
	static const char *const forward[] = { "tee", "/proc/sys/net/ipv4/ip_forward", NULL };
	static const char *const ip[] = { "ip", "-batch", "-", NULL };
	cryo_auto(cryo_str_release) struct cryo_str batch = { 0 };
	int rc;

	/* The end here has no address of its own: the one that the node has is told. */
	for (size_t i = 1; i < l->base.nodes; i++) {
		const struct local_node *n = &l->node[i];

		cryo_str_addf(&batch,
			      "link set %s up\n"
			      "route replace %s dev %s src %s\n"
			      "route replace %s via %s dev %s src %s\n",
			      n->name, n->ip, n->name, l->node->ip, n->pod_net, n->ip, n->name,
			      l->node->ip);
	}
	rc = run_with_input(l, forward, "1", err);
	if (rc == 0)
		rc = run_with_input(l, ip, cryo_str_get(&batch), err);
	return cryo_err_wrap(err, rc, "network between the nodes");
}
