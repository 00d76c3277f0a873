/* SPDX-License-Identifier: Apache-2.0 */
/* The pods of a node around a snapshot, for the files of this folder only. */
#ifndef CRYO_CLUSTER_LOCAL_NODE_PODS_H
#define CRYO_CLUSTER_LOCAL_NODE_PODS_H

#include "cluster/local/local.h"

/* All that are not finished: [{namespace, name, ready, containers}]. New reference. */
int snapshot_pods_list(struct local *l, json_t **out, struct cryo_err *err);
/* Stop the kubelet, then every container, and take away their mounts. *n: pods that had some. */
int snapshot_pods_stop(struct local *l, const struct cryo_pid *init, size_t *n,
		       struct cryo_err *err);
/* Start the kubelet, and with it the pods. */
int snapshot_pods_start(struct local *l, struct cryo_err *err);
/*
 * Until those of the list that were Ready are it again, with other containers.
 * Which are not is a warning: that may be their own fault. A step of its own.
 */
int snapshot_pods_wait(struct local *l, const json_t *pods, int64_t deadline, struct cryo_err *err);

#endif
