/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/local/node/criu.h"

#include "base/clock.h"
#include "conf/json.h"
#include "criu/log.h"
#include "source/data.h"
#include "sys/fs.h"
#include "sys/places.h"
#include "sys/reseed.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define DUMP_MS	   60000
#define RESTORE_MS 60000
#define MAX_LOG	   (64u << 20)

/* Where things are in the room: all on its own /run. */
#define ROOM_IMAGES   "/run/images"
#define ROOM_WORK     "/run/work"
#define ROOM_ROOT     "/run/root"
#define ROOM_STATE    "/run/state"
#define ROOM_PROGRAMS "/run/programs"
#define ROOM_CRIU     "/run/criu"
#define ROOM_PRELOAD  "/run/criu-preload.so"

struct room {
	const struct local_room *r;
	bool restore;
	struct cryo_cgroups cg;
	const char *rootfs; /* lower directory of the node's overlay */
	const char *criu;   /* directory on the host; NULL: it is in the root file system */
	char *preload;	    /* of the host */
};

/* "<rootfs><at>": the room is built below the root file system before it becomes the root. */
static int mount_in_room(const struct room *m, const char *src, const char *at, const char *type,
			 unsigned long flags, const char *data, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *full = cryo_asprintf("%s%s", m->rootfs, at);

	if (mount(src, full, type, flags, data) < 0)
		return cryo_err_sys(err, errno, "cannot mount '%s' for CRIU", at);
	return 0;
}

static int bind_room_directory(const struct room *m, const char *src, const char *at,
			       struct cryo_err *err)
{
	cryo_auto(cryo_free) char *full = cryo_asprintf("%s%s", m->rootfs, at);
	int rc = cryo_fs_mkdirs(full, 0700, err);

	return rc < 0 ? rc : mount_in_room(m, src, at, NULL, MS_BIND, NULL, err);
}

static int mount_room_system(const struct room *m, struct cryo_err *err)
{
	/* Itself upon itself: only a mount can become the root. */
	int rc = mount_in_room(m, m->rootfs, "", NULL, MS_BIND, NULL, err);

	if (rc == 0)
		rc = mount_in_room(m, "proc", "/proc", "proc", 0, NULL, err);
	if (rc == 0)
		rc = mount_in_room(m, "/sys", "/sys", NULL, MS_BIND | MS_REC, NULL, err);
	if (rc == 0)
		rc = mount_in_room(m, "/dev", "/dev", NULL, MS_BIND | MS_REC, NULL, err);
	if (rc == 0)
		rc = mount_in_room(m, "tmpfs", "/run", "tmpfs", 0, "mode=700", err);
	return rc < 0 ? rc : mount_in_room(m, "tmpfs", "/tmp", "tmpfs", 0, "mode=700", err);
}

static int mount_room_preload(const struct room *m, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *at = cryo_asprintf("%s" ROOM_PRELOAD, m->rootfs);
	int rc = cryo_fs_write(at, "", 0, 0400, err);

	return rc < 0 ? rc : mount_in_room(m, m->preload, ROOM_PRELOAD, NULL, MS_BIND, NULL, err);
}

/* What the node's mounts from outside are restored from. */
static int mount_node_sources(const struct room *m, struct cryo_err *err)
{
	const struct local_node *n = m->r->node;
	cryo_auto(cryo_free) char *builds = cryo_cache_path(CRYO_CACHE_BUILDS);
	cryo_auto(cryo_free) char *at = cryo_asprintf("%s" ROOM_ROOT, m->rootfs);
	cryo_auto(cryo_free) char *data = local_overlay_options(n, m->rootfs);
	int rc = bind_room_directory(m, n->state, ROOM_STATE, err);

	if (rc == 0)
		rc = bind_room_directory(m, builds, ROOM_PROGRAMS, err);
	if (rc == 0)
		rc = mount_in_room(m, NULL, ROOM_PROGRAMS, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY,
				   NULL, err);
	if (rc == 0)
		rc = cryo_fs_mkdirs(at, 0700, err);
	return rc < 0 ? rc : mount_in_room(m, "overlay", ROOM_ROOT, "overlay", 0, data, err);
}

/*
 * The node's new cgroup namespace has the place as its root in which CRIU is
 * started. v2: as its processes, CRIU has to be in a leaf.
 */
