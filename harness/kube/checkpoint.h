/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checkpoint request, in the forms that exist: through the API server's node
 * proxy, or straight to the kubelet (same path, other server). docs: Kubernetes
 * "Kubelet Checkpoint API"; pkg/kubelet/server/server.go.
 */
#ifndef CRYO_KUBE_CHECKPOINT_H
#define CRYO_KUBE_CHECKPOINT_H

#include "kube/kube.h"

enum cryo_checkpoint_form { CRYO_CHECKPOINT_NONE, CRYO_CHECKPOINT_PROXY, CRYO_CHECKPOINT_KUBELET };
const char *cryo_checkpoint_form_name(enum cryo_checkpoint_form f); /* "proxy", "kubelet", "none" */

/* Does a checkpoint route answer there? Asks with GET, which can do nothing: "method not allowed"
 * is yes, "not found" is no. `node` NULL: `k` is the kubelet itself. */
int cryo_checkpoint_probe(struct cryo_kube *k, const char *node, bool *there, struct cryo_err *err);

struct cryo_checkpoint_req {
	const char *node; /* NULL: `k` talks to the kubelet itself */
	const char *ns, *pod, *container;
	int64_t timeout_ms; /* 0: the kubelet's own */
};
/* *path: the archive on the node, caller frees. Kubelet's text answers become one-line errors with
 * plain words in front; sys_errno is the HTTP code. */
int cryo_checkpoint_call(struct cryo_kube *k, const struct cryo_checkpoint_req *req, char **path,
			 struct cryo_err *err);

#endif
