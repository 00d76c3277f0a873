/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A patch series onto the commit of a repository: each patch becomes a commit on
 * top, of its author and date, and the same input gives the same commit ids. Only
 * objects are added: no ref, index or work tree changes, so that nothing is ever
 * half applied.
 */
#ifndef CRYO_PATCHES_APPLY_H
#define CRYO_PATCHES_APPLY_H

#include "patches/series.h"
#include "source/tree.h"

enum cryo_fit_kind {
	CRYO_FITS,	    /* applies where it says */
	CRYO_FITS_MOVED,    /* applies, some lines away */
	CRYO_FITS_MERGED,   /* a three-way merge with what it was written for */
	CRYO_FIT_CONTAINED, /* what it changes is there already */
	CRYO_FIT_CONFLICT,
};

/* How one patch of a series took to a tree. */
struct cryo_applied {
	enum cryo_fit_kind kind;
	char *subject; /* owned: of its first mail */
	long offset;   /* MOVED: by how many lines at most, negative: up */
	char *where;   /* CONFLICT: owned, "pkg/kubelet/server/server.go:812" */
	char *why;     /* CONFLICT: owned, what the patch wants and what is there instead */
	unsigned line; /* CONFLICT: of the hunk in the patch file; 0: none */
};

/*
 * All of it, or -CRYO_E_CONFIG: which patch, which of its lines, the place in the
 * source and what is there instead; also for a patch whose changes are there
 * already. `repository`: a work tree or bare; `base`: a commit in hex.
 */
int cryo_series_apply(const char *repository, const char *base, const struct cryo_series *s,
		      char head[CRYO_COMMIT_HEX], struct cryo_err *err);
/*
 * How would it go? A patch that does not apply or is contained is left out for
 * those behind it. `out`: one per patch, zeroed, to be released by the caller also
 * after a failure.
 */
int cryo_series_try(const char *repository, const char *base, const struct cryo_series *s,
		    struct cryo_applied *out, char head[CRYO_COMMIT_HEX], struct cryo_err *err);
void cryo_applied_release(struct cryo_applied *a, size_t n);

/*
 * The paths the patches touch, those they rename away from included. -CRYO_E_CONFIG when a
 * mail or its diff cannot be read or a path leads where no source lies: absolute, with "..",
 * into a .git directory.
 */
int cryo_series_paths(const struct cryo_series *s, struct cryo_strv *paths, struct cryo_err *err);

#endif
