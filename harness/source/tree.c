/* SPDX-License-Identifier: Apache-2.0 */
#include "source/tree.h"

#include "base/event.h"
#include "base/mask.h"
#include "archives/archive.h"
#include "source/kinds.h"
#include "sys/fs.h"
#include "sys/lock.h"
#include "sys/places.h"

#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 8
#define MAX_MARK  4096
#define MARK	  "cryopod tree"

/* What shall be on disk. */
struct plan {
	const struct cryo_fetch_opts *o;
	const char *url; /* NULL: an archive … */
	const struct cryo_strv *links_outside;
	const char *file;	/* … which is this */
	const char *shown;	/* for messages */
	char id[CRYO_HASH_HEX]; /* of the directory's name */
	char *place, *mark;	/* its path; what stands in .git/cryopod */
};

bool cryo_source_has_tree(const struct cryo_source *src)
{
	return src->kind != CRYO_SOURCE_MODULE && src->kind != CRYO_SOURCE_DEBIAN;
}

void cryo_tree_release(struct cryo_tree *t)
{
	free(t->dir);
	*t = (struct cryo_tree){ 0 };
}

/* --- making --- */

/* No part of the way may be a link that the tree itself put there. */
static int enter_tree_path(const char *dir, const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *way = cryo_asprintf("%s/%s", dir, path);

	for (char *p = way + strlen(dir) + 1;; p++) {
		char end = *p;
		struct stat st;

		if (end && end != '/')
			continue;
		*p = '\0';
		if (lstat(way, &st) < 0 && (errno != ENOENT || mkdir(way, 0755) < 0))
			return cryo_err_sys(err, errno, "cannot make '%s'", way);
		if (lstat(way, &st) < 0 || !S_ISDIR(st.st_mode))
			return cryo_err_set(err, CRYO_E_CONFIG,
					    "submodule '%s' is refused: '%s' is not a directory",
					    path, way);
		*p = end;
		if (!end)
			return 0;
	}
}

static int check_out_source_tree(const struct plan *p, const char *url, const char *commit,
				 const char *dir, unsigned depth, struct cryo_err *err);

static int check_out_tree_submodule(const struct plan *p, const struct cryo_git_submodule *s,
				    const char *dir, unsigned depth, struct cryo_err *err)
{
	struct cryo_git_want w = { .url = s->url, .commit = s->commit };
	cryo_auto(cryo_free) char *below = cryo_asprintf("%s/%s", dir, s->path);
	char commit[CRYO_COMMIT_HEX];
	int rc;

	if (depth >= MAX_DEPTH)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "submodule '%s' is refused: more than %d deep", s->path,
				    MAX_DEPTH);
	rc = cryo_git_obtain(&w, p->o, commit, err);
	if (rc == 0)
		rc = enter_tree_path(dir, s->path, err);
	if (rc == 0)
		rc = check_out_source_tree(p, s->url, commit, below, depth + 1, err);
	return cryo_err_wrap(err, rc, "submodule '%s'", s->path);
}

/* Its commit is known and nobody says where from: git leaves an empty directory as well. */
static void tell_unnamed_submodules(const struct plan *p, const char *dir,
				    const struct cryo_git_submodules *subs)
{
	cryo_auto(cryo_strv_release) struct cryo_strv paths = { 0 };

	cryo_git_find_unnamed(dir, subs, &paths);
	for (size_t i = 0; i < paths.n; i++)
		cryo_warn("submodule '%s' of %s is left out: .gitmodules has no entry for it",
			  paths.v[i], p->shown);
}

static int check_out_source_tree(const struct plan *p, const char *url, const char *commit,
				 const char *dir, unsigned depth, struct cryo_err *err)
{
	cryo_auto(cryo_git_submodules_release) struct cryo_git_submodules subs = { 0 };
	/* First what it says of others: a tree that is refused is not written at all. */
	int rc = cryo_git_submodules(url, commit, NULL, &subs, err);

	if (rc == 0)
		rc = cryo_git_checkout(url, commit, dir, err);
	if (rc == 0)
		tell_unnamed_submodules(p, dir, &subs);
	for (size_t i = 0; rc == 0 && i < subs.n; i++)
		if (!subs.v[i].left_out)
			rc = check_out_tree_submodule(p, &subs.v[i], dir, depth, err);
	return rc;
}

