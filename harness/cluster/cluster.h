/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place where a cluster runs. Each kind of target is a table of functions; the
 * rest of cryopod only sees this file. `local` is the default; a node is named,
 * so that more than one node needs no other interface.
 */
#ifndef CRYO_CLUSTER_CLUSTER_H
#define CRYO_CLUSTER_CLUSTER_H

#include "base/err.h"
#include "base/str.h"
#include "kube/kube.h"
#include "sys/proc.h"

struct cryo_cluster;
struct cryo_build;
struct cryo_fetch_opts;
struct cryo_stack;

struct cryo_up_opts {
	const char *stack;  /* name or path; NULL: "upstream" */
	unsigned port;	    /* of the host's 127.0.0.1 for the API server; 0: any free one */
	int64_t timeout_ms; /* until Ready; 0: 2 minutes */
	bool no_build;	    /* fail if something is not built yet instead of building it */
	bool offline;	    /* fetch nothing for a build */
	/* Makes what is missing of a plan; NULL: cryo_build_run(). `arg` is build_arg. */
	int (*build)(const struct cryo_stack *stack, struct cryo_build *b,
		     const struct cryo_fetch_opts *fetch, const void *arg, struct cryo_err *err);
	const void *build_arg;
	/* "PREFIX=PATH-or-URL" of source repositories, NULL-terminated or NULL */
	const char *const *mirrors;
	bool cold;	   /* no restore from a template, and none is made */
	const char *from;  /* name of a snapshot to restore instead; its stack is the cluster's */
	bool new_template; /* a cold start, and a template or an error comes of it */
};
#define CRYO_UP_OPTS_INIT                                                                          \
	{                                                                                          \
		0                                                                                  \
	}

/* The step with which an `up` begins that starts everything by itself. */
#define CRYO_STEP_COLD "prepare"

/* Where `cryopod proxy` listens unless told otherwise; kubectl's own default. */
#define CRYO_PROXY_PORT 8001

/* The functions of a cluster that is only known by its API (target/kubectl.h) are NULL but `kube`
 * and `free`. */
struct cryo_cluster_ops {
	const char *kind; /* "local" */
	/* Touches nothing. */
	int (*open)(const char *name, struct cryo_cluster **out, struct cryo_err *err);
	/*
	 * Is all there that clusters share which are brought up so (programs, a template)? If not,
	 * one of many makes it while the others wait. Also false: nobody knows.
	 */
	bool (*prepared)(struct cryo_cluster *t, const struct cryo_up_opts *opts);
	/* Does what is missing, from nothing, half-built or running; step events. */
	int (*up)(struct cryo_cluster *t, const struct cryo_up_opts *opts, struct cryo_err *err);
	/* Complete, idempotent; looks afterwards that nothing is left. */
	int (*down)(struct cryo_cluster *t, struct cryo_err *err);
	/* New reference: docs/architecture.md, "status". Works in every state. */
	int (*status)(struct cryo_cluster *t, json_t **out, struct cryo_err *err);
	/* Admin client of the running cluster; caller frees. -CRYO_E_CHECK when it does not run. */
	int (*kube)(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err);
	/* Admin client straight to a node's kubelet. */
	int (*kubelet)(struct cryo_cluster *t, const char *node, struct cryo_kube **out,
		       struct cryo_err *err);
	/* Run a program in a node; p->enter_pid is set here, the rest is the caller's. */
	int (*exec)(struct cryo_cluster *t, const char *node, struct cryo_proc *p,
		    struct cryo_proc_result *res, struct cryo_err *err);
	/* Files between node and host; the result is published whole, 0600. */
	int (*get)(struct cryo_cluster *t, const char *node, const char *from, const char *to,
		   struct cryo_err *err);
	int (*put)(struct cryo_cluster *t, const char *node, const char *from, const char *to,
		   struct cryo_err *err);
	/* Image layout tar of this machine into every node's container runtime. */
	int (*load_image)(struct cryo_cluster *t, const char *tar, struct cryo_err *err);
	/* Bytes that its processes hold for themselves; -1: not known, or it does not run. */
	int64_t (*memory)(struct cryo_cluster *t);
	void (*free)(struct cryo_cluster *t);
};

struct cryo_cluster {
	const struct cryo_cluster_ops *ops;
	char *name;	  /* of the cluster, owned */
	char *dir;	  /* its state directory, owned */
	char *kubeconfig; /* path on the host, owned */
};

/* `kind` NULL: "local". Names are DNS labels of at most 40 characters; others are refused. Touches
 * nothing. */
int cryo_cluster_open(const char *kind, const char *name, struct cryo_cluster **out,
		      struct cryo_err *err);
/* Of a cluster, and of a snapshot of one. */
#define CRYO_CLUSTER_NAME_MAX 40
bool cryo_cluster_good_name(const char *name);
void cryo_cluster_free(struct cryo_cluster *t);
CRYO_DEFINE_AUTO(struct cryo_cluster, cryo_cluster_free)
/* The error for what needs a running cluster: -CRYO_E_CHECK, or -CRYO_E_UNFIT for who can have
 * none.
 */
int cryo_cluster_not_running(const struct cryo_cluster *t, struct cryo_err *err);
/* Names of clusters that have state on this machine. */
int cryo_cluster_list(struct cryo_strv *names, struct cryo_err *err);

extern const struct cryo_cluster_ops cryo_cluster_local;

#endif
