/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/survey.h"

#include "sys/fs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

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

void cache_item_release(struct cache_item *i)
{
	free(i->name);
	free(i->path);
	free(i->component);
	free(i->stamp);
	free(i->key);
	cryo_strv_release(&i->users);
}

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
