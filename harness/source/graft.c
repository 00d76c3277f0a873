/* SPDX-License-Identifier: Apache-2.0 */
#include "source/graft.h"

#include "source/fit.h"

#include <stdlib.h>
#include <string.h>

/* One file of the diff. */
struct file {
	const git_diff_delta *d; /* borrowed from the patch */
	git_patch *patch;
	struct cryo_fit fit;
	bool merged; /* three-way: as `entry`, not by the diff */
	git_index_entry entry;
};

struct graft {
	git_repository *repo;
	git_tree *tree;
	const struct cryo_patch *p;
	git_diff *diff;
	struct file *file;
	size_t n;
};

static void release_graft(struct graft *g)
{
	for (size_t i = 0; i < g->n; i++) {
		git_patch_free(g->file[i].patch);
		cryo_fit_release(&g->file[i].fit);
	}
	free(g->file);
	git_diff_free(g->diff);
}
#define release_graftp release_graft

static int open_graft_files(struct graft *g, struct cryo_err *err)
{
	size_t n = git_diff_num_deltas(g->diff);

	g->file = cryo_alloc(n * sizeof(*g->file));
	for (; g->n < n; g->n++) {
		struct file *f = &g->file[g->n];

		if (git_patch_from_diff(&f->patch, g->diff, g->n) < 0)
			return cryo_git_err(err, CRYO_E_PROVISION, "%s:%u", g->p->path,
					    g->p->diff_line);
		f->d = git_patch_get_delta(f->patch);
	}
	return 0;
}

/* --- what is there --- */

/* The file or link at `path`; NULL if there is none. */
static git_blob *look_up_tree_file(const struct graft *g, const char *path, uint32_t *mode)
{
	cryo_auto(git_tree_entry_free) git_tree_entry *e = NULL;
	git_blob *blob = NULL;

	if (git_tree_entry_bypath(&e, g->tree, path) < 0 ||
	    git_blob_lookup(&blob, g->repo, git_tree_entry_id(e)) < 0)
		return NULL;
	*mode = git_tree_entry_filemode(e);
	return blob;
}

static bool is_in_graft_tree(const struct graft *g, const char *path)
{
	cryo_auto(git_tree_entry_free) git_tree_entry *e = NULL;

	return git_tree_entry_bypath(&e, g->tree, path) == 0;
}

/* A file below a link would be written to where the link leads. */
static int check_parents(const struct graft *g, const char *path, struct cryo_err *err)
{
	for (const char *s = strchr(path, '/'); s; s = strchr(s + 1, '/')) {
		cryo_auto(cryo_free) char *parent = cryo_strndup(path, (size_t)(s - path));
		cryo_auto(git_tree_entry_free) git_tree_entry *e = NULL;

		if (git_tree_entry_bypath(&e, g->tree, parent) == 0 &&
		    git_tree_entry_filemode(e) == GIT_FILEMODE_LINK)
			return cryo_err_set(err, CRYO_E_CONFIG,
					    "%s:%u: refuses to touch '%s': '%s' is a link",
					    g->p->path, g->p->diff_line, path, parent);
	}
	return 0;
}

/*
 * Up first, then down: where "..", once it has gone down, leads to depends on
 * whether it went through another link.
 */
static bool is_link_inside_tree(const char *path, const char *target)
{
	size_t depth = 0;
	bool down = false;

	for (const char *s = strchr(path, '/'); s; s = strchr(s + 1, '/'))
		depth++;
	if (*target == '/' || !*target)
		return false;
	while (*target) {
		size_t n = strcspn(target, "/");
		bool up = n == 2 && memcmp(target, "..", 2) == 0;

		if (up && (down || depth-- == 0))
			return false;
		down = down || (!up && n > 0 && !(n == 1 && *target == '.'));
		target += n + strspn(target + n, "/");
	}
	return true;
}

static int check_grafted_link(const struct graft *g, const git_index_entry *e, struct cryo_err *err)
{
	cryo_auto(git_blob_free) git_blob *blob = NULL;
	cryo_auto(cryo_free) char *target = NULL;

	if (!e || e->mode != GIT_FILEMODE_LINK)
		return 0;
	if (git_blob_lookup(&blob, g->repo, &e->id) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "link '%s'", e->path);
	target = cryo_strndup(git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
	if (is_link_inside_tree(e->path, target))
		return 0;
	return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: link '%s' leads out of the tree, to '%s'",
			    g->p->path, g->p->diff_line, e->path, target);
}

