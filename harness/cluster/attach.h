/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clusters that somebody else runs, known by their API alone (kind "attached").
 * kubectl speaks to them (cluster/kubectl.h), so everything it can log in with works.
 */
#ifndef CRYO_CLUSTER_ATTACH_H
#define CRYO_CLUSTER_ATTACH_H

#include "cluster/kubectl.h"

struct cryo_cluster;

/*
 * From now on the cluster behind this kubeconfig goes by that name: its API is asked
 * for its nodes, file and context are recorded. One that is attached already is
 * recorded anew. `k->kubeconfig` is a file. -CRYO_E_USAGE: the name is another's.
 */
int cryo_cluster_attach(const char *name, const struct cryo_kubectl *k, struct cryo_err *err);
/* The same for one call: no name, no record. `k` must stay. Touches nothing. */
void cryo_cluster_attach_once(const struct cryo_kubectl *k, struct cryo_cluster **out);

#endif
