/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sealed file to which something is done: the first byte says how long the plaintext is, then
 * come pairs of position and byte that are laid over it, then maybe a new length. Only
 * what is unchanged opens, and gives the plaintext.
 */
#include "seal/stream.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct cryo_seal_secret secret = { .key = { 1, 2, 3 }, .id = { 4, 5, 6 } };

static int memory(const void *data, size_t n)
{
	int fd = memfd_create("t", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	return fd;
}

static void seal(const uint8_t *plain, size_t n, uint8_t *sealed)
{
	cryo_auto(cryo_fd_close) int in = memory(plain, n), out = memory("", 0);
	cryo_auto(cryo_seal_stream_free) struct cryo_seal_stream *s = NULL;
	const struct cryo_seal_run run = {
		.in = in, .out = out, .end = 1, .plain = n, .threads = 1
	};
	struct cryo_err err;
	size_t got;

	if (cryo_seal_stream_new(&secret, "x", NULL, &s, &err) < 0 ||
	    cryo_seal_stream_seal(s, &run, &err) < 0 ||
	    cryo_seal_pread(out, sealed, cryo_seal_stream_size(n), 0, &got, &err) < 0 ||
	    got != cryo_seal_stream_size(n))
		abort();
}

/* As a file that had n bytes of plaintext. */
static bool opens(const uint8_t *sealed, size_t len, size_t n)
{
	cryo_auto(cryo_fd_close) int in = memory(sealed, len), out = memory("", 0);
	cryo_auto(cryo_seal_stream_free) struct cryo_seal_stream *s = NULL;
	const struct cryo_seal_run run = {
		.in = in, .out = out, .end = 1, .plain = n, .threads = 1
	};
	struct cryo_err err;
	bool ok = cryo_seal_stream_new(&secret, "x", sealed, &s, &err) == 0 &&
		  cryo_seal_stream_open(s, &run, &err) == 0;

	if (!ok && lseek(out, 0, SEEK_END) != 0)
		abort(); /* one segment: nothing, or all of it */
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = size ? data[0] : 0, len = cryo_seal_stream_size(n), claimed = n;
	uint8_t plain[MOST] = { 0 }, sealed[2 * MOST] = { 0 }, changed[2 * MOST];

	seal(plain, n, sealed);
	memcpy(changed, sealed, sizeof(changed));
	for (size_t i = 1; i + 1 < size; i += 2)
		changed[data[i] % len] = data[i + 1];
	if (size % 2 == 0 && size > 2)
		claimed = data[size - 1];
	if (opens(changed, len, claimed) != (claimed == n && memcmp(changed, sealed, len) == 0))
		abort();
	return 0;
}
