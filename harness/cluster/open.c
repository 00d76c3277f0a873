/* SPDX-License-Identifier: Apache-2.0 */
/* From a name to a cluster of the right kind. */
#include "cluster/kind.h"
#include "sys/fs.h"
#include "sys/places.h"

#include <string.h>

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
				    CRYO_CLUSTER_NAME_MAX);
	rc = find_recorded_kind(kind, name, &r, &ops, err);
	if (rc < 0)
		return rc;
	t = cryo_cluster_new(ops, name);
	t->dir = cryo_state_path("%s", name);
	rc = ops->open(rc == 0 ? &r : NULL, t, err);
	if (rc < 0)
		cryo_cluster_free(t);
	else
		*out = t;
	return rc;
}
