/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/restore_place.h"

#include "conf/json.h"

/* 1: the container runtime there has the image of the container; 0: it has not. */
static int has_base_image(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			  struct cryo_restore_place *s, struct cryo_err *err)
{
	enum cryo_base_image found;
	int rc = cryo_node_images_find_base(t, node, s->archive, &found, &s->table, err);

	if (rc < 0)
		return rc;
	s->best = found > s->best ? found : s->best;
	return found == CRYO_BASE_THERE;
}

/* Without its base image the runtime tries to pull it, and waits long for nothing. `where`: "is
 * not on node 'x'". */
static int report_no_base_image(const struct cryo_restore_place *s, const char *where,
				struct cryo_err *err)
{
	const struct cryo_archive *a = s->archive;

	if (s->best == CRYO_BASE_OTHER)
		return cryo_err_set(err, CRYO_E_CHECK,
				    "the '%s' that was checkpointed (%.100s) %s: there it is "
				    "another image",
				    a->image_name, a->image_ref, where);
	return cryo_err_set(err, CRYO_E_CHECK,
			    "its base image '%s' %s (load it: cryopod image --load FILE)",
			    a->image_name, where);
}

static int use_named_node(struct cryo_cluster *t, const char *name, struct cryo_restore_place *s,
			  const struct cryo_cluster_node **out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *where = cryo_asprintf("is not on node '%s'", name);
	int rc = cryo_cluster_find_node(t, name, out, err);

	if (rc == 0)
		rc = has_base_image(t, *out, s, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return report_no_base_image(s, where, err);
}

/* Workers first: pods seldom belong on a control plane. */
static int search_fitting_node(struct cryo_cluster *t, struct cryo_restore_place *s,
			       const struct cryo_cluster_node **out, struct cryo_err *err)
{
	static const enum cryo_node_role order[] = { CRYO_NODE_WORKER, CRYO_NODE_CONTROL_PLANE };
	int rc = cryo_cluster_find_node(t, NULL, out, err);

	for (size_t r = 0; rc == 0 && r < CRYO_ARRAY_LEN(order); r++)
		for (size_t i = 0; rc == 0 && i < t->nodes; i++) {
			*out = &t->node[i];
			if ((*out)->role == order[r])
				rc = has_base_image(t, *out, s, err);
		}
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return report_no_base_image(s, "is on no node", err);
}

int cryo_restore_place_choose(struct cryo_cluster *t, const struct cryo_restore_opts *opts,
			      const struct cryo_pod_form *form, struct cryo_restore_place *s,
			      const struct cryo_cluster_node **out, struct cryo_err *err)
{
	const char *name = opts->node ? opts->node : cryo_json_str(form->pod, "spec.nodeName");
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (name)
		return use_named_node(t, name, s, out, err);
	if (form->node && cryo_cluster_find_node(t, form->node, out, &ignored) == 0 &&
	    has_base_image(t, *out, s, &ignored) == 1)
		return 0;
	return search_fitting_node(t, s, out, err);
}

int cryo_restore_place_check(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			     const struct cryo_archive *a, struct cryo_err *err)
{
	struct cryo_restore_place s = { .archive = a };
	int rc = use_named_node(t, node->name, &s, &node, err);

	cryo_str_release(&s.table);
	return rc;
}
