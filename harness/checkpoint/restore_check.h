/* SPDX-License-Identifier: Apache-2.0 */
/* What of a restore can be refused by looking at what was given. */
#ifndef CRYO_CHECKPOINT_RESTORE_CHECK_H
#define CRYO_CHECKPOINT_RESTORE_CHECK_H

#include "checkpoint/checkpoint.h"
#include "criu/archive.h"

/* -CRYO_E_USAGE */
int cryo_restore_check_opts(const struct cryo_restore_opts *opts, struct cryo_err *err);
/*
 * -CRYO_E_CONFIG: compressed, or of a containerd that cannot restore it. -CRYO_E_TAMPER: a key is
 * given, and it is not sealed.
 */
int cryo_restore_check_archive(const struct cryo_restore_opts *opts, const char *path,
			       const struct cryo_archive *a, struct cryo_err *err);

#endif
