/* SPDX-License-Identifier: Apache-2.0 */
/* The pod that is to be checkpointed, and which of its containers: looked at before anything is
 * asked. */
#ifndef CRYO_CHECKPOINT_SUBJECT_H
#define CRYO_CHECKPOINT_SUBJECT_H

#include "base/err.h"
#include "kube/kube.h"

struct cryo_subject {
	json_t *pod;	       /* as it is now; NULL: we may not look */
	const char *container; /* borrowed from the pod or the caller; NULL: not known */
	int64_t waited_ms;     /* until it ran */
};

/*
 * `container` NULL: the only one; several are refused with their names, as are
 * one that is not there and one that does not run. One that is about to be started
 * is waited for, up to wait_ms (0: not at all; a step says so; -CRYO_E_TIMEOUT). No such pod:
 * -CRYO_E_REMOTE with 404. What the server does not let us look at: its refusal (403).
 */
int cryo_subject_look(struct cryo_kube *k, const char *ns, const char *pod, const char *container,
		      int64_t wait_ms, struct cryo_subject *out, struct cryo_err *err);
void cryo_subject_release(struct cryo_subject *s);
#define cryo_subject_releasep cryo_subject_release

const char *cryo_subject_node(const struct cryo_subject *s); /* NULL: not known */
/* What the runtime calls the container: "containerd://0123…" → "0123…"; "" if not known. */
const char *cryo_subject_runtime_id(const struct cryo_subject *s);
/* Which container of the pod an archive of that name is of; NULL if none. */
const char *cryo_subject_of_archive(const struct cryo_subject *s, const char *archive);

#endif
