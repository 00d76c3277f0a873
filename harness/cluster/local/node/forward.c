/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's way in: 127.0.0.1:port → the API server in the node's own network.
 * No address, route or rule of the host changes; connections are carried by a
 * small process that ends with the node.
 */
#include "cluster/forward.h"
#include "cluster/local/local.h"
#include "cluster/local/node/forward_seats.h"

#include "base/clock.h"
#include "sys/fs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FD_LISTEN 3
#define FD_NETNS  4
#define FD_NODE	  5
#define MAX_PAIRS LOCAL_SEATS
#define BUFFER	  65536

/* One direction of a connection: what was read from `from` and is not yet written to `to`. */
struct flow {
	int from, to;
	size_t at, n;
	bool ended; /* `from` was read to its end and `to` has been told */
	char buf[BUFFER];
};

struct pair {
	int client, server;
	struct flow out, in;
};

static struct pair *pairs[MAX_PAIRS];
static struct local_seat seats[MAX_PAIRS]; /* of the same numbers */
static size_t n_pairs;
static int asked = -1; /* local_seats_open() of the host's network */

static struct sockaddr_in make_loopback_address(unsigned port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void close_forward_pair(size_t i)
{
	close(pairs[i]->client);
	close(pairs[i]->server);
	free(pairs[i]);
	pairs[i] = pairs[--n_pairs];
	seats[i] = seats[n_pairs];
}

/* False: no room for this one. */
static bool take_seat(int client, struct local_seat *seat)
{
	int64_t now = cryo_now_ms();
	uid_t uid = local_seats_uid(asked, client);
	int leaves = local_seats_make_room(seats, n_pairs, uid);

	if (leaves >= 0)
		close_forward_pair((size_t)leaves);
	*seat = (struct local_seat){ .uid = uid, .since_ms = now, .last_ms = now };
	return leaves != LOCAL_SEATS_NONE;
}

/* We live in the node's network; only the listening socket is of the host's. */
static void accept_forward_pair(unsigned port)
{
	struct sockaddr_in to = make_loopback_address(port);
	int client = accept4(FD_LISTEN, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct local_seat seat;
	struct pair *p;

	if (client < 0 || server < 0 || !take_seat(client, &seat) ||
	    connect(server, (struct sockaddr *)&to, sizeof(to)) < 0) {
		cryo_fd_closep(&client);
		cryo_fd_closep(&server);
		return;
	}
	fcntl(server, F_SETFL, O_NONBLOCK);
	p = cryo_alloc(sizeof(*p));
	p->client = client;
	p->server = server;
	p->out.from = p->in.to = client;
	p->out.to = p->in.from = server;
	seats[n_pairs] = seat;
	pairs[n_pairs++] = p;
}

static bool is_retry_errno(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* Move what can be moved now; false: this connection is broken. *moved: bytes were. */
static bool move_flow_bytes(struct flow *f, bool *moved)
{
	ssize_t n;

	if (f->n == 0 && !f->ended) {
		n = read(f->from, f->buf, sizeof(f->buf));
		if (n < 0)
			return is_retry_errno();
		if (n == 0) {
			f->ended = true;
			shutdown(f->to, SHUT_WR);
			return true;
		}
		f->at = 0;
		f->n = (size_t)n;
		*moved = true;
	}
	if (f->n > 0) {
		n = send(f->to, f->buf + f->at, f->n, MSG_NOSIGNAL);
		if (n < 0)
			return is_retry_errno();
		f->at += (size_t)n;
		f->n -= (size_t)n;
	}
	return true;
}

static short choose_poll_events(const struct flow *reads, const struct flow *writes)
{
	return (short)((reads->n == 0 && !reads->ended ? POLLIN : 0) |
		       (writes->n > 0 ? POLLOUT : 0));
}

static bool serve_forward_pair(struct pair *p, struct local_seat *seat, short client, short server)
{
	bool asks = false, answers = false;

	/* An error shows up in the read or write that follows; a bare hang-up must not spin. */
	if ((client | server) & (POLLERR | POLLNVAL))
		return false;
	if (!move_flow_bytes(&p->out, &asks) || !move_flow_bytes(&p->in, &answers))
		return false;
	seat->spoke |= asks;
	if (asks || answers)
		seat->last_ms = cryo_now_ms();
	return !(p->out.ended && p->in.ended && p->out.n == 0 && p->in.n == 0);
}

/* Until when poll may wait, for those that say nothing. */
static int end_mute_pairs(void)
{
	int mute, wait_ms;

	while ((mute = local_seats_mute(seats, n_pairs, cryo_now_ms(), &wait_ms)) >= 0)
		close_forward_pair((size_t)mute);
	return wait_ms;
}

static void serve_poll_round(unsigned port, struct pollfd *fds)
{
	int wait_ms = end_mute_pairs();
	size_t n = n_pairs;

	fds[0] = (struct pollfd){ FD_NODE, POLLIN, 0 };
	fds[1] = (struct pollfd){ FD_LISTEN, POLLIN, 0 };
	for (size_t i = 0; i < n; i++) {
		struct pair *p = pairs[i];
		short client = choose_poll_events(&p->out, &p->in),
		      server = choose_poll_events(&p->in, &p->out);

		/* A hung-up side that has nothing to say any more is left out, or poll would return
		 * at once for ever. */
		fds[2 + 2 * i] = (struct pollfd){ client ? p->client : -1, client, 0 };
		fds[3 + 2 * i] = (struct pollfd){ server ? p->server : -1, server, 0 };
	}
	if (poll(fds, 2 + 2 * n, wait_ms) <= 0)
		return;
	for (size_t i = n; i-- > 0;) {
		short client = fds[2 + 2 * i].revents, server = fds[3 + 2 * i].revents;

		if ((client || server) && !serve_forward_pair(pairs[i], &seats[i], client, server))
			close_forward_pair(i);
	}
	if (fds[1].revents & POLLIN)
		accept_forward_pair(port);
}

int local_forward_main(unsigned port)
{
	struct pollfd *fds = cryo_alloc((2 + 2 * MAX_PAIRS) * sizeof(*fds));

	asked = local_seats_open();
	if (setns(FD_NETNS, CLONE_NEWNET) < 0)
		return EXIT_FAILURE;
	signal(SIGPIPE, SIG_IGN);
	do
		serve_poll_round(port, fds);
	while (!(fds[0].revents & POLLIN));
	while (n_pairs > 0)
		close_forward_pair(n_pairs - 1);
	free(fds);
	return EXIT_SUCCESS;
}

static int listen_on_loopback(unsigned *port, struct cryo_err *err)
{
	struct sockaddr_in at = make_loopback_address(*port);
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot make a socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0) {
		int rc = errno == EADDRINUSE
			     ? cryo_err_set(err, CRYO_E_UNFIT,
					    "port %u on 127.0.0.1 is in use by another program",
					    *port)
			     : cryo_err_sys(err, errno, "cannot listen on port %u", *port);
		close(fd);
		return rc;
	}
	*port = ntohs(at.sin_port);
	return fd;
}

int local_forward_check(unsigned port, struct cryo_err *err)
{
	int fd = listen_on_loopback(&port, err);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static _Noreturn void run_forwarder(int listener, int netns, int node, unsigned to)
{
	const int from[] = { listener, netns, node };
	char port[16];
	int high[3], null = open("/dev/null", O_RDWR);

	snprintf(port, sizeof(port), "%u", to);
	setsid();
	if (chdir("/") < 0)
		_exit(1);
	/* First out of the way of 3, 4 and 5, then to their places. */
	for (int i = 0; i < 3; i++)
		high[i] = fcntl(from[i], F_DUPFD, 16);
	for (int i = 0; i < 3; i++) {
		dup2(null, i);
		dup2(high[i], FD_LISTEN + i);
	}
	syscall(SYS_close_range, FD_NODE + 1, ~0U, 0);
	execl("/proc/self/exe", "cryopod", "internal-forward", port, NULL);
	_exit(127);
}

int local_forward_start(const struct local *l, const struct cryo_pid *init, unsigned *port,
			struct cryo_pid *out, struct cryo_err *err)
{
	return cryo_forward_start(l->cgroup, init, LOCAL_API_PORT, port, out, err);
}

int cryo_forward_start(const char *above, const struct cryo_pid *init, unsigned to, unsigned *port,
		       struct cryo_pid *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/%d/ns/net", init->pid);
	cryo_auto(cryo_free) char *group = cryo_asprintf("%s/host", above);
	cryo_auto(cryo_fd_close) int listener = -1, netns = open(path, O_RDONLY | O_CLOEXEC);
	cryo_auto(cryo_fd_close) int node = (int)syscall(SYS_pidfd_open, init->pid, 0);
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	pid_t pid;
	int rc;

	if (netns < 0 || node < 0)
		return cryo_err_sys(err, errno, "cannot open the node's network");
	listener = listen_on_loopback(port, err);
	if (listener < 0)
		return listener;
	rc = cryo_cgroups_find(&cg, err);
	if (rc == 0)
		rc = cryo_cgroup_make(&cg, group, err);
	if (rc < 0)
		return rc;
	pid = fork();
	if (pid == 0)
		run_forwarder(listener, netns, node, to);
	if (pid < 0)
		return cryo_err_sys(err, errno, "cannot start the forwarder");
	rc = cryo_pid_of(pid, out, err);
	/* In the cluster's cgroup it is found by `down` even if nobody wrote its pid down. */
	return rc < 0 ? rc : cryo_cgroup_enter(&cg, group, pid, err);
}
