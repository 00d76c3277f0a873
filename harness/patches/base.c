/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/base.h"

#include "git/repo.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (1u << 30)

static int read_base_link(const char *path, struct cryo_str *out, struct cryo_err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target));

	if (n < 0)
		return cryo_err_sys(err, errno, "cannot read link '%s'", path);
	cryo_str_addn(out, target, (size_t)n);
	return 0;
}

static uint32_t choose_base_mode(const struct stat *st)
{
	if (S_ISLNK(st->st_mode))
		return GIT_FILEMODE_LINK;
	return st->st_mode & 0111 ? GIT_FILEMODE_BLOB_EXECUTABLE : GIT_FILEMODE_BLOB;
}

static int add_base_file(git_repository *repo, git_index *index, const FTSENT *f, const char *name,
			 struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	git_index_entry e = { .mode = choose_base_mode(f->fts_statp), .path = name };
	int rc = f->fts_info == FTS_F ? cryo_fs_read(f->fts_path, MAX_FILE, &text, err)
				      : read_base_link(f->fts_path, &text, err);

	if (rc < 0)
		return rc;
	if (git_blob_create_from_buffer(&e.id, repo, cryo_str_get(&text), text.len) < 0 ||
	    git_index_add(index, &e) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "cannot take in '%s'", f->fts_path);
	return 0;
}

static int add_base_entry(git_repository *repo, git_index *index, const struct cryo_base_part *part,
			  const FTSENT *f, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *name = cryo_asprintf("%s%s%s", part->at, *part->at ? "/" : "",
							f->fts_path + strlen(part->dir) + 1);

	switch (f->fts_info) {
	case FTS_F:
	case FTS_SL:
	case FTS_SLNONE:
		return add_base_file(repo, index, f, name, err);
	case FTS_D:
	case FTS_DP:
		return cryo_intr_check(err);
	default:
		return cryo_err_sys(err, f->fts_errno, "cannot read '%s'", f->fts_path);
	}
}

static int add_base_part(git_repository *repo, git_index *index, const struct cryo_base_part *part,
			 struct cryo_err *err)
{
	char *const roots[] = { (char *)part->dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *f;
	int rc = 0;

	if (!fts)
		return cryo_err_sys(err, errno, "cannot read '%s'", part->dir);
	while (rc == 0 && (f = fts_read(fts))) {
		if (f->fts_level == 0 && f->fts_info == FTS_D)
			continue;
		if (strcmp(f->fts_name, ".git") == 0)
			fts_set(fts, f, FTS_SKIP);
		else if (f->fts_level > 0 || f->fts_info != FTS_DP)
			rc = add_base_entry(repo, index, part, f, err);
	}
	fts_close(fts);
	return rc;
}

static int make_base_commit(git_repository *repo, const char *message,
			    const struct cryo_base_part *part, size_t n, git_oid *id,
			    struct cryo_err *err)
{
	cryo_auto(git_index_free) git_index *index = NULL;
	cryo_auto(git_signature_free) git_signature *author = NULL;
	git_oid tree;
	int rc = 0;

	if (git_index_new(&index) < 0 ||
	    git_signature_new(&author, "cryopod", "cryopod@localhost", 0, 0) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "libgit2");
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_base_part(repo, index, &part[i], err);
	if (rc == 0 && git_index_write_tree_to(&tree, index, repo) < 0)
		rc = cryo_git_err(err, CRYO_E_PROVISION, "cannot write the tree");
	if (rc == 0)
		rc = cryo_repo_add_commit(repo, NULL, &tree, author, message, id, err);
	return rc;
}

/* The reference comes last: an interrupted run leaves none, and the next begins anew. */
static int find_or_make_base(git_repository *repo, const char *ref, const char *message,
			     const struct cryo_base_part *part, size_t n, git_oid *id,
			     struct cryo_err *err)
{
	cryo_auto(git_reference_free) git_reference *made = NULL;
	int rc;

