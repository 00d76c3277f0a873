/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/graft.h"

#include "patches/mail.h"
#include "patches/part.h"
#include "patches/paths.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

static int write_part(struct cryo_graft *g, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *index = cryo_gitbox_path(&g->box, "index");

	return cryo_part_write(g->repo, &g->tree, &g->paths, index, &g->part, err);
}

int cryo_graft_go_back(struct cryo_graft *g, const git_oid *head, const git_oid *tree,
		       struct cryo_err *err)
{
	git_oid_cpy(&g->head, head);
	git_oid_cpy(&g->tree, tree);
	return write_part(g, err);
}

int cryo_graft_open(const char *repository, const char *base, const struct cryo_series *s,
		    struct cryo_graft *out, struct cryo_err *err)
{
	cryo_auto(git_commit_free) git_commit *commit = NULL;
	int rc = cryo_repo_open(repository, &out->repo, err);

	if (rc == 0)
		rc = cryo_repo_commit(out->repo, base, &commit, err);
	if (rc == 0)
		rc = cryo_gitbox_open(out->repo, &out->box, err);
	if (rc == 0)
		rc = cryo_mails_read(&out->box, s, err);
	if (rc == 0)
		rc = cryo_paths_list(&out->box, s, &out->paths, err);
	return rc < 0 ? rc
		      : cryo_graft_go_back(out, git_commit_id(commit), git_commit_tree_id(commit),
					   err);
}

void cryo_graft_close(struct cryo_graft *g)
{
	cryo_gitbox_close(&g->box);
	cryo_strv_release(&g->paths);
	git_repository_free(g->repo);
}

static int refuse_mail(const struct cryo_graft *g, const struct cryo_mail *m, const char *what,
		       struct cryo_err *err)
{
	cryo_auto(cryo_free) char *reason = cryo_gitbox_reason(&g->box);

	return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: %s: %s", g->p->path,
			    cryo_mail_diff_line(g->p, m), what, reason);
}

/* "affected file 'd/l/x' is beyond a symbolic link", "invalid path '../x'" */
static int refuse_path(const struct cryo_graft *g, const struct cryo_mail *m, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *reason = cryo_gitbox_reason(&g->box);
	const char *path = strchr(reason, '\''), *end = path ? strchr(path + 1, '\'') : NULL;

	if (!end)
		return refuse_mail(g, m, "refuses to touch a path", err);
	return cryo_err_set(err, CRYO_E_CONFIG, "%s:%u: refuses to touch %.*s: %s", g->p->path,
			    cryo_mail_diff_line(g->p, m), (int)(end + 1 - path), path,
			    strstr(end, "symbolic link") ? "it lies behind a link"
							 : "no source lies there");
}

static int read_part(struct cryo_graft *g, const char *index, git_oid *tree, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_gitbox_path(&g->box, index);

	return cryo_part_read(g->repo, path, tree, err);
}

