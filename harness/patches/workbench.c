/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/workbench.h"

#include "patches/compose.h"
#include "git/repo.h"

#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BASE	    "refs/tags/base"
#define BRANCH	    "refs/heads/series"
#define MAX_COMMITS 1000
#define MAX_PATCH   (16u << 20)

/* --- the series that its commits are --- */

/* Not by a walk of libgit2: that looks at parents of `base`, which need not be here. */
static int check_commit_line(git_repository *repo, const git_oid *base, git_oid at, size_t *n,
			     struct cryo_err *err)
{
	for (*n = 0; !git_oid_equal(&at, base); ++*n) {
		cryo_auto(git_commit_free) git_commit *commit = NULL;
		unsigned parents;

		if (*n == MAX_COMMITS || git_commit_lookup(&commit, repo, &at) < 0)
			return cryo_err_set(err, CRYO_E_CONFIG,
					    "HEAD does not descend from 'base'");
		parents = git_commit_parentcount(commit);
		if (parents != 1)
			return cryo_err_set(err, CRYO_E_CONFIG, "commit %.12s '%s' is %s",
					    git_oid_tostr_s(&at), git_commit_summary(commit),
					    parents ? "a merge" : "a beginning");
		git_oid_cpy(&at, git_commit_parent_id(commit, 0));
	}
	return 0;
}

static int compose_all_mails(git_repository *repo, const char *dir, struct cryo_composed *out,
			     struct cryo_err *err)
{
	char base_hex[CRYO_COMMIT_HEX], head_hex[CRYO_COMMIT_HEX];
	git_oid base, head;
	size_t n;
	int rc;

	if (git_reference_name_to_id(&base, repo, BASE) < 0)
		return cryo_err_set(err, CRYO_E_CONFIG, "it has no tag 'base'");
	if (git_reference_name_to_id(&head, repo, "HEAD") < 0)
		return cryo_git_err(err, CRYO_E_CONFIG, "HEAD");
	rc = check_commit_line(repo, &base, head, &n, err);
	if (rc < 0 || n == 0)
		return rc;
	git_oid_tostr(base_hex, sizeof(base_hex), &base);
	git_oid_tostr(head_hex, sizeof(head_hex), &head);
	return cryo_compose(dir, base_hex, head_hex, out, err);
}

static int check_nothing_pending(git_repository *repo, const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_git_state_release) struct cryo_git_state state = { 0 };
	int rc;

	if (git_repository_state(repo) != GIT_REPOSITORY_STATE_NONE)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "a rebase, merge or am is still in progress (git status)");
	rc = cryo_git_state(dir, &state, err);
	if (rc == 0 && state.changed > 0)
		rc = cryo_err_set(err, CRYO_E_CONFIG,
				  "%zu file%s with uncommitted changes, '%s' first", state.changed,
				  state.changed == 1 ? "" : "s", state.first);
	return rc;
}

static int open_settled_workbench(const char *dir, git_repository **repo, struct cryo_composed *m,
				  struct cryo_err *err)
{
	int rc = cryo_repo_open(dir, repo, err);

	if (rc == 0)
		rc = check_nothing_pending(*repo, dir, err);
	return rc < 0 ? rc : compose_all_mails(*repo, dir, m, err);
}

/* --- making one --- */

/* What a patch was made from ("index 1234567..89abcde"), for `git am -3` of one that does not go
 * on by itself. */
static void add_ancestors(git_packbuilder *pack, git_odb *odb, const struct cryo_patch *p)
{
	static const char word[] = "\nindex ";
	const char *at = cryo_str_get(&p->text);

	while ((at = strstr(at, word))) {
		git_oid id, found;
		size_t n;

		at += strlen(word);
		n = strspn(at, "0123456789abcdef");
		if (n >= 7 && n <= 40 && at[n] == '.' && git_oid_fromstrn(&id, at, n) == 0 &&
		    git_odb_exists_prefix(&found, odb, &id, n) == 0)
			git_packbuilder_insert(pack, &found, NULL);
	}
}

