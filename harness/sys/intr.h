/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ctrl-C and SIGTERM. The first asks everything that waits to stop: waits poll
 * cryo_intr_fd() beside their own descriptors, loops ask cryo_intr_check(). The
 * second ends the process at once, unless it is the echo of the first (within
 * 200 ms, from whoever signals process and group); the children it started in the foreground
 * die with it (parent death signal, sys/proc.h).
 */
#ifndef CRYO_SYS_INTR_H
#define CRYO_SYS_INTR_H

#include "base/err.h"

/* Install the handlers; once, from main(). */
void cryo_intr_install(void);
/* Readable as soon as a signal came; -1 if not installed (poll ignores -1). Borrowed. */
int cryo_intr_fd(void);
/* 0, or -CRYO_E_INTERRUPTED with the signal's number. */
int cryo_intr_check(struct cryo_err *err);
/*
 * Clean-up after an interrupt must be able to wait: between these two the first
 * signal counts as not there. Nests.
 */
void cryo_intr_hold(void);
void cryo_intr_release(void);
/* Sleeps up to ms; ends early and returns -CRYO_E_INTERRUPTED on a signal. */
int cryo_intr_sleep(int64_t ms, struct cryo_err *err);

#endif
