/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/proc.h"

#include "base/clock.h"
#include "base/event.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_MS	5000
#define DRAIN_MS	200
#define MAX_LINE	65536
#define DEFAULT_CAPTURE (1u << 20)

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

void cryo_proc_result_release(struct cryo_proc_result *r)
{
	cryo_str_release(&r->out);
	cryo_str_release(&r->err);
}

static size_t get_capture_max(const struct cryo_child *r)
{
	return r->p->capture_max ? r->p->capture_max : DEFAULT_CAPTURE;
}

static void cut_output_to_tail(struct cryo_str *kept, size_t max)
{
	if (kept->len <= max)
		return;
	memmove(kept->p, kept->p + kept->len - max, max + 1);
	kept->len = max;
}

/* A program that talks for hours must not eat the memory, nor the time to move it at every word. */
static void keep_output_tail(struct cryo_str *kept, const char *data, size_t n, size_t max)
{
	cryo_str_addn(kept, data, n);
	if (kept->len > 2 * max)
		cut_output_to_tail(kept, max);
}

static void end_stream_line(struct cryo_child *r, struct stream *s)
{
	if (r->p->on_line)
		r->p->on_line(cryo_str_get(&s->line), s->number, r->p->on_line_arg);
	cryo_str_clear(&s->line);
}

static const char *find_line_end(const struct cryo_child *r, const char *data, size_t n)
{
	const char *nl = memchr(data, '\n', n);
	const char *cr = r->p->cr_ends_line ? memchr(data, '\r', nl ? (size_t)(nl - data) : n)
					    : NULL;

	return cr ? cr : nl;
}

static void split_stream_lines(struct cryo_child *r, struct stream *s, const char *data, size_t n)
{
	while (n > 0) {
		const char *nl = find_line_end(r, data, n);
		size_t piece = nl ? (size_t)(nl - data) : n;

		cryo_str_addn(&s->line, data, piece);
		if (nl || s->line.len > MAX_LINE)
			end_stream_line(r, s);
		piece += nl != NULL;
		data += piece;
		n -= piece;
	}
}

/* Reads what is there; false at the end of the stream. */
static bool pump_child_stream(struct cryo_child *r, struct stream *s)
{
	char buf[16384];
	ssize_t n = read(s->fd, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n == 0)
		return false;
	if (r->p->quiet_ms)
		r->quiet_until = cryo_now_ms() + r->p->quiet_ms;
	if (r->log >= 0 && write(r->log, buf, (size_t)n) < 0)
		cryo_fd_closep(&r->log); /* a full disk shall not stop the program */
	keep_output_tail(s->kept, buf, (size_t)n, get_capture_max(r));
	split_stream_lines(r, s, buf, (size_t)n);
	return true;
}

static void feed_child_input(struct cryo_child *r)
{
	const char *rest = r->p->input + r->input_at;
	ssize_t n = write(r->input, rest, strlen(rest));

	if (n > 0)
		r->input_at += (size_t)n;
	if ((n < 0 && errno != EAGAIN && errno != EINTR) || !r->p->input[r->input_at])
		cryo_fd_closep(&r->input);
}

static void signal_child_group(struct cryo_child *r, int sig)
{
	if (r->p->foreground || kill(-r->pid, sig) < 0)
		syscall(SYS_pidfd_send_signal, r->pidfd, sig, NULL, 0);
}

static int64_t get_grace_ms(const struct cryo_child *r)
{
	return r->p->grace_ms ? r->p->grace_ms : GRACE_MS;
}

static void begin_child_end(struct cryo_child *r, enum cryo_status why)
{
	if (r->ending != CRYO_OK)
		return;
	r->ending = why;
	r->kill_at = cryo_now_ms() + get_grace_ms(r);
	/* The first process of a pid namespace does not see SIGTERM unless it asked for it. */
	signal_child_group(r, r->p->isolate ? SIGKILL : SIGTERM);
}

/* When something is due although nothing happens; 0: never. */
static int64_t find_child_due_time(const struct cryo_child *r)
{
	int64_t at = r->ending != CRYO_OK ? r->kill_at : r->deadline;

	if (r->exited)
		return r->drain_until;
	if (r->ending == CRYO_OK && r->quiet_until && (at == 0 || r->quiet_until < at))
		at = r->quiet_until;
	return at;
}

static void check_child_limits(struct cryo_child *r)
{
	struct cryo_err err = CRYO_ERR_INIT;
	int64_t now = cryo_now_ms();

	if (r->exited)
		return;
	if (r->ending != CRYO_OK && now >= r->kill_at) {
		signal_child_group(r, SIGKILL);
		r->kill_at = now + GRACE_MS;
	}
	if (!r->p->foreground && cryo_intr_check(&err) < 0)
		begin_child_end(r, CRYO_E_INTERRUPTED);
	if (r->deadline && now >= r->deadline)
		begin_child_end(r, CRYO_E_TIMEOUT);
	if (r->ending == CRYO_OK && r->quiet_until && now >= r->quiet_until) {
		r->was_quiet = true;
		begin_child_end(r, CRYO_E_TIMEOUT);
	}
}

#define FDS 4 /* that one child is watched by */

static void watch_child_fds(const struct cryo_child *r, struct pollfd p[FDS])
{
	p[0] = (struct pollfd){ r->exited ? -1 : r->pidfd, POLLIN, 0 };
	p[1] = (struct pollfd){ r->stream[0].fd, POLLIN, 0 };
	p[2] = (struct pollfd){ r->stream[1].fd, POLLIN, 0 };
	p[3] = (struct pollfd){ r->input, POLLOUT, 0 };
}