/* `option`: one more, or NULL. */
static int apply_to_index(struct cryo_graft *g, const struct cryo_mail *m, const char *index,
			  const char *option, struct cryo_err *err)
{
	struct cryo_gitrun run = { .index = index, .input = cryo_str_get(&m->diff) };

	run.argv = CRYO_GIT("apply", "--cached", "-v", "--whitespace=nowarn", option);
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

static bool is_refused_path(const char *said)
{
	return strstr(said, "error: invalid path ") || strstr(said, " is beyond a symbolic link");
}

/* --- three ways, as `git am -3` does it --- */

static int commit_merge_side(struct cryo_graft *g, const git_oid *tree, const char *parent,
			     char hex[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	cryo_auto(git_signature_free) git_signature *nobody = NULL;
	cryo_auto(git_commit_free) git_commit *commit = NULL;
	git_oid id;
	int rc = parent ? cryo_repo_commit(g->repo, parent, &commit, err) : 0;

	if (rc == 0 && git_signature_new(&nobody, "m", "m@localhost", 0, 0) < 0)
		rc = cryo_git_err(err, CRYO_E_PROVISION, "libgit2");
	if (rc == 0)
		rc = cryo_repo_add_commit(g->repo, commit, tree, nobody, "side\n", &id, err);
	if (rc == 0)
		git_oid_tostr(hex, CRYO_COMMIT_HEX, &id);
	return rc;
}

/*
 * File by file, without renames of the source: for a git before 2.38, which has no merge-tree, and
 * where it sees only lines in conflict. It compares them in another way than `git am` does, which
 * merges some of them.
 */
static int merge_file_by_file(struct cryo_graft *g, const struct cryo_mail *m, git_oid *result,
			      struct cryo_err *err)
{
	git_oid part;
	int rc = apply_to_index(g, m, "index", "--3way", err);

	if (rc == 0)
		rc = read_part(g, "index", &part, err);
	if (rc == 0)
		return cryo_part_lift(g->repo, &g->tree, &g->part, &part, result, err);
	if (err->status != CRYO_E_CHILD)
		return rc;
	/* It leaves its conflicts in the index. */
	rc = write_part(g, err);
	return rc < 0 ? rc : cryo_err_set(err, CRYO_E_CHILD, "no merge without conflicts");
}

/* Lines in conflict and nothing else: what git says of renames and directories stays said. */
static bool has_only_line_conflicts(const char *said)
{
	bool some = false;

	while ((said = strstr(said, "CONFLICT ("))) {
		if (!cryo_starts_with(said, "CONFLICT (content)"))
			return false;
		some = true;
		said++;
	}
	return some;
}

static int merge_two_trees(struct cryo_graft *g, const struct cryo_mail *m, const git_oid *known,
			   const git_oid *meant, git_oid *result, struct cryo_err *err)
{
	char base[CRYO_COMMIT_HEX], ours[CRYO_COMMIT_HEX], theirs[CRYO_COMMIT_HEX];
	struct cryo_gitrun run = { 0 };
	int rc = commit_merge_side(g, known, NULL, base, err);

	if (rc == 0)
		rc = commit_merge_side(g, &g->tree, base, ours, err);
	if (rc == 0)
		rc = commit_merge_side(g, meant, base, theirs, err);
	if (rc < 0)
		return rc;
	run.argv = CRYO_GIT("-c", "merge.directoryRenames=false", "merge-tree", "--write-tree",
			    ours, theirs);
	rc = cryo_gitbox_id(&g->box, &run, result, err);
	if (rc < 0 && (g->box.last.exit_code == 129 ||
		       has_only_line_conflicts(cryo_str_get(&g->box.last.out))))
		return merge_file_by_file(g, m, result, err);
	return rc;
}

/* Of the files it touches as they were when it was made; *has_files: the repository has them. */
static int merge_mail(struct cryo_graft *g, const struct cryo_mail *m, git_oid *result,
		      bool *has_files, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *known_index = cryo_gitbox_path(&g->box, "known");
	cryo_auto(cryo_free) char *option = cryo_asprintf("--build-fake-ancestor=%s", known_index);
	struct cryo_gitrun run = { .argv = CRYO_GIT("apply", option),
				   .input = cryo_str_get(&m->diff) };
	git_oid known, meant;
	int rc = cryo_gitbox_run(&g->box, &run, err);

	if (rc == 0)
		rc = read_part(g, "known", &known, err);
	if (rc == 0)
		rc = apply_to_index(g, m, "known", NULL, err);
	*has_files = rc == 0;
	if (rc == 0)
		rc = read_part(g, "known", &meant, err);
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
		rc = read_part(g, "undone", &undone, err);
	if (rc == 0)
		rc = apply_to_index(g, m, "undone", NULL, err);
	if (rc == 0)
		rc = read_part(g, "undone", &again, err);
	if (rc < 0)
		return err->status == CRYO_E_CHILD ? 0 : rc;
	*contained = git_oid_equal(&again, &g->part) && !git_oid_equal(&undone, &g->part);
	return 0;
}

/* --- apply --- */

/* What git has made of the part, in the whole tree. */
static int take_part(struct cryo_graft *g, const struct cryo_mail *m, const git_oid *part,
		     struct cryo_err *err)
{
	cryo_auto(git_diff_free) git_diff *diff = NULL;
	int rc = cryo_repo_compare(g->repo, &g->part, part, &diff, err);

	if (rc == 0)
		rc = cryo_graft_check(g, m, diff, err);
	if (rc == 0)
		rc = cryo_part_lift(g->repo, &g->tree, &g->part, part, &g->tree, err);
	git_oid_cpy(&g->part, part);
	return rc;
}

static int take_whole(struct cryo_graft *g, const struct cryo_mail *m, const git_oid *tree,
		      struct cryo_err *err)
{
	cryo_auto(git_diff_free) git_diff *diff = NULL;
	int rc = cryo_repo_compare(g->repo, &g->tree, tree, &diff, err);

	if (rc == 0)
		rc = cryo_graft_check(g, m, diff, err);
	return rc < 0 ? rc : cryo_graft_go_back(g, &g->head, tree, err);
}

static int fall_back(struct cryo_graft *g, const struct cryo_mail *m, const char *said,
		     struct cryo_applied *how, struct cryo_err *err)
{
	git_oid tree;
	bool has_files, contained = false;
	int rc = merge_mail(g, m, &tree, &has_files, err);

	if (rc == 0 && git_oid_equal(&tree, &g->tree)) {
		how->kind = CRYO_FIT_CONTAINED;
		return 0;
	}
	if (rc == 0) {
		how->kind = CRYO_FITS_MERGED;
		return take_whole(g, m, &tree, err);
	}
	if (err->status != CRYO_E_CHILD)
		return rc;
	/* Where a merge was possible it has said what is to be said. */
	rc = has_files ? 0 : is_mail_contained(g, m, &contained, err);
	if (rc < 0)
		return rc;
	if (contained)
		how->kind = CRYO_FIT_CONTAINED;
	else
		cryo_graft_explain(g, m, said, how);
	return 0;
}

int cryo_graft(struct cryo_graft *g, const struct cryo_mail *m, struct cryo_applied *how,
	       struct cryo_err *err)
{
	cryo_auto(cryo_free) char *said = NULL;
	git_oid part;
	int rc = apply_to_index(g, m, "index", NULL, err);

	if (rc < 0 && err->status != CRYO_E_CHILD)
		return rc;
	said = cryo_strdup(cryo_str_get(&g->box.last.err));
	if (rc < 0 && is_refused_path(said))
		return refuse_path(g, m, err);
	if (rc < 0)
		return fall_back(g, m, said, how, err);
	rc = read_part(g, "index", &part, err);
	if (rc == 0 && git_oid_equal(&part, &g->part)) {
		how->kind = CRYO_FIT_CONTAINED;
		return 0;
	}
	how->offset = find_farthest_offset(said);
	how->kind = how->offset ? CRYO_FITS_MOVED : CRYO_FITS;
	return rc < 0 ? rc : take_part(g, m, &part, err);
}
