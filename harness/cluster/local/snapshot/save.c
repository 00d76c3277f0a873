/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster into a snapshot. Its node is dead after the dump, as with templates,
 * and comes back from the images, in its own place. Whatever happens on the way,
 * its disk is as its processes left it: the record says `saving`, and the next
 * start goes on from the disk.
 */
#include "cluster/snapshot.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/lock.h"
#include "cluster/local/node/pods.h"
#include "cluster/local/template/template.h"
#include "cluster/local/up/up.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_READY_MS 120000
#define PODS_MS		 60000
#define AIR_BYTES	 (100ull * 1000 * 1000)

struct save {
	struct up u;
	const struct cryo_snapshot_opts *opts;
	json_t *inputs, *holds;
	struct template t;
	bool dead; /* the node: dumped, or nobody knows */
};

static int check_snapshot_name(const char *name, bool force, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *there = template_path(name, "");

	if (!cryo_cluster_good_name(name))
		return cryo_err_set(
		    err, CRYO_E_USAGE,
		    "'%s' is not a valid snapshot name (a-z, 0-9 and '-', at most %d)", name,
		    CRYO_CLUSTER_NAME_MAX);
	if (cryo_fs_exists(there) && !force)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "snapshot '%s' already exists (--force replaces it)", name);
	return 0;
}

static int check_cluster_whole(const struct save *s, struct cryo_err *err)
{
	const struct local *l = s->u.l;

	if (!local_record_running(&s->u.record))
		return cryo_cluster_not_running(&l->base, err);
	if (l->base.nodes > 1)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "cluster '%s' has %zu nodes: only a cluster with one node can "
				    "be saved",
				    l->base.name, l->base.nodes);
	if (s->u.record.complete && !s->u.record.saving && !s->u.record.dumping)
		return 0;
	return cryo_err_set(err, CRYO_E_CHECK,
			    "cluster '%s' is only partly up: run 'cryopod up --name %s' first",
			    l->base.name, l->base.name);
}

static int check_snapshot_space(const struct save *s, struct cryo_err *err)
{
	struct local *l = s->u.l;
	cryo_auto(cryo_json_decref) json_t *files = NULL;
	int64_t memory = local_memory(&l->base);
	int rc = template_files(l->node->dir, false, &files, err);

	if (rc < 0)
		return rc;
	return template_space(
	    s->u.key, template_bytes(files) + AIR_BYTES + (uint64_t)(memory > 0 ? memory : 0), err);
}

static int look_at_cluster(struct save *s, struct cryo_err *err)
{
	json_t *pods = NULL;
	int rc = check_cluster_whole(s, err);

	if (rc == 0)
		rc = template_inputs(s->u.record.stamp, local_record_rootfs(&s->u.record),
				     &s->inputs, err);
	if (rc == 0)
		rc = check_snapshot_space(s, err);
	if (rc == 0)
		rc = snapshot_pods_list(s->u.l, &pods, err);
	if (rc == 0)
		s->holds = json_pack("{ss so}", "cluster", s->u.l->base.name, "pods", pods);
	return rc;
}

static int record_saving_state(struct save *s, bool saving, struct cryo_err *err)
{
	s->u.record.saving = saving;
	return local_record_save(s->u.l, &s->u.record, err);
}

static int stop_cluster_pods(struct save *s, struct cryo_err *err)
{
	size_t n = 0;
	int rc;

	cryo_step_begin("stop pods");
	rc = snapshot_pods_stop(s->u.l, &s->u.record.init, &n, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("%zu, and the kubelet; they start again afterwards", n);
	return rc;
}

static int dump_cluster_node(struct save *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *why = NULL;
	struct up *u = &s->u;
	int rc;

	cryo_step_begin("snapshot '%s'", u->key);
	rc = template_take(u->l, &u->record, u->key, &s->t, &why, err);
	s->dead = rc != 1;
	if (rc == 0) {
		cryo_step_ok("memory and disk at one moment; the cluster is paused");
		return 0;
	}
	if (rc == 1)
		rc = cryo_err_set(err, CRYO_E_PROVISION, "no snapshot: %s", why);
	cryo_step_fail("%s", err->msg);
	return rc;
}

/* What CRIU left of the old processes, and the groups they were in. */
static int clear_old_cgroups(const struct local *l, struct cryo_err *err)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	int rc = cryo_cgroups_find(&cg, err);

	return rc < 0 ? rc : cryo_cgroup_remove(&cg, l->cgroup, err);
}

static int resume_dumped_node(struct save *s, struct cryo_err *err)
{
	struct up *u = &s->u;
	int rc = clear_old_cgroups(u->l, err);

	u->record.forwarder = (struct cryo_pid){ 0 };
	if (rc == 0)
		rc = template_resume(u->l, &s->t, &u->record, &u->record.init, err);
	if (rc == 0)
		rc = local_record_save(u->l, &u->record, err);
	if (rc == 0)
		local_rules_bring_back(u->l);
	return rc;
}

