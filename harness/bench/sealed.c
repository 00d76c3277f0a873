/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What encryption costs: plain and encrypted checkpoints and restores of a
 * counter in turns, for ballasts of several sizes and kinds. Each round is a
 * pair, so that the quotient of the two says more than either.
 */
#include "bench/sealed.h"

#include "base/clock.h"
#include "base/event.h"
#include "bench/bench.h"
#include "bench/restored.h"
#include "sys/intr.h"
#include "checkpoint/checkpoint.h"
#include "verify/pause.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum side { PLAIN, SEALED, SIDES };
static const struct cryo_bench_names sides = { "plain", "sealed" };

enum value { CALL, PAUSE, FROZEN, MEMDUMP, RESTORE, TICK, VALUES };
static const struct {
	const char *key, *text;
} values[VALUES] = {
	[CALL] = { "call", "checkpoint call" },
	[PAUSE] = { "pause", "pause of the counter" },
	[FROZEN] = { "frozen", "frozen, says CRIU" },
	[MEMDUMP] = { "memdump", "memory dump, says CRIU" },
	[RESTORE] = { "restore", "archive to running" },
	[TICK] = { "firstTick", "archive to first tick" },
};

struct measured {
	struct cryo_bench_series ms[SIDES][VALUES];
	struct cryo_bench_series rest, peak; /* encrypted only: ms and MB */
};

struct sealed_bench {
	struct cryo_bench_counter counter;
	unsigned runs;
	struct measured *now;
	struct cryo_strv images; /* on the node before */
};

/* ---- one checkpoint and what comes of it ---- */

static void note_side_value(struct sealed_bench *b, enum side side, enum value v, double ms)
{
	cryo_bench_add(&b->now->ms[side][v], ms);
}

static int time_side_checkpoint(struct sealed_bench *b, enum side side, struct cryo_err *err)
{
	struct cryo_bench_dump d;
	int rc = cryo_bench_counter_checkpoint(&b->counter,
					       side == SEALED ? CRYO_BENCH_SECRET : NULL, &d, err);

	if (rc < 0)
		return rc;
	note_side_value(b, side, CALL, d.call);
	note_side_value(b, side, PAUSE, d.pause);
	note_side_value(b, side, FROZEN, d.frozen);
	note_side_value(b, side, MEMDUMP, d.memdump);
	if (side == SEALED) {
		cryo_bench_add(&b->now->rest, (double)d.rest_ms);
		cryo_bench_add(&b->now->peak, (double)d.peak_kb * 1.024e-3);
	}
	return 0;
}

static int time_side_restore(struct sealed_bench *b, enum side side, struct cryo_err *err)
{
	const struct cryo_restore_opts o = { .archive = b->counter.copy,
					     .pod = CRYO_BENCH_RESTORED,
					     .timeout_ms = CRYO_BENCH_DUMP_MS,
					     .key_secret = side == SEALED ? CRYO_BENCH_SECRET
									  : NULL };
	cryo_auto(cryo_restore_release) struct cryo_restore r = { 0 };
	int64_t since, at;
	int rc;

	sync();
	since = cryo_wall_ns();
	rc = cryo_restore_run(b->counter.target, &o, &r, err);
	if (rc == 0)
		rc = cryo_bench_first_tick(b->counter.kube, since, &at, err);
	if (rc < 0)
		return rc;
	note_side_value(b, side, RESTORE, (double)r.ms);
	note_side_value(b, side, TICK, (double)(at - since) / 1e6);
	return cryo_bench_restored_remove(b->counter.target, b->counter.kube, &b->images, err);
}

static int measure_side_pair(struct sealed_bench *b, unsigned round, struct cryo_err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < SIDES; i++) {
		/* Each side is first in every other round. */
		enum side side = (round + i) % SIDES ? SEALED : PLAIN;

		rc = cryo_intr_check(err);
		if (rc == 0)
			rc = time_side_checkpoint(b, side, err);
		if (rc == 0)
			rc = time_side_restore(b, side, err);
		unlink(b->counter.copy);
		rc = cryo_err_wrap(err, rc, "%s, %s", b->counter.size,
				   side == SEALED ? sides.b : sides.a);
	}
	return rc;
}

