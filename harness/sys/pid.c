/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that are not our children: see sys/proc.h, struct cryo_pid. */
#include "sys/fs.h"
#include "sys/proc.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* State letter and start time from /proc/PID/stat; false if there is no such process. */
static bool read_pid_stat(pid_t pid, char *state, uint64_t *start_time)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	char path[64], *p, *save = NULL;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (pid <= 0 || cryo_fs_read(path, 4096, &s, &ignored) < 0)
		return false;
	/* The command name may hold anything; the fields start behind its last parenthesis. */
	p = strrchr(cryo_str_get(&s), ')');
	if (!p || !p[1])
		return false;
	p = strtok_r(p + 1, " ", &save);
	*state = p ? *p : '?';
	for (int field = 3; p && field < 22; field++)
		p = strtok_r(NULL, " ", &save);
	*start_time = p ? strtoull(p, NULL, 10) : 0;
	return p != NULL;
}

int cryo_pid_of(pid_t pid, struct cryo_pid *out, struct cryo_err *err)
{
	char state;

	out->pid = pid;
	if (!read_pid_stat(pid, &state, &out->start_time))
		return cryo_err_sys(err, ESRCH, "cannot inspect process %d", pid);
	return 0;
}

bool cryo_pid_alive(const struct cryo_pid *p)
{
	uint64_t start_time;
	char state;

	return read_pid_stat(p->pid, &state, &start_time) && start_time == p->start_time &&
	       state != 'Z' && state != 'X';
}

static bool wait_for_exit(int pidfd, int64_t ms)
{
	struct pollfd p = { pidfd, POLLIN, 0 };
	int64_t end = cryo_now_ms() + ms;

	do {
		int64_t left = end - cryo_now_ms();

		if (poll(&p, 1, left > 0 ? (int)left : 0) > 0)
			return true;
	} while (cryo_now_ms() < end);
	return false;
}

int cryo_pid_end(const struct cryo_pid *p, int64_t grace_ms, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);

	/* Looked at after the pidfd is open, the pid cannot change hands any more. */
	if (pidfd < 0 || !cryo_pid_alive(p))
		return 0;
	if (grace_ms > 0) {
		syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
		if (wait_for_exit(pidfd, grace_ms))
			return 0;
	}
	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	if (!wait_for_exit(pidfd, 10000))
		return cryo_err_set(err, CRYO_E_SYSTEM, "process %d did not end", p->pid);
	return 0;
}

char *cryo_boot_id(void)
{
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct cryo_str s = { 0 };

	if (cryo_fs_read("/proc/sys/kernel/random/boot_id", 64, &s, &ignored) == 0 && s.len > 0)
		s.p[s.len - 1] = '\0';
	return cryo_str_detach(&s);
}