static int add_chain_commits(git_packbuilder *pack, git_repository *from, const char *head,
			     const git_oid *base, struct cryo_err *err)
{
	git_oid at;
	int rc = git_oid_fromstr(&at, head);

	while (rc == 0) {
		cryo_auto(git_commit_free) git_commit *commit = NULL;

		rc = git_packbuilder_insert_commit(pack, &at);
		if (rc < 0 || git_oid_equal(&at, base))
			break;
		rc = git_commit_lookup(&commit, from, &at);
		if (rc == 0)
			git_oid_cpy(&at, git_commit_parent_id(commit, 0));
	}
	return rc == 0 ? 0 : cryo_git_err(err, CRYO_E_PROVISION, "cannot copy commit %s", head);
}

/* From `base` to `head`, as if history began with it, and what the patches left out need. */
static int copy_history_objects(git_repository *from, git_repository *repo, git_commit *base,
				const char *head, const struct cryo_series *s, size_t applied,
				struct cryo_err *err)
{
	cryo_auto(git_reference_free) git_reference *tag = NULL;
	cryo_auto(cryo_free) char *packs =
	    cryo_asprintf("%sobjects/pack", git_repository_path(repo));
	git_packbuilder *pack = NULL;
	git_odb *odb = NULL;
	int rc;

	if (git_packbuilder_new(&pack, from) < 0 || git_repository_odb(&odb, from) < 0)
		rc = cryo_git_err(err, CRYO_E_PROVISION, "cannot copy");
	else
		rc = add_chain_commits(pack, from, head, git_commit_id(base), err);
	for (size_t i = applied; rc == 0 && i < s->n; i++)
		add_ancestors(pack, odb, &s->patch[i]);
	if (rc == 0 &&
	    (git_packbuilder_write(pack, packs, 0, NULL, NULL) < 0 ||
	     git_reference_create(&tag, repo, BASE, git_commit_id(base), true, NULL) < 0))
		rc = cryo_git_err(err, CRYO_E_PROVISION, "cannot copy");
	git_odb_free(odb);
	git_packbuilder_free(pack);
	return rc;
}

static int make_history_shallow(git_repository *repo, git_commit *base, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%sshallow", git_repository_path(repo));
	cryo_auto(cryo_free) char *line =
	    cryo_asprintf("%s\n", git_oid_tostr_s(git_commit_id(base)));

	if (git_commit_parentcount(base) == 0)
		return 0;
	return cryo_fs_write(path, line, strlen(line), 0644, err);
}

