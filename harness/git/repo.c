/* SPDX-License-Identifier: Apache-2.0 */
#include "git/repo.h"

#include "sys/fs.h"

#include <string.h>

int cryo_repo_open(const char *path, git_repository **out, struct cryo_err *err)
{
	cryo_git_ready();
	if (git_repository_open_ext(out, path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "'%s' is not a repository", path);
	return 0;
}

int cryo_repo_open_bare(const char *path, git_repository **out, struct cryo_err *err)
{
	int rc;

	if (cryo_fs_exists(path))
		return cryo_repo_open(path, out, err);
	cryo_git_ready();
	rc = cryo_fs_mkparents(path, 0755, err);
	if (rc == 0 && git_repository_init(out, path, true) < 0)
		rc = cryo_git_err(err, CRYO_E_PROVISION, "cannot make repository '%s'", path);
	return rc;
}

int cryo_repo_take_bytes(git_repository *repo, struct cryo_err *err)
{
	static const char attributes[] = "* -text -ident -filter -working-tree-encoding\n";
	cryo_auto(cryo_free) char *path =
	    cryo_asprintf("%sinfo/attributes", git_repository_path(repo));
	git_config *config = NULL;
	bool ok = git_repository_config(&config, repo) == 0 &&
		  git_config_set_string(config, "core.autocrlf", "false") == 0;
	int rc = ok ? cryo_fs_mkparents(path, 0755, err)
		    : cryo_git_err(err, CRYO_E_PROVISION, "cannot configure the tree");

	git_config_free(config);
	return rc < 0 ? rc : cryo_fs_write(path, attributes, strlen(attributes), 0644, err);
}

int cryo_repo_commit(git_repository *repo, const char *hex, git_commit **out, struct cryo_err *err)
{
	git_oid id;

	if (git_oid_fromstr(&id, hex) < 0 || git_commit_lookup(out, repo, &id) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "commit %s", hex);
	return 0;
}

int cryo_repo_add_commit(git_repository *repo, git_commit *parent, const git_oid *tree,
			 const git_signature *author, const char *message, git_oid *out,
			 struct cryo_err *err)
{
	cryo_auto(git_signature_free) git_signature *committer = NULL;
	cryo_auto(git_tree_free) git_tree *t = NULL;

	if (git_signature_new(&committer, "cryopod", "cryopod@localhost", author->when.time,
			      author->when.offset) < 0 ||
	    git_tree_lookup(&t, repo, tree) < 0 ||
	    git_commit_create_v(out, repo, NULL, author, committer, NULL, message, t,
				parent ? 1 : 0, parent) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "cannot make a commit");
	return 0;
}

int cryo_repo_compare(git_repository *repo, const git_oid *from, const git_oid *to, git_diff **out,
		      struct cryo_err *err)
{
	cryo_auto(git_tree_free) git_tree *one = NULL, *two = NULL;
	git_diff_options opts;

	git_diff_options_init(&opts, GIT_DIFF_OPTIONS_VERSION);
	opts.flags = GIT_DIFF_INCLUDE_TYPECHANGE;
	if (git_tree_lookup(&one, repo, from) < 0 || git_tree_lookup(&two, repo, to) < 0 ||
	    git_diff_tree_to_tree(out, repo, one, two, &opts) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "cannot compare");
	return 0;
}
