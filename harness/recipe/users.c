/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/users.h"

#include "conf/json.h"
#include "recipe/recipe.h"
#include "sys/fs.h"
#include "sys/lock.h"
#include "sys/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RECORD (1u << 20)

char *cryo_users_dir(void)
{
	return cryo_cache_path(CRYO_CACHE_BUILDS "/.users");
}

static char *make_user_record_path(const char *path)
{
	cryo_auto(cryo_free) char *dir = cryo_users_dir();
	char hex[CRYO_HASH_HEX];

	cryo_hash_bytes(path, strlen(path), hex);
	return cryo_asprintf("%s/%.32s.json", dir, hex);
}

/* Written only if it says something new; else it is as if touched. */
static void save_user_record(const char *file, const json_t *old, const json_t *record)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (json_equal(old, record)) {
		cryo_fs_touch(file, false);
		return;
	}
	cryo_json_dump_pretty(record, &text);
	cryo_str_add(&text, "\n");
	if (cryo_fs_mkparents(file, 0755, &ignored) == 0)
		cryo_fs_write(file, cryo_str_get(&text), text.len, 0644, &ignored);
}

/*
 * What is there takes the place of what the component was built to before. What is still to
 * be made stands beside it: should that fail, the one before is what works.
 */
static void set_recorded_build(json_t *builds, const struct cryo_built *b)
{
	json_t *one = json_pack("{ss ss}", "component", b->component->name, "stamp", b->stamp);
	bool stands = false;

	for (size_t i = 0; i < json_array_size(builds); i++) {
		json_t *old = json_array_get(builds, i);

		if (!cryo_streq(cryo_json_str(old, "component"), b->component->name))
			continue;
		if (!b->up_to_date)
			stands = stands || json_equal(old, one);
		else if (stands)
			json_array_remove(builds, i--);
		else
			stands = json_array_set(builds, i, one) == 0;
	}
	if (!stands)
		json_array_append(builds, one);
	json_decref(one);
}

/* Components that the stack file has no more. */
static void drop_other_builds(json_t *builds, const struct cryo_stack *stack)
{
	for (size_t i = json_array_size(builds); i-- > 0;) {
		const char *name = cryo_json_str(json_array_get(builds, i), "component");

		if (!name || !cryo_stack_find(stack, name))
			json_array_remove(builds, i);
	}
}

/* As cryo_build_stamp() of all its components; NULL: not all of them are known. Caller frees. */
static char *compute_recorded_stamp(const struct cryo_stack *stack, const json_t *builds)
{
	cryo_auto(cryo_free) struct cryo_built *item = cryo_alloc(stack->n * sizeof(*item));
	struct cryo_build all = { item, stack->n };
	char stamp[CRYO_HASH_HEX];

	for (size_t i = 0; i < stack->n; i++) {
		const char *known = NULL;
		json_t *one;
		size_t j;

		json_array_foreach((json_t *)builds, j, one)
			if (cryo_streq(cryo_json_str(one, "component"), stack->component[i].name))
				known = cryo_json_str(one, "stamp");
		if (!known && cryo_recipe_in_nodes(&stack->component[i]))
			return NULL;
		if (!known)
			known = "";
		item[i].component = &stack->component[i];
		snprintf(item[i].stamp, sizeof(item[i].stamp), "%s", known);
	}
	cryo_build_stamp(&all, stamp);
	return cryo_strdup(stamp);
}

void cryo_users_note_stack(const struct cryo_stack *stack, const struct cryo_build *b)
{
	cryo_auto(cryo_free) char *file = make_user_record_path(stack->file), *stamp = NULL;
	cryo_auto(cryo_json_decref) json_t *old = NULL;
	cryo_auto(cryo_json_decref) json_t *record = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	json_t *builds;

	cryo_json_load(file, MAX_RECORD, &old, &ignored); /* one that is damaged is made anew */
	builds = json_deep_copy(json_object_get(old, "builds"));
	if (!json_is_array(builds)) {
		json_decref(builds);
		builds = json_array();
	}
	drop_other_builds(builds, stack);
	for (size_t i = 0; b && i < b->n; i++) {
		cryo_auto(cryo_free) char *used = cryo_asprintf("%s.used", b->item[i].dir);

		set_recorded_build(builds, &b->item[i]);
		if (cryo_fs_is_dir(b->item[i].dir))
			cryo_fs_touch(used, true);
	}
	stamp = compute_recorded_stamp(stack, builds);
	record = json_pack("{ss ss ss* so}", "stack", stack->file, "name", stack->name, "stamp",
			   stamp, "builds", builds);
	if (record) /* a path that is no text cannot be written down */
		save_user_record(file, old, record);
}

void cryo_users_note_state(void)
{
	cryo_auto(cryo_free) char *file = make_user_record_path(cryo_dir_state());
	cryo_auto(cryo_json_decref) json_t *old = NULL;
	cryo_auto(cryo_json_decref) json_t *record = json_pack("{ss}", "state", cryo_dir_state());
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (!record)
		return;
	cryo_json_load(file, MAX_RECORD, &old, &ignored);
	save_user_record(file, old, record);
}

char *cryo_users_lock(void)
{
	return cryo_cache_path("in-use.lock");
}

int cryo_users_join(int *fd, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_users_lock();
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc;

	/* Not as private as the directory of a lock would be. */
	cryo_fs_mkdirs(cryo_dir_cache(), 0755, &ignored);
	rc = cryo_lock_join(path, CRYO_LOCK_CACHE_MS, fd, err);
	if (rc != -(int)CRYO_E_SYSTEM)
		return rc;
	*err = (struct cryo_err)CRYO_ERR_INIT;
	return 0;
}
