/* SPDX-License-Identifier: Apache-2.0 */
/* Everything below a directory in the order of its names, directories before what is in them. */
#ifndef CRYO_IMAGE_WALK_H
#define CRYO_IMAGE_WALK_H

#include "base/err.h"

#include <sys/stat.h>

struct cryo_walk_entry {
	const char *name; /* below the directory, no leading slash; borrowed for the call */
	const char *path; /* as it can be opened */
	struct stat st;	  /* of itself, links are not followed */
};

#define CRYO_WALK_SKIP 1 /* a visit's answer: not into this directory */
typedef int (*cryo_walk_visit)(const struct cryo_walk_entry *e, void *arg, struct cryo_err *err);
/* A negative answer of a visit ends it and is returned. */
int cryo_walk_tree(const char *dir, cryo_walk_visit visit, void *arg, struct cryo_err *err);

#endif
