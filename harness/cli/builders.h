/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Components built at once: a process each (`cryopod internal-build`), as many as
 * there are processors and memory for. No component needs another one.
 */
#ifndef CRYO_CLI_BUILDERS_H
#define CRYO_CLI_BUILDERS_H

#include "recipe/build.h"

struct cryo_builders {
	const char *program; /* cryopod; NULL: this one */
	const struct cryo_fetch_opts *fetch;
	bool verbose;
	unsigned jobs;	     /* at most; 0: one for each processor */
	uint64_t memory_mib; /* to share; 0: what is free */
	int64_t every_ms;    /* a line of how far each is; 0: each minute, none on a terminal */
};

/*
 * Make what is missing of a plan (of the stack, `only` these), which is planned again then.
 * When one fails no other is begun, and those at work are waited for, as with make: what they
 * make is kept. The first failure is returned. An interrupt ends them all.
 */
int cryo_builders_run(const struct cryo_builders *o, const struct cryo_stack *stack,
		      const char *const *only, struct cryo_build *b, struct cryo_err *err);

#endif
