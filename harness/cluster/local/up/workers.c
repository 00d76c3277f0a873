/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes behind the first one. That one comes as it always does, from a template as
 * well; the others are started beside it, and wait for its API server by themselves.
 */
#include "cluster/local/up/up.h"

#include "base/clock.h"
#include "base/event.h"
#include "image/builtin.h"
#include "sys/cgroup.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <string.h>
#include <unistd.h>

#define POLL_MS 20

static int make_worker_place(struct up *u, const struct local_node *n, struct cryo_err *err)
{
	static const char *const below[] = { "upper", "work", "state/transfer" };
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	int rc = cryo_cgroups_find(&cg, err);

	/* What is left of one that died. */
	if (rc == 0)
		rc = cryo_cgroup_remove(&cg, n->cgroup, err);
	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(below); i++) {
		cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/%s", n->dir, below[i]);

		rc = cryo_fs_mkdirs(dir, 0755, err);
	}
	if (rc == 0)
		rc = up_check_space(u, err);
	if (rc == 0)
		rc = local_certs_add_node(u->l, n, err);
	return rc < 0 ? rc : local_config_write(u->l, n, &u->build, err);
}

static int start_worker(struct up *u, size_t i, struct cryo_err *err)
{
	const struct local_node *n = &u->l->node[i];
	cryo_auto(local_init_release) struct local_init init = { .go = -1, .status = -1 };
	int rc = local_check_inotify(err);

	if (rc == 0)
		rc = make_worker_place(u, n, err);
	if (rc == 0)
		rc = local_init_start(u->l, n, local_record_rootfs(&u->record), &u->record.init,
				      &init, err);
	if (rc < 0)
		return rc;
	*local_record_init(&u->record, i) = init.pid;
	rc = local_record_save(u->l, &u->record, err);
	return rc < 0 ? rc : local_init_go(&init, err);
}

static bool is_worker_running(struct up *u, size_t i)
{
	const struct cryo_pid *init = local_record_init(&u->record, i);

	return init->pid > 0 && cryo_pid_alive(init);
}

static int wait_for_containerd(struct up *u, size_t i, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf(
	    "/proc/%d/root/run/containerd/containerd.sock", local_record_init(&u->record, i)->pid);
	int rc = 0;

	while (rc == 0 && !cryo_fs_exists(path)) {
		rc = cryo_intr_sleep(POLL_MS, err);
		if (rc == 0 && !is_worker_running(u, i))
			rc = cryo_err_set(err, CRYO_E_PROVISION, "node '%s' died",
					  u->l->node[i].name);
		if (rc == 0 && cryo_now_ms() >= u->deadline)
			rc = cryo_err_set(err, CRYO_E_TIMEOUT, "containerd of '%s' is not ready",
					  u->l->node[i].name);
	}
	return rc;
}

static int load_image_into(struct up *u, const struct cryo_strv *started, const char *tar,
			   struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 1; rc == 0 && i < u->l->base.nodes; i++)
		if (cryo_strv_has(started, u->l->node[i].name))
			rc = cryo_cluster_load_image(&u->l->base, &u->l->base.node[i], tar, err);
	return rc;
}

static int load_worker_images(struct up *u, const struct cryo_strv *started, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 1; rc == 0 && i < u->l->base.nodes; i++)
		rc = wait_for_containerd(u, i, err);
	for (const struct cryo_builtin *b = cryo_builtins; rc == 0 && b->name; b++) {
		cryo_auto(cryo_free) char *tar =
		    cryo_asprintf("%s/%s.tar", u->l->base.dir, b->name);

		if (b->for_tests)
			continue;
		rc = cryo_image_builtin(b->name, tar, err);
		if (rc == 0)
			rc = load_image_into(u, started, tar, err);
		unlink(tar);
	}
	return rc;
}

static int wait_for_workers(struct up *u, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	char ready[] = "Ready";
	int rc = local_kube(&u->l->base, &k, err);

	for (size_t i = 1; rc == 0 && i < u->l->base.nodes; i++) {
		const struct cryo_kube_ref node = { "nodes", NULL, u->l->node[i].name };

		cryo_step_note("%s", node.name);
		rc = cryo_kube_wait(k, &node, cryo_kube_test_condition, ready,
				    u->deadline - cryo_now_ms(), NULL, err);
	}
	return rc;
}

static int start_workers(struct up *u, struct cryo_strv *started, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 1; rc == 0 && i < u->l->base.nodes; i++) {
		if (is_worker_running(u, i))
			continue;
		cryo_step_note("%s", u->l->node[i].name);
		rc = start_worker(u, i, err);
		cryo_strv_add(started, u->l->node[i].name);
	}
	return rc;
}

int up_check_nodes(const struct up *u, struct cryo_err *err)
{
	unsigned wanted = u->opts->nodes;

	if (wanted > LOCAL_MAX_NODES)
		return cryo_err_set(err, CRYO_E_USAGE, "--nodes: at most %d", LOCAL_MAX_NODES);
	if (wanted == 0 || wanted >= u->l->base.nodes)
		return 0;
	return cryo_err_set(err, CRYO_E_USAGE,
			    "cluster '%s' has %zu nodes: take it down first (cryopod down --name "
			    "%s)",
			    u->l->base.name, u->l->base.nodes, u->l->base.name);
}

void up_tell_nodes(struct up *u)
{
	for (size_t i = 0; i < u->l->base.nodes; i++) {
		u->l->node[i].services = local_has_services(&u->record);
		u->l->node[i].flags = u->record.flags;
	}
}

int up_workers(struct up *u, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv started = { 0 };
	int rc;

	/* A cluster can grow. */
	if (u->opts->nodes > u->l->base.nodes)
		local_set_nodes(u->l, u->opts->nodes);
	if (u->l->base.nodes == 1)
		return 0;
	up_tell_nodes(u);
	cryo_step_begin("workers");
	rc = start_workers(u, &started, err);
	if (rc == 0)
		rc = local_link_nodes(u->l, err);
	if (rc == 0)
		rc = load_worker_images(u, &started, err);
	if (rc == 0)
		rc = wait_for_workers(u, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else if (started.n == 0)
		cryo_step_same("%zu Ready", u->l->base.nodes - 1);
	else
		cryo_step_ok("%zu Ready", u->l->base.nodes - 1);
	return rc;
}
