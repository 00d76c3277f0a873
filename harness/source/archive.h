/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of source/: tar files of sources, fetched once, unpacked with suspicion. */
#ifndef CRYO_SOURCE_ARCHIVE_H
#define CRYO_SOURCE_ARCHIVE_H

#include "source/tree.h"

/*
 * The file, checked: where it lies itself, or <cache>/archives/<sha256>. Caller frees *path.
 * -CRYO_E_CONFIG: it has another checksum.
 */
int cryo_archive_obtain(const struct cryo_source *src, const struct cryo_fetch_opts *o, char **path,
			struct cryo_err *err);

/* <cache>/archives/<sha256>, there or not; caller frees. */
char *cryo_archive_place(const struct cryo_source *src);

/*
 * What is below the one directory at its top, into `dir`, which is there and empty.
 * `links_outside`: links (named without the top) that may lead out of it, which is
 * where a build then looks; nothing is ever written by way of them.
 * -CRYO_E_CONFIG: names or links that lead out of it, devices, a repository inside,
 * more than one directory at the top, no tar archive, a damaged one.
 */
int cryo_archive_unpack(const char *path, const char *dir, const struct cryo_strv *links_outside,
			struct cryo_err *err);

#endif
