/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of patches/: why a hunk does not fit, where git says only that it does not. */
#ifndef CRYO_PATCHES_EXPLAIN_H
#define CRYO_PATCHES_EXPLAIN_H

#include "base/str.h"

struct cryo_hunk {
	const char *header, *text; /* "@@ -3,7 +3,7 @@ …", and the lines behind it */
	size_t header_len;
	long start; /* line of the old file, from 1 */
};

/* The hunk of `path` that begins at this line of the old file; false if there is none. */
bool cryo_hunk_find(const char *diff, const char *path, long start, struct cryo_hunk *out);
/*
 * Where in the text its old lines come nearest, from line 1, and what differs there; the
 * caller frees *why.
 */
size_t cryo_hunk_explain(const struct cryo_hunk *hunk, const char *text, size_t len, char **why);

#endif
