/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/proc.h"

#include "base/clock.h"
#include "base/event.h"
#include "sys/child.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void cryo_proc_result_release(struct cryo_proc_result *r)
{
	cryo_str_release(&r->out);
	cryo_str_release(&r->err);
}

static char *copy_last_line(const struct cryo_str *s)
{
	const char *p = cryo_str_get(s), *end = p + s->len, *start;

	while (end > p && (end[-1] == '\n' || end[-1] == ' '))
		end--;
	for (start = end; start > p && start[-1] != '\n'; start--)
		;
	return cryo_strndup(start, (size_t)(end - start));
}

static int judge_child_result(const struct cryo_child *r, const struct cryo_proc_result *res,
			      struct cryo_err *err)
{
	const char *name = r->p->argv[0];
	cryo_auto(cryo_free) char *line = NULL;
	cryo_auto(cryo_free) char *limit = NULL;

	if (r->ending == CRYO_E_INTERRUPTED && cryo_intr_check(err) < 0)
		return -(int)CRYO_E_INTERRUPTED;
	if (r->ending == CRYO_E_TIMEOUT) {
		limit = cryo_duration_show(r->was_quiet ? r->p->quiet_ms : r->limit_ms);
		if (r->was_quiet)
			return cryo_err_set(err, CRYO_E_TIMEOUT, "'%s' said nothing for %s", name,
					    limit);
		return cryo_err_set(err, CRYO_E_TIMEOUT, "'%s' took longer than %s", name, limit);
	}
	if (res->exit_code == 0)
		return 0;
	line = copy_last_line(res->err.len ? &res->err : &res->out);
	if (res->signal)
		return cryo_err_set(err, CRYO_E_CHILD, "'%s' was killed by signal %d (%s)%s%s",
				    name, res->signal, strsignal(res->signal), *line ? ": " : "",
				    line);
	return cryo_err_set(err, CRYO_E_CHILD, "'%s' failed with exit code %d%s%s", name,
			    res->exit_code, *line ? ": " : "", line);
}

/* What the child could not do before its exec; 0 if it got there. */
static int read_exec_failure(struct cryo_child *r, struct cryo_err *err)
{
	struct cryo_spawn_failure f;
	ssize_t n;

	do
		n = read(r->status, &f, sizeof(f));
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(f))
		return 0;
	f.what[sizeof(f.what) - 1] = '\0';
	if (f.sys_errno == 0)
		return cryo_err_set(err, CRYO_E_SYSTEM, "%s", f.what);
	cryo_err_sys(err, f.sys_errno, "%s", f.what);
	return cryo_err_as(err, -1, f.sys_errno == ENOENT ? CRYO_E_UNFIT : CRYO_E_SYSTEM);
}

static int spawn_child_process(struct cryo_child *r, struct cryo_err *err)
{
	struct cryo_spawn_fds theirs = { -1, -1, -1, -1 };
	bool other_root = r->p->enter_pid || r->p->chroot || r->p->prepare;
	cryo_auto(cryo_free) char *path = other_root ? NULL : cryo_fs_which(r->p->argv[0]);
	int rc;

	if (!other_root && !path)
		return cryo_err_set(err, CRYO_E_UNFIT, "no program '%s' in PATH", r->p->argv[0]);
	if (r->p->log_path)
		r->log = open(r->p->log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	rc = sys_child_open_fds(r, &theirs, err);
	if (rc == 0) {
		r->pid = cryo_spawn(r->p, path, &theirs);
		if (r->pid < 0)
			rc = cryo_err_sys(err, errno, "cannot start '%s'", r->p->argv[0]);
	}
	cryo_fd_closep(&theirs.in);
	cryo_fd_closep(&theirs.out);
	cryo_fd_closep(&theirs.err);
	cryo_fd_closep(&theirs.status);
	if (rc < 0)
		return rc;
	if (!r->p->foreground)
		setpgid(r->pid, r->pid); /* as the child does: whoever comes first */
	r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0);
	if (r->pidfd < 0)
		return cryo_err_sys(err, errno, "cannot watch '%s'", r->p->argv[0]);
	fcntl(r->pidfd, F_SETFD, FD_CLOEXEC);
	return 0;
}

struct keys {
	struct sigaction intr, quit;
};

/* As long as another program has the terminal, its keys are not meant for us: as in system(3). */
static void give_terminal_keys(struct keys *ours)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGINT, &ignore, &ours->intr);
	sigaction(SIGQUIT, &ignore, &ours->quit);
}

static void take_terminal_keys(const struct keys *ours)
{
	sigaction(SIGINT, &ours->intr, NULL);
	sigaction(SIGQUIT, &ours->quit, NULL);
}

