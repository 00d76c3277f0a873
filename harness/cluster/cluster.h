/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster, whatever it runs on: the seam between what cryopod does with clusters
 * and the kinds of them (cluster/kind.h is for those). A cluster knows its kind, its
 * configuration and its nodes; they are recorded in its directory (cluster/record.h),
 * and every command opens it by that record. What a kind cannot do, these functions
 * refuse in one way: -CRYO_E_UNFIT, "a cluster of kind 'attached' has no templates".
 */
#ifndef CRYO_CLUSTER_CLUSTER_H
#define CRYO_CLUSTER_CLUSTER_H

#include "base/err.h"
#include "base/str.h"
#include "cluster/node.h"
#include "kube/kube.h"
#include "sys/proc.h"

struct cryo_build;
struct cryo_cluster_ops;
struct cryo_fetch_opts;
struct cryo_stack;

struct cryo_cluster {
	const struct cryo_cluster_ops *ops; /* for cluster/ and the kinds only */
	char *name;			    /* owned, as all that follows */
	char *dir;	  /* its directory on this machine; NULL: it has none, and no record */
	char *kubeconfig; /* on this machine; NULL: the one that kubectl takes */
	/* The first one is where a command goes that names none. Never empty where nodes can be
	 * reached at all. */
	struct cryo_cluster_node *node;
	size_t nodes;
	bool keep_image; /* down: an image that its nodes were made from stays in the engine */
};

/* Of a cluster, and of a snapshot of one. */
#define CRYO_CLUSTER_NAME_MAX 40
bool cryo_cluster_good_name(const char *name);
/*
 * Touches nothing. The kind is the record's; of a cluster that has none it is `kind`
 * (NULL: "local"). Names are DNS labels of at most 40 characters.
 *   -CRYO_E_USAGE   a bad name, an unknown kind, or its record says another one
 *   other           the record is damaged, and `kind` NULL: cannot determine what it is
 */
int cryo_cluster_open(const char *kind, const char *name, struct cryo_cluster **out,
		      struct cryo_err *err);
void cryo_cluster_free(struct cryo_cluster *t);
CRYO_DEFINE_AUTO(struct cryo_cluster, cryo_cluster_free)
/* Names of clusters that have state on this machine. */
int cryo_cluster_list(struct cryo_strv *names, struct cryo_err *err);
const char *cryo_cluster_kind(const struct cryo_cluster *t); /* "local" */
/* The error for what needs a running cluster: -CRYO_E_CHECK, or -CRYO_E_UNFIT for who can have
 * none. */
int cryo_cluster_not_running(const struct cryo_cluster *t, struct cryo_err *err);
/* A fresh 0700 directory of this machine for what is on its way; caller frees and removes. */
int cryo_cluster_tmpdir(const struct cryo_cluster *t, const char *prefix, char **path,
			struct cryo_err *err);

/* --- its life --- */

struct cryo_up_opts {
	const char *stack;  /* name or path; NULL: "upstream" */
	int64_t timeout_ms; /* until Ready; 0: 2 minutes */
	bool no_build;	    /* fail if something is not built yet instead of building it */
	bool offline;	    /* fetch nothing for a build */
	/* Makes what is missing of a plan; NULL: cryo_build_run(). `arg` is build_arg. */
	int (*build)(const struct cryo_stack *stack, struct cryo_build *b,
		     const struct cryo_fetch_opts *fetch, const void *arg, struct cryo_err *err);
	const void *build_arg;
	/* "PREFIX=PATH-or-URL" of source repositories, NULL-terminated or NULL */
	const char *const *mirrors;
	/* For kinds with templates. */
	struct {
		bool cold;   /* no restore from a template, and none is made */
		bool remake; /* a cold start, and a template or an error comes of it */
	} template;
	/* A control plane and nodes - 1 workers; 0: one node, or as many as it has. */
	unsigned nodes;
	const char *from; /* kinds with snapshots: name of one to restore; its stack is used */
	/* What a kind has of its own; others refuse it. */
	struct {
		unsigned port;		/* of 127.0.0.1 for the API server; 0: any free one */
		bool minimal;		/* neither kube-proxy nor DNS */
		const char *const *set; /* "kubelet.v=2", NULL-terminated or NULL */
	} local;
	struct {
		const char *config; /* a cluster.yaml of kind, or NULL */
		const char *engine; /* "docker", "podman"; NULL: the first that answers */
		const char *adopt;  /* a cluster that kind made, by kind's name for it; or NULL */
	} kind;
};
#define CRYO_UP_OPTS_INIT                                                                          \
	{                                                                                          \
		0                                                                                  \
	}

/* The step with which an `up` begins that starts everything by itself. */
#define CRYO_STEP_COLD "prepare"

