/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program with many faces, for the table "What survives a restore"
 * (docs/restore.md). It sets all of them up and waits. At SIGUSR1 (`/faces check`
 * in the container) it prints one line for each: "face NAME: as before", or what
 * is different, and at the end "faces checked N".
 *
 * Errors while setting up end it: a face that could not be made proves nothing.
 */
#include "alone.h"
#include "faces.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <grp.h>
#include <sys/wait.h>

#define WORD	  "faces-in-memory"
#define AS_BEFORE NULL

static void need(int good, const char *what)
{
	if (good)
		return;
	printf("cannot set up %s: %s\n", what, strerror(errno));
	exit(3);
}

static char *say(const char *fmt, long a, long b)
{
	char *text;

	return asprintf(&text, fmt, a, b) < 0 ? NULL : text;
}

static const char *same(long now, long before)
{
	return now == before ? AS_BEFORE : say("%ld, was %ld", now, before);
}

/* --- memory --- */

static char *heap;
static void heap_make(void)
{
	heap = malloc(4 << 20);
	need(heap != NULL, "heap");
	for (size_t i = 0; i < 4 << 20; i++)
		heap[i] = (char)(i * 7);
}
static const char *heap_check(void)
{
	for (size_t i = 0; i < 4 << 20; i++)
		if (heap[i] != (char)(i * 7))
			return "other bytes";
	return AS_BEFORE;
}

static char *anon_shared;
static pid_t anon_child;
static void anon_make(void)
{
	anon_shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(anon_shared != MAP_FAILED, "anonymous shared memory");
	anon_child = fork();
	if (anon_child == 0)
		for (;; usleep(10000))
			anon_shared[1] = (char)(anon_shared[0] + 1);
}
static const char *anon_check(void)
{
	anon_shared[0] = 41;
	for (int i = 0; i < 200 && anon_shared[1] != 42; i++)
		usleep(10000);
	return anon_shared[1] == 42 ? AS_BEFORE : "not shared any more";
}

static int shm_id, sem_id, msg_id;
static void sysv_make(void)
{
	struct {
		long type;
		char text[16];
	} m = { 1, WORD };
	char *p;

	shm_id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	sem_id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
	msg_id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	need(shm_id >= 0 && sem_id >= 0 && msg_id >= 0, "System V IPC");
	p = shmat(shm_id, NULL, 0);
	need(p != (void *)-1, "System V shared memory");
	strcpy(p, WORD);
	shmdt(p);
	need(semctl(sem_id, 0, SETVAL, 5) == 0 && msgsnd(msg_id, &m, 16, 0) == 0, "System V IPC");
}
static const char *shm_check(void)
{
	char *p = shmat(shm_id, NULL, 0);

	return p == (void *)-1 ? "gone" : strcmp(p, WORD) ? "other bytes" : AS_BEFORE;
}
static const char *sem_check(void)
{
	return same(semctl(sem_id, 0, GETVAL), 5);
}
static const char *msg_check(void)
{
	struct msqid_ds d;

	return msgctl(msg_id, IPC_STAT, &d) < 0 ? "gone" : same((long)d.msg_qnum, 1);
}

static int memfd = -1;
static void memfd_make(void)
{
	memfd = memfd_create("faces", MFD_ALLOW_SEALING);
	need(memfd >= 0 && write(memfd, WORD, 15) == 15 &&
		 fcntl(memfd, F_ADD_SEALS, F_SEAL_GROW) == 0,
	     "memfd");
}
static const char *memfd_check(void)
{
	char text[16] = "";

	if (pread(memfd, text, 15, 0) != 15 || strcmp(text, WORD))
		return "other bytes";
	return same(fcntl(memfd, F_GET_SEALS), F_SEAL_GROW);
}

static char *locked;
static void mlock_make(void)
{
	locked = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(locked != MAP_FAILED && mlock(locked, 8192) == 0, "mlock");
	strcpy(locked, WORD);
}
static const char *mlock_check(void)
{
	return strcmp(locked, WORD) ? "other bytes" : AS_BEFORE;
}

static char *guarded;
static void mprotect_make(void)
{
	guarded = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(guarded != MAP_FAILED, "mprotect");
}
static const char *mprotect_check(void)
{
	int p[2];
	ssize_t n;

	need(pipe(p) == 0, "pipe");
	n = write(p[1], guarded, 1);
	close(p[0]);
	close(p[1]);
	return n < 0 && errno == EFAULT ? AS_BEFORE : "readable now";
}

/* --- files --- */

