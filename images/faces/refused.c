/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CRIU cannot dump, or not restore: `/faces refuse NAME` is a process in that
 * state, for the messages that explain it (harness/criu/log.c). It prints "refuse
 * NAME: ready" and waits.
 */
#include "faces.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#define MIB (1 << 20)
/* Newer than the headers. */
#define MPTCP	      262
#define GUARD_INSTALL 102
#define SECRETMEM     447
#define VSOCK	      40
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static void need(int good)
{
	if (good)
		return;
	printf("refuse: cannot be set up: %s\n", strerror(errno));
	exit(3);
}

static _Noreturn void wait_for_ever(void)
{
	for (;;)
		pause();
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	need(value != NULL);
	return value;
}

/* --- sockets --- */

static struct sockaddr_in any_port(const char *address)
{
	struct sockaddr_in at = { .sin_family = AF_INET };

	need(inet_pton(AF_INET, address, &at.sin_addr) == 1);
	return at;
}

static int listener(int protocol, const char *address, struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM, protocol);
	socklen_t n = sizeof(*at);

	*at = any_port(address);
	need(fd >= 0 && bind(fd, (void *)at, n) == 0 && listen(fd, 8) == 0 &&
	     getsockname(fd, (void *)at, &n) == 0);
	return fd;
}

static void multipath_tcp(void)
{
	struct sockaddr_in at;

	listener(MPTCP, "127.0.0.1", &at);
}

static void in_flight(void)
{
	struct sockaddr_in at;
	int fd;

	listener(0, "127.0.0.1", &at);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	need(connect(fd, (void *)&at, sizeof(at)) == 0);
}

static void connected_tcp(void)
{
	struct sockaddr_in at;
	int server = listener(0, "127.0.0.1", &at), fd = socket(AF_INET, SOCK_STREAM, 0);

	need(connect(fd, (void *)&at, sizeof(at)) == 0 && accept(server, NULL, NULL) >= 0);
}

static void pod_address(void)
{
	struct sockaddr_in at;

	listener(0, environment("POD_IP"), &at);
}

static void connected_udp(void)
{
	struct sockaddr_in at = any_port(environment("POD_IP"));
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	at.sin_port = htons(9);
	need(connect(fd, (void *)&at, sizeof(at)) == 0);
}

/* An abstract name is the network namespace's: so of all containers of the pod. */
static struct sockaddr_un abstract_name(const char *name, socklen_t *n)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	strcpy(at.sun_path + 1, name);
	*n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
	return at;
}

static void unix_server(void)
{
	socklen_t stream_len, packet_len;
	struct sockaddr_un stream = abstract_name("stream", &stream_len);
	struct sockaddr_un packet = abstract_name("packet", &packet_len);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	need(bind(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&packet, packet_len) == 0);
	need(bind(fd, (void *)&stream, stream_len) == 0 && listen(fd, 8) == 0);
	/* As long as one is not accepted it has no other end that CRIU would miss. */
	printf("refuse unix-server: ready\n");
	for (;;)
		accept(fd, NULL, NULL);
}

static void connect_unix(int type, const char *name)
{
	socklen_t n;
	struct sockaddr_un at = abstract_name(name, &n);
	int fd = socket(AF_UNIX, type, 0), tries = 100;

	while (connect(fd, (void *)&at, n) < 0 && --tries > 0)
		usleep(50000);
	need(tries > 0);
	usleep(200000);
}

static void unix_stream_out(void)
{
	connect_unix(SOCK_STREAM, "stream");
}

static void unix_packet_out(void)
{
	connect_unix(SOCK_DGRAM, "packet");
}

static void vsock(void)
{
	need(socket(VSOCK, SOCK_STREAM, 0) >= 0);
}

/* --- files --- */

static int make_file(const char *path, size_t size)
{
	int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0644);

	need(fd >= 0);
	for (char block[4096] = "x"; size > 0; size -= sizeof(block))
		need(write(fd, block, sizeof(block)) == sizeof(block));
	return fd;
}

static void file_lock(void)
{
	need(flock(make_file("/lock", 0), LOCK_EX) == 0);
}

static void ghost_file(void)
{
	make_file("/ghost", 2 * MIB);
	need(unlink("/ghost") == 0);
}

static void inotify(void)
{
	need(mkdir("/watched", 0755) == 0 || errno == EEXIST);
	need(inotify_add_watch(inotify_init(), "/watched", IN_CREATE) >= 0);
}

/* $FILE: on a volume, or one of the kubelet's. */
static void open_file(void)
{
	need(open(environment("FILE"), O_RDONLY) >= 0);
}

static void volume_file(void)
{
	make_file(environment("FILE"), 4096);
}

static void message_queue(void)
{
	need(mq_open("/refuse", O_CREAT | O_RDWR, 0600, NULL) >= 0);
}

/* --- memory --- */

static void secret_memory(void)
{
	int fd = (int)syscall(SECRETMEM, 0);

	need(fd >= 0 && ftruncate(fd, 4096) == 0 &&
	     mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
}

static void guard_pages(void)
{
	char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 1, MIB);
	need(madvise(p + 40960, 8192, GUARD_INSTALL) == 0);
}

static void much_memory(void)
{
	char *p = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(p != MAP_FAILED);
	for (size_t i = 0; i < 64 * MIB; i += 8)
		memcpy(p + i, &i, sizeof(i));
}

/* --- kinds of file descriptors --- */

static void io_uring(void)
{
	struct io_uring_params p = { 0 };

	need(syscall(SYS_io_uring_setup, 4, &p) >= 0);
}

