/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of source/: one patch onto one tree. */
#ifndef CRYO_SOURCE_GRAFT_H
#define CRYO_SOURCE_GRAFT_H

#include "source/apply.h"
#include "source/repo.h"

/* The diff of a patch, its paths checked (cryo_patch_paths()). */
int cryo_graft_diff(const struct cryo_patch *p, git_diff **out, struct cryo_err *err);

/*
 * *result: the tree with the patch; untouched when how->kind is CONTAINED or
 * CONFLICT, which are answers. `how` is zeroed by the caller.
 */
int cryo_graft(git_repository *repo, git_tree *tree, const struct cryo_patch *p, git_oid *result,
	       struct cryo_applied *how, struct cryo_err *err);

/* A diff's text with its hunks at their places: shift[i] lines away, for all hunks of all files in
 * order. -CRYO_E_CONFIG if it has not just n hunks. */
int cryo_graft_move(const struct cryo_patch *p, const long *shift, size_t n, struct cryo_str *out,
		    struct cryo_err *err);
/* The line of the patch file where hunk `index` (of all) begins; 0 if there is none. */
unsigned cryo_graft_line(const struct cryo_patch *p, size_t index);

#endif