static void handle_child_events(struct cryo_child *r, const struct pollfd p[FDS])
{
	for (size_t i = 0; i < 2; i++)
		if (p[1 + i].revents && !pump_child_stream(r, &r->stream[i]))
			cryo_fd_closep(&r->stream[i].fd);
	if (p[3].revents)
		feed_child_input(r);
	if (!p[0].revents)
		return;
	/* Its group dies with it: before the wait, while the number cannot be another's. */
	if (r->ending != CRYO_OK)
		signal_child_group(r, SIGKILL);
	r->exited = waitid(P_PIDFD, (id_t)r->pidfd, &r->info, WEXITED) == 0;
	r->drain_until = cryo_now_ms() + DRAIN_MS;
	r->res.ms = cryo_now_ms() - r->begin;
}

/*
 * After the exit the pipes are read dry, but not waited for: something that the
 * program left in the background may hold them for ever.
 */
bool cryo_child_done(const struct cryo_child *r)
{
	bool dry = r->stream[0].fd < 0 && r->stream[1].fd < 0;

	return r->exited && (dry || cryo_now_ms() >= r->drain_until);
}

/* How long poll() may sleep for all of them. One that is being ended already no longer looks at the
 * interrupt, which stays readable. */
static int compute_next_wait(struct cryo_child *const *child, size_t n, bool *wants_intr)
{
	int64_t now = cryo_now_ms(), first = INT64_MAX;

	*wants_intr = false;
	for (size_t i = 0; i < n; i++) {
		const struct cryo_child *r = child[i];
		int64_t at = r ? find_child_due_time(r) : 0;

		if (r && !r->exited && r->ending == CRYO_OK && !r->p->foreground)
			*wants_intr = true;
		if (at > 0 && at < first)
			first = at;
	}
	if (first == INT64_MAX)
		return -1;
	return first <= now ? 0 : first - now > INT_MAX ? INT_MAX : (int)(first - now);
}

void cryo_child_serve(struct cryo_child *const *child, size_t n)
{
	cryo_auto(cryo_free) struct pollfd *p = cryo_alloc((n * FDS + 1) * sizeof(*p));
	bool wants_intr;
	int wait = compute_next_wait(child, n, &wants_intr);

	for (size_t i = 0; i < n * FDS; i++)
		p[i].fd = -1;
	for (size_t i = 0; i < n; i++)
		if (child[i])
			watch_child_fds(child[i], p + i * FDS);
	p[n * FDS] = (struct pollfd){ wants_intr ? cryo_intr_fd() : -1, POLLIN, 0 };
	if (poll(p, n * FDS + 1, wait) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (!child[i])
			continue;
		handle_child_events(child[i], p + i * FDS);
		check_child_limits(child[i]);
	}
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

static int open_child_outputs(struct cryo_child *r, struct cryo_spawn_fds *theirs,
			      struct cryo_err *err)
{
	int *const end[] = { &theirs->out, &theirs->err };
	int pair[2];

	for (size_t i = 0; i < 2; i++) {
		if (i == 0 && r->p->out_fd) {
			*end[i] = fcntl(r->p->out_fd, F_DUPFD_CLOEXEC, 3);
			if (*end[i] < 0)
				return cryo_err_sys(err, errno, "cannot hand over a file");
			continue;
		}
		if (pipe2(pair, O_CLOEXEC) < 0)
			return cryo_err_sys(err, errno, "cannot make a pipe");
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
		r->stream[i].fd = pair[0];
		*end[i] = pair[1];
	}
	return 0;
}

static int open_child_input(struct cryo_child *r, struct cryo_spawn_fds *theirs,
			    struct cryo_err *err)
{
	int pair[2];

	if (!r->p->input) {
		theirs->in = r->p->in_fd ? fcntl(r->p->in_fd, F_DUPFD_CLOEXEC, 3)
					 : open("/dev/null", O_RDONLY | O_CLOEXEC);
		return theirs->in < 0 ? cryo_err_sys(err, errno, "cannot hand over a file") : 0;
	}
	if (pipe2(pair, O_CLOEXEC) < 0)
		return cryo_err_sys(err, errno, "cannot make a pipe");
	theirs->in = pair[0];
	r->input = pair[1];
	fcntl(r->input, F_SETFL, O_NONBLOCK);
	return 0;
}

/* Pipes and files for the child; -1 in `theirs` where it inherits ours. */
static int open_child_fds(struct cryo_child *r, struct cryo_spawn_fds *theirs, struct cryo_err *err)
{
	int pair[2], rc;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return cryo_err_sys(err, errno, "cannot make a pipe");
	r->status = pair[0];
	theirs->status = pair[1];
	if (r->p->foreground)
		return 0;
	rc = open_child_outputs(r, theirs, err);
	return rc < 0 ? rc : open_child_input(r, theirs, err);
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
	rc = open_child_fds(r, &theirs, err);
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

static void flush_child_lines(struct cryo_child *r)
{
	for (size_t i = 0; i < 2; i++) {
		if (r->stream[i].line.len > 0)
			end_stream_line(r, &r->stream[i]);
		cut_output_to_tail(r->stream[i].kept, get_capture_max(r));
	}
	r->res.signal = r->info.si_code == CLD_EXITED ? 0 : r->info.si_status;
	r->res.exit_code = r->res.signal ? 128 + r->res.signal : r->info.si_status;
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

	flush_child_lines(r);
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
	return rc < 0 ? rc : cryo_err_set(err, CRYO_E_CHILD, "'%s' ended too early", r->p->argv[0]);
}

void cryo_child_end(struct cryo_child *r)
{
	if (!r)
		return;
	if (!r->exited)
		begin_child_end(r, CRYO_E_CHECK);
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
