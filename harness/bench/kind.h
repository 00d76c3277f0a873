/* SPDX-License-Identifier: Apache-2.0 */
/* `bench --kind`: kind's own `create cluster` and ours, from one node image and one configuration,
 * and a local cluster beside them, in turns. */
#ifndef CRYO_BENCH_KIND_H
#define CRYO_BENCH_KIND_H

#include "conf/json.h"
#include "cluster/cluster.h"

/* Absent clusters; they are absent afterwards. */
struct cryo_bench_kind_clusters {
	struct cryo_cluster *anchor; /* of kind: keeps image and engine while its node is stopped */
	struct cryo_cluster *kind, *local;
};
/* *out is a new reference, for cryo_bench_kind_print. */
int cryo_bench_kind(const struct cryo_bench_kind_clusters *c, unsigned runs, json_t **out,
		    struct cryo_err *err);
void cryo_bench_kind_print(const json_t *result);

#endif
