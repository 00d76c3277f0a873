/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/cgroup.h"

#include "base/clock.h"
#include "base/str.h"
#include "sys/fs.h"

#include <errno.h>
#include <fts.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REMOVE_MS 10000

void cryo_cgroups_release(struct cryo_cgroups *cg)
{
	for (size_t i = 0; i < cg->n; i++) {
		free(cg->tree[i].mount);
		free(cg->tree[i].options);
	}
	free(cg->tree);
	*cg = (struct cryo_cgroups){ 0 };
}

static void add_cgroup_tree(struct cryo_cgroups *cg, const char *mount, const char *options)
{
	cg->tree = cryo_realloc(cg->tree, cg->n + 1, sizeof(*cg->tree));
	cg->tree[cg->n++] = (struct cryo_cgroup_tree){ cryo_strdup(mount), cryo_strdup(options) };
}

/* "rw,cpu,cpuacct" → "cpu,cpuacct"; "rw,xattr,name=systemd" → "none,name=systemd". */
static char *pick_hierarchy_options(const char *super)
{
	cryo_auto(cryo_free) char *copy = cryo_strdup(super);
	cryo_auto(cryo_strv_release) struct cryo_strv keep = { 0 };
	char *save = NULL;

	for (char *o = strtok_r(copy, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
		if (cryo_starts_with(o, "name="))
			cryo_strv_addl(&keep, "none", o, NULL);
		else if (strcmp(o, "rw") != 0 && strcmp(o, "ro") != 0 && strcmp(o, "xattr") != 0 &&
			 strcmp(o, "clone_children") != 0 && !strchr(o, '='))
			cryo_strv_add(&keep, o);
	}
	return cryo_strv_join(&keep, ",");
}

struct mount_line {
	char *point, *type, *super;
};

/* Fields of one mountinfo line (proc(5)); false for a line that is not one. */
static bool split_mountinfo_line(char *line, struct mount_line *m)
{
	char *dash = strstr(line, " - "), *save = NULL;

	if (!dash)
		return false;
	*dash = '\0';
	m->point = strtok_r(line, " ", &save);
	for (int i = 0; i < 4 && m->point; i++)
		m->point = strtok_r(NULL, " ", &save);
	m->type = strtok_r(dash + 3, " ", &save);
	strtok_r(NULL, " ", &save); /* source */
	m->super = strtok_r(NULL, " ", &save);
	return m->point && m->type && m->super;
}

int cryo_cgroups_parse(const char *mountinfo, struct cryo_cgroups *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *copy = cryo_strdup(mountinfo);
	cryo_auto(cryo_free) char *unified = NULL;
	char *save = NULL;
	struct mount_line m;
	bool memory = false;

	*out = (struct cryo_cgroups){ 0 };
	for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		if (!split_mountinfo_line(l, &m))
			continue;
		if (strcmp(m.type, "cgroup2") == 0 && !unified)
			unified = cryo_strdup(m.point);
		if (strcmp(m.type, "cgroup") == 0) {
			cryo_auto(cryo_free) char *options = pick_hierarchy_options(m.super);

			memory |= strcmp(options, "memory") == 0;
			add_cgroup_tree(out, m.point, options);
		}
	}
	out->hybrid = memory && unified;
	if (out->hybrid)
		add_cgroup_tree(out, unified, "");
	if (memory)
		return 0;
	/* Only named hierarchies, or none: the controllers are in the unified tree. */
	cryo_cgroups_release(out);
	if (!unified)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "no cgroup file system with a memory "
				    "controller is mounted at /sys/fs/cgroup");
	out->v2 = true;
	add_cgroup_tree(out, unified, "");
	return 0;
}

/* In a container it may be read-only, and there is nothing to be done about it. */
static void drop_unified_tree(struct cryo_cgroups *cg)
{
	cg->n--;
	free(cg->tree[cg->n].mount);
	free(cg->tree[cg->n].options);
	cg->hybrid = false;
}

int cryo_cgroups_find(struct cryo_cgroups *out, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = cryo_fs_read("/proc/self/mountinfo", 8 << 20, &text, err);

	if (rc == 0)
		rc = cryo_cgroups_parse(cryo_str_get(&text), out, err);
	if (rc == 0 && out->hybrid && access(out->tree[out->n - 1].mount, W_OK) < 0)
		drop_unified_tree(out);
	return rc;
}

struct cryo_cgroups cryo_cgroups_controlling(const struct cryo_cgroups *cg)
{
	struct cryo_cgroups view = *cg;

	view.n -= cg->hybrid;
	view.hybrid = false;
	return view;
}

