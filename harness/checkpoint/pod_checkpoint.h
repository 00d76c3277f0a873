/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint of all containers of a pod that run. Where the container runtime of its
 * node has CheckpointPod (CRI of Kubernetes 1.37; the kubelet does not call it yet), it is
 * asked directly, and all of them stand still at one moment. Elsewhere they are checkpointed
 * one after another, which is said: what they have told each other meanwhile may be known to
 * one of them only.
 */
#ifndef CRYO_CHECKPOINT_POD_CHECKPOINT_H
#define CRYO_CHECKPOINT_POD_CHECKPOINT_H

#include "checkpoint/checkpoint.h"

struct cryo_pod_checkpoint {
	struct cryo_checkpoint *of; /* one for each container, in the pod's order; owned */
	size_t n;
	bool together; /* at one moment; else `why` says why not */
	char *why;     /* owned; NULL if together */
	char *copy;    /* directory on this machine; NULL: none was asked for */
	int64_t ms;    /* of the call, or of all of them */
	bool deleted;  /* the pod */
};

/*
 * `opts` as for one container, whose `container`, `body` and `user` are not used. `to` is a
 * directory, which must not be there: CONTAINER.tar for each, and source.json, the pod as it
 * was, from which `cryo_restore_run` makes the new one. It appears whole or not at all.
 */
int cryo_pod_checkpoint_run(struct cryo_cluster *t, const struct cryo_checkpoint_opts *opts,
			    struct cryo_pod_checkpoint *out, struct cryo_err *err);
void cryo_pod_checkpoint_release(struct cryo_pod_checkpoint *c);
#define cryo_pod_checkpoint_releasep cryo_pod_checkpoint_release
json_t *cryo_pod_checkpoint_json(const struct cryo_pod_checkpoint *c); /* new reference */

/* The file in such a directory with the pod. */
#define CRYO_POD_SOURCE "source.json"

/* A part of it: the names of the containers that are to be checkpointed, all but those that have
 * ended and ordinary init containers. */
void cryo_pod_checkpoint_names(const json_t *pod, struct cryo_strv *names);

#endif
