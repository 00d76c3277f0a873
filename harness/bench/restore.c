/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each build has a cluster of its own that it has brought up itself, as what runs in the node
 * belongs to it as well; the archives are the same. Every restore is a program of its own, so that
 * builds are measured in one way.
 */
#include "bench/restore.h"

#include "base/clock.h"
#include "base/event.h"
#include "bench/bench.h"
#include "bench/meter.h"
#include "bench/restored.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UP_MS (60 * 60 * 1000)

enum build { OURS, OTHER, BUILDS };
enum side { PLAIN, SEALED, SIDES };
static const struct cryo_bench_names sides = { "plain", "sealed" };
static const struct cryo_bench_names builds = { "other", "ours" };

enum value { RUN, TICK, CPU, WRITTEN, MEMORY, VALUES };
static const struct {
	const char *key, *text;
} values[VALUES] = {
	[RUN] = { "run", "archive to running, ms" },
	[TICK] = { "firstTick", "to first tick, ms" },
	[CPU] = { "cpu", "processor time, ms" },
	[WRITTEN] = { "written", "written to disk, MB" },
	[MEMORY] = { "memory", "memory at most, MB" },
};

struct built {
	struct cryo_cluster *target; /* borrowed */
	char *program;		     /* owned */
	bool up;
	struct cryo_kube *kube;	 /* owned */
	struct cryo_strv images; /* on the node before */
};

struct restore_bench {
	const struct cryo_bench_restore_opts *opts;
	const char *stack;
	struct built build[BUILDS];
	size_t n; /* of them */
	char *tmp;
	char *archive[SIDES];
	char *key;
	struct cryo_bench_series v[BUILDS][SIDES][VALUES];
};

/* ---- clusters of builds ---- */

static void show_build_line(const char *line, int stream, void *arg)
{
	(void)stream;
	(void)arg;
	cryo_debug("%s", line);
}

static int run_build(const struct built *b, const char *const *words, int64_t limit,
		     struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	struct cryo_proc p = { .timeout_ms = limit, .on_line = show_build_line };

	cryo_strv_add(&argv, b->program);
	cryo_strv_addv(&argv, words);
	cryo_strv_add(&argv, "--name");
	cryo_strv_add(&argv, b->target->name);
	p.argv = cryo_strv_get(&argv);
	return cryo_proc_run(&p, NULL, err);
}

static int start_build(struct built *b, const char *stack, struct cryo_err *err)
{
	const char *const up[] = { "up", "--stack", stack, NULL };
	cryo_auto(cryo_cluster_free) struct cryo_cluster *now = NULL;
	int rc;

	b->up = true;
	rc = run_build(b, up, UP_MS, err);
	if (rc == 0)
		rc = cryo_cluster_kube(b->target, &b->kube, err);
	return rc < 0 ? rc : cryo_bench_images(b->target, &b->images, err);
}

static int stop_build(struct built *b, int rc, struct cryo_err *err)
{
	static const char *const down[] = { "down", NULL };
	struct cryo_err ignored = CRYO_ERR_INIT;
	int ended = 0;

	cryo_kube_free(b->kube);
	b->kube = NULL;
	cryo_strv_release(&b->images);
	if (b->up) {
		cryo_intr_hold();
		ended = run_build(b, down, CRYO_BENCH_DUMP_MS, rc < 0 ? &ignored : err);
		cryo_intr_release();
	}
	b->up = false;
	return rc < 0 ? rc : ended;
}

/* ---- what is restored ---- */

static int make_bench_archives(struct restore_bench *b, const char *size, const char *kind,
			       struct cryo_err *err)
{
	struct cryo_bench_counter c = { .target = b->build[OURS].target,
					.kube = b->build[OURS].kube,
					.size = size,
					.kind = kind };
	struct cryo_bench_dump ignored;
	int rc = cryo_bench_counter_start(&c, err);

	for (unsigned side = 0; rc == 0 && side < SIDES; side++) {
		c.copy = b->archive[side];
		rc = cryo_bench_counter_checkpoint(&c, side == SEALED ? CRYO_BENCH_SECRET : NULL,
						   &ignored, err);
	}
	return rc < 0 ? rc : cryo_bench_counter_stop(&c, err);
}

