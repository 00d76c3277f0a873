/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/template.h"
#include "bench/bench.h"
#include "bench/counter.h"
#include "cluster/status.h"
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

static void note_template_phase(struct bench *b, enum phase phase, int64_t ms)
{
	cryo_bench_add(&b->ms[phase], (double)ms);
}

static int run_counter_pod(struct bench *b, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	int rc = cryo_cluster_kube(b->t, &k, err);

	return rc < 0 ? rc : cryo_bench_shipped_counter(k, err);
}

/* What the target noted of the restore; a cluster that started by itself is not to be measured. */
static int note_cluster_restore(struct bench *b, struct cryo_err *err)
{
	cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };
	int rc = cryo_cluster_status(b->t, &s, err);

	if (rc < 0)
		return rc;
	if (!cryo_streq(s.origin, "template"))
		return cryo_err_set(err, CRYO_E_CHECK, "cluster '%s' did not come from a template",
				    b->t->name);
	note_template_phase(b, COPY, s.copy_ms);
	note_template_phase(b, CRIU, s.criu_ms);
	note_template_phase(b, FIRST, s.ready_ms);
	return 0;
}

static int time_cluster_down(struct bench *b, int rc, struct cryo_err *err)
{
	int64_t begin = cryo_now_ms();

	rc = cryo_bench_down(b->t, rc, err);
	note_template_phase(b, DOWN, cryo_now_ms() - begin);
	return rc;
}

static int time_cluster_up(struct bench *b, bool cold, struct cryo_err *err)
{
	const struct cryo_up_opts opts = { .template.cold = cold };
	int64_t begin = cryo_now_ms();
	int rc = cryo_cluster_up(b->t, &opts, err);

	note_template_phase(b, cold ? COLD : READY, cryo_now_ms() - begin);
	if (rc == 0)
		rc = run_counter_pod(b, err);
	note_template_phase(b, cold ? COLD_POD : POD, cryo_now_ms() - begin);
	if (rc == 0 && !cold)
		rc = note_cluster_restore(b, err);
	return time_cluster_down(b, rc, err);
}

static int time_many_clusters(struct bench *b, struct cryo_err *err)
{
	const struct cryo_up_opts opts = CRYO_UP_OPTS_INIT;
	const struct cryo_many_run up = { .kind = cryo_cluster_kind(b->t), .up = &opts };
	const struct cryo_many_run down = { .kind = cryo_cluster_kind(b->t) };
	struct cryo_many *all = cryo_many_names(b->t->name, AT_ONCE);
	struct cryo_err later = CRYO_ERR_INIT;
	int64_t begin = cryo_now_ms();
	int rc = cryo_many_run_all(&up, all, 0, AT_ONCE, err), gone;

	note_template_phase(b, MANY, cryo_now_ms() - begin);
	begin = cryo_now_ms();
	cryo_intr_hold();
	gone = cryo_many_run_all(&down, all, 0, AT_ONCE, rc == 0 ? err : &later);
	cryo_intr_release();
	note_template_phase(b, MANY_DOWN, cryo_now_ms() - begin);
	cryo_many_free(all, AT_ONCE);
	return rc < 0 ? rc : gone;
}

static int time_template_round(struct bench *b, struct cryo_err *err)
{
	int rc = time_cluster_up(b, true, err);

	if (rc == 0)
		rc = time_cluster_up(b, false, err);
	return rc < 0 ? rc : time_many_clusters(b, err);
}

/* The template is there before the first round. */
static int make_bench_template(struct bench *b, struct cryo_err *err)
{
	const struct cryo_up_opts opts = CRYO_UP_OPTS_INIT;

	return cryo_bench_down(b->t, cryo_cluster_up(b->t, &opts, err), err);
}

int cryo_bench_templates(struct cryo_cluster *t, unsigned runs, json_t **out, struct cryo_err *err)
{
	struct bench *b = cryo_alloc(sizeof(*b));
	int rc;

	b->t = t;
	rc = make_bench_template(b, err);
	for (unsigned round = 0; rc == 0 && round < runs; round++) {
		cryo_info("round %u of %u", round + 1, runs);
		rc = time_template_round(b, err);
	}
	if (rc == 0)
		*out = json_pack("{sI so}", "runs", (json_int_t)runs, "phases",
				 cryo_bench_phases(phase_names, b->ms, PHASES));
	free(b);
	return rc;
}
