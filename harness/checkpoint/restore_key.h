/* SPDX-License-Identifier: Apache-2.0 */
/* The key of an encrypted archive, from files or a Secret, to the node of its restore. */
#ifndef CRYO_CHECKPOINT_RESTORE_KEY_H
#define CRYO_CHECKPOINT_RESTORE_KEY_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/sealing.h"

/* The files, before anything is made of them, and under the names that the user gave them. */
int cryo_restore_key_check(const struct cryo_restore_opts *opts, struct cryo_err *err);
/* As cryo_sealing_key_begin, which it calls; `ns`: of the Secret. */
int cryo_restore_key_deliver(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			     struct cryo_kube *k, const struct cryo_restore_opts *opts,
			     const char *ns, struct cryo_sealing_key *out, struct cryo_err *err);

#endif
