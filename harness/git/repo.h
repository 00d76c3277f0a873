/* SPDX-License-Identifier: Apache-2.0 */
/* libgit2 for series of patches: scope exit, commits without a clock. */
#ifndef CRYO_GIT_REPO_H
#define CRYO_GIT_REPO_H

#include "git/git.h"

#include <git2.h>

CRYO_DEFINE_AUTO(git_blob, git_blob_free)
CRYO_DEFINE_AUTO(git_commit, git_commit_free)
CRYO_DEFINE_AUTO(git_diff, git_diff_free)
CRYO_DEFINE_AUTO(git_index, git_index_free)
CRYO_DEFINE_AUTO(git_patch, git_patch_free)
CRYO_DEFINE_AUTO(git_reference, git_reference_free)
CRYO_DEFINE_AUTO(git_repository, git_repository_free)
CRYO_DEFINE_AUTO(git_signature, git_signature_free)
CRYO_DEFINE_AUTO(git_tree, git_tree_free)
CRYO_DEFINE_AUTO(git_tree_entry, git_tree_entry_free)

/* A work tree or a bare repository; never one of a directory above. */
int cryo_repo_open(const char *path, git_repository **out, struct cryo_err *err);
/* The same, made bare if it is not there. */
int cryo_repo_open_bare(const char *path, git_repository **out, struct cryo_err *err);
/*
 * From now on byte for byte, for git as for us: neither the tree's .gitattributes nor
 * somebody's configuration turns line ends, or makes a file look changed that is not.
 */
int cryo_repo_take_bytes(git_repository *repo, struct cryo_err *err);
int cryo_repo_commit(git_repository *repo, const char *hex, git_commit **out, struct cryo_err *err);

/*
 * A commit whose id depends on nothing but what is given here: the committer is
 * always the same, at the author's time. `parent` NULL: none.
 */
int cryo_repo_add_commit(git_repository *repo, git_commit *parent, const git_oid *tree,
			 const git_signature *author, const char *message, git_oid *out,
			 struct cryo_err *err);

/* Files and links of one tree and the other: which are new, gone, changed, of another type. */
int cryo_repo_compare(git_repository *repo, const git_oid *from, const git_oid *to, git_diff **out,
		      struct cryo_err *err);

#endif