/* --- does it fit? --- */

static void note_graft_conflict(struct cryo_applied *how, const struct file *f, size_t line,
				char *why)
{
	if (how->kind == CRYO_FIT_CONFLICT) { /* the first one counts */
		free(why);
		return;
	}
	how->kind = CRYO_FIT_CONFLICT;
	how->where = line ? cryo_asprintf("%s:%zu", f->d->new_file.path, line)
			  : cryo_strdup(f->d->new_file.path);
	how->why = why;
}

static char *quote_patch_line(const char *line)
{
	return *line ? cryo_asprintf("'%s'", line) : cryo_strdup("an empty line");
}

static char *describe_difference(const struct cryo_fit *fit)
{
	cryo_auto(cryo_free) char *wants = fit->wants ? quote_patch_line(fit->wants) : NULL;
	cryo_auto(cryo_free) char *there = fit->there ? quote_patch_line(fit->there) : NULL;

	if (!wants)
		return cryo_strdup("its lines are there, but not where the patch has them: in this "
				   "order, at the begin or at the end of the file");
	if (!there)
		return cryo_asprintf("the patch wants %s, the file ends there", wants);
	if (strcmp(wants, there) == 0)
		return cryo_asprintf("%s has other white space than the patch wants", wants);
	return cryo_asprintf("the patch wants %s, there is %s", wants, there);
}

static void note_hunk_conflict(const struct graft *g, struct file *f, struct cryo_applied *how)
{
	const struct cryo_fit *fit = &f->fit;
	size_t index = fit->hunk;

	if (how->kind == CRYO_FIT_CONFLICT)
		return;
	for (const struct file *before = g->file; before < f; before++)
		index += before->fit.n;
	how->line = cryo_graft_line(g->p, index);
	note_graft_conflict(how, f, fit->line, describe_difference(fit));
}

static bool is_blob_of_side(const git_diff_file *side, const git_blob *blob)
{
	return side->id_abbrev >= 7 &&
	       git_oid_ncmp(git_blob_id(blob), &side->id, side->id_abbrev) == 0;
}

static int graft_on_single_delta(const git_diff_delta *d, void *arg)
{
	const struct file *f = arg;

	return strcmp(d->new_file.path, f->d->new_file.path) != 0;
}

/* The file alone, on `blob` (NULL: nothing) instead of what is in the tree. False if that fails. */
static bool patch_single_file(const struct graft *g, struct file *f, git_blob *blob, uint32_t mode,
			      git_index_entry *out)
{
	cryo_auto(git_index_free) git_index *before = NULL, *after = NULL;
	cryo_auto(git_tree_free) git_tree *tree = NULL;
	git_apply_options opts = { .version = GIT_APPLY_OPTIONS_VERSION };
	git_index_entry e = { .mode = mode, .path = f->d->old_file.path };
	const git_index_entry *result;
	git_oid id;

	if (blob)
		git_oid_cpy(&e.id, git_blob_id(blob));
	opts.delta_cb = graft_on_single_delta;
	opts.payload = f;
	if (git_index_new(&before) < 0 || (blob && git_index_add(before, &e) < 0) ||
	    git_index_write_tree_to(&id, before, g->repo) < 0 ||
	    git_tree_lookup(&tree, g->repo, &id) < 0 ||
	    git_apply_to_tree(&after, g->repo, tree, g->diff, &opts) < 0)
		return false;
	result = git_index_get_bypath(after, f->d->new_file.path, 0);
	if (!result)
		return false;
	*out = *result;
	out->path = f->d->new_file.path;
	return true;
}

static bool merge_contents(const struct graft *g, const git_blob *base, const git_blob *ours,
			   const git_blob *theirs, git_oid *id)
{
	git_merge_file_input in[3];
	const git_blob *blob[3] = { base, ours, theirs };
	git_merge_file_result result = { 0 };
	bool ok;

	for (size_t i = 0; i < 3; i++) {
		git_merge_file_input_init(&in[i], GIT_MERGE_FILE_INPUT_VERSION);
		in[i].ptr = git_blob_rawcontent(blob[i]);
		in[i].size = (size_t)git_blob_rawsize(blob[i]);
	}
	ok = git_merge_file(&result, &in[0], &in[1], &in[2], NULL) == 0 && result.automergeable &&
	     git_blob_create_from_buffer(id, g->repo, result.ptr, result.len) == 0;
	git_merge_file_result_free(&result);
	return ok;
}

