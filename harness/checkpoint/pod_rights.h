/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pod's spec gives the processes of a container, compared with what an archive says that
 * they have: CRIU gives them that, whatever the spec, and the Pod Security level of the
 * namespace has only looked at the spec.
 */
#ifndef CRYO_CHECKPOINT_POD_RIGHTS_H
#define CRYO_CHECKPOINT_POD_RIGHTS_H

#include "conf/json.h"
#include "criu/rights.h"

/*
 * `r` is whole. -CRYO_E_CONFIG: a process has more than a new one could have there; the message
 * names it. What the spec leaves to the image (the user) or to the node (a seccomp profile) is not
 * compared.
 */
int cryo_pod_rights_check(const json_t *pod, const char *container, const struct cryo_rights *r,
			  struct cryo_err *err);

#endif