static int enter_room_cgroup(const struct room *m, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *own =
	    cryo_asprintf("%s%s", m->r->node->cgroup, m->cg.v2 ? LOCAL_LEAF : "");

	return cryo_cgroup_enter(&m->cg, m->restore ? own : m->r->group, getpid(), err);
}

/* In the child, before it becomes CRIU. */
static int build_criu_room(void *arg, struct cryo_err *err)
{
	const struct room *m = arg;
	int rc = enter_room_cgroup(m, err);

	if (rc < 0)
		return rc;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return cryo_err_sys(err, errno, "cannot make a mount namespace for CRIU");
	rc = mount_room_system(m, err);
	if (rc == 0)
		rc = bind_room_directory(m, m->r->images, ROOM_IMAGES, err);
	/* Of a restore: others read them at the same time. */
	if (rc == 0 && m->restore)
		rc = mount_in_room(m, NULL, ROOM_IMAGES, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY,
				   NULL, err);
	if (rc == 0)
		rc = bind_room_directory(m, m->r->work, ROOM_WORK, err);
	if (rc == 0 && m->criu)
		rc = bind_room_directory(m, m->criu, ROOM_CRIU, err);
	if (rc == 0 && m->preload)
		rc = mount_room_preload(m, err);
	if (rc == 0 && m->restore)
		rc = mount_node_sources(m, err);
	return rc < 0 ? rc : local_pivot(m->rootfs, err);
}

/* m->preload, if its CRIU needs one. */
static int find_criu_preload(struct room *m, struct cryo_err *err)
{
	const json_t *built = local_record_component(m->r->record, "criu");
	cryo_auto(cryo_free) char *version =
	    local_criu_version(built, cryo_json_str(built, "version"), m->rootfs);

	if (!cryo_node_needs_preload(version))
		return 0;
	return cryo_data_path(cryo_node_preload.from, &m->preload, err);
}

static void add_common_options(struct cryo_strv *a, const char *log)
{
	cryo_strv_addl(a, "--no-default-config", "-v2", "-D", ROOM_IMAGES, "-W", ROOM_WORK, "-o",
		       log, "--tcp-established", "--ext-unix-sk", "--file-locks",
		       "--manage-cgroups=soft", "--network-lock", "skip", NULL);
}

/* CRIU's decisive line in place of "failed with exit code 1". */
static int explain_criu_failure(const struct local_room *r, const char *log, int rc,
				struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", r->work, log);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_free) char *line = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (rc != -(int)CRYO_E_CHILD || cryo_fs_read(path, MAX_LOG, &text, &ignored) < 0)
		return rc;
	line = cryo_criu_log_decisive(cryo_str_get(&text));
	if (!line)
		return rc;
	/* Neither the node's fault nor a template's. */
	if (strstr(line, strerror(ENOSPC)) || strstr(line, strerror(ENOMEM)))
		return cryo_err_set(err, CRYO_E_UNFIT, "CRIU: %s", line);
	if (strstr(line, strerror(EMFILE)))
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "CRIU: %s (inotify instances, mostly: sysctl -w "
				    "fs.inotify.max_user_instances=1024)",
				    line);
	return cryo_err_set(err, CRYO_E_CHILD, "CRIU: %s", line);
}

static int run_criu_in_room(struct room *m, const struct cryo_strv *argv, int64_t limit,
			    const char *log, struct cryo_err *err)
{
	static const char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
					   "LD_LIBRARY_PATH", "LD_PRELOAD=" ROOM_PRELOAD, NULL };
	static const char *const plain[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
					     "LD_LIBRARY_PATH", "LD_PRELOAD", NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_proc p = { .argv = cryo_strv_get(argv),
			       .env = plain,
			       .timeout_ms = cryo_limit_ms(limit),
			       .prepare = build_criu_room,
			       .prepare_arg = m };
	int rc = cryo_fs_mkdirs(m->r->work, 0700, err);

	if (rc == 0)
		rc = find_criu_preload(m, err);
	if (m->preload)
		p.env = env;
	if (rc == 0)
		rc = cryo_proc_run(&p, &res, err);
	/* The machine needs none; it is the node that has to have one. */
	if (rc == -(int)CRYO_E_UNFIT)
		rc = cryo_err_set(err, CRYO_E_CHILD, "the node has no CRIU");
	/* A CRIU that was ended from outside did not tidy up. */
	if (rc == -(int)CRYO_E_CHILD && res.signal)
		rc = cryo_err_as(err, rc, CRYO_E_SYSTEM);
	free(m->preload);
	return explain_criu_failure(m->r, log, rc, err);
}

