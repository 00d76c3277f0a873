/* SPDX-License-Identifier: Apache-2.0 */
#include "source/compose.h"

#include "source/graft.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_NAME 52

/* As git does it: what is no letter, digit, dot or underscore becomes one dash. */
char *cryo_compose_name(git_commit *commit, size_t number)
{
	cryo_auto(cryo_str_release) struct cryo_str slug = { 0 };

	for (const char *c = git_commit_summary(commit); *c && slug.len < MAX_NAME; c++) {
		if ((unsigned char)*c < 128 && (isalnum((unsigned char)*c) || *c == '_'))
			cryo_str_addn(&slug, c, 1);
		else if (slug.len > 0 && slug.p[slug.len - 1] != '-')
			cryo_str_add(&slug, "-");
	}
	while (slug.len > 0 && slug.p[slug.len - 1] == '-')
		slug.p[--slug.len] = '\0';
	return cryo_asprintf("%04zu-%s.patch", number, slug.len ? slug.p : "patch");
}

/* Mon, 2 Nov 2026 15:04:05 +0100, whatever the locale */
static void add_mail_date(const git_time *when, struct cryo_str *out)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t local = (time_t)(when->time + when->offset * 60L);
	int zone = abs(when->offset);
	struct tm tm;

	gmtime_r(&local, &tm);
	cryo_str_addf(out, "Date: %s, %d %s %d %02d:%02d:%02d %c%02d%02d\n", days[tm.tm_wday],
		      tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		      tm.tm_sec, when->offset < 0 ? '-' : '+', zone / 60, zone % 60);
}

static int add_mail_diff(git_diff *diff, struct cryo_str *out)
{
	git_diff_stats *stats = NULL;
	git_buf stat = { 0 }, text = { 0 };
	int rc = git_diff_get_stats(&stats, diff);

	if (rc == 0)
		rc = git_diff_stats_to_buf(
		    &stat, stats, GIT_DIFF_STATS_SHORT | GIT_DIFF_STATS_INCLUDE_SUMMARY, 0);
	if (rc == 0)
		rc = git_diff_to_buf(&text, diff, GIT_DIFF_FORMAT_PATCH);
	if (rc == 0) {
		cryo_str_addn(out, stat.ptr, stat.size);
		cryo_str_add(out, "\n");
		cryo_str_addn(out, text.ptr, text.size);
	}
	git_buf_dispose(&stat);
	git_buf_dispose(&text);
	git_diff_stats_free(stats);
	return rc;
}

/* Options are all given: none shall come from somebody's configuration. */
static int make_commit_diff(git_repository *repo, git_tree *from, git_tree *to, bool renames,
			    git_diff **out)
{
	git_diff_find_options find;
	git_diff_options opts;
	int rc;

	git_diff_options_init(&opts, GIT_DIFF_OPTIONS_VERSION);
	git_diff_find_options_init(&find, GIT_DIFF_FIND_OPTIONS_VERSION);
	opts.flags = GIT_DIFF_SHOW_BINARY | GIT_DIFF_INDENT_HEURISTIC;
	opts.context_lines = 3;
	opts.id_abbrev = 12; /* of binaries libgit2 writes all of it, as git wants it */
	opts.old_prefix = "a";
	opts.new_prefix = "b";
	find.flags = GIT_DIFF_FIND_RENAMES;
	rc = git_diff_tree_to_tree(out, repo, from, to, &opts);
	return rc == 0 && renames ? git_diff_find_similar(*out, &find) : rc;
}

static int write_commit_mail(git_repository *repo, git_commit *commit, git_tree *from, git_tree *to,
			     bool renames, struct cryo_str *out)
{
	const git_signature *author = git_commit_author(commit);
	const char *body = git_commit_body(commit);
	cryo_auto(git_diff_free) git_diff *diff = NULL;
	int rc = make_commit_diff(repo, from, to, renames, &diff);

	cryo_str_addf(out,
		      "From %040d Mon Sep 17 00:00:00 2001\n" /* git's mark of a patch */
		      "From: %s <%s>\n",
		      0, author->name, author->email);
	add_mail_date(&author->when, out);
	cryo_str_addf(out, "Subject: [PATCH] %s\n\n", git_commit_summary(commit));
	if (body && *body)
		cryo_str_addf(out, "%s\n", body);
	cryo_str_add(out, "---\n");
	return rc == 0 ? add_mail_diff(diff, out) : rc;
}

static bool has_same_message(git_commit *commit, const struct cryo_patch *p)
{
	const git_signature *author = git_commit_author(commit);
	const char *body = git_commit_body(commit);

	return cryo_streq(p->subject, git_commit_summary(commit)) &&
	       cryo_streq(p->body, body ? body : "") && cryo_streq(p->author, author->name) &&
	       cryo_streq(p->email, author->email) && p->time == author->when.time;
}

static int check_composed_mail(git_repository *repo, git_commit *commit, git_tree *from,
			       const struct cryo_str *mail, struct cryo_err *err)
{
	struct cryo_applied how = { 0 };
	struct cryo_patch p = { 0 };
	git_oid result = { { 0 } };
	int rc = cryo_patch_parse("0000-again.patch", cryo_str_get(mail), mail->len, &p, err);

	if (rc < 0)
		return rc;
	rc = cryo_graft(repo, from, &p, &result, &how, err);
	if (rc == 0 && !has_same_message(commit, &p))
		rc = cryo_err_set(err, CRYO_E_CONFIG,
				  "its message or author would be another one in a mail");
	if (rc == 0 && !git_oid_equal(&result, git_commit_tree_id(commit)))
		rc = cryo_err_set(err, CRYO_E_CONFIG, "what it changes cannot be kept in a mail");
	cryo_applied_release(&how, 1);
	cryo_patch_release(&p);
	return rc;
}

static int compose_commit_mail(git_repository *repo, git_commit *commit, git_tree *from,
			       bool renames, struct cryo_str *out, struct cryo_err *err)
{
	cryo_auto(git_tree_free) git_tree *to = NULL;

	cryo_str_clear(out);
	if (git_commit_tree(&to, commit) < 0 ||
	    write_commit_mail(repo, commit, from, to, renames, out) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "diff");
	return check_composed_mail(repo, commit, from, out, err);
}

int cryo_compose(git_repository *repo, git_commit *commit, struct cryo_str *out,
		 struct cryo_err *err)
{
	cryo_auto(git_commit_free) git_commit *parent = NULL;
	cryo_auto(git_tree_free) git_tree *from = NULL;
	struct cryo_err first = CRYO_ERR_INIT;
	int rc;

	if (git_commit_parent(&parent, commit, 0) < 0 || git_commit_tree(&from, parent) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "parent");
	/* libgit2 writes a renamed binary so that nobody can read it: then without renames. */
	rc = compose_commit_mail(repo, commit, from, true, out, &first);
	if (rc < 0)
		rc = compose_commit_mail(repo, commit, from, false, out, err);
	return cryo_err_wrap(err, rc, "commit %.12s '%s'", git_oid_tostr_s(git_commit_id(commit)),
			     git_commit_summary(commit));
}
