/* SPDX-License-Identifier: Apache-2.0 */
/* The new pod of a restore: created, bound to its node when its keys are bound to it, waited for.
 */
#ifndef CRYO_CHECKPOINT_RESTORE_POD_H
#define CRYO_CHECKPOINT_RESTORE_POD_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/sealing.h"

/* Name, namespace, node and images of the new pod, and CRIU's configuration. */
void cryo_restore_pod_adapt(json_t *pod, const struct cryo_restore *r, const char *criu_config);

/*
 * With keys the pod is for no scheduler (schedulerName "cryopod"): only when they are bound to its
 * uid it gets its node. *last: the pod as it runs, new reference. After a failure it is gone.
 */
int cryo_restore_pod_run(struct cryo_kube *k, json_t *pod, const struct cryo_restore *r,
			 struct cryo_sealing_key *key, size_t keys, int64_t limit, json_t **last,
			 struct cryo_err *err);

#endif
