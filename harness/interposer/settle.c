/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/settle.h"

#include "base/str.h"
#include "interposer/group.h"
#include "interposer/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENDS_MS 5000

enum { LOOK, SETTLE, FREEZE, THAW };
const char *const cryo_settle_options[] = { [LOOK] = "--cryopod-look",
					    [SETTLE] = "--cryopod-settle",
					    [FREEZE] = "--cryopod-freeze",
					    [THAW] = "--cryopod-thaw",
					    NULL };

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
	return puts(name_group_state(dir)) == EOF;
}
