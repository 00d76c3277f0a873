/* SPDX-License-Identifier: Apache-2.0 */
/* Which clusters there are, and of which kind each is. */
#include "cluster/cluster.h"

#include "cluster/kind.h"
#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_NAME CRYO_CLUSTER_NAME_MAX

/* A name becomes a path, a cgroup and a kubeconfig context: a DNS label is safe in all three. */
bool cryo_cluster_good_name(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > MAX_NAME || name[0] == '-' || name[n - 1] == '-')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
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

/* 0, or 1: no record can be read. */
static int find_recorded_kind(const char *wish, const char *name, struct cryo_record *r,
			      const struct cryo_cluster_ops **ops, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_record_path(NULL, name);
	struct cryo_err why = CRYO_ERR_INIT;
	int none = cryo_record_load(path, r, &why), rc;

	if (none < 0 && !wish) {
		*err = why;
		return cryo_err_wrap(err, none,
				     "record of cluster '%s' (cryopod down --target KIND --name "
				     "%s removes it)",
				     name, name);
	}
	rc = cryo_cluster_find_kind(r->kind ? r->kind : wish, ops, err);
	if (rc < 0)
		return rc;
	if (wish && strcmp(wish, (*ops)->kind) != 0)
		return cryo_err_set(err, CRYO_E_USAGE, "cluster '%s' is of kind '%s', not '%s'",
				    name, (*ops)->kind, wish);
	return none != 0;
}

int cryo_cluster_open(const char *kind, const char *name, struct cryo_cluster **out,
		      struct cryo_err *err)
{
	cryo_auto(cryo_record_release) struct cryo_record r = { 0 };
	const struct cryo_cluster_ops *ops;
	struct cryo_cluster *t;
	int rc;

	if (!cryo_cluster_good_name(name))
		return cryo_err_set(err, CRYO_E_USAGE,
				    "bad cluster name '%s' (a-z, 0-9 and '-', at most %d)", name,
				    MAX_NAME);
	rc = find_recorded_kind(kind, name, &r, &ops, err);
	if (rc < 0)
		return rc;
	t = cryo_cluster_new(ops, name);
	t->dir = cryo_asprintf("%s/%s", cryo_dir_state(), name);
	rc = ops->open(rc == 0 ? &r : NULL, t, err);
	if (rc < 0)
		cryo_cluster_free(t);
	else
		*out = t;
	return rc;
}

int cryo_cluster_not_running(const struct cryo_cluster *t, struct cryo_err *err)
{
	if (geteuid() != 0)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "you have no cluster '%s': clusters are root's (sudo cryopod)",
				    t->name);
	return cryo_err_set(err, CRYO_E_CHECK,
			    "cluster '%s' does not run (start it: cryopod up --name %s)", t->name,
			    t->name);
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

const char *cryo_cluster_kind(const struct cryo_cluster *t)
{
	return t->ops->kind;
}

int cryo_cluster_tmpdir(const struct cryo_cluster *t, const char *prefix, char **path,
			struct cryo_err *err)
{
	return cryo_fs_tmpdir(t->dir ? t->dir : "/tmp", prefix, path, err);
}
