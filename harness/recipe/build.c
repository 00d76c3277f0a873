/* SPDX-License-Identifier: Apache-2.0 */
/* Plan and order of work; how a component is made is its recipe's business. */
#include "recipe/build.h"

#include "base/event.h"
#include "recipe/recipe.h"
#include "recipe/toolchain.h"
#include "recipe/users.h"
#include "source/data.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/lock.h"
#include "sys/places.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Asked at most once each per plan: a probe takes some 30 ms. */
struct toolchains {
	struct cryo_toolchain t[2]; /* without and with cgo */
	bool known[2];
};

static int find_toolchain_id(struct toolchains *all, bool cgo, const char **id,
			     struct cryo_err *err)
{
	int rc;

	if (!all->known[cgo]) {
		rc = cryo_toolchain_find(cgo, &all->t[cgo], err);
		if (rc < 0)
			return rc;
		all->known[cgo] = true;
	}
	*id = all->t[cgo].id;
	return 0;
}

static void release_toolchains(struct toolchains *all)
{
	cryo_toolchain_release(&all->t[0]);
	cryo_toolchain_release(&all->t[1]);
}
#define release_toolchainsp release_toolchains

/* Our own source counts by its bytes. */
static int hash_main_file(const struct cryo_recipe *r, struct cryo_hash *h, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = NULL;
	char hex[CRYO_HASH_HEX];
	int rc = r->main ? cryo_data_path(r->main, &path, err) : 0;

	if (rc < 0 || !r->main)
		return rc;
	rc = cryo_hash_file(path, hex, err);
	if (rc == 0)
		cryo_hash_item(h, hex);
	return rc;
}

/*
 * The programs asked for are not part of it: a program does not depend on which
 * others are wanted, and asking for one more must not build the rest again.
 */
static int compute_build_stamp(const struct cryo_recipe *r, struct toolchains *all,
			       struct cryo_built *b, struct cryo_err *err)
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();
	const struct cryo_source *src = &b->component->source;
	char commit[CRYO_COMMIT_HEX] = "";
	const char *id = "";
	int rc = cryo_source_fingerprint(src, h, err);

	/* A checksum of an archive is no commit to call a program after. */
	if (rc == 0 && src->kind != CRYO_SOURCE_ARCHIVE)
		rc = cryo_source_commit(src, commit, err);
	rc = cryo_err_wrap(err, rc, "%s:%u: component '%s'", b->component->file, b->component->line,
			   b->component->name);
	if (rc == 0 && r->make == cryo_build_go)
		rc = find_toolchain_id(all, r->cgo, &id, err);
	if (rc < 0)
		return rc;
	if (r->make == cryo_build_make)
		cryo_make_hash(h);
	rc = hash_main_file(r, h, err);
	if (rc < 0)
		return rc;
	cryo_recipe_hash(r, src, commit, h);
	cryo_hash_item(h, id);
	cryo_series_hash(&b->series, h); /* adds nothing if there is none */
	cryo_hash_hex(h, b->stamp);
	return 0;
}

static int load_patches(struct cryo_built *b, struct cryo_err *err)
{
	const struct cryo_component *c = b->component;
	int rc;

	cryo_series_release(&b->series); /* of a plan before */
	rc = c->patches ? cryo_series_load(c->patches, &b->series, err) : 0;

	return cryo_err_wrap(err, rc, "%s:%u: component '%s'", c->file, c->line, c->name);
}

static bool has_published_files(const struct cryo_recipe *r, const struct cryo_built *b)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/" CRYO_BUILD_FILES, b->dir);

	return !r->files || cryo_fs_is_dir(path);
}

static bool is_build_complete(const struct cryo_recipe *r, const struct cryo_built *b)
{
	const char *const *programs = cryo_recipe_programs(r, b->component);

	if (!cryo_fs_is_dir(b->dir) || !has_published_files(r, b))
		return false;
	for (; *programs; programs++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", b->dir, *programs);

		if (access(path, X_OK) < 0)
			return false;
	}
	return true;
}

char *cryo_build_lock(const char *component)
{
	return cryo_cache_path(CRYO_CACHE_BUILDS "/%s.lock", component);
}

static void hold_build_directory(struct cryo_built *b)
{
	cryo_fd_closep(&b->hold);
	b->hold = cryo_lock_hold_dir(b->dir);
}

static int plan_component_build(const struct cryo_component *c, struct toolchains *all,
				struct cryo_built *b, struct cryo_err *err)
{
	const struct cryo_recipe *r;
	int rc = cryo_recipe_find(c, &r, err);

	b->component = c;
	if (rc == 0)
		rc = load_patches(b, err);
	if (rc == 0)
		rc = compute_build_stamp(r, all, b, err);
	if (rc < 0)
		return rc;
	b->dir = cryo_cache_path(CRYO_CACHE_BUILDS "/%s/%s", c->name, b->stamp);
	hold_build_directory(b);
	b->up_to_date = b->hold >= 0 && is_build_complete(r, b);
	return 0;
}

static bool is_component_wanted(const char *name, const char *const *only)
{
	if (!only || !*only)
		return true;
	while (*only && strcmp(*only, name) != 0)
		only++;
	return *only != NULL;
}

