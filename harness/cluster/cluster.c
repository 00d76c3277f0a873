/* SPDX-License-Identifier: Apache-2.0 */
/* What all clusters have, and which there are. */
#include "cluster/cluster.h"

#include "cluster/kind.h"
#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool cryo_cluster_good_name(const char *name)
{
	return cryo_is_label(name, CRYO_CLUSTER_NAME_MAX);
}

struct cryo_cluster *cryo_cluster_new(const struct cryo_cluster_ops *ops, const char *name)
{
	struct cryo_cluster *t = cryo_alloc(ops->size);

	t->ops = ops;
	t->name = cryo_strdup(name);
	return t;
}

void cryo_cluster_take_nodes(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			     size_t nodes)
{
	struct cryo_cluster_node *copy = nodes ? cryo_alloc(nodes * sizeof(*copy)) : NULL;

	for (size_t i = 0; i < nodes; i++)
		cryo_node_copy(&copy[i], &node[i]);
	for (size_t i = 0; i < t->nodes; i++)
		cryo_node_release(&t->node[i]);
	free(t->node);
	t->node = copy;
	t->nodes = nodes;
}

void cryo_cluster_free(struct cryo_cluster *t)
{
	if (!t)
		return;
	if (t->ops->release)
		t->ops->release(t);
	cryo_cluster_take_nodes(t, NULL, 0);
	free(t->name);
	free(t->dir);
	free(t->kubeconfig);
	free(t);
}

int cryo_cluster_list(struct cryo_strv *names, struct cryo_err *err)
{
	DIR *dir = opendir(cryo_dir_state());
	struct dirent *e;

	if (!dir)
		return errno == ENOENT
			   ? 0
			   : cryo_err_sys(err, errno, "cannot read '%s'", cryo_dir_state());
	while ((e = readdir(dir)))
		if (cryo_cluster_good_name(e->d_name))
			cryo_strv_add(names, e->d_name);
	closedir(dir);
	return 0;
}
