/* SPDX-License-Identifier: Apache-2.0 */
/* Templates and snapshots, of whichever kinds have them. */
#include "cluster/kind.h"
#include "cluster/snapshot.h"
#include "cluster/template.h"

/* Adds the list of one kind, if it could be had, to those of the others. */
static int append_kind_list(json_t **all, int rc, json_t *one)
{
	if (!*all)
		*all = json_array();
	if (one)
		json_array_extend(*all, one);
	json_decref(one);
	return rc;
}

int cryo_template_list(json_t **out, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && cryo_cluster_kinds[i]; i++) {
		const struct cryo_template_ops *ops = cryo_cluster_kinds[i]->templates;
		json_t *one = NULL;

		if (ops)
			rc = append_kind_list(out, ops->list(&one, err), one);
	}
	return rc;
}

int cryo_template_make(const char *kind, const char *stack, struct cryo_err *err)
{
	const struct cryo_cluster_ops *ops;
	int rc = cryo_cluster_find_kind(kind, &ops, err);

	if (rc < 0)
		return rc;
	if (!ops->templates)
		return cryo_cluster_lacks(ops, "templates", err);
	return ops->templates->make(stack, err);
}

int cryo_template_remove(const char *key, size_t *n, struct cryo_err *err)
{
	int rc = 0;

	*n = 0;
	for (size_t i = 0; rc == 0 && cryo_cluster_kinds[i]; i++) {
		const struct cryo_template_ops *ops = cryo_cluster_kinds[i]->templates;
		size_t some = 0;

		if (ops)
			rc = ops->remove(key, &some, err);
		*n += some;
	}
	return rc;
}

void cryo_template_clean(void)
{
	for (size_t i = 0; cryo_cluster_kinds[i]; i++)
		if (cryo_cluster_kinds[i]->templates)
			cryo_cluster_kinds[i]->templates->clean();
}

int cryo_snapshot_save(struct cryo_cluster *t, const char *name,
		       const struct cryo_snapshot_opts *opts, struct cryo_err *err)
{
	if (!t->ops->snapshots)
		return cryo_cluster_lacks(t->ops, "snapshots", err);
	return t->ops->snapshots->save(t, name, opts, err);
}

int cryo_snapshot_list(json_t **out, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && cryo_cluster_kinds[i]; i++) {
		const struct cryo_snapshot_ops *ops = cryo_cluster_kinds[i]->snapshots;
		json_t *one = NULL;

		if (ops)
			rc = append_kind_list(out, ops->list(&one, err), one);
	}
	return rc;
}

/* One that nobody has is refused by the last of them. */
int cryo_snapshot_remove(const char *name, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; cryo_cluster_kinds[i]; i++) {
		const struct cryo_snapshot_ops *ops = cryo_cluster_kinds[i]->snapshots;

		if (!ops)
			continue;
		rc = ops->remove(name, err);
		if (rc != -(int)CRYO_E_USAGE)
			return rc;
	}
	return rc;
}
