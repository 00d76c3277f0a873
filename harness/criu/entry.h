/* SPDX-License-Identifier: Apache-2.0 */
/* Images of CRIU in an archive, and the form that all of them have: two words that say of which
 * kind, then sizes and entries.
 */
#ifndef CRYO_CRIU_ENTRY_H
#define CRYO_CRIU_ENTRY_H

#include "base/str.h"

#define CRYO_CRIU_IMAGE_MAX (1u << 20) /* bytes of those that are read */

#define CRYO_ARCHIVE_IMAGES "checkpoint/" /* an archive's directory of them */
/* The image that this member of an archive is, NULL if it is none. Borrowed of `member`. */
const char *cryo_criu_image_of(const char *member);

/*
 * The entry at *at (0: the first), which moves behind it; *n is its size. NULL at the end, which is
 * *at == image->len, or where the image is damaged. Borrowed of `image`.
 */
const uint8_t *cryo_criu_entry_next(const struct cryo_str *image, size_t *at, size_t *n);

/* "core-17.img" is image "core-" of process 17. */
bool cryo_criu_entry_is_of(const char *name, const char *prefix, uint32_t *pid);

/* What a process is called: printable ASCII, else '?'. `to` has room for `size` bytes. */
void cryo_criu_entry_name(char *to, size_t size, const void *comm, size_t len);

#endif
