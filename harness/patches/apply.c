/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/apply.h"

#include "patches/graft.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <stdlib.h>
#include <string.h>

static int commit_mail(struct cryo_graft *g, const struct cryo_mail *m, const git_oid *tree,
		       struct cryo_err *err)
{
	/* A mail without a date is one of the epoch, not of today. */
	const char *date = *m->date ? m->date : "@0 +0000";
	cryo_auto(cryo_strv_release) struct cryo_strv env = { 0 };
	cryo_auto(cryo_free) char *reason = NULL;
	char tree_hex[CRYO_COMMIT_HEX], head_hex[CRYO_COMMIT_HEX];
	struct cryo_gitrun run = { .input = cryo_str_get(&m->message) };
	int rc;

	git_oid_tostr(tree_hex, sizeof(tree_hex), tree);
	git_oid_tostr(head_hex, sizeof(head_hex), &g->head);
	cryo_strv_addf(&env, "GIT_AUTHOR_NAME=%s", m->author);
	cryo_strv_addf(&env, "GIT_AUTHOR_EMAIL=%s", m->email);
	cryo_strv_addf(&env, "GIT_AUTHOR_DATE=%s", date);
	cryo_strv_addl(&env, "GIT_COMMITTER_NAME=cryopod", "GIT_COMMITTER_EMAIL=cryopod@localhost",
		       NULL);
	cryo_strv_addf(&env, "GIT_COMMITTER_DATE=%s", date);
	run.env = cryo_strv_get(&env);
	run.argv = CRYO_GIT("commit-tree", "-p", head_hex, tree_hex);
	rc = cryo_gitbox_id(&g->box, &run, &g->head, err);
	if (rc < 0 && err->status == CRYO_E_CHILD) {
		reason = cryo_gitbox_reason(&g->box);
		return cryo_err_set(err, CRYO_E_CONFIG, "%s:1: git makes no commit of it: %s",
				    g->p->path, reason);
	}
	git_oid_cpy(&g->tree, tree);
	return rc;
}

static void add_mail_result(struct cryo_applied *all, struct cryo_applied *one, bool first)
{
	if (first || (one->kind != CRYO_FIT_CONTAINED && one->kind > all->kind) ||
	    all->kind == CRYO_FIT_CONTAINED)
		all->kind = one->kind;
	if (labs(one->offset) > labs(all->offset))
		all->offset = one->offset;
}

int cryo_graft_commit(struct cryo_graft *g, const struct cryo_patch *p, const struct cryo_mail *m,
		      struct cryo_err *err)
{
	struct cryo_applied how = { 0 };
	git_oid tree;
	int rc;

	g->p = p;
	rc = cryo_graft(g, m, &tree, &how, err);
	if (rc == 0 && (how.kind == CRYO_FIT_CONFLICT || how.kind == CRYO_FIT_CONTAINED))
		rc = cryo_err_set(err, CRYO_E_CONFIG, "it does not apply again as a mail");
	cryo_applied_release(&how, 1);
	return rc < 0 ? rc : commit_mail(g, m, &tree, err);
}

