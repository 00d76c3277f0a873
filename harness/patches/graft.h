/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of patches/: one mail onto one tree, by git on an index of its own. */
#ifndef CRYO_PATCHES_GRAFT_H
#define CRYO_PATCHES_GRAFT_H

#include "patches/apply.h"
#include "patches/mail.h"

struct cryo_graft {
	git_repository *repo;
	struct cryo_gitbox box;
	git_oid head, tree;	    /* where it stands; the index of the box is of this tree */
	const struct cryo_patch *p; /* for messages */
};

int cryo_graft_open(const char *repository, const char *base, struct cryo_graft *out,
		    struct cryo_err *err);
void cryo_graft_close(struct cryo_graft *g);
#define cryo_graft_closep cryo_graft_close
int cryo_graft_read_tree(struct cryo_graft *g, const git_oid *tree, struct cryo_err *err);

/*
 * *result and the index: the tree with the patch; untouched when how->kind is CONTAINED or
 * CONFLICT, which are answers. `how` is zeroed by the caller.
 */
int cryo_graft(struct cryo_graft *g, const struct cryo_mail *m, git_oid *result,
	       struct cryo_applied *how, struct cryo_err *err);

/* The mail as a commit, from where `g` stands: -CRYO_E_CONFIG if it does not apply. */
int cryo_graft_commit(struct cryo_graft *g, const struct cryo_patch *p, const struct cryo_mail *m,
		      struct cryo_err *err);

/* Inside of graft: what git said of a patch that does not apply, in our words. */
void cryo_graft_explain(const struct cryo_graft *g, const struct cryo_mail *m, const char *said,
			struct cryo_applied *how);
/* The line of the patch file where the diff begins. */
unsigned cryo_graft_diff_line(const struct cryo_graft *g, const struct cryo_mail *m);
/* Are the changes from one tree to the other such that a source tree may have them? */
int cryo_graft_check(const struct cryo_graft *g, const struct cryo_mail *m, const git_oid *result,
		     struct cryo_err *err);

#endif
