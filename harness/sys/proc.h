/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One way to run a program: an argv array straight to the kernel, no shell, a
 * time limit, its output captured or handed over line by line. Waits sleep on a
 * pidfd. On an interrupt or at the time limit the whole process group gets
 * SIGTERM, and SIGKILL when its first process has ended or five seconds later.
 * If cryopod itself is killed, the child dies too (parent death signal).
 */
#ifndef CRYO_SYS_PROC_H
#define CRYO_SYS_PROC_H

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

/* `line` has no newline and ends at a NUL; one of more than 64 KiB comes in pieces. stream is 1
 * (stdout) or 2 (stderr). */
typedef void (*cryo_proc_line)(const char *line, int stream, void *arg);

struct cryo_proc {
	const char *const *argv; /* argv[0] is searched in PATH unless it has a slash */
	const char *const *env;	 /* "KEY=VALUE" laid over our environment; "KEY" alone unsets */
	bool only_env;		 /* nothing but that */
	const char *cwd;
	const char *input;  /* fed to stdin (then closed); NULL: /dev/null */
	int in_fd, out_fd;  /* its stdin and stdout instead, borrowed; 0: none of ours */
	int64_t timeout_ms; /* 0: none */
	int64_t quiet_ms;   /* the longest it may say nothing; 0: for ever */
	int64_t grace_ms;   /* between SIGTERM and SIGKILL; 0: 5 s */
	bool cr_ends_line;  /* progress that is written over itself comes line by line as well */
	cryo_proc_line on_line; /* each line as it comes */
	void *on_line_arg;
	const char *log_path; /* all output is appended here too (made 0600) */
	size_t
	    capture_max; /* bytes kept of each stream in the result; 0: 1 MiB. The tail is kept */
	pid_t enter_pid; /* run inside this process' mount, net, uts, ipc, cgroup and pid namespaces
			    and root */
	bool isolate; /* own mount and pid namespace: nothing it mounts or starts outlives it. Needs
			 root */
	bool foreground; /* an interactive program: it inherits stdin, stdout, stderr and our
			    process group; Ctrl-C is its own */
	const char
	    *chroot; /* with isolate: change root here first (proc, dev, sys are mounted inside) */
	const char *const *binds; /* with chroot: "HOSTPATH" list, bound at the same path inside
				     (made if missing) */
	/* The last thing in the child before the exec; its failure is one of the start. argv[0] is
	 * looked up after it. The process has one thread. */
	int (*prepare)(void *arg, struct cryo_err *err);
	void *prepare_arg;
};

#define CRYO_PROC_INIT                                                                             \
	{                                                                                          \
		0                                                                                  \
	}

struct cryo_proc_result {
	int exit_code; /* 0…255; 128 + signal when killed; 127 when it could not be executed */
	int signal;    /* 0, or what killed it */
	int64_t ms;
	struct cryo_str out, err; /* owned; tail of each stream */
};

void cryo_proc_result_release(struct cryo_proc_result *r);
#define cryo_proc_result_releasep cryo_proc_result_release

/*
 * Run to the end. `res` may be NULL; else it is filled in whenever the program
 * was started, also on failure, and is the caller's to release.
 *   0                    it exited with 0
 *   -CRYO_E_CHILD        it exited otherwise: "'x' failed with exit code 25: <last stderr line>"
 *   -CRYO_E_UNFIT        no such program
 *   -CRYO_E_TIMEOUT, -CRYO_E_INTERRUPTED, -CRYO_E_SYSTEM
 */
int cryo_proc_run(const struct cryo_proc *p, struct cryo_proc_result *res, struct cryo_err *err);
/*
 * Several at once, served by one thread: start them, serve until cryo_child_done,
 * finish each. `p` is borrowed until then. Not for programs in the foreground.
 */
struct cryo_child;
int cryo_child_start(const struct cryo_proc *p, struct cryo_child **out, struct cryo_err *err);
/* Sleeps until one of them says something, ends or comes to a limit, or an interrupt comes; what
 * is there is handled. NULL entries are none. */
void cryo_child_serve(struct cryo_child *const *child, size_t n);
bool cryo_child_done(const struct cryo_child *c);
/* Another time limit than at the start, from now on; 0: none. */
void cryo_child_limit(struct cryo_child *c, int64_t timeout_ms);
/* What became of it, as cryo_proc_run tells; frees it. One that still runs is waited for. */
int cryo_child_finish(struct cryo_child *c, struct cryo_proc_result *res, struct cryo_err *err);
/* The common case: run, want stdout. *out (owned) has its trailing newline cut off. */
int cryo_proc_output(const char *const *argv, int64_t timeout_ms, char **out, struct cryo_err *err);

/* One in the background, for as long as it is needed: started, heard until it has said what it is
 * awaited for, ended. */
/* Calls p->on_line until that has set *said. Fails as cryo_proc_run when the program ends before
 * (also with 0), at timeout_ms, or on an interrupt. */
int cryo_child_await(struct cryo_child *c, const bool *said, int64_t timeout_ms,
		     struct cryo_err *err);
/* SIGTERM to its group, SIGKILL if need be, until it is gone. NULL is fine. */
void cryo_child_end(struct cryo_child *c);
CRYO_DEFINE_AUTO(struct cryo_child, cryo_child_end)

/*
 * What ends a pid that is not our child (a node's init, the forwarder): open a
 * pidfd, check it is still the process of that start time, signal, wait.
 */
struct cryo_pid {
	pid_t pid;
	uint64_t start_time; /* /proc/PID/stat field 22: tells a reused pid apart */
};
/* Fills start_time for pid. -CRYO_E_SYSTEM with ESRCH if it is gone. */
int cryo_pid_of(pid_t pid, struct cryo_pid *out, struct cryo_err *err);
bool cryo_pid_alive(
    const struct cryo_pid *p); /* running, and the same one; zombies are not alive */
/* SIGTERM, up to grace_ms, SIGKILL, wait until it is gone. Gone already is fine. */
int cryo_pid_end(const struct cryo_pid *p, int64_t grace_ms, struct cryo_err *err);
/* Of this start of the machine: pids of another one are nobody's. "" if unknown; caller frees. */
char *cryo_boot_id(void);

#endif
