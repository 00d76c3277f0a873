/* SPDX-License-Identifier: Apache-2.0 */
/* Tar files of sources, fetched once, unpacked with suspicion. */
#ifndef CRYO_ARCHIVES_ARCHIVE_H
#define CRYO_ARCHIVES_ARCHIVE_H

#include "git/git.h"
#include "sys/hash.h"

struct cryo_tarball {
	const char *address; /* or an absolute path */
	const char *sha256;  /* of the file */
};

/*
 * The file, checked: where it lies itself, or <cache>/archives/<sha256>. Caller frees *path.
 * -CRYO_E_CONFIG: it has another checksum.
 */
int cryo_tarball_obtain(const struct cryo_tarball *a, const struct cryo_fetch_opts *o, char **path,
			struct cryo_err *err);

/* <cache>/archives/<sha256>, there or not; caller frees. */
char *cryo_tarball_place(const char *sha256);

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
