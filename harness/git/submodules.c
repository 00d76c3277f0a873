/* SPDX-License-Identifier: Apache-2.0 */
/* What a commit says about its submodules: .gitmodules (by libgit2's own parser) and its tree. */
#include "git/git.h"

#include "git/url.h"
#include "sys/fs.h"

#include <git2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE    (256u << 10)
#define MAX_MODULES 256

void cryo_git_submodules_release(struct cryo_git_submodules *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].path);
		free(s->v[i].url);
	}
	free(s->v);
	*s = (struct cryo_git_submodules){ 0 };
}

/* One commit opened for reading. */
struct view {
	const char *url, *commit;
	git_repository *repo;
	git_tree *tree;
	git_config *modules; /* NULL: it has none */
};

static void close_modules_view(struct view *v)
{
	git_config_free(v->modules);
	git_tree_free(v->tree);
	git_repository_free(v->repo);
}
#define close_modules_viewp close_modules_view

static int open_modules_view(struct view *v, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = cryo_git_cache_dir(v->url);
	git_commit *commit = NULL;
	git_oid oid;
	int grc;

	cryo_git_ready();
	grc = git_repository_open_bare(&v->repo, dir);
	if (grc == 0)
		grc = git_oid_fromstr(&oid, v->commit);
	if (grc == 0)
		grc = git_commit_lookup(&commit, v->repo, &oid);
	if (grc == 0)
		grc = git_commit_tree(&v->tree, commit);
	git_commit_free(commit);
	return grc == 0 ? 0
			: cryo_git_err(err, CRYO_E_PROVISION, "cannot read commit '%.12s' of '%s'",
				       v->commit, v->url);
}

/* git's configuration can include other files, ours and devices too: not from a stranger. */
static bool includes_other_files(const char *text)
{
	while ((text = strchr(text, '['))) {
		text += 1 + strspn(text + 1, " \t");
		if (strncasecmp(text, "include", 7) == 0)
			return true;
	}
	return false;
}

/* libgit2 parses configuration from files only. */
static int parse_modules_text(struct view *v, const char *text, size_t n, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = NULL, *path = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc;

	if (n > MAX_FILE || strlen(text) != n || includes_other_files(text))
		return cryo_err_set(err, CRYO_E_CONFIG,
				    ".gitmodules of '%s' at %.12s is refused: it is too large, not "
				    "text, or includes other files",
				    v->url, v->commit);
	rc = cryo_fs_tmpdir(cryo_dir_cache(), ".gitmodules-", &dir, err);
	if (rc < 0)
		return rc;
	path = cryo_asprintf("%s/config", dir);
	rc = cryo_fs_write(path, text, n, 0600, err);
	if (rc == 0 && git_config_open_ondisk(&v->modules, path) < 0)
		rc = cryo_git_err(err, CRYO_E_CONFIG, ".gitmodules of '%s' at %.12s", v->url,
				  v->commit);
	cryo_fs_rmtree(dir, &ignored);
	return rc;
}

static int read_modules(struct view *v, struct cryo_err *err)
{
	const git_tree_entry *e = git_tree_entry_byname(v->tree, ".gitmodules");
	cryo_auto(cryo_free) char *text = NULL;
	git_blob *blob = NULL;
	int rc;

	/* A link in its place is nothing that git follows either. */
	if (!e || (git_tree_entry_filemode(e) != GIT_FILEMODE_BLOB &&
		   git_tree_entry_filemode(e) != GIT_FILEMODE_BLOB_EXECUTABLE))
		return 0;
	if (git_blob_lookup(&blob, v->repo, git_tree_entry_id(e)) < 0)
		return cryo_git_err(err, CRYO_E_PROVISION, "cannot read .gitmodules of '%s'",
				    v->url);
	text = cryo_strndup(git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
	rc = parse_modules_text(v, text, (size_t)git_blob_rawsize(blob), err);
	git_blob_free(blob);
	return rc;
}

/* The commit that the tree has at `path`; false: no submodule is there. */
static bool find_gitlink_at(const struct view *v, const char *path, char out[CRYO_COMMIT_HEX])
{
	git_tree_entry *e = NULL;
	bool is = git_tree_entry_bypath(&e, v->tree, path) == 0 &&
		  git_tree_entry_filemode(e) == GIT_FILEMODE_COMMIT;

	if (is)
		git_oid_tostr(out, CRYO_COMMIT_HEX, git_tree_entry_id(e));
	git_tree_entry_free(e);
	return is;
}

static int add_found_submodule(const struct view *v, const char *path, const char *url,
			       bool left_out, struct cryo_git_submodules *out, struct cryo_err *err)
{
	char commit[CRYO_COMMIT_HEX];
	struct cryo_git_submodule *s;
	char *whole = NULL;
	int rc;

	if (!cryo_git_is_path(path))
		return cryo_err_set(err, CRYO_E_CONFIG,
				    ".gitmodules of '%s' at %.12s: path '%s' is refused: it leads "
				    "out of the tree",
				    v->url, v->commit, path);
	if (!find_gitlink_at(v, path, commit))
		return 0;
	if (out->n >= MAX_MODULES)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' has more than %d submodules", v->url,
				    MAX_MODULES);
	rc = cryo_url_resolve(v->url, url, &whole, err);
	if (rc < 0)
		return cryo_err_wrap(err, rc, "submodule '%s' of '%s'", path, v->url);
	out->v = cryo_realloc(out->v, out->n + 1, sizeof(*out->v));
	s = &out->v[out->n++];
	*s = (struct cryo_git_submodule){ .path = cryo_strdup(path),
					  .url = whole,
					  .left_out = left_out };
	memcpy(s->commit, commit, sizeof(commit));
	return 0;
}

