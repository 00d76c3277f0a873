/* SPDX-License-Identifier: Apache-2.0 */
/* How a cluster becomes an attached one: asked for its nodes, then recorded. */
#include "cluster/attach.h"

#include "base/clock.h"
#include "base/event.h"
#include "cluster/attached/attached.h"
#include "cluster/kind.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_control_plane(const json_t *node)
{
	const json_t *labels = cryo_json_at(node, "metadata.labels");

	return json_object_get(labels, "node-role.kubernetes.io/control-plane") ||
	       json_object_get(labels, "node-role.kubernetes.io/master");
}

/* The control plane first, as everywhere. */
static void take_listed_nodes(struct cryo_cluster *t, const json_t *list)
{
	struct cryo_cluster_node *node = cryo_alloc((json_array_size(list) + 1) * sizeof(*node));
	size_t n = 0, i;
	json_t *one;

	for (int worker = 0; worker < 2; worker++)
		json_array_foreach(list, i, one) {
			if (is_control_plane(one) == (worker == 1))
				continue;
			node[n].name = (char *)cryo_json_str(one, "metadata.name");
			node[n].role = worker ? CRYO_NODE_WORKER : CRYO_NODE_CONTROL_PLANE;
			n += node[n].name != NULL;
		}
	cryo_cluster_take_nodes(t, node, n);
	free(node);
}

static int ask_for_nodes(struct cryo_cluster *t, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	cryo_auto(cryo_json_decref) json_t *list = NULL;
	int rc = attached_kube(t, &k, err);

	if (rc == 0)
		rc = cryo_kube_list(k, "nodes", NULL, NULL, &list, err);
	if (rc == 0)
		take_listed_nodes(t, list);
	return rc;
}

static int record_attached_cluster(struct cryo_cluster *t, struct cryo_err *err)
{
	const struct attached *a = (const struct attached *)t;
	cryo_auto(cryo_free) char *path = cryo_record_path(NULL, t->name);
	cryo_auto(cryo_json_decref) json_t *config =
	    json_pack("{ss ss*}", "kubeconfig", t->kubeconfig, "context", a->context);
	const struct cryo_record r = { .kind = (char *)cryo_cluster_attached.kind,
				       .created_ns = cryo_wall_ns(),
				       .node = t->node,
				       .nodes = t->nodes,
				       .config = config };
	int rc = cryo_fs_mkdirs(t->dir, 0700, err);

	return rc < 0 ? rc : cryo_record_save(path, &r, err);
}

/* What the name stands for: nothing yet, or an attached cluster. */
static int open_for_attach(const char *name, struct cryo_cluster **out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *record = cryo_record_path(NULL, name);
	int rc = cryo_cluster_open(NULL, name, out, err);

	if (rc < 0 || (*out)->ops == &cryo_cluster_attached)
		return rc;
	if (cryo_fs_exists((*out)->dir))
		return cryo_err_set(err, CRYO_E_USAGE,
				    "cluster '%s' already exists, of kind '%s': choose another "
				    "name, or take it down first (cryopod down --name %s)",
				    name, cryo_cluster_kind(*out), name);
	cryo_cluster_free(*out);
	*out = NULL;
	return cryo_cluster_open(cryo_cluster_attached.kind, name, out, err);
}

/* The context is pinned: another one may be the current one later. */
static int point_attached_cluster(struct attached *a, const struct cryo_kubectl *k,
				  struct cryo_err *err)
{
	free(a->base.kubeconfig);
	free(cryo_steal(&a->context));
	a->base.kubeconfig = cryo_fs_resolve(k->kubeconfig);
	a->k = (struct cryo_kubectl){ .program = k->program, .kubeconfig = a->base.kubeconfig };
	if (access(a->base.kubeconfig, R_OK) < 0)
		return cryo_err_as(
		    err, cryo_err_sys(err, errno, "kubeconfig: cannot open '%s'", k->kubeconfig),
		    CRYO_E_USAGE);
	if (k->context)
		a->context = cryo_strdup(k->context);
	else if (cryo_kubectl_context(&a->k, &a->context, err) < 0)
		return -(int)err->status;
	a->k.context = a->context;
	return 0;
}

int cryo_cluster_attach(const char *name, const struct cryo_kubectl *k, struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_free) char *path = cryo_record_lock(name);
	cryo_auto(cryo_fd_close) int lock = -1;
	int rc = open_for_attach(name, &t, err);

	if (rc == 0)
		rc = cryo_lock_take(path, CRYO_LOCK_CLUSTER_MS, &lock, err);
	if (rc < 0)
		return rc;
	cryo_step_begin("attach %s", name);
	rc = point_attached_cluster((struct attached *)t, k, err);
	if (rc == 0)
		rc = ask_for_nodes(t, err);
	if (rc == 0)
		rc = record_attached_cluster(t, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("%zu node%s", t->nodes, t->nodes == 1 ? "" : "s");
	cryo_lock_remove(path, &lock);
	rmdir(cryo_dir_run());
	return cryo_err_wrap(err, rc, "cluster '%s' is not attached", name);
}

void cryo_cluster_attach_once(const struct cryo_kubectl *k, struct cryo_cluster **out)
{
	struct cryo_cluster *t = cryo_cluster_new(&cryo_cluster_attached, "kubectl");

	((struct attached *)t)->k = *k;
	*out = t;
}
