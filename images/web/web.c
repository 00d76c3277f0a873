/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of Services and names: `web serve PORT` answers whoever connects, by TCP
 * or UDP, with a line that holds its host name; `web get HOST PORT [udp]` prints such an
 * answer; `web names HOST` prints a name's addresses, one a line. What takes more than two
 * seconds has failed.
 */
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/socket.h>
#include <sys/time.h>

#define LIMIT_S 2
#define MOST	16

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int open_server(int type, int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
	int fd = socket(AF_INET, type, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 64) < 0))
		exit(fail("listen"));
	return fd;
}

static void answer_stream(int fd, const char *line)
{
	int c = accept(fd, NULL, NULL);

	if (c < 0)
		return;
	if (write(c, line, strlen(line)) < 0)
		perror("write");
	close(c);
}

static void answer_datagram(int fd, const char *line)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char ask[64];

	if (recvfrom(fd, ask, sizeof(ask), 0, (struct sockaddr *)&from, &len) < 0)
		return;
	sendto(fd, line, strlen(line), 0, (struct sockaddr *)&from, len);
}

static int serve(int port)
{
	struct pollfd p[] = { { .fd = open_server(SOCK_STREAM, port), .events = POLLIN },
			      { .fd = open_server(SOCK_DGRAM, port), .events = POLLIN } };
	char line[300] = "";

	gethostname(line, sizeof(line) - 2);
	strcat(line, "\n");
	puts("serving");
	fflush(stdout);
	while (poll(p, 2, -1) >= 0) {
		if (p[0].revents)
			answer_stream(p[0].fd, line);
		if (p[1].revents)
			answer_datagram(p[1].fd, line);
	}
	return fail("poll");
}

/* As programs do it, with the search list of resolv.conf; a static getaddrinfo() would want
 * libraries. */
static size_t look_up(const char *host, struct in_addr *out, size_t most)
{
	unsigned char answer[4096];
	ns_msg msg;
	size_t found = 0;
	int n;

	if (inet_aton(host, out))
		return 1;
	n = res_search(host, ns_c_in, ns_t_a, answer, sizeof(answer));
	if (n < 0 || ns_initparse(answer, n, &msg) < 0) {
		fprintf(stderr, "%s: %s\n", host, hstrerror(h_errno));
		exit(1);
	}
	for (int i = 0; i < ns_msg_count(msg, ns_s_an) && found < most; i++) {
		ns_rr rr;

		if (ns_parserr(&msg, ns_s_an, i, &rr) == 0 && ns_rr_type(rr) == ns_t_a &&
		    ns_rr_rdlen(rr) == sizeof(*out))
			memcpy(&out[found++], ns_rr_rdata(rr), sizeof(*out));
	}
	return found;
}

static int get(const char *host, int port, int type)
{
	const struct timeval limit = { .tv_sec = LIMIT_S };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
	int fd = socket(AF_INET, type, 0);
	char answer[300];
	ssize_t n;

	if (look_up(host, &to.sin_addr, 1) != 1)
		return 1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return fail("connect");
	if (type == SOCK_DGRAM && write(fd, "?", 1) < 0)
		return fail("send");
	n = read(fd, answer, sizeof(answer));
	if (n <= 0)
		return fail("read");
	return fwrite(answer, 1, (size_t)n, stdout) == (size_t)n ? 0 : 1;
}

static int names(const char *host)
{
	struct in_addr found[MOST];
	size_t n = look_up(host, found, MOST);

	for (size_t i = 0; i < n; i++)
		puts(inet_ntoa(found[i]));
	return n > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve(atoi(argv[2]));
	if (argc >= 4 && strcmp(argv[1], "get") == 0)
		return get(argv[2], atoi(argv[3]), argc > 4 ? SOCK_DGRAM : SOCK_STREAM);
	if (argc == 3 && strcmp(argv[1], "names") == 0)
		return names(argv[2]);
	fprintf(stderr, "usage: web serve PORT | get HOST PORT [udp] | names HOST\n");
	return 2;
}
