/* SPDX-License-Identifier: Apache-2.0 */
/* The mail format of `git format-patch`: headers, reason, "---", diff, signature. */
#include "source/series.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* What is still to be read; it ends in a NUL. */
struct reader {
	const char *at, *end;
	unsigned line; /* of `at`, from 1 */
};

struct line {
	const char *text; /* without its newline */
	size_t len;
};

static bool peek_mail_line(const struct reader *r, struct line *l)
{
	const char *newline;

	if (r->at == r->end)
		return false;
	newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
	l->text = r->at;
	l->len = (size_t)((newline ? newline : r->end) - r->at);
	return true;
}

static void skip_mail_line(struct reader *r, const struct line *l)
{
	r->at = l->text + l->len;
	r->at += r->at < r->end;
	r->line++;
}

static bool line_begins_with(const struct line *l, const char *word)
{
	return l->len >= strlen(word) && memcmp(l->text, word, strlen(word)) == 0;
}

static bool line_equals_text(const struct line *l, const char *text)
{
	return l->len == strlen(text) && line_begins_with(l, text);
}

/* --- RFC 2047: =?utf-8?q?Zo=C3=AB?= --- */

static int parse_mail_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode_q_encoding(const char *text, struct cryo_str *out)
{
	for (; *text; text++) {
		char c = *text == '_' ? ' ' : *text;

		if (c == '=') {
			int high = parse_mail_hex_digit(text[1]),
			    low = high < 0 ? -1 : parse_mail_hex_digit(text[2]);

			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			text += 2;
		}
		cryo_str_addn(out, &c, 1);
	}
	return true;
}

/* The encoded word at `s`; false if there is none. *end: behind it. */
static bool decode_encoded_word(const char *s, const char **end, struct cryo_str *out)
{
	const char *charset = s + 2, *how, *text, *stop;
	cryo_auto(cryo_free) char *word = NULL;

	if (!cryo_starts_with(s, "=?") || !(how = strchr(charset, '?')) || !how[1] || how[2] != '?')
		return false;
	text = how + 3;
	stop = strstr(text, "?=");
	if (!stop ||
	    (strncasecmp(charset, "utf-8?", 6) != 0 && strncasecmp(charset, "us-ascii?", 9) != 0))
		return false;
	word = cryo_strndup(text, (size_t)(stop - text));
	*end = stop + 2;
	if (how[1] == 'q' || how[1] == 'Q')
		return decode_q_encoding(word, out);
	return (how[1] == 'b' || how[1] == 'B') && cryo_base64_decode(word, out);
}

/* White space between two encoded words is none. */
static char *decode_header(const char *s)
{
	struct cryo_str out = { 0 };
	bool was_word = false;

	while (*s) {
		cryo_auto(cryo_str_release) struct cryo_str word = { 0 };
		const char *next = s + strspn(s, " "), *end;

		if (decode_encoded_word(next, &end, &word)) {
			if (!was_word)
				cryo_str_addn(&out, s, (size_t)(next - s));
			cryo_str_addn(&out, cryo_str_get(&word), word.len);
			s = end;
			was_word = true;
			continue;
		}
		end = next + (*next != '\0');
		cryo_str_addn(&out, s, (size_t)(end - s));
		s = end;
		was_word = false;
	}
	return cryo_str_detach(&out);
}

/* --- values of headers --- */

/* Without white space and `around` at both ends; control characters would show on terminals as what
 * they are not: these become spaces. */