static int fill_source_tree(const struct plan *p, const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *mark = cryo_asprintf("%s/.git/cryopod", dir);
	cryo_auto(cryo_free) char *message = cryo_asprintf("%s\n", p->shown);
	int rc;

	cryo_mask_addresses(message);
	if (p->url) {
		rc = check_out_source_tree(p, p->url, p->id, dir, 0, err);
	} else {
		rc = cryo_archive_unpack(p->file, dir, p->links_outside, err);
		if (rc == 0)
			rc = cryo_git_import(dir, message, err);
	}
	if (rc == 0)
		rc = cryo_fs_write(mark, p->mark, strlen(p->mark), 0644, err);
	return rc;
}

/* What killed runs left, under the component's lock. */
static void clean_up_killed_trees(const char *parent)
{
	struct cryo_err ignored = CRYO_ERR_INIT;
	const struct dirent *e;
	DIR *d = opendir(parent);

	while (d && (e = readdir(d))) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", parent, e->d_name);

		if (cryo_starts_with(e->d_name, ".new-"))
			cryo_fs_rmtree(path, &ignored);
	}
	if (d)
		closedir(d);
}

static int make_source_tree(const struct plan *p, const char *parent, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *fresh = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = cryo_fs_tmpdir(parent, ".new-", &fresh, err);

	if (rc < 0)
		return rc;
	chmod(fresh, 0755);
	rc = fill_source_tree(p, fresh, err);
	if (rc == 0 && rename(fresh, p->place) < 0)
		rc = cryo_err_sys(err, errno, "cannot make '%s'", p->place);
	if (rc < 0)
		cryo_fs_rmtree(fresh, &ignored);
	return rc;
}

/* --- judging what is there --- */

static int check_tree_clean(const char *url, const char *commit, const char *dir, unsigned depth,
			    struct cryo_git_state *state, struct cryo_err *err)
{
	cryo_auto(cryo_git_submodules_release) struct cryo_git_submodules subs = { 0 };
	int rc;

	cryo_git_state_release(state);
	rc = cryo_git_state(dir, state, err);
	if (rc < 0 || state->changed || !url)
		return rc;
	if (strcmp(state->head, commit) != 0) {
		state->changed = 1;
		state->first = cryo_asprintf("HEAD is at %.12s", state->head);
		return 0;
	}
	rc = cryo_git_share_history(url, dir, err);
	if (rc == 0)
		rc = cryo_git_submodules(url, commit, NULL, &subs, err);
	for (size_t i = 0; rc == 0 && !state->changed && i < subs.n && depth < MAX_DEPTH; i++) {
		cryo_auto(cryo_free) char *below = cryo_asprintf("%s/%s", dir, subs.v[i].path);

		if (subs.v[i].left_out)
			continue;
		rc =
		    check_tree_clean(subs.v[i].url, subs.v[i].commit, below, depth + 1, state, err);
	}
	return rc;
}

/* What stands in a tree that cryopod made, without its last newline. */
static bool read_tree_mark(const char *dir, struct cryo_str *mark)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/.git/cryopod", dir);
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_fs_read(path, MAX_MARK, mark, &ignored) < 0 ||
	    !cryo_starts_with(cryo_str_get(mark), MARK "\n"))
		return false;
	if (mark->p[mark->len - 1] == '\n')
		mark->p[--mark->len] = '\0';
	return true;
}

bool cryo_tree_is_ours(const char *dir)
{
	cryo_auto(cryo_str_release) struct cryo_str mark = { 0 };

	return read_tree_mark(dir, &mark);
}

/* The repositories in a tree: its own, those of submodules. */
static void find_repositories(const char *dir, struct cryo_strv *dirs)
{
	char *const roots[] = { (char *)dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *f;

	while (fts && (f = fts_read(fts))) {
		if (f->fts_info != FTS_D || strcmp(f->fts_name, ".git") != 0)
			continue;
		cryo_strv_take(dirs, cryo_strndup(f->fts_path, f->fts_pathlen - strlen("/.git")));
		fts_set(fts, f, FTS_SKIP);
	}
	if (fts)
		fts_close(fts);
}

/* One whose objects are gone would be made anew when somebody wants it. */
static bool is_repository_changed(const char *repository, const char *id)
{
	cryo_auto(cryo_git_state_release) struct cryo_git_state state = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_git_state(repository, &state, &ignored) < 0)
		return false;
	/* The id of an archive is no commit. */
	return state.changed ||
	       (id && strlen(id) == strlen(state.head) && strcmp(id, state.head) != 0);
}

