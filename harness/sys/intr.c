/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/intr.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int pipe_fd[2] = { -1, -1 };
static volatile sig_atomic_t caught;
static int64_t caught_ms; /* only the handler uses it */
static unsigned held;

/* timeout(1) and others signal the process and then its group: one wish, told twice. */
#define ECHO_MS 200

static void intr_on_signal(int sig)
{
	int saved = errno;

	if (caught && cryo_now_ms() - caught_ms < ECHO_MS)
		return;
	if (caught)
		_exit(128 + sig);
	caught_ms = cryo_now_ms();
	caught = sig;
	if (write(pipe_fd[1], "", 1) < 0) { /* full is as good as written */
	}
	errno = saved;
}

void cryo_intr_install(void)
{
	struct sigaction sa = { .sa_handler = intr_on_signal };

	if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK) < 0)
		return;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	/* A closed pipe on stdout is a write error, not the end of a cluster. */
	signal(SIGPIPE, SIG_IGN);
}

int cryo_intr_fd(void)
{
	return held ? -1 : pipe_fd[0];
}

int cryo_intr_check(struct cryo_err *err)
{
	if (!caught || held)
		return 0;
	cryo_err_set(err, CRYO_E_INTERRUPTED, "interrupted by signal %d (%s)", caught,
		     strsignal(caught));
	err->signal = caught;
	return -(int)CRYO_E_INTERRUPTED;
}

void cryo_intr_hold(void)
{
	held++;
}

void cryo_intr_release(void)
{
	held--;
}

int cryo_intr_sleep(int64_t ms, struct cryo_err *err)
{
	struct pollfd p = { cryo_intr_fd(), POLLIN, 0 };

	if (ms > 0)
		poll(&p, 1, (int)ms);
	return cryo_intr_check(err);
}
