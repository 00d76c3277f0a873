/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counter's canary (counter-container/counter.c): a text that follows from
 * its nonce and is only in its memory. The nonce is in the log, so the canary is
 * known without having been read from where it is looked for.
 */
#ifndef CRYO_VERIFY_CANARY_H
#define CRYO_VERIFY_CANARY_H

#include "base/err.h"

#define CRYO_CANARY_LEN 24 /* "canary-", 16 hex digits and NUL */

/* `nonce` as in the log; false: it is none. */
bool cryo_canary_text(const char *nonce, char out[CRYO_CANARY_LEN]);

/* Where a text occurs in a stream of bytes that comes in pieces of any size. */
#define CRYO_SEARCH_MAX 64
struct cryo_search {
	const char *text; /* borrowed */
	size_t len;	  /* 1 … CRYO_SEARCH_MAX */
	uint64_t hits;	  /* overlapping ones too */
	uint64_t first;	  /* offset of the first, valid if hits > 0 */
	uint64_t at;	  /* bytes so far */
	char tail[CRYO_SEARCH_MAX];
	size_t kept; /* bytes in tail: what a hit across the border could begin with */
};

void cryo_search_begin(struct cryo_search *s, const char *text);
void cryo_search_feed(struct cryo_search *s, const void *data, size_t n);
/* All of a file, its raw bytes: what is compressed in it is not seen. */
int cryo_search_file(struct cryo_search *s, const char *path, struct cryo_err *err);

#endif
