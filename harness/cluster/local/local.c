/* SPDX-License-Identifier: Apache-2.0 */
/* What a local cluster is made of, before anything is looked at. */
#include "cluster/local/local.h"

#include "sys/fs.h"
#include "sys/hash.h"

#include <stdlib.h>
#include <string.h>

void local_release(struct cryo_cluster *t)
{
	struct local *l = (struct local *)t;

	free(l->lock);
	free(l->cgroup);
	for (size_t i = 0; i < t->nodes; i++) {
		free(l->node[i].name);
		free(l->node[i].dir);
		free(l->node[i].state);
		free(l->node[i].cgroup);
		free(l->node[i].ip);
		free(l->node[i].pod_net);
	}
	free(l->node);
}

/* Clusters of other state directories may have the same name, and `down` ends all that is in it. */
static char *name_cluster_group(const char *name)
{
	cryo_auto(cryo_free) char *dir = cryo_fs_resolve(cryo_dir_state());
	char hex[CRYO_HASH_HEX];

	cryo_hash_bytes(dir, strlen(dir), hex);
	return cryo_asprintf("/cryopod/%s.%.8s", name, hex);
}

static void describe_local_node(const struct local *l, size_t i, struct local_node *n)
{
	n->name = cryo_strdup(l->base.node[i].name);
	n->dir = cryo_asprintf("%s/nodes/%s", l->base.dir, n->name);
	n->state = cryo_asprintf("%s/state", n->dir);
	n->cgroup = cryo_asprintf("%s/%s", l->cgroup, n->name);
	n->control = i == 0;
	n->ip = cryo_asprintf("10.123.0.%zu", i + 2);
	/* Of the first one both ends of the pair are its own; to the others it is the way. */
	n->gateway = n->control ? "10.123.0.1" : "10.123.0.2";
	n->pod_net = cryo_asprintf("10.244.%zu.0/24", i);
}

static struct cryo_cluster_node name_node(size_t i)
{
	struct cryo_cluster_node n = { .name = cryo_asprintf("node%zu", i + 1),
				       .role = i ? CRYO_NODE_WORKER : CRYO_NODE_CONTROL_PLANE };

	n.path.transfer = cryo_strdup(LOCAL_STATE "/transfer");
	cryo_node_paths_default(&n.path);
	return n;
}

void local_set_nodes(struct local *l, size_t n)
{
	struct cryo_cluster_node list[LOCAL_MAX_NODES] = { { 0 } };
	size_t have = l->base.nodes, names = have;

	for (size_t i = 0; i < n; i++)
		if (i < have)
			cryo_node_copy(&list[i], &l->base.node[i]);
		else
			list[i] = name_node(names++);
	cryo_cluster_take_nodes(&l->base, list, n);
	l->node = cryo_realloc(l->node, n, sizeof(*l->node));
	for (size_t i = 0; i < n; i++) {
		if (i >= have)
			describe_local_node(l, i, memset(&l->node[i], 0, sizeof(l->node[i])));
		cryo_node_release(&list[i]);
	}
}

int local_open(const struct cryo_record *r, struct cryo_cluster *t, struct cryo_err *err)
{
	struct local *l = (struct local *)t;

	t->kubeconfig = cryo_record_kubeconfig(t->name);
	l->lock = cryo_record_lock(t->name);
	l->cgroup = name_cluster_group(t->name);
	if (r && r->nodes > LOCAL_MAX_NODES)
		return cryo_err_set(err, CRYO_E_CONFIG, "it has more than %d nodes",
				    LOCAL_MAX_NODES);
	if (r && r->nodes)
		cryo_cluster_take_nodes(t, r->node, r->nodes);
	if (t->nodes == 0) {
		local_set_nodes(l, 1);
		return 0;
	}
	l->node = cryo_alloc(t->nodes * sizeof(*l->node));
	for (size_t i = 0; i < t->nodes; i++)
		describe_local_node(l, i, &l->node[i]);
	return 0;
}

const struct local_node *local_find_node(const struct local *l, const struct cryo_cluster_node *n)
{
	return &l->node[n - l->base.node];
}

int local_node_file(const struct local_node *n, const char *path, mode_t mode,
		    const struct cryo_str *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *full = cryo_asprintf("%s/upper%s", n->dir, path);
	int rc = cryo_fs_mkparents(full, 0755, err);

	return rc < 0 ? rc : cryo_fs_write(full, cryo_str_get(s), s->len, mode, err);
}
