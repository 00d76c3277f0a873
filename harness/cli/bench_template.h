/* SPDX-License-Identifier: Apache-2.0 */
/* `bench --templates`: clusters that start by themselves and from a template, in turns, and many at
 * once. */
#ifndef CRYO_CLI_BENCH_TEMPLATE_H
#define CRYO_CLI_BENCH_TEMPLATE_H

#include "cli/cli.h"

/* `t` must be absent; runs is at most 100. */
int cryo_bench_templates(struct cryo_target *t, unsigned runs, enum cryo_output output,
			 struct cryo_err *err);

#endif