/* A new v1 cpuset is empty, and then no process may enter it. */
static int fill_new_cpuset(const char *mount, const char *path, struct cryo_err *err)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(files); i++) {
		cryo_auto(cryo_free) char *own = cryo_asprintf("%s%s/%s", mount, path, files[i]);
		cryo_auto(cryo_free) char *parent =
		    cryo_asprintf("%s%s/../%s", mount, path, files[i]);
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

		if (!cryo_fs_exists(own))
			return 0;
		rc = cryo_fs_read(parent, 65536, &text, err);
		if (rc == 0)
			rc = cryo_fs_poke(own, cryo_str_get(&text), err);
	}
	return rc;
}

/* Sends sig (0: only count) to all in one group directory. */
static size_t signal_cgroup_dir(const char *dir, int sig)
{
	cryo_auto(cryo_free) char *procs = cryo_asprintf("%s/cgroup.procs", dir);
	FILE *f = fopen(procs, "re");
	size_t n = 0;
	int pid;

	if (!f)
		return 0;
	while (fscanf(f, "%d", &pid) == 1) {
		n++;
		/* 0 is a process of a pid namespace that is not below ours: not ours to end. */
		if (sig && pid > 0 && pid != getpid())
			kill(pid, sig);
	}
	fclose(f);
	return n;
}

/* Those that pods need, and that systemd uses: it takes them back some day after us. */
static void hand_down_controllers(const char *dir, const char *have)
{
	static const char *const controllers[] = { "cpu", "cpuset", "io", "memory", "pids" };
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/cgroup.subtree_control", dir);

	/* One by one: one that cannot be delegated must not prevent the others. */
	for (size_t i = 0; i < CRYO_ARRAY_LEN(controllers); i++) {
		cryo_auto(cryo_free) char *word = cryo_asprintf("+%s", controllers[i]);
		struct cryo_err ignored = CRYO_ERR_INIT;

		if (strstr(have, controllers[i]))
			cryo_fs_poke(to, word, &ignored);
	}
}

int cryo_cgroup_delegate(const struct cryo_cgroups *cg, const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str have = { 0 };
	cryo_auto(cryo_free) char *dir = cryo_asprintf("%s%s", cg->tree[0].mount, path);
	cryo_auto(cryo_free) char *from = cryo_asprintf("%s/cgroup.controllers", dir);
	cryo_auto(cryo_free) char *type = cryo_asprintf("%s/cgroup.type", dir);
	int rc;

	if (!cg->v2)
		return 0;
	/* Only the root of the machine has no type, and may have both. */
	if (cryo_fs_exists(type) && signal_cgroup_dir(dir, 0) > 0) {
		if (*path)
			return 0;
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "this container's processes are in '%s' itself, so cgroups "
				    "below it get no controllers",
				    dir);
	}
	rc = cryo_fs_read(from, 4096, &have, err);
	if (rc == 0)
		hand_down_controllers(dir, cryo_str_get(&have));
	return rc;
}

int cryo_cgroup_make_bare(const struct cryo_cgroups *cg, const char *path, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < cg->n; i++) {
		cryo_auto(cryo_free) char *dir = cryo_asprintf("%s%s", cg->tree[i].mount, path);

		if (mkdir(dir, 0755) == 0)
			rc = cg->v2 ? 0 : fill_new_cpuset(cg->tree[i].mount, path, err);
		else if (errno != EEXIST)
			rc = cryo_err_sys(err, errno, "cannot make cgroup '%s'", dir);
	}
	return rc;
}

int cryo_cgroup_make(const struct cryo_cgroups *cg, const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *p = cryo_strdup(path);
	int rc = cryo_cgroup_delegate(cg, "", err);

	for (char *slash = strchr(p + 1, '/'); rc == 0 && slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		rc = cryo_cgroup_make_bare(cg, p, err);
		if (rc == 0)
			rc = cryo_cgroup_delegate(cg, p, err);
		*slash = '/';
	}
	return rc < 0 ? rc : cryo_cgroup_make_bare(cg, p, err);
}

int cryo_cgroup_enter(const struct cryo_cgroups *cg, const char *path, pid_t pid,
		      struct cryo_err *err)
{
	char text[16];
	int rc = 0;

	snprintf(text, sizeof(text), "%d", pid);
	for (size_t i = 0; rc == 0 && i < cg->n; i++) {
		cryo_auto(cryo_free) char *procs =
		    cryo_asprintf("%s%s/cgroup.procs", cg->tree[i].mount, path);

		rc = cryo_fs_poke(procs, text, err);
	}
	return rc;
}

bool cryo_cgroup_exists(const struct cryo_cgroups *cg, const char *path)
{
	for (size_t i = 0; i < cg->n; i++) {
		cryo_auto(cryo_free) char *dir = cryo_asprintf("%s%s", cg->tree[i].mount, path);

		if (cryo_fs_exists(dir))
			return true;
	}
	return false;
}

