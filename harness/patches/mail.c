/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/mail.h"

#include "sys/fs.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MAILS 1000
#define MAX_DIFF  (64u << 20)

static int report_bad_mail(const struct cryo_patch *p, const char *what, struct cryo_err *err)
{
	return cryo_err_set(err, CRYO_E_CONFIG, "%s:1: %s", p->path, what);
}

void cryo_message_strip(const char *text, struct cryo_str *out)
{
	bool empty = false;

	while (*text) {
		size_t whole = strcspn(text, "\n"), n = whole;

		while (n > 0 && isspace((unsigned char)text[n - 1]))
			n--;
		if (n > 0) {
			if (empty && out->len > 0)
				cryo_str_add(out, "\n");
			cryo_str_addn(out, text, n);
			cryo_str_add(out, "\n");
		}
		empty = n == 0;
		text += whole + (text[whole] == '\n');
	}
}

/* "Author: …" lines of `git mailinfo`. */
static void take_mail_info(const char *line, size_t n, struct cryo_mail *m)
{
	const struct {
		const char *name;
		char **value;
	} field[] = { { "Author: ", &m->author },
		      { "Email: ", &m->email },
		      { "Date: ", &m->date },
		      { "Subject: ", &m->subject } };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(field); i++) {
		size_t skip = strlen(field[i].name);
		char *before = *field[i].value;

		if (n < skip || memcmp(line, field[i].name, skip) != 0)
			continue;
		*field[i].value = cryo_asprintf("%s%s%.*s", before ? before : "",
						before ? "\n" : "", (int)(n - skip), line + skip);
		free(before);
	}
}

static void take_all_info(const char *text, struct cryo_mail *m)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		take_mail_info(text, n, m);
		text += n + (text[n] == '\n');
	}
	if (!m->date)
		m->date = cryo_strdup("");
}

static int check_mail_parts(const struct cryo_patch *p, const struct cryo_mail *m,
			    struct cryo_err *err)
{
	if (!m->subject && !m->email)
		return report_bad_mail(p, "not a mail as 'git format-patch' writes it", err);
	if (m->message.len == 0)
		return report_bad_mail(p, "no subject", err);
	if (!m->email || !*m->email || !m->author)
		return report_bad_mail(p, "no author such as 'From: Name <address>'", err);
	if (m->diff.len == 0)
		return report_bad_mail(p, "no diff (a line 'diff --git …' begins it)", err);
	if (strlen(cryo_str_get(&m->diff)) != m->diff.len)
		return report_bad_mail(p, "its diff holds a NUL byte", err);
	return 0;
}

static int read_one_mail(struct cryo_gitbox *box, const struct cryo_patch *p, const char *text,
			 struct cryo_mail *m, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *body = cryo_gitbox_path(box, "body");
	cryo_auto(cryo_free) char *diff = cryo_gitbox_path(box, "diff");
	cryo_auto(cryo_str_release) struct cryo_str reason = { 0 }, whole = { 0 };
	struct cryo_gitrun run = { .input = text };
	int rc;

	run.argv = CRYO_GIT("mailinfo", "-u", "--no-scissors", body, diff);
	rc = cryo_gitbox_run(box, &run, err);
	if (rc < 0)
		return err->status == CRYO_E_CHILD
			   ? report_bad_mail(p, "not a mail that git can read", err)
			   : rc;
	take_all_info(cryo_str_get(&box->last.out), m);
	rc = cryo_fs_read(body, MAX_DIFF, &reason, err);
	if (rc == 0)
		rc = cryo_fs_read(diff, MAX_DIFF, &m->diff, err);
	if (rc < 0)
		return rc;
	cryo_str_addf(&whole, "%s\n\n%s", m->subject ? m->subject : "", cryo_str_get(&reason));
	cryo_message_strip(cryo_str_get(&whole), &m->message);
	return check_mail_parts(p, m, err);
}

static struct cryo_mail *add_mail(struct cryo_mails *out)
{
	out->v = cryo_realloc(out->v, out->n + 1, sizeof(*out->v));
	out->v[out->n] = (struct cryo_mail){ 0 };
	return &out->v[out->n++];
}