	if (git_reference_name_to_id(id, repo, ref) == 0)
		return 0;
	rc = make_base_commit(repo, message, part, n, id, err);
	if (rc == 0 && git_reference_create(&made, repo, ref, id, true, NULL) < 0)
		rc = cryo_git_err(err, CRYO_E_PROVISION, "reference '%s'", ref);
	return rc;
}

int cryo_base_commit(const char *repository, const char *key, const char *message,
		     const struct cryo_base_part *part, size_t n, char commit[CRYO_COMMIT_HEX],
		     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *ref = cryo_asprintf("refs/bases/%s", key);
	cryo_auto(git_repository_free) git_repository *repo = NULL;
	git_oid id;
	int rc = cryo_repo_open_bare(repository, &repo, err);

	cryo_fs_touch(repository, false);
	if (rc == 0)
		rc = find_or_make_base(repo, ref, message, part, n, &id, err);
	if (rc == 0)
		git_oid_tostr(commit, CRYO_COMMIT_HEX, &id);
	return rc;
}

static int check_out_files(git_repository *repo, const git_tree *tree, const char *dir,
			   struct cryo_err *err)
{
	git_checkout_options opts;

	git_checkout_options_init(&opts, GIT_CHECKOUT_OPTIONS_VERSION);
	opts.checkout_strategy = GIT_CHECKOUT_FORCE | GIT_CHECKOUT_DONT_UPDATE_INDEX;
	opts.disable_filters = 1;
	opts.target_directory = dir;
	if (git_checkout_tree(repo, (const git_object *)tree, &opts) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "cannot write '%s'", dir);
	return 0;
}

static int check_out_base(const char *repository, const char *commit, const char *dir,
			  struct cryo_err *err);

/* Where the repository's own work tree has none, none belongs there. */
static int check_out_base_submodule(const char *repository, const git_index_entry *e,
				    const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *from = cryo_asprintf("%s/%s", repository, e->path);
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/%s", dir, e->path);
	cryo_auto(cryo_free) char *git = cryo_asprintf("%s/.git", from);
	char commit[CRYO_COMMIT_HEX];
	int rc;

	if (!cryo_git_is_path(e->path) || !cryo_fs_is_dir(git))
		return 0;
	git_oid_tostr(commit, sizeof(commit), &e->id);
	rc = cryo_fs_mkdirs(to, 0755, err);
	if (rc == 0)
		rc = check_out_base(from, commit, to, err);
	return cryo_err_wrap(err, rc, "submodule '%s'", e->path);
}

static int check_out_submodules(const char *repository, const git_tree *tree, const char *dir,
				struct cryo_err *err)
{
	cryo_auto(git_index_free) git_index *index = NULL;
	int rc = 0;

	if (git_index_new(&index) < 0 || git_index_read_tree(index, tree) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "cannot read the tree");
	for (size_t i = 0; rc == 0 && i < git_index_entrycount(index); i++) {
		const git_index_entry *e = git_index_get_byindex(index, i);

		if (e->mode == GIT_FILEMODE_COMMIT)
			rc = check_out_base_submodule(repository, e, dir, err);
	}
	return rc;
}

static int check_out_base(const char *repository, const char *commit, const char *dir,
			  struct cryo_err *err)
{
	cryo_auto(git_repository_free) git_repository *repo = NULL;
	cryo_auto(git_commit_free) git_commit *c = NULL;
	cryo_auto(git_tree_free) git_tree *tree = NULL;
	int rc = cryo_repo_open(repository, &repo, err);

	if (rc == 0)
		rc = cryo_repo_commit(repo, commit, &c, err);
	if (rc == 0 && git_commit_tree(&tree, c) < 0)
		rc = cryo_git_err(err, CRYO_E_PROVISION, "commit %s", commit);
	if (rc == 0)
		rc = check_out_files(repo, tree, dir, err);
	return rc < 0 ? rc : check_out_submodules(repository, tree, dir, err);
}

int cryo_base_checkout(const char *repository, const char *commit, const char *dir,
		       struct cryo_err *err)
{
	cryo_auto(cryo_free) char *beside = cryo_asprintf("%s.new", dir);
	int rc = cryo_fs_rmtree(beside, err);

	if (rc == 0)
		rc = cryo_fs_rmtree(dir, err);
	if (rc == 0)
		rc = cryo_fs_mkdirs(beside, 0755, err);
	if (rc == 0)
		rc = check_out_base(repository, commit, beside, err);
	if (rc == 0 && rename(beside, dir) < 0)
		rc = cryo_err_sys(err, errno, "cannot publish '%s'", dir);
	return rc;
}
