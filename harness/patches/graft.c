/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/graft.h"

#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

int cryo_graft_read_tree(struct cryo_graft *g, const git_oid *tree, struct cryo_err *err)
{
	char hex[CRYO_COMMIT_HEX];
	struct cryo_gitrun run = { 0 };

	git_oid_tostr(hex, sizeof(hex), tree);
	run.argv = CRYO_GIT("read-tree", hex);
	return cryo_gitbox_run(&g->box, &run, err);
}

int cryo_graft_open(const char *repository, const char *base, struct cryo_graft *out,
		    struct cryo_err *err)
{
	cryo_auto(git_commit_free) git_commit *commit = NULL;
	int rc = cryo_repo_open(repository, &out->repo, err);

	if (rc == 0)
		rc = cryo_repo_commit(out->repo, base, &commit, err);
	if (rc == 0)
		rc = cryo_gitbox_open(out->repo, &out->box, err);
	if (rc < 0)
		return rc;
	git_oid_cpy(&out->head, git_commit_id(commit));
	git_oid_cpy(&out->tree, git_commit_tree_id(commit));
	return cryo_graft_read_tree(out, &out->tree, err);
}

void cryo_graft_close(struct cryo_graft *g)
{
	cryo_gitbox_close(&g->box);
	git_repository_free(g->repo);
}

unsigned cryo_graft_diff_line(const struct cryo_graft *g, const struct cryo_mail *m)
{
	const char *diff = strstr(cryo_str_get(&m->diff), "diff --git ");
	unsigned line = diff ? cryo_mail_find_line(g->p, diff, strcspn(diff, "\n"), 1) : 0;

	return line ? line : 1;
}

static int refuse_mail(const struct cryo_graft *g, const struct cryo_mail *m, const char *what,
		       struct cryo_err *err)
{
	cryo_auto(cryo_free) char *reason = cryo_gitbox_reason(&g->box);

	return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: %s: %s", g->p->path,
			    cryo_graft_diff_line(g, m), what, reason);
}

/* "affected file 'd/l/x' is beyond a symbolic link", "invalid path '../x'" */
static int refuse_path(const struct cryo_graft *g, const struct cryo_mail *m, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *reason = cryo_gitbox_reason(&g->box);
	const char *path = strchr(reason, '\''), *end = path ? strchr(path + 1, '\'') : NULL;

	if (!end)
		return refuse_mail(g, m, "refuses to touch a path", err);
	return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: refuses to touch %.*s: %s", g->p->path,
			    cryo_graft_diff_line(g, m), (int)(end + 1 - path), path,
			    strstr(end, "symbolic link") ? "it lies behind a link"
							 : "no source lies there");
}

static int write_index_tree(struct cryo_graft *g, const char *index, git_oid *tree,
			    struct cryo_err *err)
{
	struct cryo_gitrun run = { .argv = CRYO_GIT("write-tree"), .index = index };

	return cryo_gitbox_id(&g->box, &run, tree, err);
}

static int apply_to_index(struct cryo_graft *g, const struct cryo_mail *m, const char *index,
			  const char *option, struct cryo_err *err)
{
	struct cryo_gitrun run = { .index = index };

	run.argv = CRYO_GIT("apply", "--cached", "-v", "--whitespace=nowarn", option, m->file);
	return cryo_gitbox_run(&g->box, &run, err);
}

/* "Hunk #1 succeeded at 13 (offset -2 lines).": the farthest. */
static long find_farthest_offset(const char *said)
{
	long most = 0;

	while ((said = strstr(said, "(offset "))) {
		long offset = strtol(said + strlen("(offset "), NULL, 10);

		if (labs(offset) > labs(most))
			most = offset;
		said++;
	}
	return most;
}

/* Of what git refuses without looking at the source. */
static int check_readable(struct cryo_graft *g, const struct cryo_mail *m, struct cryo_err *err)
{
	struct cryo_gitrun run = { .argv = CRYO_GIT("apply", "--numstat", m->file) };
	int rc = cryo_gitbox_run(&g->box, &run, err);

	if (rc < 0 && err->status == CRYO_E_CHILD)
		return refuse_mail(g, m, "no diff that can be read", err);
	return rc;
}

