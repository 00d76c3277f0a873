/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CRYO_RECIPE_CONFINE_H
#define CRYO_RECIPE_CONFINE_H

#include "base/err.h"

/*
 * For cryo_proc.prepare, with `isolate` and `chroot`: no network, no device but null and
 * its like, no /sys, the root and /proc read-only, three capabilities. Only directories
 * that were bound can be written, but for `read_only` (a bound one's path, or NULL).
 */
int cryo_build_confine(void *read_only, struct cryo_err *err);

#endif
