/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `up`: every step looks first whether it has been done, so the same code starts
 * a new cluster, repairs a half-built one and leaves a running one alone. What
 * could outlive us is written down (cluster.json) before it is let go.
 */
#include "cluster/local/up/up.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "recipe/recipe.h"
#include "recipe/users.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/lock.h"
#include "cluster/local/node/pods.h"
#include "cluster/local/template/template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_READY_MS 120000
#define PODS_MS		 60000 /* of a snapshot, until they are Ready again */

/* Without DNS a node has no Services either: local_has_services(). */
static int plan_wanted_components(struct up *u, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv only = { 0 };

	for (size_t i = 0; i < u->stack.n; i++) {
		const struct cryo_component *c = &u->stack.component[i];

		if (!cryo_recipe_in_nodes(c))
			continue;
		if (!u->opts->local.minimal || strcmp(c->name, "coredns") != 0)
			cryo_strv_add(&only, c->name);
	}
	return cryo_build_plan(&u->stack, cryo_strv_get(&only), &u->build, err);
}

static int plan_cluster_stack(struct up *u, size_t *missing, struct cryo_err *err)
{
	int rc = cryo_stack_load(u->opts->stack ? u->opts->stack : "upstream", &u->stack, err);

	*missing = 0;
	if (rc == 0)
		rc = plan_wanted_components(u, err);
	for (size_t i = 0; rc == 0 && i < u->build.n; i++)
		*missing += !u->build.item[i].up_to_date;
	return rc;
}

static int build_stack_programs(struct up *u, struct cryo_err *err)
{
	struct cryo_fetch_opts fetch = { .offline = u->opts->offline, .mirrors = u->opts->mirrors };
	size_t missing;
	int rc = plan_cluster_stack(u, &missing, err);

	if (rc < 0)
		return rc;
	if (missing > 0 && u->opts->no_build)
		return cryo_err_set(err, CRYO_E_PROVISION,
				    "%zu components of stack '%s' are not built (cryopod build)",
				    missing, u->stack.name);
	cryo_users_note_stack(&u->stack, &u->build);
	if (missing > 0)
		rc = u->opts->build
			 ? u->opts->build(&u->stack, &u->build, &fetch, u->opts->build_arg, err)
			 : cryo_build_run(&u->build, &fetch, err);
	if (missing > 0 && rc == 0)
		cryo_users_note_stack(&u->stack, &u->build);
	return rc;
}

/* A running cluster keeps what it was made from. */
static int check_same_build(const struct up *u, struct cryo_err *err)
{
	char stamp[CRYO_HASH_HEX];

	cryo_build_stamp(&u->build, stamp);
	if (cryo_streq(stamp, u->record.stamp))
		return 0;
	return cryo_err_set(
	    err, CRYO_E_PROVISION,
	    "cluster '%s' runs another build (stack '%s', %.12s, not %.12s): take it "
	    "down first (cryopod down --name %s)",
	    u->l->base.name, u->record.stack ? u->record.stack : "?",
	    u->record.stamp ? u->record.stamp : "?", stamp, u->l->base.name);
}

static int make_node_directories(struct up *u, struct cryo_err *err)
{
	static const char *const below[] = { "upper", "work", "state/transfer" };
	int rc = cryo_fs_mkdirs(u->l->base.dir, 0700, err);

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(below); i++) {
		cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/%s", u->l->node->dir, below[i]);

		rc = cryo_fs_mkdirs(dir, 0755, err);
	}
	return rc;
}

