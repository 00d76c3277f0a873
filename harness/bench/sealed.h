/* SPDX-License-Identifier: Apache-2.0 */
/* `bench --sealed`: plain and encrypted checkpoints and restores of the same counter, in turns. */
#ifndef CRYO_BENCH_SEALED_H
#define CRYO_BENCH_SEALED_H

#include "bench/counter.h"

struct cryo_bench_sealed_opts {
	unsigned runs;
	const struct cryo_bench_ballasts *ballasts;
	const char *tmp; /* a directory of ours */
};
/* On a running cluster. *out is a new reference: after a failure of what was measured before it, or
 * NULL. */
int cryo_bench_sealed(struct cryo_cluster *t, const struct cryo_bench_sealed_opts *o, json_t **out,
		      struct cryo_err *err);
void cryo_bench_sealed_print(const json_t *result);

#endif