/* Does what is missing, from nothing, half-built or running; step events. */
int cryo_cluster_up(struct cryo_cluster *t, const struct cryo_up_opts *opts, struct cryo_err *err);
/*
 * Is all there that clusters share which are brought up so (programs, a template)? If not,
 * one of many makes it while the others wait. Also false: unknown.
 */
bool cryo_cluster_prepared(struct cryo_cluster *t, const struct cryo_up_opts *opts);
/* Complete, idempotent; looks afterwards that nothing is left. */
int cryo_cluster_down(struct cryo_cluster *t, struct cryo_err *err);
/* "running", "stopped" …, without a look into it; cluster/status.h has the rest. */
const char *cryo_cluster_state(struct cryo_cluster *t);
/* Bytes that its processes hold for themselves; -1: not known, or it does not run. */
int64_t cryo_cluster_memory(struct cryo_cluster *t);

/* --- its API --- */

/* Where `cryopod proxy` listens unless told otherwise: a socket below the cluster's directory, so
 * that only its owner gets in. NULL for a cluster without one. Caller frees. */
char *cryo_cluster_proxy_socket(const struct cryo_cluster *t);
/* Where `kubectl proxy` listens by itself. */
#define CRYO_KUBECTL_PROXY_PORT 8001

/* Admin client of the running cluster; caller frees. -CRYO_E_CHECK when it does not run. */
int cryo_cluster_kube(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err);
/* Admin client straight to a node's kubelet. */
int cryo_cluster_kubelet(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			 struct cryo_kube **out, struct cryo_err *err);
bool cryo_cluster_has_kubelet(const struct cryo_cluster *t);

/* --- its nodes: each call names one --- */

/* Can programs be run in its nodes? Else all below refuses. */
bool cryo_cluster_reaches_nodes(const struct cryo_cluster *t);
/* The node of that name; NULL: the first one. -CRYO_E_USAGE: "cluster 'x' has no node 'y' (there
 * is: …)". Borrowed. */
int cryo_cluster_find_node(const struct cryo_cluster *t, const char *name,
			   const struct cryo_cluster_node **out, struct cryo_err *err);

struct cryo_exec {
	const char *const *argv; /* argv[0] is searched in the node's PATH */
	const char *input;	 /* fed to its stdin; NULL: nothing */
	int in_fd, out_fd; /* of this machine, instead of input and captured output; 0: none */
	int64_t timeout_ms;
	cryo_proc_line on_line; /* each line as it comes */
	void *on_line_arg;
	size_t capture_max; /* bytes kept of each stream; 0: 1 MiB. The tail is kept */
	bool foreground;    /* it gets our own streams, as a shell does */
	const char *cwd;
};
/* Run a program in a node, as root. Results and errors are those of cryo_proc_run(). */
int cryo_cluster_exec(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		      const struct cryo_exec *x, struct cryo_proc_result *res,
		      struct cryo_err *err);
/* Files between a node and this machine: absolute paths; what they become is published whole,
 * 0600. */
int cryo_cluster_get(struct cryo_cluster *t, const struct cryo_cluster_node *node, const char *from,
		     const char *to, struct cryo_err *err);
/* The same for a file that nobody writes to any more: where node and `to` are on one file system of
 * this machine nothing is copied, both names have the same file then. */
int cryo_cluster_take(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		      const char *from, const char *to, struct cryo_err *err);
/* The same into memory: appended to `out`. A file of more than `max` bytes is refused. */
int cryo_cluster_read(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		      const char *from, size_t max, struct cryo_str *out, struct cryo_err *err);
int cryo_cluster_put(struct cryo_cluster *t, const struct cryo_cluster_node *node, const char *from,
		     const char *to, struct cryo_err *err);
/* The open file as a file there that is the same one. 1: it is; 0: that cannot be here. */
int cryo_cluster_link(struct cryo_cluster *t, const struct cryo_cluster_node *node, int from,
		      const char *to, struct cryo_err *err);
/* From memory, which it does not leave on the way: it may be a private key. */
int cryo_cluster_put_data(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			  const void *data, size_t len, const char *to, struct cryo_err *err);
/* The socket of a node's container runtime as a path on this machine; caller frees.
 * -CRYO_E_UNFIT where there is no such way. */
int cryo_cluster_runtime_socket(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				char **path, struct cryo_err *err);
/* Image layout tar of this machine into the container runtime of a node; NULL: of all. */
int cryo_cluster_load_image(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			    const char *tar, struct cryo_err *err);
/* The command line that prints a service's log in the node; `tail` 0: all of it. */
int cryo_cluster_log_argv(const struct cryo_cluster *t, const struct cryo_cluster_node *node,
			  const char *service, unsigned tail, bool follow, struct cryo_strv *argv,
			  struct cryo_err *err);

#endif
