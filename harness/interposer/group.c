/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/group.h"

#include "base/str.h"
#include "sys/cgroup.h"
#include "sys/fs.h"

#include <dirent.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PROC 65536

/*
 * The directory of the group that `pid` is in, in the hierarchy of a v1
 * controller or in v2; NULL: none that can be seen from here. Caller frees.
 */
static char *find_group_directory(const struct cryo_cgroups *cg, pid_t pid, const char *controller)
{
	cryo_auto(cryo_free) char *file = cryo_asprintf("/proc/%d/cgroup", pid);
	cryo_auto(cryo_free) char *key = cryo_asprintf(cg->v2 ? "0::/" : ":%s:/", controller);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored;
	char *save = NULL;

	if (cryo_fs_read(file, MAX_PROC, &text, &ignored) < 0 || !text.p)
		return NULL;
	for (char *line = strtok_r(text.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *path = strstr(line, key);

		if (!path || strstr(path, "/.."))
			continue;
		for (size_t i = 0; i < cg->n; i++)
			if (cg->v2 || cryo_streq(cg->tree[i].options, controller))
				return cryo_asprintf("%s%s", cg->tree[i].mount, strchr(path, '/'));
	}
	return NULL;
}

void cryo_group_join_memory(pid_t pid)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	cryo_auto(cryo_free) char *us = cryo_asprintf("%d", getpid());
	cryo_auto(cryo_free) char *dir = NULL, *file = NULL;
	struct cryo_err ignored;

	if (cryo_cgroups_find(&cg, &ignored) < 0)
		return;
	dir = find_group_directory(&cg, pid, "memory");
	if (!dir)
		return;
	file = cryo_asprintf("%s/cgroup.procs", dir);
	cryo_fs_poke(file, us, &ignored);
}

/* A process may be in a group of its own below the container's. */
static void cut_below_container(char *dir, const char *id)
{
	char *at = *id ? strstr(dir, id) : NULL;

	at = at ? strchr(at, '/') : NULL;
	if (at)
		*at = '\0';
}

char *cryo_group_freezer(pid_t pid, const char *id)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	struct cryo_err ignored;
	char *dir;

	if (cryo_cgroups_find(&cg, &ignored) < 0)
		return NULL;
	dir = find_group_directory(&cg, pid, "freezer");
	if (dir)
		cut_below_container(dir, id);
	return dir;
}

char *cryo_group_of_container(const char *id)
{
	DIR *d = opendir("/proc");
	char *found = NULL;

	for (struct dirent *e; d && !found && (e = readdir(d));) {
		pid_t pid = atoi(e->d_name);
		char *dir = pid > 0 ? cryo_group_freezer(pid, id) : NULL;

		if (dir && strstr(dir, id))
			found = cryo_steal(&dir);
		free(dir);
	}
	if (d)
		closedir(d);
	return found;
}

static bool read_group_file(const char *dir, const char *name, char *out, size_t size)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(out, (int)size, f);

	if (f)
		fclose(f);
	return ok;
}

bool cryo_group_is_v1(const char *dir)
{
	cryo_auto(cryo_free) char *state = cryo_asprintf("%s/freezer.state", dir);

	return cryo_fs_exists(state);
}

enum cryo_group_state cryo_group_look(const char *dir)
{
	char text[32];

	if (read_group_file(dir, "freezer.state", text, sizeof(text)))
		return cryo_starts_with(text, "THAWED") ? CRYO_GROUP_RUNS : CRYO_GROUP_FROZEN;
	if (read_group_file(dir, "cgroup.freeze", text, sizeof(text)))
		return *text == '0' ? CRYO_GROUP_RUNS : CRYO_GROUP_FROZEN;
	return CRYO_GROUP_GONE;
}

static void write_group_state(const char *dir, const char *v1, const char *v2)
{
	bool old = cryo_group_is_v1(dir);
	cryo_auto(cryo_free) char *file =
	    cryo_asprintf("%s/%s", dir, old ? "freezer.state" : "cgroup.freeze");
	struct cryo_err ignored;

	cryo_fs_poke(file, old ? v1 : v2, &ignored);
}

void cryo_group_freeze(const char *dir)
{
	write_group_state(dir, "FROZEN", "1");
}

void cryo_group_thaw(const char *dir)
{
	write_group_state(dir, "THAWED", "0");
}

static void add_group_pids(const char *dir, pid_t **pids, size_t *n)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/cgroup.procs", dir);
	FILE *f = fopen(path, "re");
	int pid;

	while (f && fscanf(f, "%d", &pid) == 1) {
		*pids = cryo_realloc(*pids, *n + 2, sizeof(**pids));
		(*pids)[(*n)++] = pid;
	}
	if (f)
		fclose(f);
}

pid_t *cryo_group_pids(const char *dir)
{
	cryo_auto(cryo_free) char *root = cryo_strdup(dir);
	char *const roots[] = { root, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	pid_t *pids = cryo_alloc(sizeof(*pids));
	size_t n = 0;
	FTSENT *e;

	while (fts && (e = fts_read(fts)))
		if (e->fts_info == FTS_D)
			add_group_pids(e->fts_path, &pids, &n);
	if (fts)
		fts_close(fts);
	pids[n] = 0;
	return pids;
}