/* One after the other, until one of them does not go on. */
static int apply_patch_mails(struct cryo_graft *g, const struct cryo_mails *mails,
			     struct cryo_applied *how, struct cryo_err *err)
{
	for (size_t i = 0; i < mails->n; i++) {
		struct cryo_applied one = { 0 };
		git_oid tree;
		int rc = cryo_graft(g, &mails->v[i], &tree, &one, err);

		if (rc < 0) {
			cryo_applied_release(&one, 1);
			return rc;
		}
		if (one.kind == CRYO_FIT_CONFLICT) {
			one.subject = cryo_steal(&how->subject);
			cryo_applied_release(how, 1);
			*how = one;
			return 0;
		}
		add_mail_result(how, &one, i == 0);
		rc = one.kind == CRYO_FIT_CONTAINED ? 0 : commit_mail(g, &mails->v[i], &tree, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int apply_one_patch(struct cryo_graft *g, const struct cryo_patch *p,
			   struct cryo_applied *how, struct cryo_err *err)
{
	cryo_auto(cryo_mails_release) struct cryo_mails mails = { 0 };
	git_oid head = g->head, tree = g->tree;
	int rc = cryo_mails_read(&g->box, p, &mails, err);

	if (rc < 0)
		return rc;
	g->p = p;
	how->subject = cryo_strdup(mails.v[0].subject);
	rc = apply_patch_mails(g, &mails, how, err);
	if (rc < 0 || how->kind != CRYO_FIT_CONFLICT || git_oid_equal(&head, &g->head))
		return rc;
	/* Of several mails those before the one at fault went on. */
	g->head = head;
	g->tree = tree;
	return cryo_graft_read_tree(g, &tree, err);
}

int cryo_series_try(const char *repository, const char *base, const struct cryo_series *s,
		    struct cryo_applied *out, char head[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	cryo_auto(cryo_graft_close) struct cryo_graft g = { 0 };
	int rc = cryo_graft_open(repository, base, &g, err);

	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		rc = cryo_intr_check(err);
		if (rc == 0)
			rc = apply_one_patch(&g, &s->patch[i], &out[i], err);
	}
	if (rc == 0)
		git_oid_tostr(head, CRYO_COMMIT_HEX, &g.head);
	return rc;
}

static int judge_applied_patch(const struct cryo_patch *p, const struct cryo_applied *a,
			       struct cryo_err *err)
{
	if (a->kind == CRYO_FIT_CONTAINED)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "%s: the source contains these changes already", p->path);
	if (a->kind == CRYO_FIT_CONFLICT)
		return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: does not apply: %s: %s", p->path,
				    a->line, a->where, a->why);
	return 0;
}

int cryo_series_apply(const char *repository, const char *base, const struct cryo_series *s,
		      char head[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	struct cryo_applied *a = cryo_alloc((s->n + 1) * sizeof(*a));
	int rc = cryo_series_try(repository, base, s, a, head, err);

	for (size_t i = 0; rc == 0 && i < s->n; i++)
		rc = judge_applied_patch(&s->patch[i], &a[i], err);
	cryo_applied_release(a, s->n);
	free(a);
	return rc;
}

void cryo_applied_release(struct cryo_applied *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(a[i].subject);
		free(a[i].where);
		free(a[i].why);
		a[i] = (struct cryo_applied){ 0 };
	}
}

/* --- paths --- */

/* "rename from a/b": what stands behind it in the headers of the diff, quoted as git does it. */
static void add_old_names(const char *diff, struct cryo_strv *paths)
{
	static const char *const words[] = { "rename from ", "copy from " };

	for (; *diff; diff += strcspn(diff, "\n"), diff += *diff == '\n')
		for (size_t i = 0; i < CRYO_ARRAY_LEN(words); i++)
			if (cryo_starts_with(diff, words[i]))
				cryo_strv_take(
				    paths, cryo_strndup(diff + strlen(words[i]),
							strcspn(diff, "\n") - strlen(words[i])));
}

static void add_new_names(const struct cryo_str *out, struct cryo_strv *paths)
{
	const char *at = cryo_str_get(out), *end = at + out->len;

	for (; at < end; at += strlen(at) + 1) { /* "1\t2\tpath" */
		const char *tab = strchr(at, '\t'), *second = tab ? strchr(tab + 1, '\t') : NULL;

		if (second)
			cryo_strv_add(paths, second + 1);
	}
}

static int check_paths(const struct cryo_series *s, const struct cryo_strv *paths,
		       struct cryo_err *err)
{
	for (size_t i = 0; i < paths->n; i++) {
		cryo_auto(cryo_free) char *framed = cryo_asprintf("/%s/", paths->v[i]);

		if (paths->v[i][0] == '/' || strstr(framed, "/../") || strcasestr(framed, "/.git/"))
			return cryo_err_set(err, CRYO_E_CONFIG, "%s: refuses to touch '%s'", s->dir,
					    paths->v[i]);
	}
	return 0;
}

/* All diffs in one run of git. */
static int list_diff_paths(struct cryo_gitbox *box, const struct cryo_series *s,
			   const struct cryo_strv *argv, struct cryo_strv *paths,
			   struct cryo_err *err)
{
	struct cryo_gitrun run = { .argv = cryo_strv_get(argv) };
	cryo_auto(cryo_free) char *reason = NULL;
	int rc = cryo_gitbox_run(box, &run, err);

	if (rc < 0 && err->status == CRYO_E_CHILD) {
		reason = cryo_gitbox_reason(box);
		return cryo_err_set(err, CRYO_E_CONFIG, "%s: a diff that cannot be read: %s",
				    s->dir, reason);
	}
	if (rc < 0)
		return rc;
	add_new_names(&box->last.out, paths);
	return check_paths(s, paths, err);
}

int cryo_series_paths(const struct cryo_series *s, struct cryo_strv *paths, struct cryo_err *err)
{
	cryo_auto(cryo_gitbox_close) struct cryo_gitbox box = { 0 };
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	int rc = cryo_gitbox_open(NULL, &box, err);

	cryo_strv_addl(&argv, "git", "apply", "--numstat", "-z", NULL);
	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		cryo_auto(cryo_mails_release) struct cryo_mails mails = { 0 };

		rc = cryo_mails_read(&box, &s->patch[i], &mails, err);
		for (size_t j = 0; rc == 0 && j < mails.n; j++) {
			cryo_strv_add(&argv, mails.v[j].file);
			add_old_names(cryo_str_get(&mails.v[j].diff), paths);
		}
	}
	return rc < 0 || s->n == 0 ? rc : list_diff_paths(&box, s, &argv, paths, err);
}
