/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `up`: every step looks first whether it has been done, so the same code starts
 * a new cluster, repairs a half-built one and leaves a running one alone. What
 * could outlive us is written down (cluster.json) before it is let go.
 */
#include "target/local/up.h"

#include "base/clock.h"
#include "base/event.h"
#include "image/builtin.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCK_WAIT_MS	 120000
#define DEFAULT_READY_MS 120000
#define POLL_MS		 30
#define NODE_BYTES	 (400ull * 1000 * 1000)
#define TAIL_LINES	 6

static int make_programs(struct up *u, struct cryo_err *err)
{
	int rc = cryo_stack_load(u->opts->stack ? u->opts->stack : "upstream", &u->stack, err);
	size_t missing = 0;

	if (rc == 0)
		rc = cryo_build_plan(&u->stack, NULL, &u->build, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < u->build.n; i++)
		missing += !u->build.item[i].up_to_date;
	if (missing > 0 && u->opts->no_build)
		return cryo_err_set(err, CRYO_E_PROVISION,
				    "%zu components of stack '%s' are not built (cryopod build)",
				    missing, u->stack.name);
	return missing > 0 ? cryo_build_run(&u->build, err) : 0;
}

void up_describe(struct up *u)
{
	char stamp[CRYO_HASH_HEX];

	cryo_build_stamp(&u->build, stamp);
	free(u->record.stamp);
	free(u->record.stack);
	json_decref(u->record.builds);
	u->record.stamp = cryo_strdup(stamp);
	u->record.stack = cryo_strdup(u->stack.name);
	u->record.builds = json_array();
	for (size_t i = 0; i < u->build.n; i++) {
		const struct cryo_built *b = &u->build.item[i];
		cryo_auto(cryo_free) char *source = cryo_source_show(&b->component->source);

		json_array_append_new(u->record.builds,
				      json_pack("{ss ss ss* ss ss}", "component",
						b->component->name, "source", source, "version",
						b->component->source.version, "stamp", b->stamp,
						"dir", b->dir));
	}
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

/* What an init of before left behind (its cgroups hold what is left of its processes). */
static int clear_remains(struct up *u, struct cryo_err *err)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	int rc = cryo_cgroups_find(&cg, err);

	return rc < 0 ? rc : cryo_cgroup_remove(&cg, u->l->cgroup, err);
}

int up_forget(struct up *u, struct cryo_err *err)
{
	int rc = clear_remains(u, err);

	u->record.init = u->record.forwarder = (struct cryo_pid){ 0 };
	u->record.complete = u->record.dumping = false;
	free(cryo_steal(&u->record.from));
	return rc < 0 ? rc : cryo_fs_rmtree(u->l->base.dir, err);
}

/* etcd alone preallocates 64 MB twice; without space it dies with words that tell nobody why. */
int up_check_space(const struct up *u, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *have = NULL;
	cryo_auto(cryo_free) char *need = cryo_size_show(NODE_BYTES);
	uint64_t bytes;
	int rc = cryo_fs_free_bytes(u->l->base.dir, &bytes, err);

	if (rc < 0 || bytes >= NODE_BYTES)
		return rc;
	have = cryo_size_show(bytes);
	return cryo_err_set(err, CRYO_E_UNFIT, "'%s' has %s free, a node needs %s", u->l->base.dir,
			    have, need);
}

static int node_directories(struct up *u, struct cryo_err *err)
{
	static const char *const below[] = { "upper", "work", "state/transfer" };
	int rc = cryo_fs_mkdirs(u->l->base.dir, 0700, err);

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(below); i++) {
		cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/%s", u->l->node.dir, below[i]);

		rc = cryo_fs_mkdirs(dir, 0755, err);
	}
	return rc;
}

