/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree to work on a patch series in: an ordinary git repository whose tag `base`
 * is the source without patches, with one commit per patch on the branch `series`.
 * Everything git can do may be done there. What is to stay are the commits since
 * `base`: they are written back as the series.
 */
#ifndef CRYO_PATCHES_WORKBENCH_H
#define CRYO_PATCHES_WORKBENCH_H

#include "patches/apply.h"

/*
 * Make it at `dir` and put the series on it. It holds all it needs, `repository`,
 * where the commit `base` is from, may go. *applied: how many patches went on; when
 * it is less than all of them, *why (the caller's) tells what is wrong with the next.
 *   -CRYO_E_CONFIG   something lies there that is no tree of ours, or one with changes
 *                    or commits that are not in the series
 */
int cryo_workbench_open(const char *dir, const char *repository, const char *base,
			const struct cryo_series *s, size_t *applied, char **why,
			struct cryo_err *err);

struct cryo_workbench_change {
	char *name;	  /* of the patch */
	const char *what; /* "added", "changed", "removed", "same" */
};
struct cryo_workbench_changes {
	struct cryo_workbench_change *v;
	size_t n;
};
/*
 * Write the commits since `base` into `series_dir`, numbered, the same bytes for the
 * same commits whoever does it and whenever. Patches that no commit stands for go.
 *   -CRYO_E_CONFIG   changes that are not committed, a rebase that is not done, a merge,
 *                    a message that would not survive as a mail; nothing is written then
 */
int cryo_workbench_refresh(const char *dir, const char *series_dir,
			   struct cryo_workbench_changes *out, struct cryo_err *err);
void cryo_workbench_changes_release(struct cryo_workbench_changes *c);
#define cryo_workbench_changes_releasep cryo_workbench_changes_release

#endif
