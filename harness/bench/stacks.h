/* SPDX-License-Identifier: Apache-2.0 */
/* `bench --stacks A,B`: the same checkpoints on clusters of two stacks, in turns. */
#ifndef CRYO_BENCH_STACKS_H
#define CRYO_BENCH_STACKS_H

#include "bench/counter.h"
#include "conf/json.h"

#define CRYO_BENCH_STACKS 2

struct cryo_bench_stacks_opts {
	unsigned runs;
	const char *stacks[CRYO_BENCH_STACKS]; /* names or paths */
	const struct cryo_bench_ballasts *ballasts;
};
/* Both must be absent, and are afterwards. *out is a new reference. */
int cryo_bench_stacks(struct cryo_cluster *const t[CRYO_BENCH_STACKS],
		      const struct cryo_bench_stacks_opts *o, json_t **out, struct cryo_err *err);
void cryo_bench_stacks_print(const json_t *result);

#endif
