/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/meter.h"

#include "sys/fs.h"
#include "sys/meminfo.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_NS 5000000
#define SECTOR	  512
#define MAX_TEXT  (1u << 20)

struct cryo_bench_meter {
	char *disk; /* its statistics in /sys; owned */
	uint64_t cpu, sectors;
	_Atomic uint64_t peak;
	atomic_bool ended;
	pthread_t sampler;
};

uint64_t cryo_bench_memory_used(const char *text)
{
	uint64_t total = cryo_meminfo_bytes(text, "MemTotal:");
	uint64_t dropped =
	    cryo_meminfo_bytes(text, "MemFree:") + cryo_meminfo_bytes(text, "Buffers:") +
	    cryo_meminfo_bytes(text, "\nCached:") + cryo_meminfo_bytes(text, "SReclaimable:");
	uint64_t used = cryo_meminfo_bytes(text, "Shmem:") + total;

	/* A tmpfs is in the page cache, but has nowhere else to be. */
	return used > dropped ? used - dropped : 0;
}

uint64_t cryo_bench_cpu_used(const char *text)
{
	uint64_t v[8] = { 0 };

	/* user, nice, system, idle, iowait, irq, softirq, steal */
	sscanf(text,
	       "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
	       " %" SCNu64 " %" SCNu64,
	       &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]);
	return v[0] + v[1] + v[2] + v[5] + v[6];
}

static uint64_t read_number(const char *path, uint64_t (*read)(const char *text))
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	return cryo_fs_read(path, MAX_TEXT, &text, &ignored) < 0 ? 0 : read(cryo_str_get(&text));
}

static uint64_t read_sectors(const char *text)
{
	uint64_t v[7] = { 0 };

	/* The seventh number: Documentation/block/stat.rst. */
	sscanf(text,
	       "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
	       &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6]);
	return v[6];
}

static void *sample_memory(void *arg)
{
	struct cryo_bench_meter *m = arg;
	const struct timespec pause = { .tv_nsec = SAMPLE_NS };

	while (!m->ended) {
		uint64_t now = read_number("/proc/meminfo", cryo_bench_memory_used);

		if (now > m->peak)
			m->peak = now;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

int cryo_bench_meter_begin(const char *disk, struct cryo_bench_meter **out, struct cryo_err *err)
{
	struct cryo_bench_meter *m;
	struct stat st;
	int e;

	if (stat(disk, &st) < 0)
		return cryo_err_sys(err, errno, "cannot look at '%s'", disk);
	sync();
	m = cryo_alloc(sizeof(*m));
	m->disk = cryo_asprintf("/sys/dev/block/%u:%u/stat", major(st.st_dev), minor(st.st_dev));
	m->cpu = read_number("/proc/stat", cryo_bench_cpu_used);
	m->sectors = read_number(m->disk, read_sectors);
	e = pthread_create(&m->sampler, NULL, sample_memory, m);
	if (e) {
		free(m->disk);
		free(m);
		return cryo_err_sys(err, e, "cannot start a thread");
	}
	*out = m;
	return 0;
}

void cryo_bench_meter_end(struct cryo_bench_meter *m, struct cryo_bench_cost *out)
{
	uint64_t used, cpu;

	m->ended = true;
	pthread_join(m->sampler, NULL);
	used = read_number("/proc/meminfo", cryo_bench_memory_used);
	cpu = read_number("/proc/stat", cryo_bench_cpu_used) - m->cpu;
	sync();
	out->cpu_ms = (double)cpu * 1000 / (double)sysconf(_SC_CLK_TCK);
	out->written_mb = (double)(read_number(m->disk, read_sectors) - m->sectors) * SECTOR / 1e6;
	out->memory_mb = m->peak > used ? (double)(m->peak - used) / 1e6 : 0;
	free(m->disk);
	free(m);
}