/* ---- one restore ---- */

static void note_restore(struct restore_bench *b, enum build build, enum side side, enum value v,
			 double value)
{
	cryo_bench_add(&b->v[build][side][v], value);
}

static int time_build_restore(struct restore_bench *b, enum build build, enum side side,
			      struct cryo_err *err)
{
	const char *const words[] = { "restore",
				      b->archive[side],
				      "--pod",
				      CRYO_BENCH_RESTORED,
				      side == SEALED ? "--key" : NULL,
				      b->key,
				      NULL };
	struct cryo_bench_meter *meter = NULL;
	struct cryo_bench_cost cost;
	struct built *now = &b->build[build];
	int64_t since, ran, at = 0;
	int rc = cryo_bench_meter_begin(b->tmp, &meter, err);

	if (rc < 0)
		return rc;
	since = cryo_wall_ns();
	rc = run_build(now, words, CRYO_BENCH_DUMP_MS, err);
	ran = cryo_wall_ns();
	if (rc == 0)
		rc = cryo_bench_first_tick(now->kube, since, &at, err);
	cryo_bench_meter_end(meter, &cost);
	if (rc < 0)
		return rc;
	note_restore(b, build, side, RUN, (double)(ran - since) / 1e6);
	note_restore(b, build, side, TICK, (double)(at - since) / 1e6);
	note_restore(b, build, side, CPU, cost.cpu_ms);
	note_restore(b, build, side, WRITTEN, cost.written_mb);
	note_restore(b, build, side, MEMORY, cost.memory_mb);
	return cryo_bench_restored_remove(now->target, now->kube, &now->images, err);
}

/* Each variant is first in one round after the other. */
static int run_restore_round(struct restore_bench *b, unsigned round, struct cryo_err *err)
{
	unsigned n = (unsigned)b->n * SIDES;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < n; i++) {
		unsigned which = (round + i) % n;
		enum side side = which % SIDES ? SEALED : PLAIN;
		enum build build = which / SIDES ? OTHER : OURS;

		rc = cryo_intr_check(err);
		if (rc == 0)
			rc = time_build_restore(b, build, side, err);
		rc = cryo_err_wrap(err, rc, "%s, %s", build == OTHER ? builds.a : builds.b,
				   side == SEALED ? sides.b : sides.a);
	}
	return rc;
}

/* ---- the result ---- */

static json_t *convert_restores(struct restore_bench *b, const char *size, const char *kind)
{
	json_t *j = json_pack("{ss ss ss s{} s{}}", "stack", b->stack, "ballast", size, "kind",
			      kind, "sides", "builds");

	for (int v = 0; v < VALUES; v++)
		json_object_set_new(
		    json_object_get(j, "sides"), values[v].key,
		    cryo_bench_compare(&b->v[OURS][PLAIN][v], &b->v[OURS][SEALED][v], &sides));
	for (unsigned side = 0; b->n > 1 && side < SIDES; side++) {
		json_t *of = json_object();

		for (int v = 0; v < VALUES; v++)
			json_object_set_new(of, values[v].key,
					    cryo_bench_compare(&b->v[OTHER][side][v],
							       &b->v[OURS][side][v], &builds));
		json_object_set_new(json_object_get(j, "builds"), side ? sides.b : sides.a, of);
	}
	return j;
}

static int measure_ballast_restores(struct restore_bench *b, const char *size, const char *kind,
				    struct cryo_err *err)
{
	int rc = make_bench_archives(b, size, kind, err);

	memset(b->v, 0, sizeof(b->v));
	for (unsigned round = 0; rc == 0 && round < b->opts->runs; round++) {
		cryo_info("%s, %s %s: round %u of %u", b->stack, size, kind, round + 1,
			  b->opts->runs);
		rc = run_restore_round(b, round, err);
	}
	unlink(b->archive[PLAIN]);
	unlink(b->archive[SEALED]);
	return cryo_err_wrap(err, rc, "%s %s", size, kind);
}

