/* SPDX-License-Identifier: Apache-2.0 */
/* Templates, snapshots and forwarders, of whichever kinds have them. */
#include "cluster/forward.h"
#include "cluster/kind.h"
#include "cluster/snapshot.h"
#include "cluster/template.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/intr.h"

#define MAKER "cryopod-template" /* cluster that `template make` makes for itself */

/* Adds the list of one kind to those of the others. */
static int append_kind_list(int (*list)(json_t **out, struct cryo_err *err), json_t **all,
			    struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *one = NULL;
	int rc = list(&one, err);

	if (!*all)
		*all = json_array();
	if (rc == 0)
		json_array_extend(*all, one);
	return rc;
}

int cryo_template_list(json_t **out, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && cryo_cluster_kinds[i]; i++) {
		const struct cryo_template_ops *ops = cryo_cluster_kinds[i]->templates;

		if (ops)
			rc = append_kind_list(ops->list, out, err);
	}
	return rc;
}

/* Up with a new template, and down again whatever comes of it. */
static int make_by_cluster(struct cryo_cluster *t, const char *stack, struct cryo_err *err)
{
	const struct cryo_up_opts opts = { .stack = stack, .template.remake = true };
	struct cryo_err later = CRYO_ERR_INIT;
	/* One of before whose `up` was killed. */
	int rc = cryo_fs_exists(t->dir) ? cryo_cluster_down(t, err) : 0, down;

	if (rc == 0)
		rc = cryo_cluster_up(t, &opts, err);
	cryo_intr_hold();
	down = cryo_cluster_down(t, rc == 0 ? err : &later);
	cryo_intr_release();
	return rc < 0 ? rc : down;
}

int cryo_template_make(const char *kind, const char *stack, struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	const struct cryo_cluster_ops *ops;
	int rc = cryo_cluster_find_kind(kind, &ops, err);

	if (rc == 0 && !ops->templates)
		return cryo_cluster_lacks(ops, "templates", err);
	if (rc == 0)
		rc = cryo_cluster_open(kind, MAKER, &t, err);
	return rc < 0 ? rc : make_by_cluster(t, stack, err);
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

		if (ops)
			rc = append_kind_list(ops->list, out, err);
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

int cryo_forward_main(unsigned port)
{
	for (size_t i = 0; cryo_cluster_kinds[i]; i++)
		if (cryo_cluster_kinds[i]->forward)
			return cryo_cluster_kinds[i]->forward(port);
	return 1;
}
