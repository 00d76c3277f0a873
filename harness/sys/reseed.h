/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's random numbers after a restore. A process with vDSO getrandom (Linux 6.11; Go 1.24,
 * glibc 2.41) draws from a state in its own memory until the kernel's generation changes, about
 * once a minute. Restored sooner it would draw what its source and every other copy draw.
 */
#ifndef CRYO_SYS_RESEED_H
#define CRYO_SYS_RESEED_H

#include "base/err.h"

/*
 * The next generation begins now (ioctl RNDRESEEDCRNG, random(4)): states in images that were
 * dumped before are out of date. Between a dump and its restore, at any time. Needs CAP_SYS_ADMIN
 * of the first user namespace: -CRYO_E_SYSTEM with EPERM where it is not there.
 */
int cryo_random_reseed(struct cryo_err *err);
/* The same; where it cannot be done, a warning says what it means for the restored. */
void cryo_random_reseed_or_warn(const char *restored);

#endif
