/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups of the processes a conversation is about, v1 and v2. Everything here is best
 * effort: nothing fails for it. */
#ifndef CRYO_INTERPOSER_GROUP_H
#define CRYO_INTERPOSER_GROUP_H

#include <sys/types.h>

/* Put ourselves where `pid` is, as far as memory is counted. */
void cryo_group_join_memory(pid_t pid);
/* Let the processes of the group of `pid` go on, if they are frozen. */
void cryo_group_thaw(pid_t pid);

#endif
