/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/spawn.h"

#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void fail_child_setup(int status, int sys_errno, const char *what,
				       const char *subject)
{
	struct cryo_spawn_failure f = { .sys_errno = sys_errno };

	snprintf(f.what, sizeof(f.what), "%s '%s'", what, subject);
	if (write(status, &f, sizeof(f)) < 0)
		_exit(126);
	_exit(127);
}

static void mount_in_child(int status, const char *src, const char *at, const char *type,
			   unsigned long flags)
{
	if (mount(src, at, type, flags, NULL) < 0)
		fail_child_setup(status, errno, "cannot mount", at);
}

/*
 * The place of a bind inside the root: a directory or an empty file, like its
 * source. A link there would lead out of the root, so it is replaced.
 */
static void make_bind_target(int status, const char *src, const char *at)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct stat st;

	if (lstat(at, &st) == 0 && S_ISLNK(st.st_mode))
		unlink(at);
	if (cryo_fs_mkparents(at, 0755, &err) < 0)
		fail_child_setup(status, err.sys_errno, "cannot make", at);
	if (cryo_fs_is_dir(src)) {
		if (mkdir(at, 0755) < 0 && errno != EEXIST)
			fail_child_setup(status, errno, "cannot make", at);
	} else {
		int fd = open(at, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

		if (fd < 0)
			fail_child_setup(status, errno, "cannot make", at);
		close(fd);
	}
}

static void bind_inside_root(int status, const char *root, const char *path)
{
	cryo_auto(cryo_free) char *at = cryo_asprintf("%s%s", root, path);

	if (!cryo_fs_exists(path))
		return;
	make_bind_target(status, path, at);
	mount_in_child(status, path, at, NULL, MS_BIND | MS_REC);
}

static void enter_build_root(const struct cryo_proc *p, int status)
{
	static const char *const always[] = { "/dev", "/sys", NULL };
	cryo_auto(cryo_free) char *proc = cryo_asprintf("%s/proc", p->chroot);

	/* A mount of its own: `prepare` may make it read-only. */
	mount_in_child(status, p->chroot, p->chroot, NULL, MS_BIND | MS_REC);
	mount_in_child(status, "proc", proc, "proc", 0);
	for (size_t i = 0; always[i]; i++)
		bind_inside_root(status, p->chroot, always[i]);
	for (size_t i = 0; p->binds && p->binds[i]; i++)
		bind_inside_root(status, p->chroot, p->binds[i]);
	if (chroot(p->chroot) < 0 || chdir("/") < 0)
		fail_child_setup(status, errno, "cannot change root to", p->chroot);
}

static void isolate_child_mounts(const struct cryo_proc *p, int status)
{
	mount_in_child(status, NULL, "/", NULL, MS_REC | MS_PRIVATE);
	if (p->chroot)
		enter_build_root(p, status);
	else
		mount_in_child(status, "proc", "/proc", "proc", 0);
}

/* Mirror the end of the process that runs inside: a pid namespace is entered by a child only. */
static _Noreturn void mirror_inner_exit(pid_t inner)
{
	int wstatus;

	while (waitpid(inner, &wstatus, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(wstatus)) {
		signal(WTERMSIG(wstatus), SIG_DFL);
		kill(getpid(), WTERMSIG(wstatus));
		_exit(128 + WTERMSIG(wstatus));
	}
	_exit(WEXITSTATUS(wstatus));
}

static void enter_node_namespaces(const struct cryo_proc *p, const struct cryo_spawn_fds *fds)
{
	/* mnt last: after it our /proc is gone. pid only counts for the fork below. */
	static const char *const kinds[] = { "cgroup", "ipc", "uts", "net", "pid", "mnt" };
	int ns[CRYO_ARRAY_LEN(kinds)], root;
	char path[64];
	pid_t inner;

	snprintf(path, sizeof(path), "/proc/%d/root", p->enter_pid);
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		fail_child_setup(fds->status, errno, "cannot enter the node of", path);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(kinds); i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", p->enter_pid, kinds[i]);
		ns[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (ns[i] < 0)
			fail_child_setup(fds->status, errno, "cannot open", path);
	}
	for (size_t i = 0; i < CRYO_ARRAY_LEN(kinds); i++)
		if (setns(ns[i], 0) < 0)
			fail_child_setup(fds->status, errno, "cannot enter namespace", kinds[i]);
	if (fchdir(root) < 0 || chroot(".") < 0)
		fail_child_setup(fds->status, errno, "cannot change root to", "the node");
	/* Ctrl-C goes to all in the foreground; what runs inside decides what it means. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	inner = fork();
	if (inner < 0)
		fail_child_setup(fds->status, errno, "cannot fork in", "the node");
	if (inner > 0) {
		/* Ours of the caller, too: who reads the far end of one waits for its last holder.
		 */
		syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
		mirror_inner_exit(inner);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
}

static void set_child_streams(const struct cryo_spawn_fds *fds)
{
	const int from[] = { fds->in, fds->out, fds->err };

	for (int i = 0; i < 3; i++)
		if (from[i] >= 0 && dup2(from[i], i) < 0)
			fail_child_setup(fds->status, errno, "cannot set up", "standard streams");
}

static void run_prepare_hook(const struct cryo_proc *p, int status)
{
	struct cryo_spawn_failure f = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	if (!p->prepare || p->prepare(p->prepare_arg, &err) == 0)
		return;
	snprintf(f.what, sizeof(f.what), "%s", err.msg);
	if (write(status, &f, sizeof(f)) < 0)
		_exit(126);
	_exit(127);
}

static void set_child_environment(const char *const *env, bool only)
{
	if (only)
		clearenv();
	for (; env && *env; env++) {
		if (strchr(*env, '='))
			putenv(cryo_strdup(*env));
		else
			unsetenv(*env);
	}
}

static _Noreturn void run_spawned_child(const struct cryo_proc *p, const char *path,
					const struct cryo_spawn_fds *fds, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	if (!p->foreground) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Between fork and prctl the parent may have died; in a new pid namespace it shows
		 * as 0. */
		if (!p->isolate && getppid() != parent)
			_exit(127);
	}
	set_child_streams(fds);
	if (p->enter_pid)
		enter_node_namespaces(p, fds);
	if (p->isolate)
		isolate_child_mounts(p, fds->status);
	if (p->cwd && chdir(p->cwd) < 0)
		fail_child_setup(fds->status, errno, "cannot change to directory", p->cwd);
	set_child_environment(p->env, p->only_env);
	run_prepare_hook(p, fds->status);
	if (path)
		execv(path, (char *const *)p->argv);
	else
		execvp(p->argv[0], (char *const *)p->argv);
	fail_child_setup(fds->status, errno, "cannot run", p->argv[0]);
}

pid_t cryo_spawn(const struct cryo_proc *p, const char *path, const struct cryo_spawn_fds *fds)
{
	unsigned long flags = SIGCHLD | (p->isolate ? CLONE_NEWNS | CLONE_NEWPID : 0);
	pid_t parent = getpid(), pid;

	/* The bare system call is fork with namespaces; only async-safe work follows in the child.
	 */
	pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, 0);
	if (pid == 0)
		run_spawned_child(p, path, fds, parent);
	return pid;
}
