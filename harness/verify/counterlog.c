/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/counterlog.h"

#include "base/clock.h"
#include "base/str.h"
#include "verify/countformat.h"

#include <stdlib.h>
#include <string.h>

/* No counter line is longer; what is, is no counter line. */
#define MAX_COUNT_LINE 512

/* "<key><digits>" at *s, which moves behind it. No sign, no leading zero, no overflow. */
static bool take_keyed_number(const char **s, const char *key, uint64_t *value)
{
	const char *p = *s;

	if (!cryo_starts_with(p, key))
		return false;
	p += strlen(key);
	if (*p < '0' || *p > '9' || (p[0] == '0' && p[1] >= '0' && p[1] <= '9'))
		return false;
	for (*value = 0; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(*value, 10u, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(*p - '0'), value))
			return false;
	*s = p;
	return true;
}

static bool take_nonce_word(const char **s, char nonce[CRYO_NONCE_LEN])
{
	const char *p = *s;

	if (!cryo_starts_with(p, " nonce="))
		return false;
	p += strlen(" nonce=");
	if (strspn(p, "0123456789abcdef") != CRYO_NONCE_LEN - 1)
		return false;
	memcpy(nonce, p, CRYO_NONCE_LEN - 1);
	nonce[CRYO_NONCE_LEN - 1] = '\0';
	*s = p + CRYO_NONCE_LEN - 1;
	return true;
}

/* Further words: each " key=value" of printable characters. */
static bool take_further_words(const char *s, bool *damaged)
{
	*damaged = false;
	while (*s) {
		size_t n = strcspn(s + 1, " ");
		const char *eq = memchr(s + 1, '=', n);

		if (*s != ' ' || !eq || eq == s + 1)
			return false;
		for (size_t i = 1; i <= n; i++)
			if (s[i] < '!' || s[i] > '~')
				return false;
		if (n == strlen("ballast=damaged") && strncmp(s + 1, "ballast=damaged", n) == 0)
			*damaged = true;
		s += 1 + n;
	}
	return true;
}

enum cryo_logline_kind cryo_count_parse(const char *line, struct cryo_count *out)
{
	struct cryo_count c = { 0 };
	const char *s = line;

	if (!cryo_starts_with(line, "count="))
		return CRYO_LOGLINE_OTHER;
	if (strnlen(line, MAX_COUNT_LINE) == MAX_COUNT_LINE ||
	    !take_keyed_number(&s, "count=", &c.count) || !take_nonce_word(&s, c.nonce) ||
	    !take_keyed_number(&s, " mono_ns=", &c.mono_ns) || !take_further_words(s, &c.damaged))
		return CRYO_LOGLINE_BROKEN;
	*out = c;
	return CRYO_LOGLINE_COUNT;
}

enum cryo_logline_kind cryo_count_read(const struct cryo_count_format *f, const char *line,
				       struct cryo_count *out)
{
	return f ? cryo_count_format_read(f, line, out) : cryo_count_parse(line, out);
}

/* The stamp at the start of a line, and what stands behind its blank; NULL if there is none. */
static const char *take_line_stamp(const char *line, int64_t *ns)
{
	struct cryo_err err = CRYO_ERR_INIT;
	size_t n = strcspn(line, " ");
	char stamp[40];

	if (!line[n] || n >= sizeof(stamp))
		return NULL;
	memcpy(stamp, line, n);
	stamp[n] = '\0';
	return cryo_rfc3339_parse(stamp, ns, &err) == 0 ? line + n + 1 : NULL;
}

const char *cryo_log_api_text(const char *line, int64_t *ns)
{
	const char *text = take_line_stamp(line, ns);

	if (!text)
		*ns = 0;
	return text ? text : line;
}

/* Behind "stdout F ": NULL if that is not what stands there. */
static const char *take_cri_tags(const char *s, bool *partial)
{
	if (!cryo_starts_with(s, "stdout ") && !cryo_starts_with(s, "stderr "))
		return NULL;
	s += strlen("stdout ");
	if (*s != 'F' && *s != 'P')
		return NULL;
	*partial = *s == 'P';
	s++;
	/* Tags are separated by colons; only the first one is defined. */
	s += strcspn(s, " ");
	return *s ? s + 1 : NULL;
}

