/* SPDX-License-Identifier: Apache-2.0 */
/* What was fetched: trees, repositories, archives. */
#include "cache/survey.h"

#include "source/status.h"
#include "source/tree.h"
#include "sys/fs.h"
#include "sys/places.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NAME 4096
#define MODULES	 "modules.git" /* what patches of Go modules go on top of */
#define PATCHED	 "patched-"

/* The stacks whose sources lie there; while a stack file cannot be read, it may be any of them. */
static void find_source_users(const struct cache_survey *s, struct cache_item *i)
{
	for (size_t j = 0; j < s->refs.stacks; j++) {
		const struct cache_stack *stack = &s->refs.stack[j];
		cryo_auto(cryo_free) char *maybe =
		    cryo_asprintf("%s, which cannot be read now", stack->label);

		if (!stack->loads)
			cache_item_use(i, maybe);
		else if (cryo_strv_has(&stack->places, i->path))
			cache_item_use(i, stack->label);
	}
}

/* --- trees --- */

/* What is made from the component's patches. */
static void find_patch_users(const struct cache_survey *s, struct cache_item *i,
			     const char *component)
{
	for (size_t j = 0; j < s->refs.stacks; j++) {
		const struct cache_stack *stack = &s->refs.stack[j];
		const struct cryo_component *c = cryo_stack_find(&stack->stack, component);

		if (c && c->patches)
			cache_item_use(i, stack->label);
	}
}

static void add_source_tree(struct cache_survey *s, const char *component, const char *name)
{
	cryo_auto(cryo_free) char *below = cryo_asprintf(CRYO_CACHE_TREES "/%s", component);
	bool modules = cryo_streq(name, MODULES), patched = cryo_starts_with(name, PATCHED);
	cryo_auto(cryo_free) char *shown =
	    cryo_asprintf("%s %.*s", component, patched ? 20 : 12, name);
	struct cache_item *i =
	    cache_survey_add(s, modules ? "patch base" : "tree", shown, cache_path(below, name));

	find_source_users(s, i);
	if (modules || patched)
		find_patch_users(s, i, component);
	else if (cryo_source_tree_is_theirs(i->path))
		cache_item_pin(i, "you (changed by hand)");
}

int cache_scan_trees(struct cache_survey *s, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv components = { 0 };

	(void)err;
	cache_names(CRYO_CACHE_TREES, &components);
	for (size_t c = 0; c < components.n; c++) {
		cryo_auto(cryo_free) char *below =
		    cryo_asprintf(CRYO_CACHE_TREES "/%s", components.v[c]);
		cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };

		cache_names(below, &names);
		for (size_t i = 0; i < names.n; i++)
			if (names.v[i][0] != '.' && !cryo_ends_with(names.v[i], ".new"))
				add_source_tree(s, components.v[c], names.v[i]);
	}
	return 0;
}

/* --- repositories --- */

/* Its address; its hash, if nobody wrote that down. Caller frees. */
static char *read_repository_name(const char *hash)
{
	cryo_auto(cryo_free) char *path = cryo_cache_path(CRYO_CACHE_GIT "/%s/description", hash);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	const char *name = hash;

	if (cryo_fs_read(path, MAX_NAME, &text, &ignored) == 0 && text.len > 0 &&
	    !cryo_starts_with(text.p, "Unnamed"))
		name = text.p;
	return cryo_strndup(name, strcspn(name, "\n"));
}

/* Without its objects a tree that stays would be none. */
static void find_borrowers(const struct cache_survey *s, struct cache_item *i)
{
	for (size_t j = 0; j < s->n; j++) {
		const struct cache_item *tree = &s->item[j];
		cryo_auto(cryo_strv_release) struct cryo_strv from = { 0 };
		cryo_auto(cryo_free) char *who = cryo_asprintf("tree %s", tree->name);

		if (strcmp(tree->kind, "tree") != 0 || tree->goes)
			continue;
		cryo_source_tree_borrows(tree->path, &from);
		if (cryo_strv_has(&from, i->path))
			cache_item_pin(i, who);
	}
}

int cache_scan_repositories(struct cache_survey *s, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };

	(void)err;
	cache_names(CRYO_CACHE_GIT, &names);
	for (size_t n = 0; n < names.n; n++) {
		cryo_auto(cryo_free) char *name = NULL;
		struct cache_item *i;

		if (!cache_is_hex(names.v[n], 32))
			continue;
		name = read_repository_name(names.v[n]);
		i = cache_survey_add(s, "repository", name, cache_path(CRYO_CACHE_GIT, names.v[n]));
		find_source_users(s, i);
		find_borrowers(s, i);
	}
	return 0;
}

int cache_scan_archives(struct cache_survey *s, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };

	(void)err;
	cache_names(CRYO_CACHE_ARCHIVES, &names);
	for (size_t n = 0; n < names.n; n++) {
		cryo_auto(cryo_free) char *shown = cryo_strndup(names.v[n], 12);

		if (cache_is_hex(names.v[n], CRYO_HASH_HEX - 1))
			find_source_users(
			    s, cache_survey_add(s, "archive", shown,
						cache_path(CRYO_CACHE_ARCHIVES, names.v[n])));
	}
	return 0;
}
