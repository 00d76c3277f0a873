/* SPDX-License-Identifier: Apache-2.0 */
/* Single files of control groups: settings, and what the kernel counts. */
#include "sys/cgroup.h"

#include "base/str.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* v2: of the group alone, as v1 counts. */
static uint64_t read_group_oom_kills(const char *dir, bool v2)
{
	cryo_auto(cryo_free) char *path =
	    cryo_asprintf("%s/%s", dir, v2 ? "memory.events.local" : "memory.oom_control");
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	const char *at;

	cryo_str_add(&text, "\n");
	if (cryo_fs_read(path, 4096, &text, &ignored) < 0)
		return 0;
	at = strstr(cryo_str_get(&text), "\noom_kill ");
	return at ? strtoull(at + strlen("\noom_kill "), NULL, 10) : 0;
}

uint64_t cryo_cgroup_oom_kills(const struct cryo_cgroups *cg, const char *path)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < cg->n; i++) {
		cryo_auto(cryo_free) char *root = cryo_asprintf("%s%s", cg->tree[i].mount, path);
		char *const roots[] = { root, NULL };
		FTSENT *e;
		FTS *fts;

		if (!cryo_fs_is_dir(root))
			continue;
		fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
		while (fts && (e = fts_read(fts)))
			if (e->fts_info == FTS_D)
				sum += read_group_oom_kills(e->fts_path, cg->v2);
		if (fts)
			fts_close(fts);
	}
	return sum;
}

/* Path of the file in the hierarchy that has it, NULL if none has. Caller frees. */
static char *find_cgroup_file(const struct cryo_cgroups *cg, const char *path, const char *file)
{
	for (size_t i = 0; i < cg->n; i++) {
		cryo_auto(cryo_free) char *full =
		    cryo_asprintf("%s%s/%s", cg->tree[i].mount, path, file);

		if (cryo_fs_exists(full))
			return cryo_steal(&full);
	}
	return NULL;
}

char *cryo_cgroup_get(const struct cryo_cgroups *cg, const char *path, const char *file)
{
	cryo_auto(cryo_free) char *full = find_cgroup_file(cg, path, file);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (!full || cryo_fs_read(full, 4096, &text, &ignored) < 0)
		return NULL;
	return cryo_strndup(cryo_str_get(&text), strcspn(cryo_str_get(&text), "\n"));
}

int cryo_cgroup_set(const struct cryo_cgroups *cg, const char *path, const char *file,
		    const char *value, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *full = find_cgroup_file(cg, path, file);
	cryo_auto(cryo_fd_close) int fd = full ? open(full, O_WRONLY | O_CLOEXEC) : -1;
	size_t n = strlen(value);

	if (!full)
		return cryo_err_set(err, CRYO_E_CHECK, "cgroup '%s' has no '%s'", path, file);
	if (fd < 0 || write(fd, value, n) != (ssize_t)n)
		return cryo_err_sys(err, errno, "cannot write '%s' to '%s'", value, full);
	return 0;
}

/* "4:memory:/docker/0123…" of v1, "0::/system.slice/…" of v2 (cgroups(7)). */
static char *find_cgroup_line(char *text, bool v2)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n"))) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		names++;
		if (v2 ? !*names : strstr(names, "memory") != NULL)
			return path;
	}
	return NULL;
}

char *cryo_cgroup_of(const struct cryo_cgroups *cg, pid_t pid)
{
	cryo_auto(cryo_free) char *file = cryo_asprintf("/proc/%d/cgroup", pid);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	const char *path;

	if (cryo_fs_read(file, 65536, &text, &ignored) < 0 || text.len == 0)
		return NULL;
	path = find_cgroup_line(text.p, cg->v2);
	return path && *path == '/' && path[1] ? cryo_strdup(path) : NULL;
}
