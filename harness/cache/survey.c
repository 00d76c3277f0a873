/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/survey.h"

#include "base/clock.h"
#include "conf/json.h"
#include "sys/fs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* --- items --- */

struct cache_item *cache_survey_add(struct cache_survey *s, const char *kind, const char *name,
				    char *path)
{
	struct cache_item *i;

	s->item = cryo_realloc(s->item, s->n + 1, sizeof(*s->item));
	i = &s->item[s->n++];
	*i = (struct cache_item){ .kind = kind,
				  .name = cryo_strdup(name),
				  .path = path,
				  .changed_s = cryo_fs_changed_s(path) };
	return i;
}

void cache_item_use(struct cache_item *i, const char *who)
{
	if (!cryo_strv_has(&i->users, who))
		cryo_strv_add(&i->users, who);
}

void cache_item_pin(struct cache_item *i, const char *why)
{
	cache_item_use(i, why);
	i->pinned = true;
}

void cache_item_measure(struct cache_item *i)
{
	if (i->bytes == 0)
		i->bytes = cryo_fs_disk(i->path);
}

static void release_cache_item(struct cache_item *i)
{
	free(i->name);
	free(i->path);
	free(i->component);
	free(i->stamp);
	free(i->key);
	cryo_strv_release(&i->users);
}

void cache_survey_release(struct cache_survey *s)
{
	for (size_t i = 0; i < s->n; i++)
		release_cache_item(&s->item[i]);
	free(s->item);
	cache_refs_release(&s->refs);
	*s = (struct cache_survey){ 0 };
}

/* --- names --- */

static int compare_cache_items(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void cache_names(const char *below, struct cryo_strv *names)
{
	cryo_auto(cryo_free) char *path = cache_path(below, "");
	DIR *dir = opendir(path);
	const struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			cryo_strv_add(names, e->d_name);
	if (dir)
		closedir(dir);
	if (names->n > 0)
		qsort(names->v, names->n, sizeof(*names->v), compare_cache_items);
}

char *cache_path(const char *below, const char *name)
{
	return cryo_asprintf("%s%s%s%s%s", cryo_dir_cache(), *below ? "/" : "", below,
			     *name ? "/" : "", name);
}

bool cache_is_hex(const char *name, size_t digits)
{
	return strlen(name) == digits && strspn(name, "0123456789abcdef") == digits;
}

/* --- all --- */

static void decide_item_removal(const struct cryo_cache_opts *o, struct cache_item *i)
{
	int64_t idle_ms = cryo_wall_ns() / 1000000 - i->changed_s * 1000;

	i->goes = !i->pinned && (o->all || i->users.n == 0) && idle_ms >= o->older_ms;
}

int cache_survey_make(const struct cryo_cache_opts *o, bool busy, struct cache_survey *out,
		      struct cryo_err *err)
{
	static const struct {
		int (*scan)(struct cache_survey *s, struct cryo_err *err);
		bool when_idle; /* what a build or a look at sources may need at any moment */
	} kinds[] = {
		{ cache_scan_templates, false },   { cache_scan_builds, false },
		{ cache_scan_roots, true },	   { cache_scan_trees, true },
		{ cache_scan_repositories, true }, { cache_scan_archives, true },
		{ cache_scan_go, true },	   { cache_scan_rest, true },
		{ cache_scan_peoples, false },
	};
	cryo_auto(cache_survey_release) struct cache_survey s = { .o = o, .busy = busy };
	int rc = cache_refs_collect(&s.refs, err);

	for (size_t k = 0; rc == 0 && k < CRYO_ARRAY_LEN(kinds); k++) {
		size_t first = s.n;

		rc = kinds[k].scan(&s, err);
		for (size_t i = first; i < s.n; i++) {
			if (kinds[k].when_idle && busy)
				cache_item_pin(&s.item[i], "a build or 'sources' at work");
			decide_item_removal(o, &s.item[i]);
		}
	}
	if (rc < 0)
		return rc;
	*out = s;
	s = (struct cache_survey){ 0 };
	return 0;
}
