/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/relay.h"

#include "sys/fs.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LAST_WORD_MS 500

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(CRYO_PACKET_FDS * sizeof(int))];
};

static void close_packet_fds(struct cryo_packet *p)
{
	while (p->n_fds)
		close(p->fds[--p->n_fds]);
}

void cryo_packet_release(struct cryo_packet *p)
{
	close_packet_fds(p);
	cryo_str_release(&p->data);
}

static void take_packet_fds(struct msghdr *m, struct cryo_packet *p)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		p->n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(p->fds, CMSG_DATA(c), p->n_fds * sizeof(int));
	}
}

/* A dead peer shows as ECONNRESET when it had not read everything. */
static ssize_t read_packet_size(int sock, struct cryo_err *err)
{
	char byte;
	ssize_t n;

	do
		n = recv(sock, &byte, 1, MSG_PEEK | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == ECONNRESET)
		return 0;
	if (n < 0)
		return cryo_err_sys(err, errno, "cannot receive");
	if (n > (ssize_t)CRYO_RPC_MAX)
		return cryo_err_set(err, CRYO_E_CONFIG, "a message of %zd bytes is too long", n);
	return n;
}

static int receive_packet(int sock, int flags, struct cryo_packet *p, struct cryo_err *err)
{
	ssize_t n = read_packet_size(sock, err);
	cryo_auto(cryo_free) char *buf = cryo_alloc(n > 0 ? (size_t)n : 1);
	union control control;
	struct iovec iov = { .iov_base = buf, .iov_len = n > 0 ? (size_t)n : 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n <= 0)
		return (int)n;
	if (!(flags & MSG_PEEK)) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
	}
	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? 0 : cryo_err_sys(err, errno, "cannot receive");
	cryo_packet_release(p);
	cryo_str_addn(&p->data, buf, (size_t)n);
	take_packet_fds(&m, p);
	if (!(flags & MSG_PEEK) && (m.msg_flags & MSG_CTRUNC))
		return cryo_err_set(err, CRYO_E_CONFIG, "a message with too many descriptors");
	return 1;
}

int cryo_packet_receive(int sock, struct cryo_packet *p, struct cryo_err *err)
{
	return receive_packet(sock, 0, p, err);
}

int cryo_packet_peek(int sock, struct cryo_packet *p, struct cryo_err *err)
{
	return receive_packet(sock, MSG_PEEK, p, err);
}

int cryo_packet_send(int sock, const struct cryo_packet *p, struct cryo_err *err)
{
	union control control = { 0 };
	struct iovec iov = { .iov_base = p->data.p, .iov_len = p->data.len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (p->n_fds) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(p->n_fds * sizeof(int));
		CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(p->n_fds * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), p->fds, p->n_fds * sizeof(int));
	}
	do
		n = sendmsg(sock, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? cryo_err_sys(err, errno, "cannot send") : 0;
}

static int answer_criu_notify(const struct cryo_relay *r, bool success, struct cryo_err *err)
{
	cryo_auto(cryo_packet_release) struct cryo_packet p = { 0 };

	cryo_rpc_pack_notified(success, &p.data);
	return cryo_packet_send(r->criu, &p, err);
}

/* After "post-dump" and while the network comes back CRIU cannot turn round any more. */
static bool can_turn_round(const struct cryo_rpc_resp *q)
{
	return !cryo_streq(q->script, "network-unlock");
}

static void show_response(const struct cryo_relay *r, const struct cryo_rpc_resp *resp,
			  struct cryo_err *failed)
{
	if (failed->status == CRYO_OK && r->on_resp)
		r->on_resp(r->arg, resp, failed);
}

static int report_criu_end(const struct cryo_err *failed, struct cryo_err *err)
{
	if (failed->status == CRYO_OK)
		return cryo_err_set(err, CRYO_E_CHILD, "criu ended without an answer (killed?)");
	*err = *failed;
	return -(int)err->status;
}

/* What CRIU says. 1: it was the last word. `failed`: our own failure, if any so far. */
static int relay_from_criu(const struct cryo_relay *r, struct cryo_err *failed,
			   struct cryo_err *err)
{
	cryo_auto(cryo_packet_release) struct cryo_packet p = { 0 };
	struct cryo_rpc_resp resp;
	int rc = cryo_packet_receive(r->criu, &p, err);

	if (rc == 0)
		return report_criu_end(failed, err);
	if (rc > 0)
		rc = cryo_rpc_resp_parse(p.data.p, p.data.len, &resp, err);
	if (rc < 0)
		return rc;
	show_response(r, &resp, failed);
	if (resp.type == CRYO_RPC_NOTIFY) {
		if (failed->status != CRYO_OK && can_turn_round(&resp))
			return answer_criu_notify(r, false, err);
		if (!r->client_notified)
			return answer_criu_notify(r, true, err);
		return cryo_packet_send(r->client, &p, err);
	}
	if (failed->status != CRYO_OK) {
		*err = *failed;
		return -(int)err->status;
	}
	rc = cryo_packet_send(r->client, &p, err);
	return rc < 0 ? rc : 1;
}

static int relay_from_client(const struct cryo_relay *r, struct cryo_err *err)
{
	cryo_auto(cryo_packet_release) struct cryo_packet p = { 0 };
	int rc = cryo_packet_receive(r->client, &p, err);

	if (rc == 0)
		return cryo_err_set(err, CRYO_E_CHILD, "runc disconnected");
	return rc < 0 ? rc : cryo_packet_send(r->criu, &p, err);
}

/* 1: done; the answer has been passed on. */
static int relay_next_packet(const struct cryo_relay *r, struct cryo_err *failed,
			     struct cryo_err *err)
{
	struct pollfd fd[] = { { .fd = r->client, .events = POLLIN },
			       { .fd = r->criu, .events = POLLIN },
			       { .fd = r->pidfd, .events = POLLIN } };

	if (poll(fd, CRYO_ARRAY_LEN(fd), -1) < 0)
		return errno == EINTR ? 0 : cryo_err_sys(err, errno, "cannot wait");
	if (fd[1].revents)
		return relay_from_criu(r, failed, err);
	/* What it said last may have come while poll looked at the others, or may be on its way. */
	if (fd[2].revents && poll(&fd[1], 1, LAST_WORD_MS) == 1)
		return relay_from_criu(r, failed, err);
	if (fd[2].revents)
		return report_criu_end(failed, err);
	return fd[0].revents ? relay_from_client(r, err) : 0;
}

int cryo_relay_run(const struct cryo_relay *r, struct cryo_err *err)
{
	struct cryo_err failed = CRYO_ERR_INIT;
	int rc;

	do
		rc = relay_next_packet(r, &failed, err);
	while (rc == 0);
	return rc > 0 ? 0 : rc;
}
