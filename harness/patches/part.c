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

struct change {
	const char *path;
	git_filemode_t mode; /* 0: it is gone */
	git_oid id;
};

/* With '/' before any other character: what lies in a directory stands together, behind a file
 * of the same name. */
static int compare_changes(const void *a, const void *b)
{
	const unsigned char *one = (const void *)((const struct change *)a)->path;
	const unsigned char *two = (const void *)((const struct change *)b)->path;

	while (*one && *one == *two)
		one++, two++;
	return (*one == '/' ? 1 : 2 * *one) - (*two == '/' ? 1 : 2 * *two);
}

static struct change *list_changes(git_diff *diff, size_t *n)
{
	struct change *v = cryo_alloc((git_diff_num_deltas(diff) + 1) * sizeof(*v));

	for (*n = 0; *n < git_diff_num_deltas(diff); ++*n) {
		const git_diff_delta *d = git_diff_get_delta(diff, *n);

		v[*n].path = d->new_file.path;
		v[*n].mode = d->status == GIT_DELTA_DELETED ? 0 : d->new_file.mode;
		git_oid_cpy(&v[*n].id, &d->new_file.id);
	}
	qsort(v, *n, sizeof(*v), compare_changes);
	return v;
}

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

static int set_tree_entry(git_treebuilder *b, const char *name, git_filemode_t mode,
			  const git_oid *id)
{
	if (mode)
		return git_treebuilder_insert(NULL, b, name, id, mode);
	return git_treebuilder_get(b, name) ? git_treebuilder_remove(b, name) : 0;
}

static int change_tree(git_repository *repo, const git_tree *from, const struct change *v, size_t n,
		       size_t skip, git_oid *out, bool *empty);

/* What changed in the directory `name`; without a file left it is gone. */
static int change_subtree(git_repository *repo, git_treebuilder *b, const git_tree *from,
			  const char *name, const struct change *v, size_t n, size_t skip)
{
	const git_tree_entry *e = from ? git_tree_entry_byname(from, name) : NULL;
	cryo_auto(git_tree_free) git_tree *sub = NULL;
	git_oid id;
	bool empty;
	int rc = 0;

	if (n == 0)
		return 0;
	if (e && git_tree_entry_type(e) == GIT_OBJECT_TREE)
		rc = git_tree_lookup(&sub, repo, git_tree_entry_id(e));
	if (rc == 0)
		rc = change_tree(repo, sub, v, n, skip + strlen(name) + 1, &id, &empty);
	return rc < 0 ? rc : set_tree_entry(b, name, empty ? 0 : GIT_FILEMODE_TREE, &id);
}

/* All of one name: a file perhaps, and what lies in a directory. What goes makes room first. */
static int change_name(git_repository *repo, git_treebuilder *b, const git_tree *from,
		       const struct change *v, size_t n, size_t skip)
{
	const char *at = v->path + skip;
	cryo_auto(cryo_free) char *name = cryo_strndup(at, strcspn(at, "/"));
	size_t file = strcmp(at, name) == 0;
	int rc = file && !v->mode ? set_tree_entry(b, name, 0, NULL) : 0;

	if (rc == 0)
		rc = change_subtree(repo, b, from, name, v + file, n - file, skip);
	return rc == 0 && file && v->mode ? set_tree_entry(b, name, v->mode, &v->id) : rc;
}

static size_t count_same_name(const struct change *v, size_t n, size_t skip)
{
	size_t len = strcspn(v->path + skip, "/"), i = 1;

	while (i < n && strncmp(v[i].path + skip, v->path + skip, len) == 0 &&
	       strcspn(v[i].path + skip, "/") == len)
		i++;
	return i;
}

static int change_tree(git_repository *repo, const git_tree *from, const struct change *v, size_t n,
		       size_t skip, git_oid *out, bool *empty)
{
	git_treebuilder *b = NULL;
	size_t same;
	int rc = git_treebuilder_new(&b, repo, from);

	if (rc == 0)
		rc = correct_modes(b, from);
	for (size_t i = 0; rc == 0 && i < n; i += same) {
		same = count_same_name(v + i, n - i, skip);
		rc = change_name(repo, b, from, v + i, same, skip);
	}
	*empty = rc == 0 && git_treebuilder_entrycount(b) == 0;
	if (rc == 0)
		rc = git_treebuilder_write(out, b);
	git_treebuilder_free(b);
	return rc;
}

int cryo_part_lift(git_repository *repo, const git_oid *tree, git_diff *diff, git_oid *out,
		   struct cryo_err *err)
{
	cryo_auto(git_tree_free) git_tree *from = NULL;
	struct change *v = NULL;
	bool empty;
	size_t n;
	int rc = git_tree_lookup(&from, repo, tree);

	if (rc == 0) {
		v = list_changes(diff, &n);
		rc = change_tree(repo, from, v, n, 0, out, &empty);
	}
	free(v);
	return rc < 0 ? cryo_git_err(err, CRYO_E_PROVISION, "cannot write a tree") : 0;
}
