/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clusters of kind (sigs.k8s.io/kind), for the files of this folder only: nodes are
 * containers of an engine, made by kind's own program from a node image of ours.
 *
 *   kindc.c    record and names; kind.c: the table of functions
 *   config.c   the user's cluster.yaml and what we need, as one
 *   engine.c   which engine the nodes run in, and what it has of the cluster
 *   up.c       create.c, settle.c: from nothing, half of it, or all of it to a cluster that is used
 *   adopt.c    from one that somebody made with kind itself
 *   down.c     status.c access.c
 */
#ifndef CRYO_CLUSTER_KIND_KINDC_H
#define CRYO_CLUSTER_KIND_KINDC_H

#include "cluster/kind.h"
#include "conf/json.h"
#include "engine/private.h"
#include "nodeimage/nodeimage.h"

#define KINDC_LABEL	 "io.x-k8s.kind.cluster"
#define KINDC_ROLE_LABEL "io.x-k8s.kind.role"
#define KINDC_API_PORT	 "6443" /* of the API server, in a node */

struct kindc {
	struct cryo_cluster base;
	char *lock;	 /* path of the lock file */
	char *group;	 /* control group of our own processes for it */
	char *kind_name; /* what kind calls it: "cryopod-NAME", or an adopted one's name */
	char *stack, *stamp, *image, *engine; /* NULL until it was made */
	json_t *builds, *config;
	int64_t created_ns;
	bool private;  /* its engine is the private one */
	bool complete; /* it was Ready once: nothing is left to be set up */
	bool adopted;  /* made by somebody else: not taken down with its image */
	bool loaded;   /* the image came into the engine by us */
	unsigned port; /* of 127.0.0.1: of the forwarder, or of an adopted one's API server */
	struct cryo_pid forwarder;
	struct cryo_pid *init; /* of each node; pid 0: not known to run */
};

int kindc_open(const struct cryo_record *r, struct cryo_cluster *t, struct cryo_err *err);
void kindc_release(struct cryo_cluster *t);
/* What is known now, before anything that it names can outlive us. */
int kindc_save(const struct kindc *c, struct cryo_err *err);
/* What is recorded of every other cluster of this kind, by its name in cryopod: {NAME: own words}.
 * New reference. */
int kindc_list_others(const struct kindc *c, json_t **out, struct cryo_err *err);

/* Directory of the private daemon; all clusters of this state directory share it. Caller frees. */
char *kindc_private_dir(void);
/* The engine it runs in, or would: the private one only if it runs. -CRYO_E_CHECK: it does not. */
int kindc_engine(const struct kindc *c, struct cryo_engine *out, struct cryo_err *err);

/* A container of the cluster, as the engine has it. */
struct kindc_node {
	char *name, *id;
	char *image; /* as it was named when the container was made */
	bool control, running;
	pid_t pid;
	unsigned port; /* of this machine, that leads to its API server; 0: none */
};
struct kindc_nodes {
	struct kindc_node *node; /* the control plane first, then by name */
	size_t n;
};
/* None is an answer. */
int kindc_list_nodes(const struct kindc *c, const struct cryo_engine *e, struct kindc_nodes *out,
		     struct cryo_err *err);
void kindc_nodes_release(struct kindc_nodes *n);
#define kindc_nodes_releasep kindc_nodes_release
/* Nodes and processes of the cluster are those; not saved. */
void kindc_take_nodes(struct kindc *c, const struct kindc_nodes *n);
bool kindc_runs(const struct kindc *c); /* every node's init is alive */

/* What decides about the configuration beside the user's file. */
struct kindc_wish {
	const char *name;	/* of the cluster, in kind's words */
	const char *file;	/* the user's cluster.yaml, or NULL */
	unsigned nodes;		/* without a file; 0: one */
	unsigned port;		/* for the API server, 0: any */
	const char *kubernetes; /* "v1.33.13" */
	bool cgroup_v1;		/* of this machine */
	bool restrict_oom;	/* scores cannot be lowered */
};
/* Both as one, appended. -CRYO_E_CONFIG with file and line. */
int kindc_config(const struct kindc_wish *w, struct cryo_str *out, struct cryo_err *err);

int kindc_up(struct cryo_cluster *t, const struct cryo_up_opts *opts, struct cryo_err *err);
int kindc_down(struct cryo_cluster *t, struct cryo_err *err);
int kindc_status(struct cryo_cluster *t, struct cryo_cluster_status *s, struct cryo_err *err);
const char *kindc_state(struct cryo_cluster *t);
int64_t kindc_memory(struct cryo_cluster *t);
int kindc_kube(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err);
int kindc_kubelet(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		  struct cryo_kube **out, struct cryo_err *err);
int kindc_runtime_socket(struct cryo_cluster *t, const struct cryo_cluster_node *node, char **path,
			 struct cryo_err *err);
int kindc_exec(struct cryo_cluster *t, const struct cryo_cluster_node *node,
	       const struct cryo_exec *x, struct cryo_proc_result *res, struct cryo_err *err);

/* kind's own step: from the configuration to containers with kubeadm's work done. */
int kindc_create(struct kindc *c, const struct cryo_engine *e, const char *kind, const char *config,
		 int64_t limit_ms, struct cryo_err *err);
/* All that kind made for it, and the leftovers that kind does not know; nothing there is fine. */
int kindc_delete(struct kindc *c, const struct cryo_engine *e, struct cryo_err *err);
/*
 * Makes the cluster that kind calls `name` this one: nodes, kubeconfig and image are recorded, its
 * containers stay as they are.
 *   -CRYO_E_USAGE   no such cluster (with those that there are), not from a node image of ours,
 *                   or another one of our records already
 */
int kindc_adopt(struct kindc *c, const char *name, const char *engine, struct cryo_err *err);
/* The adopted cluster's own, from its control plane, with the address that leads there. */
int kindc_fetch_kubeconfig(struct kindc *c, struct cryo_err *err);
/* "docker.io/cryopod/kind-node:v1.37.2-upstream-0123456789ab" → "upstream", "0123456789ab"; false
 * for the image of somebody else. Caller frees. */
bool kindc_read_image(const char *ref, char **stack, char **key);
/* Writes the API server's address, 127.0.0.1:port, into the kubeconfig. */
int kindc_point_kubeconfig(const struct kindc *c, struct cryo_err *err);
/* The way in from this machine, images, rights, until every node is Ready. */
int kindc_open_way_in(struct kindc *c, const struct cryo_engine *e, struct cryo_err *err);
int kindc_settle(struct kindc *c, int64_t deadline, struct cryo_err *err);

#endif
