/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known about a cluster between two runs: <state>/NAME/cluster.json, written
 * whole before anything it names can outlive us.
 *
 *   {kind, stack, stamp, builds, createdNs, nodes: [{name, role, address, paths}],
 *    config: what `up` was asked for, in its kind's words; own: what only its kind knows}
 */
#ifndef CRYO_CLUSTER_RECORD_H
#define CRYO_CLUSTER_RECORD_H

#include "cluster/node.h"

struct cryo_record {
	char *kind;	/* owned, as all that follows */
	char *stack;	/* name; NULL: not made by us */
	char *stamp;	/* cryo_build_stamp() */
	json_t *builds; /* [{component, source, version, stamp, dir}] */
	int64_t created_ns;
	struct cryo_cluster_node *node;
	size_t nodes;
	json_t *config, *own; /* objects or NULL */
};

/* <state>/NAME/cluster.json; `state` NULL: of this user. Caller frees. */
char *cryo_record_path(const char *state, const char *name);
/* What holds a cluster while it is changed: <run>/NAME.lock. Caller frees. */
char *cryo_record_lock(const char *name);
/* The way in for its owner, of kinds that make one: <state>/NAME/kubeconfig. Caller frees. */
char *cryo_record_kubeconfig(const char *name);
/* 0 and *out; 1: there is none; negative: it cannot be read. */
int cryo_record_load(const char *path, struct cryo_record *out, struct cryo_err *err);
int cryo_record_save(const char *path, const struct cryo_record *r, struct cryo_err *err);
void cryo_record_release(struct cryo_record *r);
#define cryo_record_releasep cryo_record_release

#endif
