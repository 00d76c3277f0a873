/* SPDX-License-Identifier: Apache-2.0 */
/* The child's half of sys/proc.h: everything between the fork and the exec. */
#ifndef CRYO_SYS_SPAWN_H
#define CRYO_SYS_SPAWN_H

#include "sys/proc.h"

struct cryo_spawn_fds {
	int in, out, err; /* become 0, 1, 2; -1: inherit */
	int status;	  /* close-on-exec; a failure before the exec is written here */
};

struct cryo_spawn_failure {
	int sys_errno;	 /* 0: `what` says it all */
	char what[1024]; /* the step and its subject */
};

/*
 * Forks (into new namespaces if p->isolate) and executes. Returns the child's
 * pid, or -1 with errno. `path` is the program, already found in PATH (NULL:
 * looked up in the child, because its root is another).
 */
pid_t cryo_spawn(const struct cryo_proc *p, const char *path, const struct cryo_spawn_fds *fds);

#endif
