/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/install.h"

#include "base/event.h"
#include "conf/json.h"
#include "rke2/digest.h"
#include "rke2/step.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/lock.h"

#include <stdlib.h>
#include <string.h>

static int take_node_lock(int *fd, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = cryo_rke2_state_dir();
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/lock", dir);
	int rc = cryo_fs_mkdirs(dir, 0700, err);

	return rc < 0 ? rc
		      : cryo_err_wrap(err, cryo_lock_take(path, 0, fd, err),
				      "another cryopod is working on this node");
}

/* Of a rollback that was stopped nobody knows any more what it has undone already. */
static bool step_took_effect(const struct cryo_rke2_journal *j, size_t i, const json_t *step)
{
	const struct rke2_run r = { .journal = (struct cryo_rke2_journal *)j, .plan = j->plan };
	const struct rke2_step_kind *kind = rke2_step_find(cryo_json_str(step, "kind"));

	return rke2_journal_has_begun(j, "install", i) &&
	       (j->state == CRYO_RKE2_ROLLING_BACK || !kind || !kind->is_done ||
		kind->is_done(&r, step, rke2_journal_result(j, i)));
}

/* Has anything been done that RKE2 would notice at a start? */
static bool was_activated(const struct cryo_rke2_journal *j)
{
	json_t *step;
	size_t i;

	json_array_foreach(json_object_get(j->plan, "steps"), i, step) {
		const char *kind = cryo_json_str(step, "kind");
		bool dropin =
		    cryo_streq(cryo_json_str(step, "path"), cryo_json_str(j->plan, "configFile"));

		if ((dropin || cryo_streq(kind, "swap") || cryo_streq(kind, "restart")) &&
		    step_took_effect(j, i, step))
			return true;
	}
	return false;
}

static int run_step(const struct rke2_run *r, const char *list, size_t i, const json_t *step,
		    struct cryo_err *err)
{
	const char *name = cryo_json_str(step, "kind");
	const struct rke2_step_kind *kind = rke2_step_find(name);
	cryo_auto(cryo_json_decref) json_t *result = NULL;
	int rc;

	if (!kind)
		return cryo_err_set(err, CRYO_E_CONFIG, "unknown step '%s' in the journal",
				    name ? name : "");
	if (rke2_journal_has_ended(r->journal, list, i))
		return 0;
	cryo_step_note("%s", name);
	rc = rke2_journal_mark(r->journal, list, i, false, NULL, err);
	if (rc == 0)
		rc = kind->run(r, step, &result, err);
	return rc < 0 ? rc : rke2_journal_mark(r->journal, list, i, true, result, err);
}

static int run_steps(const struct rke2_run *r, const char *list, const json_t *steps,
		     struct cryo_err *err)
{
	json_t *step;
	size_t i;
	int rc = 0;

	json_array_foreach((json_t *)steps, i, step)
		if (rc == 0)
			rc = run_step(r, list, i, step, err);
	return rc;
}

int cryo_rke2_changes(const struct cryo_rke2_journal *j, json_t **out, struct cryo_err *err)
{
	const struct rke2_run r = { .journal = (struct cryo_rke2_journal *)j, .plan = j->plan };
	json_t *all = json_array(), *step;
	size_t i;
	int rc = 0;

	json_array_foreach(json_object_get(j->plan, "steps"), i, step) {
		const struct rke2_step_kind *kind = rke2_step_find(cryo_json_str(step, "kind"));

		if (rc == 0 && kind && kind->find_changes)
			rc = kind->find_changes(&r, step, rke2_journal_result(j, i), all, err);
	}
	if (rc < 0)
		json_decref(all);
	else
		*out = all;
	return rc;
}

bool cryo_rke2_is_whole(const struct cryo_rke2_journal *j)
{
	const struct rke2_run r = { .journal = (struct cryo_rke2_journal *)j, .plan = j->plan };
	json_t *step;
	size_t i;

	json_array_foreach(json_object_get(j->plan, "steps"), i, step) {
		const struct rke2_step_kind *kind = rke2_step_find(cryo_json_str(step, "kind"));

		if (kind && kind->is_done && !kind->is_done(&r, step, rke2_journal_result(j, i)))
			return false;
	}
	return true;
}

