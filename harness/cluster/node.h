/* SPDX-License-Identifier: Apache-2.0 */
/* A node as its cluster knows it: name, role, the way there, and where things are on it. */
#ifndef CRYO_CLUSTER_NODE_H
#define CRYO_CLUSTER_NODE_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

/* Absolute paths on the node, owned. One that is NULL is nowhere on such a node. */
struct cryo_node_paths {
	char *ctr;	   /* program that speaks to containerd; a bare name: of PATH */
	char *socket;	   /* containerd's */
	char *root;	   /* what containerd keeps */
	char *state;	   /* what it forgets at a boot: dumps' logs are there */
	char *bin;	   /* where our programs are put */
	char *run;	   /* what one call lays down: 0700, of root, tmpfs */
	char *checkpoints; /* where the kubelet puts archives */
	char *transfer;	   /* files on their way, which may be large */
};

enum cryo_node_role { CRYO_NODE_CONTROL_PLANE, CRYO_NODE_WORKER };

struct cryo_cluster_node {
	char *name; /* as the API has it; owned */
	enum cryo_node_role role;
	char *address; /* how its kind reaches it: "docker:NAME", "USER@HOST"; NULL: by itself */
	struct cryo_node_paths path;
};

/* "control-plane", "worker" */
const char *cryo_node_role_name(enum cryo_node_role role);
/* The paths of a node that containerd and kubelet are installed in the usual way on. */
void cryo_node_paths_default(struct cryo_node_paths *p);
/* {name, role, address, paths}; new reference. */
json_t *cryo_node_to_record(const struct cryo_cluster_node *n);
/* -CRYO_E_CONFIG: it has no name, or a path is not one. What it does not say has its default. */
int cryo_node_from_record(const json_t *j, struct cryo_cluster_node *out, struct cryo_err *err);
void cryo_node_copy(struct cryo_cluster_node *to, const struct cryo_cluster_node *from);
void cryo_node_release(struct cryo_cluster_node *n);

#endif
