/* SPDX-License-Identifier: Apache-2.0 */
/* What was made: templates, builds, the roots they are built in, and what nobody finished. */
#include "cache/survey.h"

#include "recipe/recipe.h"
#include "recipe/toolchain.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/lock.h"
#include "sys/places.h"
#include "cluster/snapshot.h"
#include "cluster/template.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- templates --- */

static void add_template(struct cache_survey *s, const json_t *t)
{
	const char *key = cryo_json_str(t, "key"), *stack = cryo_json_str(t, "stack"),
		   *stamp = cryo_json_str(t, "stamp");
	cryo_auto(cryo_free) char *name = cryo_asprintf("%.12s %s", key, stack ? stack : "?");
	struct cache_item *i =
	    cache_survey_add(s, "template", name, cache_path(CRYO_CACHE_TEMPLATES, key));
	cryo_auto(cryo_fd_close) int alone = cryo_lock_only_dir(i->path);

	i->key = cryo_strdup(key);
	if (alone < 0)
		cache_item_pin(i, "a cluster that starts");
	if (!cryo_json_bool(t, "usable"))
		return;
	for (size_t j = 0; j < s->refs.stacks; j++)
		if (stamp && cryo_streq(s->refs.stack[j].stamp, stamp))
			cache_item_use(i, s->refs.stack[j].label);
}

int cache_scan_templates(struct cache_survey *s, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *list = NULL;
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	json_t *t;
	size_t i;
	int rc;

	/* To list them asks much of a machine, which need not be one that clusters run on. */
	cache_names(CRYO_CACHE_TEMPLATES, &names);
	if (names.n == 0)
		return 0;
	rc = cryo_template_list(&list, err);
	if (rc == 0)
		json_array_foreach(list, i, t)
			add_template(s, t);
	return rc;
}

/* --- builds --- */

static bool is_template_going(const struct cache_survey *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (cryo_streq(s->item[i].key, key))
			return s->item[i].goes;
	return false;
}

void cache_item_find_users(const struct cache_survey *s, struct cache_item *i)
{
	for (size_t j = 0; j < s->refs.n; j++) {
		const struct cache_ref *r = &s->refs.v[j];

		if (!cryo_streq(r->component, i->component) || !cryo_streq(r->stamp, i->stamp) ||
		    (r->template && is_template_going(s, r->template)))
			continue;
		cache_item_use(i, r->who);
		i->pinned = i->pinned || r->needed;
	}
}

static void add_cached_build(struct cache_survey *s, const char *component, const char *stamp,
			     bool being_made)
{
	cryo_auto(cryo_free) char *below = cryo_asprintf(CRYO_CACHE_BUILDS "/%s", component);
	cryo_auto(cryo_free) char *name = cryo_asprintf("%s %.12s", component, stamp);
	struct cache_item *i = cache_survey_add(s, "build", name, cache_path(below, stamp));
	cryo_auto(cryo_free) char *used = cryo_asprintf("%s.used", i->path);
	cryo_auto(cryo_fd_close) int alone = cryo_lock_only_dir(i->path);

	i->component = cryo_strdup(component);
	i->stamp = cryo_strdup(stamp);
	if (cryo_fs_exists(used))
		i->changed_s = cryo_fs_changed_s(used);
	cache_item_find_users(s, i);
	if (alone < 0)
		cache_item_pin(i, "a running cryopod");
	else if (being_made && i->users.n == 0)
		cache_item_pin(i, "a running build");
}

/* Several caches may share some of it by a link: none of them knows all users then. */
static bool is_shared_cache_dir(const char *below)
{
	cryo_auto(cryo_free) char *path = cache_path(below, "");
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

static void pin_shared_items(struct cache_survey *s, size_t first, const char *below)
{
	for (size_t i = first; is_shared_cache_dir(below) && i < s->n; i++)
		cache_item_pin(&s->item[i], "another cache, which contains it");
}

int cache_scan_builds(struct cache_survey *s, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv components = { 0 };
	size_t first = s->n;

	(void)err;
	cache_names(CRYO_CACHE_BUILDS, &components);
	for (size_t c = 0; c < components.n; c++) {
		const char *component = components.v[c];
		cryo_auto(cryo_free) char *below =
		    cryo_asprintf(CRYO_CACHE_BUILDS "/%s", component);
		cryo_auto(cryo_free) char *lock = cryo_build_lock(component);
		cryo_auto(cryo_strv_release) struct cryo_strv stamps = { 0 };
		bool being_made = !cryo_lock_is_free(lock);

		cache_names(below, &stamps);
		for (size_t i = 0; i < stamps.n; i++)
			if (cache_is_hex(stamps.v[i], CRYO_HASH_HEX - 1))
				add_cached_build(s, component, stamps.v[i], being_made);
	}
	pin_shared_items(s, first, CRYO_CACHE_BUILDS);
	return 0;
}

/* --- what builds are made with --- */

int cache_scan_roots(struct cache_survey *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *go = cryo_toolchain_root(), *make = cryo_make_root();
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	size_t first = s->n;

	(void)err;
	cache_names(CRYO_CACHE_ROOTS, &names);
	for (size_t n = 0; n < names.n; n++) {
		cryo_auto(cryo_free) char *path = cache_path(CRYO_CACHE_ROOTS, names.v[n]);
		struct cache_item *i;

		if (strchr(names.v[n], '.') || !cryo_fs_is_dir(path))
			continue;
		i = cache_survey_add(s, "build root", names.v[n], cryo_strdup(path));
		if (cryo_streq(path, go) || cryo_streq(path, make))
			cache_item_use(i, "future builds");
	}
	pin_shared_items(s, first, CRYO_CACHE_ROOTS);
	return 0;
}

int cache_scan_go(struct cache_survey *s, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };

	(void)err;
	cache_names(CRYO_CACHE_GO, &names);
	for (size_t i = 0; i < names.n; i++)
		cache_item_use(cache_survey_add(s, "Go's cache", names.v[i],
						cache_path(CRYO_CACHE_GO, names.v[i])),
			       "future builds");
	return 0;
}

