/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controllers take any pod that their selector fits and that nobody owns, and
 * delete the one that is too much. A restored pod must not be found by them.
 */
#ifndef CRYO_CHECKPOINT_POD_ADOPTION_H
#define CRYO_CHECKPOINT_POD_ADOPTION_H

#include "kube/kube.h"

/* Drops a label for each controller of the namespace that would take the pod, and says so in
 * `notes`. What cannot be listed (no right to) is left out. */
void cryo_pod_adoption_avoid(struct cryo_kube *k, const char *ns, const char *name, json_t *pod,
			     struct cryo_strv *notes);

/*
 * For cryo_kube_wait: as cryo_kube_test_pod_running, but a pod that is deleted
 * has failed, and who did it is said. `arg` is a struct cryo_pod_adoption.
 */
struct cryo_pod_adoption {
	char *owner; /* "ReplicaSet 'web-7d9c'", once one has it; owned */
	bool seen;
};
int cryo_pod_adoption_test(const json_t *object, void *arg, char **why, struct cryo_err *err);

#endif
