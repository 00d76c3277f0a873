/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for child processes, with their time limits and the user's interrupt. */
#include "sys/child.h"

#include "base/clock.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <limits.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_MS 5000
#define DRAIN_MS 200

static void signal_child_group(struct cryo_child *r, int sig)
{
	if (r->p->foreground || kill(-r->pid, sig) < 0)
		syscall(SYS_pidfd_send_signal, r->pidfd, sig, NULL, 0);
}

static int64_t get_grace_ms(const struct cryo_child *r)
{
	return r->p->grace_ms ? r->p->grace_ms : GRACE_MS;
}

void sys_child_begin_end(struct cryo_child *r, enum cryo_status why)
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
		sys_child_begin_end(r, CRYO_E_INTERRUPTED);
	if (r->deadline && now >= r->deadline)
		sys_child_begin_end(r, CRYO_E_TIMEOUT);
	if (r->ending == CRYO_OK && r->quiet_until && now >= r->quiet_until) {
		r->was_quiet = true;
		sys_child_begin_end(r, CRYO_E_TIMEOUT);
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
		if (p[1 + i].revents && !sys_child_pump(r, &r->stream[i]))
			cryo_fd_closep(&r->stream[i].fd);
	if (p[3].revents)
		sys_child_feed(r);
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
