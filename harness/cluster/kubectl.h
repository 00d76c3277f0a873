/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any cluster that kubectl can reach, known by its API only. kubectl itself speaks
 * to it, so everything it can log in with works (certificates, tokens, exec
 * plugins): `kubectl proxy` on a socket in a directory that only we can enter.
 */
#ifndef CRYO_CLUSTER_KUBECTL_H
#define CRYO_CLUSTER_KUBECTL_H

#include "cluster/cluster.h"

struct cryo_kubectl {
	const char *program;	/* NULL: kubectl of PATH */
	const char *kubeconfig; /* NULL: what kubectl would take */
	const char *context;	/* NULL: the current one */
};

/* The start of a kubectl command line, "kubectl --kubeconfig=… --context=…". */
void cryo_kubectl_argv(const struct cryo_kubectl *k, struct cryo_strv *argv);
/* The namespace of the context, "default" if it names none; caller frees. */
int cryo_kubectl_namespace(const struct cryo_kubectl *k, char **ns, struct cryo_err *err);
/* Touches nothing; the proxy starts with the first ops->kube and ends with ops->free. A second
 * ops->kube uses the same one. `k` must stay. */
void cryo_cluster_kubectl(const struct cryo_kubectl *k, struct cryo_cluster **out);

#endif
