/* SPDX-License-Identifier: Apache-2.0 */
/* Debian root file systems by mmdebstrap: made once, published by rename, shared read-only. */
#ifndef CRYO_IMAGE_ROOTFS_H
#define CRYO_IMAGE_ROOTFS_H

#include "base/err.h"

/*
 * Make the tree at `dir` (which does not exist yet, its parent does) with these
 * packages, minbase variant, no mirror named. Runs isolated: a killed run leaves
 * no mount and no process, and its temporary directory beside `dir` is removed
 * by the next one. Emits step notes (what mmdebstrap is doing). Beside the tree,
 * as <dir>.packages, the exact versions ("name version" lines).
 *   -CRYO_E_UNFIT   no root, no mmdebstrap
 *   -CRYO_E_PROVISION   with mmdebstrap's decisive line and the log's path
 */
int cryo_rootfs_make(const char *dir, const char *suite, const char *const *packages,
		     const char *log_path, struct cryo_err *err);

#endif
