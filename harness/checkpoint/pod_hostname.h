/* SPDX-License-Identifier: Apache-2.0 */
/* CRIU gives the whole new pod the host name of the source; here it gets its own back. */
#ifndef CRYO_CHECKPOINT_POD_HOSTNAME_H
#define CRYO_CHECKPOINT_POD_HOSTNAME_H

#include "cluster/cluster.h"

/* What the kubelet calls the pod's host (kubelet_pods.go, GeneratePodHostNameAndDomain). Caller
 * frees; NULL: the pod has its node's, or one of its domain, which is not known here. */
char *cryo_pod_hostname(const json_t *pod);
/* `pod` as the API has it, its container running. */
int cryo_pod_hostname_restore(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			      const json_t *pod, const char *container, struct cryo_err *err);

#endif
