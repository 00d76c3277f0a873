/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `bench`: the whole story several times on a cluster of its own, every phase
 * timed in every round, so that what disturbs the machine disturbs all alike.
 */
#include "bench/story.h"

#include "base/clock.h"
#include "base/event.h"
#include "recipe/build.h"
#include "bench/bench.h"
#include "bench/counter.h"
#include "sys/fs.h"
#include "checkpoint/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum phase { START, BUILD, UP, POD, UP_AGAIN, CHECKPOINT, RESTORE, DOWN, PHASES };

static const char *const phase_names[PHASES] = {
	[START] = "start of the program",
	[BUILD] = "build, nothing to do",
	[UP] = "up to Ready",
	[POD] = "up to a running counter pod",
	[UP_AGAIN] = "up of a running cluster",
	[CHECKPOINT] = "checkpoint call",
	[RESTORE] = "archive to running pod",
	[DOWN] = "down",
};

struct bench {
	struct cryo_cluster *target;
	struct cryo_bench_series ms[PHASES];
	char *tmp;
};

static void note_story_phase(struct bench *b, enum phase phase, int64_t begin)
{
	cryo_bench_add(&b->ms[phase], (double)(cryo_now_ms() - begin));
}

static int time_counter_start(struct bench *b, struct cryo_err *err)
{
	static const char *const argv[] = { "/proc/self/exe", "version", NULL };
	struct cryo_proc p = { .argv = argv };
	int64_t begin = cryo_now_ms();
	int rc = cryo_proc_run(&p, NULL, err);

	note_story_phase(b, START, begin);
	return rc;
}

static int time_image_build(struct bench *b, struct cryo_err *err)
{
	cryo_auto(cryo_stack_release) struct cryo_stack stack = { 0 };
	cryo_auto(cryo_build_release) struct cryo_build build = { 0 };
	int64_t begin = cryo_now_ms();
	int rc = cryo_stack_load("upstream", &stack, err);

	if (rc == 0)
		rc = cryo_build_plan(&stack, NULL, &build, err);
	if (rc == 0)
		rc = cryo_build_run(&build, NULL, err);
	note_story_phase(b, BUILD, begin);
	return rc;
}

static int time_story_up(struct bench *b, struct cryo_err *err)
{
	const struct cryo_up_opts up = { .template.cold = true };
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	int64_t begin = cryo_now_ms();
	int rc = cryo_cluster_up(b->target, &up, err);

	note_story_phase(b, UP, begin);
	if (rc == 0)
		rc = cryo_cluster_kube(b->target, &k, err);
	if (rc == 0)
		rc = cryo_bench_shipped_counter(k, err);
	note_story_phase(b, POD, begin);
	begin = cryo_now_ms();
	if (rc == 0)
		rc = cryo_cluster_up(b->target, &up, err);
	note_story_phase(b, UP_AGAIN, begin);
	return rc;
}

static int time_story_restore(struct bench *b, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *copy = cryo_asprintf("%s/copy.tar", b->tmp);
	const struct cryo_checkpoint_opts checkpoint = { .pod = "counter", .to = copy };
	const struct cryo_restore_opts restore = { .archive = copy, .pod = "counter-restored" };
	cryo_auto(cryo_checkpoint_release) struct cryo_checkpoint c = { 0 };
	cryo_auto(cryo_restore_release) struct cryo_restore r = { 0 };
	int rc = cryo_checkpoint_run(b->target, &checkpoint, &c, err);

	if (rc == 0)
		rc = cryo_restore_run(b->target, &restore, &r, err);
	cryo_bench_add(&b->ms[CHECKPOINT], (double)c.ms);
	cryo_bench_add(&b->ms[RESTORE], (double)r.ms);
	return rc;
}

static int time_story_round(struct bench *b, struct cryo_err *err)
{
	int64_t begin;
	int rc = time_counter_start(b, err);

	if (rc == 0)
		rc = time_image_build(b, err);
	if (rc == 0)
		rc = time_story_up(b, err);
	if (rc == 0)
		rc = time_story_restore(b, err);
	begin = cryo_now_ms();
	rc = cryo_bench_down(b->target, rc, err);
	note_story_phase(b, DOWN, begin);
	return rc;
}

static json_t *convert_story_result(const struct bench *b, unsigned runs)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return json_pack("{sI so sI}", "runs", (json_int_t)runs, "phases",
			 cryo_bench_phases(phase_names, b->ms, PHASES), "maxResidentKB",
			 (json_int_t)usage.ru_maxrss);
}

int cryo_bench_story(struct cryo_cluster *t, unsigned runs, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *tmp = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct bench *b;
	int rc = cryo_fs_tmpdir(cryo_dir_run(), "bench-", &tmp, err);

	if (rc < 0)
		return rc;
	b = cryo_alloc(sizeof(*b));
	*b = (struct bench){ .target = t, .tmp = tmp };
	for (unsigned round = 0; rc == 0 && round < runs; round++) {
		cryo_info("round %u of %u", round + 1, runs);
		rc = time_story_round(b, err);
	}
	cryo_fs_rmtree(tmp, &ignored);
	if (rc == 0)
		*out = convert_story_result(b, runs);
	free(b);
	return rc;
}

void cryo_bench_story_print(const json_t *result)
{
	cryo_bench_phases_print(result);
	printf("%-40s %6ld kB   (this program, all of the above done)\n", "largest resident size",
	       (long)cryo_json_int(result, "maxResidentKB", 0));
}
