/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to a child process and what comes from it. */
#include "sys/child.h"

#include "base/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MAX_LINE	65536
#define DEFAULT_CAPTURE (1u << 20)

static size_t get_capture_max(const struct cryo_child *r)
{
	return r->p->capture_max ? r->p->capture_max : DEFAULT_CAPTURE;
}

static void cut_output_to_tail(struct cryo_str *kept, size_t max)
{
	if (kept->len <= max)
		return;
	memmove(kept->p, kept->p + kept->len - max, max + 1);
	kept->len = max;
}

/* A program that talks for hours must not eat the memory, nor the time to move it at every word. */
static void keep_output_tail(struct cryo_str *kept, const char *data, size_t n, size_t max)
{
	cryo_str_addn(kept, data, n);
	if (kept->len > 2 * max)
		cut_output_to_tail(kept, max);
}

static void end_stream_line(struct cryo_child *r, struct stream *s)
{
	if (r->p->on_line)
		r->p->on_line(cryo_str_get(&s->line), s->number, r->p->on_line_arg);
	cryo_str_clear(&s->line);
}

static const char *find_line_end(const struct cryo_child *r, const char *data, size_t n)
{
	const char *nl = memchr(data, '\n', n);
	const char *cr = r->p->cr_ends_line ? memchr(data, '\r', nl ? (size_t)(nl - data) : n)
					    : NULL;

	return cr ? cr : nl;
}

static void split_stream_lines(struct cryo_child *r, struct stream *s, const char *data, size_t n)
{
	while (n > 0) {
		const char *nl = find_line_end(r, data, n);
		size_t piece = nl ? (size_t)(nl - data) : n;

		cryo_str_addn(&s->line, data, piece);
		if (nl || s->line.len > MAX_LINE)
			end_stream_line(r, s);
		piece += nl != NULL;
		data += piece;
		n -= piece;
	}
}

bool sys_child_pump(struct cryo_child *r, struct stream *s)
{
	char buf[16384];
	ssize_t n = read(s->fd, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n == 0)
		return false;
	if (r->p->quiet_ms)
		r->quiet_until = cryo_now_ms() + r->p->quiet_ms;
	if (r->log >= 0 && write(r->log, buf, (size_t)n) < 0)
		cryo_fd_closep(&r->log); /* a full disk must not stop the program */
	keep_output_tail(s->kept, buf, (size_t)n, get_capture_max(r));
	split_stream_lines(r, s, buf, (size_t)n);
	return true;
}

void sys_child_feed(struct cryo_child *r)
{
	const char *rest = r->p->input + r->input_at;
	ssize_t n = write(r->input, rest, strlen(rest));

	if (n > 0)
		r->input_at += (size_t)n;
	if ((n < 0 && errno != EAGAIN && errno != EINTR) || !r->p->input[r->input_at])
		cryo_fd_closep(&r->input);
}

static int open_child_outputs(struct cryo_child *r, struct cryo_spawn_fds *theirs,
			      struct cryo_err *err)
{
	int *const end[] = { &theirs->out, &theirs->err };
	int pair[2];

	for (size_t i = 0; i < 2; i++) {
		if (i == 0 && r->p->out_fd) {
			*end[i] = fcntl(r->p->out_fd, F_DUPFD_CLOEXEC, 3);
			if (*end[i] < 0)
				return cryo_err_sys(err, errno, "cannot hand over a file");
			continue;
		}
		if (pipe2(pair, O_CLOEXEC) < 0)
			return cryo_err_sys(err, errno, "cannot make a pipe");
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
		r->stream[i].fd = pair[0];
		*end[i] = pair[1];
	}
	return 0;
}

static int open_child_input(struct cryo_child *r, struct cryo_spawn_fds *theirs,
			    struct cryo_err *err)
{
	int pair[2];

	if (!r->p->input) {
		theirs->in = r->p->in_fd ? fcntl(r->p->in_fd, F_DUPFD_CLOEXEC, 3)
					 : open("/dev/null", O_RDONLY | O_CLOEXEC);
		return theirs->in < 0 ? cryo_err_sys(err, errno, "cannot hand over a file") : 0;
	}
	if (pipe2(pair, O_CLOEXEC) < 0)
		return cryo_err_sys(err, errno, "cannot make a pipe");
	theirs->in = pair[0];
	r->input = pair[1];
	fcntl(r->input, F_SETFL, O_NONBLOCK);
	return 0;
}

int sys_child_open_fds(struct cryo_child *r, struct cryo_spawn_fds *theirs, struct cryo_err *err)
{
	int pair[2], rc;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return cryo_err_sys(err, errno, "cannot make a pipe");
	r->status = pair[0];
	theirs->status = pair[1];
	if (r->p->foreground)
		return 0;
	rc = open_child_outputs(r, theirs, err);
	return rc < 0 ? rc : open_child_input(r, theirs, err);
}

void sys_child_flush(struct cryo_child *r)
{
	for (size_t i = 0; i < 2; i++) {
		if (r->stream[i].line.len > 0)
			end_stream_line(r, &r->stream[i]);
		cut_output_to_tail(r->stream[i].kept, get_capture_max(r));
	}
	r->res.signal = r->info.si_code == CLD_EXITED ? 0 : r->info.si_status;
	r->res.exit_code = r->res.signal ? 128 + r->res.signal : r->info.si_status;
}