/* --- what nobody finished --- */

static void add_unfinished_item(struct cache_survey *s, const char *below, const char *name)
{
	char *path = cache_path(below, name);

	cache_survey_add(s, "remains", path + strlen(cryo_dir_cache()) + 1, path);
}

static bool is_unfinished_name(const char *name)
{
	static const char *const ends[] = { ".new", ".tmp", ".part" };
	bool half = cryo_starts_with(name, ".new-") || cryo_starts_with(name, ".gitmodules-");

	for (size_t i = 0; i < CRYO_ARRAY_LEN(ends); i++)
		half = half || cryo_ends_with(name, ends[i]);
	return half;
}

/* "STAMP.packages" of a root file system that is gone. */
static bool is_orphaned_packages(const char *below, const char *name)
{
	static const char *const ends[] = { ".packages", ".used" };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(ends); i++) {
		cryo_auto(cryo_free) char *base = NULL, *path = NULL;

		if (!cryo_ends_with(name, ends[i]))
			continue;
		base = cryo_strndup(name, strlen(name) - strlen(ends[i]));
		path = cache_path(below, base);
		return !cryo_fs_exists(path);
	}
	return false;
}

static void scan_unfinished_dir(struct cache_survey *s, const char *below, bool all)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };

	if (is_shared_cache_dir(below))
		return;
	cache_names(below, &names);
	for (size_t i = 0; i < names.n; i++)
		if (all || is_unfinished_name(names.v[i]) ||
		    is_orphaned_packages(below, names.v[i]))
			add_unfinished_item(s, below, names.v[i]);
}

static void scan_unfinished_below(struct cache_survey *s, const char *dir, bool all)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };

	if (is_shared_cache_dir(dir))
		return;
	cache_names(dir, &names);
	for (size_t i = 0; i < names.n; i++) {
		cryo_auto(cryo_free) char *below = cryo_asprintf("%s/%s", dir, names.v[i]);

		if (names.v[i][0] != '.')
			scan_unfinished_dir(s, below, all);
	}
}

int cache_scan_rest(struct cache_survey *s, struct cryo_err *err)
{
	(void)err;
	scan_unfinished_dir(s, CRYO_CACHE_TRASH, true);
	scan_unfinished_below(s, CRYO_CACHE_WORK, true);
	scan_unfinished_dir(s, "", false);
	scan_unfinished_dir(s, CRYO_CACHE_GIT, false);
	scan_unfinished_dir(s, CRYO_CACHE_ARCHIVES, false);
	scan_unfinished_dir(s, CRYO_CACHE_ROOTS, false);
	scan_unfinished_below(s, CRYO_CACHE_BUILDS, false);
	scan_unfinished_below(s, CRYO_CACHE_TREES, false);
	return 0;
}

/* --- what people made --- */

int cache_scan_peoples(struct cache_survey *s, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	cryo_auto(cryo_json_decref) json_t *list = NULL;
	int rc = cryo_snapshot_list(&list, err);
	json_t *one;
	size_t i;

	cache_names(CRYO_CACHE_PATCHING, &names);
	for (i = 0; i < names.n; i++)
		cache_item_pin(cache_survey_add(s, "work tree", names.v[i],
						cache_path(CRYO_CACHE_PATCHING, names.v[i])),
			       "you (sources refresh)");
	if (rc < 0)
		return rc;
	json_array_foreach(list, i, one) {
		const char *name = cryo_json_str(one, "name");

		cache_item_pin(cache_survey_add(s, "snapshot", name,
						cryo_state_path(CRYO_STATE_SNAPSHOTS "/%s", name)),
			       "you (snapshot rm)");
	}
	return 0;
}
