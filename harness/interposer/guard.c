/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/guard.h"

#include "base/clock.h"
#include "base/str.h"
#include "interposer/family.h"
#include "interposer/fds.h"
#include "interposer/group.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS	  50
#define GRACE_MS  1500 /* for CRIU, to end by itself */
#define DIES_MS	  3000 /* of what was killed: its memory goes first */
#define RESUME_MS 1000 /* for whoever froze the container */

enum party { CRIU, RUNC, SHIM, ENGINE, PARTIES };

struct guard {
	pid_t pid[PARTIES];
	int fd[PARTIES]; /* pidfds; -1: none */
	int work;
	int lock;   /* of the file; -1: there is none */
	char *file; /* names this guard; NULL: nobody finds it */
	char *freezer;
	int64_t end;
	bool broken; /* CRIU was ended, or ended without runc */
};

static volatile sig_atomic_t asked_to_end;

static void note_signal(int sig)
{
	(void)sig;
	asked_to_end = 1;
}

static int open_pidfd(pid_t pid)
{
	return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

static bool has_ended(const struct guard *g, enum party p)
{
	struct pollfd fd = { .fd = g->fd[p], .events = POLLIN };

	return g->fd[p] >= 0 && poll(&fd, 1, 0) == 1;
}

static bool is_work_gone(const struct guard *g)
{
	struct stat st;

	return fstat(g->work, &st) == 0 && st.st_nlink == 0;
}

static bool is_given_up(const struct guard *g)
{
	return asked_to_end || g->broken || has_ended(g, SHIM) || has_ended(g, ENGINE) ||
	       is_work_gone(g) || cryo_now_ms() >= g->end;
}

/* Waits up to `ms`; true when it has ended, or there was none. */
static bool await_end(const struct guard *g, enum party p, int ms)
{
	int64_t until = cryo_now_ms() + ms;
	struct pollfd fd = { .fd = g->fd[p], .events = POLLIN };

	while (g->fd[p] >= 0 && poll(&fd, 1, LOOK_MS) != 1)
		if (cryo_now_ms() >= until)
			return false;
	return true;
}

/* runc waits for CRIU's end: one that is gone before was killed. */
static void watch_dump(const struct guard *g)
{
	while (!await_end(g, CRIU, LOOK_MS) && !has_ended(g, RUNC) && !is_given_up(g))
		;
}

static void shoot_criu(struct guard *g)
{
	g->broken = true;
	cryo_family_kill(g->pid[CRIU]);
	await_end(g, CRIU, DIES_MS);
	/* One that was told to give up, or hangs, holds its shim up as well. */
	if (!await_end(g, RUNC, GRACE_MS / 3))
		kill(g->pid[RUNC], SIGKILL);
	await_end(g, RUNC, DIES_MS);
}

static void end_dump(struct guard *g)
{
	if (has_ended(g, CRIU))
		return;
	if (asked_to_end || !await_end(g, CRIU, GRACE_MS))
		shoot_criu(g);
	g->broken = true;
}

/*
 * Whoever froze the container lets it go on when it knows that the dump has ended;
 * before that it may still have to read from it. So only where nobody is left, or
 * does not do it.
 */
static void let_container_go_on(const struct guard *g)
{
	int64_t since = 0;

	while (!asked_to_end && cryo_group_look(g->freezer) == CRYO_GROUP_FROZEN) {
		if (is_given_up(g) && !since)
			since = cryo_now_ms();
		if (since && cryo_now_ms() - since >= RESUME_MS)
			cryo_group_thaw(g->freezer);
		poll(NULL, 0, LOOK_MS);
	}
}

static void watch_as_guard(struct guard *g)
{
	const int keep[] = { g->work, g->lock };
	int all[PARTIES + CRYO_ARRAY_LEN(keep)];

	memcpy(all, g->fd, sizeof(g->fd));
	memcpy(all + PARTIES, keep, sizeof(keep));
	prctl(PR_SET_NAME, "cryopod-guard");
	cryo_fds_close_others(all, CRYO_ARRAY_LEN(all));
	watch_dump(g);
	end_dump(g);
	if (g->freezer)
		let_container_go_on(g);
	/* The lock goes with us; one who waits for it has the file open already. */
	if (g->file)
		unlink(g->file);
}

/* The file of the container: locked by its guard, whose pid is in it. */
static int write_guard_file(struct guard *g, const struct cryo_guard_opts *o, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", o->dumps, o->container);
	int rc = *o->container ? cryo_fs_mkdirs(o->dumps, 0700, err) : 0;

	if (rc < 0 || !*o->container)
		return rc;
	g->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (g->lock < 0)
		return cryo_err_sys(err, errno, "cannot make '%s'", path);
	/* Somebody else dumps it, too: that is CRIU's to refuse. */
	if (flock(g->lock, LOCK_EX | LOCK_NB) < 0) {
		cryo_fd_closep(&g->lock);
		return 0;
	}
	if (ftruncate(g->lock, 0) < 0 || dprintf(g->lock, "%d\n", getpid()) < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", path);
	g->file = cryo_steal(&path);
	return 0;
}

static void run_guard(struct guard *g, const struct cryo_guard_opts *o, int ready)
{
	const struct sigaction act = { .sa_handler = note_signal };
	struct cryo_err err = CRYO_ERR_INIT;

	sigaction(SIGTERM, &act, NULL);
	/* Without a file it is a guard nobody can call; still better than none. */
	write_guard_file(g, o, &err);
	if (write(ready, "g", 1) != 1)
		return;
	watch_as_guard(g);
}

static void find_parties(struct guard *g, const struct cryo_guard_opts *o)
{
	pid_t shim = cryo_family_parent(o->runc);

	g->pid[CRIU] = getpid();
	g->pid[RUNC] = o->runc;
	g->pid[SHIM] = cryo_family_is_called(shim, "containerd-shim") ? shim : 0;
	g->pid[ENGINE] = cryo_family_only("containerd");
	for (size_t i = 0; i < PARTIES; i++)
		g->fd[i] = open_pidfd(g->pid[i]);
}

/* As with the helper: nobody's child that CRIU or runc could stumble over. */
static int fork_guard(struct guard *g, const struct cryo_guard_opts *o, struct cryo_err *err)
{
	int ready[2], status;
	char go = 0;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return cryo_err_sys(err, errno, "cannot make a pipe");
	pid = fork();
	if (pid == 0) {
		if (fork() == 0)
			run_guard(g, o, ready[1]);
		_exit(EXIT_SUCCESS);
	}
	close(ready[1]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0 || read(ready[0], &go, 1) != 1)
		cryo_err_set(err, CRYO_E_SYSTEM, "the guard of this dump did not start");
	close(ready[0]);
	return go ? 0 : -(int)CRYO_E_SYSTEM;
}

int cryo_guard_start(const struct cryo_guard_opts *o, struct cryo_err *err)
{
	struct guard g = { .work = o->work, .lock = -1, .end = cryo_now_ms() + o->limit_ms };
	int rc;

	find_parties(&g, o);
	g.freezer = cryo_group_freezer(o->dumped, o->container);
	rc = fork_guard(&g, o, err);
	for (size_t i = 0; i < PARTIES; i++)
		cryo_fd_closep(&g.fd[i]);
	free(g.freezer);
	return rc;
}

/* Takes the lock within the time. 0, or -CRYO_E_TIMEOUT. */
static int await_guard(int fd, int64_t wait_ms, struct cryo_err *err)
{
	int64_t until = cryo_now_ms() + wait_ms;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (cryo_now_ms() >= until)
			return cryo_err_set(err, CRYO_E_TIMEOUT, "the dump did not end");
		poll(NULL, 0, LOOK_MS);
	}
	return 0;
}

int cryo_guard_end(const char *dumps, const char *container, int64_t wait_ms, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dumps, container);
	cryo_auto(cryo_fd_close) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	char text[16] = "";
	int rc;

	if (fd < 0)
		return errno == ENOENT ? 0 : cryo_err_sys(err, errno, "cannot open '%s'", path);
	/* Free: its guard was killed. */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		unlink(path);
		return 0;
	}
	if (pread(fd, text, sizeof(text) - 1, 0) > 0 && atoi(text) > 1)
		kill(atoi(text), SIGTERM);
	rc = await_guard(fd, wait_ms, err);
	return rc < 0 ? rc : 1;
}
