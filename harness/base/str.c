/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void grow_str_buffer(struct cryo_str *s, size_t extra)
{
	size_t need = s->len + extra + 1, cap = s->cap ? s->cap : 64;

	if (need <= s->cap)
		return;
	while (cap < need)
		cap *= 2;
	s->p = cryo_realloc(s->p, cap, 1);
	s->cap = cap;
}

void cryo_str_addn(struct cryo_str *s, const void *data, size_t n)
{
	grow_str_buffer(s, n);
	if (n > 0)
		memcpy(s->p + s->len, data, n);
	s->len += n;
	s->p[s->len] = '\0';
}

void cryo_str_add(struct cryo_str *s, const char *text)
{
	cryo_str_addn(s, text, strlen(text));
}

void cryo_str_addf(struct cryo_str *s, const char *fmt, ...)
{
	cryo_auto(cryo_free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = cryo_vasprintf(fmt, ap);
	va_end(ap);
	cryo_str_add(s, text);
}

void cryo_str_add_quoted(struct cryo_str *s, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_@%+:,./-";

	if (*word && word[strspn(word, plain)] == '\0') {
		cryo_str_add(s, word);
		return;
	}
	cryo_str_add(s, "'");
	for (; *word; word++)
		if (*word == '\'')
			cryo_str_add(s, "'\\''");
		else
			cryo_str_addn(s, word, 1);
	cryo_str_add(s, "'");
}

const char *cryo_str_get(const struct cryo_str *s)
{
	return s->p ? s->p : "";
}

void cryo_str_clear(struct cryo_str *s)
{
	s->len = 0;
	if (s->p)
		s->p[0] = '\0';
}

char *cryo_str_detach(struct cryo_str *s)
{
	char *p = s->p ? s->p : cryo_strdup("");

	*s = (struct cryo_str){ 0 };
	return p;
}

void cryo_str_release(struct cryo_str *s)
{
	free(s->p);
	*s = (struct cryo_str){ 0 };
}

void cryo_strv_take(struct cryo_strv *sv, char *str)
{
	sv->v = cryo_realloc(sv->v, sv->n + 2, sizeof(*sv->v));
	sv->v[sv->n++] = str;
	sv->v[sv->n] = NULL;
}

void cryo_strv_add(struct cryo_strv *sv, const char *s)
{
	cryo_strv_take(sv, cryo_strdup(s));
}

void cryo_strv_addf(struct cryo_strv *sv, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cryo_strv_take(sv, cryo_vasprintf(fmt, ap));
	va_end(ap);
}

void cryo_strv_addl(struct cryo_strv *sv, ...)
{
	const char *s;
	va_list ap;

	va_start(ap, sv);
	while ((s = va_arg(ap, const char *)))
		cryo_strv_add(sv, s);
	va_end(ap);
}

void cryo_strv_addv(struct cryo_strv *sv, const char *const *list)
{
	for (; list && *list; list++)
		cryo_strv_add(sv, *list);
}

const char *const *cryo_strv_get(const struct cryo_strv *sv)
{
	static const char *const empty[] = { NULL };

	return sv->v ? (const char *const *)sv->v : empty;
}

bool cryo_strv_has(const struct cryo_strv *sv, const char *s)
{
	for (size_t i = 0; i < sv->n; i++)
		if (strcmp(sv->v[i], s) == 0)
			return true;
	return false;
}

char *cryo_strv_join(const struct cryo_strv *sv, const char *sep)
{
	struct cryo_str s = { 0 };

	for (size_t i = 0; i < sv->n; i++)
		cryo_str_addf(&s, "%s%s", i ? sep : "", sv->v[i]);
	return cryo_str_detach(&s);
}

void cryo_strv_release(struct cryo_strv *sv)
{
	for (size_t i = 0; i < sv->n; i++)
		free(sv->v[i]);
	free(sv->v);
	*sv = (struct cryo_strv){ 0 };
}

static const char base64_digit[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *cryo_base64(const void *data, size_t n)
{
	const unsigned char *in = data;
	struct cryo_str s = { 0 };

	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		unsigned v = (unsigned)in[i] << 16;
		char quad[4];

		if (have > 1)
			v |= (unsigned)in[i + 1] << 8;
		if (have > 2)
			v |= in[i + 2];
		for (size_t k = 0; k < 4; k++)
			quad[k] = k <= have ? base64_digit[v >> (18 - 6 * k) & 63] : '=';
		cryo_str_addn(&s, quad, 4);
	}
	return cryo_str_detach(&s);
}

bool cryo_base64_decode(const char *text, struct cryo_str *out)
{
	size_t n = strlen(text), digits = strcspn(text, "="), start = out->len;
	unsigned value = 0, bits = 0;

	if (n % 4 != 0 || n - digits > 2 || strspn(text + digits, "=") != n - digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		const char *at = strchr(base64_digit, text[i]);
		unsigned char byte;

		if (!at) {
			out->len = start;
			if (out->p)
				out->p[start] = '\0';
			return false;
		}
		value = value << 6 | (unsigned)(at - base64_digit);
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		byte = (unsigned char)(value >> bits);
		cryo_str_addn(out, &byte, 1);
	}
	return true;
}

static size_t count_edit_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	cryo_auto(cryo_free) size_t *row = cryo_alloc((m + 1) * sizeof(*row));

	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[m];
}

const char *cryo_nearest(const char *word, const char *const *candidates)
{
	size_t limit = strlen(word) / 3, best = 4;
	const char *found = NULL;

	/* Words nobody types by hand: not worth the quadratic time. */
	if (strlen(word) > 64)
		return NULL;
	if (limit < 1)
		limit = 1;
	for (; *candidates; candidates++) {
		size_t d = count_edit_distance(word, *candidates);

		if (d <= limit && d < best) {
			best = d;
			found = *candidates;
		}
	}
	return found;
}

/* Back to where a character of UTF-8 begins. */
static size_t find_char_begin(const char *text, size_t at)
{
	for (size_t i = 0; i < 3 && at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80; i++)
		at--;
	return at;
}

void cryo_cut_middle(char *text, size_t max)
{
	static const char cut[] = "...";
	size_t n = strlen(text), head, tail;

	if (n <= max)
		return;
	head = find_char_begin(text, max / 2 - strlen(cut));
	tail = n - max / 2;
	while (tail < n && ((unsigned char)text[tail] & 0xc0) == 0x80)
		tail++;
	memcpy(text + head, cut, strlen(cut));
	memmove(text + head + strlen(cut), text + tail, n - tail + 1);
}

bool cryo_is_label(const char *s, size_t max)
{
	size_t n = strlen(s);

	return n > 0 && n <= max && s[0] != '-' && s[n - 1] != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}