/* As many of them as go on, one after the other; what is wrong with the next. */
static int apply_while_possible(const char *repository, const char *base,
				const struct cryo_series *s, size_t *n, char **why,
				char head[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	struct cryo_applied *how = cryo_alloc((s->n + 1) * sizeof(*how));
	struct cryo_series good = *s;
	int rc = cryo_series_try(repository, base, s, how, head, err);

	*n = 0;
	while (rc == 0 && *n < s->n && how[*n].kind != CRYO_FIT_CONTAINED &&
	       how[*n].kind != CRYO_FIT_CONFLICT)
		++*n;
	if (rc == 0 && *n < s->n)
		*why = how[*n].kind == CRYO_FIT_CONTAINED
			   ? cryo_strdup("the source contains these changes already")
			   : cryo_asprintf("%s: %s", how[*n].where, how[*n].why);
	cryo_applied_release(how, s->n);
	free(how);
	good.n = *n;
	if (rc < 0 || good.n == s->n)
		return rc;
	return cryo_series_apply(repository, base, &good, head, err);
}

static int check_out_workbench(git_repository *repo, const char *head, struct cryo_err *err)
{
	cryo_auto(git_reference_free) git_reference *branch = NULL;
	git_checkout_options opts;
	git_oid id;
	int rc = cryo_repo_take_bytes(repo, err);

	git_checkout_options_init(&opts, GIT_CHECKOUT_OPTIONS_VERSION);
	opts.checkout_strategy = GIT_CHECKOUT_FORCE;
	opts.disable_filters = 1;
	if (rc == 0 &&
	    (git_oid_fromstr(&id, head) < 0 ||
	     git_reference_create(&branch, repo, BRANCH, &id, true, NULL) < 0 ||
	     git_repository_set_head(repo, BRANCH) < 0 || git_checkout_head(repo, &opts) < 0))
		rc = cryo_git_err(err, CRYO_E_PROVISION, "cannot check out");
	return rc;
}

static int fill_workbench(const char *dir, git_repository *from, git_commit *base, const char *head,
			  const struct cryo_series *s, size_t applied, struct cryo_err *err)
{
	cryo_auto(git_repository_free) git_repository *repo = NULL;
	int rc;

	if (git_repository_init(&repo, dir, false) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "cannot make a repository");
	rc = copy_history_objects(from, repo, base, head, s, applied, err);
	if (rc == 0)
		rc = make_history_shallow(repo, base, err);
	return rc < 0 ? rc : check_out_workbench(repo, head, err);
}

/* The series goes on where all is that a three-way merge could need. */
static int make_workbench(const char *dir, const char *repository, const char *base,
			  const struct cryo_series *s, size_t *applied, char **why,
			  struct cryo_err *err)
{
	cryo_auto(git_repository_free) git_repository *from = NULL;
	cryo_auto(git_commit_free) git_commit *commit = NULL;
	char head[CRYO_COMMIT_HEX];
	int rc = cryo_repo_open(repository, &from, err);

	if (rc == 0)
		rc = cryo_repo_commit(from, base, &commit, err);
	if (rc == 0)
		rc = apply_while_possible(repository, base, s, applied, why, head, err);
	return rc < 0 ? rc : fill_workbench(dir, from, commit, head, s, *applied, err);
}

static bool is_workbench_empty(const char *dir)
{
	const struct dirent *e;
	DIR *d = opendir(dir);
	bool empty = d != NULL;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			empty = false;
	if (d)
		closedir(d);
	return empty;
}

static bool is_own_workbench(const char *dir)
{
	cryo_auto(cryo_free) char *tag = cryo_asprintf("%s/.git/" BASE, dir);
	cryo_auto(cryo_free) char *branch = cryo_asprintf("%s/.git/" BRANCH, dir);

	return cryo_fs_exists(tag) && cryo_fs_exists(branch);
}

static bool are_mails_in_series(const struct cryo_composed *m, const struct cryo_series *s)
{
	char hash[CRYO_HASH_HEX];

	if (m->name.n > s->n)
		return false;
	for (size_t i = 0; i < m->name.n; i++) {
		cryo_hash_bytes(m->text.v[i], strlen(m->text.v[i]), hash);
		if (strcmp(hash, s->patch[i].sha256) != 0)
			return false;
	}
	return true;
}

/* Untouched since it was made: the same input gives the same commits. */
static bool is_workbench_untouched(const char *repository, git_repository *repo,
				   const struct cryo_series *s)
{
	char base[CRYO_COMMIT_HEX], head[CRYO_COMMIT_HEX], now[CRYO_COMMIT_HEX];
	struct cryo_err ignored = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *why = NULL;
	git_oid tag, at;
	size_t n;

	if (git_reference_name_to_id(&tag, repo, BASE) < 0 ||
	    git_reference_name_to_id(&at, repo, "HEAD") < 0)
		return false;
	git_oid_tostr(base, sizeof(base), &tag);
	git_oid_tostr(now, sizeof(now), &at);
	return apply_while_possible(repository, base, s, &n, &why, head, &ignored) == 0 &&
	       strcmp(head, now) == 0;
}

/* What lies there may go when nothing would be lost with it. */
static int make_workbench_room(const char *dir, const char *repository, const struct cryo_series *s,
			       struct cryo_err *err)
{
	cryo_auto(git_repository_free) git_repository *repo = NULL;
	cryo_auto(cryo_composed_release) struct cryo_composed m = { 0 };
	int rc;

	if (!cryo_fs_exists(dir) || is_workbench_empty(dir))
		return 0;
	if (!is_own_workbench(dir))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a tree of 'sources patch'",
				    dir);
	rc = open_settled_workbench(dir, &repo, &m, err);
	if (rc == 0 && !are_mails_in_series(&m, s) && !is_workbench_untouched(repository, repo, s))
		rc = cryo_err_set(err, CRYO_E_CONFIG,
				  "it has commits that are not in the series (sources refresh)");
	return rc < 0 ? cryo_err_wrap(err, rc, "'%s' stays", dir) : cryo_fs_rmtree(dir, err);
}

