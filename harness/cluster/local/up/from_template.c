/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `up` and templates. Whatever is doubtful about a template leads to a cold
 * start, said once. A template is made when the first cluster of its kind is
 * Ready and before anybody has it: CRIU cannot dump pods, and a freeze would be
 * felt. The node is dead after its dump and comes back from the template, so one
 * that cannot be restored is found out here.
 */
#include "cluster/local/template/template.h"
#include "cluster/local/up/up.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Not the template's fault, and no other way is better: the user wants it to end, there is no more
 * time, no more space. */
static bool is_final_failure(const struct up *u, const struct cryo_err *err)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	return cryo_intr_check(&ignored) < 0 || cryo_now_ms() >= u->deadline ||
	       err->status == CRYO_E_UNFIT ||
	       (err->status == CRYO_E_SYSTEM && err->sys_errno == ENOSPC);
}

/* A cluster without any has the key that it always had. */
static void add_flags_input(struct up *u)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	if (!u->record.flags)
		return;
	cryo_json_dump(u->record.flags, &text);
	json_object_set_new(u->inputs, "flags", json_string(cryo_str_get(&text)));
}

static int find_template_key(struct up *u, struct cryo_err *err)
{
	const struct cryo_built *rootfs = cryo_build_find(&u->build, "node");
	char stamp[CRYO_HASH_HEX];
	int rc = 0;

	if (*u->key)
		return 0;
	cryo_build_stamp(&u->build, stamp);
	rc = template_inputs(stamp, rootfs ? rootfs->dir : NULL, &u->inputs, err);
	if (rc == 0)
		add_flags_input(u);
	if (rc == 0)
		template_key(u->inputs, u->key);
	return rc;
}

/* Written down before anything is there: half of it is then taken away by the next `up`. */
static int begin_template_record(struct up *u, struct cryo_err *err)
{
	int rc = cryo_fs_mkdirs(u->l->base.dir, 0700, err);

	if (rc == 0)
		rc = up_check_space(u, err);
	u->record.created_ns = cryo_wall_ns();
	u->record.complete = false;
	free(u->record.from);
	u->record.from = cryo_strdup(u->key);
	return rc < 0 ? rc : local_record_save(u->l, &u->record, err);
}

int up_restore(struct up *u, const struct template *t, struct template_times *times,
	       struct cryo_err *err)
{
	int rc = begin_template_record(u, err);

	if (rc == 0)
		rc = template_restore(u->l, t, &u->record, &u->record.init, times, err);
	if (rc == 0)
		rc = local_record_save(u->l, &u->record, err);
	if (rc == 0)
		local_rules_bring_back(u->l);
	return rc;
}

void up_say_restored(struct up *u, const struct template *t, const struct template_times *times,
		     int64_t total)
{
	cryo_auto(cryo_free) char *age = cryo_duration_show(1000 * template_age_s(t->meta));

	u->record.copy_ms = times->copy;
	u->record.criu_ms = times->criu;
	u->record.ready_ms = total - times->copy - times->criu;
	cryo_step_ok("%.12s, %s old: copy %lld ms, CRIU %lld ms, Ready %lld ms", t->key, age,
		     (long long)times->copy, (long long)times->criu, (long long)u->record.ready_ms);
}

/* One that was made a moment ago and cannot be restored will not be better next time. */
static void remember_failed_key(const struct up *u, const char *why)
{
	if (u->made)
		template_set_failed(u->key, why);
}

/* It failed, so it must not be tried again; a new one may be better. */
static int give_up_template(struct up *u, int rc, struct cryo_err *err)
{
	struct cryo_err cause = *err, ignored = CRYO_ERR_INIT;

	cryo_step_fail("%s", cause.msg);
	if (is_final_failure(u, err))
		return rc;
	cryo_warn("the template cannot be used and is removed; starting cold (CRIU's log, if there "
		  "is one: %s/logs/template-restore.log)",
		  cryo_dir_cache());
	template_discard(u->key, &ignored);
	remember_failed_key(u, cause.msg);
	rc = up_forget(u, err);
	if (rc == 0 && u->opts->template.remake)
		return cryo_err_set(err, CRYO_E_PROVISION, "no template: %s", cause.msg);
	return rc < 0 ? rc : 1;
}

