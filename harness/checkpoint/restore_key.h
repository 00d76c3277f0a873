/* SPDX-License-Identifier: Apache-2.0 */
/* The key of an encrypted archive, from files or a Secret, to the node of its restore. */
#ifndef CRYO_CHECKPOINT_RESTORE_KEY_H
#define CRYO_CHECKPOINT_RESTORE_KEY_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/sealing.h"

/* The files, before anything is made of them, and under the names that the user gave them. */
int cryo_restore_key_check(const struct cryo_restore_opts *opts, struct cryo_err *err);
/* Key and certificate as PEM, from the Secret (of `ns`) or the files; both stay empty without. The
 * caller wipes the key. */
int cryo_restore_key_get(struct cryo_kube *k, const struct cryo_restore_opts *opts, const char *ns,
			 struct cryo_str *key, struct cryo_str *cert, struct cryo_err *err);

#endif
