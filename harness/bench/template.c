/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/template.h"
#include "bench/bench.h"
#include "bench/counter.h"
#include "scenario/many.h"

#include "base/clock.h"
#include "base/event.h"
#include "sys/intr.h"

#include <stdlib.h>
#include <string.h>

#define AT_ONCE 8

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
	struct cryo_cluster *t;
	struct cryo_bench_series ms[PHASES];
};

static void took(struct bench *b, enum phase phase, int64_t ms)
{
	cryo_bench_add(&b->ms[phase], (double)ms);
}

static int run_counter(struct bench *b, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	int rc = b->t->ops->kube(b->t, &k, err);

	return rc < 0 ? rc : cryo_bench_shipped_counter(k, err);
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
	int64_t begin = cryo_now_ms();

	rc = cryo_bench_down(b->t, rc, err);
	took(b, DOWN, cryo_now_ms() - begin);
	return rc;
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
static int make_template(struct bench *b, struct cryo_err *err)
{
	const struct cryo_up_opts opts = CRYO_UP_OPTS_INIT;

	return cryo_bench_down(b->t, b->t->ops->up(b->t, &opts, err), err);
}

int cryo_bench_templates(struct cryo_cluster *t, unsigned runs, json_t **out, struct cryo_err *err)
{
	struct bench *b = cryo_alloc(sizeof(*b));
	int rc;

	b->t = t;
	rc = make_template(b, err);
	for (unsigned round = 0; rc == 0 && round < runs; round++) {
		cryo_info("round %u of %u", round + 1, runs);
		rc = one_round(b, err);
	}
	if (rc == 0)
		*out = json_pack("{sI so}", "runs", (json_int_t)runs, "phases",
				 cryo_bench_phases(phase_names, b->ms, PHASES));
	free(b);
	return rc;
}
