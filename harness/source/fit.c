/* SPDX-License-Identifier: Apache-2.0 */
#include "source/fit.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SHOWN 72

struct line {
	const char *text; /* with its newline, if it has one */
	size_t len;
};

struct lines {
	struct line *v;
	size_t n;
};

static void release_lines(struct lines *l)
{
	free(l->v);
}
#define release_linesp release_lines

static void add_text_line(struct lines *l, const char *text, size_t len)
{
	if ((l->n & (l->n + 1)) == 0) /* full: 0, 1, 3, 7 … are there */
		l->v = cryo_realloc(l->v, 2 * l->n + 1, sizeof(*l->v));
	l->v[l->n++] = (struct line){ text, len };
}

static void split_text_lines(const char *text, size_t len, struct lines *out)
{
	while (len > 0) {
		const char *newline = memchr(text, '\n', len);
		size_t n = newline ? (size_t)(newline + 1 - text) : len;

		add_text_line(out, text, n);
		text += n;
		len -= n;
	}
}

/* What must be there, and where. */
struct wanted {
	struct lines lines;
	size_t start;	 /* from 0 */
	bool begin, end; /* only at the begin, only at the end of the file */
};

static void release_wanted(struct wanted *w)
{
	release_lines(&w->lines);
}
#define release_wantedp release_wanted

/* As git has it: a hunk of line 1 is one of the file's begin, and one that does not end in a line
 * of context is one of its end. */
static void set_wanted_place(struct wanted *w, int first, int count, bool context_last)
{
	/* "-5,0": behind line 5. */
	w->start = first > 0 && count > 0 ? (size_t)first - 1 : (size_t)(first < 0 ? 0 : first);
	w->begin = first <= 1;
	w->end = !context_last;
}

static bool is_hunk_text_line(char origin)
{
	return origin == GIT_DIFF_LINE_CONTEXT || origin == GIT_DIFF_LINE_ADDITION ||
	       origin == GIT_DIFF_LINE_DELETION;
}

/* "\ No newline at end of file" speaks of the line before it. */
static void cut_last_newline(struct lines *l)
{
	struct line *last = &l->v[l->n - 1];

	if (last->len > 0 && last->text[last->len - 1] == '\n')
		last->len--;
}

static int read_wanted_hunk(git_patch *patch, size_t hunk, bool undo, struct wanted *w,
			    struct cryo_err *err)
{
	const char other = undo ? GIT_DIFF_LINE_DELETION : GIT_DIFF_LINE_ADDITION;
	char last = other;
	const git_diff_hunk *h;
	const git_diff_line *l;
	size_t n;

	if (git_patch_get_hunk(&h, &n, patch, hunk) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "hunk %zu", hunk + 1);
	for (size_t i = 0; i < n; i++) {
		if (git_patch_get_line_in_hunk(&l, patch, hunk, i) < 0)
			return cryo_git_err(err, CRYO_E_PROVISION, "hunk %zu", hunk + 1);
		if (!is_hunk_text_line(l->origin)) {
			if (last != other)
				cut_last_newline(&w->lines);
			continue;
		}
		last = l->origin;
		if (last != other)
			add_text_line(&w->lines, l->content, l->content_len);
	}
	set_wanted_place(w, undo ? h->new_start : h->old_start, undo ? h->new_lines : h->old_lines,
			 last == GIT_DIFF_LINE_CONTEXT);
	return 0;
}

