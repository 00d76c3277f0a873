/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots: templates of clusters that people have filled, under a name of
 * theirs. They lie below <state>/.snapshots/<name>/ (0700), for nobody throws
 * state away as one does a cache; everything else is as with templates.
 *
 * CRIU cannot dump what is in a pid namespace of its own, so all containers of
 * pods are stopped before; the pods stay, and the kubelet starts them again, in
 * the cluster that goes on as in those that come from the snapshot.
 */
#ifndef CRYO_CLUSTER_SNAPSHOT_H
#define CRYO_CLUSTER_SNAPSHOT_H

#include "base/err.h"

#include <jansson.h>

struct cryo_cluster;

struct cryo_snapshot_opts {
	bool force;	    /* replace one of that name */
	int64_t timeout_ms; /* until the cluster is Ready again; 0: 2 minutes */
};

/* Of a running cluster, which is stopped for it and goes on afterwards. Step events. */
int cryo_snapshot_save(struct cryo_cluster *t, const char *name,
		       const struct cryo_snapshot_opts *opts, struct cryo_err *err);
/*
 * All there are: [{name, cluster, stack, stamp, created, age, bytes, usable,
 * reason, pods: [{namespace, name, ready}]}], the newest first. New reference.
 */
int cryo_snapshot_list(json_t **out, struct cryo_err *err);
int cryo_snapshot_remove(const char *name, struct cryo_err *err);

#endif
