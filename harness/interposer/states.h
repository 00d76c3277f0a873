/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States of a process with which CRIU waits for ever: it asks the process to stop for it, and
 * the process does not answer. Found out by what a thread waits in (/proc/PID/task/TID/wchan), as
 * a frozen one shows no state of its own (Linux 6.1 and later).
 */
#ifndef CRYO_INTERPOSER_STATES_H
#define CRYO_INTERPOSER_STATES_H

#include "base/err.h"

#include <sys/types.h>

/* Words for a thread that waits in `wchan`, NULL: no such state. `v1`: frozen by a cgroup v1. */
const char *cryo_states_explain(const char *wchan, bool v1);
/*
 * All threads of the processes (0 at the end) below `proc` ("/proc").
 *   -CRYO_E_CHECK   one of them is in such a state; which, and in which
 */
int cryo_states_check(const char *proc, const pid_t *pids, bool v1, struct cryo_err *err);

#endif
