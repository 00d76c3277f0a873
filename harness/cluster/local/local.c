/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/local/local.h"

#include "sys/fs.h"
#include "sys/hash.h"

#include <stdlib.h>
#include <string.h>

static void free_local_cluster(struct cryo_cluster *t)
{
	struct local *l = (struct local *)t;

	free(t->name);
	free(t->dir);
	free(t->kubeconfig);
	free(l->lock);
	free(l->cgroup);
	free(l->node.name);
	free(l->node.dir);
	free(l->node.state);
	free(l->node.cgroup);
	free(l);
}

/* Clusters of other state directories may have the same name, and `down` ends all that is in it. */
static char *name_cluster_group(const char *name)
{
	cryo_auto(cryo_free) char *dir = cryo_fs_resolve(cryo_dir_state());
	char hex[CRYO_HASH_HEX];

	cryo_hash_bytes(dir, strlen(dir), hex);
	return cryo_asprintf("/cryopod/%s.%.8s", name, hex);
}

static int open_local_cluster(const char *name, struct cryo_cluster **out, struct cryo_err *err)
{
	struct local *l = cryo_alloc(sizeof(*l));

	(void)err;
	l->base.ops = &cryo_cluster_local;
	l->base.name = cryo_strdup(name);
	l->base.dir = cryo_asprintf("%s/%s", cryo_dir_state(), name);
	l->base.kubeconfig = cryo_asprintf("%s/kubeconfig", l->base.dir);
	l->lock = cryo_asprintf("%s/%s.lock", cryo_dir_run(), name);
	l->cgroup = name_cluster_group(name);
	l->node.name = cryo_strdup("node1");
	l->node.dir = cryo_asprintf("%s/nodes/%s", l->base.dir, l->node.name);
	l->node.state = cryo_asprintf("%s/state", l->node.dir);
	l->node.cgroup = cryo_asprintf("%s/%s", l->cgroup, l->node.name);
	l->node.ip = "10.123.0.2";
	l->node.gateway = "10.123.0.1";
	l->node.pod_net = "10.244.0.0/24";
	*out = &l->base;
	return 0;
}

const struct cryo_cluster_ops cryo_cluster_local = {
	.kind = "local",
	.open = open_local_cluster,
	.prepared = local_prepared,
	.up = local_up,
	.down = local_down,
	.status = local_status,
	.kube = local_kube,
	.kubelet = local_kubelet,
	.exec = local_exec,
	.get = local_get,
	.put = local_put,
	.load_image = local_load_image,
	.memory = local_memory,
	.free = free_local_cluster,
};
