/* SPDX-License-Identifier: Apache-2.0 */
#include "source/status.h"

#include "archives/archive.h"
#include "git/git.h"
#include "sys/fs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static json_t *make_text_or_null(const char *s)
{
	return s && *s ? json_string(s) : json_null();
}

static struct cryo_git_want choose_upstream_want(const struct cryo_component *c)
{
	return (struct cryo_git_want){ .url = c->upstream.git,
				       .ref = c->upstream.ref,
				       .commit = c->upstream.commit };
}

int cryo_source_sync_upstream(const struct cryo_component *c, const struct cryo_fetch_opts *o,
			      struct cryo_err *err)
{
	struct cryo_git_want w = choose_upstream_want(c);
	struct cryo_fetch_opts with_history = *o;
	char commit[CRYO_COMMIT_HEX];

	with_history.history = true;
	return w.url ? cryo_git_obtain(&w, &with_history, commit, err) : 0;
}

/* Trees of the component at other commits than the one that counts. */
static json_t *list_other_trees(const char *component, const char *commit)
{
	cryo_auto(cryo_free) char *here = cryo_source_tree_dir(component, commit);
	cryo_auto(cryo_free) char *parent = cryo_strdup(here);
	json_t *list = json_array();
	const struct dirent *e;
	DIR *d;

	*strrchr(parent, '/') = '\0';
	d = opendir(parent);
	while (d && (e = readdir(d)))
		if (cryo_git_is_full(e->d_name) && strcmp(e->d_name, strrchr(here, '/') + 1) != 0)
			json_array_append_new(list, json_string(e->d_name));
	if (d)
		closedir(d);
	return list;
}

/* Where the repository of the component itself is cached; caller frees. NULL: an archive. */
static char *find_own_cache_url(const struct cryo_source *src)
{
	cryo_auto(cryo_git_submodules_release) struct cryo_git_submodules subs = { 0 };
	struct cryo_git_want w = { src->superproject, src->ref, src->commit };
	struct cryo_err ignored = CRYO_ERR_INIT;
	char commit[CRYO_COMMIT_HEX];

	if (src->kind == CRYO_SOURCE_GIT)
		return cryo_strdup(src->git);
	if (src->kind != CRYO_SOURCE_SUPERPROJECT || cryo_git_known(&w, commit, &ignored) < 0 ||
	    !cryo_git_has(w.url, commit) ||
	    cryo_git_submodules(w.url, commit, src->path, &subs, &ignored) < 0)
		return NULL;
	return cryo_strdup(subs.v[0].url);
}

static void add_repository(const char *url, struct cryo_strv *paths)
{
	if (url)
		cryo_strv_take(paths, cryo_git_cache_dir(url));
}

void cryo_source_places(const struct cryo_component *c, struct cryo_strv *paths)
{
	cryo_auto(cryo_free) char *own = find_own_cache_url(&c->source);
	struct cryo_err ignored = CRYO_ERR_INIT;
	char commit[CRYO_COMMIT_HEX] = "";

	add_repository(own, paths);
	add_repository(c->source.superproject, paths);
	add_repository(c->upstream.git, paths);
	if (c->source.kind == CRYO_SOURCE_ARCHIVE)
		cryo_strv_take(paths, cryo_tarball_place(c->source.sha256));
	if (cryo_source_commit(&c->source, commit, &ignored) == 0 && *commit)
		cryo_strv_take(paths, cryo_source_tree_dir(c->name, commit));
}

static json_t *make_base_status(const struct cryo_component *c, const char *commit)
{
	cryo_auto(cryo_free) char *url = find_own_cache_url(&c->source);
	struct cryo_git_want w = choose_upstream_want(c);
	struct cryo_err err = CRYO_ERR_INIT;
	char theirs[CRYO_COMMIT_HEX];
	struct cryo_git_base b;

	if (!w.url || !url || !*commit)
		return json_null();
	if (cryo_git_known(&w, theirs, &err) < 0)
		return json_pack("{s:s}", "reason", err.msg);
	if (!*theirs || !cryo_git_has(w.url, theirs))
		return json_pack("{s:s}", "reason",
				 "upstream is not cached (sources sync --history)");
	if (cryo_git_base(url, commit, w.url, theirs, &b, &err) < 0)
		return json_pack("{s:s}", "reason", err.msg);
	return json_pack("{s:s, s:I, s:I}", "commit", b.commit, "ahead", (json_int_t)b.ahead,
			 "behind", (json_int_t)b.behind);
}

static const char *judge_tree_status(const struct cryo_source *src, const char *dir,
				     const char *commit, struct cryo_git_state *state)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (!*commit)
		return "unknown";
	if (cryo_fs_exists(dir) && !cryo_tree_is_ours(dir))
		return "foreign";
	if (!cryo_fs_is_dir(dir) || cryo_git_state(dir, state, &ignored) < 0)
		return "missing";
	if (state->changed ||
	    (src->kind != CRYO_SOURCE_ARCHIVE && strcmp(state->head, commit) != 0))
		return "changed";
	return "clean";
}

int cryo_source_status(const struct cryo_component *c, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_git_state_release) struct cryo_git_state state = { 0 };
	cryo_auto(cryo_free) char *shown = cryo_source_show(&c->source), *dir = NULL;
	bool fetched = cryo_source_has_tree(&c->source) && c->source.kind != CRYO_SOURCE_DIR;
	char commit[CRYO_COMMIT_HEX];
	const char *verdict = "none";
	int rc = cryo_source_commit(&c->source, commit, err);

	if (rc < 0)
		return cryo_err_wrap(err, rc, "%s:%u: component '%s'", c->file, c->line, c->name);
	dir = fetched ? cryo_source_tree_dir(c->name, commit) : cryo_strdup(c->source.dir);
	if (fetched)
		verdict = judge_tree_status(&c->source, dir, commit, &state);
	*out = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o}",
			 "component", c->name, "kind", cryo_source_kind_name(&c->source), "source",
			 shown, "state", verdict, "commit", make_text_or_null(commit), "dir",
			 make_text_or_null(*commit || !fetched ? dir : NULL), "head",
			 make_text_or_null(state.head), "changed", (json_int_t)state.changed,
			 "firstChanged", make_text_or_null(state.first), "others",
			 fetched ? list_other_trees(c->name, commit) : json_array(), "base",
			 fetched ? make_base_status(c, commit) : json_null(), "note",
			 make_text_or_null(c->note));
	return 0;
}
