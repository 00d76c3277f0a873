/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/canary.h"

#include "sys/fs.h"
#include "sys/intr.h"
#include "verify/counterlog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE (256 << 10)

/* The public generator of that name; the counter has its own copy, which a test compares. */
static uint64_t mix_splitmix64(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

bool cryo_canary_text(const char *nonce, char out[CRYO_CANARY_LEN])
{
	if (strlen(nonce) != CRYO_NONCE_LEN - 1 ||
	    strspn(nonce, "0123456789abcdef") != CRYO_NONCE_LEN - 1)
		return false;
	snprintf(out, CRYO_CANARY_LEN, "canary-%016" PRIx64,
		 mix_splitmix64(strtoull(nonce, NULL, 16)));
	return true;
}

void cryo_search_begin(struct cryo_search *s, const char *text)
{
	*s = (struct cryo_search){ .text = text, .len = strlen(text) };
	if (s->len == 0 || s->len > CRYO_SEARCH_MAX)
		abort();
}

/* `start`: offset of the data in the stream. */
static void search_stream_piece(struct cryo_search *s, const char *data, size_t n, uint64_t start)
{
	const char *end = data + n;

	for (const char *p = data; (p = memmem(p, (size_t)(end - p), s->text, s->len)); p++)
		if (s->hits++ == 0)
			s->first = start + (uint64_t)(p - data);
}

void cryo_search_feed(struct cryo_search *s, const void *data, size_t n)
{
	size_t head = n < s->len - 1 ? n : s->len - 1, have = s->kept + head;
	char joint[2 * CRYO_SEARCH_MAX];

	/* Each side of the border is shorter than the text, so a hit lies across it. */
	memcpy(joint, s->tail, s->kept);
	memcpy(joint + s->kept, data, head);
	search_stream_piece(s, joint, have, s->at - s->kept);
	search_stream_piece(s, data, n, s->at);
	s->at += n;
	if (n >= s->len - 1) {
		s->kept = s->len - 1;
		memcpy(s->tail, (const char *)data + n - s->kept, s->kept);
		return;
	}
	s->kept = have < s->len - 1 ? have : s->len - 1;
	memcpy(s->tail, joint + have - s->kept, s->kept);
}

int cryo_search_file(struct cryo_search *s, const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	cryo_auto(cryo_free) char *piece = cryo_alloc(PIECE);
	ssize_t n;

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", path);
	while ((n = read(fd, piece, PIECE)) != 0) {
		int rc = cryo_intr_check(err);

		if (rc < 0)
			return rc;
		if (n < 0 && errno != EINTR)
			return cryo_err_sys(err, errno, "cannot read '%s'", path);
		if (n > 0)
			cryo_search_feed(s, piece, (size_t)n);
	}
	return 0;
}