static int continue_cluster(struct save *s, struct cryo_err *err)
{
	struct up *u = &s->u;
	int rc;

	cryo_step_begin("cluster '%s' resumes", u->l->base.name);
	rc = resume_dumped_node(s, err);
	s->dead = rc < 0;
	if (rc == 0)
		rc = snapshot_pods_start(u->l, err);
	/* Not before: nobody else would start the kubelet. */
	if (rc == 0)
		rc = record_saving_state(s, false, err);
	if (rc == 0)
		rc = up_forward(u, err);
	if (rc == 0)
		rc = up_wait_quietly(u, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("restored from it");
	return rc;
}

/* Checksums of all files: the cluster need not wait for that. */
static int publish_saved_cluster(struct save *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *size = NULL;
	int rc;

	cryo_step_begin("checksums");
	s->t.holds = s->holds;
	rc = template_publish(&s->t, s->inputs, &s->u.record, err);
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		return cryo_err_wrap(err, rc, "no snapshot");
	}
	template_prune(s->t.key);
	size = cryo_size_show((uint64_t)cryo_json_int(s->t.meta, "bytes", 0));
	cryo_step_ok("%s", size);
	return 0;
}

/* The node was not touched by CRIU, or let go by it: only its pods are to be started. */
static void release_undumped_node(struct save *s)
{
	struct cryo_err failed = CRYO_ERR_INIT;

	cryo_intr_hold();
	if (snapshot_pods_start(s->u.l, &failed) < 0 || record_saving_state(s, false, &failed) < 0)
		cryo_warn("cluster '%s' needs 'cryopod up --name %s': %s", s->u.l->base.name,
			  s->u.l->base.name, failed.msg);
	cryo_intr_release();
}

static int wait_snapshot_pods(struct save *s, struct cryo_err *err)
{
	int64_t end = cryo_now_ms() + cryo_limit_ms(PODS_MS);

	return snapshot_pods_wait(s->u.l, json_object_get(s->holds, "pods"),
				  end < s->u.deadline ? end : s->u.deadline, err);
}

static int save_locked_cluster(struct save *s, struct cryo_err *err)
{
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = local_record_load(s->u.l, &s->u.record, err);

	if (rc == 1)
		rc = cryo_cluster_not_running(&s->u.l->base, err);
	if (rc == 0)
		rc = look_at_cluster(s, err);
	if (rc == 0)
		rc = record_saving_state(s, true, err);
	if (rc < 0)
		return rc;
	rc = stop_cluster_pods(s, err);
	if (rc == 0)
		rc = dump_cluster_node(s, err);
	if (rc == 0)
		rc = continue_cluster(s, err);
	else if (!s->dead)
		release_undumped_node(s);
	if (rc == 0)
		rc = publish_saved_cluster(s, err);
	if (s->dead)
		return rc;
	if (rc == 0)
		rc = wait_snapshot_pods(s, err);
	else
		wait_snapshot_pods(s, &ignored);
	return rc;
}

/* The node is dead, its disk is whole. What went wrong is told afterwards. */
static void restart_dead_cluster(struct save *s)
{
	const struct cryo_up_opts opts = { .stack = s->u.record.stack,
					   .local.minimal = !local_has_services(&s->u.record) };
	struct cryo_cluster *t = &s->u.l->base;
	struct cryo_err failed = CRYO_ERR_INIT;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_intr_check(&ignored) < 0 || local_up(t, &opts, &failed) < 0)
		cryo_warn("cluster '%s' is down, its disk is whole: cryopod up --name %s%s%s",
			  t->name, t->name, failed.status ? ": " : "",
			  failed.status ? failed.msg : "");
}

static int save_cluster_snapshot(struct save *s, struct cryo_err *err)
{
	int lock = -1;
	int rc = cryo_lock_take(s->u.l->lock, CRYO_LOCK_CLUSTER_MS, &lock, err);

	if (rc == 0)
		rc = save_locked_cluster(s, err);
	cryo_fd_closep(&lock);
	if (rc < 0 && s->dead)
		restart_dead_cluster(s);
	return rc;
}

int local_snapshot_save(struct cryo_cluster *t, const char *name,
			const struct cryo_snapshot_opts *opts, struct cryo_err *err)
{
	const struct cryo_up_opts up = { .timeout_ms = opts->timeout_ms };
	struct save s = {
		.u.opts = &up, .u.l = (struct local *)t, .opts = opts, .t = TEMPLATE_INIT
	};
	int rc = check_snapshot_name(name, opts->force, err);

	if (rc < 0)
		return rc;
	template_prune_snapshots();
	memcpy(s.u.key, name, strlen(name));
	s.u.deadline =
	    cryo_now_ms() + (opts->timeout_ms ? opts->timeout_ms : cryo_limit_ms(DEFAULT_READY_MS));
	rc = save_cluster_snapshot(&s, err);
	template_abandon(&s.t);
	template_release(&s.t);
	local_record_release(&s.u.record);
	json_decref(s.inputs);
	json_decref(s.holds);
	return up_verdict(rc, err);
}
