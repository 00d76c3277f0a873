/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/explain.h"

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

/* --- the hunk in the diff --- */

/* "--- a/path", with a tab and a date behind it perhaps. */
static bool is_old_name_line(const char *line, size_t n, const char *path)
{
	size_t len = strlen(path);

	return n >= 6 + len && memcmp(line, "--- ", 4) == 0 && line[5] == '/' &&
	       memcmp(line + 6, path, len) == 0 && (n == 6 + len || line[6 + len] == '\t');
}

static bool find_hunk(const char *diff, const char *path, long start, struct cryo_hunk *out)
{
	bool here = path == NULL;

	while (*diff) {
		size_t n = strcspn(diff, "\n");
		const char *next = diff + n + (diff[n] == '\n');

		if (path && cryo_starts_with(diff, "diff --git "))
			here = false;
		if (path && is_old_name_line(diff, n, path))
			here = true;
		if (here && cryo_starts_with(diff, "@@ -") && strtol(diff + 4, NULL, 10) == start) {
			*out = (struct cryo_hunk){ diff, next, n, start };
			return true;
		}
		diff = next;
	}
	return false;
}

bool cryo_hunk_find(const char *diff, const char *path, long start, struct cryo_hunk *out)
{
	/* Names can be quoted: then by the line alone. */
	return find_hunk(diff, path, start, out) || find_hunk(diff, NULL, start, out);
}

/* "@@ -3,7 +3,8 @@": how many lines of either side it has. */
static void read_hunk_counts(const struct cryo_hunk *hunk, long *old, long *new)
{
	const char *plus = memchr(hunk->header, '+', hunk->header_len);
	const char *comma = strchr(hunk->header, ',');
	const char *second = plus ? strpbrk(plus, ", \n") : NULL;

	*old = comma && plus && comma < plus ? strtol(comma + 1, NULL, 10) : 1;
	*new = second &&*second == ',' ? strtol(second + 1, NULL, 10) : 1;
}

static void read_old_lines(const struct cryo_hunk *hunk, struct lines *out)
{
	const char *at = hunk->text;
	long old, new;

	read_hunk_counts(hunk, &old, &new);
	while (*at && (old > 0 || new > 0)) {
		size_t n = strcspn(at, "\n");
		const char *next = at + n + (at[n] == '\n');
		bool context = *at == ' ' || *at == '\n', gone = *at == '-';

		if (context || gone)
			add_text_line(out, at + (*at != '\n'), (size_t)(next - at) - (*at != '\n'));
		old -= context || gone;
		new -= context || *at == '+';
		if ((context || gone) && cryo_starts_with(next, "\\ ") &&
		    out->v[out->n - 1].len > 0)
			out->v[out->n - 1].len--;
		at = next;
	}
}

/* --- where it comes nearest --- */

static bool are_lines_equal(const struct line *a, const struct line *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
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
	if (b.len == 0)
		return cryo_strdup("an empty line");
	s = cryo_asprintf("'%s%.*s%s'", from ? "…" : "", (int)n, b.text + from,
			  from + n < b.len ? "…" : "");
	for (char *c = s; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = ' ';
	return s;
}

/* Two long lines from a little before they differ. */
static char *describe_two_lines(const struct line *wants, const struct line *there)
{
	struct line a = strip_line_blanks(wants), b = strip_line_blanks(there);
	size_t n = count_common_bytes(&a, &b), from = n > MAX_SHOWN / 2 ? n - MAX_SHOWN / 4 : 0;
	cryo_auto(cryo_free) char *one = NULL, *two = NULL;

	if (a.len == b.len && n == a.len)
		from = 0;
	one = quote_line_part(wants, from);
	two = quote_line_part(there, from);
	if (strcmp(one, two) == 0)
		return cryo_asprintf("%s has other white space than the patch wants", one);
	return cryo_asprintf("the patch wants %s, there is %s", one, two);
}

/* Where most of its lines are is most likely where it belongs. */
static size_t find_nearest_place(const struct lines *file, const struct lines *old, size_t want)
{
	size_t best = want < file->n ? want : file->n;
	size_t most = measure_likeness(file, old, best);

	for (size_t at = 0; at < file->n; at++) {
		size_t likeness = measure_likeness(file, old, at);

		if (likeness > most) {
			most = likeness;
			best = at;
		}
	}
	return best;
}

size_t cryo_hunk_explain(const struct cryo_hunk *hunk, const char *text, size_t len, char **why)
{
	cryo_auto(release_lines) struct lines file = { 0 }, old = { 0 };
	cryo_auto(cryo_free) char *wants = NULL;
	size_t best, i = 0;

	split_text_lines(text, len, &file);
	read_old_lines(hunk, &old);
	best = find_nearest_place(&file, &old, hunk->start > 0 ? (size_t)hunk->start - 1 : 0);
	while (i < old.n && best + i < file.n && are_lines_equal(&file.v[best + i], &old.v[i]))
		i++;
	if (i < old.n && best + i < file.n) {
		*why = describe_two_lines(&old.v[i], &file.v[best + i]);
	} else if (i < old.n) {
		wants = quote_line_part(&old.v[i], 0);
		*why = cryo_asprintf("the patch wants %s, the file ends there", wants);
	} else {
		*why = cryo_strdup("its lines are there, but not where the patch has them: in this "
				   "order, at the beginning or end of the file");
	}
	return best + i + 1;
}
