/* SPDX-License-Identifier: Apache-2.0 */
/* Work trees: checked out from a cache, looked at, compared. */
#include "git/git.h"

#include "base/clock.h"
#include "base/event.h"
#include "git/repo.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <errno.h>
#include <git2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE_EVERY  100
#define MAX_SHALLOW (16u << 20)

struct checkout {
	struct cryo_err err;
	int64_t noted;
	bool stopped;
};

static void checkout_on_progress(const char *path, size_t done, size_t total, void *arg)
{
	struct checkout *c = arg;
	int64_t now = cryo_now_ms();

	(void)path;
	if (now - c->noted < NOTE_EVERY)
		return;
	c->noted = now;
	cryo_step_note("checking out: %zu of %zu files", done, total);
}

/* Called before each file is looked at: the way to stop it. */
static int checkout_on_notify(git_checkout_notify_t why, const char *path,
			      const git_diff_file *baseline, const git_diff_file *target,
			      const git_diff_file *workdir, void *arg)
{
	struct checkout *c = arg;

	(void)why;
	(void)path;
	(void)baseline;
	(void)target;
	(void)workdir;
	c->stopped = cryo_intr_check(&c->err) < 0;
	return c->stopped ? GIT_EUSER : 0;
}

int cryo_git_share_history(const char *url, const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *cache = cryo_git_cache_dir(url);
	cryo_auto(cryo_free) char *theirs = cryo_asprintf("%s/shallow", cache);
	cryo_auto(cryo_free) char *ours = cryo_asprintf("%s/.git/shallow", dir);
	cryo_auto(cryo_str_release) struct cryo_str want = { 0 }, have = { 0 };
	struct cryo_err none = CRYO_ERR_INIT;

	cryo_fs_read(theirs, MAX_SHALLOW, &want, &none); /* not there: all of it */
	cryo_fs_read(ours, MAX_SHALLOW, &have, &none);
	if (strcmp(cryo_str_get(&want), cryo_str_get(&have)) == 0)
		return 0;
	if (want.len > 0)
		return cryo_fs_write(ours, want.p, want.len, 0644, err);
	if (unlink(ours) < 0 && errno != ENOENT)
		return cryo_err_sys(err, errno, "cannot remove '%s'", ours);
	return 0;
}

static int borrow_objects(const char *url, const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *cache = cryo_git_cache_dir(url);
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/.git/objects/info/alternates", dir);
	cryo_auto(cryo_free) char *text = cryo_asprintf("%s/objects\n", cache);
	int rc = cryo_fs_mkparents(to, 0755, err);

	if (rc == 0)
		rc = cryo_fs_write(to, text, strlen(text), 0644, err);
	return rc < 0 ? rc : cryo_git_share_history(url, dir, err);
}

static int make_repository(const char *dir, struct cryo_err *err)
{
	cryo_auto(git_repository_free) git_repository *repo = NULL;

	if (git_repository_init(&repo, dir, 0) < 0)
		return cryo_git_err(err, CRYO_E_SYSTEM, "cannot make '%s'", dir);
	return cryo_repo_take_bytes(repo, err);
}

static int check_out_git_tree(const char *dir, const char *commit, struct cryo_err *err)
{
	git_checkout_options opts;
	struct checkout c = { 0 };
	git_repository *repo = NULL;
	git_oid oid;
	int grc = git_repository_open(&repo, dir);

	git_checkout_options_init(&opts, GIT_CHECKOUT_OPTIONS_VERSION);
	opts.checkout_strategy = GIT_CHECKOUT_FORCE;
	/* The bytes as committed. Asking for each file's attributes also costs 20 system calls. */
	opts.disable_filters = 1;
	opts.progress_cb = checkout_on_progress;
	opts.progress_payload = &c;
	opts.notify_cb = checkout_on_notify;
	opts.notify_flags = GIT_CHECKOUT_NOTIFY_ALL;
	opts.notify_payload = &c;
	if (grc == 0)
		grc = git_oid_fromstr(&oid, commit);
	if (grc == 0)
		grc = git_repository_set_head_detached(repo, &oid);
	if (grc == 0)
		grc = git_checkout_head(repo, &opts);
	git_repository_free(repo);
	if (c.stopped) {
		*err = c.err;
		return -(int)err->status;
	}
	return grc == 0 ? 0 : cryo_git_err(err, CRYO_E_PROVISION, "cannot check out %.12s", commit);
}

int cryo_git_checkout(const char *url, const char *commit, const char *dir, struct cryo_err *err)
{
	int rc;

	cryo_git_ready();
	rc = make_repository(dir, err);
	if (rc == 0)
		rc = borrow_objects(url, dir, err);
	if (rc == 0)
		rc = check_out_git_tree(dir, commit, err);
	return rc;
}

/* --- an archive's tree --- */

static int commit_whole_tree(git_repository *repo, const char *message)
{
	char *all[] = { (char *)"*" };
	git_strarray paths = { all, 1 };
	git_signature *who = NULL;
	git_index *index = NULL;
	git_tree *tree = NULL;
	git_oid tree_id, id;
	int grc = git_repository_index(&index, repo);

	/* Forced: an archive may hold what its own .gitignore names. */
	if (grc == 0)
		grc = git_index_add_all(index, &paths, GIT_INDEX_ADD_FORCE, NULL, NULL);
	if (grc == 0)
		grc = git_index_write(index);
	if (grc == 0)
		grc = git_index_write_tree(&tree_id, index);
	if (grc == 0)
		grc = git_tree_lookup(&tree, repo, &tree_id);
	/* No time of today: the same archive gives the same commit. */
	if (grc == 0)
		grc = git_signature_new(&who, "cryopod", "cryopod@localhost", 0, 0);
	if (grc == 0)
		grc = git_commit_create(&id, repo, NULL, who, who, NULL, message, tree, 0, NULL);
	if (grc == 0)
		grc = git_repository_set_head_detached(repo, &id);
	git_signature_free(who);
	git_tree_free(tree);
	git_index_free(index);
	return grc;
}

