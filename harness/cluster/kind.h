/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For kinds of clusters: what one has to know how to do. A kind is a folder below
 * cluster/ with one such table, and a row in kinds.c; nobody else includes from
 * there. Functions that are not there are refused before a kind is asked
 * (cluster/cluster.h). Each must work from any state: nothing there, half there,
 * running.
 */
#ifndef CRYO_CLUSTER_KIND_H
#define CRYO_CLUSTER_KIND_H

#include "cluster/cluster.h"
#include "cluster/record.h"
#include "cluster/status.h"

struct cryo_snapshot_opts;
struct machine_check_row; /* cluster/machine_checks.h */

/* Clusters that the next ones are restored from: cluster/template.h has the words. One is made by
 * an `up` with opts->template.remake. */
struct cryo_template_ops {
	int (*list)(json_t **out, struct cryo_err *err);
	int (*remove)(const char *key, size_t *n, struct cryo_err *err);
	void (*clean)(void);
};

/* Of clusters that people have filled: cluster/snapshot.h has the words. */
struct cryo_snapshot_ops {
	int (*save)(struct cryo_cluster *t, const char *name, const struct cryo_snapshot_opts *opts,
		    struct cryo_err *err);
	int (*list)(json_t **out, struct cryo_err *err);
	int (*remove)(const char *name, struct cryo_err *err);
};

struct cryo_cluster_ops {
	const char *kind; /* "local" */
	/* `r` NULL: there is no record, or none that can be read. Fills in kubeconfig and node[];
	 * name and dir are there. Touches nothing. */
	int (*open)(const struct cryo_record *r, struct cryo_cluster *t, struct cryo_err *err);
	size_t size; /* of its own struct, which begins with struct cryo_cluster; zeroed */
	void (*release)(
	    struct cryo_cluster *t); /* what `open` and others have put there; or NULL */

	/* Each kind has these. */
	/* Name and kind are there; all else but what it can do, which is found out for all kinds.
	 */
	int (*status)(struct cryo_cluster *t, struct cryo_cluster_status *s, struct cryo_err *err);
	int (*kube)(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err);
	int (*down)(struct cryo_cluster *t, struct cryo_err *err);
	const char *(*state)(struct cryo_cluster *t);

	/* The rest may be NULL. */
	int (*up)(struct cryo_cluster *t, const struct cryo_up_opts *opts, struct cryo_err *err);
	bool (*prepared)(struct cryo_cluster *t, const struct cryo_up_opts *opts);
	int64_t (*memory)(struct cryo_cluster *t);
	int (*kubelet)(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		       struct cryo_kube **out, struct cryo_err *err);
	int (*exec)(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		    const struct cryo_exec *x, struct cryo_proc_result *res, struct cryo_err *err);
	/* All bytes of a file there to `to`; the rest of `from` to a file there, published whole,
	 * 0600. NULL: by exec, with cat, install and mv of the node. */
	int (*get)(struct cryo_cluster *t, const struct cryo_cluster_node *node, const char *from,
		   int to, struct cryo_err *err);
	int (*put)(struct cryo_cluster *t, const struct cryo_cluster_node *node, int from,
		   const char *to, struct cryo_err *err);
	/* A file there as a file of this machine that is the same one, synced. 1: it is; 0: that
	 * cannot be. */
	int (*link_out)(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			const char *from, const char *to, struct cryo_err *err);
	/* As cryo_cluster_link(); NULL: it never can be. */
	int (*link)(struct cryo_cluster *t, const struct cryo_cluster_node *node, int from,
		    const char *to, struct cryo_err *err);
	/* The container runtime's socket as a path on this machine; caller frees. */
	int (*runtime_socket)(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			      char **path, struct cryo_err *err);
	/* NULL: its services are units of systemd. */
	void (*log_argv)(const struct cryo_cluster_node *node, const char *service, unsigned tail,
			 bool follow, struct cryo_strv *argv);
	const struct cryo_template_ops *templates;
	const struct cryo_snapshot_ops *snapshots;
	/* What doctor looks at: ends with a NULL name. */
	const struct machine_check_row *checks;
	/* The program of a helper process that `up` starts (`internal-forward PORT`): its exit
	 * code. */
	int (*forward)(unsigned port);
};

/* All kinds, NULL-terminated; the first one is the default. */
extern const struct cryo_cluster_ops *const cryo_cluster_kinds[];
/* -CRYO_E_USAGE: "there is no kind of cluster 'x' (valid values: attached, local)". NULL: the
 * default.
 */
int cryo_cluster_find_kind(const char *name, const struct cryo_cluster_ops **out,
			   struct cryo_err *err);
/* -CRYO_E_UNFIT: "a cluster of kind 'attached' has no templates". */
int cryo_cluster_lacks(const struct cryo_cluster_ops *ops, const char *what, struct cryo_err *err);
/* One without a record: of that kind, `dir` NULL. */
struct cryo_cluster *cryo_cluster_new(const struct cryo_cluster_ops *ops, const char *name);
/* Nodes of a record that has been read, copied; those that were there go. */
void cryo_cluster_take_nodes(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			     size_t nodes);

extern const struct cryo_cluster_ops cryo_cluster_local, cryo_cluster_attached,
    cryo_cluster_kind_kind;

/* What a kind whose nodes are processes of this machine runs for `x`; enter_pid is the kind's. */
struct cryo_proc cryo_exec_process(const struct cryo_exec *x, const char *const *env);

#endif