/* Is what the patch was made for in the repository? Then there are three sides. */
static bool merge_three_sides(const struct graft *g, struct file *f, git_blob *ours, uint32_t mode)
{
	cryo_auto(git_blob_free) git_blob *base = NULL, *theirs = NULL;
	const git_diff_file *old = &f->d->old_file;

	if (old->id_abbrev < 7 ||
	    git_blob_lookup_prefix(&base, g->repo, &old->id, old->id_abbrev) < 0 ||
	    !patch_single_file(g, f, base, mode, &f->entry) ||
	    git_blob_lookup(&theirs, g->repo, &f->entry.id) < 0)
		return false;
	f->merged = merge_contents(g, base, ours, theirs, &f->entry.id);
	return f->merged;
}

static int fit_text_patch(struct graft *g, struct file *f, git_blob *blob, uint32_t mode,
			  struct cryo_applied *how, struct cryo_err *err)
{
	const char *text = blob ? git_blob_rawcontent(blob) : "";
	size_t len = blob ? (size_t)git_blob_rawsize(blob) : 0;
	int rc = cryo_fit_find(f->patch, false, text, len, &f->fit, err);

	if (rc == 0 && !f->fit.fits && !(blob && merge_three_sides(g, f, blob, mode)))
		note_hunk_conflict(g, f, how);
	return rc;
}

static int fit_patched_file(struct graft *g, struct file *f, struct cryo_applied *how,
			    struct cryo_err *err)
{
	const char *path = f->d->old_file.path;
	bool is_new = f->d->status == GIT_DELTA_ADDED;
	bool makes = is_new || f->d->status == GIT_DELTA_RENAMED ||
		     f->d->status == GIT_DELTA_COPIED;
	cryo_auto(git_blob_free) git_blob *blob = NULL;
	uint32_t mode = GIT_FILEMODE_BLOB;
	int rc = check_parents(g, f->d->new_file.path, err);

	if (rc < 0)
		return rc;
	blob = is_new ? NULL : look_up_tree_file(g, path, &mode);
	if (makes && is_in_graft_tree(g, f->d->new_file.path))
		note_graft_conflict(how, f, 0,
				    cryo_strdup("the patch makes this file, it is there already"));
	if (!is_new && !blob)
		note_graft_conflict(how, f, 0, cryo_asprintf("there is no file '%s'", path));
	else if (f->d->flags & GIT_DIFF_FLAG_BINARY && blob &&
		 !is_blob_of_side(&f->d->old_file, blob))
		note_graft_conflict(how, f, 0,
				    cryo_strdup("it is not the binary the patch was made for"));
	return fit_text_patch(g, f, blob, mode, how, err);
}

/* --- is it there already? --- */

static bool is_file_made_already(struct graft *g, struct file *f)
{
	cryo_auto(git_blob_free) git_blob *blob = NULL;
	git_index_entry e;
	uint32_t mode;

	blob = look_up_tree_file(g, f->d->new_file.path, &mode);
	return blob && patch_single_file(g, f, NULL, 0, &e) &&
	       git_oid_equal(&e.id, git_blob_id(blob));
}

static bool is_file_patched_already(struct graft *g, struct file *f)
{
	cryo_auto(cryo_fit_release) struct cryo_fit fit = { 0 };
	cryo_auto(git_blob_free) git_blob *blob = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	uint32_t mode;

	blob = look_up_tree_file(g, f->d->new_file.path, &mode);
	if (!blob ||
	    (f->d->status == GIT_DELTA_RENAMED && is_in_graft_tree(g, f->d->old_file.path)) ||
	    (f->d->new_file.mode && f->d->old_file.mode != f->d->new_file.mode &&
	     mode != f->d->new_file.mode))
		return false;
	if (f->d->flags & GIT_DIFF_FLAG_BINARY)
		return is_blob_of_side(&f->d->new_file, blob);
	return cryo_fit_find(f->patch, true, git_blob_rawcontent(blob),
			     (size_t)git_blob_rawsize(blob), &fit, &ignored) == 0 &&
	       fit.fits;
}

static bool is_patch_contained(struct graft *g)
{
	for (size_t i = 0; i < g->n; i++) {
		struct file *f = &g->file[i];
		bool done = f->d->status == GIT_DELTA_ADDED ? is_file_made_already(g, f)
			    : f->d->status == GIT_DELTA_DELETED
				? !is_in_graft_tree(g, f->d->old_file.path)
				: is_file_patched_already(g, f);

		if (!done)
			return false;
	}
	return true;
}