/* "submodule.NAME.update = none": git leaves it out unless somebody asks for it by name. */
static bool is_module_left_out(git_config *snapshot, const char *name_path)
{
	cryo_auto(cryo_free) char *key =
	    cryo_asprintf("%.*supdate", (int)(strlen(name_path) - strlen("path")), name_path);
	const char *update = NULL;

	return git_config_get_string(&update, snapshot, key) == 0 && update &&
	       strcmp(update, "none") == 0;
}

/* "submodule.NAME.path" with "submodule.NAME.url" beside it. */
static int add_submodule_entry(const struct view *v, git_config *snapshot,
			       const git_config_entry *e, const char *only,
			       struct cryo_git_submodules *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *key = NULL;
	const char *url = NULL;

	if (!cryo_starts_with(e->name, "submodule.") || !cryo_ends_with(e->name, ".path") ||
	    !e->value || (only && strcmp(e->value, only) != 0))
		return 0;
	key = cryo_asprintf("%.*surl", (int)(strlen(e->name) - strlen("path")), e->name);
	if (git_config_get_string(&url, snapshot, key) < 0 || !url)
		return 0;
	return add_found_submodule(v, e->value, url, !only && is_module_left_out(snapshot, e->name),
				   out, err);
}

/* Not by a pattern: libgit2 1.5 loses 20 kB with each name that it matches. */
static int collect_submodules(const struct view *v, const char *only,
			      struct cryo_git_submodules *out, struct cryo_err *err)
{
	git_config *snapshot = NULL;
	git_config_iterator *it = NULL;
	git_config_entry *e;
	int rc = 0;

	if (git_config_snapshot(&snapshot, v->modules) < 0 ||
	    git_config_iterator_new(&it, snapshot) < 0)
		rc = cryo_git_err(err, CRYO_E_CONFIG, ".gitmodules of '%s'", v->url);
	while (rc == 0 && git_config_next(&e, it) == 0)
		rc = add_submodule_entry(v, snapshot, e, only, out, err);
	git_config_iterator_free(it);
	git_config_free(snapshot);
	return rc;
}

static int report_no_submodule(const struct view *v, const char *only, struct cryo_err *err)
{
	char commit[CRYO_COMMIT_HEX];

	return cryo_err_set(err, CRYO_E_CONFIG, "'%s' at %.12s has no submodule '%s'%s", v->url,
			    v->commit, only,
			    find_gitlink_at(v, only, commit) ? " in its .gitmodules" : "");
}

int cryo_git_submodules(const char *url, const char *commit, const char *only,
			struct cryo_git_submodules *out, struct cryo_err *err)
{
	cryo_auto(close_modules_view) struct view v = { .url = url, .commit = commit };
	int rc = open_modules_view(&v, err);

	if (rc == 0)
		rc = read_modules(&v, err);
	if (rc == 0 && v.modules)
		rc = collect_submodules(&v, only, out, err);
	if (rc == 0 && only && out->n == 0)
		rc = report_no_submodule(&v, only, err);
	return rc;
}

static bool is_named(const struct cryo_git_submodules *s, const char *path)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].path, path) == 0)
			return true;
	return false;
}

void cryo_git_find_unnamed(const char *dir, const struct cryo_git_submodules *s,
			   struct cryo_strv *paths)
{
	git_repository *repo = NULL;
	git_index *index = NULL;

	if (git_repository_open(&repo, dir) == 0 && git_repository_index(&index, repo) == 0)
		for (size_t i = 0; i < git_index_entrycount(index); i++) {
			const git_index_entry *e = git_index_get_byindex(index, i);

			if (e->mode == GIT_FILEMODE_COMMIT && !is_named(s, e->path))
				cryo_strv_add(paths, e->path);
		}
	git_index_free(index);
	git_repository_free(repo);
}