static struct room describe_room(const struct local_room *r, bool restore)
{
	return (struct room){ .r = r,
			      .restore = restore,
			      .rootfs = local_record_rootfs(r->record),
			      .criu = local_record_criu(r->record) };
}

static const char *name_room_criu(const struct room *m)
{
	return m->criu ? ROOM_CRIU "/criu" : "criu";
}

int local_room_dump(const struct local_room *r, const struct cryo_pid *init, struct cryo_err *err)
{
	struct room m = describe_room(r, false);
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };

	int rc = cryo_cgroups_find(&m.cg, err);

	/* It has children that do not end with it when it is killed. */
	if (rc == 0)
		rc = cryo_cgroup_make(&m.cg, r->group, err);
	cryo_strv_addl(&argv, name_room_criu(&m), "dump", NULL);
	cryo_strv_addf(&argv, "--tree=%d", init->pid);
	add_common_options(&argv, "dump.log");
	cryo_strv_addl(&argv, "--ghost-limit", "100M", "--external", "mnt[" LOCAL_STATE "]:state",
		       "--external", "mnt[" LOCAL_PROGRAMS "]:programs", NULL);
	if (rc == 0)
		rc = local_groups_save(&m.cg, r->node, r->images, err);
	if (rc == 0)
		rc = run_criu_in_room(&m, &argv, DUMP_MS, "dump.log", err);
	cryo_cgroups_release(&m.cg);
	return rc;
}

/* "none,name=systemd" → "name=systemd", "cpu,cpuacct" → "cpu": one name is enough for CRIU. */
static void add_cgroup_root(struct cryo_strv *argv, const struct cryo_cgroup_tree *t,
			    const char *group)
{
	const char *name = cryo_starts_with(t->options, "none,") ? t->options + 5 : t->options;

	cryo_strv_add(argv, "--cgroup-root");
	if (*name)
		cryo_strv_addf(argv, "%.*s:%s", (int)strcspn(name, ","), name, group);
	else
		cryo_strv_add(argv, group);
}

static int read_restored_init(const struct local_room *r, struct cryo_pid *init,
			      struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/pid", r->work);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = cryo_fs_read(path, 32, &text, err);

	return rc < 0 ? rc : cryo_pid_of((pid_t)atoi(cryo_str_get(&text)), init, err);
}

static int restore_in_room(struct room *m, struct cryo_pid *init, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	int rc;

	cryo_strv_addl(&argv, name_room_criu(m), "restore", NULL);
	add_common_options(&argv, "restore.log");
	cryo_strv_addl(&argv, "--restore-detached", "--skip-in-flight", "--root", ROOM_ROOT,
		       "--pidfile", ROOM_WORK "/pid", "--external", "mnt[state]:" ROOM_STATE,
		       "--external", "mnt[programs]:" ROOM_PROGRAMS, NULL);
	for (size_t i = 0; i < m->cg.n; i++)
		add_cgroup_root(&argv, &m->cg.tree[i], m->r->node->cgroup);
	rc = local_groups_make(&m->cg, m->r->node, err);
	cryo_random_reseed_or_warn("the cluster");
	if (rc == 0)
		rc = run_criu_in_room(m, &argv, RESTORE_MS, "restore.log", err);
	if (rc == 0)
		rc = local_groups_restore(&m->cg, m->r->node, m->r->images, err);
	return rc < 0 ? rc : read_restored_init(m->r, init, err);
}

int local_room_restore(const struct local_room *r, struct cryo_pid *init, struct cryo_err *err)
{
	struct room m = describe_room(r, true);
	int rc = cryo_cgroups_find(&m.cg, err);

	if (rc == 0)
		rc = local_blame_memory(r->node, restore_in_room(&m, init, err), err);
	cryo_cgroups_release(&m.cg);
	return rc;
}
