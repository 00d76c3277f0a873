/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the interposer and the real CRIU in a test node (e2e/36-killed.sh):
 * holds the conversation still at the question that /run/stop-criu/at names,
 * so that somebody can be killed just there. "stopped" says that it stands,
 * and holds the pid of CRIU; when "at" is removed it goes on. Or "at" is "end":
 * the answer to a dump is passed on, and CRIU itself stands until somebody
 * sends it SIGCONT, as runc waits for its end. It becomes CRIU by exec, as the
 * interposer does, so that no process more is CRIU's business.
 */
#include "base/clock.h"
#include "interposer/relay.h"
#include "sys/fs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DIR	"/run/stop-criu"
#define REAL	"/usr/sbin/criu"
#define HOLD_MS 30000 /* a test that forgets us does not block the node */

static pid_t criu;
static int criu_pidfd;

static bool is_named(const char *where)
{
	struct cryo_err ignored;
	cryo_auto(cryo_str_release) struct cryo_str at = { 0 };

	return cryo_fs_read(DIR "/at", 64, &at, &ignored) == 0 &&
	       cryo_streq(cryo_str_get(&at), where);
}

static void say_stopped(void)
{
	cryo_auto(cryo_free) char *pid = cryo_asprintf("%d\n", criu);
	struct cryo_err ignored;

	cryo_fs_write(DIR "/stopped", pid, strlen(pid), 0600, &ignored);
}

static int on_resp(void *arg, const struct cryo_rpc_resp *resp, struct cryo_err *err)
{
	int64_t end = cryo_now_ms() + HOLD_MS;

	(void)arg;
	(void)err;
	if (resp->type == CRYO_RPC_DUMP && is_named("end")) {
		kill(criu, SIGSTOP);
		say_stopped();
	}
	if (resp->type != CRYO_RPC_NOTIFY || !is_named(resp->script))
		return 0;
	say_stopped();
	while (cryo_fs_exists(DIR "/at") && cryo_now_ms() < end)
		usleep(5000);
	return 0;
}

/* Whoever goes away at one end is gone for the other too. */
static int between(int client, int to_criu)
{
	const struct cryo_relay relay = { .client = client,
					  .criu = to_criu,
					  .pidfd = criu_pidfd,
					  .client_notified = true,
					  .on_resp = on_resp };
	struct cryo_err err;

	return cryo_relay_run(&relay, &err) < 0;
}

static void start_between(int client, int pair[2])
{
	pid_t pid;

	criu = getpid();
	criu_pidfd = (int)syscall(SYS_pidfd_open, criu, 0);
	pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			close(pair[0]);
			_exit(between(client, pair[1]));
		}
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	close(pair[1]);
	dup2(pair[0], client);
}

int main(int argc, char **argv)
{
	int pair[2];

	if (argc == 3 && cryo_streq(argv[1], "swrk") && cryo_fs_exists(DIR "/at") &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0)
		start_between(atoi(argv[2]), pair);
	execv(REAL, argv);
	perror(REAL);
	return EXIT_FAILURE;
}
