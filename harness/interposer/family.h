/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by what /proc says of them. */
#ifndef CRYO_INTERPOSER_FAMILY_H
#define CRYO_INTERPOSER_FAMILY_H

#include <stdbool.h>
#include <sys/types.h>

pid_t cryo_family_parent(pid_t pid); /* 0: not known */
bool cryo_family_is_called(pid_t pid, const char *name_begins_with);
/* The only process of exactly that name; 0: none, or several. */
pid_t cryo_family_only(const char *name);
/* SIGKILL to it and to all that descend from it, until none is left to be found. */
void cryo_family_kill(pid_t pid);

#endif
