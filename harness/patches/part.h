/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of patches/: of a tree only what a series can touch, as an index file for git, and the
 * whole tree again with what became of it. An index of all files would cost git more time than
 * the patches.
 */
#ifndef CRYO_PATCHES_PART_H
#define CRYO_PATCHES_PART_H

#include "base/str.h"
#include "git/repo.h"

/*
 * The index of what lies at these paths of a tree, below them, and in their way (a file or link
 * where a path wants a directory). `part`: as a tree.
 */
int cryo_part_write(git_repository *repo, const git_oid *tree, const struct cryo_strv *paths,
		    const char *index, git_oid *part, struct cryo_err *err);
/* The tree of an index as git left it. */
int cryo_part_read(git_repository *repo, const char *index, git_oid *part, struct cryo_err *err);
/* The tree with what became of its part; modes in what it writes are git's. */
int cryo_part_lift(git_repository *repo, const git_oid *tree, const git_oid *before,
		   const git_oid *after, git_oid *out, struct cryo_err *err);

#endif
