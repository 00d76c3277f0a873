/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can the real CRIU dump a process with an IP socket on this kernel? Versions do
 * not tell: kernels take options away, preloads give them back. So one is dumped.
 */
#include "interposer/interposer.h"

#include "base/str.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_LOG (4u << 20)

/* Only what is there in this mount namespace may be open. */
static int redirect_probe_streams(void)
{
	int fd = open("/dev/null", O_RDWR);

	return fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 ? -1 : 0;
}

static _Noreturn void listen_for_ever(int ready)
{
	const struct sockaddr_in any_port = { .sin_family = AF_INET,
					      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&any_port, sizeof(any_port)) < 0 ||
	    listen(fd, 1) < 0 || redirect_probe_streams() < 0 || dup2(fd, 3) < 0 ||
	    write(ready, "r", 1) != 1)
		_exit(1);
	syscall(SYS_close_range, 4, ~0U, 0);
	for (;;)
		pause();
}

static pid_t start_listener(void)
{
	int ready[2];
	char word;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		listen_for_ever(ready[1]);
	close(ready[1]);
	if (pid > 0 && read(ready[0], &word, 1) != 1) {
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	close(ready[0]);
	return pid;
}

/* 0: dumped, and running on. */
static int dump_probe_process(const struct cryo_policy *own, pid_t pid, const char *dir)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	int wstatus;
	pid_t criu;

	cryo_strv_addl(&argv, "criu", "dump", "--no-default-config", "--leave-running", "-v1", "-D",
		       dir, "-o", "log", "--network-lock", "skip", NULL);
	cryo_strv_addf(&argv, "--tree=%d", pid);
	criu = fork();
	if (criu == 0) {
		redirect_probe_streams();
		cryo_real_exec(own, (char **)cryo_strv_get(&argv), &err);
		_exit(127);
	}
	return criu > 0 && waitpid(criu, &wstatus, 0) == criu && wstatus == 0 ? 0 : -1;
}

static void print_reason(const char *dir)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/log", dir);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_fs_read(path, MAX_LOG, &text, &ignored) < 0)
		puts("no CRIU, or one that does not start");
	else
		fputs(cryo_str_get(&text), stdout);
}

int cryo_probe_sockets(const struct cryo_policy *own)
{
	char dir[] = "/tmp/criu-probe-XXXXXX";
	struct cryo_err ignored = CRYO_ERR_INIT;
	bool can = false;
	pid_t pid;

	if (!mkdtemp(dir))
		return perror(dir), 1;
	pid = start_listener();
	if (pid > 0)
		can = dump_probe_process(own, pid, dir) == 0;
	puts(can ? "yes" : "no");
	if (!can && pid > 0)
		print_reason(dir);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	cryo_fs_rmtree(dir, &ignored);
	return 0;
}
