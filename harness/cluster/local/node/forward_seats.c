/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/local/node/forward_seats.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOT	   0
#define ASK_MS	   200
#define ALL_STATES 0xffffffffu

static size_t count_seats(const struct local_seat *seat, size_t n, uid_t uid)
{
	size_t of_user = 0;

	for (size_t i = 0; i < n; i++)
		of_user += seat[i].uid == uid;
	return of_user;
}

static int find_idlest(const struct local_seat *seat, size_t n, uid_t uid)
{
	int best = LOCAL_SEATS_NONE;

	for (size_t i = 0; i < n; i++)
		if (seat[i].uid == uid && (best < 0 || seat[i].last_ms < seat[best].last_ms))
			best = (int)i;
	return best;
}

static uid_t find_greediest(const struct local_seat *seat, size_t n)
{
	uid_t user = LOCAL_NOBODY;
	size_t most = 0;

	for (size_t i = 0; i < n; i++) {
		size_t his = seat[i].uid == ROOT ? 0 : count_seats(seat, n, seat[i].uid);

		if (his > most) {
			most = his;
			user = seat[i].uid;
		}
	}
	return user;
}

int local_seats_make_room(const struct local_seat *seat, size_t n, uid_t uid)
{
	size_t of_root = count_seats(seat, n, ROOT);

	if (uid == ROOT)
		return n < LOCAL_SEATS ? LOCAL_SEATS_FREE : find_idlest(seat, n, ROOT);
	if (count_seats(seat, n, uid) >= LOCAL_SEATS_USER)
		return find_idlest(seat, n, uid);
	if (n - of_root >= LOCAL_SEATS_USERS)
		return find_idlest(seat, n, find_greediest(seat, n));
	return n < LOCAL_SEATS ? LOCAL_SEATS_FREE : LOCAL_SEATS_NONE;
}

int local_seats_mute(const struct local_seat *seat, size_t n, int64_t now_ms, int *wait_ms)
{
	int64_t wait = LOCAL_SEATS_MUTE_MS + 1;

	*wait_ms = -1;
	for (size_t i = 0; i < n; i++) {
		int64_t left = seat[i].since_ms + LOCAL_SEATS_MUTE_MS - now_ms;

		if (seat[i].spoke)
			continue;
		if (left <= 0)
			return (int)i;
		if (left < wait)
			*wait_ms = (int)(wait = left);
	}
	return -1;
}

int local_seats_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	const struct timeval limit = { .tv_usec = ASK_MS * 1000 };

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

struct seat_query {
	struct nlmsghdr head;
	struct inet_diag_req_v2 req;
};

/* The other end is the socket whose own address is our peer's. */
static bool make_seat_query(int client, struct seat_query *q)
{
	struct sockaddr_in own, peer;
	socklen_t n = sizeof(own), m = sizeof(peer);

	if (getsockname(client, (struct sockaddr *)&own, &n) < 0 ||
	    getpeername(client, (struct sockaddr *)&peer, &m) < 0 || peer.sin_family != AF_INET)
		return false;
	*q = (struct seat_query){ .head = { .nlmsg_len = sizeof(*q),
					    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
					    .nlmsg_flags = NLM_F_REQUEST },
				  .req = { .sdiag_family = AF_INET,
					   .sdiag_protocol = IPPROTO_TCP,
					   .idiag_states = ALL_STATES } };
	q->req.id.idiag_sport = peer.sin_port;
	q->req.id.idiag_dport = own.sin_port;
	q->req.id.idiag_src[0] = peer.sin_addr.s_addr;
	q->req.id.idiag_dst[0] = own.sin_addr.s_addr;
	q->req.id.idiag_cookie[0] = q->req.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return true;
}

/* An answer to an earlier question, which came too late, is of other ports. */
static bool is_answer(const struct seat_query *q, const struct nlmsghdr *head, size_t n)
{
	const struct inet_diag_msg *m = NLMSG_DATA(head);

	return n >= NLMSG_LENGTH(sizeof(*m)) && head->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
	       m->id.idiag_sport == q->req.id.idiag_sport &&
	       m->id.idiag_dport == q->req.id.idiag_dport;
}

uid_t local_seats_uid(int asked, int client)
{
	union {
		struct nlmsghdr head;
		char bytes[1024];
	} answer;
	struct seat_query q;
	ssize_t n;

	if (asked < 0 || !make_seat_query(client, &q))
		return LOCAL_NOBODY;
	while (recv(asked, &answer, sizeof(answer), MSG_DONTWAIT) > 0)
		;
	if (send(asked, &q, sizeof(q), 0) != (ssize_t)sizeof(q))
		return LOCAL_NOBODY;
	n = recv(asked, &answer, sizeof(answer), 0);
	if (n < (ssize_t)sizeof(answer.head) || !is_answer(&q, &answer.head, (size_t)n))
		return LOCAL_NOBODY;
	return ((const struct inet_diag_msg *)NLMSG_DATA(&answer.head))->idiag_uid;
}
