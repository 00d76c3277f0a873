/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/part.h"

#include <stdlib.h>
#include <string.h>

/* --- a part --- */

static int add_part_entry(git_index *index, const char *path, const git_tree_entry *e)
{
	git_index_entry entry = { .mode = git_tree_entry_filemode(e), .path = path };

	git_oid_cpy(&entry.id, git_tree_entry_id(e));
	return git_index_add(index, &entry);
}

struct part_walk {
	git_index *index;
	const char *at;
};

static int add_walked_entry(const char *root, const git_tree_entry *e, void *arg)
{
	const struct part_walk *w = arg;
	cryo_auto(cryo_free) char *path =
	    cryo_asprintf("%s/%s%s", w->at, root, git_tree_entry_name(e));

	return git_tree_entry_type(e) == GIT_OBJECT_TREE ? 0 : add_part_entry(w->index, path, e);
}

static int add_part_below(git_repository *repo, git_index *index, const char *path,
			  const git_tree_entry *e)
{
	struct part_walk w = { index, path };
	cryo_auto(git_tree_free) git_tree *tree = NULL;
	int rc = git_tree_lookup(&tree, repo, git_tree_entry_id(e));

	return rc < 0 ? rc : git_tree_walk(tree, GIT_TREEWALK_PRE, add_walked_entry, &w);
}

/* From the top down, as far as there is a directory. */
static int add_part_path(git_repository *repo, git_index *index, const git_tree *tree,
			 const char *path)
{
	for (const char *end = path; *end; end++) {
		cryo_auto(git_tree_entry_free) git_tree_entry *e = NULL;
		cryo_auto(cryo_free) char *prefix = NULL;
		int rc;

		end += strcspn(end, "/");
		prefix = cryo_strndup(path, (size_t)(end - path));
		rc = git_tree_entry_bypath(&e, tree, prefix);
		if (rc < 0)
			return rc == GIT_ENOTFOUND ? 0 : rc;
		if (git_tree_entry_type(e) != GIT_OBJECT_TREE)
			return add_part_entry(index, prefix, e);
		if (!*end)
			return add_part_below(repo, index, prefix, e);
	}
	return 0;
}

/* What no tree can have git refuses by itself. */
static bool is_part_path(const char *path)
{
	return *path && *path != '/' && !strstr(path, "//") && !cryo_ends_with(path, "/");
}

static int fill_part(git_repository *repo, git_index *index, const git_oid *tree,
		     const struct cryo_strv *paths)
{
	cryo_auto(git_tree_free) git_tree *t = NULL;
	int rc = git_tree_lookup(&t, repo, tree);

	for (size_t i = 0; rc == 0 && i < paths->n; i++)
		if (is_part_path(paths->v[i]))
			rc = add_part_path(repo, index, t, paths->v[i]);
	return rc;
}

int cryo_part_write(git_repository *repo, const git_oid *tree, const struct cryo_strv *paths,
		    const char *index, git_oid *part, struct cryo_err *err)
{
	cryo_auto(git_index_free) git_index *i = NULL;

	if (git_index_open(&i, index) < 0 || git_index_clear(i) < 0 ||
	    fill_part(repo, i, tree, paths) < 0 || git_index_write(i) < 0 ||
	    git_index_write_tree_to(part, i, repo) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "cannot read tree %s",
				    git_oid_tostr_s(tree));
	return 0;
}

int cryo_part_read(git_repository *repo, const char *index, git_oid *part, struct cryo_err *err)
{
	cryo_auto(git_index_free) git_index *i = NULL;

	if (git_index_open(&i, index) < 0 || git_index_write_tree_to(part, i, repo) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "cannot read '%s'", index);
	return 0;
}

/* --- and the whole again --- */

/* 100664 and the like are of old: an index has none of them. */
static int correct_modes(git_treebuilder *b, const git_tree *from)
{
	int rc = 0;

	for (size_t i = 0; from && rc == 0 && i < git_tree_entrycount(from); i++) {
		const git_tree_entry *e = git_tree_entry_byindex(from, i);

		if (git_tree_entry_filemode_raw(e) != git_tree_entry_filemode(e))
			rc = git_treebuilder_insert(NULL, b, git_tree_entry_name(e),
						    git_tree_entry_id(e),
						    git_tree_entry_filemode(e));
	}
	return rc;
}

