/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/pages.h"

#include "sys/crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK	    (1u << 20) /* fits the caches: read, summed up and written while it is there */
#define MAX_THREADS 8

struct sum {
	int in, out;
	uint64_t at, size, chunks;
	char (*digest)[CRYO_HASH_HEX]; /* of each chunk */
	_Atomic uint64_t next;
	atomic_int failed; /* errno; -1: the end came too early */
};

static int read_chunk(const struct sum *s, char *buf, size_t n, uint64_t at)
{
	for (size_t got = 0; got < n;) {
		ssize_t r = pread(s->in, buf + got, n - got, (off_t)(at + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? errno : -1;
		got += (size_t)r;
	}
	return 0;
}

static int write_chunk(const struct sum *s, const char *buf, size_t n, uint64_t at)
{
	for (size_t done = 0; s->out >= 0 && done < n;) {
		ssize_t w = pwrite(s->out, buf + done, n - done, (off_t)(at + done));

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return errno;
		done += (size_t)w;
	}
	return 0;
}

static int sum_chunk(struct sum *s, uint64_t i, char *buf)
{
	uint64_t from = i * CHUNK;
	size_t n = s->size - from < CHUNK ? (size_t)(s->size - from) : CHUNK;
	int e = read_chunk(s, buf, n, s->at + from);

	if (e)
		return e;
	cryo_hash_bytes(buf, n, s->digest[i]);
	return write_chunk(s, buf, n, from);
}

static void *sum_chunks(void *arg)
{
	struct sum *s = arg;
	char *buf = cryo_alloc(CHUNK);

	while (!s->failed) {
		uint64_t i = s->next++;
		int e = i < s->chunks ? sum_chunk(s, i, buf) : 0;

		if (i >= s->chunks)
			break;
		if (e)
			s->failed = e;
	}
	free(buf);
	return NULL;
}

static unsigned count_threads(uint64_t chunks)
{
	unsigned n = cryo_processors();

	n = n > MAX_THREADS ? MAX_THREADS : n;
	return chunks < n ? (unsigned)chunks : n;
}

/* Where no more threads can be had, the others do it. */
static void run_sum_threads(struct sum *s)
{
	pthread_t thread[MAX_THREADS];
	unsigned n = count_threads(s->chunks), started = 0;

	while (started + 1 < n && pthread_create(&thread[started], NULL, sum_chunks, s) == 0)
		started++;
	sum_chunks(s);
	while (started > 0)
		pthread_join(thread[--started], NULL);
}

int cryo_pages_sum(int in, uint64_t at, uint64_t size, int out, char sum[CRYO_HASH_HEX],
		   struct cryo_err *err)
{
	struct sum s = { .in = in,
			 .out = out,
			 .at = at,
			 .size = size,
			 .chunks = size / CHUNK + (size % CHUNK != 0) };
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();

	s.digest = cryo_alloc((s.chunks + 1) * sizeof(*s.digest));
	run_sum_threads(&s);
	for (uint64_t i = 0; !s.failed && i < s.chunks; i++)
		cryo_hash_add(h, s.digest[i], CRYO_HASH_HEX - 1);
	free(s.digest);
	if (s.failed < 0)
		return cryo_err_set(err, CRYO_E_TAMPER, "it is too short");
	if (s.failed)
		return cryo_err_sys(err, s.failed, "cannot read or write");
	cryo_hash_hex(h, sum);
	return 0;
}
