/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way between directories and commits, for sources that come without a git
 * repository: what a series of patches goes on top of, and its result as files.
 */
#ifndef CRYO_PATCHES_BASE_H
#define CRYO_PATCHES_BASE_H

#include "base/err.h"
#include "patches/apply.h"

/* A directory, and where in the tree its files lie. */
struct cryo_base_part {
	const char *dir;
	const char *at; /* "" or "staging/src/k8s.io/cri-api" */
};

/*
 * The commit of these parts in the bare repository, which is made if it is not
 * there. `key` names them: what was made under a key is not made again. The commit
 * depends on nothing but contents, names and `message`. A part may hold files and
 * links; of modes only "executable" counts.
 */
int cryo_base_commit(const char *repository, const char *key, const char *message,
		     const struct cryo_base_part *part, size_t n, char commit[CRYO_COMMIT_HEX],
		     struct cryo_err *err);

/*
 * The files of a commit, byte for byte (no filter of somebody's git configuration),
 * without a repository; and those of its submodules, as deep as the work tree of
 * `repository` has them. What lies at `dir` is removed first; it appears whole.
 */
int cryo_base_checkout(const char *repository, const char *commit, const char *dir,
		       struct cryo_err *err);

#endif