static int refuse_changes(const struct cryo_rke2_journal *j, bool force, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *all = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	json_t *c;
	size_t i;
	int rc = force ? 0 : cryo_rke2_changes(j, &all, err);

	json_array_foreach(all, i, c)
		if (i < 5)
			cryo_str_addf(&text, "%s'%s' (%s)", i ? ", " : "", cryo_json_str(c, "path"),
				      cryo_json_str(c, "what"));
	if (rc < 0 || text.len == 0)
		return rc;
	return cryo_err_set(err, CRYO_E_UNFIT,
			    "changes made since the install would be lost: %s%s (--force)",
			    cryo_str_get(&text), json_array_size(all) > 5 ? ", and more" : "");
}

static void drop_originals(void)
{
	cryo_auto(cryo_free) char *dir = cryo_rke2_state_dir();
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/originals", dir);
	struct cryo_err ignored = CRYO_ERR_INIT;

	cryo_fs_rmtree(path, &ignored);
}

/* What `unstage` could not remove yet. */
static char *find_left(const struct cryo_rke2_journal *j)
{
	const char *key;
	json_t *value;

	json_object_foreach(j->results, key, value)
		if (cryo_starts_with(key, "back ") && cryo_json_str(value, "left"))
			return cryo_strdup(cryo_json_str(value, "left"));
	return NULL;
}

/* The lock is ours, the journal loaded. */
static int roll_back(struct cryo_rke2_journal *j, const struct cryo_rke2_opts *o, char **left,
		     struct cryo_err *err)
{
	struct rke2_run r = { .journal = j, .service = o->service, .force = o->force };
	cryo_auto(cryo_json_decref) json_t *plan = json_incref(j->plan);
	bool runs = o->service->is_active(o->service->arg, cryo_json_str(plan, "node.unit"));
	int rc = 0;

	r.plan = plan;
	r.active = was_activated(j);
	if (j->state != CRYO_RKE2_ROLLING_BACK)
		rc = rke2_journal_state(j, CRYO_RKE2_ROLLING_BACK, err);
	if (rc == 0)
		rc = run_steps(&r, "back", json_object_get(plan, "back"), err);
	if (rc < 0)
		return rc;
	if (left)
		*left = find_left(j);
	rc = rke2_journal_close(j, err);
	if (rc < 0)
		return rc;
	drop_originals();
	if (!r.active || !runs)
		return 0;
	return cryo_err_wrap(
	    err, o->service->wait(o->service->arg, plan, false, err),
	    "everything is as it was before, but the node has not become Ready again");
}

int cryo_rke2_rollback(const struct cryo_rke2_opts *o, char **left, struct cryo_err *err)
{
	cryo_auto(cryo_rke2_journal_release) struct cryo_rke2_journal j = { 0 };
	cryo_auto(cryo_fd_close) int lock = -1;
	int rc = take_node_lock(&lock, err);

	*left = NULL;
	if (rc == 0)
		rc = cryo_rke2_journal_load(&j, err);
	if (rc < 0)
		return rc;
	if (j.state == CRYO_RKE2_ORIGINAL)
		return 1;
	rc = refuse_changes(&j, o->force, err);
	if (rc == 0)
		rc = roll_back(&j, o, left, err);
	cryo_rke2_digests_save();
	return rc;
}

static char *collect_logs(const struct cryo_rke2_opts *o, const json_t *plan)
{
	cryo_auto(cryo_free) char *dir = cryo_rke2_state_dir();
	char *path = cryo_asprintf("%s/logs", dir);
	struct cryo_err ignored = CRYO_ERR_INIT;

	cryo_fs_rmtree(path, &ignored);
	if (cryo_fs_mkdirs(path, 0700, &ignored) == 0)
		o->service->collect(o->service->arg, plan, path);
	return path;
}

/* `rc` and *err are why; they stay what is told. */
static int undo_install(struct cryo_rke2_journal *j, const struct cryo_rke2_opts *o, int rc,
			struct cryo_err *err)
{
	cryo_auto(cryo_free) char *logs = NULL;
	struct cryo_err why = CRYO_ERR_INIT;
	int back;

	if (was_activated(j))
		logs = collect_logs(o, j->plan);
	if (o->keep)
		return cryo_err_wrap(err, rc, "left as it is for inspection (logs in '%s')",
				     logs ? logs : "");
	cryo_intr_hold();
	back = roll_back(j, o, NULL, &why);
	cryo_intr_release();
	if (back < 0)
		return cryo_err_wrap(err, rc, "the rollback failed as well (%s); run it again",
				     why.msg);
	return cryo_err_wrap(err, rc, "rolled back%s%s", logs ? ", logs in " : "",
			     logs ? logs : "");
}