static int measure_stack_restores(struct restore_bench *b, json_t *out, struct cryo_err *err)
{
	const struct cryo_bench_ballasts *l = b->opts->ballasts;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < l->sizes.n * l->kinds.n; i++) {
		const char *size = l->sizes.v[i / l->kinds.n], *kind = l->kinds.v[i % l->kinds.n];

		rc = measure_ballast_restores(b, size, kind, err);
		if (rc == 0)
			json_array_append_new(out, convert_restores(b, size, kind));
	}
	return rc;
}

static int prepare_restore_bench(struct restore_bench *b, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < b->n; i++)
		rc = start_build(&b->build[i], b->stack, err);
	/* On the cluster's disk, and gone with it: it takes whole archives. */
	if (rc == 0)
		rc = cryo_fs_tmpdir(b->build[OURS].target->dir, ".bench-", &b->tmp, err);
	if (rc < 0)
		return rc;
	b->archive[PLAIN] = cryo_asprintf("%s/plain.tar", b->tmp);
	b->archive[SEALED] = cryo_asprintf("%s/sealed.tar", b->tmp);
	b->key = cryo_asprintf("%s/tls.key", b->tmp);
	return cryo_bench_secret_make(b->build[OURS].kube, b->key, err);
}

static int bench_stack_restores(struct restore_bench *b, json_t *out, struct cryo_err *err)
{
	int rc = prepare_restore_bench(b, err);

	if (rc == 0)
		rc = measure_stack_restores(b, out, err);
	for (size_t i = 0; i < b->n; i++)
		rc = stop_build(&b->build[i], rc, err);
	for (unsigned side = 0; side < SIDES; side++)
		cryo_freep(&b->archive[side]);
	cryo_freep(&b->tmp);
	cryo_freep(&b->key);
	return cryo_err_wrap(err, rc, "stack '%s'", b->stack);
}

int cryo_bench_restores(struct cryo_cluster *const t[BUILDS],
			const struct cryo_bench_restore_opts *o, json_t **out, struct cryo_err *err)
{
	struct restore_bench *b = cryo_alloc(sizeof(*b));
	json_t *ballasts = json_array();
	int rc = 0;

	b->opts = o;
	b->n = o->against ? BUILDS : 1;
	b->build[OURS] =
	    (struct built){ .target = t[OURS], .program = cryo_strdup("/proc/self/exe") };
	b->build[OTHER] = (struct built){ .target = t[OTHER] };
	if (o->against) {
		b->build[OTHER].program = cryo_asprintf("%s/cryopod", o->against);
		if (access(b->build[OTHER].program, X_OK) < 0)
			rc = cryo_err_sys(err, errno, "--against: cannot run '%s'",
					  b->build[OTHER].program);
	}
	for (size_t i = 0; rc == 0 && i < o->stacks->n; i++) {
		b->stack = o->stacks->v[i];
		rc = bench_stack_restores(b, ballasts, err);
	}
	for (size_t i = 0; i < BUILDS; i++)
		free(b->build[i].program);
	free(b);
	*out = json_pack("{si ss* so}", "runs", (int)o->runs, "against", o->against, "ballasts",
			 ballasts);
	return rc;
}

static void print_compared(const json_t *ballast, const json_t *rows, const char *what,
			   const struct cryo_bench_names *names)
{
	cryo_auto(cryo_free) char *head = cryo_asprintf("%s%s%s %s", what, *what ? ", " : "",
							cryo_json_str(ballast, "ballast"),
							cryo_json_str(ballast, "kind"));

	printf("\n%-24s%24s%24s  %s/%s  (%s)\n", head, names->a, names->b, names->b, names->a,
	       cryo_json_str(ballast, "stack"));
	for (int v = 0; v < VALUES; v++)
		cryo_bench_print_row(values[v].text, json_object_get(rows, values[v].key), names);
}

void cryo_bench_restores_print(const json_t *result)
{
	const char *side;
	json_t *j, *of;
	size_t i;

	json_array_foreach(json_object_get(result, "ballasts"), i, j) {
		print_compared(j, json_object_get(j, "sides"), "", &sides);
		json_object_foreach(json_object_get(j, "builds"), side, of)
			print_compared(j, of, side, &builds);
	}
}
