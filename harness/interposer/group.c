/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/group.h"

#include "base/util.h"
#include "sys/cgroup.h"
#include "sys/fs.h"

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

static void write_group_file(pid_t pid, const char *controller, const char *v1, const char *v2,
			     const char *text_v1, const char *text_v2)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	cryo_auto(cryo_free) char *dir = NULL, *file = NULL;
	struct cryo_err ignored;

	if (cryo_cgroups_find(&cg, &ignored) < 0)
		return;
	dir = find_group_directory(&cg, pid, controller);
	if (!dir)
		return;
	file = cryo_asprintf("%s/%s", dir, cg.v2 ? v2 : v1);
	cryo_fs_poke(file, cg.v2 ? text_v2 : text_v1, &ignored);
}

void cryo_group_join_memory(pid_t pid)
{
	cryo_auto(cryo_free) char *us = cryo_asprintf("%d", getpid());

	write_group_file(pid, "memory", "cgroup.procs", "cgroup.procs", us, us);
}

void cryo_group_thaw(pid_t pid)
{
	write_group_file(pid, "freezer", "freezer.state", "cgroup.freeze", "THAWED", "0");
}