static struct cryo_logline *append_log_line(struct cryo_counterlog *l,
					    const struct cryo_count_format *f, const char *text,
					    int64_t ns)
{
	struct cryo_logline *line;

	if ((l->n & (l->n - 1)) == 0)
		l->line = cryo_realloc(l->line, l->n ? l->n * 2 : 1, sizeof(*l->line));
	line = &l->line[l->n++];
	*line = (struct cryo_logline){ .ns = ns, .text = cryo_strdup(text) };
	line->kind = cryo_count_read(f, text, &line->c);
	return line;
}

/* A CRI line that continues or completes a partial one collects in `part`. */
static void add_cri_line(struct cryo_counterlog *l, const struct cryo_count_format *f,
			 const char *raw, struct cryo_str *part)
{
	bool partial = false;
	int64_t ns = 0;
	const char *text = take_line_stamp(raw, &ns);

	text = text ? take_cri_tags(text, &partial) : NULL;
	if (!text) {
		append_log_line(l, f, raw, 0)->kind = CRYO_LOGLINE_BROKEN;
		return;
	}
	cryo_str_add(part, text);
	if (partial)
		return;
	append_log_line(l, f, cryo_str_get(part), ns);
	cryo_str_clear(part);
}

void cryo_counterlog_parse(enum cryo_log_form form, const struct cryo_count_format *f,
			   const char *text, struct cryo_counterlog *out)
{
	cryo_auto(cryo_str_release) struct cryo_str part = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str raw = { 0 };
	int64_t ns;

	*out = (struct cryo_counterlog){ 0 };
	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		cryo_str_clear(&raw);
		cryo_str_addn(&raw, text, (size_t)(end - text));
		if (form == CRYO_LOG_CRI) {
			add_cri_line(out, f, raw.p, &part);
		} else {
			const char *said = cryo_log_api_text(raw.p, &ns);

			append_log_line(out, f, said, ns);
		}
	}
}

void cryo_counterlog_release(struct cryo_counterlog *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->line[i].text);
	free(l->line);
	*l = (struct cryo_counterlog){ 0 };
}

const struct cryo_count *cryo_counterlog_first(const struct cryo_counterlog *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->line[i].kind == CRYO_LOGLINE_COUNT)
			return &l->line[i].c;
	return NULL;
}

const struct cryo_count *cryo_counterlog_last(const struct cryo_counterlog *l)
{
	for (size_t i = l->n; i > 0; i--)
		if (l->line[i - 1].kind == CRYO_LOGLINE_COUNT)
			return &l->line[i - 1].c;
	return NULL;
}

int64_t cryo_count_gap_ns(const struct cryo_count *a, const struct cryo_count *b)
{
	uint64_t gap = b->mono_ns - a->mono_ns;

	return b->mono_ns < a->mono_ns || gap > INT64_MAX ? -1 : (int64_t)gap;
}

size_t cryo_counterlog_gaps(const struct cryo_counterlog *l, struct cryo_count_gap **out)
{
	struct cryo_count_gap *gap = cryo_alloc((l->n + 1) * sizeof(*gap));
	const struct cryo_count *last = NULL;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct cryo_count *c = &l->line[i].c;

		if (l->line[i].kind != CRYO_LOGLINE_COUNT)
			continue;
		if (last && cryo_count_gap_ns(last, c) >= 0)
			gap[n++] = (struct cryo_count_gap){ last, cryo_count_gap_ns(last, c) };
		last = c;
	}
	*out = gap;
	return n;
}

static int compare_gap_lengths(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t cryo_count_gaps_usual(const struct cryo_count_gap *gap, size_t n, unsigned tenths)
{
	cryo_auto(cryo_free) int64_t *ns = cryo_alloc((n + 1) * sizeof(*ns));

	for (size_t i = 0; i < n; i++)
		ns[i] = gap[i].ns;
	qsort(ns, n, sizeof(*ns), compare_gap_lengths);
	return n ? ns[(n - 1) * tenths / 10] : 0;
}
