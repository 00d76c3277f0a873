/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's container runtime, asked directly (CRI v1: gRPC on a socket), for what
 * its kubelet cannot be asked for: pods' containers taken away, while the pods stay;
 * whether it restores containers; a checkpoint of all containers of a pod at one moment.
 */
#ifndef CRYO_KUBE_CRI_H
#define CRYO_KUBE_CRI_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

/*
 * Kill all containers of all pods and remove them with their networks, logs and
 * file systems, so that the runtime knows of none. *n: how many pods it were.
 *   -CRYO_E_REMOTE   it does not answer, or says no
 */
int cryo_cri_remove_all(const char *socket, size_t *n, struct cryo_err *err);

enum cryo_cri_restore {
	CRYO_CRI_RESTORE_UNKNOWN, /* its configuration has no such option */
	CRYO_CRI_RESTORE_OFF,
	CRYO_CRI_RESTORE_ON,
};

/*
 * Does a containerd make containers from checkpoint images? Asked is the one that runs, for
 * the configuration it runs with (Status, verbose): enable_experimental_restore_via_create
 * (containerd internal/cri/config/config.go, since 2.2.7 and 2.3.4; none in 2.4 without our
 * series). -CRYO_E_REMOTE   it does not answer, or not like a containerd
 */
int cryo_cri_restore_ability(const char *socket, enum cryo_cri_restore *out, struct cryo_err *err);

/* Parts of it: the configuration, as `crictl info` shows it as well ("config"); the body of an
 * answer. */
enum cryo_cri_restore cryo_cri_restore_option(const json_t *config);
int cryo_cri_read_restore(const void *body, size_t n, enum cryo_cri_restore *out,
			  struct cryo_err *err);

/* Has it CheckpointPod (CRI of Kubernetes 1.37)? Asked is the one that runs, by a call that names
 * no pod. -CRYO_E_REMOTE   it does not answer, or not like a container runtime */
int cryo_cri_has_pod_checkpoint(const char *socket, bool *there, struct cryo_err *err);

struct cryo_cri_pod_checkpoint {
	const struct cryo_strv *containers; /* IDs, all of one pod; at least one */
	const char *dir;    /* empty, on its node; an archive NAME.tar for each container there */
	const char *cert;   /* PEM, path on the node, to encrypt for; NULL: plain */
	int64_t timeout_ms; /* of the call; 0: 30 seconds */
};
/*
 * The containers stand still at one moment, until of all of them is known what they were. After
 * a failure nothing is in `dir`, and they go on.
 *   -CRYO_E_REMOTE   it does not answer, says no (in its words), or has no such container
 */
int cryo_cri_checkpoint_pod(const char *socket, const struct cryo_cri_pod_checkpoint *c,
			    struct cryo_err *err);

/* A part of it: the pod (caller frees) of the one container in the body of an answer.
 * -CRYO_E_REMOTE: it holds none, several, or is damaged. */
int cryo_cri_read_sandbox(const void *body, size_t n, char **sandbox, struct cryo_err *err);

/* A part of cryo_cri_remove_all(): ids of the pods in the body of an answer. -CRYO_E_REMOTE: that
 * is none. */
int cryo_cri_sandboxes(const void *body, size_t n, struct cryo_strv *ids, struct cryo_err *err);

#endif