static bool are_lines_equal(const struct line *a, const struct line *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static bool are_lines_at(const struct lines *file, const struct lines *old, size_t at)
{
	for (size_t i = 0; i < old->n; i++)
		if (!are_lines_equal(&file->v[at + i], &old->v[i]))
			return false;
	return true;
}

/* As near to `want` as possible, not before `from`. */
static bool find_hunk_place(const struct lines *file, const struct wanted *w, size_t from,
			    size_t want, size_t *at)
{
	size_t first = from, last;

	if (w->lines.n > file->n)
		return false;
	last = w->begin ? 0 : file->n - w->lines.n;
	if (w->end && first < file->n - w->lines.n)
		first = file->n - w->lines.n;
	if (want > file->n)
		want = file->n;
	for (size_t i = 0; i <= file->n; i++) {
		for (int up = 1; up >= 0; up--) {
			*at = up ? want - i : want + i; /* below 0: very far */
			if (*at >= first && *at <= last && are_lines_at(file, &w->lines, *at))
				return true;
		}
	}
	return false;
}

/* In bytes: a line of code tells more than a brace or an empty one. */
static size_t measure_likeness(const struct lines *file, const struct lines *old, size_t at)
{
	size_t n = 0;

	for (size_t i = 0; i < old->n && at + i < file->n; i++)
		if (are_lines_equal(&file->v[at + i], &old->v[i]))
			n += old->v[i].len;
	return n;
}

static struct line strip_line_blanks(const struct line *l)
{
	struct line b = *l;

	while (b.len > 0 && strchr("\r\n", b.text[b.len - 1]))
		b.len--;
	while (b.len > 0 && strchr(" \t", b.text[0]))
		b.text++, b.len--;
	return b;
}

static size_t count_common_bytes(const struct line *a, const struct line *b)
{
	size_t n = 0;

	while (n < a->len && n < b->len && a->text[n] == b->text[n])
		n++;
	return n;
}

/* From byte `from` on, which may lie inside of a character. */
static char *quote_line_part(const struct line *l, size_t from)
{
	struct line b = strip_line_blanks(l);
	size_t n;
	char *s;

	while (from > 0 && from < b.len && ((unsigned char)b.text[from] & 0xc0) == 0x80)
		from--;
	n = b.len - from;
	if (n > MAX_SHOWN)
		for (n = MAX_SHOWN; n > 0 && ((unsigned char)b.text[from + n] & 0xc0) == 0x80; n--)
			;
	s = cryo_asprintf("%s%.*s%s", from ? "…" : "", (int)n, b.text + from,
			  from + n < b.len ? "…" : "");
	for (char *c = s; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = ' ';
	return s;
}

/* Two long lines from a little before they differ. */
static void show_line_difference(const struct line *wants, const struct line *there,
				 struct cryo_fit *fit)
{
	struct line a = strip_line_blanks(wants), b = strip_line_blanks(there);
	size_t n = count_common_bytes(&a, &b), from = n > MAX_SHOWN / 2 ? n - MAX_SHOWN / 4 : 0;

	if (a.len == b.len && n == a.len)
		from = 0;
	fit->wants = quote_line_part(wants, from);
	fit->there = quote_line_part(there, from);
}

/* Where most of its lines are is most likely where it belongs. */
static void explain_misfit(const struct lines *file, const struct lines *old, size_t want,
			   struct cryo_fit *fit)
{
	size_t best = want < file->n ? want : file->n, i = 0;

	for (size_t at = 0; at < file->n; at++)
		if (measure_likeness(file, old, at) > measure_likeness(file, old, best))
			best = at;
	while (i < old->n && best + i < file->n && are_lines_equal(&file->v[best + i], &old->v[i]))
		i++;
	fit->line = best + i + 1;
	if (i < old->n && best + i < file->n)
		show_line_difference(&old->v[i], &file->v[best + i], fit);
	else if (i < old->n)
		fit->wants = quote_line_part(&old->v[i], 0);
}

static int place_all_hunks(git_patch *patch, bool undo, const struct lines *file,
			   struct cryo_fit *fit, struct cryo_err *err)
{
	size_t from = 0;
	long drift = 0;

	for (size_t i = 0; i < fit->n; i++) {
		cryo_auto(release_wanted) struct wanted w = { 0 };
		size_t at;
		long want;
		int rc = read_wanted_hunk(patch, i, undo, &w, err);

		if (rc < 0)
			return rc;
		want = (long)w.start + drift;
		if (want < 0)
			want = 0;
		if (!find_hunk_place(file, &w, from, (size_t)want, &at)) {
			fit->hunk = i;
			explain_misfit(file, &w.lines, (size_t)want, fit);
			return 0;
		}
		drift = fit->shift[i] = (long)at - (long)w.start;
		from = at + w.lines.n;
	}
	fit->fits = true;
	return 0;
}

int cryo_fit_find(git_patch *patch, bool undo, const char *text, size_t len, struct cryo_fit *out,
		  struct cryo_err *err)
{
	cryo_auto(release_lines) struct lines file = { 0 };
	struct cryo_fit fit = { .n = git_patch_num_hunks(patch) };
	int rc;

	fit.shift = cryo_alloc((fit.n + 1) * sizeof(*fit.shift));
	split_text_lines(text, len, &file);
	rc = place_all_hunks(patch, undo, &file, &fit, err);
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