static void mapped_io_uring(void)
{
	struct io_uring_params p = { 0 };
	int fd = (int)syscall(SYS_io_uring_setup, 4, &p);

	need(fd >= 0 && mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			     IORING_OFF_SQ_RING) != MAP_FAILED);
}

static void user_faults(void)
{
	need(syscall(SYS_userfaultfd, O_CLOEXEC) >= 0);
}

static void counters(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE,
				     .size = sizeof(a),
				     .config = PERF_COUNT_SW_TASK_CLOCK };

	need(syscall(SYS_perf_event_open, &a, 0, -1, -1, 0) >= 0);
}

static void bpf_map(void)
{
	union bpf_attr a = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1
	};

	need(syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a)) >= 0);
}

static void bpf_program(void)
{
	struct bpf_insn code[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
				   { .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr a = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
			     .insns = (uintptr_t)code,
			     .insn_cnt = 2,
			     .license = (uintptr_t) "GPL" };

	need(syscall(SYS_bpf, BPF_PROG_LOAD, &a, sizeof(a)) >= 0);
}

static void seccomp_listener(void)
{
	struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog prog = { 1, allow };

	need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	     syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		     &prog) >= 0);
}

/* --- processes --- */

static void in_child(void (*state)(void))
{
	char done;
	int ready[2];

	need(pipe(ready) == 0);
	if (fork() == 0) {
		state();
		need(write(ready[1], "x", 1) == 1);
		wait_for_ever();
	}
	close(ready[1]);
	need(read(ready[0], &done, 1) == 1);
}

static int wanted_namespace;
static void unshare_it(void)
{
	need(unshare(wanted_namespace) == 0);
	/* It is the children who are in such a one. */
	if (wanted_namespace & (CLONE_NEWPID | CLONE_NEWTIME) && fork() == 0)
		wait_for_ever();
}
static void nested(int kind)
{
	wanted_namespace = kind;
	in_child(unshare_it);
}
static void nested_user(void)
{
	nested(CLONE_NEWUSER);
}
static void nested_pid(void)
{
	nested(CLONE_NEWPID);
}
static void nested_uts(void)
{
	nested(CLONE_NEWUTS);
}
static void nested_time(void)
{
	nested(CLONE_NEWTIME);
}
static void nested_net(void)
{
	nested(CLONE_NEWNET);
}

static void other_root(void)
{
	need(mkdir("/other", 0755) == 0 || errno == EEXIST);
	need(chroot("/other") == 0 && chdir("/") == 0);
}
static void changed_root(void)
{
	in_child(other_root);
}

static void be_traced(void)
{
	need(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
}
static void traced(void)
{
	in_child(be_traced);
}

static void other_user(void)
{
	need(setgid(1000) == 0 && setuid(1000) == 0);
}

/* In one pid namespace the next container's first process has a number above these; its runtime's
 * threads use some up as well, sometimes a dozen more or less. */
static void passing_processes(void)
{
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		need(pid > 0 && waitpid(pid, NULL, 0) == pid);
	}
}

/* Has the numbers that were used up there, and as many again. */
static void many_processes(void)
{
	for (int i = 0; i < 100; i++)
		if (fork() == 0)
			wait_for_ever();
}

/* For kubectl exec: what it leaves behind is a child of the container's first process. */
static void orphan(void)
{
	if (fork() != 0)
		exit(0);
}

/* As a shell does with "server </dev/null >/log 2>&1 &". */
static void detached_orphan(void)
{
	int null = open("/dev/null", O_RDWR);

	need(null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2);
	orphan();
}

static void nothing(void)
{
}

static const struct {
	const char *name;
	void (*make)(void);
} state[] = {
	{ "nothing", nothing },
	{ "multipath-tcp", multipath_tcp },
	{ "in-flight", in_flight },
	{ "connected-tcp", connected_tcp },
	{ "pod-address", pod_address },
	{ "connected-udp", connected_udp },
	{ "unix-server", unix_server },
	{ "unix-stream-out", unix_stream_out },
	{ "unix-packet-out", unix_packet_out },
	{ "vsock", vsock },
	{ "file-lock", file_lock },
	{ "ghost-file", ghost_file },
	{ "inotify", inotify },
	{ "open-file", open_file },
	{ "volume-file", volume_file },
	{ "message-queue", message_queue },
	{ "secret-memory", secret_memory },
	{ "guard-pages", guard_pages },
	{ "much-memory", much_memory },
	{ "io-uring", io_uring },
	{ "mapped-io-uring", mapped_io_uring },
	{ "userfaultfd", user_faults },
	{ "perf", counters },
	{ "bpf-map", bpf_map },
	{ "bpf-program", bpf_program },
	{ "seccomp-listener", seccomp_listener },
	{ "nested-user", nested_user },
	{ "nested-pid", nested_pid },
	{ "nested-uts", nested_uts },
	{ "nested-time", nested_time },
	{ "nested-net", nested_net },
	{ "changed-root", changed_root },
	{ "own-changed-root", other_root },
	{ "traced", traced },
	{ "other-user", other_user },
	{ "passing-processes", passing_processes },
	{ "many-processes", many_processes },
	{ "orphan", orphan },
	{ "detached-orphan", detached_orphan },
};

int refuse(const char *name)
{
	for (size_t i = 0; i < sizeof(state) / sizeof(state[0]); i++) {
		if (strcmp(state[i].name, name) != 0)
			continue;
		state[i].make();
		printf("refuse %s: ready\n", name);
		wait_for_ever();
	}
	printf("refuse: no state '%s'\n", name);
	return 2;
}
