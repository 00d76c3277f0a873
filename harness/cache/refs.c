/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/refs.h"

#include "recipe/users.h"
#include "conf/json.h"
#include "source/data.h"
#include "source/status.h"
#include "sys/fs.h"
#include "sys/places.h"
#include "cluster/cluster.h"
#include "cluster/record.h"
#include "cluster/template.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RECORD (8u << 20) /* of a template: it lists files */

void cache_refs_release(struct cache_refs *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].component);
		free(r->v[i].stamp);
		free(r->v[i].who);
		free(r->v[i].template);
	}
	for (size_t i = 0; i < r->stacks; i++) {
		free(r->stack[i].file);
		free(r->stack[i].stamp);
		free(r->stack[i].label);
		cryo_stack_release(&r->stack[i].stack);
		cryo_strv_release(&r->stack[i].places);
	}
	free(r->v);
	free(r->stack);
	cryo_strv_release(&r->gone);
	*r = (struct cache_refs){ 0 };
}

static void add_builds(struct cache_refs *r, const json_t *builds, const char *who,
		       const char *template, bool needed)
{
	json_t *b;
	size_t i;

	json_array_foreach(builds, i, b) {
		const char *component = cryo_json_str(b, "component"),
			   *stamp = cryo_json_str(b, "stamp");

		if (!component || !stamp)
			continue;
		r->v = cryo_realloc(r->v, r->n + 1, sizeof(*r->v));
		r->v[r->n++] = (struct cache_ref){
			.component = cryo_strdup(component),
			.stamp = cryo_strdup(stamp),
			.who = cryo_strdup(who),
			.template = cryo_strdup(template),
			.needed = needed,
		};
	}
}

/* All "builds" of a record. */
static void add_record_builds(struct cache_refs *r, const json_t *record, const char *who,
			      const char *template, bool needed)
{
	add_builds(r, json_object_get(record, "builds"), who, template, needed);
}

static void list_visible_names(const char *path, struct cryo_strv *names)
{
	DIR *dir = opendir(path);
	const struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			cryo_strv_add(names, e->d_name);
	if (dir)
		closedir(dir);
}

/* --- stack files --- */

static char *make_cluster_label(const char *name, const char *file)
{
	cryo_auto(cryo_free) char *relative = cryo_asprintf("stacks/%s.yaml", name);
	cryo_auto(cryo_free) char *shipped = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_data_path(relative, &shipped, &ignored) == 0 && cryo_streq(shipped, file))
		return cryo_asprintf("stack %s", name);
	return cryo_asprintf("stack %s", file);
}

static void add_stack_builds(struct cache_refs *r, const json_t *record)
{
	const char *file = cryo_json_str(record, "stack"), *name = cryo_json_str(record, "name");
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct cache_stack *s;

	r->stack = cryo_realloc(r->stack, r->stacks + 1, sizeof(*r->stack));
	s = &r->stack[r->stacks++];
	*s = (struct cache_stack){ .file = cryo_strdup(file),
				   .stamp = cryo_strdup(cryo_json_str(record, "stamp")),
				   .label = make_cluster_label(name ? name : "", file) };
	s->loads = cryo_stack_load(file, &s->stack, &ignored) == 0;
	for (size_t i = 0; i < s->stack.n; i++)
		cryo_source_places(&s->stack.component[i], &s->places);
	add_record_builds(r, record, s->label, NULL, false);
}

/* --- clusters and snapshots --- */

/* A cluster of whatever kind: its record says what it is made from. */
static int add_cluster_builds(struct cache_refs *r, const char *state, const char *name,
			      struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_record_path(state, name);
	cryo_auto(cryo_free) char *who = cryo_streq(state, cryo_dir_state())
					     ? cryo_asprintf("cluster %s", name)
					     : cryo_asprintf("cluster %s in %s", name, state);
	cryo_auto(cryo_record_release) struct cryo_record record = { 0 };
	int rc = cryo_record_load(path, &record, err);

	if (rc == 1)
		return 0; /* it has no node yet */
	if (rc < 0)
		return cryo_err_wrap(err, cryo_err_as(err, rc, CRYO_E_PROVISION),
				     "cannot determine what %s uses", who);
	add_builds(r, record.builds, who, NULL, true);
	return 0;
}