/* All groups below `root`, children first; removes them if `remove`. Returns processes seen. */
static size_t visit_cgroup_tree(const char *root, int sig, bool remove)
{
	cryo_auto(cryo_free) char *copy = cryo_strdup(root);
	char *const roots[] = { copy, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	size_t n = 0;
	FTSENT *e;

	while (fts && (e = fts_read(fts))) {
		if (e->fts_info != FTS_DP)
			continue;
		n += signal_cgroup_dir(e->fts_path, sig);
		if (remove)
			rmdir(e->fts_path);
	}
	if (fts)
		fts_close(fts);
	return n;
}

static size_t visit_all_cgroups(const struct cryo_cgroups *cg, const char *path, int sig,
				bool remove)
{
	size_t n = 0;

	for (size_t i = 0; i < cg->n; i++) {
		cryo_auto(cryo_free) char *dir = cryo_asprintf("%s%s", cg->tree[i].mount, path);

		if (cryo_fs_exists(dir))
			n += visit_cgroup_tree(dir, sig, remove);
	}
	return n;
}

/* Its own memory, from /proc: the group's statistics lag behind by seconds. */
/* In v1 a process is in every hierarchy; one of them names it. */
size_t cryo_cgroup_signal(const struct cryo_cgroups *cg, const char *path, int sig)
{
	cryo_auto(cryo_free) char *dir = cryo_asprintf("%s%s", cg->tree[0].mount, path);

	return cryo_fs_exists(dir) ? visit_cgroup_tree(dir, sig, false) : 0;
}

static int64_t read_process_memory(int pid)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/%d/status", pid);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	const char *at;

	if (cryo_fs_read(path, 65536, &text, &ignored) < 0)
		return 0;
	at = strstr(cryo_str_get(&text), "\nRssAnon:");
	return at ? 1024 * strtoll(at + strlen("\nRssAnon:"), NULL, 10) : 0;
}

static int64_t sum_group_memory(const char *dir)
{
	cryo_auto(cryo_free) char *procs = cryo_asprintf("%s/cgroup.procs", dir);
	FILE *f = fopen(procs, "re");
	int64_t sum = 0;
	int pid;

	while (f && fscanf(f, "%d", &pid) == 1)
		sum += read_process_memory(pid);
	if (f)
		fclose(f);
	return sum;
}

int64_t cryo_cgroup_memory(const struct cryo_cgroups *cg, const char *path)
{
	cryo_auto(cryo_free) char *root = cryo_asprintf("%s%s", cg->tree[0].mount, path);
	char *const roots[] = { root, NULL };
	int64_t sum = 0;
	FTSENT *e;
	FTS *fts;

	if (!cryo_fs_is_dir(root))
		return -1;
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	while (fts && (e = fts_read(fts)))
		if (e->fts_info == FTS_D)
			sum += sum_group_memory(e->fts_path);
	if (fts)
		fts_close(fts);
	return sum;
}

/* A frozen task (cgroup v1 freezer, an interrupted dump) does not die before it is thawed. */
static void thaw_frozen_cgroup(const struct cryo_cgroups *cg, const char *path)
{
	for (size_t i = 0; i < cg->n; i++) {
		cryo_auto(cryo_free) char *root = cryo_asprintf("%s%s", cg->tree[i].mount, path);
		char *const roots[] = { root, NULL };
		FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
		struct cryo_err ignored = CRYO_ERR_INIT;
		FTSENT *e;

		while (fts && (e = fts_read(fts))) {
			if (e->fts_info == FTS_F || e->fts_info == FTS_NSOK) {
				if (strcmp(e->fts_name, "freezer.state") == 0)
					cryo_fs_poke(e->fts_path, "THAWED", &ignored);
				if (strcmp(e->fts_name, "cgroup.freeze") == 0)
					cryo_fs_poke(e->fts_path, "0", &ignored);
			}
		}
		if (fts)
			fts_close(fts);
	}
}

int cryo_cgroup_remove(const struct cryo_cgroups *cg, const char *path, struct cryo_err *err)
{
	int64_t end = cryo_now_ms() + REMOVE_MS;
	size_t left;

	if (!cryo_cgroup_exists(cg, path))
		return 0;
	for (;;) {
		/* Each time: a CRIU that is at work freezes them again. */
		thaw_frozen_cgroup(cg, path);
		left = visit_all_cgroups(cg, path, SIGKILL, true);
		if (!cryo_cgroup_exists(cg, path))
			return 0;
		if (cryo_now_ms() >= end)
			break;
		usleep(10000);
	}
	return cryo_err_set(err, CRYO_E_SYSTEM,
			    "cannot remove cgroup '%s': %zu processes are still in it", path, left);
}
