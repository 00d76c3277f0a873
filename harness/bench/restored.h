/* SPDX-License-Identifier: Apache-2.0 */
/* The pod that a benchmark restores a counter into, and that it leaves nothing of. */
#ifndef CRYO_BENCH_RESTORED_H
#define CRYO_BENCH_RESTORED_H

#include "bench/counter.h"

#define CRYO_BENCH_RESTORED "counter-restored"
/* A Secret (kubernetes.io/tls) of CRYO_BENCH_NS to seal for. */
#define CRYO_BENCH_SECRET "bench"

/* `key`: where its private key is written, too (0600); NULL: nowhere. */
int cryo_bench_secret_make(struct cryo_kube *k, const char *key, struct cryo_err *err);

/* When it counted for the first time after `since` (both wall clock, ns); waits for that. */
int cryo_bench_first_tick(struct cryo_kube *k, int64_t since, int64_t *at, struct cryo_err *err);
/* Names of images on the cluster's first node. The runtime has more than one for each. */
int cryo_bench_images(struct cryo_cluster *t, struct cryo_strv *out, struct cryo_err *err);
/* The pod, and images that were not there before it: a few of them would fill the disk. */
int cryo_bench_restored_remove(struct cryo_cluster *t, struct cryo_kube *k,
			       const struct cryo_strv *before, struct cryo_err *err);

#endif