static int deleted_fd = -1, file_fd = -1, append_fd = -1, lock_fd = -1, dir_fd = -1;
static void files_make(void)
{
	mkdir("/tmp", 01777);
	deleted_fd = open("/tmp/deleted", O_RDWR | O_CREAT, 0600);
	file_fd = open("/tmp/file", O_RDWR | O_CREAT, 0640);
	append_fd = open("/tmp/append", O_WRONLY | O_APPEND | O_CREAT, 0600);
	lock_fd = open("/tmp/lock", O_RDWR | O_CREAT, 0600);
	dir_fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	need(deleted_fd >= 0 && file_fd >= 0 && append_fd >= 0 && lock_fd >= 0 && dir_fd >= 0,
	     "files");
	need(write(deleted_fd, WORD, 15) == 15 && unlink("/tmp/deleted") == 0, "deleted file");
	need(write(file_fd, WORD, 15) == 15 && lseek(file_fd, 6, SEEK_SET) == 6, "file");
	need(symlink("file", "/tmp/link") == 0 || errno == EEXIST, "link");
	need(chdir("/tmp") == 0, "working directory");
	umask(027);
}
static const char *deleted_check(void)
{
	char text[16] = "";

	return pread(deleted_fd, text, 15, 0) == 15 && !strcmp(text, WORD) ? AS_BEFORE : "gone";
}
static const char *offset_check(void)
{
	return same(lseek(file_fd, 0, SEEK_CUR), 6);
}
static const char *mode_check(void)
{
	struct stat st;

	return stat("/tmp/file", &st) ? "gone" : same(st.st_mode & 07777, 0640);
}
static const char *append_check(void)
{
	return same(fcntl(append_fd, F_GETFL) & O_APPEND, O_APPEND);
}
static const char *link_check(void)
{
	char text[16] = "";

	return readlink("/tmp/link", text, 15) == 4 ? AS_BEFORE : "gone";
}
static const char *cwd_check(void)
{
	char text[PATH_MAX] = "";

	return getcwd(text, sizeof(text)) && !strcmp(text, "/tmp") ? AS_BEFORE : "elsewhere";
}
static const char *dirfd_check(void)
{
	return faccessat(dir_fd, "file", F_OK, 0) == 0 ? AS_BEFORE : "leads elsewhere";
}
static const char *umask_check(void)
{
	mode_t now = umask(027);

	return same(now, 027);
}

/* --- pipes, sockets, events --- */

static int pipe_fd[2], unix_fd[2], packet_fd[2], tcp_listen, udp_fd, event_fd, epoll_fd, timer_fd,
    fifo_fd;