/* Does its first line end as on Windows? Then all do, and it is the mail program's doing; else
 * they belong to the files. */
static bool has_windows_lines(const char *text)
{
	size_t n = strcspn(text, "\n");

	return n > 0 && text[n] == '\n' && text[n - 1] == '\r';
}

static int read_split_mails(struct cryo_gitbox *box, const struct cryo_patch *p, size_t n,
			    const char *dir, struct cryo_mails *out, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 1; rc == 0 && i <= n; i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%04zu", dir, i);
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

		rc = cryo_fs_read(path, MAX_DIFF, &text, err);
		if (rc == 0)
			rc = read_one_mail(box, p, cryo_str_get(&text), add_mail(out), err);
	}
	return rc;
}

static int split_mails(struct cryo_gitbox *box, const struct cryo_patch *p, struct cryo_mails *out,
		       struct cryo_err *err)
{
	bool windows = has_windows_lines(cryo_str_get(&p->text));
	cryo_auto(cryo_free) char *dir = NULL, *to = NULL;
	struct cryo_gitrun run = { .input = cryo_str_get(&p->text) };
	size_t n;
	int rc = cryo_fs_tmpdir(box->dir, "mails-", &dir, err);

	if (rc < 0)
		return rc;
	to = cryo_asprintf("-o%s", dir);
	run.argv = windows ? CRYO_GIT("mailsplit", "-b", to)
			   : CRYO_GIT("mailsplit", "-b", "--keep-cr", to);
	rc = cryo_gitbox_run(box, &run, err);
	if (rc < 0)
		return err->status == CRYO_E_CHILD
			   ? report_bad_mail(p, "not a mail that git can read", err)
			   : rc;
	n = strtoul(cryo_str_get(&box->last.out), NULL, 10);
	if (n == 0 || n > MAX_MAILS)
		return report_bad_mail(p, n ? "more than 1000 mails" : "no mail in it", err);
	return read_split_mails(box, p, n, dir, out, err);
}

static int read_patch_mails(struct cryo_gitbox *box, const struct cryo_patch *p,
			    struct cryo_mails *out, struct cryo_err *err)
{
	const char *text = cryo_str_get(&p->text);

	if (strlen(text) != p->text.len)
		return report_bad_mail(p, "holds a NUL byte", err);
	/* One mail as most are: there is nothing to split. */
	if (strstr(text, "\nFrom ") || strstr(text, "\n>From ") || has_windows_lines(text))
		return split_mails(box, p, out, err);
	return read_one_mail(box, p, text, add_mail(out), err);
}

int cryo_mails_read(struct cryo_gitbox *box, const struct cryo_series *s, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		struct cryo_patch *p = &s->patch[i];

		if (p->mails.n > 0)
			continue;
		rc = read_patch_mails(box, p, &p->mails, err);
		if (rc < 0)
			cryo_mails_release(&p->mails);
	}
	return rc;
}

void cryo_mails_release(struct cryo_mails *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].author);
		free(m->v[i].email);
		free(m->v[i].date);
		free(m->v[i].subject);
		cryo_str_release(&m->v[i].message);
		cryo_str_release(&m->v[i].diff);
	}
	free(m->v);
	*m = (struct cryo_mails){ 0 };
}

unsigned cryo_mail_find_line(const struct cryo_patch *p, const char *line, size_t n, unsigned from)
{
	const char *text = cryo_str_get(&p->text);

	for (unsigned number = 1; *text; number++) {
		size_t len = strcspn(text, "\n");

		if (number >= from && len >= n && memcmp(text, line, n) == 0 &&
		    (len == n || (len == n + 1 && text[n] == '\r')))
			return number;
		text += len + (text[len] == '\n');
	}
	return 0;
}

unsigned cryo_mail_diff_line(const struct cryo_patch *p, const struct cryo_mail *m)
{
	const char *diff = strstr(cryo_str_get(&m->diff), "diff --git ");
	unsigned line = diff ? cryo_mail_find_line(p, diff, strcspn(diff, "\n"), 1) : 0;

	return line ? line : 1;
}
