/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measured table: the whole story several times on a cluster of its own,
 * every phase timed in every round, so that what disturbs the machine disturbs
 * all alike. Prints medians with ranges; judges nothing.
 */
#include "cli/bench.h"
#include "cli/bench_template.h"
#include "cli/cli.h"

#include "base/clock.h"
#include "base/event.h"
#include "build/build.h"
#include "conf/json.h"
#include "source/data.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "target/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define DEFAULT_RUNS 5
#define MAX_RUNS     CRYO_BENCH_MAX_RUNS
#define WAIT_MS	     60000

struct bench_opts {
	unsigned runs;
	const char *output, *sizes, *kinds;
	bool sealed, templates;
};

static const struct cryo_opt opts_table[] = {
	{ "runs", 0, CRYO_OPT_COUNT, offsetof(struct bench_opts, runs), "N",
	  "rounds (default: 5)" },
	{ "sealed", 0, CRYO_OPT_FLAG, offsetof(struct bench_opts, sealed), NULL,
	  "plain and encrypted checkpoints and restores, in turns, instead" },
	{ "sizes", 0, CRYO_OPT_STR, offsetof(struct bench_opts, sizes), "LIST",
	  "with --sealed: memory of the counter (default: 64Mi,256Mi,1Gi)" },
	{ "kinds", 0, CRYO_OPT_STR, offsetof(struct bench_opts, kinds), "LIST",
	  "with --sealed: what it is full of (default: random,zero,repeat)" },
	{ "templates", 0, CRYO_OPT_FLAG, offsetof(struct bench_opts, templates), NULL,
	  "cold starts and restores from a template, in turns, instead" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct bench_opts, output), "FORMAT",
	  "table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

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
	struct cryo_target *target;
	unsigned runs;
	int64_t ms[PHASES][MAX_RUNS];
	unsigned round;
	char *tmp;
};

static void took(struct bench *b, enum phase phase, int64_t begin)
{
	b->ms[phase][b->round] = cryo_now_ms() - begin;
}

static int time_start(struct bench *b, struct cryo_err *err)
{
	static const char *const argv[] = { "/proc/self/exe", "version", NULL };
	struct cryo_proc p = { .argv = argv };
	int64_t begin = cryo_now_ms();
	int rc = cryo_proc_run(&p, NULL, err);

	took(b, START, begin);
	return rc;
}

static int time_build(struct bench *b, struct cryo_err *err)
{
	cryo_auto(cryo_stack_release) struct cryo_stack stack = { 0 };
	cryo_auto(cryo_build_release) struct cryo_build build = { 0 };
	int64_t begin = cryo_now_ms();
	int rc = cryo_stack_load("upstream", &stack, err);

	if (rc == 0)
		rc = cryo_build_plan(&stack, NULL, &build, err);
	if (rc == 0)
		rc = cryo_build_run(&build, NULL, err);
	took(b, BUILD, begin);
	return rc;
}

static int run_counter(struct bench *b, struct cryo_kube *k, struct cryo_err *err)
{
	const struct cryo_kube_ref pod = { "pods", "default", "counter" };
	cryo_auto(cryo_free) char *manifest = NULL;
	int rc = cryo_data_path("kube-deployments/counter-pod.yaml", &manifest, err);

	(void)b;
	if (rc == 0)
		rc = cryo_kube_apply_file(k, manifest, "default", err);
	return rc < 0
		   ? rc
		   : cryo_kube_wait(k, &pod, cryo_kube_test_pod_running, NULL, WAIT_MS, NULL, err);
}

static int time_up(struct bench *b, struct cryo_err *err)
{
	const struct cryo_up_opts up = { .cold = true };
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	int64_t begin = cryo_now_ms();
	int rc = b->target->ops->up(b->target, &up, err);

	took(b, UP, begin);
	if (rc == 0)
		rc = b->target->ops->kube(b->target, &k, err);
	if (rc == 0)
		rc = run_counter(b, k, err);
	took(b, POD, begin);
	begin = cryo_now_ms();
	if (rc == 0)
		rc = b->target->ops->up(b->target, &up, err);
	took(b, UP_AGAIN, begin);
	return rc;
}

