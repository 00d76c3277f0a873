/* SPDX-License-Identifier: Apache-2.0 */
/* Each call to a kind of cluster: what it cannot do is refused here, in one way. */
#include "cluster/kind.h"

#include "sys/fs.h"

#include <string.h>
#include <unistd.h>

#define NODE_ACCESS "access to its nodes"

const char *cryo_cluster_kind(const struct cryo_cluster *t)
{
	return t->ops->kind;
}

int cryo_cluster_tmpdir(const struct cryo_cluster *t, const char *prefix, char **path,
			struct cryo_err *err)
{
	return cryo_fs_tmpdir(t->dir ? t->dir : "/tmp", prefix, path, err);
}

int cryo_cluster_not_running(const struct cryo_cluster *t, struct cryo_err *err)
{
	if (geteuid() != 0)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "you have no cluster '%s': clusters are root's (sudo cryopod)",
				    t->name);
	return cryo_err_set(err, CRYO_E_CHECK,
			    "cluster '%s' is not running (start it: cryopod up --name %s)", t->name,
			    t->name);
}

int cryo_cluster_lacks(const struct cryo_cluster_ops *ops, const char *what, struct cryo_err *err)
{
	return cryo_err_set(err, CRYO_E_UNFIT, "a cluster of kind '%s' has no %s", ops->kind, what);
}

/* By name: the tables of all kinds would bring all of them along. */
static bool is_of_kind(const struct cryo_cluster_ops *ops, const char *kind)
{
	return strcmp(ops->kind, kind) == 0;
}

static int check_up_opts(const struct cryo_cluster_ops *ops, const struct cryo_up_opts *o,
			 struct cryo_err *err)
{
	if (!ops->up)
		return cryo_cluster_lacks(ops, "command 'up'", err);
	if ((o->template.cold || o->template.remake) && !ops->templates)
		return cryo_cluster_lacks(ops, "templates", err);
	if (o->from && !ops->snapshots)
		return cryo_cluster_lacks(ops, "snapshots", err);
	if (o->local.port && !is_of_kind(ops, "local") && !is_of_kind(ops, "kind"))
		return cryo_cluster_lacks(ops, "choice of a port", err);
	if (o->local.minimal && !is_of_kind(ops, "local"))
		return cryo_cluster_lacks(ops, "choice of what runs in a node", err);
	if (o->local.set && *o->local.set && !is_of_kind(ops, "local"))
		return cryo_cluster_lacks(ops, "choice of flags", err);
	if (o->kind.config && !is_of_kind(ops, "kind"))
		return cryo_cluster_lacks(ops, "configuration of kind", err);
	if (o->kind.adopt && !is_of_kind(ops, "kind"))
		return cryo_cluster_lacks(ops, "option --adopt", err);
	if (o->kind.engine && !is_of_kind(ops, "kind"))
		return cryo_cluster_lacks(ops, "container engine", err);
	return 0;
}

int cryo_cluster_up(struct cryo_cluster *t, const struct cryo_up_opts *opts, struct cryo_err *err)
{
	int rc = check_up_opts(t->ops, opts, err);

	return rc < 0 ? rc : t->ops->up(t, opts, err);
}

bool cryo_cluster_prepared(struct cryo_cluster *t, const struct cryo_up_opts *opts)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	return t->ops->prepared && check_up_opts(t->ops, opts, &ignored) == 0 &&
	       t->ops->prepared(t, opts);
}

char *cryo_cluster_proxy_socket(const struct cryo_cluster *t)
{
	return t->dir ? cryo_asprintf("%s/proxy.sock", t->dir) : NULL;
}

int cryo_cluster_down(struct cryo_cluster *t, struct cryo_err *err)
{
	return t->ops->down(t, err);
}

const char *cryo_cluster_state(struct cryo_cluster *t)
{
	return t->ops->state(t);
}

int64_t cryo_cluster_memory(struct cryo_cluster *t)
{
	return t->ops->memory ? t->ops->memory(t) : -1;
}

int cryo_cluster_kube(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err)
{
	return t->ops->kube(t, out, err);
}

bool cryo_cluster_has_kubelet(const struct cryo_cluster *t)
{
	return t->ops->kubelet != NULL;
}

int cryo_cluster_kubelet(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			 struct cryo_kube **out, struct cryo_err *err)
{
	if (!t->ops->kubelet)
		return cryo_cluster_lacks(t->ops, "way to its kubelets", err);
	return t->ops->kubelet(t, node, out, err);
}

bool cryo_cluster_reaches_nodes(const struct cryo_cluster *t)
{
	return t->ops->exec != NULL;
}

static char *list_node_names(const struct cryo_cluster *t)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };

	for (size_t i = 0; i < t->nodes; i++)
		cryo_strv_add(&names, t->node[i].name);
	return cryo_strv_join(&names, ", ");
}

int cryo_cluster_find_node(const struct cryo_cluster *t, const char *name,
			   const struct cryo_cluster_node **out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *list = NULL;

	if (!t->ops->exec)
		return cryo_cluster_lacks(t->ops, NODE_ACCESS, err);
	for (size_t i = 0; i < t->nodes; i++) {
		if (name && strcmp(name, t->node[i].name) != 0)
			continue;
		*out = &t->node[i];
		return 0;
	}
	if (!name)
		return cryo_cluster_not_running(t, err);
	list = list_node_names(t);
	return cryo_err_set(err, CRYO_E_USAGE, "cluster '%s' has no node '%s' (valid values: %s)",
			    t->name, name, list);
}

int cryo_cluster_exec(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		      const struct cryo_exec *x, struct cryo_proc_result *res, struct cryo_err *err)
{
	if (!t->ops->exec)
		return cryo_cluster_lacks(t->ops, NODE_ACCESS, err);
	return t->ops->exec(t, node, x, res, err);
}

int cryo_cluster_runtime_socket(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				char **path, struct cryo_err *err)
{
	if (!t->ops->runtime_socket)
		return cryo_cluster_lacks(t->ops, "way to its container runtimes", err);
	return t->ops->runtime_socket(t, node, path, err);
}

static void add_journal_argv(const char *service, unsigned tail, bool follow,
			     struct cryo_strv *argv)
{
	cryo_strv_addl(argv, "journalctl", "--no-pager", "--output=cat", "--unit", service, NULL);
	if (tail)
		cryo_strv_addf(argv, "--lines=%u", tail);
	else
		cryo_strv_add(argv, "--lines=all");
	if (follow)
		cryo_strv_add(argv, "--follow");
}

int cryo_cluster_log_argv(const struct cryo_cluster *t, const struct cryo_cluster_node *node,
			  const char *service, unsigned tail, bool follow, struct cryo_strv *argv,
			  struct cryo_err *err)
{
	if (!t->ops->exec)
		return cryo_cluster_lacks(t->ops, NODE_ACCESS, err);
	if (t->ops->log_argv)
		t->ops->log_argv(node, service, tail, follow, argv);
	else
		add_journal_argv(service, tail, follow, argv);
	return 0;
}