static int run_install(struct cryo_rke2_journal *j, const struct cryo_rke2_opts *o,
		       struct cryo_err *err)
{
	struct rke2_run r = { .journal = j,
			      .plan = j->plan,
			      .service = o->service,
			      .active = true,
			      .force = o->force };
	const char *unit = cryo_json_str(j->plan, "node.unit");
	bool runs = o->service->is_active(o->service->arg, unit);
	int rc = run_steps(&r, "install", json_object_get(j->plan, "steps"), err);

	if (rc == 0 && runs)
		rc = o->service->wait(o->service->arg, j->plan, true, err);
	if (rc == 0)
		rc = rke2_journal_state(j, CRYO_RKE2_INSTALLED, err);
	return rc < 0 ? undo_install(j, o, rc, err) : 0;
}

static bool is_same_build(const struct cryo_rke2_journal *j, const json_t *plan)
{
	static const char *const key[] = { "build.id", "method", "node.release", "config" };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(key); i++)
		if (!cryo_streq(cryo_json_str(j->plan, key[i]), cryo_json_str(plan, key[i])))
			return false;
	return true;
}

static int make_plan(const struct cryo_rke2_opts *o, const struct cryo_rke2_build *b, json_t **plan,
		     struct cryo_err *err)
{
	cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };
	int rc = cryo_rke2_node_look(o->root, &n, err);

	if (rc == 0)
		rc = cryo_rke2_plan(&n, b, o->method ? o->method : CRYO_RKE2_RUNTIME_IMAGE, plan,
				    err);
	cryo_rke2_digests_save();
	return rc;
}

/* The link of a swap that was installed leads to another release since RKE2 was upgraded. */
static bool has_moved(const struct cryo_rke2_journal *j, const json_t *plan)
{
	return cryo_streq(cryo_json_str(j->plan, "method"), CRYO_RKE2_SWAP) &&
	       !cryo_streq(cryo_json_str(j->plan, "into"), cryo_json_str(plan, "node.current"));
}

/* What is there of ours is in the way of another build, or of another release. */
static int clear_way(struct cryo_rke2_journal *j, const struct cryo_rke2_opts *o,
		     struct cryo_err *err)
{
	int rc = refuse_changes(j, o->force, err);

	return rc < 0 ? rc
		      : cryo_err_wrap(err, roll_back(j, o, NULL, err),
				      "rollback of what is installed");
}

static int install_anew(struct cryo_rke2_journal *j, const struct cryo_rke2_opts *o,
			const struct cryo_rke2_build *b, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *plan = NULL;
	int rc = make_plan(o, b, &plan, err);

	if (rc == 0)
		rc = cryo_rke2_plan_check(plan, o->force, err);
	if (rc == 0)
		rc = rke2_journal_begin(j, plan, err);
	return rc < 0 ? rc : run_install(j, o, err);
}

/* Sources may lie elsewhere by now; their digests are the same. */
static int resume_install(struct cryo_rke2_journal *j, const struct cryo_rke2_opts *o,
			  const json_t *plan, struct cryo_err *err)
{
	json_object_set(j->plan, "products", json_object_get(plan, "products"));
	return run_install(j, o, err);
}

static int go_on(struct cryo_rke2_journal *j, const struct cryo_rke2_opts *o,
		 const struct cryo_rke2_build *b, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *plan = NULL, *changes = NULL;
	int rc = make_plan(o, b, &plan, err);
	bool same = rc == 0 && is_same_build(j, plan);

	if (rc < 0)
		return rc;
	if (same && j->state == CRYO_RKE2_INSTALLING)
		return resume_install(j, o, plan, err);
	if (same && !has_moved(j, plan) && j->state == CRYO_RKE2_INSTALLED) {
		rc = cryo_rke2_changes(j, &changes, err);
		if (rc < 0 || (json_array_size(changes) == 0 && cryo_rke2_is_whole(j)))
			return rc < 0 ? rc : 1;
	}
	rc = clear_way(j, o, err);
	return rc < 0 ? rc : install_anew(j, o, b, err);
}

int cryo_rke2_install(const struct cryo_rke2_opts *o, const struct cryo_rke2_build *b,
		      struct cryo_err *err)
{
	cryo_auto(cryo_rke2_journal_release) struct cryo_rke2_journal j = { 0 };
	cryo_auto(cryo_fd_close) int lock = -1;
	int rc = take_node_lock(&lock, err);

	if (rc == 0)
		rc = cryo_rke2_journal_load(&j, err);
	if (rc == 0)
		rc = j.state == CRYO_RKE2_ORIGINAL ? install_anew(&j, o, b, err)
						   : go_on(&j, o, b, err);
	cryo_rke2_digests_save();
	return rc;
}
