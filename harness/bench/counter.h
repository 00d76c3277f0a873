/* SPDX-License-Identifier: Apache-2.0 */
/* What benchmarks of checkpoints measure: a counter full of ballast, and what it noticed. */
#ifndef CRYO_BENCH_COUNTER_H
#define CRYO_BENCH_COUNTER_H

#include "cluster/cluster.h"

#define CRYO_BENCH_NS	   "default"
#define CRYO_BENCH_WAIT_MS 120000
#define CRYO_BENCH_DUMP_MS 300000

/* What counters are filled with: every size with every kind. */
struct cryo_bench_ballasts {
	struct cryo_strv sizes, kinds;
};
/* Two lists with commas. -CRYO_E_USAGE: one that cannot be. */
int cryo_bench_ballasts_read(const char *sizes, const char *kinds, struct cryo_bench_ballasts *out,
			     struct cryo_err *err);
void cryo_bench_ballasts_release(struct cryo_bench_ballasts *b);
#define cryo_bench_ballasts_releasep cryo_bench_ballasts_release

/* The counter pod that ships with cryopod, of a cluster that has none; returns when it runs. */
int cryo_bench_shipped_counter(struct cryo_kube *k, struct cryo_err *err);

/* The pod "counter" of a running cluster. All borrowed. */
struct cryo_bench_counter {
	struct cryo_cluster *target;
	struct cryo_kube *kube;
	const char *copy;	 /* where the archive of a checkpoint is put on this machine */
	const char *size, *kind; /* ballast */
};
/* Returns when it runs and has counted for a while. */
int cryo_bench_counter_start(const struct cryo_bench_counter *c, struct cryo_err *err);
int cryo_bench_counter_stop(const struct cryo_bench_counter *c, struct cryo_err *err);

struct cryo_bench_dump {
	double call, pause;	/* ms; the largest gap of the counter's clock, less its interval */
	double frozen, memdump; /* ms, says CRIU */
	int64_t rest_ms, peak_kb; /* as in criu/stats.h; -1: it was not sealed */
};
/*
 * A checkpoint, the counter goes on. secret: of CRYO_BENCH_NS, to seal for; NULL: a plain one.
 * The archive is in c->copy and nowhere else afterwards. -CRYO_E_CHECK: not what was asked for.
 */
int cryo_bench_counter_checkpoint(const struct cryo_bench_counter *c, const char *secret,
				  struct cryo_bench_dump *out, struct cryo_err *err);

/* The log of a pod of CRYO_BENCH_NS until `enough` (NULL: what there is now); `out` is appended to.
 */
int cryo_bench_log(struct cryo_kube *k, const char *pod,
		   bool (*enough)(const char *line, int64_t ns, void *arg), void *arg,
		   struct cryo_str *out, struct cryo_err *err);

#endif
