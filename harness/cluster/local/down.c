/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `down`: complete also for half-built and crashed clusters. What is to be ended
 * is found in the cluster's cgroups, not in what somebody wrote down; what is to
 * be removed lies in one directory. Then it looks.
 */
#include "cluster/local/template/template.h"

#include "base/clock.h"
#include "base/event.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_cluster_remains(const struct local *l, const struct cryo_cgroups *cg)
{
	return cryo_fs_exists(l->base.dir) || cryo_cgroup_exists(cg, l->cgroup);
}

/* A mount of ours that is seen from the host: none should ever be. */
static int check_host_mounts(const struct local *l, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str mounts = { 0 };
	cryo_auto(cryo_free) char *below = cryo_asprintf(" %s/", l->base.dir);
	int rc = cryo_fs_read("/proc/self/mountinfo", 8 << 20, &mounts, err);

	if (rc < 0 || !strstr(cryo_str_get(&mounts), below))
		return rc;
	return cryo_err_set(err, CRYO_E_SYSTEM,
			    "something is mounted below '%s': unmount it (findmnt -R) and call "
			    "down again",
			    l->base.dir);
}

static int look_at_remains(const struct local *l, const struct cryo_cgroups *cg,
			   const struct local_record *r, struct cryo_err *err)
{
	if (local_record_running(r) || (r->forwarder.pid > 0 && cryo_pid_alive(&r->forwarder)))
		return cryo_err_set(err, CRYO_E_SYSTEM,
				    "a process of cluster '%s' is still running", l->base.name);
	if (cryo_cgroup_exists(cg, l->cgroup))
		return cryo_err_set(err, CRYO_E_SYSTEM, "cgroup '%s' is left", l->cgroup);
	if (cryo_fs_exists(l->base.dir))
		return cryo_err_set(err, CRYO_E_SYSTEM, "'%s' is left", l->base.dir);
	return 0;
}

/* Directories shared by all clusters go with the last one. */
static void remove_empty_parents(const struct cryo_cgroups *cg)
{
	for (size_t i = 0; i < cg->n; i++) {
		cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/cryopod", cg->tree[i].mount);

		rmdir(dir);
	}
	rmdir(cryo_dir_state()); /* snapshots stay, and it with them */
}

static int remove_whole_cluster(const struct local *l, const struct cryo_cgroups *cg,
				struct cryo_err *err)
{
	cryo_auto(local_record_release) struct local_record r = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc;

	/* A damaged record only costs the extra look at its pids: the cgroup knows all of them. */
	if (local_record_load(l, &r, &ignored) < 0)
		r = (struct local_record){ 0 };
	rc = cryo_cgroup_remove(cg, l->cgroup, err);
	if (rc == 0 && local_record_running(&r))
		rc = cryo_pid_end(&r.init, 0, err);
	if (rc == 0 && r.forwarder.pid > 0)
		rc = cryo_pid_end(&r.forwarder, 0, err);
	if (rc == 0)
		rc = check_host_mounts(l, err);
	if (rc == 0)
		rc = cryo_fs_rmtree(l->base.dir, err);
	template_prune_snapshots();
	if (rc == 0)
		rc = look_at_remains(l, cg, &r, err);
	if (rc == 0)
		remove_empty_parents(cg);
	return rc;
}

int local_down(struct cryo_cluster *t, struct cryo_err *err)
{
	struct local *l = (struct local *)t;
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	cryo_auto(cryo_fd_close) int lock = -1;
	int rc;

	if (geteuid() != 0)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "a local cluster needs root (sudo cryopod down)");
	rc = cryo_cgroups_find(&cg, err);
	if (rc == 0)
		rc = cryo_lock_take(l->lock, CRYO_LOCK_CLUSTER_MS, &lock, err);
	if (rc < 0)
		return rc;
	cryo_step_begin("down %s", l->base.name);
	if (!has_cluster_remains(l, &cg)) {
		cryo_step_same("nothing to remove");
	} else {
		rc = remove_whole_cluster(l, &cg, err);
		if (rc < 0)
			cryo_step_fail("%s", err->msg);
		else
			cryo_step_ok("no process, mount, cgroup or file is left");
	}
	cryo_lock_remove(l->lock, &lock);
	rmdir(cryo_dir_run());
	return cryo_err_wrap(err, rc, "cluster '%s' is not completely down", l->base.name);
}
