/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/local/local.h"
#include "cluster/local/node/forward_seats.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct local_seat seat[LOCAL_SEATS];
static size_t n;

static void sit(uid_t uid, size_t count)
{
	for (; count > 0; count--, n++)
		seat[n] = (struct local_seat){ .uid = uid, .last_ms = 1000 - (int64_t)n };
}

/* Who leaves when one more comes: the user of the seat, or what local_seats_make_room says. */
static void room(void **state)
{
	static const struct {
		const char *what;
		struct {
			uid_t uid;
			size_t n;
		} there[5];
		uid_t comes;
		int leaves; /* uid */
	} row[] = {
		{ "nobody is there", { { 0, 0 } }, 5, LOCAL_SEATS_FREE },
		{ "a user has his share", { { 5, 64 } }, 5, 5 },
		{ "another one has room", { { 5, 64 } }, 6, LOCAL_SEATS_FREE },
		{ "users have theirs", { { 5, 64 }, { 6, 64 }, { 7, 64 } }, 8, 5 },
		{ "the one with the most", { { 5, 63 }, { 6, 64 }, { 7, 63 }, { 8, 2 } }, 9, 6 },
		{ "root has room then", { { 5, 64 }, { 6, 64 }, { 7, 64 } }, 0, LOCAL_SEATS_FREE },
		{ "until all are taken", { { 5, 64 }, { 6, 64 }, { 7, 64 }, { 0, 64 } }, 0, 0 },
		{ "root has taken all", { { 0, 256 } }, 5, LOCAL_SEATS_NONE },
		{ "root is no user", { { 0, 255 } }, 5, LOCAL_SEATS_FREE },
		{ "nobody knows who", { { LOCAL_NOBODY, 64 } }, LOCAL_NOBODY, (int)LOCAL_NOBODY },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		int leaves, last;

		print_message("# %s\n", row[i].what);
		n = 0;
		for (size_t k = 0; k < CRYO_ARRAY_LEN(row[i].there); k++)
			sit(row[i].there[k].uid, row[i].there[k].n);
		leaves = local_seats_make_room(seat, n, row[i].comes);
		if (leaves < 0) {
			assert_int_equal(leaves, row[i].leaves);
			continue;
		}
		assert_int_equal((int)seat[leaves].uid, row[i].leaves);
		/* The one that was idle for longest: here his last. */
		for (last = (int)n - 1; seat[last].uid != seat[leaves].uid; last--)
			;
		assert_int_equal(leaves, last);
	}
}

static void who_says_nothing(void **state)
{
	int wait;

	(void)state;
	n = 0;
	assert_int_equal(local_seats_mute(seat, n, 5, &wait), -1);
	assert_int_equal(wait, -1);
	sit(5, 3);
	seat[0].spoke = true;
	seat[1].since_ms = 100;
	seat[2].since_ms = 50;
	assert_int_equal(local_seats_mute(seat, n, 60, &wait), -1);
	assert_int_equal(wait, LOCAL_SEATS_MUTE_MS - 10);
	assert_int_equal(local_seats_mute(seat, n, 50 + LOCAL_SEATS_MUTE_MS, &wait), 2);
	seat[2].spoke = true;
	assert_int_equal(local_seats_mute(seat, n, 50 + LOCAL_SEATS_MUTE_MS, &wait), -1);
	assert_int_equal(wait, 50);
}

static int listen_somewhere(unsigned *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0);
	assert_int_equal(listen(fd, 512), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static int connect_to(unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Children of a test: they end with it, and have no assertions. */
static pid_t fork_child(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* Takes all that come and answers the first byte of each with the same. */
static void serve_echo(int listener)
{
	static struct pollfd fds[LOCAL_SEATS + 2];
	size_t open = 1;
	char byte;

	fds[0] = (struct pollfd){ listener, POLLIN, 0 };
	while (poll(fds, open, -1) > 0) {
		for (size_t i = open; i-- > 1;)
			if (fds[i].revents &&
			    (read(fds[i].fd, &byte, 1) != 1 || write(fds[i].fd, &byte, 1) != 1)) {
				close(fds[i].fd);
				fds[i] = fds[--open];
			}
		if ((fds[0].revents & POLLIN) && open < CRYO_ARRAY_LEN(fds))
			fds[open++] = (struct pollfd){ accept(listener, NULL, NULL), POLLIN, 0 };
	}
	_exit(0);
}

static void run_forwarder(int listener, unsigned to)
{
	int netns = open("/proc/self/ns/net", O_RDONLY);
	int node = (int)syscall(SYS_pidfd_open, getppid(), 0);
	int high[3] = { fcntl(listener, F_DUPFD, 16), fcntl(netns, F_DUPFD, 16),
			fcntl(node, F_DUPFD, 16) };

	for (int i = 0; i < 3; i++)
		dup2(high[i], 3 + i);
	_exit(local_forward_main(to));
}

/* As another user: many that say nothing, until it is killed. */
static void crowd(unsigned port, int told)
{
	if (setresuid(65534, 65534, 65534) < 0)
		_exit(1);
	for (int i = 0; i < 300; i++)
		connect_to(port);
	while (write(told, "x", 1) == 1)
		pause();
	_exit(1);
}

static bool is_answered(unsigned port)
{
	int fd = connect_to(port);
	struct pollfd p = { fd, POLLIN, 0 };
	char byte = 'a';
	bool there = fd >= 0 && write(fd, "b", 1) == 1 && poll(&p, 1, 5000) == 1 &&
		     read(fd, &byte, 1) == 1 && byte == 'b';

	if (fd >= 0)
		close(fd);
	return there;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* 300 idle connections of a user of the machine, and root is still served. */
static void nobody_starves_root(void **state)
{
	unsigned to, port;
	int server = listen_somewhere(&to), listener = listen_somewhere(&port);
	int told[2];
	pid_t echo, forwarder, many;
	char byte;

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: another user wants root\n");
		close(server);
		close(listener);
		skip();
	}
	assert_int_equal(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(pipe(told), 0);
	echo = fork_child();
	if (echo == 0)
		serve_echo(server);
	forwarder = fork_child();
	if (forwarder == 0)
		run_forwarder(listener, to);
	many = fork_child();
	if (many == 0)
		crowd(port, told[1]);
	assert_int_equal(read(told[0], &byte, 1), 1);
	for (int i = 0; i < 5; i++)
		assert_true(is_answered(port));
	end_child(many);
	end_child(forwarder);
	end_child(echo);
	close(server);
	close(listener);
}

/* The kernel says whose the other end is. */
static void whose_it_is(void **state)
{
	unsigned port;
	int listener = listen_somewhere(&port), asked = local_seats_open();
	int client = connect_to(port), server = accept(listener, NULL, NULL);

	(void)state;
	assert_int_equal(local_seats_uid(asked, server), geteuid());
	assert_int_equal(local_seats_uid(-1, server), LOCAL_NOBODY);
	assert_int_equal(local_seats_uid(asked, listener), LOCAL_NOBODY);
	close(client);
	close(server);
	close(listener);
	close(asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(room),
		cmocka_unit_test(who_says_nothing),
		cmocka_unit_test(whose_it_is),
		cmocka_unit_test(nobody_starves_root),
	};

	return cmocka_run_group_tests_name("forward", tests, NULL, NULL) ? EXIT_FAILURE
									 : EXIT_SUCCESS;
}
