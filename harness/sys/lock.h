/* SPDX-License-Identifier: Apache-2.0 */
/* Lock files (flock): held by the process, gone with it, also after kill -9. */
#ifndef CRYO_SYS_LOCK_H
#define CRYO_SYS_LOCK_H

#include "base/err.h"

/* How long to wait for somebody else's work of a kind, in milliseconds. */
#define CRYO_LOCK_BUILD_MS   (2 * 60 * 60 * 1000) /* a fetch, a build, a root file system */
#define CRYO_LOCK_CACHE_MS   (10 * 60 * 1000)	  /* a prune that removes gigabytes */
#define CRYO_LOCK_CLUSTER_MS (2 * 60 * 1000)	  /* an up, a down, a snapshot */

/*
 * Takes the lock at `path` (made if missing, 0600), waits up to wait_ms
 * (interruptible). On success *fd is the caller's: closing it releases.
 *   -CRYO_E_TIMEOUT   somebody else has it; the message names their pid
 */
int cryo_lock_take(const char *path, int64_t wait_ms, int *fd, struct cryo_err *err);
/* The same where another cryopod does work that is ours, too: a note of the step says who it is. */
int cryo_lock_wait(const char *path, int64_t wait_ms, int *fd, struct cryo_err *err);
/* Release it and leave no file behind; who waits for it gets a new one. */
void cryo_lock_remove(const char *path, int *fd);
/* Is it free right now? Never waits. */
bool cryo_lock_is_free(const char *path);

/*
 * Shared: any number of holders, as long as it is not held exclusively (cryo_lock_take). For a lock
 * of which nobody cares who has it.
 */
int cryo_lock_join(const char *path, int64_t wait_ms, int *fd, struct cryo_err *err);

/*
 * Directories that others may remove. Whoever relies on one holds on to it, whoever removes one
 * wants it alone first, and then renames it. Neither waits. The descriptor is the caller's:
 * closing it lets go.
 */
/* -1: it is not there, or goes away just now. */
int cryo_lock_hold_dir(const char *dir);
/* -1: somebody holds on to it, or it is not there. */
int cryo_lock_only_dir(const char *dir);

#endif
