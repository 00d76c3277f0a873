/* SPDX-License-Identifier: Apache-2.0 */
/* A child process of sys/proc.h from within, for proc.c, child_io.c and child_serve.c. */
#ifndef CRYO_SYS_CHILD_H
#define CRYO_SYS_CHILD_H

#include "sys/proc.h"
#include "sys/spawn.h"

#include <signal.h>

/* One output stream of the child on its way to the result, the log and the line callback. */
struct stream {
	int fd;
	int number; /* 1 or 2 */
	struct cryo_str *kept;
	struct cryo_str line;
};

struct cryo_child {
	const struct cryo_proc *p;
	struct cryo_proc_result res;
	int64_t begin;
	pid_t pid;
	int pidfd, status, log, input;
	size_t input_at;
	struct stream stream[2];
	enum cryo_status ending; /* why we are ending it; CRYO_OK: we are not */
	int64_t kill_at;	 /* when SIGKILL is due, once ending */
	int64_t deadline;	 /* 0: none */
	int64_t quiet_until;	 /* 0: no limit */
	bool was_quiet;		 /* why it took too long */
	int64_t limit_ms;	 /* what it was, for the message */
	bool exited;
	int64_t drain_until; /* once exited */
	siginfo_t info;
};

/* Reads what is there; false at the end of the stream. */
bool sys_child_pump(struct cryo_child *r, struct stream *s);
/* Writes as much of its input as it takes now. */
void sys_child_feed(struct cryo_child *r);
/* Pipes and files for the child; -1 in `theirs` where it inherits ours. */
int sys_child_open_fds(struct cryo_child *r, struct cryo_spawn_fds *theirs, struct cryo_err *err);
/* The last line of each stream, and how it ended, of one that is done. */
void sys_child_flush(struct cryo_child *r);
/* SIGTERM now, SIGKILL when its time of grace is over; `why` becomes the error. Again: nothing. */
void sys_child_begin_end(struct cryo_child *r, enum cryo_status why);

#endif
