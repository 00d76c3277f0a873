/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a diff: which paths it may name, and where its hunks begin. */
#include "source/graft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- paths --- */

static int check_patch_path(const struct cryo_patch *p, const char *path, struct cryo_err *err)
{
	if (path && cryo_git_is_path(path))
		return 0;
	return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: refuses to touch '%s'", p->path,
			    p->diff_line, path ? path : "");
}

static bool is_known_file_mode(uint32_t mode)
{
	return mode == GIT_FILEMODE_BLOB || mode == GIT_FILEMODE_BLOB_EXECUTABLE ||
	       mode == GIT_FILEMODE_LINK || mode == 0 || mode == 0100664;
}

static int check_patch_delta(const struct cryo_patch *p, const git_diff_delta *d,
			     struct cryo_err *err)
{
	int rc = check_patch_path(p, d->old_file.path, err);

	if (rc == 0)
		rc = check_patch_path(p, d->new_file.path, err);
	if (rc == 0 &&
	    (!is_known_file_mode(d->old_file.mode) || !is_known_file_mode(d->new_file.mode)))
		rc = cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: '%s' is neither a file nor a link",
				  p->path, p->diff_line, d->new_file.path);
	return rc;
}

static int compare_patch_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What the second of two would find is not what it was made for. */
static int check_paths_unique(const struct cryo_patch *p, git_diff *diff, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv paths = { 0 };

	for (size_t i = 0; i < git_diff_num_deltas(diff); i++)
		cryo_strv_add(&paths, git_diff_get_delta(diff, i)->new_file.path);
	qsort(paths.v, paths.n, sizeof(*paths.v), compare_patch_paths);
	for (size_t i = 1; i < paths.n; i++)
		if (strcmp(paths.v[i - 1], paths.v[i]) == 0)
			return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: names '%s' twice", p->path,
					    p->diff_line, paths.v[i]);
	return 0;
}

int cryo_graft_diff(const struct cryo_patch *p, git_diff **out, struct cryo_err *err)
{
	cryo_auto(git_diff_free) git_diff *diff = NULL;
	int rc = 0;

	if (git_diff_from_buffer(&diff, cryo_str_get(&p->diff), p->diff.len) < 0)
		return cryo_git_err(err, CRYO_E_CONFIG, "%s:%u: no diff that can be read", p->path,
				    p->diff_line);
	if (git_diff_num_deltas(diff) == 0)
		return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: the diff changes nothing", p->path,
				    p->diff_line);
	for (size_t i = 0; rc == 0 && i < git_diff_num_deltas(diff); i++)
		rc = check_patch_delta(p, git_diff_get_delta(diff, i), err);
	if (rc == 0)
		rc = check_paths_unique(p, diff, err);
	if (rc == 0)
		*out = cryo_steal(&diff);
	return rc;
}

int cryo_patch_paths(const struct cryo_patch *p, struct cryo_strv *paths, struct cryo_err *err)
{
	cryo_auto(git_diff_free) git_diff *diff = NULL;
	int rc;

	cryo_git_ready();
	rc = cryo_graft_diff(p, &diff, err);
	for (size_t i = 0; rc == 0 && i < git_diff_num_deltas(diff); i++) {
		const git_diff_delta *d = git_diff_get_delta(diff, i);

		cryo_strv_add(paths, d->new_file.path);
		if (strcmp(d->old_file.path, d->new_file.path) != 0)
			cryo_strv_add(paths, d->old_file.path);
	}
	return rc;
}

/* --- hunks: lines inside of them begin with one of " +-\", so "@@ -" begins one --- */

struct header {
	const char *at, *rest; /* the line, and what stands behind its second "@@" */
	int old_start, old_lines, new_start, new_lines;
	unsigned line; /* from the diff's begin, from 0 */
};

static bool parse_hunk_number(const char **s, char lead, int *out)
{
	char *end;

	if (**s != lead || (*s)[1] < '0' || (*s)[1] > '9')
		return false;
	*out = (int)strtol(*s + 1, &end, 10);
	*s = end;
	return true;
}

static bool parse_hunk_header(const char *s, struct header *h)
{
	h->at = s;
	h->old_lines = h->new_lines = 1;
	s += strlen("@@ ");
	if (!parse_hunk_number(&s, '-', &h->old_start))
		return false;
	parse_hunk_number(&s, ',', &h->old_lines);
	s += strspn(s, " ");
	if (!parse_hunk_number(&s, '+', &h->new_start))
		return false;
	parse_hunk_number(&s, ',', &h->new_lines);
	if (!cryo_starts_with(s, " @@"))
		return false;
	h->rest = s;
	return true;
}

/* The next header at or behind *at; *at and *line then stand behind its line. */
static bool find_next_hunk_header(const char **at, unsigned *line, struct header *h)
{
	while (**at) {
		const char *s = *at, *newline = strchr(s, '\n');

		h->line = (*line)++;
		*at = newline ? newline + 1 : s + strlen(s);
		if (cryo_starts_with(s, "@@ -") && parse_hunk_header(s, h))
			return true;
	}
	return false;
}

unsigned cryo_graft_line(const struct cryo_patch *p, size_t index)
{
	const char *at = cryo_str_get(&p->diff);
	unsigned line = 0;
	struct header h;

	for (size_t i = 0; find_next_hunk_header(&at, &line, &h); i++)
		if (i == index)
			return p->diff_line + h.line;
	return 0;
}

int cryo_graft_move(const struct cryo_patch *p, const long *shift, size_t n, struct cryo_str *out,
		    struct cryo_err *err)
{
	const char *at = cryo_str_get(&p->diff), *done = at;
	unsigned line = 0;
	struct header h;
	size_t i = 0;

	for (; find_next_hunk_header(&at, &line, &h); i++) {
		if (i >= n || shift[i] == 0)
			continue;
		cryo_str_addn(out, done, (size_t)(h.at - done));
		cryo_str_addf(out, "@@ -%ld,%d +%ld,%d", h.old_start + shift[i], h.old_lines,
			      h.new_start + shift[i], h.new_lines);
		done = h.rest;
	}
	cryo_str_add(out, done);
	if (i != n)
		return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: holds %zu hunks, %zu can be read",
				    p->path, p->diff_line, i, n);
	return 0;
}
