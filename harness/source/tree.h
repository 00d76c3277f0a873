/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source trees on disk. A `git`, `superproject` or `archive` source becomes a work
 * tree below <cache>/trees/<component>/<id>, with a repository in it whose HEAD is
 * the commit (detached; an archive is the one commit of a repository of its own),
 * so that `git log`, `git diff` and libgit2 work there. Its objects are borrowed
 * from the cache below <cache>/git.
 *
 * What is there under its name is whole: trees and caches are made beside their
 * place and renamed, under a lock each, so kill -9 and two runs at once do no harm.
 */
#ifndef CRYO_SOURCE_TREE_H
#define CRYO_SOURCE_TREE_H

#include "git/git.h"
#include "source/source.h"

struct cryo_tree {
	char *dir;		      /* absolute */
	char commit[CRYO_COMMIT_HEX]; /* of its HEAD before anybody patches it; "" for DIR */
	bool made;		      /* by this call */
};

/* Is it a kind that cryo_source_tree() can put on disk? All but modules and packages. */
bool cryo_source_has_tree(const struct cryo_source *src);

/*
 * See to it that the tree is there, unchanged. `o` may be NULL. Emits notes, no step
 * of its own; warnings where a branch left its pin. A DIR is handed out as it is.
 *   -CRYO_E_CONFIG     no such ref ("did you mean"), no such commit, checksum mismatch,
 *                      a path or URL that is refused
 *   -CRYO_E_PROVISION  offline and not cached; a tree changed by hand or made by somebody else
 *   -CRYO_E_UNFIT      no space
 *   -CRYO_E_REMOTE     the server or the network failed; -CRYO_E_TIMEOUT, …INTERRUPTED
 */
int cryo_source_tree(const struct cryo_source *src, const char *component,
		     const struct cryo_fetch_opts *o, struct cryo_tree *out, struct cryo_err *err);
void cryo_tree_release(struct cryo_tree *t);
#define cryo_tree_releasep cryo_tree_release

/* Where a component's tree of a commit (an archive's checksum) is or would be; caller frees. */
char *cryo_source_tree_dir(const char *component, const char *commit);

/* Did cryopod put it there? Nothing else is ever removed. */
bool cryo_tree_is_ours(const char *dir);

/*
 * Of a tree below <cache>/trees: did somebody change or commit something there, or put it there
 * himself? Then it is not for us to remove.
 */
bool cryo_source_tree_is_theirs(const char *dir);
/* The repositories in the cache whose objects a tree borrows, those of submodules too; appended. */
void cryo_source_tree_borrows(const char *dir, struct cryo_strv *paths);

/*
 * The commit as far as it is known without network: pinned in full, or written down
 * when it was fetched; "" if not yet. An archive's checksum is its commit here.
 */
int cryo_source_commit(const struct cryo_source *src, char out[CRYO_COMMIT_HEX],
		       struct cryo_err *err);

#endif
