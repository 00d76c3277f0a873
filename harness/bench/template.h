/* SPDX-License-Identifier: Apache-2.0 */
/* `bench --templates`: clusters that start by themselves and from a template, in turns, and many at
 * once. */
#ifndef CRYO_BENCH_TEMPLATE_H
#define CRYO_BENCH_TEMPLATE_H

#include "conf/json.h"
#include "cluster/cluster.h"

/* `t` must be absent, and is afterwards. *out is a new reference: cryo_bench_phases_print. */
int cryo_bench_templates(struct cryo_cluster *t, unsigned runs, json_t **out, struct cryo_err *err);

#endif
