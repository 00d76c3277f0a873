/* SPDX-License-Identifier: Apache-2.0 */
/* Can CRIU restore the archive into that pod? Asked before anything is created. */
#ifndef CRYO_CHECKPOINT_POD_FIT_H
#define CRYO_CHECKPOINT_POD_FIT_H

#include "conf/json.h"
#include "criu/archive.h"

/* Where the token of the pod's ServiceAccount is mounted by admission. */
#define CRYO_TOKEN_MOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

/*
 * Compares what was mounted with what will be, and whose processes it sees.
 *   -CRYO_E_CONFIG   with the path: one volume more or less, another process namespace
 * Other differences are lines in `warnings`. Where the source had no token, the pod gets none.
 */
int cryo_pod_fit_check(json_t *pod, const struct cryo_archive *a, struct cryo_strv *warnings,
		       struct cryo_err *err);

/*
 * If the failure is of a file on a volume that begins empty or anew in each pod: that volume
 * in front of the message.
 */
void cryo_pod_fit_explain(const json_t *pod, const char *container, struct cryo_err *err);

#endif
