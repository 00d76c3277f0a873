/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What something costs the whole machine, whoever does the work: a restore is that of containerd,
 * runc and CRIU as well. So it says something only where nothing else runs.
 */
#ifndef CRYO_BENCH_METER_H
#define CRYO_BENCH_METER_H

#include "base/err.h"

struct cryo_bench_cost {
	double cpu_ms;	   /* processor time, of all processors together */
	double written_mb; /* to the disk; 0 where that cannot be told */
	double memory_mb;  /* the most that was in use, beyond what is at the end */
};

struct cryo_bench_meter;
/* `disk`: a path on the disk that is looked at. What is still to be written is written before. */
int cryo_bench_meter_begin(const char *disk, struct cryo_bench_meter **out, struct cryo_err *err);
/* Waits until all is written, ends and frees it. */
void cryo_bench_meter_end(struct cryo_bench_meter *m, struct cryo_bench_cost *out);

/* Bytes in use of a text like /proc/meminfo: what the kernel could not simply drop. */
uint64_t cryo_bench_memory_used(const char *meminfo);
/* Jiffies of work in a text like /proc/stat. */
uint64_t cryo_bench_cpu_used(const char *stat);

#endif