static bool is_refused_path(const char *said)
{
	return strstr(said, "error: invalid path ") || strstr(said, " is beyond a symbolic link");
}

/* --- three ways, as `git am -3` does it --- */

static int commit_merge_side(struct cryo_graft *g, const git_oid *tree, const git_oid *parent,
			     char hex[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	char tree_hex[CRYO_COMMIT_HEX], parent_hex[CRYO_COMMIT_HEX];
	static const char *const who[] = { "GIT_AUTHOR_NAME=m",
					   "GIT_AUTHOR_EMAIL=m@localhost",
					   "GIT_AUTHOR_DATE=@0 +0000",
					   "GIT_COMMITTER_NAME=m",
					   "GIT_COMMITTER_EMAIL=m@localhost",
					   "GIT_COMMITTER_DATE=@0 +0000",
					   NULL };
	struct cryo_gitrun run = { .env = who, .input = "side\n" };
	git_oid id;
	int rc;

	git_oid_tostr(tree_hex, sizeof(tree_hex), tree);
	run.argv = CRYO_GIT("commit-tree", tree_hex);
	if (parent) {
		git_oid_tostr(parent_hex, sizeof(parent_hex), parent);
		run.argv = CRYO_GIT("commit-tree", "-p", parent_hex, tree_hex);
		rc = cryo_gitbox_id(&g->box, &run, &id, err);
	} else {
		rc = cryo_gitbox_id(&g->box, &run, &id, err);
	}
	if (rc == 0)
		git_oid_tostr(hex, CRYO_COMMIT_HEX, &id);
	return rc;
}

/* Since git 2.38; before, file by file: without renames of the source. */
static int merge_file_by_file(struct cryo_graft *g, const struct cryo_mail *m, git_oid *result,
			      struct cryo_err *err)
{
	int rc = apply_to_index(g, m, NULL, "--3way", err);

	if (rc == 0)
		return write_index_tree(g, NULL, result, err);
	if (err->status != CRYO_E_CHILD)
		return rc;
	/* It leaves its conflicts in the index. */
	rc = cryo_graft_read_tree(g, &g->tree, err);
	return rc < 0 ? rc : cryo_err_set(err, CRYO_E_CHILD, "no merge without conflicts");
}

static int merge_two_trees(struct cryo_graft *g, const struct cryo_mail *m, const git_oid *known,
			   const git_oid *meant, git_oid *result, struct cryo_err *err)
{
	char base[CRYO_COMMIT_HEX], ours[CRYO_COMMIT_HEX], theirs[CRYO_COMMIT_HEX];
	struct cryo_gitrun run = { 0 };
	git_oid parent;
	int rc = commit_merge_side(g, known, NULL, base, err);

	if (rc == 0 && git_oid_fromstr(&parent, base) < 0)
		rc = cryo_git_err(err, CRYO_E_PROVISION, "commit %s", base);
	if (rc == 0)
		rc = commit_merge_side(g, &g->tree, &parent, ours, err);
	if (rc == 0)
		rc = commit_merge_side(g, meant, &parent, theirs, err);
	if (rc < 0)
		return rc;
	run.argv = CRYO_GIT("-c", "merge.directoryRenames=false", "merge-tree", "--write-tree",
			    "--no-messages", ours, theirs);
	rc = cryo_gitbox_id(&g->box, &run, result, err);
	if (rc < 0 && g->box.last.exit_code == 129)
		return merge_file_by_file(g, m, result, err);
	return rc < 0 ? rc : cryo_graft_read_tree(g, result, err);
}

/* Of the files it touches as they were when it was made, if the repository has them. */
static int merge_mail(struct cryo_graft *g, const struct cryo_mail *m, git_oid *result,
		      struct cryo_err *err)
{
	cryo_auto(cryo_free) char *known_index = cryo_gitbox_path(&g->box, "known");
	cryo_auto(cryo_free) char *option = cryo_asprintf("--build-fake-ancestor=%s", known_index);
	struct cryo_gitrun run = { .argv = CRYO_GIT("apply", option, m->file) };
	git_oid known, meant;
	int rc = cryo_gitbox_run(&g->box, &run, err);

	if (rc == 0)
		rc = write_index_tree(g, "known", &known, err);
	if (rc == 0)
		rc = apply_to_index(g, m, "known", "--cached", err);
	if (rc == 0)
		rc = write_index_tree(g, "known", &meant, err);
	return rc < 0 ? rc : merge_two_trees(g, m, &known, &meant, result, err);
}

/* --- is it there already? --- */

/* Files that were only renamed or copied: the patch does not say what is in them, and nothing
 * else in it tells whether these are the same. */
static bool has_unknown_contents(const struct cryo_mail *m)
{
	const char *diff = cryo_str_get(&m->diff);

	return strstr(diff, "\nsimilarity index 100%\n") &&
	       (strstr(diff, "\ncopy from ") || !strstr(diff, "\n@@ -"));
}

/* Taken back and put on again, it must give what is there. */
static int is_mail_contained(struct cryo_graft *g, const struct cryo_mail *m, bool *contained,
			     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *from = cryo_gitbox_path(&g->box, "index");
	cryo_auto(cryo_free) char *to = cryo_gitbox_path(&g->box, "undone");
	git_oid undone, again;
	int rc;

	*contained = false;
	if (has_unknown_contents(m))
		return 0;
	rc = cryo_fs_copy(from, to, 0600, err);
	if (rc == 0)
		rc = apply_to_index(g, m, "undone", "--reverse", err);
	if (rc == 0)
		rc = write_index_tree(g, "undone", &undone, err);
	if (rc == 0)
		rc = apply_to_index(g, m, "undone", "--cached", err);
	if (rc == 0)
		rc = write_index_tree(g, "undone", &again, err);
	if (rc < 0)
		return err->status == CRYO_E_CHILD ? 0 : rc;
	*contained = git_oid_equal(&again, &g->tree) && !git_oid_equal(&undone, &g->tree);
	return 0;
}

/* --- apply --- */

static int take_result(struct cryo_graft *g, const struct cryo_mail *m, const git_oid *result,
		       struct cryo_applied *how, struct cryo_err *err)
{
	if (git_oid_equal(result, &g->tree)) {
		how->kind = CRYO_FIT_CONTAINED;
		how->offset = 0;
		return 0;
	}
	return cryo_graft_check(g, m, result, err);
}

static int fall_back(struct cryo_graft *g, const struct cryo_mail *m, const char *said,
		     git_oid *result, struct cryo_applied *how, struct cryo_err *err)
{
	bool contained;
	int rc = check_readable(g, m, err);

	if (rc < 0)
		return rc;
	rc = merge_mail(g, m, result, err);
	if (rc == 0) {
		how->kind = CRYO_FITS_MERGED;
		return take_result(g, m, result, how, err);
	}
	if (err->status != CRYO_E_CHILD)
		return rc;
	rc = is_mail_contained(g, m, &contained, err);
	if (rc < 0)
		return rc;
	if (contained)
		how->kind = CRYO_FIT_CONTAINED;
	else
		cryo_graft_explain(g, m, said, how);
	return 0;
}

int cryo_graft(struct cryo_graft *g, const struct cryo_mail *m, git_oid *result,
	       struct cryo_applied *how, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *said = NULL;
	int rc = apply_to_index(g, m, NULL, "--cached", err);

	if (rc < 0 && err->status != CRYO_E_CHILD)
		return rc;
	said = cryo_strdup(cryo_str_get(&g->box.last.err));
	if (rc < 0 && is_refused_path(said))
		return refuse_path(g, m, err);
	if (rc < 0)
		return fall_back(g, m, said, result, how, err);
	how->offset = find_farthest_offset(said);
	how->kind = how->offset ? CRYO_FITS_MOVED : CRYO_FITS;
	rc = write_index_tree(g, NULL, result, err);
	return rc < 0 ? rc : take_result(g, m, result, how, err);
}
