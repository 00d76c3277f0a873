/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place in memory for plain images: a tmpfs of our own that is mounted
 * nowhere. It has no name anybody could open, does not go to swap where the
 * kernel can promise that, and is gone with the last process that uses it, also
 * after SIGKILL. On kernels without that (before 5.2), and where one is named
 * in the configuration, a directory on a tmpfs serves.
 */
#ifndef CRYO_INTERPOSER_STORE_H
#define CRYO_INTERPOSER_STORE_H

#include "base/err.h"

#include <sys/types.h>

struct cryo_store {
	int dir;    /* 0700, not close-on-exec: CRIU needs it too */
	int mount;  /* keeps the mount, -1 with a directory */
	char *path; /* of the directory; NULL with a mount */
};
#define CRYO_STORE_INIT                                                                            \
	{                                                                                          \
		.dir = -1, .mount = -1                                                             \
	}

/*
 * `tmpfs`: where to make a directory, NULL: a mount of our own, or <run>/plain. `need`: bytes
 * that are expected, `limit`: bytes it may take at most (0: what is available).
 * Directories that dead processes left in `tmpfs` are removed first.
 *   -CRYO_E_UNFIT  no tmpfs there, or not enough memory
 */
int cryo_store_make(const char *tmpfs, const char *run, uint64_t need, uint64_t limit,
		    struct cryo_store *s, struct cryo_err *err);
/* Can that much be had? -CRYO_E_UNFIT */
int cryo_store_check(uint64_t need, uint64_t limit, struct cryo_err *err);
/* Removes the directory with all that is in it. */
void cryo_store_remove(struct cryo_store *s);
#define cryo_store_removep cryo_store_remove

/* Bytes that CRIU will write for a process and its descendants: their anonymous and shared memory.
 * 0 for what cannot be seen. */
uint64_t cryo_store_estimate(pid_t pid);

#endif
