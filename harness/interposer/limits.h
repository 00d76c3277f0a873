/* SPDX-License-Identifier: Apache-2.0 */
/* A process's resource limits as /proc/PID/limits shows them, which everybody may read. */
#ifndef CRYO_INTERPOSER_LIMITS_H
#define CRYO_INTERPOSER_LIMITS_H

#include <stdbool.h>
#include <sys/resource.h>

/* That of a resource (RLIMIT_CPU …): the kernel prints them in the order of their numbers. false:
 * the text has no such line. */
bool cryo_limits_parse(const char *text, unsigned resource, struct rlimit64 *out);

#endif
