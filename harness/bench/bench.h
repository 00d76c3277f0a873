/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of benchmarks share: series of measured values, and pairs of them. */
#ifndef CRYO_BENCH_BENCH_H
#define CRYO_BENCH_BENCH_H

#include "base/str.h"
#include "conf/json.h"
#include "cluster/cluster.h"

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
void cryo_bench_print_cell(const json_t *summary);
/* b/a round by round: what disturbs a round disturbs both. */
void cryo_bench_ratios(const struct cryo_bench_series *a, const struct cryo_bench_series *b,
		       struct cryo_bench_series *out);

/* The two sides of a comparison, as keys. */
struct cryo_bench_names {
	const char *a, *b;
};
/* {a: summary, b: summary, "ratio": summary of b/a}; new reference. */
json_t *cryo_bench_compare(const struct cryo_bench_series *a, const struct cryo_bench_series *b,
			   const struct cryo_bench_names *names);
/* A table, milliseconds: its head, from {"ballast", "kind"}, and a line. */
void cryo_bench_print_head(const json_t *ballast, const struct cryo_bench_names *sides);
void cryo_bench_print_row(const char *text, const json_t *compared,
			  const struct cryo_bench_names *names);

/* [{"what": name, "median", "min", "max"}]; new reference. */
json_t *cryo_bench_phases(const char *const *names, const struct cryo_bench_series *ms, size_t n);
/* {"phases": the above} as a table. */
void cryo_bench_phases_print(const json_t *result);

/* After a measurement that ended with rc, which is returned if it is a failure. */
int cryo_bench_down(struct cryo_cluster *t, int rc, struct cryo_err *err);

/* Appends what is between the commas. */
void cryo_bench_split(const char *list, struct cryo_strv *out);

/* Sealing and opening in memory, a core and two: an array for the result of `bench --sealed`. */
int cryo_bench_cipher(unsigned runs, json_t **out, struct cryo_err *err);

#endif
