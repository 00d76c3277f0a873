/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups of the processes a conversation is about, v1 and v2. Everything here is best
 * effort: nothing fails for it. */
#ifndef CRYO_INTERPOSER_GROUP_H
#define CRYO_INTERPOSER_GROUP_H

#include "base/err.h"

#include <sys/types.h>

/* Put ourselves where `pid` is, as far as memory is counted. */
void cryo_group_join_memory(pid_t pid);
/*
 * Directory of the group that is frozen with `pid`: that of the container `id`
 * if its path names it, else the process' own; NULL: none can be seen. Caller frees.
 */
char *cryo_group_freezer(pid_t pid, const char *id);
/* The same for a container of which any process is left. */
char *cryo_group_of_container(const char *id);

enum cryo_group_state {
	CRYO_GROUP_GONE,
	CRYO_GROUP_RUNS,
	CRYO_GROUP_FROZEN, /* or about to be */
};
bool cryo_group_is_v1(const char *dir);
enum cryo_group_state cryo_group_look(const char *dir);
void cryo_group_freeze(const char *dir);
void cryo_group_thaw(const char *dir);
/* Process IDs of the group and of those below it, 0 at the end. Caller frees. */
pid_t *cryo_group_pids(const char *dir);

#endif