static int prepare_cold_start(struct up *u, struct cryo_err *err)
{
	int rc;

	cryo_step_begin(CRYO_STEP_COLD);
	rc = up_clear(u, err);
	if (rc == 0)
		rc = make_node_directories(u, err);
	if (rc == 0)
		rc = up_check_space(u, err);
	if (rc == 0)
		rc = local_certs_make(u->l, err);
	if (rc == 0)
		rc = local_config_write(u->l, u->l->node, &u->build, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("certificates, configuration");
	return rc;
}

static int start_local_node(struct up *u, struct cryo_err *err)
{
	cryo_auto(local_init_release) struct local_init init = { .go = -1, .status = -1 };
	const struct cryo_built *rootfs = cryo_build_find(&u->build, "node");
	int rc;

	cryo_step_begin("start %s", u->l->node->name);
	if (!rootfs)
		rc = cryo_err_set(err, CRYO_E_CONFIG, "stack '%s' has no component 'node'",
				  u->stack.name);
	else
		rc = local_init_start(u->l, u->l->node, rootfs->dir, NULL, &init, err);
	if (rc == 0) {
		u->record.init = init.pid;
		u->record.complete = false;
		rc = local_record_save(u->l, &u->record, err);
	}
	if (rc == 0)
		rc = local_init_go(&init, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("pid %d, own mount, pid, net, uts, ipc and cgroup namespaces",
			     u->record.init.pid);
	return rc;
}

int up_forward(struct up *u, struct cryo_err *err)
{
	unsigned wanted = u->opts->local.port ? u->opts->local.port : u->record.port;
	bool first_choice = wanted != 0;
	int rc;

	if (u->record.forwarder.pid > 0 && cryo_pid_alive(&u->record.forwarder) &&
	    cryo_fs_exists(u->l->base.kubeconfig)) {
		if (!u->opts->local.port || u->opts->local.port == u->record.port)
			return 0;
		return cryo_err_set(err, CRYO_E_USAGE,
				    "cluster '%s' already listens on port %u, not %u",
				    u->l->base.name, u->record.port, u->opts->local.port);
	}
	rc = local_forward_start(u->l, &u->record.init, &wanted, &u->record.forwarder, err);
	/* The port of last time is only a wish; one that was asked for is not. */
	if (rc == -(int)CRYO_E_UNFIT && first_choice && !u->opts->local.port) {
		wanted = 0;
		rc = local_forward_start(u->l, &u->record.init, &wanted, &u->record.forwarder, err);
	}
	if (rc < 0)
		return rc;
	u->record.port = wanted;
	rc = local_record_save(u->l, &u->record, err);
	return rc < 0 ? rc : local_kubeconfig_write(u->l, wanted, err);
}

static int start_cold_cluster(struct up *u, struct cryo_err *err)
{
	int rc;

	u->record.created_ns = cryo_wall_ns();
	free(cryo_steal(&u->record.from));
	up_describe(u);
	up_tell_nodes(u);
	rc = prepare_cold_start(u, err);
	if (rc == 0)
		rc = start_local_node(u, err);
	return rc < 0 ? rc : up_settle(u, err);
}

static int bring_cluster_up(struct up *u, struct cryo_err *err)
{
	int rc;

	if (u->opts->from)
		return up_from_snapshot(u, err);
	if (!u->fresh || u->opts->template.cold)
		return start_cold_cluster(u, err);
	rc = up_from_template(u, err);
	if (rc != 1)
		return rc;
	rc = start_cold_cluster(u, err);
	if (rc == 0)
		rc = up_make_template(u, err);
	if (rc == 1)
		rc = up_from_template(u, err);
	return rc == 1 ? start_cold_cluster(u, err) : rc;
}

/* Whoever made a snapshot of it died: nobody knows the state of the node, but its disk is what it
 * was when the node ran last, and the next start goes on from there. */
static int recover_after_saving(struct up *u, struct cryo_err *err)
{
	int rc = up_clear(u, err);

	u->record.init = u->record.forwarder = (struct cryo_pid){ 0 };
	u->record.saving = false;
	return rc < 0 ? rc : local_record_save(u->l, &u->record, err);
}

/*
 * What was there before. A cluster that was half restored, or whose dump we did
 * not see the end of, was nobody's yet: it is taken away.
 */
static int look_at_earlier_run(struct up *u, struct cryo_err *err)
{
	int rc = local_record_load(u->l, &u->record, err);
	bool half = u->record.from && !u->record.complete && !local_record_running(&u->record);

	if (rc < 0)
		return rc;
	u->fresh = rc == 1;
	template_prune_snapshots();
	if (u->record.saving)
		return recover_after_saving(u, err);
	if (rc == 1 || (!half && !u->record.dumping))
		return 0;
	u->fresh = true;
	return up_forget(u, err);
}

/* Also when the node did not get ready: one wants to look at it. */
static int open_cluster_access(struct up *u, int rc, struct cryo_err *err)
{
	struct cryo_err later = CRYO_ERR_INIT;

	if (rc == 0)
		return up_forward(u, err);
	if (rc != -(int)CRYO_E_INTERRUPTED && local_record_running(&u->record))
		up_forward(u, &later);
	return rc;
}

/* They last a year. Nothing would talk to anything, and no log would say so in plain words. */
static int check_cluster_certs(const struct up *u, struct cryo_err *err)
{
	if (u->fresh || !local_certs_over(u->l->base.dir))
		return 0;
	return cryo_err_set(err, CRYO_E_PROVISION,
			    "the certificates of cluster '%s' have expired, it is a year old: take "
			    "it down (cryopod down --name %s) and start it again",
			    u->l->base.name, u->l->base.name);
}

/* A snapshot becomes a new cluster; one that came from it already is what was asked for. */
static int check_from_snapshot(const struct up *u, struct cryo_err *err)
{
	if (!u->opts->from || u->fresh ||
	    (local_record_running(&u->record) && cryo_streq(u->record.from, u->opts->from)))
		return 0;
	return cryo_err_set(err, CRYO_E_USAGE,
			    "cluster '%s' already exists: choose another name (--name), or take it "
			    "down first (cryopod down --name %s)",
			    u->l->base.name, u->l->base.name);
}

/* Whoever restored it may have died before it started the kubelet, which is down in every snapshot.
 */
static int start_node_kubelet(struct up *u, struct cryo_err *err)
{
	const struct local_record *r = &u->record;

	return r->complete || !r->from || template_is_key(r->from) ? 0
								   : snapshot_pods_start(u->l, err);
}

/* Without a wish a cluster keeps what it was started with. */
static int settle_flags(struct up *u, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *wanted = local_flags_of(u->opts->local.set);

	if (!wanted || json_equal(wanted, u->record.flags))
		return 0;
	if (local_record_running(&u->record))
		return cryo_err_set(err, CRYO_E_PROVISION,
				    "cluster '%s' runs with other flags: take it down first "
				    "(cryopod down --name %s)",
				    u->l->base.name, u->l->base.name);
	json_decref(u->record.flags);
	u->record.flags = json_incref(wanted);
	return 0;
}

static int wait_restored_pods(struct up *u, struct cryo_err *err)
{
	int64_t end = cryo_now_ms() + cryo_limit_ms(PODS_MS);

	return u->pods
		   ? snapshot_pods_wait(u->l, u->pods, end < u->deadline ? end : u->deadline, err)
		   : 0;
}

static int bring_up_locked(struct up *u, struct cryo_err *err)
{
	int rc = u->opts->from ? 0 : build_stack_programs(u, err);

	if (rc == 0)
		rc = look_at_earlier_run(u, err);
	if (rc == 0)
		rc = check_from_snapshot(u, err);
	if (rc == 0)
		rc = check_cluster_certs(u, err);
	if (rc == 0)
		rc = settle_flags(u, err);
	if (rc < 0)
		return rc;
	u->deadline = cryo_now_ms() +
		      (u->opts->timeout_ms ? u->opts->timeout_ms : cryo_limit_ms(DEFAULT_READY_MS));
	if (local_record_running(&u->record)) {
		rc = u->opts->from ? 0 : check_same_build(u, err);
		if (rc == 0)
			rc = start_node_kubelet(u, err);
		if (rc == 0)
			rc = open_cluster_access(u, 0, err);
		if (rc == 0)
			rc = up_settle(u, err);
	} else {
		rc = local_check_inotify(err);
		if (rc == 0 && u->opts->local.port)
			rc = local_forward_check(u->opts->local.port, err);
		if (rc == 0)
			rc = open_cluster_access(u, bring_cluster_up(u, err), err);
	}
	if (rc == 0 && !u->record.complete) {
		u->record.complete = true;
		rc = local_record_save(u->l, &u->record, err);
	}
	if (rc == 0)
		rc = up_workers(u, err);
	return rc < 0 ? rc : wait_restored_pods(u, err);
}

static void release_up(struct up *u)
{
	local_record_release(&u->record);
	cryo_build_release(&u->build);
	cryo_stack_release(&u->stack);
	json_decref(u->inputs);
	json_decref(u->pods);
}
#define release_upp release_up

/* What is nobody's fault in particular is a cluster that could not be provisioned. */
int up_verdict(int rc, struct cryo_err *err)
{
	if (rc < 0 && (err->status == CRYO_E_SYSTEM || err->status == CRYO_E_CHILD ||
		       err->status == CRYO_E_REMOTE))
		return cryo_err_as(err, rc, CRYO_E_PROVISION);
	return rc;
}

static int check_wanted_flags(const struct cryo_up_opts *opts, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };

	for (const struct local_service *s = local_services; s->name; s++)
		cryo_strv_add(&names, s->name);
	return local_flags_check(opts->local.set, &names, err);
}

int local_up(struct cryo_cluster *t, const struct cryo_up_opts *opts, struct cryo_err *err)
{
	struct up u = { .l = (struct local *)t, .opts = opts };
	cryo_auto(cryo_fd_close) int lock = -1;
	int rc;

	if (geteuid() != 0)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "a local cluster needs root: namespaces, mounts and cgroups "
				    "(sudo cryopod up)");
	rc = check_wanted_flags(opts, err);
	if (rc == 0)
		rc = up_check_nodes(&u, err);
	if (rc == 0)
		rc = cryo_lock_take(u.l->lock, CRYO_LOCK_CLUSTER_MS, &lock, err);
	if (rc == 0)
		cryo_users_note_state();
	if (rc == 0)
		rc = bring_up_locked(&u, err);
	release_up(&u);
	return up_verdict(rc, err);
}

bool local_prepared(struct cryo_cluster *t, const struct cryo_up_opts *opts)
{
	cryo_auto(release_up) struct up u = { .l = (struct local *)t, .opts = opts };
	struct cryo_err ignored = CRYO_ERR_INIT;
	size_t missing;

	if (geteuid() != 0)
		return false;
	if (opts->from)
		return up_has_snapshot(&u);
	u.record.flags = local_flags_of(opts->local.set);
	return plan_cluster_stack(&u, &missing, &ignored) == 0 && missing == 0 &&
	       (opts->template.cold || up_has_template(&u));
}
