/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's container runtime, asked directly (CRI v1: gRPC on a socket), for the
 * one thing that its kubelet cannot be asked for: pods' containers taken away,
 * while the pods stay.
 */
#ifndef CRYO_KUBE_CRI_H
#define CRYO_KUBE_CRI_H

#include "base/err.h"
#include "base/str.h"

/*
 * Kill all containers of all pods and remove them with their networks, logs and
 * file systems, so that the runtime knows of none. *n: how many pods it were.
 *   -CRYO_E_REMOTE   it does not answer, or says no
 */
int cryo_cri_remove_all(const char *socket, size_t *n, struct cryo_err *err);

/* A part of it: ids of the pods in the body of an answer. -CRYO_E_REMOTE: that is none. */
int cryo_cri_sandboxes(const void *body, size_t n, struct cryo_strv *ids, struct cryo_err *err);

#endif
