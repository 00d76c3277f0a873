/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/apply.h"

#include "base/text.h"
#include "patches/graft.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_TIME     4102444800 /* the year 2100: git doubts what is later */
#define ODD_IN_NAMES "<>\n"

/* "Mon, 2 Nov 2026 15:04:05 +0100", as git writes it; a mail without a date is of the epoch. */
static bool read_usual_date(const char *date, git_time_t *when, int *offset)
{
	struct tm tm = { 0 };
	const char *end = *date ? strptime(date, "%a, %d %b %Y %H:%M:%S %z", &tm) : date;

	if (!end || *end || tm.tm_sec > 59)
		return false;
	*offset = (int)(tm.tm_gmtoff / 60);
	*when = *date ? timegm(&tm) - *offset * 60 : 0; /* it clears tm_gmtoff */
	return *when >= 0 && *when < MAX_TIME;
}

/* Mails as most are; what else there may be git puts right. */
static bool is_usual_mail(const struct cryo_mail *m, git_time_t *when, int *offset)
{
	return read_usual_date(m->date, when, offset) && !strpbrk(m->author, ODD_IN_NAMES) &&
	       !strpbrk(m->email, ODD_IN_NAMES) && cryo_text_is_utf8(cryo_str_get(&m->message));
}

static int commit_usual_mail(struct cryo_graft *g, const struct cryo_mail *m, git_time_t when,
			     int offset, struct cryo_err *err)
{
	cryo_auto(git_signature_free) git_signature *author = NULL;
	cryo_auto(git_commit_free) git_commit *parent = NULL;

	if (git_commit_lookup(&parent, g->repo, &g->head) < 0 ||
	    git_signature_new(&author, m->author, m->email, when, offset) < 0)
		return cryo_git_err(err, CRYO_E_CONFIG, "%s:1: no commit can be made of it",
				    g->p->path);
	return cryo_repo_add_commit(g->repo, parent, &g->tree, author, cryo_str_get(&m->message),
				    &g->head, err);
}

static int commit_by_git(struct cryo_graft *g, const struct cryo_mail *m, struct cryo_err *err)
{
	const char *date = *m->date ? m->date : "@0 +0000";
	cryo_auto(cryo_strv_release) struct cryo_strv env = { 0 };
	cryo_auto(cryo_free) char *reason = NULL;
	char tree_hex[CRYO_COMMIT_HEX], head_hex[CRYO_COMMIT_HEX];
	struct cryo_gitrun run = { .input = cryo_str_get(&m->message) };
	int rc;

	git_oid_tostr(tree_hex, sizeof(tree_hex), &g->tree);
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
	if (rc == 0 || err->status != CRYO_E_CHILD)
		return rc;
	reason = cryo_gitbox_reason(&g->box);
	return cryo_err_set(err, CRYO_E_CONFIG, "%s:1: git makes no commit of it: %s", g->p->path,
			    reason);
}

static int commit_mail(struct cryo_graft *g, const struct cryo_mail *m, struct cryo_err *err)
{
	git_time_t when;
	int offset;

	if (is_usual_mail(m, &when, &offset))
		return commit_usual_mail(g, m, when, offset, err);
	return commit_by_git(g, m, err);
}

static void add_mail_result(struct cryo_applied *all, struct cryo_applied *one, bool first)
{
	if (first || (one->kind != CRYO_FIT_CONTAINED && one->kind > all->kind) ||
	    all->kind == CRYO_FIT_CONTAINED)
		all->kind = one->kind;
	if (labs(one->offset) > labs(all->offset))
		all->offset = one->offset;
}

/* One after the other, until one of them does not go on. */
static int apply_patch_mails(struct cryo_graft *g, const struct cryo_mails *mails,
			     struct cryo_applied *how, struct cryo_err *err)
{
	for (size_t i = 0; i < mails->n; i++) {
		struct cryo_applied one = { 0 };
		int rc = cryo_graft(g, &mails->v[i], &one, err);

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
		rc = one.kind == CRYO_FIT_CONTAINED ? 0 : commit_mail(g, &mails->v[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int apply_one_patch(struct cryo_graft *g, const struct cryo_patch *p,
			   struct cryo_applied *how, struct cryo_err *err)
{
	git_oid head = g->head, tree = g->tree;
	const char *message;
	int rc;

	g->p = p;
	message = cryo_str_get(&p->mails.v[0].message);
	how->subject = cryo_strndup(message, strcspn(message, "\n"));
	rc = apply_patch_mails(g, &p->mails, how, err);
	if (rc < 0 || how->kind != CRYO_FIT_CONFLICT || git_oid_equal(&head, &g->head))
		return rc;
	/* Of several mails those before the one at fault went on. */
	return cryo_graft_go_back(g, &head, &tree, err);
}

int cryo_series_try(const char *repository, const char *base, const struct cryo_series *s,
		    struct cryo_applied *out, char head[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	cryo_auto(cryo_graft_close) struct cryo_graft g = { 0 };
	int rc = cryo_graft_open(repository, base, s, &g, err);

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
