/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/compose.h"

#include "patches/graft.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PATCH (64u << 20)

void cryo_composed_release(struct cryo_composed *c)
{
	cryo_strv_release(&c->name);
	cryo_strv_release(&c->subject);
	cryo_strv_release(&c->text);
}

static int write_box_patches(struct cryo_graft *g, const char *base, const char *head,
			     const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *range = cryo_asprintf("%s..%s", base, head);
	cryo_auto(cryo_free) char *to = cryo_asprintf("-o%s", dir);
	cryo_auto(cryo_free) char *shallow = cryo_gitbox_path(&g->box, "git/shallow");
	cryo_auto(cryo_free) char *line = cryo_asprintf("%s\n", base);
	struct cryo_gitrun run = { 0 };
	int rc = cryo_fs_write(shallow, line, strlen(line), 0600, err);

	run.argv = CRYO_GIT("format-patch", "-N", "-M", "--always", "--zero-commit",
			    "--no-signature", "--full-index", "--binary", to, range);
	return rc < 0 ? rc : cryo_gitbox_run(&g->box, &run, err);
}

/* The paths it has written, one a line. */
static int read_box_patches(const char *list, struct cryo_composed *out, struct cryo_err *err)
{
	int rc = 0;

	while (rc == 0 && *list) {
		cryo_auto(cryo_free) char *path = cryo_strndup(list, strcspn(list, "\n"));
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
		const char *slash = strrchr(path, '/');

		rc = cryo_fs_read(path, MAX_PATCH, &text, err);
		cryo_strv_add(&out->name, slash ? slash + 1 : path);
		cryo_strv_take(&out->text, cryo_str_detach(&text));
		list += strcspn(list, "\n");
		list += *list == '\n';
	}
	return rc;
}

/* What a mail keeps of a commit, in UTF-8: its subject is one line there. */
static int show_kept_parts(struct cryo_graft *g, const git_oid *commit, struct cryo_str *out,
			   struct cryo_err *err)
{
	struct cryo_gitrun run = { 0 };
	int rc;

	run.argv = CRYO_GIT("show", "-s", "--encoding=UTF-8", "--date=raw",
			    "--format=%an%n%ae%n%ad%n%n%s%n%n%b", git_oid_tostr_s(commit));
	rc = cryo_gitbox_run(&g->box, &run, err);
	if (rc == 0)
		cryo_message_strip(cryo_str_get(&g->box.last.out), out);
	return rc;
}

static int compare_commits(struct cryo_graft *g, const git_oid *commit, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str theirs = { 0 }, ours = { 0 };
	cryo_auto(git_commit_free) git_commit *c = NULL;
	int rc = show_kept_parts(g, commit, &theirs, err);

	if (rc == 0)
		rc = show_kept_parts(g, &g->head, &ours, err);
	if (rc == 0 && git_commit_lookup(&c, g->repo, commit) < 0)
		rc = cryo_git_err(err, CRYO_E_PROVISION, "commit");
	if (rc < 0)
		return rc;
	if (!git_oid_equal(git_commit_tree_id(c), &g->tree))
		return cryo_err_set(err, CRYO_E_CONFIG, "what it changes cannot be kept in a mail");
	if (strcmp(cryo_str_get(&theirs), cryo_str_get(&ours)) != 0)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "its message or author would be another one in a mail");
	return 0;
}

static int check_composed_mail(struct cryo_graft *g, const char *text, const git_oid *commit,
			       struct cryo_err *err)
{
	cryo_auto(cryo_mails_release) struct cryo_mails mails = { 0 };
	struct cryo_patch p = { 0 };
	int rc;

	cryo_patch_make("as a mail", text, strlen(text), &p);
	rc = cryo_mails_read(&g->box, &p, &mails, err);
	if (rc == 0 && mails.n != 1)
		rc = cryo_err_set(err, CRYO_E_CONFIG, "it would be several mails");
	if (rc == 0)
		rc = cryo_graft_commit(g, &p, &mails.v[0], err);
	if (rc == 0)
		rc = compare_commits(g, commit, err);
	g->p = NULL;
	cryo_patch_release(&p);
	return rc;
}

static int check_all_mails(struct cryo_graft *g, const char *base, const char *head,
			   struct cryo_composed *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *range = cryo_asprintf("%s..%s", base, head), *list = NULL;
	struct cryo_gitrun run = { .argv = CRYO_GIT("log", "--reverse", "--format=%H %s", range) };
	int rc = cryo_gitbox_run(&g->box, &run, err);
	const char *at;

	list = cryo_strdup(cryo_str_get(&g->box.last.out));
	at = list;
	for (size_t i = 0; rc == 0 && i < out->text.n; i++) {
		cryo_auto(cryo_free) char *line = cryo_strndup(at, strcspn(at, "\n"));
		char *space = strchr(line, ' ');
		git_oid id;

		at += strlen(line) + (at[strlen(line)] == '\n');
		if (!space)
			return cryo_err_set(err, CRYO_E_PROVISION, "git log lists too few commits");
		*space = '\0';
		cryo_strv_add(&out->subject, space + 1);
		rc = git_oid_fromstr(&id, line) < 0
			 ? cryo_git_err(err, CRYO_E_PROVISION, "commit %s", line)
			 : check_composed_mail(g, out->text.v[i], &id, err);
		rc = cryo_err_wrap(err, rc, "commit %.12s '%s'", line, space + 1);
	}
	return rc;
}

int cryo_compose(const char *repository, const char *base, const char *head,
		 struct cryo_composed *out, struct cryo_err *err)
{
	cryo_auto(cryo_graft_close) struct cryo_graft g = { 0 };
	cryo_auto(cryo_free) char *dir = NULL;
	int rc = cryo_graft_open(repository, base, &g, err);

	if (rc == 0)
		rc = cryo_fs_tmpdir(g.box.dir, "written-", &dir, err);
	if (rc == 0)
		rc = write_box_patches(&g, base, head, dir, err);
	if (rc == 0)
		rc = read_box_patches(cryo_str_get(&g.box.last.out), out, err);
	return rc < 0 ? rc : check_all_mails(&g, base, head, out, err);
}
