/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images as CRIU's branch `encrypted-images` writes them (fork-encrypted, with a
 * cipher.img), told from plain ones without any key: by their framing. What the branch
 * leaves in clear is named. Hostile input.
 */
#ifndef CRYO_CRIU_FORKED_H
#define CRYO_CRIU_FORKED_H

#include "base/str.h"

enum cryo_forked_form {
	CRYO_FORKED_ENCRYPTED,
	CRYO_FORKED_EMPTY, /* nothing in it to encrypt */
	CRYO_FORKED_CLEAR, /* in clear, wholly or in part: so the branch does it */
	CRYO_FORKED_PLAIN, /* not as the branch writes it */
};

struct cryo_forked {
	unsigned key_bits;	/* of the RSA key, by cipher.img; 0: it cannot be read */
	size_t encrypted;	/* images */
	struct cryo_strv clear; /* "NAME: what it shows" */
	struct cryo_strv plain; /* names of those that should have been encrypted */
	bool padding;		/* bytes of the process that dumped fill packets up: half of the
				   token has been seen there */
};

#define CRYO_FORKED_HEAD (1u << 20) /* bytes of an image that are enough to judge it */

/* One image: its name without directories, its first bytes, its whole size. */
enum cryo_forked_form cryo_forked_take(struct cryo_forked *f, const char *name, const char *head,
				       size_t have, uint64_t size);
/* Known weaknesses of such a checkpoint, one sentence each; NULL-terminated, borrowed. */
const char *const *cryo_forked_weaknesses(void);
void cryo_forked_release(struct cryo_forked *f);

#endif