/* --- apply --- */

static int graft_on_unmerged_delta(const git_diff_delta *d, void *arg)
{
	const struct graft *g = arg;

	for (size_t i = 0; i < g->n; i++)
		if (g->file[i].merged && strcmp(g->file[i].d->new_file.path, d->new_file.path) == 0)
			return 1;
	return 0;
}

/* The diff with its hunks where they fit. */
static int make_moved_diff(const struct graft *g, struct cryo_applied *how, git_diff **out,
			   struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_free) long *shift = NULL;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < g->n; i++) {
		const struct file *f = &g->file[i];
		long most = f->merged ? 0 : cryo_fit_offset(&f->fit);

		shift = cryo_realloc(shift, n + f->fit.n + 1, sizeof(*shift));
		for (size_t j = 0; j < f->fit.n; j++)
			shift[n++] = f->merged ? 0 : f->fit.shift[j];
		if (labs(most) > labs(how->offset))
			how->offset = most;
	}
	rc = cryo_graft_move(g->p, shift, n, &text, err);
	if (rc == 0 && git_diff_from_buffer(out, cryo_str_get(&text), text.len) < 0)
		rc = cryo_git_err(err, CRYO_E_PROVISION, "%s:%u", g->p->path, g->p->diff_line);
	return rc;
}

static int add_merged_files(struct graft *g, git_index *index, struct cryo_applied *how,
			    struct cryo_err *err)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct file *f = &g->file[i];

		if (!f->merged)
			continue;
		how->kind = CRYO_FITS_MERGED;
		if (f->d->status == GIT_DELTA_RENAMED)
			git_index_remove_bypath(index, f->d->old_file.path);
		if (git_index_add(index, &f->entry) < 0)
			return cryo_git_err(err, CRYO_E_PROVISION, "%s: '%s'", g->p->path,
					    f->entry.path);
	}
	return 0;
}

static int apply_whole_graft(struct graft *g, git_oid *result, struct cryo_applied *how,
			     struct cryo_err *err)
{
	cryo_auto(git_diff_free) git_diff *diff = NULL;
	cryo_auto(git_index_free) git_index *index = NULL;
	git_apply_options opts = { .version = GIT_APPLY_OPTIONS_VERSION };
	int rc = make_moved_diff(g, how, &diff, err);

	if (rc < 0)
		return rc;
	opts.delta_cb = graft_on_unmerged_delta;
	opts.payload = g;
	if (git_apply_to_tree(&index, g->repo, g->tree, diff, &opts) < 0)
		return cryo_git_err(err, CRYO_E_CONFIG, "%s:%u: cannot be applied", g->p->path,
				    g->p->diff_line);
	how->kind = how->offset ? CRYO_FITS_MOVED : CRYO_FITS;
	rc = add_merged_files(g, index, how, err);
	for (size_t i = 0; rc == 0 && i < g->n; i++)
		rc = check_grafted_link(
		    g, git_index_get_bypath(index, g->file[i].d->new_file.path, 0), err);
	if (rc == 0 && git_index_write_tree_to(result, index, g->repo) < 0)
		rc = cryo_git_err(err, CRYO_E_PROVISION, "%s: cannot write the tree", g->p->path);
	return rc;
}

static void note_contained_patch(struct cryo_applied *how)
{
	cryo_applied_release(how, 1);
	how->kind = CRYO_FIT_CONTAINED;
}

int cryo_graft(git_repository *repo, git_tree *tree, const struct cryo_patch *p, git_oid *result,
	       struct cryo_applied *how, struct cryo_err *err)
{
	cryo_auto(release_graft) struct graft g = { .repo = repo, .tree = tree, .p = p };
	int rc = cryo_graft_diff(p, &g.diff, err);

	if (rc == 0)
		rc = open_graft_files(&g, err);
	for (size_t i = 0; rc == 0 && i < g.n; i++)
		rc = fit_patched_file(&g, &g.file[i], how, err);
	if (rc < 0)
		return rc;
	if (how->kind == CRYO_FIT_CONFLICT) {
		if (is_patch_contained(&g))
			note_contained_patch(how);
		return 0;
	}
	rc = apply_whole_graft(&g, result, how, err);
	if (rc == 0 && git_oid_equal(result, git_tree_id(tree))) /* merged with itself */
		note_contained_patch(how);
	return rc;
}
