/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/cluster.h"

#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_NAME CRYO_CLUSTER_NAME_MAX

static const struct cryo_cluster_ops *const kinds[] = { &cryo_cluster_local };

/* A name becomes a path, a cgroup and a kubeconfig context: a DNS label is safe in all three. */
bool cryo_cluster_good_name(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > MAX_NAME || name[0] == '-' || name[n - 1] == '-')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

int cryo_cluster_open(const char *kind, const char *name, struct cryo_cluster **out,
		      struct cryo_err *err)
{
	if (!cryo_cluster_good_name(name))
		return cryo_err_set(err, CRYO_E_USAGE,
				    "'%s' is no cluster name (a-z, 0-9 and '-', at most %d)", name,
				    MAX_NAME);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(kinds); i++)
		if (!kind || strcmp(kind, kinds[i]->kind) == 0)
			return kinds[i]->open(name, out, err);
	return cryo_err_set(err, CRYO_E_USAGE, "no target '%s' (there is: local)", kind);
}

void cryo_cluster_free(struct cryo_cluster *t)
{
	if (t)
		t->ops->free(t);
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