int cryo_build_plan(const struct cryo_stack *stack, const char *const *only, struct cryo_build *out,
		    struct cryo_err *err)
{
	cryo_auto(cryo_build_release) struct cryo_build b = { 0 };
	cryo_auto(release_toolchains) struct toolchains all = { 0 };
	int rc = cryo_stack_check_names(stack, only, err);

	b.item = cryo_alloc(stack->n * sizeof(*b.item));
	for (size_t i = 0; i < stack->n; i++)
		b.item[i].hold = -1;
	for (size_t i = 0; rc == 0 && i < stack->n; i++)
		if (is_component_wanted(stack->component[i].name, only))
			rc = plan_component_build(&stack->component[i], &all, &b.item[b.n++], err);
	if (rc < 0)
		return rc;
	*out = b;
	b = (struct cryo_build){ 0 };
	return 0;
}

int cryo_build_plan_nodes(const struct cryo_stack *stack, struct cryo_build *out,
			  struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv only = { 0 };

	for (size_t i = 0; i < stack->n; i++)
		if (cryo_recipe_in_nodes(&stack->component[i]))
			cryo_strv_add(&only, stack->component[i].name);
	return cryo_build_plan(stack, cryo_strv_get(&only), out, err);
}

static int build_under_lock(struct cryo_built *b, const struct cryo_recipe *r, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *log = cryo_build_log(b->component);
	int rc;

	if (is_build_complete(r, b))
		return 0;
	rc = cryo_fs_mkparents(log, 0700, err);
	if (rc < 0)
		return rc;
	unlink(log); /* of the run before */
	return r->make(r, b, err);
}

/*
 * Before a branch was looked up for the first time cannot determine what a stamp would
 * stand for. Fetched, it does: plan again.
 */
static int settle_source_commit(struct cryo_built *b, struct cryo_err *err)
{
	cryo_auto(release_toolchains) struct toolchains all = { 0 };
	cryo_auto(cryo_tree_release) struct cryo_tree tree = { 0 };
	const struct cryo_component *c = b->component;
	char commit[CRYO_COMMIT_HEX];
	int rc = cryo_source_commit(&c->source, commit, err);

	if (rc < 0 || *commit || !cryo_source_has_tree(&c->source) ||
	    c->source.kind == CRYO_SOURCE_DIR)
		return rc;
	rc = cryo_source_tree(&c->source, c->name, b->fetch, &tree, err);
	if (rc < 0)
		return rc;
	free(b->dir);
	b->dir = NULL;
	return plan_component_build(c, &all, b, err);
}

static int build_what_is_missing(struct cryo_built *b, const struct cryo_recipe *r,
				 struct cryo_err *err)
{
	cryo_auto(cryo_free) char *lock_path = cryo_build_lock(b->component->name);
	int lock = -1, rc = cryo_fs_mkparents(b->dir, 0755, err);

	if (rc == 0)
		rc = cryo_lock_wait(lock_path, CRYO_LOCK_BUILD_MS, &lock, err);
	if (rc < 0)
		return rc;
	rc = build_under_lock(b, r, err);
	hold_build_directory(b);
	cryo_lock_remove(lock_path, &lock);
	b->up_to_date = rc == 0;
	return rc;
}

static char *describe_build_source(const struct cryo_built *b)
{
	char *source = cryo_source_show(&b->component->source), *all = source;

	if (b->series.n > 0) {
		all = cryo_asprintf("%s with %zu patch%s", source, b->series.n,
				    b->series.n == 1 ? "" : "es");
		free(source);
	}
	return all;
}

static int run_component_build(struct cryo_built *b, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *shown = describe_build_source(b);
	cryo_auto(cryo_fd_close) int busy = -1;
	const struct cryo_recipe *r;
	int rc = cryo_recipe_find(b->component, &r, err);

	if (rc < 0)
		return rc;
	cryo_step_begin("build %s", b->component->name);
	if (b->up_to_date) {
		cryo_step_same("%s", shown);
		return 0;
	}
	if (b->component->note)
		cryo_info("note on %s: %s", b->component->name, b->component->note);
	rc = cryo_users_join(&busy, err);
	if (rc == 0)
		rc = settle_source_commit(b, err);
	if (rc == 0 && !b->up_to_date)
		rc = build_what_is_missing(b, r, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("%s", shown);
	return cryo_err_wrap(err, rc, "build %s", b->component->name);
}

int cryo_build_run(struct cryo_build *b, const struct cryo_fetch_opts *fetch, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < b->n; i++) {
		b->item[i].fetch = fetch;
		rc = cryo_intr_check(err);
		if (rc == 0)
			rc = run_component_build(&b->item[i], err);
		b->item[i].fetch = NULL; /* the caller's, and only as long as this */
	}
	return rc;
}

void cryo_build_release(struct cryo_build *b)
{
	for (size_t i = 0; i < b->n; i++) {
		cryo_fd_closep(&b->item[i].hold);
		free(b->item[i].dir);
		cryo_series_release(&b->item[i].series);
	}
	free(b->item);
	*b = (struct cryo_build){ 0 };
}

unsigned cryo_build_memory(const struct cryo_built *b)
{
	struct cryo_err ignored = CRYO_ERR_INIT;
	const struct cryo_recipe *r;

	return cryo_recipe_find(b->component, &r, &ignored) < 0 ? 0 : r->memory_mib;
}
