/* SPDX-License-Identifier: Apache-2.0 */
/* An archive without the contents of its pages-N.img, and where these are in it. */
#ifndef CRYO_CRIU_ARCHIVE_PAGES_H
#define CRYO_CRIU_ARCHIVE_PAGES_H

#include "criu/pages.h"

/*
 * Members of an uncompressed archive of `size` bytes that can be left out: *out has them in the
 * order of the archive, sums for a plain one (which reads them all) and its source name. None
 * (out->n is 0) where a member is of a kind whose bytes are not simply there.
 *   -CRYO_E_CONFIG  it has a file CRYO_PAGES_REF itself: whoever made it would choose the pages
 */
int cryo_archive_pages(const char *path, int fd, uint64_t size, bool sealed, struct cryo_pages *out,
		       struct cryo_err *err);
/* The archive without them, and with the reference instead, as a new file (0600). */
int cryo_archive_strip(int fd, uint64_t size, const struct cryo_pages *p, const char *to,
		       struct cryo_err *err);

#endif