static int abstract_fd;
static void ends_make(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "\0faces" };
	socklen_t len = sizeof(at);
	int one = 1;

	need(pipe(pipe_fd) == 0 && write(pipe_fd[1], WORD, 15) == 15, "pipe");
	need(fcntl(pipe_fd[0], F_SETPIPE_SZ, 1 << 17) == 1 << 17, "pipe size");
	need(socketpair(AF_UNIX, SOCK_STREAM, 0, unix_fd) == 0 && write(unix_fd[1], WORD, 15) == 15,
	     "Unix sockets");
	need(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packet_fd) == 0 &&
		 write(packet_fd[1], "ab", 2) == 2 && write(packet_fd[1], "cde", 3) == 3,
	     "Unix packets");
	abstract_fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	need(bind(abstract_fd, (void *)&un, offsetof(struct sockaddr_un, sun_path) + 6) == 0,
	     "abstract socket");
	tcp_listen = socket(AF_INET, SOCK_STREAM, 0);
	need(setsockopt(tcp_listen, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0, "TCP");
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	need(bind(tcp_listen, (void *)&at, sizeof(at)) == 0 && listen(tcp_listen, 8) == 0, "TCP");
	udp_fd = socket(AF_INET, SOCK_DGRAM, 0);
	at.sin_port = 0;
	need(bind(udp_fd, (void *)&at, sizeof(at)) == 0 &&
		 getsockname(udp_fd, (void *)&at, &len) == 0,
	     "UDP");
	event_fd = eventfd(7, 0);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, 0);
	epoll_fd = epoll_create1(0);
	need(event_fd >= 0 && timer_fd >= 0 && epoll_fd >= 0, "event descriptors");
	need(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd,
		       &(struct epoll_event){ .events = EPOLLIN, .data.u32 = 99 }) == 0,
	     "epoll");
	need(timerfd_settime(timer_fd, 0,
			     &(struct itimerspec){ .it_interval = { .tv_sec = 1000 },
						   .it_value = { .tv_sec = 2000 } },
			     NULL) == 0,
	     "timerfd");
	need((mkfifo("/tmp/fifo", 0600) == 0 || errno == EEXIST) &&
		 (fifo_fd = open("/tmp/fifo", O_RDWR)) >= 0 && write(fifo_fd, "x", 1) == 1,
	     "FIFO");
}
static const char *waiting(int fd, long want)
{
	char text[64];

	return same(recv(fd, text, sizeof(text), MSG_PEEK | MSG_DONTWAIT), want);
}
static const char *pipe_check(void)
{
	int copy[2];
	char text[16] = "";
	ssize_t n;

	need(pipe(copy) == 0, "pipe");
	n = tee(pipe_fd[0], copy[1], 15, SPLICE_F_NONBLOCK);
	if (n > 0 && read(copy[0], text, 15) != 15)
		n = -1;
	close(copy[0]);
	close(copy[1]);
	return n == 15 && !strcmp(text, WORD) ? AS_BEFORE : "other bytes";
}
static const char *pipesize_check(void)
{
	return same(fcntl(pipe_fd[0], F_GETPIPE_SZ), 1 << 17);
}
static const char *unix_check(void)
{
	return waiting(unix_fd[0], 15);
}
static const char *packet_check(void)
{
	return waiting(packet_fd[0], 2);
}
static const char *abstract_check(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "\0faces" };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), rc;

	rc = connect(fd, (void *)&un, offsetof(struct sockaddr_un, sun_path) + 6);
	close(fd);
	return rc == 0 ? AS_BEFORE : "nobody listens there";
}
static const char *tcp_check(void)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0), other = -1;

	if (getsockname(tcp_listen, (void *)&at, &len) == 0 &&
	    connect(fd, (void *)&at, sizeof(at)) == 0)
		other = accept(tcp_listen, NULL, NULL);
	close(fd);
	if (other >= 0)
		close(other);
	return other >= 0 ? AS_BEFORE : "takes no connections";
}
static const char *udp_check(void)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	char text[4];

	if (getsockname(udp_fd, (void *)&at, &len) < 0 ||
	    sendto(udp_fd, "u", 1, 0, (void *)&at, sizeof(at)) != 1)
		return "cannot send";
	return same(recv(udp_fd, text, 4, 0), 1);
}
static const char *eventfd_check(void)
{
	uint64_t n = 0;
	ssize_t got = read(event_fd, &n, sizeof(n));

	if (got == sizeof(n) && write(event_fd, &n, sizeof(n)) != sizeof(n))
		return "cannot be written";
	return same((long)n, 7);
}
static const char *epoll_check(void)
{
	struct epoll_event e = { 0 };
	int n = epoll_wait(epoll_fd, &e, 1, 1000);

	return n == 1 ? same(e.data.u32, 99) : "no event";
}
static const char *timerfd_check(void)
{
	struct itimerspec t;

	if (timerfd_gettime(timer_fd, &t) < 0)
		return "gone";
	return t.it_value.tv_sec > 1800 ? same(t.it_interval.tv_sec, 1000) : "another time";
}
static const char *fifo_check(void)
{
	struct pollfd p = { fifo_fd, POLLIN, 0 };

	return poll(&p, 1, 0) == 1 ? AS_BEFORE : "empty";
}

/* --- signals, timers, clocks --- */