static int prepare(struct up *u, struct cryo_err *err)
{
	int rc;

	cryo_step_begin("prepare");
	rc = clear_remains(u, err);
	if (rc == 0)
		rc = node_directories(u, err);
	if (rc == 0)
		rc = up_check_space(u, err);
	if (rc == 0)
		rc = local_certs_make(u->l, err);
	if (rc == 0)
		rc = local_config_write(u->l, &u->build, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("certificates, configuration");
	return rc;
}

static int start_node(struct up *u, struct cryo_err *err)
{
	cryo_auto(local_init_release) struct local_init init = { .go = -1, .status = -1 };
	const struct cryo_built *rootfs = cryo_build_find(&u->build, "node");
	int rc;

	cryo_step_begin("start %s", u->l->node.name);
	if (!rootfs)
		rc = cryo_err_set(err, CRYO_E_CONFIG, "stack '%s' has no component 'node'",
				  u->stack.name);
	else
		rc = local_init_start(u->l, rootfs->dir, &init, err);
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

static int start_forwarder(struct up *u, struct cryo_err *err)
{
	unsigned wanted = u->opts->port ? u->opts->port : u->record.port;
	bool first_choice = wanted != 0;
	int rc;

	if (u->record.forwarder.pid > 0 && cryo_pid_alive(&u->record.forwarder) &&
	    cryo_fs_exists(u->l->base.kubeconfig)) {
		if (!u->opts->port || u->opts->port == u->record.port)
			return 0;
		return cryo_err_set(err, CRYO_E_USAGE,
				    "cluster '%s' already listens on port %u, not %u",
				    u->l->base.name, u->record.port, u->opts->port);
	}
	rc = local_forward_start(u->l, &u->record.init, &wanted, &u->record.forwarder, err);
	/* The port of last time is only a wish; one that was asked for is not. */
	if (rc == -(int)CRYO_E_UNFIT && first_choice && !u->opts->port) {
		wanted = 0;
		rc = local_forward_start(u->l, &u->record.init, &wanted, &u->record.forwarder, err);
	}
	if (rc < 0)
		return rc;
	u->record.port = wanted;
	rc = local_record_save(u->l, &u->record, err);
	return rc < 0 ? rc : local_kubeconfig_write(u->l, wanted, err);
}

static bool in_node_exists(const struct up *u, const char *path)
{
	cryo_auto(cryo_free) char *full =
	    cryo_asprintf("/proc/%d/root%s", u->record.init.pid, path);

	return cryo_fs_exists(full);
}

/* The last lines of a service's log, as warnings: why something never became ready. */
static void show_log(const struct up *u, const char *service)
{
	cryo_auto(cryo_free) char *path =
	    cryo_asprintf("%s/log/%s/current", u->l->node.state, service);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	const char *at;
	int lines = 0;

	if (cryo_fs_read(path, 16 << 20, &text, &ignored) < 0 || text.len == 0)
		return;
	for (at = text.p + text.len - 1; at > text.p && lines < TAIL_LINES; at--)
		lines += at[-1] == '\n';
	cryo_warn("%s said last:", service);
	while (at < text.p + text.len) {
		size_t n = strcspn(at, "\n");

		cryo_warn("  %.*s", (int)n, at);
		at += n + 1;
	}
}

/* Between two looks: interrupted, node dead, out of time? `what`, `why`: for the message. */
static int pause_and_check(struct up *u, const char *what, const char *why, struct cryo_err *err)
{
	int rc = cryo_intr_sleep(POLL_MS, err);

	if (rc < 0)
		return rc;
	if (!cryo_pid_alive(&u->record.init))
		return cryo_err_set(err, CRYO_E_PROVISION, "the node died while %s was awaited",
				    what);
	if (cryo_now_ms() >= u->deadline)
		return cryo_err_set(err, CRYO_E_TIMEOUT, "%s is not ready: %s", what, why);
	return 0;
}

static int load_images(struct up *u, struct cryo_err *err)
{
	static const char *const socket_path = "/run/containerd/containerd.sock";
	int rc = 0;

	if (u->record.complete || u->record.from)
		return 0;
	cryo_step_begin("load images");
	while (rc == 0 && !in_node_exists(u, socket_path))
		rc = pause_and_check(u, "containerd", "its socket is not there", err);
	for (const struct cryo_builtin *b = cryo_builtins; rc == 0 && b->name; b++) {
		cryo_auto(cryo_free) char *tar =
		    cryo_asprintf("%s/%s.tar", u->l->base.dir, b->name);

		cryo_step_note("%s", b->name);
		rc = cryo_image_builtin(b->name, tar, err);
		if (rc == 0)
			rc = local_load_image(&u->l->base, tar, err);
		unlink(tar);
	}
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		show_log(u, "containerd");
	} else {
		cryo_step_ok("pause, counter");
	}
	return rc;
}

static int wait_api(struct up *u, struct cryo_kube *k, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *why = NULL;
	int rc;

	cryo_step_begin("API server");
	while ((rc = cryo_kube_ready(k, &why, err)) == 1) {
		cryo_step_note("%s", why ? why : "");
		rc = pause_and_check(u, "the API server", why ? why : "no answer", err);
		if (rc < 0)
			break;
		free(cryo_steal(&why));
	}
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		show_log(u, "etcd");
		show_log(u, "kube-apiserver");
	} else {
		cryo_step_ok("ready");
	}
	return rc;
}

static int look_at_node(struct up *u, struct cryo_kube *k, struct cryo_err *err)
{
	const struct cryo_kube_ref node = { "nodes", NULL, u->l->node.name };
	const struct cryo_kube_ref account = { "serviceaccounts", "default", "default" };
	char ready[] = "Ready";
	int rc = cryo_kube_wait(k, &node, cryo_kube_test_condition, ready,
				u->deadline - cryo_now_ms(), NULL, err);
	/* Without it the first pod of somebody who is quick is refused. */
	if (rc == 0)
		rc = cryo_kube_wait(k, &account, cryo_kube_test_exists, NULL,
				    u->deadline - cryo_now_ms(), NULL, err);
	return rc;
}

static int wait_node(struct up *u, struct cryo_kube *k, struct cryo_err *err)
{
	int rc;

	cryo_step_begin("%s Ready", u->l->node.name);
	rc = look_at_node(u, k, err);
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		show_log(u, "kubelet");
	} else {
		cryo_step_ok("");
	}
	return rc;
}

