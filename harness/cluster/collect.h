/* SPDX-License-Identifier: Apache-2.0 */
/* All that tells what a cluster did, in one directory: for a report, or to look at when it is gone.
 */
#ifndef CRYO_CLUSTER_COLLECT_H
#define CRYO_CLUSTER_COLLECT_H

#include "cluster/cluster.h"

/*
 * Into `dir`, which is made (0700): NODE/SERVICE.log, NODE/pods.tar (logs of containers),
 * NODE/criu.tar (those of dumps and restores), NODE/versions.txt, status.json, and
 * nodes.json, pods.json, events.json of the API. Each source has a time limit, and one that
 * does not answer holds no other up. What could not be had is a line of missing.txt, and of
 * `missing`. -CRYO_E_USAGE: it is there already.
 */
int cryo_cluster_collect(struct cryo_cluster *t, const char *dir, struct cryo_strv *missing,
			 struct cryo_err *err);

#endif
