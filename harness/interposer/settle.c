/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/settle.h"

#include "base/str.h"
#include "interposer/group.h"
#include "interposer/guard.h"
#include "sys/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENDS_MS	   5000
#define MAX_MOUNTS (1 << 20)

enum { LOOK, SETTLE, FREEZE, THAW, ROOT };
const char *const cryo_settle_options[] = {
	[LOOK] = "--cryopod-look", [SETTLE] = "--cryopod-settle", [FREEZE] = "--cryopod-freeze",
	[THAW] = "--cryopod-thaw", [ROOT] = "--cryopod-root",	  NULL
};

static int find_settle_option(const char *option)
{
	int i = 0;

	while (cryo_settle_options[i] && strcmp(cryo_settle_options[i], option) != 0)
		i++;
	return i;
}

static const char *name_group_state(const char *dir)
{
	static const char *const name[] = { [CRYO_GROUP_GONE] = "gone",
					    [CRYO_GROUP_RUNS] = "running",
					    [CRYO_GROUP_FROZEN] = "frozen" };

	return name[dir ? cryo_group_look(dir) : CRYO_GROUP_GONE];
}

bool cryo_settle_is_root_read_only(const char *mountinfo)
{
	cryo_auto(cryo_free) char *copy = cryo_strdup(mountinfo);
	char point[4096], options[4096], *save = NULL;
	bool read_only = false;

	/* Of several upon each other the last one is seen. */
	for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (sscanf(l, "%*s %*s %*s %*s %4095s %4095s", point, options) == 2 &&
		    strcmp(point, "/") == 0)
			read_only = strcmp(options, "ro") == 0 || cryo_starts_with(options, "ro,");
	return read_only;
}

static const char *name_root_state(const char *group)
{
	pid_t *pids = group ? cryo_group_pids(group) : NULL;
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/%d/mountinfo", pids ? *pids : 0);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	free(pids);
	if (cryo_fs_read(path, MAX_MOUNTS, &text, &ignored) < 0)
		return "gone";
	return cryo_settle_is_root_read_only(cryo_str_get(&text)) ? "read-only" : "writable";
}

int cryo_settle_main(const char *dumps, const char *option, const char *id)
{
	struct cryo_err err = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *dir = NULL;
	int what = find_settle_option(option);

	if (strlen(id) != 64 || strspn(id, "0123456789abcdef") != 64)
		return fprintf(stderr, "cryopod-criu: '%.80s' is not a container ID\n", id), 2;
	if (what == SETTLE && cryo_guard_end(dumps, id, ENDS_MS, &err) < 0)
		fprintf(stderr, "cryopod-criu: %s\n", err.msg);
	dir = cryo_group_of_container(id);
	if (dir && what == FREEZE)
		cryo_group_freeze(dir);
	if (dir && what == THAW)
		cryo_group_thaw(dir);
	return puts(what == ROOT ? name_root_state(dir) : name_group_state(dir)) == EOF;
}
