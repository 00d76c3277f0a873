/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of patches/: one mail onto one tree, by git on an index of what the series touches. */
#ifndef CRYO_PATCHES_GRAFT_H
#define CRYO_PATCHES_GRAFT_H

#include "patches/apply.h"
#include "git/box.h"

struct cryo_graft {
	git_repository *repo;
	struct cryo_gitbox box;
	struct cryo_strv paths;	    /* what the series can touch */
	git_oid head, tree;	    /* where it stands */
	git_oid part;		    /* of the tree what is in the index of the box */
	const struct cryo_patch *p; /* for messages */
};

/* At a commit in hex; reads the mails of the series that were not read yet. */
int cryo_graft_open(const char *repository, const char *base, const struct cryo_series *s,
		    struct cryo_graft *out, struct cryo_err *err);
void cryo_graft_close(struct cryo_graft *g);
#define cryo_graft_closep cryo_graft_close
/* To where it stood before. */
int cryo_graft_go_back(struct cryo_graft *g, const git_oid *head, const git_oid *tree,
		       struct cryo_err *err);

/*
 * The mail onto g->tree, which stays when how->kind is CONTAINED or CONFLICT: these are answers.
 * `how` is zeroed by the caller.
 */
int cryo_graft(struct cryo_graft *g, const struct cryo_mail *m, struct cryo_applied *how,
	       struct cryo_err *err);

/* Inside of graft: what git said of a patch that does not apply, in our words. */
void cryo_graft_explain(const struct cryo_graft *g, const struct cryo_mail *m, const char *said,
			struct cryo_applied *how);
/* May a source tree have what differs? -CRYO_E_CONFIG if not. */
int cryo_graft_check(const struct cryo_graft *g, const struct cryo_mail *m, git_diff *diff,
		     struct cryo_err *err);

#endif