static void log_child_argv(const struct cryo_proc *p)
{
	struct cryo_strv words = { 0 };
	cryo_auto(cryo_free) char *line = NULL;

	cryo_strv_addv(&words, p->argv);
	line = cryo_strv_join(&words, " ");
	cryo_debug("run%s: %s",
		   p->enter_pid ? " in node"
		   : p->chroot	? " in build root"
				: "",
		   line);
	cryo_strv_release(&words);
}

static void release_child(struct cryo_child *r)
{
	cryo_fd_closep(&r->pidfd);
	cryo_fd_closep(&r->status);
	cryo_fd_closep(&r->log);
	cryo_fd_closep(&r->input);
	for (size_t i = 0; i < 2; i++) {
		cryo_fd_closep(&r->stream[i].fd);
		cryo_str_release(&r->stream[i].line);
	}
	cryo_proc_result_release(&r->res);
	free(r);
}

void cryo_child_limit(struct cryo_child *r, int64_t timeout_ms)
{
	r->limit_ms = timeout_ms;
	r->deadline = timeout_ms ? cryo_now_ms() + timeout_ms : 0;
}

int cryo_child_start(const struct cryo_proc *p, struct cryo_child **out, struct cryo_err *err)
{
	struct cryo_child *r = cryo_alloc(sizeof(*r));
	int rc;

	*r = (struct cryo_child){ .p = p, .pidfd = -1, .status = -1, .log = -1, .input = -1 };
	r->res.exit_code = 127;
	r->stream[0] = (struct stream){ .fd = -1, .number = 1, .kept = &r->res.out };
	r->stream[1] = (struct stream){ .fd = -1, .number = 2, .kept = &r->res.err };
	r->begin = cryo_now_ms();
	r->quiet_until = p->quiet_ms ? r->begin + p->quiet_ms : 0;
	cryo_child_limit(r, p->timeout_ms);
	log_child_argv(p);
	rc = spawn_child_process(r, err);
	if (rc < 0)
		release_child(r);
	*out = rc < 0 ? NULL : r;
	return rc;
}

static void serve_child_to_end(struct cryo_child *r)
{
	while (!cryo_child_done(r))
		cryo_child_serve(&r, 1);
}

/* Of one that is done. */
static int fetch_child_outcome(struct cryo_child *r, struct cryo_err *err)
{
	int rc;

	sys_child_flush(r);
	rc = read_exec_failure(r, err);
	return rc < 0 ? rc : judge_child_result(r, &r->res, err);
}

int cryo_child_finish(struct cryo_child *r, struct cryo_proc_result *result, struct cryo_err *err)
{
	int rc;

	serve_child_to_end(r);
	rc = fetch_child_outcome(r, err);
	if (result) {
		*result = r->res;
		r->res = (struct cryo_proc_result){ 0 };
	}
	release_child(r);
	return rc;
}

int cryo_proc_run(const struct cryo_proc *p, struct cryo_proc_result *result, struct cryo_err *err)
{
	struct cryo_child *child;
	struct keys keys;
	int rc;

	if (result)
		*result = (struct cryo_proc_result){ .exit_code = 127 };
	if (p->foreground)
		give_terminal_keys(&keys);
	rc = cryo_child_start(p, &child, err);
	if (rc == 0)
		rc = cryo_child_finish(child, result, err);
	if (p->foreground)
		take_terminal_keys(&keys);
	return rc;
}

int cryo_child_await(struct cryo_child *r, const bool *said, int64_t timeout_ms,
		     struct cryo_err *err)
{
	int rc;

	cryo_child_limit(r, timeout_ms);
	while (!*said && !cryo_child_done(r))
		cryo_child_serve(&r, 1);
	r->deadline = 0;
	if (*said && r->ending == CRYO_OK)
		return 0;
	rc = fetch_child_outcome(r, err);
	return rc < 0 ? rc : cryo_err_set(err, CRYO_E_CHILD, "'%s' ended early", r->p->argv[0]);
}

void cryo_child_end(struct cryo_child *r)
{
	if (!r)
		return;
	if (!r->exited)
		sys_child_begin_end(r, CRYO_E_CHECK);
	serve_child_to_end(r);
	release_child(r);
}

int cryo_proc_output(const char *const *argv, int64_t timeout_ms, char **out, struct cryo_err *err)
{
	struct cryo_proc p = { .argv = argv, .timeout_ms = timeout_ms };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	int rc = cryo_proc_run(&p, &res, err);

	if (rc < 0)
		return rc;
	while (res.out.len > 0 && res.out.p[res.out.len - 1] == '\n')
		res.out.p[--res.out.len] = '\0';
	*out = cryo_str_detach(&res.out);
	return 0;
}
