/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of benchmarks share: series of measured values. */
#ifndef CRYO_CLI_BENCH_H
#define CRYO_CLI_BENCH_H

#include "conf/json.h"
#include "target/target.h"

#define CRYO_BENCH_MAX_RUNS 100

/* One value a round; they stay in the order of the rounds. */
struct cryo_bench_series {
	double v[CRYO_BENCH_MAX_RUNS];
	size_t n;
};
void cryo_bench_add(struct cryo_bench_series *s, double value);
double cryo_bench_median(const struct cryo_bench_series *s);
/* {"median", "min", "max"}; new reference. */
json_t *cryo_bench_summary(const struct cryo_bench_series *s);
/* b/a round by round: what disturbs a round disturbs both. */
void cryo_bench_ratios(const struct cryo_bench_series *a, const struct cryo_bench_series *b,
		       struct cryo_bench_series *out);

struct cryo_bench_sealed_opts {
	unsigned runs;
	const char *sizes, *kinds; /* lists with commas; NULL: all that the table has */
	const char *tmp;	   /* a directory of ours */
};
/* -CRYO_E_USAGE: a list that cannot be; nothing was started yet. */
int cryo_bench_sealed_check(const struct cryo_bench_sealed_opts *o, struct cryo_err *err);
/* On a running cluster. *out is a new reference: after a failure of what was measured before it, or
 * NULL. */
int cryo_bench_sealed(struct cryo_target *t, const struct cryo_bench_sealed_opts *o, json_t **out,
		      struct cryo_err *err);
void cryo_bench_sealed_print(const json_t *result);

/* Sealing and opening in memory, a core and two: an array for the result of the above. */
int cryo_bench_cipher(unsigned runs, json_t **out, struct cryo_err *err);

#endif
