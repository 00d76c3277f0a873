/* SPDX-License-Identifier: Apache-2.0 */
/* CRIU gives the whole new pod the host name of the source; here it gets its own back. */
#ifndef CRYO_CHECKPOINT_POD_HOSTNAME_H
#define CRYO_CHECKPOINT_POD_HOSTNAME_H

#include "cluster/cluster.h"

/*
 * What the runtime was told to call the pod's host, in the configuration of its sandbox: also a
 * name with the cluster's domain (setHostnameAsFQDN), which only the kubelet knows.
 * `files`: what cat gives of the container's init.pid and config.json; `sandbox`: of the
 * sandbox's config.json.
 *   -CRYO_E_REMOTE   they are not what they should be
 */
int cryo_pod_hostname_sandbox(const char *files, char **pid, char **sandbox, struct cryo_err *err);
/* NULL: it was told none (the pod has its node's). Caller frees. */
int cryo_pod_hostname_told(const char *sandbox, char **name, struct cryo_err *err);

/* `pod` as the API has it, its container running. */
int cryo_pod_hostname_restore(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			      const json_t *pod, const char *container, struct cryo_err *err);

#endif