static int signal_fd;
static volatile sig_atomic_t handled;
static timer_t posix_timer;
static struct timespec clock_at;
static void on_usr2(int n)
{
	(void)n;
	handled++;
}
static void signals_make(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	sigaddset(&set, SIGUSR1);
	need(sigprocmask(SIG_BLOCK, &set, NULL) == 0, "signal mask");
	need(sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = 77 }) == 0, "signal");
	signal(SIGUSR2, on_usr2);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 5);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal_fd = signalfd(-1, &set, SFD_NONBLOCK);
	need(signal_fd >= 0, "signalfd");
	raise(SIGRTMIN + 5);
	need(timer_create(CLOCK_MONOTONIC, &(struct sigevent){ .sigev_notify = SIGEV_NONE },
			  &posix_timer) == 0 &&
		 timer_settime(posix_timer, 0,
			       &(struct itimerspec){ .it_value = { .tv_sec = 3000 } }, NULL) == 0,
	     "POSIX timer");
	need(setitimer(ITIMER_VIRTUAL, &(struct itimerval){ .it_value = { .tv_sec = 9000 } },
		       NULL) == 0,
	     "interval timer");
	clock_gettime(CLOCK_MONOTONIC, &clock_at);
}
static const char *pending_check(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGRTMIN + 3) ? AS_BEFORE : "not pending";
}
static const char *handler_check(void)
{
	int before = handled;

	raise(SIGUSR2);
	return same(handled, before + 1);
}
static const char *ignored_check(void)
{
	struct sigaction a;

	sigaction(SIGHUP, NULL, &a);
	return a.sa_handler == SIG_IGN ? AS_BEFORE : "not ignored";
}
static const char *signalfd_check(void)
{
	struct pollfd p = { signal_fd, POLLIN, 0 };

	return poll(&p, 1, 0) == 1 ? AS_BEFORE : "nothing queued";
}
static const char *timer_check(void)
{
	struct itimerspec t;

	timer_gettime(posix_timer, &t);
	return t.it_value.tv_sec > 2800 ? AS_BEFORE : "another time";
}
static const char *itimer_check(void)
{
	struct itimerval t;

	getitimer(ITIMER_VIRTUAL, &t);
	return t.it_value.tv_sec > 8000 ? AS_BEFORE : "another time";
}
static const char *clock_check(void)
{
	struct timespec now;
	long s;

	clock_gettime(CLOCK_MONOTONIC, &now);
	s = now.tv_sec - clock_at.tv_sec;
	return s >= 0 && s < 600 ? AS_BEFORE : say("%ld s later", s, 0);
}

/* --- processes --- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile long ticks;
static __thread long tls_value;
static volatile long tls_seen;
static pid_t zombie, session_child, me;
static int pid_fd;
static void *tick(void *arg)
{
	tls_value = 123;
	for (;; usleep(5000)) {
		pthread_mutex_lock(&mutex);
		ticks++;
		tls_seen = tls_value;
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}
static void processes_make(void)
{
	siginfo_t info;
	pthread_t t;

	me = getpid();
	for (int i = 0; i < 3; i++)
		need(pthread_create(&t, NULL, tick, NULL) == 0, "threads");
	zombie = fork();
	if (zombie == 0)
		_exit(42);
	need(waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT) == 0, "zombie");
	session_child = fork();
	if (session_child == 0) {
		setsid();
		for (;;)
			pause();
	}
	pid_fd = (int)syscall(SYS_pidfd_open, session_child, 0);
	need(pid_fd >= 0, "pidfd");
	usleep(50000);
}
static const char *threads_check(void)
{
	long before = ticks;

	usleep(200000);
	return ticks > before ? AS_BEFORE : "stand still";
}
static const char *tls_check(void)
{
	return same(tls_seen, 123);
}
static const char *zombie_check(void)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT | WNOHANG) < 0)
		return "gone";
	return same(info.si_status, 42);
}
static const char *session_check(void)
{
	return same(getsid(session_child), session_child);
}
static const char *pidfd_check(void)
{
	return syscall(SYS_pidfd_send_signal, pid_fd, 0, NULL, 0) == 0 ? AS_BEFORE
								       : "leads nowhere";
}
static const char *pid_check(void)
{
	return same(getpid(), me);
}

/* --- rights and limits --- */

