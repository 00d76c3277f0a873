/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_template.h"
#include "cli/many.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "source/data.h"
#include "sys/intr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RUNS 100
#define AT_ONCE	 8
#define WAIT_MS	 60000

enum phase { COLD, COLD_POD, READY, COPY, CRIU, FIRST, POD, DOWN, MANY, MANY_DOWN, PHASES };

static const char *const phase_names[PHASES] = {
	[COLD] = "cold: up to Ready",
	[COLD_POD] = "cold: up to a running counter pod",
	[READY] = "template: up to Ready",
	[COPY] = "  copy of the disk",
	[CRIU] = "  CRIU and its mounts",
	[FIRST] = "  first Ready",
	[POD] = "template: up to a running counter pod",
	[DOWN] = "down",
	[MANY] = "8 from a template at once, all Ready",
	[MANY_DOWN] = "8 down at once",
};

struct bench {
	struct cryo_target *t;
	unsigned runs, round;
	int64_t ms[PHASES][MAX_RUNS];
};

static void took(struct bench *b, enum phase phase, int64_t ms)
{
	b->ms[phase][b->round] = ms;
}

static int run_counter(struct bench *b, struct cryo_err *err)
{
	const struct cryo_kube_ref pod = { "pods", "default", "counter" };
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	cryo_auto(cryo_free) char *manifest = NULL;
	int rc = cryo_data_path("kube-deployments/counter-pod.yaml", &manifest, err);

	if (rc == 0)
		rc = b->t->ops->kube(b->t, &k, err);
	if (rc == 0)
		rc = cryo_kube_apply_file(k, manifest, "default", err);
	return rc < 0
		   ? rc
		   : cryo_kube_wait(k, &pod, cryo_kube_test_pod_running, NULL, WAIT_MS, NULL, err);
}

/* What the target noted of the restore; a cluster that started by itself is not to be measured. */
static int note_restore(struct bench *b, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *status = NULL;
	int rc = b->t->ops->status(b->t, &status, err);

	if (rc < 0)
		return rc;
	if (!cryo_streq(cryo_json_str(status, "origin"), "template"))
		return cryo_err_set(err, CRYO_E_CHECK, "cluster '%s' did not come from a template",
				    b->t->name);
	took(b, COPY, cryo_json_int(status, "restore.copy", 0));
	took(b, CRIU, cryo_json_int(status, "restore.criu", 0));
	took(b, FIRST, cryo_json_int(status, "restore.ready", 0));
	return 0;
}

static int down(struct bench *b, int rc, struct cryo_err *err)
{
	struct cryo_err later = CRYO_ERR_INIT;
	int64_t begin = cryo_now_ms();
	int down_rc;

	cryo_intr_hold();
	down_rc = b->t->ops->down(b->t, rc == 0 ? err : &later);
	cryo_intr_release();
	took(b, DOWN, cryo_now_ms() - begin);
	return rc < 0 ? rc : down_rc;
}

static int time_up(struct bench *b, bool cold, struct cryo_err *err)
{
	const struct cryo_up_opts opts = { .cold = cold };
	int64_t begin = cryo_now_ms();
	int rc = b->t->ops->up(b->t, &opts, err);

	took(b, cold ? COLD : READY, cryo_now_ms() - begin);
	if (rc == 0)
		rc = run_counter(b, err);
	took(b, cold ? COLD_POD : POD, cryo_now_ms() - begin);
	if (rc == 0 && !cold)
		rc = note_restore(b, err);
	return down(b, rc, err);
}

static int time_many(struct bench *b, struct cryo_err *err)
{
	const struct cryo_up_opts opts = CRYO_UP_OPTS_INIT;
	const struct cryo_many_run up = { .kind = b->t->ops->kind, .up = &opts };
	const struct cryo_many_run down = { .kind = b->t->ops->kind };
	struct cryo_many *all = cryo_many_names(b->t->name, AT_ONCE);
	struct cryo_err later = CRYO_ERR_INIT;
	int64_t begin = cryo_now_ms();
	int rc = cryo_many_run_all(&up, all, 0, AT_ONCE, err), gone;

	took(b, MANY, cryo_now_ms() - begin);
	begin = cryo_now_ms();
	cryo_intr_hold();
	gone = cryo_many_run_all(&down, all, 0, AT_ONCE, rc == 0 ? err : &later);
	cryo_intr_release();
	took(b, MANY_DOWN, cryo_now_ms() - begin);
	cryo_many_free(all, AT_ONCE);
	return rc < 0 ? rc : gone;
}

static int one_round(struct bench *b, struct cryo_err *err)
{
	int rc = time_up(b, true, err);

	if (rc == 0)
		rc = time_up(b, false, err);
	return rc < 0 ? rc : time_many(b, err);
}

/* The template is there before the first round. */
static int rounds(struct bench *b, struct cryo_err *err)
{
	const struct cryo_up_opts opts = CRYO_UP_OPTS_INIT;
	int rc = down(b, b->t->ops->up(b->t, &opts, err), err);

	for (b->round = 0; rc == 0 && b->round < b->runs; b->round++) {
		cryo_info("round %u of %u", b->round + 1, b->runs);
		rc = one_round(b, err);
	}
	return rc;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static json_t *summary(struct bench *b)
{
	json_t *list = json_array();

	for (int p = 0; p < PHASES; p++) {
		int64_t *v = b->ms[p];

		qsort(v, b->runs, sizeof(*v), by_value);
		json_array_append_new(list,
				      json_pack("{ss sI sI sI}", "what", phase_names[p], "median",
						(json_int_t)v[b->runs / 2], "min", (json_int_t)v[0],
						"max", (json_int_t)v[b->runs - 1]));
	}
	return json_pack("{sI so}", "runs", (json_int_t)b->runs, "phases", list);
}

static void print_table(const json_t *result)
{
	json_t *row;
	size_t i;

	printf("%-40s %9s   %s\n", "phase", "median", "range (ms)");
	json_array_foreach(json_object_get(result, "phases"), i, row)
		printf("%-40s %6ld ms   %ld … %ld\n", cryo_json_str(row, "what"),
		       (long)cryo_json_int(row, "median", 0), (long)cryo_json_int(row, "min", 0),
		       (long)cryo_json_int(row, "max", 0));
}

int cryo_bench_templates(struct cryo_target *t, unsigned runs, enum cryo_output output,
			 struct cryo_err *err)
{
	struct bench *b = cryo_alloc(sizeof(*b));
	int rc;

	b->t = t;
	b->runs = runs > MAX_RUNS ? MAX_RUNS : runs;
	rc = rounds(b, err);
	if (rc == 0) {
		cryo_auto(cryo_json_decref) json_t *result = summary(b);

		if (output == CRYO_OUTPUT_TABLE)
			print_table(result);
		else
			cryo_cli_print(result, output);
	}
	free(b);
	return rc;
}
