/* SPDX-License-Identifier: Apache-2.0 */
/* `bench`: every phase of the story, build to restore. */
#ifndef CRYO_BENCH_STORY_H
#define CRYO_BENCH_STORY_H

#include "conf/json.h"
#include "cluster/cluster.h"

/* `t` must be absent, and is afterwards. *out is a new reference. */
int cryo_bench_story(struct cryo_cluster *t, unsigned runs, json_t **out, struct cryo_err *err);
void cryo_bench_story_print(const json_t *result);

#endif