static int restore_from_template(struct up *u, struct cryo_err *err)
{
	cryo_auto(template_release) struct template t = TEMPLATE_INIT;
	struct template_times times = { 0 };
	int64_t begin = cryo_now_ms();
	int rc = template_open(u->key, &t, err);

	if (rc == 1) {
		template_prune(NULL);
		return 1;
	}
	up_describe(u);
	cryo_step_begin("restored from template");
	if (rc == 0)
		rc = up_restore(u, &t, &times, err);
	if (rc == 0)
		rc = up_wait_quietly(u, err);
	if (rc == 0) {
		up_say_restored(u, &t, &times, cryo_now_ms() - begin);
		return 0;
	}
	template_release(&t);
	return give_up_template(u, rc, err);
}

/* A new one was asked for: neither the old one counts nor what is known of attempts before. */
static int drop_old_template(struct up *u, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *failed = template_path(u->key, ".failed");

	unlink(failed);
	return template_discard(u->key, err);
}

int up_from_template(struct up *u, struct cryo_err *err)
{
	int rc = find_template_key(u, err);

	if (u->opts->template.remake && !u->made) {
		rc = rc < 0 ? rc : drop_old_template(u, err);
		return rc < 0 ? rc : 1;
	}
	/* No key, no template: that is no reason to have no cluster. */
	if (rc < 0) {
		cryo_debug("no template: %s", err->msg);
		*err = (struct cryo_err)CRYO_ERR_INIT;
		return 1;
	}
	return restore_from_template(u, err);
}

/* Was it tried before, in vain? Said with -v only: it was a warning then. */
static bool may_make_template(const struct up *u)
{
	cryo_auto(cryo_free) char *why = *u->key ? template_failed(u->key) : NULL;

	if (why)
		cryo_debug("no template can be made here: %s", why);
	return *u->key && !why;
}

bool up_has_template(struct up *u)
{
	cryo_auto(template_release) struct template t = TEMPLATE_INIT;
	struct cryo_err ignored = CRYO_ERR_INIT;

	return find_template_key(u, &ignored) == 0 &&
	       (template_open(u->key, &t, &ignored) == 0 || !may_make_template(u));
}

static int record_dumping_state(struct up *u, bool dumping, struct cryo_err *err)
{
	u->record.dumping = dumping;
	return local_record_save(u->l, &u->record, err);
}

/* What nobody knows the state of is taken away; the caller starts again. */
static int forget_failed_template(struct up *u, int rc, struct cryo_err *err)
{
	cryo_step_fail("%s", err->msg);
	if (is_final_failure(u, err))
		return rc;
	cryo_warn("no template: %s", err->msg);
	template_set_failed(u->key, err->msg);
	rc = up_forget(u, err);
	return rc < 0 ? rc : 1;
}

int up_make_template(struct up *u, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *why = NULL;
	int rc;

	if (!may_make_template(u))
		return 0;
	rc = record_dumping_state(u, true, err);
	if (rc < 0)
		return rc;
	cryo_step_begin("template");
	rc = template_make(u->l, &u->record, u->key, u->inputs, &why, err);
	if (rc < 0)
		return forget_failed_template(u, rc, err);
	if (rc == 1) {
		if (err->status == CRYO_E_CHILD)
			template_set_failed(u->key, why);
		cryo_step_skip("%s", why);
		*err = (struct cryo_err)CRYO_ERR_INIT;
		rc = record_dumping_state(u, false, err);
		return rc == 0 && u->opts->template.remake
			   ? cryo_err_set(err, CRYO_E_PROVISION, "no template: %s", why)
			   : rc;
	}
	u->made = true;
	cryo_step_ok("made from this cluster; later ones are restored from it");
	rc = up_forget(u, err);
	return rc < 0 ? rc : 1;
}
