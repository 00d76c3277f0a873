/* SPDX-License-Identifier: Apache-2.0 */
#include "source/fit.h"

#include <stdlib.h>
#include <string.h>

struct line {
	const char *text; /* with its newline, if it has one */
	size_t len;
};

struct lines {
	struct line *v;
	size_t n;
};

static void lines_release(struct lines *l)
{
	free(l->v);
}
#define lines_releasep lines_release

static void add(struct lines *l, const char *text, size_t len)
{
	if ((l->n & (l->n + 1)) == 0) /* full: 0, 1, 3, 7 … are there */
		l->v = cryo_realloc(l->v, 2 * l->n + 1, sizeof(*l->v));
	l->v[l->n++] = (struct line){ text, len };
}

static void split(const char *text, size_t len, struct lines *out)
{
	while (len > 0) {
		const char *newline = memchr(text, '\n', len);
		size_t n = newline ? (size_t)(newline + 1 - text) : len;

		add(out, text, n);
		text += n;
		len -= n;
	}
}

/* The lines that must be there; where they should begin, from 0. */
static int old_lines(git_patch *patch, size_t hunk, bool undo, struct lines *out, size_t *start,
		     struct cryo_err *err)
{
	const char changed = undo ? GIT_DIFF_LINE_ADDITION : GIT_DIFF_LINE_DELETION;
	const git_diff_hunk *h;
	const git_diff_line *l;
	size_t n;
	int first, count;

	if (git_patch_get_hunk(&h, &n, patch, hunk) < 0)
		return cryo_repo_err(err, "hunk %zu", hunk + 1);
	for (size_t i = 0; i < n; i++) {
		if (git_patch_get_line_in_hunk(&l, patch, hunk, i) < 0)
			return cryo_repo_err(err, "hunk %zu", hunk + 1);
		if (l->origin == GIT_DIFF_LINE_CONTEXT || l->origin == changed)
			add(out, l->content, l->content_len);
	}
	first = undo ? h->new_start : h->old_start;
	count = undo ? h->new_lines : h->old_lines;
	/* "-5,0": behind line 5. */
	*start = first > 0 && count > 0 ? (size_t)first - 1 : (size_t)(first < 0 ? 0 : first);
	return 0;
}

static bool same(const struct line *a, const struct line *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static bool is_at(const struct lines *file, const struct lines *old, size_t at)
{
	if (at + old->n > file->n)
		return false;
	for (size_t i = 0; i < old->n; i++)
		if (!same(&file->v[at + i], &old->v[i]))
			return false;
	return true;
}

/* At `want`, or as near to it as possible, not before `from`. */
static bool find(const struct lines *file, const struct lines *old, size_t from, size_t want,
		 size_t *at)
{
	for (size_t i = 0; i <= file->n; i++) {
		if (want >= i && want - i >= from && is_at(file, old, want - i)) {
			*at = want - i;
			return true;
		}
		if (want + i >= from && is_at(file, old, want + i)) {
			*at = want + i;
			return true;
		}
	}
	return false;
}

static size_t likeness(const struct lines *file, const struct lines *old, size_t at)
{
	size_t n = 0;

	for (size_t i = 0; i < old->n && at + i < file->n; i++)
		n += same(&file->v[at + i], &old->v[i]);
	return n;
}

static char *shown(const struct line *l)
{
	size_t skip = 0, n = l->len;
	char *s;

	while (n > 0 && strchr("\r\n", l->text[n - 1]))
		n--;
	while (skip < n && strchr(" \t", l->text[skip]))
		skip++;
	n -= skip;
	s = cryo_asprintf("%.*s%s", (int)(n < 72 ? n : 72), l->text + skip, n > 72 ? "…" : "");
	for (char *c = s; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = ' ';
	return s;
}

/* Where most of its lines are is most likely where it belongs. */
static void explain(const struct lines *file, const struct lines *old, size_t want,
		    struct cryo_fit *fit)
{
	size_t best = want < file->n ? want : file->n, i = 0;

	for (size_t at = 0; at < file->n; at++)
		if (likeness(file, old, at) > likeness(file, old, best))
			best = at;
	while (i < old->n && best + i < file->n && same(&file->v[best + i], &old->v[i]))
		i++;
	fit->line = best + i + 1;
	fit->at_end = best + i >= file->n;
	fit->wants = i < old->n ? shown(&old->v[i]) : cryo_strdup("");
	fit->there = fit->at_end ? cryo_strdup("") : shown(&file->v[best + i]);
}

static int place(git_patch *patch, bool undo, const struct lines *file, struct cryo_fit *fit,
		 struct cryo_err *err)
{
	size_t from = 0;
	long drift = 0;

	for (size_t i = 0; i < fit->n; i++) {
		cryo_auto(lines_release) struct lines old = { 0 };
		size_t start = 0, at;
		long want;
		int rc = old_lines(patch, i, undo, &old, &start, err);

		if (rc < 0)
			return rc;
		want = (long)start + drift;
		if (want < 0)
			want = 0;
		if (want > (long)file->n)
			want = (long)file->n;
		if (!find(file, &old, from, (size_t)want, &at)) {
			fit->hunk = i;
			explain(file, &old, (size_t)want, fit);
			return 0;
		}
		drift = fit->shift[i] = (long)at - (long)start;
		from = at + old.n;
	}
	fit->fits = true;
	return 0;
}

int cryo_fit_find(git_patch *patch, bool undo, const char *text, size_t len, struct cryo_fit *out,
		  struct cryo_err *err)
{
	cryo_auto(lines_release) struct lines file = { 0 };
	struct cryo_fit fit = { .n = git_patch_num_hunks(patch) };
	int rc;

	fit.shift = cryo_alloc((fit.n + 1) * sizeof(*fit.shift));
	split(text, len, &file);
	rc = place(patch, undo, &file, &fit, err);
	if (rc < 0)
		cryo_fit_release(&fit);
	else
		*out = fit;
	return rc;
}

long cryo_fit_offset(const struct cryo_fit *fit)
{
	long most = 0;

	for (size_t i = 0; i < fit->n; i++)
		if (labs(fit->shift[i]) > labs(most))
			most = fit->shift[i];
	return most;
}

void cryo_fit_release(struct cryo_fit *fit)
{
	free(fit->shift);
	free(fit->wants);
	free(fit->there);
	*fit = (struct cryo_fit){ 0 };
}