static int time_restore(struct bench *b, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *copy = cryo_asprintf("%s/%u.tar", b->tmp, b->round);
	const struct cryo_checkpoint_opts checkpoint = { .pod = "counter", .to = copy };
	const struct cryo_restore_opts restore = { .archive = copy, .pod = "counter-restored" };
	cryo_auto(cryo_checkpoint_release) struct cryo_checkpoint c = { 0 };
	cryo_auto(cryo_restore_release) struct cryo_restore r = { 0 };
	int rc = cryo_checkpoint_run(b->target, &checkpoint, &c, err);

	if (rc == 0)
		rc = cryo_restore_run(b->target, &restore, &r, err);
	b->ms[CHECKPOINT][b->round] = c.ms;
	b->ms[RESTORE][b->round] = r.ms;
	return rc;
}

static int take_down(struct cryo_target *t, int rc, struct cryo_err *err)
{
	struct cryo_err ignored = CRYO_ERR_INIT;
	int down;

	cryo_intr_hold();
	down = t->ops->down(t, rc == 0 ? err : &ignored);
	cryo_intr_release();
	return rc < 0 ? rc : down;
}

static int one_round(struct bench *b, struct cryo_err *err)
{
	int64_t begin;
	int rc = time_start(b, err);

	if (rc == 0)
		rc = time_build(b, err);
	if (rc == 0)
		rc = time_up(b, err);
	if (rc == 0)
		rc = time_restore(b, err);
	begin = cryo_now_ms();
	rc = take_down(b->target, rc, err);
	took(b, DOWN, begin);
	return rc;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* {"what", "median", "min", "max"}, milliseconds. Sorts the values. */
static json_t *summary(struct bench *b, enum phase phase)
{
	int64_t *v = b->ms[phase];

	qsort(v, b->runs, sizeof(*v), by_value);
	return json_pack("{ss sI sI sI}", "what", phase_names[phase], "median",
			 (json_int_t)v[b->runs / 2], "min", (json_int_t)v[0], "max",
			 (json_int_t)v[b->runs - 1]);
}

static void print_table(const json_t *result)
{
	json_t *row;
	size_t i;

	printf("%-30s %9s   %s\n", "phase", "median", "range (ms)");
	json_array_foreach(json_object_get(result, "phases"), i, row)
		printf("%-30s %6ld ms   %ld … %ld\n", cryo_json_str(row, "what"),
		       (long)cryo_json_int(row, "median", 0), (long)cryo_json_int(row, "min", 0),
		       (long)cryo_json_int(row, "max", 0));
	printf("%-30s %6ld kB   (this program, all of the above done)\n", "largest resident size",
	       (long)cryo_json_int(result, "maxResidentKB", 0));
}

static void report(struct bench *b, enum cryo_output output)
{
	cryo_auto(cryo_json_decref) json_t *result = json_object();
	json_t *phases = json_array();
	struct rusage usage;

	for (int p = 0; p < PHASES; p++)
		json_array_append_new(phases, summary(b, (enum phase)p));
	getrusage(RUSAGE_SELF, &usage);
	json_object_set_new(result, "runs", json_integer(b->runs));
	json_object_set_new(result, "phases", phases);
	json_object_set_new(result, "maxResidentKB", json_integer(usage.ru_maxrss));
	if (output == CRYO_OUTPUT_TABLE)
		print_table(result);
	else
		cryo_cli_print(result, output);
}

static int rounds(struct bench *b, struct cryo_err *err)
{
	int rc = 0;

	for (b->round = 0; rc == 0 && b->round < b->runs; b->round++) {
		cryo_info("round %u of %u", b->round + 1, b->runs);
		rc = one_round(b, err);
	}
	return rc;
}

/* Its own cluster: one that is there must neither be measured nor taken down. */
static int check_absent(struct cryo_target *t, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *status = NULL;
	int rc = t->ops->status(t, &status, err);

	if (rc == 0 && !cryo_streq(cryo_json_str(status, "state"), "absent"))
		return cryo_err_set(err, CRYO_E_USAGE,
				    "cluster '%s' exists: bench needs a name of its own (--name)",
				    t->name);
	return rc;
}

static int run_sealed(struct cryo_target *t, struct cryo_bench_sealed_opts *o,
		      enum cryo_output output, struct cryo_err *err)
{
	const struct cryo_up_opts up = CRYO_UP_OPTS_INIT;
	cryo_auto(cryo_json_decref) json_t *result = NULL;
	cryo_auto(cryo_free) char *tmp = NULL;
	int rc = t->ops->up(t, &up, err);

	/* On the cluster's disk, and gone with it: it takes whole archives. */
	if (rc == 0)
		rc = cryo_fs_tmpdir(t->dir, ".bench-", &tmp, err);
	o->tmp = tmp;
	if (rc == 0)
		rc = cryo_bench_sealed(t, o, &result, err);
	rc = take_down(t, rc, err);
	if (result && output == CRYO_OUTPUT_TABLE)
		cryo_bench_sealed_print(result);
	else if (result)
		cryo_cli_print(result, output);
	return rc;
}

static int run_phases(struct cryo_target *t, unsigned runs, enum cryo_output output,
		      struct cryo_err *err)
{
	cryo_auto(cryo_free) char *tmp = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct bench *b;
	int rc = cryo_fs_tmpdir(cryo_dir_run(), "bench-", &tmp, err);

	if (rc < 0)
		return rc;
	b = cryo_alloc(sizeof(*b));
	*b = (struct bench){ .target = t, .runs = runs, .tmp = tmp };
	rc = rounds(b, err);
	cryo_fs_rmtree(tmp, &ignored);
	if (rc == 0)
		report(b, output);
	free(b);
	return rc;
}

static int check(const struct bench_opts *o, const struct cryo_bench_sealed_opts *sealed,
		 struct cryo_err *err)
{
	if (o->runs > MAX_RUNS)
		return cryo_err_set(err, CRYO_E_USAGE, "--runs: at most %d", MAX_RUNS);
	if (!o->sealed && (o->sizes || o->kinds))
		return cryo_err_set(err, CRYO_E_USAGE, "--sizes and --kinds are for --sealed");
	if (o->sealed && o->templates)
		return cryo_err_set(err, CRYO_E_USAGE, "either --sealed or --templates");
	return o->sealed ? cryo_bench_sealed_check(sealed, err) : 0;
}

static int run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
	       struct cryo_err *err)
{
	const struct bench_opts *o = opts;
	unsigned runs = o->runs ? o->runs : DEFAULT_RUNS;
	struct cryo_bench_sealed_opts sealed = { .runs = runs,
						 .sizes = o->sizes,
						 .kinds = o->kinds };
	cryo_auto(cryo_target_free) struct cryo_target *t = NULL;
	enum cryo_output output;
	int rc = cryo_cli_output(o->output, &output, err);

	(void)args;
	(void)exit_code;
	if (rc == 0)
		rc = check(o, &sealed, err);
	if (rc == 0)
		rc = cryo_target_open(
		    cli->target, strcmp(cli->name, "default") == 0 ? "bench" : cli->name, &t, err);
	if (rc == 0)
		rc = check_absent(t, err);
	if (rc < 0)
		return rc;
	if (o->sealed)
		return run_sealed(t, &sealed, output, err);
	if (o->templates)
		return cryo_bench_templates(t, runs, output, err);
	return run_phases(t, runs, output, err);
}

const struct cryo_cmd cryo_cmd_bench = {
	.name = "bench",
	.usage = "",
	.summary = "measure every phase on a cluster of its own",
	.opts = opts_table,
	.size = sizeof(struct bench_opts),
	.run = run,
};