static void add_snapshot_builds(struct cache_refs *r, const char *store, const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s/" CRYO_TEMPLATE_RECORD, store, name);
	cryo_auto(cryo_free) char *who = cryo_asprintf("snapshot %s", name);
	cryo_auto(cryo_json_decref) json_t *record = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	/* A damaged one is restored by nobody. */
	if (cryo_json_load(path, MAX_RECORD, &record, &ignored) == 0)
		add_record_builds(r, record, who, NULL, true);
}

/* Snapshots become clusters: looked at in this order none slips through. */
static int add_state_builds(struct cache_refs *r, const char *state, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *store = cryo_asprintf("%s/" CRYO_STATE_SNAPSHOTS, state);
	cryo_auto(cryo_strv_release) struct cryo_strv snapshots = { 0 }, clusters = { 0 };
	int rc = 0;

	list_visible_names(store, &snapshots);
	for (size_t i = 0; i < snapshots.n; i++)
		if (cryo_cluster_good_name(snapshots.v[i]))
			add_snapshot_builds(r, store, snapshots.v[i]);
	list_visible_names(state, &clusters);
	for (size_t i = 0; rc == 0 && i < clusters.n; i++)
		if (cryo_cluster_good_name(clusters.v[i]))
			rc = add_cluster_builds(r, state, clusters.v[i], err);
	return rc;
}

static void add_template_builds(struct cache_refs *r)
{
	cryo_auto(cryo_free) char *store = cryo_cache_path(CRYO_CACHE_TEMPLATES);
	cryo_auto(cryo_strv_release) struct cryo_strv keys = { 0 };

	list_visible_names(store, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		cryo_auto(cryo_free) char *path =
		    cryo_asprintf("%s/%s/" CRYO_TEMPLATE_RECORD, store, keys.v[i]);
		cryo_auto(cryo_free) char *who = cryo_asprintf("template %.12s", keys.v[i]);
		cryo_auto(cryo_json_decref) json_t *record = NULL;
		struct cryo_err ignored = CRYO_ERR_INIT;

		if (!strchr(keys.v[i], '.') &&
		    cryo_json_load(path, MAX_RECORD, &record, &ignored) == 0)
			add_record_builds(r, record, who, keys.v[i], true);
	}
}

/* --- all of them --- */

static void add_users_record(struct cache_refs *r, const char *path, struct cryo_strv *states)
{
	cryo_auto(cryo_json_decref) json_t *record = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	const char *stack, *state;

	if (!cryo_ends_with(path, ".json") ||
	    cryo_json_load(path, MAX_RECORD, &record, &ignored) < 0)
		return;
	stack = cryo_json_str(record, "stack");
	state = cryo_json_str(record, "state");
	if ((stack && !cryo_fs_exists(stack)) || (state && !cryo_fs_is_dir(state)))
		cryo_strv_add(&r->gone, path);
	else if (stack)
		add_stack_builds(r, record);
	else if (state && !cryo_strv_has(states, state))
		cryo_strv_add(states, state);
}

int cache_refs_collect(struct cache_refs *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *users = cryo_users_dir();
	cryo_auto(cryo_strv_release) struct cryo_strv records = { 0 }, states = { 0 };
	int rc = 0;

	*out = (struct cache_refs){ 0 };
	cryo_strv_add(&states, cryo_dir_state());
	list_visible_names(users, &records);
	for (size_t i = 0; i < records.n; i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", users, records.v[i]);

		add_users_record(out, path, &states);
	}
	add_template_builds(out);
	for (size_t i = 0; rc == 0 && i < states.n; i++)
		rc = add_state_builds(out, states.v[i], err);
	return rc;
}