int cryo_git_import(const char *dir, const char *message, struct cryo_err *err)
{
	git_repository *repo = NULL;
	int rc, grc;

	cryo_git_ready();
	rc = make_repository(dir, err);
	if (rc < 0)
		return rc;
	grc = git_repository_open(&repo, dir);
	if (grc == 0)
		grc = commit_whole_tree(repo, message);
	git_repository_free(repo);
	return grc == 0 ? 0 : cryo_git_err(err, CRYO_E_PROVISION, "cannot commit '%s'", dir);
}

/* --- looking at a tree --- */

void cryo_git_state_release(struct cryo_git_state *s)
{
	free(s->first);
	*s = (struct cryo_git_state){ 0 };
}

static const char *get_status_path(const git_status_entry *e)
{
	const git_diff_delta *d = e->index_to_workdir ? e->index_to_workdir : e->head_to_index;

	return d->new_file.path ? d->new_file.path : d->old_file.path;
}

/* A commit can have a file as 100664 or 100600: to git, and in the index, that is 100644. */
static bool is_mode_spelling(const git_status_entry *e)
{
	const git_diff_delta *d = e->head_to_index;

	return e->status == GIT_STATUS_INDEX_MODIFIED && d &&
	       git_oid_equal(&d->old_file.id, &d->new_file.id) && S_ISREG(d->old_file.mode) &&
	       S_ISREG(d->new_file.mode) && (d->old_file.mode & 0100) == (d->new_file.mode & 0100);
}

/* A file outside of a sparse checkout. git does not look for it; libgit2 1.5 counts it as deleted.
 */
static bool is_left_out(git_index *index, const git_status_entry *e)
{
	const git_index_entry *entry = e->status == GIT_STATUS_WT_DELETED
					   ? git_index_get_bypath(index, get_status_path(e), 0)
					   : NULL;

	return entry && entry->flags_extended & GIT_INDEX_ENTRY_SKIP_WORKTREE;
}

static void count_status_changes(git_status_list *list, git_index *index,
				 struct cryo_git_state *out)
{
	for (size_t i = 0; i < git_status_list_entrycount(list); i++) {
		const git_status_entry *e = git_status_byindex(list, i);

		if (is_mode_spelling(e) || is_left_out(index, e))
			continue;
		if (out->changed++ == 0)
			out->first = cryo_strdup(get_status_path(e));
	}
}

static int read_repository_state(git_repository *repo, struct cryo_git_state *out)
{
	git_status_options opts;
	git_status_list *list = NULL;
	git_index *index = NULL;
	git_oid head;
	int grc = git_reference_name_to_id(&head, repo, "HEAD");

	git_status_options_init(&opts, GIT_STATUS_OPTIONS_VERSION);
	opts.show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR;
	opts.flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_EXCLUDE_SUBMODULES |
		     GIT_STATUS_OPT_UPDATE_INDEX;
	if (grc == 0)
		grc = git_status_list_new(&list, repo, &opts);
	if (grc == 0)
		grc = git_repository_index(&index, repo);
	if (grc == 0) {
		git_oid_tostr(out->head, sizeof(out->head), &head);
		count_status_changes(list, index, out);
	}
	git_index_free(index);
	git_status_list_free(list);
	return grc;
}

int cryo_git_state(const char *dir, struct cryo_git_state *out, struct cryo_err *err)
{
	git_repository *repo = NULL;
	int grc;

	cryo_git_ready();
	/* Not by way of a directory above it: that would be somebody else's repository. */
	grc = git_repository_open_ext(&repo, dir, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
	if (grc == 0)
		grc = read_repository_state(repo, out);
	git_repository_free(repo);
	return grc == 0 ? 0 : cryo_git_err(err, CRYO_E_PROVISION, "cannot read '%s'", dir);
}

/* --- comparing histories --- */

static int compare_histories(git_repository *repo, const char *ours, const char *theirs,
			     struct cryo_git_base *out)
{
	git_oid a, b, base;

	if (git_oid_fromstr(&a, ours) < 0 || git_oid_fromstr(&b, theirs) < 0 ||
	    git_merge_base(&base, repo, &a, &b) < 0)
		return -1;
	git_oid_tostr(out->commit, sizeof(out->commit), &base);
	return git_graph_ahead_behind(&out->ahead, &out->behind, repo, &a, &b);
}

/* The fork and its origin lie in different caches; for this they are read as one. */
int cryo_git_base(const char *url, const char *commit, const char *other_url,
		  const char *other_commit, struct cryo_git_base *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = cryo_git_cache_dir(url);
	cryo_auto(cryo_free) char *other = cryo_git_cache_dir(other_url);
	cryo_auto(cryo_free) char *objects = cryo_asprintf("%s/objects", other);
	git_repository *repo = NULL;
	git_odb *odb = NULL;
	int grc;

	cryo_git_ready();
	grc = git_repository_open_bare(&repo, dir);
	if (grc == 0)
		grc = git_repository_odb(&odb, repo);
	if (grc == 0)
		grc = git_odb_add_disk_alternate(odb, objects);
	if (grc == 0)
		grc = compare_histories(repo, commit, other_commit, out);
	git_odb_free(odb);
	git_repository_free(repo);
	return grc == 0 ? 0
			: cryo_err_set(err, CRYO_E_CHECK,
				       "not enough history is cached (sources sync --history)");
}
