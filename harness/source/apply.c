/* SPDX-License-Identifier: Apache-2.0 */
#include "source/apply.h"

#include "source/graft.h"
#include "sys/intr.h"

#include <stdlib.h>
#include <string.h>

static int commit_applied_patch(git_repository *repo, git_commit **head, const git_oid *tree,
				const struct cryo_patch *p, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *message = cryo_asprintf(
	    "%s\n%s%s%s", p->subject, p->body[0] ? "\n" : "", p->body, p->body[0] ? "\n" : "");
	cryo_auto(git_signature_free) git_signature *author = NULL;
	git_commit *next = NULL;
	git_oid id;
	int rc;

	if (git_signature_new(&author, p->author, p->email, p->time, p->zone) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "%s: author", p->path);
	rc = cryo_repo_add_commit(repo, *head, tree, author, message, &id, err);
	if (rc == 0 && git_commit_lookup(&next, repo, &id) < 0)
		rc = cryo_git_err(err, CRYO_E_PROVISION, "%s: commit", p->path);
	if (rc < 0)
		return rc;
	git_commit_free(*head);
	*head = next;
	return 0;
}

static int apply_one_patch(git_repository *repo, git_commit **head, const struct cryo_patch *p,
			   struct cryo_applied *how, struct cryo_err *err)
{
	cryo_auto(git_tree_free) git_tree *tree = NULL;
	git_oid result;
	int rc;

	if (git_commit_tree(&tree, *head) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "%s: tree", p->path);
	rc = cryo_graft(repo, tree, p, &result, how, err);
	if (rc < 0 || how->kind == CRYO_FIT_CONTAINED || how->kind == CRYO_FIT_CONFLICT)
		return rc;
	return commit_applied_patch(repo, head, &result, p, err);
}

int cryo_series_try(const char *repository, const char *base, const struct cryo_series *s,
		    struct cryo_applied *out, char head[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	cryo_auto(git_repository_free) git_repository *repo = NULL;
	cryo_auto(git_commit_free) git_commit *at = NULL;
	int rc = cryo_repo_open(repository, &repo, err);

	if (rc == 0)
		rc = cryo_repo_commit(repo, base, &at, err);
	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		rc = cryo_intr_check(err);
		if (rc == 0)
			rc = apply_one_patch(repo, &at, &s->patch[i], &out[i], err);
	}
	if (rc == 0)
		git_oid_tostr(head, CRYO_COMMIT_HEX, git_commit_id(at));
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
				    a->line ? a->line : p->diff_line, a->where, a->why);
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
		free(a[i].where);
		free(a[i].why);
		a[i] = (struct cryo_applied){ 0 };
	}
}