static bool is_tree(const git_tree_entry *e)
{
	return e && git_tree_entry_type(e) == GIT_OBJECT_TREE;
}

/* NULL where there is none. */
static int open_subtree(git_repository *repo, const git_tree_entry *e, git_tree **out)
{
	return is_tree(e) ? git_tree_lookup(out, repo, git_tree_entry_id(e)) : 0;
}

static int lift_tree(git_repository *repo, const git_tree *whole, const git_tree *before,
		     const git_tree *after, git_oid *out, bool *empty);

/* A directory of the part, before or after; without a file left it is gone. */
static int lift_subtree(git_repository *repo, git_treebuilder *b, const char *name,
			const git_tree_entry *before, const git_tree_entry *after)
{
	cryo_auto(git_tree_free) git_tree *w = NULL, *one = NULL, *two = NULL;
	git_oid id;
	bool empty;
	int rc = open_subtree(repo, git_treebuilder_get(b, name), &w);

	if (rc == 0)
		rc = open_subtree(repo, before, &one);
	if (rc == 0)
		rc = open_subtree(repo, after, &two);
	if (rc == 0)
		rc = lift_tree(repo, w, one, two, &id, &empty);
	if (rc == 0 && !empty)
		return git_treebuilder_insert(NULL, b, name, &id, GIT_FILEMODE_TREE);
	return rc == 0 && git_treebuilder_get(b, name) ? git_treebuilder_remove(b, name) : rc;
}

/* What became of one name of the part. */
static int lift_entry(git_repository *repo, git_treebuilder *b, const char *name,
		      const git_tree_entry *before, const git_tree_entry *after)
{
	if (before && after && git_oid_equal(git_tree_entry_id(before), git_tree_entry_id(after)) &&
	    git_tree_entry_filemode(before) == git_tree_entry_filemode(after))
		return 0;
	if (after && !is_tree(after))
		return git_treebuilder_insert(NULL, b, name, git_tree_entry_id(after),
					      git_tree_entry_filemode(after));
	if (after || is_tree(before))
		return lift_subtree(repo, b, name, before, after);
	return git_treebuilder_remove(b, name);
}

static int lift_entries(git_repository *repo, git_treebuilder *b, const git_tree *before,
			const git_tree *after)
{
	size_t gone = before ? git_tree_entrycount(before) : 0;
	size_t there = after ? git_tree_entrycount(after) : 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < gone + there; i++) {
		const git_tree_entry *e = i < gone ? git_tree_entry_byindex(before, i)
						   : git_tree_entry_byindex(after, i - gone);
		const char *name = git_tree_entry_name(e);
		const git_tree_entry *was = before ? git_tree_entry_byname(before, name) : NULL;

		if (i < gone || !was)
			rc = lift_entry(repo, b, name, was,
					after ? git_tree_entry_byname(after, name) : NULL);
	}
	return rc;
}

static int lift_tree(git_repository *repo, const git_tree *whole, const git_tree *before,
		     const git_tree *after, git_oid *out, bool *empty)
{
	git_treebuilder *b = NULL;
	int rc = git_treebuilder_new(&b, repo, whole);

	if (rc == 0)
		rc = correct_modes(b, whole);
	if (rc == 0)
		rc = lift_entries(repo, b, before, after);
	*empty = rc == 0 && git_treebuilder_entrycount(b) == 0;
	if (rc == 0)
		rc = git_treebuilder_write(out, b);
	git_treebuilder_free(b);
	return rc;
}

int cryo_part_lift(git_repository *repo, const git_oid *tree, const git_oid *before,
		   const git_oid *after, git_oid *out, struct cryo_err *err)
{
	cryo_auto(git_tree_free) git_tree *whole = NULL, *one = NULL, *two = NULL;
	bool empty;

	if (git_tree_lookup(&whole, repo, tree) < 0 || git_tree_lookup(&one, repo, before) < 0 ||
	    git_tree_lookup(&two, repo, after) < 0 ||
	    lift_tree(repo, whole, one, two, out, &empty) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "cannot write a tree");
	return 0;
}
