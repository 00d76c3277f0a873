/* SPDX-License-Identifier: Apache-2.0 */
/* Inside seal/: directories that hostile people may have filled. */
#ifndef CRYO_SEAL_DIR_H
#define CRYO_SEAL_DIR_H

#include "base/err.h"
#include "base/str.h"

/* Everything in it but "." and "..", sorted; at most 200000. The descriptor's offset stays. */
int cryo_seal_dir_list(int dir, struct cryo_strv *names, struct cryo_err *err);
/*
 * A regular file of it, for reading: links are not followed, devices and pipes
 * not touched. -CRYO_E_CONFIG; -CRYO_E_SYSTEM with ENOENT when it is not there.
 */
int cryo_seal_dir_open(int dir, const char *name, int *fd, struct cryo_err *err);
/* All of such a file, at most `max` bytes; appended. */
int cryo_seal_dir_read(int dir, const char *name, size_t max, struct cryo_str *out,
		       struct cryo_err *err);

#endif