bool cryo_source_tree_is_theirs(const char *dir)
{
	cryo_auto(cryo_strv_release) struct cryo_strv repositories = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str mark = { 0 };
	bool theirs = !read_tree_mark(dir, &mark);
	const char *id = theirs ? NULL : strrchr(mark.p, '\n');

	find_repositories(dir, &repositories);
	for (size_t i = 0; !theirs && i < repositories.n; i++)
		theirs = is_repository_changed(
		    repositories.v[i], id && strcmp(repositories.v[i], dir) == 0 ? id + 1 : NULL);
	return theirs;
}

static void add_alternates(const char *repository, struct cryo_strv *paths)
{
	cryo_auto(cryo_free) char *path =
	    cryo_asprintf("%s/.git/objects/info/alternates", repository);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *line, *rest;

	if (cryo_fs_read(path, MAX_MARK, &text, &ignored) < 0)
		return;
	rest = text.p;
	while ((line = strsep(&rest, "\n")))
		if (cryo_ends_with(line, "/objects"))
			cryo_strv_take(paths,
				       cryo_strndup(line, strlen(line) - strlen("/objects")));
}

void cryo_source_tree_borrows(const char *dir, struct cryo_strv *paths)
{
	cryo_auto(cryo_strv_release) struct cryo_strv repositories = { 0 };

	find_repositories(dir, &repositories);
	for (size_t i = 0; i < repositories.n; i++)
		add_alternates(repositories.v[i], paths);
}

/* *fine: it is what it should be; else it may be made anew, unless an error says why not. */
static int judge_present_tree(const struct plan *p, bool *fine, struct cryo_err *err)
{
	cryo_auto(cryo_git_state_release) struct cryo_git_state state = { 0 };
	struct cryo_err why = CRYO_ERR_INIT;

	*fine = false;
	if (!cryo_tree_is_ours(p->place))
		return cryo_err_set(err, CRYO_E_PROVISION, "'%s' is not from cryopod; move it away",
				    p->place);
	if (check_tree_clean(p->url, p->id, p->place, 0, &state, &why) < 0) {
		cryo_debug("%s: %s", p->place, why.msg);
		return 0;
	}
	if (state.changed && !p->o->force)
		return cryo_err_set(
		    err, CRYO_E_PROVISION,
		    "'%s' was changed by hand: %zu file%s, '%s' first (sources sync "
		    "--force makes it anew)",
		    p->place, state.changed, state.changed == 1 ? "" : "s", state.first);
	*fine = !state.changed;
	return 0;
}

static int put_tree_in_place(const struct plan *p, const char *parent, struct cryo_tree *out,
			     struct cryo_err *err)
{
	cryo_auto(cryo_git_state_release) struct cryo_git_state state = { 0 };
	bool fine = false;
	int rc = 0;

	clean_up_killed_trees(parent);
	if (cryo_fs_exists(p->place))
		rc = judge_present_tree(p, &fine, err);
	if (rc == 0 && !fine) {
		rc = cryo_fs_rmtree(p->place, err);
		if (rc == 0)
			rc = make_source_tree(p, parent, err);
		out->made = rc == 0;
	}
	/* An archive's commit is only known from its tree. */
	if (rc == 0 && !p->url)
		rc = cryo_git_state(p->place, &state, err);
	if (rc == 0)
		memcpy(out->commit, p->url ? p->id : state.head, CRYO_COMMIT_HEX);
	return rc;
}

static char *make_trees_path(const char *component)
{
	return cryo_cache_path(CRYO_CACHE_TREES "/%s", component);
}

char *cryo_source_tree_dir(const char *component, const char *commit)
{
	cryo_auto(cryo_free) char *parent = make_trees_path(component);

	return cryo_asprintf("%s/%.40s", parent, commit);
}