/* A node that runs, in whatever state it is: what is missing until it can be used. */
static int settle(struct up *u, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	int rc = load_images(u, err);

	if (rc == 0)
		rc = local_kube(&u->l->base, &k, err);
	if (rc == 0)
		rc = wait_api(u, k, err);
	return rc < 0 ? rc : wait_node(u, k, err);
}

int up_cold_start(struct up *u, struct cryo_err *err)
{
	int rc;

	u->record.created_ns = cryo_wall_ns();
	free(cryo_steal(&u->record.from));
	up_describe(u);
	rc = prepare(u, err);
	if (rc == 0)
		rc = start_node(u, err);
	return rc < 0 ? rc : settle(u, err);
}

/* /healthz of the kubelet as the API server sees it: both ends, and what is between them. */
static int kubelet_answers(struct up *u, struct cryo_kube *k, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path =
	    cryo_asprintf("/api/v1/nodes/%s/proxy/healthz", u->l->node.name);
	struct cryo_err why = CRYO_ERR_INIT;
	int rc = 0;

	while (rc == 0 && cryo_kube_raw(k, "GET", path, NULL, 0, NULL, &why) < 0)
		rc = pause_and_check(u, "the kubelet", why.msg, err);
	return rc;
}

int up_wait_quietly(struct up *u, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	cryo_auto(cryo_free) char *why = NULL;
	int rc = local_kube(&u->l->base, &k, err);

	while (rc == 0 && (rc = cryo_kube_ready(k, &why, err)) == 1) {
		rc = pause_and_check(u, "the API server", why ? why : "no answer", err);
		free(cryo_steal(&why));
	}
	if (rc == 0)
		rc = kubelet_answers(u, k, err);
	return rc < 0 ? rc : look_at_node(u, k, err);
}

static int bring_up(struct up *u, struct cryo_err *err)
{
	int rc;

	if (!u->fresh || u->opts->cold)
		return up_cold_start(u, err);
	rc = up_from_template(u, err);
	if (rc != 1)
		return rc;
	rc = up_cold_start(u, err);
	if (rc == 0)
		rc = up_make_template(u, err);
	if (rc == 1)
		rc = up_from_template(u, err);
	return rc == 1 ? up_cold_start(u, err) : rc;
}

/*
 * What was there before. A cluster that was half restored, or whose dump we did
 * not see the end of, was nobody's yet: it is taken away.
 */
static int look_back(struct up *u, struct cryo_err *err)
{
	int rc = local_record_load(u->l, &u->record, err);
	bool half = u->record.from && !u->record.complete && !local_record_running(&u->record);

	if (rc < 0)
		return rc;
	u->fresh = rc == 1;
	if (rc == 1 || (!half && !u->record.dumping))
		return 0;
	u->fresh = true;
	return up_forget(u, err);
}

/* Also when the node did not get ready: one wants to look at it. */
static int open_way_in(struct up *u, int rc, struct cryo_err *err)
{
	struct cryo_err later = CRYO_ERR_INIT;

	if (rc == 0)
		return start_forwarder(u, err);
	if (rc != -(int)CRYO_E_INTERRUPTED && local_record_running(&u->record))
		start_forwarder(u, &later);
	return rc;
}

static int up_locked(struct up *u, struct cryo_err *err)
{
	int rc = make_programs(u, err);

	if (rc == 0)
		rc = look_back(u, err);
	if (rc < 0)
		return rc;
	u->deadline = cryo_now_ms() +
		      (u->opts->timeout_ms ? u->opts->timeout_ms : cryo_limit_ms(DEFAULT_READY_MS));
	if (local_record_running(&u->record)) {
		rc = check_same_build(u, err);
		if (rc == 0)
			rc = open_way_in(u, 0, err);
		if (rc == 0)
			rc = settle(u, err);
	} else {
		rc = local_check_inotify(err);
		if (rc == 0 && u->opts->port)
			rc = local_forward_check(u->opts->port, err);
		if (rc == 0)
			rc = open_way_in(u, bring_up(u, err), err);
	}
	if (rc == 0 && !u->record.complete) {
		u->record.complete = true;
		rc = local_record_save(u->l, &u->record, err);
	}
	return rc;
}

int local_up(struct cryo_target *t, const struct cryo_up_opts *opts, struct cryo_err *err)
{
	struct up u = { .l = (struct local *)t, .opts = opts };
	cryo_auto(cryo_fd_close) int lock = -1;
	int rc;

	if (geteuid() != 0)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "a local cluster needs root: namespaces, mounts and cgroups "
				    "(sudo cryopod up)");
	rc = cryo_lock_take(u.l->lock, LOCK_WAIT_MS, &lock, err);
	if (rc == 0)
		rc = up_locked(&u, err);
	local_record_release(&u.record);
	cryo_build_release(&u.build);
	cryo_stack_release(&u.stack);
	json_decref(u.inputs);
	/* What is nobody's fault in particular is a cluster that could not be provisioned. */
	if (rc < 0 && (err->status == CRYO_E_SYSTEM || err->status == CRYO_E_CHILD ||
		       err->status == CRYO_E_REMOTE))
		rc = cryo_err_as(err, rc, CRYO_E_PROVISION);
	return rc;
}
