/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies in a checkpoint archive beside what a restore asks for (archive.h): how
 * much memory, whether it is encrypted, which processes. Hostile input, as there.
 */
#ifndef CRYO_CRIU_CONTENTS_H
#define CRYO_CRIU_CONTENTS_H

#include "base/err.h"
#include "base/str.h"
#include "criu/forked.h"

struct cryo_process {
	uint32_t pid, ppid; /* as in the container; ppid 0: the first */
	size_t threads;
	uint64_t page_bytes; /* memory of it in the archive, by its page map; pages of 4 KiB */
	char name[32];	     /* printable ASCII, else '?'; "" if its image does not say */
};

struct cryo_contents {
	size_t images;		      /* files of CRIU */
	uint64_t image_bytes;	      /* all of them */
	uint64_t page_bytes;	      /* memory in them (pages-*.img) */
	uint64_t rootfs_bytes;	      /* rootfs-diff.tar: what was changed in the file system */
	const char *encryption;	      /* "seal", "criu" (it did so itself); NULL: plain */
	struct cryo_forked forked;    /* of each image, if `encryption` is "criu" */
	struct cryo_process *process; /* owned; parents may be anywhere in the list */
	size_t n;		      /* at most 4096; 0: encrypted, or not to be read */
};

/* Walks the whole archive; fails as cryo_tar_walk. What is no image of CRIU's is left out. */
int cryo_contents_load(const char *path, struct cryo_contents *out, struct cryo_err *err);
void cryo_contents_release(struct cryo_contents *c);
#define cryo_contents_releasep cryo_contents_release

#endif
