/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages that do not come with the images of a restore (criu/pages.h): found on the node, and
 * handed to CRIU as what they are. Nothing is restored from a file that is not there any more, or
 * not as it was.
 */
#ifndef CRYO_INTERPOSER_FEED_H
#define CRYO_INTERPOSER_FEED_H

#include "criu/pages.h"
#include "seal/set.h"

struct cryo_feed {
	struct cryo_pages pages;     /* n 0: all comes with the images */
	struct cryo_seal_part *part; /* the same for a sealed set; owned */
	int source;		     /* the file that holds them; -1: none */
};
#define CRYO_FEED_INIT                                                                             \
	{                                                                                          \
		.source = -1                                                                       \
	}

/*
 * What `images` says of pages that are in a file of the directory `dir`. 1: it does, 0: all is
 * there. -CRYO_E_TAMPER: there is no such file, or it is not as large as it should be.
 */
int cryo_feed_find(int images, const char *dir, bool sealed, struct cryo_feed *f,
		   struct cryo_err *err);
/* Bytes of all of them. */
uint64_t cryo_feed_bytes(const struct cryo_feed *f);
/* Plain images and pages into `out`, a directory that is empty. -CRYO_E_TAMPER: a sum is not
 * right. After a failure `out` is of no use. */
int cryo_feed_copy(const struct cryo_feed *f, int images, int out, struct cryo_err *err);
void cryo_feed_release(struct cryo_feed *f);
#define cryo_feed_releasep cryo_feed_release

#endif