static char *tidy_header_text(const char *s, size_t n, const char *around)
{
	char *t;

	while (n > 0 && (isspace((unsigned char)*s) || strchr(around, *s)))
		s++, n--;
	while (n > 0 && (isspace((unsigned char)s[n - 1]) || strchr(around, s[n - 1])))
		n--;
	t = cryo_strndup(s, n);
	for (char *p = t; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = ' ';
	return t;
}

/* "[PATCH v2 1/3] kubelet: …"; other words in brackets are the author's. */
static char *strip_subject_tags(const char *s)
{
	const char *end, *word;

	s += strspn(s, " ");
	while (*s == '[' && (end = strchr(s, ']')) && (word = strstr(s, "PATCH")) && word < end)
		s = end + 1 + strspn(end + 1, " ");
	return tidy_header_text(s, strlen(s), "");
}

/* Name <address>, or "Name" <address> */
static bool take_patch_author(const char *value, struct cryo_patch *p)
{
	const char *open = strrchr(value, '<'), *close = open ? strchr(open, '>') : NULL;

	if (!close)
		return false;
	p->author = tidy_header_text(value, (size_t)(open - value), "\"");
	p->email = tidy_header_text(open + 1, (size_t)(close - open - 1), "");
	return p->author[0] && p->email[0] && !strpbrk(p->author, "<>");
}

static int parse_month_name(const char *name)
{
	static const char all[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12; i++)
		if (strncmp(all + 3L * i, name, 3) == 0)
			return i;
	return -1;
}

/* Mon, 23 Nov 2026 22:00:00 +0100 */
static bool take_patch_date(const char *value, struct cryo_patch *p)
{
	const char *comma = strchr(value, ',');
	struct tm tm = { 0 };
	char name[4] = "", sign = '\0';
	int hours, minutes;

	if (sscanf(comma ? comma + 1 : value, " %2d %3[A-Za-z] %4d %2d:%2d:%2d %c%2d%2d",
		   &tm.tm_mday, name, &tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &sign,
		   &hours, &minutes) != 9)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon = parse_month_name(name);
	if (tm.tm_mon < 0 || tm.tm_year < 70 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour < 0 || tm.tm_min < 0 || tm.tm_sec < 0 || hours < 0 || hours > 14 ||
	    minutes < 0 || minutes > 59 || (sign != '+' && sign != '-'))
		return false;
	p->zone = (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
	p->time = (int64_t)timegm(&tm) - p->zone * 60L;
	return true;
}

/* --- the mail --- */

static int report_bad_mail(const struct cryo_patch *p, unsigned line, struct cryo_err *err,
			   const char *what)
{
	return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: %s", p->path, line, what);
}

/* Both would have to be undone before anything can be applied; git writes neither by itself. */
static bool is_encoded_content(const char *name, const char *value)
{
	return strcasecmp(name, "Content-Transfer-Encoding") == 0 &&
	       (strcasestr(value, "base64") || strcasestr(value, "quoted-printable"));
}

static int take_mail_header(const char *name, const char *value, unsigned line,
			    struct cryo_patch *p, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *text = decode_header(value);

	if (strcasecmp(name, "Subject") == 0 && !p->subject)
		p->subject = strip_subject_tags(text);
	else if (strcasecmp(name, "From") == 0 && !p->author && !take_patch_author(text, p))
		return report_bad_mail(p, line, err, "no author such as 'From: Name <address>'");
	else if (strcasecmp(name, "Date") == 0 && !take_patch_date(text, p))
		return report_bad_mail(p, line, err,
				       "no date such as 'Date: Mon, 2 Nov 2026 15:04:05 +0100'");
	else if (is_encoded_content(name, value))
		return report_bad_mail(p, line, err, "the mail is encoded: save it as 8bit");
	return 0;
}

static bool is_mail_header_line(const struct line *l)
{
	const char *colon = memchr(l->text, ':', l->len);

	for (const char *c = l->text; colon && c < colon; c++)
		if (!isalnum((unsigned char)*c) && *c != '-')
			return false;
	return colon && colon > l->text;
}

static int read_mail_header(struct reader *r, struct line *l, struct cryo_patch *p,
			    struct cryo_err *err)
{
	const char *colon = memchr(l->text, ':', l->len);
	cryo_auto(cryo_free) char *name = cryo_strndup(l->text, (size_t)(colon - l->text));
	cryo_auto(cryo_str_release) struct cryo_str value = { 0 };
	unsigned line = r->line;

	cryo_str_addn(&value, colon + 1, l->len - (size_t)(colon + 1 - l->text));
	skip_mail_line(r, l);
	while (peek_mail_line(r, l) && l->len > 0 && (l->text[0] == ' ' || l->text[0] == '\t')) {
		cryo_str_add(&value, " ");
		cryo_str_addn(&value, l->text + 1, l->len - 1);
		skip_mail_line(r, l);
	}
	return take_mail_header(name, cryo_str_get(&value), line, p, err);
}

static int read_headers(struct reader *r, struct cryo_patch *p, struct cryo_err *err)
{
	struct line l;
	int rc = 0;

	if (peek_mail_line(r, &l) && line_begins_with(&l, "From "))
		skip_mail_line(r, &l);
	while (rc == 0 && peek_mail_line(r, &l) && l.len > 0) {
		if (!is_mail_header_line(&l))
			return report_bad_mail(p, r->line, err,
					       "no mail as 'git format-patch' writes it");
		rc = read_mail_header(r, &l, p, err);
	}
	if (rc == 0 && (!p->subject || !p->subject[0]))
		rc = report_bad_mail(p, 1, err, "no subject");
	if (rc == 0 && !p->author)
		rc = report_bad_mail(p, 1, err, "no 'From:'");
	return rc;
}

static void read_mail_body(struct reader *r, struct cryo_patch *p)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	const char *start;
	struct line l;

	while (peek_mail_line(r, &l) && !line_equals_text(&l, "---") &&
	       !line_begins_with(&l, "diff --git ")) {
		cryo_str_addn(&text, l.text, l.len);
		cryo_str_add(&text, "\n");
		skip_mail_line(r, &l);
	}
	while (text.len > 0 && isspace((unsigned char)text.p[text.len - 1]))
		text.p[--text.len] = '\0';
	start = cryo_str_get(&text);
	p->body = cryo_strdup(start + strspn(start, "\n"));
	while (peek_mail_line(r, &l) && !line_begins_with(&l, "diff --git "))
		skip_mail_line(r, &l);
}

/* "-- " and the version of git: at the very end, and nothing that a hunk could end in. */
static size_t cut_mail_signature(const char *diff, size_t n)
{
	size_t end = n, line;

	while (end > 0 && diff[end - 1] == '\n')
		end--;
	for (line = end; line > 0 && diff[line - 1] != '\n'; line--)
		;
	if (line < 5 || memcmp(diff + line - 5, "\n-- \n", 5) != 0 || strchr(" +-\\@", diff[line]))
		return n;
	return line - 4;
}

static int check_mail_text(const struct cryo_patch *p, const char *text, size_t len,
			   struct cryo_err *err)
{
	const char *newline = memchr(text, '\n', len);

	if (memchr(text, '\0', len))
		return report_bad_mail(p, 1, err, "holds a NUL byte");
	if (newline && newline > text && newline[-1] == '\r')
		return report_bad_mail(p, 1, err, "has the line ends of Windows");
	return 0;
}

static int parse_patch_mail(struct reader *r, struct cryo_patch *p, struct cryo_err *err)
{
	int rc = check_mail_text(p, r->at, (size_t)(r->end - r->at), err);

	if (rc == 0)
		rc = read_headers(r, p, err);
	if (rc < 0)
		return rc;
	read_mail_body(r, p);
	p->diff_line = r->line;
	if (r->at == r->end)
		return report_bad_mail(p, r->line, err,
				       "no diff (a line 'diff --git …' begins it)");
	cryo_str_addn(&p->diff, r->at, cut_mail_signature(r->at, (size_t)(r->end - r->at)));
	return 0;
}

int cryo_patch_parse(const char *path, const char *text, size_t len, struct cryo_patch *out,
		     struct cryo_err *err)
{
	const char *slash = strrchr(path, '/');
	struct reader r = { .at = text, .end = text + len, .line = 1 };
	struct cryo_patch p = { .path = cryo_strdup(path),
				.name = cryo_strdup(slash ? slash + 1 : path) };
	int rc;

	cryo_hash_bytes(text, len, p.sha256);
	rc = parse_patch_mail(&r, &p, err);
	if (rc == 0)
		*out = p;
	else
		cryo_patch_release(&p);
	return rc;
}