int cryo_workbench_open(const char *dir, const char *repository, const char *base,
			const struct cryo_series *s, size_t *applied, char **why,
			struct cryo_err *err)
{
	cryo_auto(cryo_free) char *beside = cryo_asprintf("%s.new", dir);
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc;

	*why = NULL;
	*applied = 0;
	cryo_git_ready();
	rc = make_workbench_room(dir, repository, s, err);
	if (rc == 0)
		rc = cryo_fs_rmtree(beside, err);
	if (rc == 0)
		rc = cryo_fs_mkdirs(beside, 0755, err);
	if (rc == 0)
		rc = make_workbench(beside, repository, base, s, applied, why, err);
	if (rc == 0 && rename(beside, dir) < 0)
		rc = cryo_err_sys(err, errno, "cannot publish '%s'", dir);
	if (rc < 0)
		cryo_fs_rmtree(beside, &ignored);
	return rc;
}

/* --- writing it back --- */

static void note_patch_change(struct cryo_workbench_changes *c, const char *name, const char *what)
{
	c->v = cryo_realloc(c->v, c->n + 1, sizeof(*c->v));
	c->v[c->n++] = (struct cryo_workbench_change){ .name = cryo_strdup(name), .what = what };
}

static int write_patch_file(const char *dir, const char *name, const char *text,
			    struct cryo_workbench_changes *c, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);
	cryo_auto(cryo_str_release) struct cryo_str old = { 0 };
	struct cryo_err none = CRYO_ERR_INIT;
	bool was_there = cryo_fs_exists(path);

	if (was_there && cryo_fs_read(path, MAX_PATCH, &old, &none) == 0 &&
	    strcmp(cryo_str_get(&old), text) == 0) {
		note_patch_change(c, name, "same");
		return 0;
	}
	note_patch_change(c, name, was_there ? "changed" : "added");
	return cryo_fs_write(path, text, strlen(text), 0644, err);
}

/* Before the new ones come: two of one number are no series. */
static int remove_other_patches(const char *dir, const struct cryo_composed *m,
				struct cryo_workbench_changes *c, struct cryo_err *err)
{
	const struct dirent *e;
	DIR *d = opendir(dir);
	int rc = 0;

	while (rc == 0 && d && (e = readdir(d))) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, e->d_name);

		if (e->d_name[0] == '.' || !cryo_ends_with(e->d_name, ".patch") ||
		    cryo_strv_has(&m->name, e->d_name))
			continue;
		note_patch_change(c, e->d_name, "removed");
		if (unlink(path) < 0)
			rc = cryo_err_sys(err, errno, "cannot remove '%s'", path);
	}
	if (d)
		closedir(d);
	return rc;
}

int cryo_workbench_refresh(const char *dir, const char *series_dir,
			   struct cryo_workbench_changes *out, struct cryo_err *err)
{
	cryo_auto(git_repository_free) git_repository *repo = NULL;
	cryo_auto(cryo_composed_release) struct cryo_composed m = { 0 };
	int rc;

	cryo_git_ready();
	if (!is_own_workbench(dir))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a tree of 'sources patch'",
				    dir);
	rc = open_settled_workbench(dir, &repo, &m, err);
	if (rc == 0 && m.name.n == 0)
		rc = cryo_err_set(err, CRYO_E_CONFIG, "there is no commit since 'base'");
	rc = cryo_err_wrap(err, rc, "'%s'", dir);
	if (rc == 0)
		rc = cryo_fs_mkdirs(series_dir, 0755, err);
	if (rc == 0)
		rc = remove_other_patches(series_dir, &m, out, err);
	for (size_t i = 0; rc == 0 && i < m.name.n; i++)
		rc = write_patch_file(series_dir, m.name.v[i], m.text.v[i], out, err);
	return rc;
}

void cryo_workbench_changes_release(struct cryo_workbench_changes *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].name);
	}
	free(c->v);
	*c = (struct cryo_workbench_changes){ 0 };
}
