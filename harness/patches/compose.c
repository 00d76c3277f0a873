/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/compose.h"

#include "patches/apply.h"
#include "patches/mail.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PATCH (64u << 20)

void cryo_composed_release(struct cryo_composed *c)
{
	cryo_strv_release(&c->name);
	cryo_strv_release(&c->text);
}

static int write_box_patches(struct cryo_gitbox *box, const char *base, const char *head,
			     const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *range = cryo_asprintf("%s..%s", base, head);
	cryo_auto(cryo_free) char *to = cryo_asprintf("-o%s", dir);
	cryo_auto(cryo_free) char *shallow = cryo_gitbox_path(box, "git/shallow");
	cryo_auto(cryo_free) char *line = cryo_asprintf("%s\n", base);
	struct cryo_gitrun run = { 0 };
	int rc = cryo_fs_write_scratch(shallow, line, strlen(line), err);

	run.argv = CRYO_GIT("format-patch", "-N", "-M", "--always", "--zero-commit",
			    "--no-signature", "--full-index", "--binary", to, range);
	return rc < 0 ? rc : cryo_gitbox_run(box, &run, err);
}

/* The paths it has written, one a line. */
static int read_box_patches(const char *list, struct cryo_composed *out, struct cryo_err *err)
{
	int rc = 0;

	while (rc == 0 && *list) {
		cryo_auto(cryo_free) char *path = cryo_strndup(list, strcspn(list, "\n"));
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
		const char *name = strrchr(path, '/') + 1;

		rc = cryo_fs_read(path, MAX_PATCH, &text, err);
		if (rc == 0 && !strstr(cryo_str_get(&text), "\ndiff --git "))
			rc = cryo_err_set(err, CRYO_E_CONFIG, "the commit of '%s' changes nothing",
					  name);
		cryo_strv_add(&out->name, name);
		cryo_strv_take(&out->text, cryo_str_detach(&text));
		list += strcspn(list, "\n");
		list += *list == '\n';
	}
	return rc;
}

/* --- do they say all? --- */

/* Of each commit what a mail keeps, in UTF-8: its subject is one line there. NUL ends each. */
static int show_kept_parts(struct cryo_gitbox *box, const char *base, const char *head,
			   struct cryo_strv *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *range = cryo_asprintf("%s..%s", base, head);
	struct cryo_gitrun run = { 0 };
	const char *at, *end;
	int rc;

	run.argv = CRYO_GIT("log", "-z", "--reverse", "--encoding=UTF-8", "--date=raw",
			    "--format=%T%n%an%n%ae%n%ad%n%n%s%n%n%b", range);
	rc = cryo_gitbox_run(box, &run, err);
	at = cryo_str_get(&box->last.out);
	end = at + box->last.out.len;
	for (; rc == 0 && at < end; at += strlen(at) + 1) {
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

		cryo_message_strip(at, &text);
		cryo_strv_take(out, cryo_str_detach(&text));
	}
	return rc;
}

static int compare_kept_parts(const char *commit, const char *again, struct cryo_err *err)
{
	if (strcmp(commit, again) == 0)
		return 0;
	if (strncmp(commit, again, strcspn(commit, "\n")) != 0)
		return cryo_err_set(err, CRYO_E_CONFIG, "a mail cannot carry its changes");
	return cryo_err_set(err, CRYO_E_CONFIG, "a mail cannot carry its message or author");
}

static int compare_chains(struct cryo_gitbox *box, const char *base, const char *head,
			  const char *again, struct cryo_composed *out, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv theirs = { 0 }, ours = { 0 };
	int rc = show_kept_parts(box, base, head, &theirs, err);

	if (rc == 0)
		rc = show_kept_parts(box, base, again, &ours, err);
	for (size_t i = 0; rc == 0 && i < theirs.n; i++) {
		rc = compare_kept_parts(theirs.v[i], i < ours.n ? ours.v[i] : "", err);
		rc = cryo_err_wrap(err, rc, "'%s'", out->name.v[i]);
	}
	return rc;
}

/* Read and applied again, they must give the same commits. */
static int check_all_mails(struct cryo_gitbox *box, const char *repository, const char *base,
			   const char *head, struct cryo_composed *out, struct cryo_err *err)
{
	struct cryo_series s = { .dir = NULL };
	char again[CRYO_COMMIT_HEX];
	int rc;

	s.patch = cryo_alloc((out->text.n + 1) * sizeof(*s.patch));
	for (; s.n < out->text.n; s.n++)
		cryo_patch_make(out->name.v[s.n], out->text.v[s.n], strlen(out->text.v[s.n]),
				&s.patch[s.n]);
	rc = cryo_series_apply(repository, base, &s, again, err);
	cryo_series_release(&s);
	if (rc < 0)
		return cryo_err_wrap(err, rc, "a commit would not come back from its mail");
	return compare_chains(box, base, head, again, out, err);
}

int cryo_compose(const char *repository, const char *base, const char *head,
		 struct cryo_composed *out, struct cryo_err *err)
{
	cryo_auto(git_repository_free) git_repository *repo = NULL;
	cryo_auto(cryo_gitbox_close) struct cryo_gitbox box = { 0 };
	cryo_auto(cryo_free) char *dir = NULL;
	int rc = cryo_repo_open(repository, &repo, err);

	if (rc == 0)
		rc = cryo_gitbox_open(repo, &box, err);
	if (rc == 0)
		rc = cryo_fs_tmpdir(box.dir, "written-", &dir, err);
	if (rc == 0)
		rc = write_box_patches(&box, base, head, dir, err);
	if (rc == 0)
		rc = read_box_patches(cryo_str_get(&box.last.out), out, err);
	return rc < 0 ? rc : check_all_mails(&box, repository, base, head, out, err);
}
