/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beside every dump a process that sees to it that the container goes on. Whoever
 * asked for the dump has frozen it, and CRIU puts it back to that; if one of
 * them dies, hangs or is given up, nothing would thaw it.
 *
 * A dump is over, for the guard, when runc, its shim or containerd has died, the work
 * directory was removed (the call behind it has ended), the time is up, or the
 * guard gets SIGTERM. Then CRIU is given a moment to end by itself and killed after
 * that, and the container is thawed if nothing else does it. After SIGTERM the
 * container is left to who sent it (settle.h).
 */
#ifndef CRYO_INTERPOSER_GUARD_H
#define CRYO_INTERPOSER_GUARD_H

#include "base/err.h"

#include <sys/types.h>

struct cryo_guard_opts {
	pid_t runc;	       /* waits for CRIU: alive as long as CRIU is */
	pid_t dumped;	       /* a process of the container */
	const char *container; /* its id; "": unknown, and this guard cannot be found */
	int work;	       /* CRIU's work directory */
	const char *dumps;     /* directory for the file that names the guard of a container */
	int64_t limit_ms;
};

/* For a dump by this very process, which becomes CRIU. The guard runs when this returns. */
int cryo_guard_start(const struct cryo_guard_opts *o, struct cryo_err *err);
/*
 * Ends the dump of a container, if one is going on, and waits up to wait_ms until CRIU and runc
 * are gone. 1: there was one, 0: none, -CRYO_E_TIMEOUT
 */
int cryo_guard_end(const char *dumps, const char *container, int64_t wait_ms, struct cryo_err *err);

#endif
