/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a checkpoint archive unreadable, sealed by cryopod or fork-encrypted by CRIU's branch
 * (criu/forked.h)? A verdict from the archive's bytes and the
 * counter's nonce, without any key: every image has the form of a sealed file,
 * and the canary is nowhere in the archive, its padding and whatever follows its
 * end included. (Not looked for in compressed members: rootfs-diff.tar holds
 * files the container wrote, never memory.)
 *
 * That a plain archive does hold the canary shows that the search can find it.
 */
#ifndef CRYO_VERIFY_CIPHERTEXT_H
#define CRYO_VERIFY_CIPHERTEXT_H

#include "base/err.h"

enum cryo_ciphertext_reason {
	CRYO_CIPHERTEXT_OK,
	CRYO_CIPHERTEXT_READABLE,     /* the canary is in it */
	CRYO_CIPHERTEXT_NOT_SEALED,   /* no checkpoint/seal.cms */
	CRYO_CIPHERTEXT_BAD_CMS,      /* seal.cms is not a CMS that could hold a key */
	CRYO_CIPHERTEXT_PLAIN_MEMBER, /* an image that does not begin as a sealed file does */
	CRYO_CIPHERTEXT_BAD_SIZE,     /* … with a size that no sealed file has */
	CRYO_CIPHERTEXT_NO_IMAGES,    /* seal.cms and nothing else */
	CRYO_CIPHERTEXT_NO_CANARY,    /* no nonce is known: nothing to look for */
	CRYO_CIPHERTEXT_CLEAR_PARTS,  /* fork-encrypted, with images that the branch leaves in clear
				       */
};
/* "ok", "readable", "plain-member" …: for programs, so they never change. */
const char *cryo_ciphertext_reason_name(enum cryo_ciphertext_reason r);

struct cryo_ciphertext {
	enum cryo_ciphertext_reason reason; /* the worst */
	bool sealed;	/* there is a seal.cms, or a cipher.img of CRIU's branch */
	size_t images;	/* members of sealed or fork-encrypted form */
	uint64_t hits;	/* of the canary */
	char text[512]; /* one sentence for people */
};

/*
 * `nonce` as in the log; "" if none is known.
 *   -CRYO_E_CONFIG   no archive, or one that is cut short
 */
int cryo_ciphertext_judge(const char *path, const char *nonce, struct cryo_ciphertext *out,
			  struct cryo_err *err);

#endif
