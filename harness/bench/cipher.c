/* SPDX-License-Identifier: Apache-2.0 */
/* The sealing itself, from memory to memory: what a core does, and whether two do twice as much. */
#include "bench/bench.h"

#include "base/clock.h"
#include "seal/stream.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BYTES	    (UINT64_C(256) << 20)
#define MAX_THREADS 2

struct cipher {
	struct cryo_seal_secret *secret;
	struct cryo_seal_stream *stream;
	int plain, sealed, opened;
};

static double read_clock_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* A file in memory that has all its pages, so that none is made while it is measured. */
static int make_resident_file(uint64_t bytes, int *fd, struct cryo_err *err)
{
	*fd = memfd_create("bench", MFD_CLOEXEC);
	if (*fd < 0 || fallocate(*fd, 0, 0, (off_t)bytes) < 0)
		return cryo_err_sys(err, errno, "cannot make a file in memory");
	return 0;
}

static int prepare_cipher_bench(struct cipher *c, struct cryo_err *err)
{
	int rc = make_resident_file(BYTES, &c->plain, err);

	if (rc == 0)
		rc = make_resident_file(cryo_seal_stream_size(BYTES), &c->sealed, err);
	if (rc == 0)
		rc = make_resident_file(BYTES, &c->opened, err);
	c->secret = cryo_seal_secret_new();
	if (rc == 0)
		rc = cryo_seal_secret_random(c->secret, err);
	return rc < 0 ? rc : cryo_seal_stream_new(c->secret, "bench", NULL, &c->stream, err);
}

static int measure_cipher_speed(const struct cipher *c, unsigned threads,
				struct cryo_bench_series *seal, struct cryo_bench_series *open,
				struct cryo_err *err)
{
	struct cryo_seal_run run = { .in = c->plain,
				     .out = c->sealed,
				     .end = cryo_seal_stream_segments(BYTES),
				     .plain = BYTES,
				     .threads = threads };
	double begin = read_clock_seconds();
	int rc = cryo_seal_stream_seal(c->stream, &run, err);

	cryo_bench_add(seal, (double)BYTES / 1e9 / (read_clock_seconds() - begin));
	run.in = c->sealed;
	run.out = c->opened;
	begin = read_clock_seconds();
	if (rc == 0)
		rc = cryo_seal_stream_open(c->stream, &run, err);
	cryo_bench_add(open, (double)BYTES / 1e9 / (read_clock_seconds() - begin));
	return rc;
}

static void release_cipher_bench(struct cipher *c)
{
	cryo_fd_closep(&c->plain);
	cryo_fd_closep(&c->sealed);
	cryo_fd_closep(&c->opened);
	cryo_seal_stream_free(c->stream);
	cryo_seal_secret_free(c->secret);
}

int cryo_bench_cipher(unsigned runs, json_t **out, struct cryo_err *err)
{
	struct cryo_bench_series seal[MAX_THREADS] = { 0 }, open[MAX_THREADS] = { 0 };
	struct cipher c = { .plain = -1, .sealed = -1, .opened = -1 };
	int rc = prepare_cipher_bench(&c, err);

	for (unsigned round = 0; rc == 0 && round < runs; round++)
		for (unsigned n = 0; rc == 0 && n < MAX_THREADS; n++)
			rc = measure_cipher_speed(&c, n + 1, &seal[n], &open[n], err);
	release_cipher_bench(&c);
	if (rc < 0)
		return rc;
	*out = json_array();
	for (unsigned n = 0; n < MAX_THREADS; n++)
		json_array_append_new(*out, json_pack("{si so so}", "threads", (int)n + 1, "seal",
						      cryo_bench_summary(&seal[n]), "open",
						      cryo_bench_summary(&open[n])));
	return 0;
}
