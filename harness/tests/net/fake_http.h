/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/1.1 server on 127.0.0.1 for tests, one thread, one connection at a
 * time, that plays a script: each request takes the next step, on whichever
 * connection it comes. What was asked is kept in `seen`.
 */
#ifndef CRYO_TESTS_NET_FAKE_HTTP_H
#define CRYO_TESTS_NET_FAKE_HTTP_H

#include "base/str.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Inside a step's text: send what stands before as one piece and go on a little later … */
#define FAKE_PIECE "\x01"
/* … or close the connection right here, … */
#define FAKE_CUT "\x02"
/* … or say no more until the client goes away. */
#define FAKE_STALL "\x03"

struct fake_step {
	const char *request; /* what the request starts with, NULL: anything */
	int code;	     /* 0: `text` is the whole answer, header and all */
	const char *text;
	bool chunked;  /* each piece is a chunk; else Content-Length of the text */
	size_t repeat; /* the text so many times; 0: once */
};

struct fake_http {
	const struct fake_step *step;
	size_t n, next;
	struct cryo_str seen; /* all requests, as they came */
	unsigned connections;
	char url[64];
	/* TLS lives in the test that needs it; NULL: plain. Returns the session or NULL. */
	void *(*tls_accept)(int fd, void *arg);
	ssize_t (*tls_read)(void *session, void *buf, size_t n);
	ssize_t (*tls_write)(void *session, const void *buf, size_t n);
	void (*tls_close)(void *session);
	void *tls_arg;
	int listen_fd, fd;
	void *session;
	pthread_t thread;
};

static inline ssize_t fake_read(struct fake_http *f, void *buf, size_t n)
{
	return f->session ? f->tls_read(f->session, buf, n) : recv(f->fd, buf, n, 0);
}

static inline void fake_write(struct fake_http *f, const void *buf, size_t n)
{
	if (n > 0 &&
	    (f->session ? f->tls_write(f->session, buf, n) : send(f->fd, buf, n, MSG_NOSIGNAL)) < 0)
		return;
}

/* One request with its body into `seen`; false at the end of the connection. */
static inline bool fake_take_request(struct fake_http *f, size_t *start)
{
	const char *end, *length;
	char buf[4096];
	size_t want;

	*start = f->seen.len;
	do {
		ssize_t n = fake_read(f, buf, sizeof(buf));

		if (n <= 0)
			return false;
		cryo_str_addn(&f->seen, buf, (size_t)n);
		end = strstr(f->seen.p + *start, "\r\n\r\n");
		length = strstr(f->seen.p + *start, "Content-Length: ");
		want = end && length ? strtoul(length + 16, NULL, 10) : 0;
	} while (!end || f->seen.len - (size_t)(end + 4 - f->seen.p) < want);
	return true;
}

/* Text up to the next control byte, as a chunk or plain. */
static inline void fake_send_piece(struct fake_http *f, const char *text, size_t n, bool chunked)
{
	struct cryo_str out = { 0 };

	if (chunked && n > 0)
		cryo_str_addf(&out, "%zx\r\n", n);
	cryo_str_addn(&out, text, n);
	if (chunked && n > 0)
		cryo_str_add(&out, "\r\n");
	fake_write(f, out.p, out.len);
	cryo_str_release(&out);
}

/* False when the connection is to be closed. */
static inline bool fake_send_text(struct fake_http *f, const char *text, bool chunked)
{
	char rest[16];

	for (;;) {
		size_t n = strcspn(text, FAKE_PIECE FAKE_CUT FAKE_STALL);

		fake_send_piece(f, text, n, chunked);
		text += n;
		if (!*text)
			return true;
		if (*text == *FAKE_CUT)
			return false;
		if (*text == *FAKE_STALL)
			return fake_read(f, rest, sizeof(rest)) < 0;
		usleep(5000);
		text++;
	}
}

static inline bool fake_answer(struct fake_http *f, const struct fake_step *s)
{
	size_t repeat = s->repeat ? s->repeat : 1;
	char head[256];
	bool more = true;
	int n;

	if (s->code && s->chunked)
		n = snprintf(head, sizeof(head),
			     "HTTP/1.1 %d Said\r\nContent-Type: application/json\r\n"
			     "Transfer-Encoding: chunked\r\n\r\n",
			     s->code);
	else
		n = snprintf(head, sizeof(head),
			     "HTTP/1.1 %d Said\r\nContent-Type: application/json\r\n"
			     "Content-Length: %zu\r\n\r\n",
			     s->code, repeat * strlen(s->text));
	if (s->code)
		fake_write(f, head, (size_t)n);
	for (; more && repeat > 0; repeat--)
		more = fake_send_text(f, s->text, s->chunked);
	if (more && s->chunked)
		fake_write(f, "0\r\n\r\n", 5);
	return more && s->code;
}

static inline void fake_serve(struct fake_http *f)
{
	static const struct fake_step stray = { NULL, 599, "no such request in the script", false,
						0 };
	const struct fake_step *s;
	size_t start;

	do {
		if (!fake_take_request(f, &start))
			return;
		s = f->next < f->n ? &f->step[f->next++] : &stray;
		if (s->request && !cryo_starts_with(f->seen.p + start, s->request))
			s = &stray;
	} while (fake_answer(f, s));
}

static inline void *fake_main(void *arg)
{
	struct fake_http *f = arg;

	while ((f->fd = accept(f->listen_fd, NULL, NULL)) >= 0) {
		f->connections++;
		if (f->tls_accept)
			f->session = f->tls_accept(f->fd, f->tls_arg);
		if (f->session || !f->tls_accept)
			fake_serve(f);
		if (f->session)
			f->tls_close(f->session);
		f->session = NULL;
		close(f->fd);
	}
	return NULL;
}

static inline void fake_start(struct fake_http *f, const struct fake_step *step, size_t n)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	f->step = step;
	f->n = n;
	f->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(f->listen_fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(f->listen_fd, 8) < 0 ||
	    getsockname(f->listen_fd, (struct sockaddr *)&a, &len) < 0 ||
	    pthread_create(&f->thread, NULL, fake_main, f) != 0)
		abort();
	snprintf(f->url, sizeof(f->url), "%s://127.0.0.1:%u", f->tls_accept ? "https" : "http",
		 ntohs(a.sin_port));
}

/* After the client's end: the thread waits for its last connection to close. */
static inline void fake_stop(struct fake_http *f)
{
	shutdown(f->listen_fd, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->listen_fd);
	cryo_str_release(&f->seen);
}

#endif
