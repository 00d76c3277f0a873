/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CRYO_SCENARIO_VERDICT_H
#define CRYO_SCENARIO_VERDICT_H

#include "sys/proc.h"

/* What became of a process that is cryopod: its own last words and status instead of what
 * cryo_child_finish makes of them. */
int cryo_verdict_read(const struct cryo_proc_result *res, int rc, struct cryo_err *err);

#endif