static int measure_sealed_ballast(struct sealed_bench *b, struct cryo_err *err)
{
	int rc = cryo_bench_counter_start(&b->counter, err);

	for (unsigned round = 0; rc == 0 && round < b->runs; round++) {
		cryo_info("%s %s: round %u of %u", b->counter.size, b->counter.kind, round + 1,
			  b->runs);
		rc = measure_side_pair(b, round, err);
	}
	return rc < 0 ? rc : cryo_bench_counter_stop(&b->counter, err);
}

/* ---- the result ---- */

static json_t *convert_sealed_ballast(const struct sealed_bench *b)
{
	json_t *j = json_pack("{ss ss so so}", "ballast", b->counter.size, "kind", b->counter.kind,
			      "restMs", cryo_bench_summary(&b->now->rest), "peakMB",
			      cryo_bench_summary(&b->now->peak));

	for (int v = 0; v < VALUES; v++)
		json_object_set_new(
		    j, values[v].key,
		    cryo_bench_compare(&b->now->ms[PLAIN][v], &b->now->ms[SEALED][v], &sides));
	return j;
}

static int measure_sealed_ballasts(struct sealed_bench *b, const struct cryo_bench_ballasts *l,
				   json_t *out, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < l->sizes.n * l->kinds.n; i++) {
		b->counter.size = l->sizes.v[i / l->kinds.n];
		b->counter.kind = l->kinds.v[i % l->kinds.n];
		b->now = cryo_alloc(sizeof(*b->now));
		rc = measure_sealed_ballast(b, err);
		if (rc == 0)
			json_array_append_new(out, convert_sealed_ballast(b));
		free(b->now);
	}
	return rc;
}

int cryo_bench_sealed(struct cryo_cluster *t, const struct cryo_bench_sealed_opts *o, json_t **out,
		      struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	cryo_auto(cryo_free) char *copy = cryo_asprintf("%s/copy.tar", o->tmp);
	cryo_auto(cryo_json_decref) json_t *ballasts = json_array();
	struct sealed_bench b = { .counter = { .target = t, .copy = copy }, .runs = o->runs };
	json_t *cipher = NULL;
	int rc = cryo_bench_cipher(o->runs, &cipher, err);

	if (rc == 0)
		rc = cryo_cluster_kube(t, &k, err);
	b.counter.kube = k;
	if (rc == 0)
		rc = cryo_bench_secret_make(k, NULL, err);
	if (rc == 0)
		rc = cryo_bench_images(t, &b.images, err);
	if (rc == 0)
		rc = measure_sealed_ballasts(&b, o->ballasts, ballasts, err);
	cryo_strv_release(&b.images);
	if (cipher)
		*out = json_pack("{si sO sO}", "runs", (int)o->runs, "cipher", cipher, "ballasts",
				 ballasts);
	json_decref(cipher);
	return rc;
}

static double read_ballast_number(const json_t *j, const char *path)
{
	return json_number_value(cryo_json_at(j, path));
}

static void print_ballast(const json_t *j)
{
	cryo_bench_print_head(j, &sides);
	for (int v = 0; v < VALUES; v++)
		cryo_bench_print_row(values[v].text, json_object_get(j, values[v].key), &sides);
	printf("  %-22s  %22s", "left after the dump", "");
	cryo_bench_print_cell(json_object_get(j, "restMs"));
	printf("\n  %-22s  %22s", "memory at most, MB", "");
	cryo_bench_print_cell(json_object_get(j, "peakMB"));
	printf("\n");
}

void cryo_bench_sealed_print(const json_t *result)
{
	json_t *j;
	size_t i;

	json_array_foreach(json_object_get(result, "cipher"), i, j)
		printf("%lld thread%s in memory: seals %.2f GB/s (%.2f … %.2f), opens %.2f GB/s "
		       "(%.2f … %.2f)\n",
		       (long long)cryo_json_int(j, "threads", 0), i ? "s" : " ",
		       read_ballast_number(j, "seal.median"), read_ballast_number(j, "seal.min"),
		       read_ballast_number(j, "seal.max"), read_ballast_number(j, "open.median"),
		       read_ballast_number(j, "open.min"), read_ballast_number(j, "open.max"));
	json_array_foreach(json_object_get(result, "ballasts"), i, j)
		print_ballast(j);
}
