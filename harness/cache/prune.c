/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removal. Under the lock of what it is, and asked once more whether somebody uses
 * it, a thing is renamed into <cache>/trash: whoever looks for it then finds none of
 * it. Its removal there takes as long as it takes.
 */
#include "cache/survey.h"

#include "base/clock.h"
#include "base/event.h"
#include "recipe/users.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/lock.h"
#include "sys/places.h"
#include "cluster/template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *describe_pruned_item(const struct cache_item *i)
{
	cryo_auto(cryo_free) char *when = cryo_rfc3339(i->changed_s * 1000000000);
	cryo_auto(cryo_free) char *users = cryo_strv_join(&i->users, ", ");

	return json_pack("{ss ss ss sI ss sI so sb}", "kind", i->kind, "name", i->name, "path",
			 i->path, "bytes", (json_int_t)i->bytes, "used", when, "idle",
			 (json_int_t)(cryo_wall_ns() / 1000000000 - i->changed_s), "users",
			 i->users.n ? json_string(users) : json_null(), "pinned", i->pinned);
}

int cryo_cache_list(json_t **out, struct cryo_err *err)
{
	const struct cryo_cache_opts o = { 0 };
	cryo_auto(cryo_free) char *lock = cryo_users_lock();
	cryo_auto(cache_survey_release) struct cache_survey s = { 0 };
	int rc = cache_survey_make(&o, !cryo_lock_is_free(lock), &s, err);

	if (rc < 0)
		return rc;
	*out = json_array();
	for (size_t i = 0; i < s.n; i++) {
		cache_item_measure(&s.item[i]);
		json_array_append_new(*out, describe_pruned_item(&s.item[i]));
	}
	return 0;
}

/* --- one thing --- */

struct prune {
	const struct cryo_cache_opts *o;
	struct cache_survey survey;
	char *trash; /* of this run */
	json_t *removed;
};

/* Out of sight in one step. */
static int move_item_to_trash(const struct prune *p, const struct cache_item *i,
			      struct cryo_err *err)
{
	cryo_auto(cryo_free) char *to =
	    cryo_asprintf("%s/%zu", p->trash, json_array_size(p->removed));

	if (rename(i->path, to) < 0 && errno != ENOENT)
		return cryo_err_sys(err, errno, "cannot remove '%s'", i->path);
	return 0;
}

static void unlink_item_sibling(const struct cache_item *i, const char *suffix)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s%s", i->path, suffix);

	unlink(path);
}

/* Meanwhile somebody may have begun to use it, and have written that down. 1: so it is. */
static int is_item_used_now(const struct prune *p, struct cache_item *i, struct cryo_err *err)
{
	cryo_auto(cache_survey_release) struct cache_survey now = { .o = p->o };
	int rc = cache_refs_collect(&now.refs, err);

	if (rc < 0)
		return rc;
	cryo_strv_release(&i->users);
	i->pinned = false;
	cache_item_find_users(&now, i);
	return i->pinned || (!p->o->all && i->users.n > 0);
}

/* 1: it stays. */
static int remove_cached_build(const struct prune *p, struct cache_item *i, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_build_lock(i->component);
	cryo_auto(cryo_fd_close) int lock = -1, alone = -1;
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc;

	if (cryo_lock_take(path, 0, &lock, &ignored) < 0)
		return 1;
	alone = cryo_lock_only_dir(i->path);
	rc = alone < 0 ? 1 : is_item_used_now(p, i, err);
	if (rc == 0)
		rc = move_item_to_trash(p, i, err);
	if (rc == 0) {
		unlink_item_sibling(i, ".packages");
		unlink_item_sibling(i, ".used");
	}
	cryo_lock_remove(path, &lock);
	return rc;
}

static int remove_cached_template(const struct cache_item *i, struct cryo_err *err)
{
	size_t n;

	return cryo_template_remove(i->key, &n, err);
}

/* What is left for other runs to find out about it goes as well. */
static int remove_other_item(const struct prune *p, const struct cache_item *i,
			     struct cryo_err *err)
{
	int rc = move_item_to_trash(p, i, err);

	unlink_item_sibling(i, ".packages");
	unlink_item_sibling(i, ".lock");
	/* Where a branch stood is to be remembered as long as somebody names it. */
	if (i->users.n == 0)
		unlink_item_sibling(i, ".pins");
	return rc;
}

static int remove_cache_item(struct prune *p, struct cache_item *i, struct cryo_err *err)
{
	int rc = cryo_intr_check(err);

	if (rc < 0)
		return rc;
	cache_item_measure(i);
	if (p->o->dry_run)
		rc = 0;
	else if (i->component)
		rc = remove_cached_build(p, i, err);
	else if (i->key)
		rc = remove_cached_template(i, err);
	else
		rc = remove_other_item(p, i, err);
	if (rc == 0)
		json_array_append_new(p->removed, describe_pruned_item(i));
	return rc < 0 ? rc : 0;
}

/* --- all of them --- */

static int remove_unused_items(struct prune *p, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->survey.n; i++)
		if (p->survey.item[i].goes)
			rc = remove_cache_item(p, &p->survey.item[i], err);
	return rc;
}

static int survey_prune_items(struct prune *p, bool busy, struct cryo_err *err)
{
	int rc = cache_survey_make(p->o, busy, &p->survey, err);

	if (rc == 0 && busy)
		cryo_info("a build or 'sources' is running: only finished builds and templates are "
			  "considered");
	return rc;
}

static int list_prune_items(struct prune *p, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *lock = cryo_users_lock();
	int rc = survey_prune_items(p, !cryo_lock_is_free(lock), err);

	return rc < 0 ? rc : remove_unused_items(p, err);
}

/* The lock is held until everything is out of sight, not until it is gone. */
static int trash_unused_items(struct prune *p, const char *trash, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_users_lock();
	cryo_auto(cryo_fd_close) int alone = -1;
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc;

	cryo_lock_take(path, 0, &alone, &ignored);
	rc = survey_prune_items(p, alone < 0, err);
	if (rc == 0)
		rc = cryo_fs_tmpdir(trash, "", &p->trash, err);
	if (rc == 0)
		rc = remove_unused_items(p, err);
	cryo_template_clean();
	for (size_t i = 0; i < p->survey.refs.gone.n; i++)
		unlink(p->survey.refs.gone.v[i]);
	return rc;
}

static int prune_unlocked_cache(struct prune *p, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *trash = cache_path(CRYO_CACHE_TRASH, "");
	struct cryo_err later = CRYO_ERR_INIT;
	int rc = cryo_fs_rmtree(trash, err), end; /* of runs that were killed */

	if (rc == 0)
		rc = trash_unused_items(p, trash, err);
	end = cryo_fs_rmtree(trash, rc == 0 ? err : &later);
	return rc < 0 ? rc : end;
}

int cryo_cache_prune(const struct cryo_cache_opts *o, json_t **removed, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cache_path("prune.lock", "");
	struct prune p = { .o = o, .removed = json_array() };
	int lock = -1, rc = 0;

	*removed = p.removed;
	if (!cryo_fs_is_dir(cryo_dir_cache()))
		return 0;
	if (o->dry_run) {
		rc = list_prune_items(&p, err);
	} else {
		rc = cryo_lock_wait(path, CRYO_LOCK_CACHE_MS, &lock, err);
		if (rc == 0)
			rc = prune_unlocked_cache(&p, err);
		if (lock >= 0)
			cryo_lock_remove(path, &lock);
	}
	free(p.trash);
	cache_survey_release(&p.survey);
	return rc;
}
