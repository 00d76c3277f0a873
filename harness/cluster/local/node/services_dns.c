/* SPDX-License-Identifier: Apache-2.0 */
/* One question, as RFC 1035 wants it, from within the node's network. */
#include "cluster/local/local.h"

#include "sys/fs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MS 50
#define HEAD	  12
#define MAX_UDP	  512

/* Labels of "kubernetes.default.svc.cluster.local": each behind its length. */
static const unsigned char question[] = "\x63\x70\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
					"\x0akubernetes\x07"
					"default\x03svc\x07"
					"cluster\x05local\x00"
					"\x00\x01\x00\x01";

/* Made there, it stays there. */
static int open_node_socket(const struct cryo_pid *init, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/%d/ns/net", init->pid);
	cryo_auto(cryo_fd_close) int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	cryo_auto(cryo_fd_close) int node = open(path, O_RDONLY | O_CLOEXEC);
	int fd, error;

	if (own < 0 || node < 0 || setns(node, CLONE_NEWNET) < 0)
		return cryo_err_sys(err, errno, "cannot enter the node's network");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	error = errno;
	if (setns(own, CLONE_NEWNET) < 0)
		return cryo_err_sys(err, errno, "cannot leave the node's network");
	return fd < 0 ? cryo_err_sys(err, error, "cannot make a socket") : fd;
}

static const char *judge_answer(const unsigned char *p, ssize_t n)
{
	if (n < HEAD || memcmp(p, question, 2) != 0 || !(p[2] & 0x80))
		return "it answers with something else";
	if (p[3] & 0x0f)
		return "it does not know the API server yet";
	return p[6] || p[7] ? NULL : "it knows no address of the API server yet";
}

static const char *ask_for_server(int fd)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(53),
					.sin_addr = { inet_addr(LOCAL_DNS_IP) } };
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	unsigned char answer[MAX_UDP];
	ssize_t n;

	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
	    send(fd, question, sizeof(question) - 1, 0) < 0 || poll(&wait, 1, ANSWER_MS) != 1)
		return LOCAL_DNS_IP " does not answer";
	n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
	return n < 0 ? "nothing listens behind " LOCAL_DNS_IP : judge_answer(answer, n);
}

int local_dns_ask(const struct cryo_pid *init, const char **why, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open_node_socket(init, err);

	if (fd < 0)
		return fd;
	*why = ask_for_server(fd);
	return *why ? 1 : 0;
}
