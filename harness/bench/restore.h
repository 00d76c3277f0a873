/* SPDX-License-Identifier: Apache-2.0 */
/* `bench --restore`: what it costs to have a checkpointed counter run again, plain and sealed, in
 * turns, and in turns with another build. */
#ifndef CRYO_BENCH_RESTORE_H
#define CRYO_BENCH_RESTORE_H

#include "bench/counter.h"
#include "conf/json.h"

struct cryo_bench_restore_opts {
	unsigned runs;
	const struct cryo_bench_ballasts *ballasts;
	const struct cryo_strv *stacks;
	const char *against; /* directory of the other build ("…/build"), or NULL */
};
/* t[1] is the other build's cluster; both are absent, and are afterwards. *out is a new reference:
 * after a failure of what was measured before it, or NULL. */
int cryo_bench_restores(struct cryo_cluster *const t[2], const struct cryo_bench_restore_opts *o,
			json_t **out, struct cryo_err *err);
void cryo_bench_restores_print(const json_t *result);

#endif