static int place_source_tree(struct plan *p, const char *component, struct cryo_tree *out,
			     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *parent = make_trees_path(component);
	cryo_auto(cryo_free) char *lock_path = cryo_asprintf("%s.lock", parent);
	cryo_auto(cryo_fd_close) int lock = -1;
	int rc;

	p->place = cryo_source_tree_dir(component, p->id);
	p->mark = cryo_asprintf(MARK "\n%s\n%s\n", p->shown, p->id);
	cryo_mask_addresses(p->mark);
	rc = cryo_fs_mkdirs(parent, 0755, err);
	if (rc == 0)
		rc = cryo_lock_wait(lock_path, CRYO_LOCK_BUILD_MS, &lock, err);
	if (rc == 0)
		rc = put_tree_in_place(p, parent, out, err);
	if (rc == 0) {
		cryo_fs_touch(p->place, false);
		out->dir = cryo_steal(&p->place);
	}
	free(p->place);
	free(p->mark);
	return rc;
}

/* --- kinds --- */

static int obtain_git_tree(const struct cryo_source *src, const char *component,
			   const struct cryo_fetch_opts *o, struct cryo_tree *out,
			   struct cryo_err *err)
{
	struct cryo_git_want w = cryo_source_want(src);
	struct plan p = { .o = o, .url = w.url, .shown = w.url };
	int rc = cryo_git_obtain(&w, o, p.id, err);

	return rc < 0 ? rc : place_source_tree(&p, component, out, err);
}

static int obtain_superproject_tree(const struct cryo_source *src, const char *component,
				    const struct cryo_fetch_opts *o, struct cryo_tree *out,
				    struct cryo_err *err)
{
	cryo_auto(cryo_git_submodules_release) struct cryo_git_submodules subs = { 0 };
	struct cryo_git_want w = cryo_source_want(src), sub = { 0 };
	struct cryo_fetch_opts only_it = *o;
	struct plan p = { .o = o };
	char commit[CRYO_COMMIT_HEX];
	int rc;

	only_it.history = false;
	rc = cryo_git_obtain(&w, &only_it, commit, err);
	if (rc == 0)
		rc = cryo_git_submodules(w.url, commit, src->path, &subs, err);
	if (rc < 0)
		return rc;
	sub.url = p.url = p.shown = subs.v[0].url;
	sub.commit = subs.v[0].commit;
	rc = cryo_git_obtain(&sub, o, p.id, err);
	return rc < 0 ? rc : place_source_tree(&p, component, out, err);
}

static int obtain_archive_tree(const struct cryo_source *src, const char *component,
			       const struct cryo_fetch_opts *o, struct cryo_tree *out,
			       struct cryo_err *err)
{
	cryo_auto(cryo_free) char *file = NULL;
	const struct cryo_tarball a = { src->archive, src->sha256 };
	struct plan p = { .o = o, .shown = src->archive, .links_outside = &src->links_outside };
	int rc = cryo_tarball_obtain(&a, o, &file, err);

	if (rc < 0)
		return rc;
	p.file = file;
	memcpy(p.id, src->sha256, sizeof(p.id));
	return place_source_tree(&p, component, out, err);
}

int cryo_source_tree(const struct cryo_source *src, const char *component,
		     const struct cryo_fetch_opts *o, struct cryo_tree *out, struct cryo_err *err)
{
	static const struct cryo_fetch_opts defaults = { 0 };

	*out = (struct cryo_tree){ 0 };
	o = o ? o : &defaults;
	switch (src->kind) {
	case CRYO_SOURCE_GIT:
		return obtain_git_tree(src, component, o, out, err);
	case CRYO_SOURCE_SUPERPROJECT:
		return obtain_superproject_tree(src, component, o, out, err);
	case CRYO_SOURCE_ARCHIVE:
		return obtain_archive_tree(src, component, o, out, err);
	case CRYO_SOURCE_DIR:
		out->dir = cryo_strdup(src->dir);
		return 0;
	case CRYO_SOURCE_MODULE:
	case CRYO_SOURCE_DEBIAN:
		break;
	}
	return cryo_err_set(err, CRYO_E_CONFIG, "a source of kind '%s' has no tree",
			    cryo_source_kind_name(src));
}
