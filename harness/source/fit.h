/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of source/: where in a file the hunks of a patch belong. libgit2 looks
 * only at the very line that the hunk names; on another version of the file the
 * place has moved.
 */
#ifndef CRYO_SOURCE_FIT_H
#define CRYO_SOURCE_FIT_H

#include "base/str.h"
#include "source/repo.h"

struct cryo_fit {
	size_t n;    /* hunks */
	long *shift; /* owned; of each hunk, in lines of the file as it is */
	bool fits;
	/* When it does not fit: the first hunk that has no place, and where it comes nearest. */
	size_t hunk;
	size_t line; /* in the file, from 1 */
	/* Owned: the lines that differ. `wants` NULL: none does, but they are not at the file's
	 * begin or end; `there` NULL: the file ends before. */
	char *wants, *there;
};

/*
 * Places every hunk of `patch` in the text: at its line, else at the nearest place
 * behind the hunk before it where all of its old lines are. `undo`: looks for the
 * new lines instead, as if the patch were to be taken back.
 */
int cryo_fit_find(git_patch *patch, bool undo, const char *text, size_t len, struct cryo_fit *out,
		  struct cryo_err *err);
/* The farthest that a hunk had to move. */
long cryo_fit_offset(const struct cryo_fit *fit);
void cryo_fit_release(struct cryo_fit *fit);
#define cryo_fit_releasep cryo_fit_release

#endif
