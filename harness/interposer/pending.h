/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seal.pending` in the directory of a set that is still being made when runc
 * has CRIU's answer already. It is locked (flock) by whoever makes the set, and
 * the lock goes with that process, however it ends. So, when the lock is free:
 *
 *   seal.cms is there      the set is whole
 *   it is not              there is no set; the file may hold the reason, a line
 *
 * Whoever asked for it (runc's --encrypt-later) waits, and removes the file: it
 * is no part of a set.
 */
#ifndef CRYO_INTERPOSER_PENDING_H
#define CRYO_INTERPOSER_PENDING_H

#include "base/err.h"

#define CRYO_PENDING_NAME "seal.pending"

/* Makes and locks it, with space for a reason. *lock: to be closed when all is done. One that is
 * there already is an error: something unknown may be waiting for it. */
int cryo_pending_begin(int dir, int *lock, struct cryo_err *err);
void cryo_pending_failed(int lock, const char *why);

#endif