static long seccomp_mode;
static unsigned long long caps;
static unsigned long long read_caps(void)
{
	unsigned long long v = 0;
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "CapEff: %llx", &v);
	if (f)
		fclose(f);
	return v;
}
static void rights_make(void)
{
	struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog prog = { 1, allow };

	need(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 333, 334 }) == 0, "limits");
	need(nice(3) == 3, "nice");
	need(prctl(PR_SET_NAME, "face name") == 0, "name");
	need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	need(prctl(PR_CAPBSET_DROP, 13 /* CAP_NET_RAW */, 0, 0, 0) == 0, "capabilities");
	need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0, "seccomp");
	need(prctl(PR_SET_TIMERSLACK, 123456) == 0, "timer slack");
	need(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "subreaper");
	need(setgroups(2, (gid_t[]){ 7, 9 }) == 0 || errno == EPERM, "groups");
	seccomp_mode = prctl(PR_GET_SECCOMP);
	caps = read_caps();
}
static const char *rlimit_check(void)
{
	struct rlimit r;

	getrlimit(RLIMIT_NOFILE, &r);
	return same((long)r.rlim_cur, 333);
}
static const char *nice_check(void)
{
	return same(getpriority(PRIO_PROCESS, 0), 3);
}
static const char *name_check(void)
{
	char text[16] = "";

	prctl(PR_GET_NAME, text);
	return strcmp(text, "face name") ? "another name" : AS_BEFORE;
}
static const char *privs_check(void)
{
	return same(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
}
static const char *bound_check(void)
{
	return same(prctl(PR_CAPBSET_READ, 13, 0, 0, 0), 0);
}
static const char *caps_check(void)
{
	return same((long)read_caps(), (long)caps);
}
static const char *seccomp_check(void)
{
	return same(prctl(PR_GET_SECCOMP), seccomp_mode);
}
static const char *slack_check(void)
{
	return same(prctl(PR_GET_TIMERSLACK), 123456);
}
static const char *reaper_check(void)
{
	int now = 0;

	prctl(PR_GET_CHILD_SUBREAPER, &now);
	return same(now, 1);
}

static char host[65];
static void host_make(void)
{
	struct utsname u;

	uname(&u);
	strcpy(host, u.nodename);
}
static const char *host_check(void)
{
	struct utsname u;

	uname(&u);
	return strcmp(u.nodename, host) ? "the new pod's" : AS_BEFORE;
}

static const struct {
	const char *name;
	void (*make)(void);
	const char *(*check)(void);
} face[] = {
	{ "memory", heap_make, heap_check },
	{ "shared anonymous memory", anon_make, anon_check },
	{ "System V shared memory", sysv_make, shm_check },
	{ "System V semaphore", NULL, sem_check },
	{ "System V message", NULL, msg_check },
	{ "memfd and its seals", memfd_make, memfd_check },
	{ "locked memory", mlock_make, mlock_check },
	{ "unreadable page", mprotect_make, mprotect_check },
	{ "deleted file", files_make, deleted_check },
	{ "file offset", NULL, offset_check },
	{ "file mode", NULL, mode_check },
	{ "append mode", NULL, append_check },
	{ "symbolic link", NULL, link_check },
	{ "working directory", NULL, cwd_check },
	{ "open directory", NULL, dirfd_check },
	{ "umask", NULL, umask_check },
	{ "bytes in a pipe", ends_make, pipe_check },
	{ "size of a pipe", NULL, pipesize_check },
	{ "bytes in a Unix socket", NULL, unix_check },
	{ "packets in a Unix socket", NULL, packet_check },
	{ "abstract socket", NULL, abstract_check },
	{ "listening TCP socket", NULL, tcp_check },
	{ "UDP socket", NULL, udp_check },
	{ "eventfd count", NULL, eventfd_check },
	{ "epoll", NULL, epoll_check },
	{ "timerfd", NULL, timerfd_check },
	{ "FIFO", NULL, fifo_check },
	{ "pending signal", signals_make, pending_check },
	{ "signal handler", NULL, handler_check },
	{ "ignored signal", NULL, ignored_check },
	{ "signalfd", NULL, signalfd_check },
	{ "POSIX timer", NULL, timer_check },
	{ "interval timer", NULL, itimer_check },
	{ "CLOCK_MONOTONIC", NULL, clock_check },
	{ "threads", processes_make, threads_check },
	{ "thread-local memory", NULL, tls_check },
	{ "zombie and its status", NULL, zombie_check },
	{ "session of a child", NULL, session_check },
	{ "pidfd", NULL, pidfd_check },
	{ "process ID", NULL, pid_check },
	{ "resource limit", rights_make, rlimit_check },
	{ "nice value", NULL, nice_check },
	{ "thread name", NULL, name_check },
	{ "no_new_privs", NULL, privs_check },
	{ "dropped capability", NULL, bound_check },
	{ "capabilities", NULL, caps_check },
	{ "seccomp filter", NULL, seccomp_check },
	{ "child subreaper", NULL, reaper_check },
	{ "timer slack", NULL, slack_check },
	{ "host name", host_make, host_check },
};

static void check_all(void)
{
	size_t n = sizeof(face) / sizeof(face[0]);

	for (size_t i = 0; i < n; i++) {
		const char *is = face[i].check();

		printf("face %s: %s\n", face[i].name, is ? is : "as before");
	}
	printf("faces checked %zu\n", n);
}

int main(int argc, char **argv)
{
	sigset_t set;
	int n;

	if (argc == 2 && strcmp(argv[1], "check") == 0)
		return kill(1, SIGUSR1) < 0;
	if (argc == 3 && strcmp(argv[1], "alone") == 0)
		return alone(argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && strcmp(argv[1], "refuse") == 0)
		return refuse(argv[2]);
	for (size_t i = 0; i < sizeof(face) / sizeof(face[0]); i++)
		if (face[i].make)
			face[i].make();
	printf("faces ready\n");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (;;)
		if (sigwait(&set, &n) == 0)
			check_all();
}
