/* SPDX-License-Identifier: Apache-2.0 */
/* Which kubectl serves a cluster of ours. */
#ifndef CRYO_CLI_KUBECTL_H
#define CRYO_CLI_KUBECTL_H

#include "cluster/cluster.h"

/* The one that was built for this cluster, else the machine's own; caller frees. -CRYO_E_UNFIT:
 * neither is there; else the cluster has to have a kubeconfig. */
int cryo_cli_find_kubectl(struct cryo_cluster *t, char **program, struct cryo_err *err);

#endif
