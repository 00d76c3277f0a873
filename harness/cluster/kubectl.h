/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any cluster that kubectl can reach. kubectl itself speaks to it, so everything it
 * can log in with works (certificates, tokens, exec plugins): `kubectl proxy` on a
 * socket in a directory that only we can enter.
 */
#ifndef CRYO_CLUSTER_KUBECTL_H
#define CRYO_CLUSTER_KUBECTL_H

#include "base/str.h"
#include "kube/kube.h"
#include "sys/proc.h"

struct cryo_kubectl {
	const char *program;	/* NULL: kubectl of PATH */
	const char *kubeconfig; /* NULL: what kubectl would take */
	const char *context;	/* NULL: the current one */
};

/* The start of a kubectl command line, "kubectl --kubeconfig=… --context=…". */
void cryo_kubectl_argv(const struct cryo_kubectl *k, struct cryo_strv *argv);
/* The namespace of the context, "default" if it names none; caller frees. */
int cryo_kubectl_namespace(const struct cryo_kubectl *k, char **ns, struct cryo_err *err);
/* The context that is used when none is named; caller frees. */
int cryo_kubectl_context(const struct cryo_kubectl *k, char **context, struct cryo_err *err);

/* The proxy: starts with the first client and serves all that come. Zeroed: none runs. */
struct cryo_kubectl_proxy {
	char *dir, *socket; /* owned */
	struct cryo_strv argv;
	struct cryo_proc proc;
	struct cryo_child *child;
	bool serves;
};
/* It stays where it is as long as it runs. */
int cryo_kubectl_client(struct cryo_kubectl_proxy *p, const struct cryo_kubectl *k,
			struct cryo_kube **out, struct cryo_err *err);
void cryo_kubectl_proxy_end(struct cryo_kubectl_proxy *p);

#endif
