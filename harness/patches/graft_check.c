/* SPDX-License-Identifier: Apache-2.0 */
/* What a patch may not do, and why one does not apply. */
#include "patches/graft.h"

#include "patches/explain.h"
#include "patches/mail.h"

#include <stdlib.h>
#include <string.h>

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

static int check_grafted_link(const struct cryo_graft *g, const struct cryo_mail *m,
			      const git_diff_file *f, struct cryo_err *err)
{
	cryo_auto(git_blob_free) git_blob *blob = NULL;
	cryo_auto(cryo_free) char *target = NULL;

	if (git_blob_lookup(&blob, g->repo, &f->id) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "link '%s'", f->path);
	target = cryo_strndup(git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
	if (is_link_inside_tree(f->path, target))
		return 0;
	return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: link '%s' leads out of the tree, to '%s'",
			    g->p->path, cryo_mail_diff_line(g->p, m), f->path, target);
}

static int check_grafted_file(const struct cryo_graft *g, const struct cryo_mail *m,
			      const git_diff_delta *d, struct cryo_err *err)
{
	if (d->old_file.mode == GIT_FILEMODE_COMMIT || d->new_file.mode == GIT_FILEMODE_COMMIT)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "%s:%u: '%s' is neither a file nor a link: a patch cannot "
				    "change a submodule",
				    g->p->path, cryo_mail_diff_line(g->p, m), d->new_file.path);
	if (d->new_file.mode == GIT_FILEMODE_LINK)
		return check_grafted_link(g, m, &d->new_file, err);
	return 0;
}

int cryo_graft_check(const struct cryo_graft *g, const struct cryo_mail *m, git_diff *diff,
		     struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < git_diff_num_deltas(diff); i++)
		rc = check_grafted_file(g, m, git_diff_get_delta(diff, i), err);
	return rc;
}

/* --- conflicts --- */

static git_blob *look_up_tree_file(const struct cryo_graft *g, const char *path)
{
	cryo_auto(git_tree_entry_free) git_tree_entry *e = NULL;
	cryo_auto(git_tree_free) git_tree *tree = NULL;
	git_blob *blob = NULL;

	if (git_tree_lookup(&tree, g->repo, &g->tree) < 0 ||
	    git_tree_entry_bypath(&e, tree, path) < 0 ||
	    git_blob_lookup(&blob, g->repo, git_tree_entry_id(e)) < 0)
		return NULL;
	return blob;
}

/* "patch failed: pkg/a.go:12" */
static bool explain_failed_hunk(const struct cryo_graft *g, const struct cryo_mail *m,
				const char *place, struct cryo_applied *how)
{
	const char *colon = strrchr(place, ':');
	cryo_auto(cryo_free) char *path = NULL;
	cryo_auto(git_blob_free) git_blob *blob = NULL;
	struct cryo_hunk hunk;
	size_t line;

	if (!colon)
		return false;
	path = cryo_strndup(place, (size_t)(colon - place));
	blob = look_up_tree_file(g, path);
	if (!cryo_hunk_find(cryo_str_get(&m->diff), path, strtol(colon + 1, NULL, 10), &hunk))
		return false;
	line = cryo_hunk_explain(&hunk, blob ? git_blob_rawcontent(blob) : "",
				 blob ? (size_t)git_blob_rawsize(blob) : 0, &how->why);
	how->where = cryo_asprintf("%s:%zu", path, line);
	how->line = cryo_mail_find_line(g->p, hunk.header, hunk.header_len, how->line);
	return true;
}

static bool split_git_reason(const char *line, const char *end, struct cryo_applied *how)
{
	static const struct {
		const char *ending, *why;
	} row[] = {
		{ ": already exists in index", "the patch makes this file, it is there already" },
		{ ": does not exist in index", "there is no such file" },
		{ ": patch does not apply", "it is not what the patch was made for" },
	};

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		size_t n = strlen(row[i].ending), len = (size_t)(end - line);

		if (len <= n || memcmp(end - n, row[i].ending, n) != 0)
			continue;
		how->where = cryo_strndup(line, len - n);
		how->why = cryo_strdup(row[i].why);
		return true;
	}
	return false;
}

/* Its first error counts; those behind it follow from it. */
static void explain_first_error(const struct cryo_graft *g, const struct cryo_mail *m,
				const char *said, struct cryo_applied *how)
{
	static const char failed[] = "patch failed: ";

	for (; *said; said += strcspn(said, "\n"), said += *said == '\n') {
		const char *line = said + strlen("error: "), *end = said + strcspn(said, "\n");
		cryo_auto(cryo_free) char *place = NULL;

		if (!cryo_starts_with(said, "error: ") ||
		    cryo_starts_with(line, "while searching for"))
			continue;
		if (cryo_starts_with(line, failed)) {
			line += strlen(failed);
			place = cryo_strndup(line, (size_t)(end - line));
			if (explain_failed_hunk(g, m, place, how))
				return;
		} else if (!split_git_reason(line, end, how)) {
			how->where = cryo_strdup("the tree");
			how->why = cryo_strndup(line, (size_t)(end - line));
		}
		if (how->why)
			return;
	}
}

void cryo_graft_explain(const struct cryo_graft *g, const struct cryo_mail *m, const char *said,
			struct cryo_applied *how)
{
	unsigned begin = cryo_mail_diff_line(g->p, m);

	how->kind = CRYO_FIT_CONFLICT;
	how->line = begin;
	explain_first_error(g, m, said, how);
	if (how->line == 0)
		how->line = begin;
	if (!how->where)
		how->where = cryo_strdup("the tree");
	if (!how->why)
		how->why = cryo_strdup("git does not say why");
}
