/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/kind.h"
#include "bench/bench.h"

#include "base/clock.h"
#include "base/event.h"
#include "cluster/status.h"
#include "engine/engine.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <stdio.h>
#include <stdlib.h>

#define CREATE_MS  600000
#define READY_WAIT "300s"
#define HAND	   "cryopod-bench-hand" /* what kind calls the one that it makes alone */

enum phase { CREATE, DELETE, UP, DOWN, COLD, TEMPLATE, PHASES };

static const char *const phase_names[PHASES] = {
	[CREATE] = "kind create cluster, until Ready",
	[DELETE] = "kind delete cluster",
	[UP] = "up --target kind, until Ready",
	[DOWN] = "down",
	[COLD] = "local, cold: up to Ready",
	[TEMPLATE] = "local, from a template: up to Ready",
};

struct kind_bench {
	const struct cryo_bench_kind_clusters *c;
	struct cryo_engine engine;
	char *program, *image, *config, *kubeconfig; /* of kind */
	struct cryo_bench_series ms[PHASES];
};

static void kind_bench_free(struct kind_bench *b)
{
	cryo_engine_release(&b->engine);
	free(b->program);
	free(b->image);
	free(b->config);
	free(b->kubeconfig);
	free(b);
}

static int take_status(struct kind_bench *b, struct cryo_err *err)
{
	cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };
	const json_t *built;
	int rc = cryo_cluster_status(b->c->anchor, &s, err);

	if (rc < 0)
		return rc;
	built = cryo_json_find(s.builds, "component", "kind");
	b->program = cryo_asprintf("%s/kind", built ? cryo_json_str(built, "dir") : "");
	b->image = cryo_strdup(s.engine.image);
	b->config = cryo_asprintf("%s/kind.yaml", b->c->anchor->dir);
	b->kubeconfig = cryo_asprintf("%s/alone.kubeconfig", b->c->anchor->dir);
	b->engine.name = cryo_strdup(s.engine.name);
	b->engine.program = s.engine.name ? cryo_fs_which(s.engine.name) : NULL;
	b->engine.socket = cryo_strdup(s.engine.socket);
	if (!b->image || !b->engine.program)
		return cryo_err_set(err, CRYO_E_CHECK, "cluster '%s' does not say what it runs in",
				    b->c->anchor->name);
	return 0;
}

/* Its record keeps image and engine; its node must not disturb. */
static int stop_anchor(struct kind_bench *b, struct cryo_err *err)
{
	const char *const args[] = { "stop", b->c->anchor->node[0].name, NULL };

	return cryo_engine_call(&b->engine, args, 0, NULL, err);
}

static int run_kind(struct kind_bench *b, const char *const *args, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 }, env = { 0 };
	struct cryo_proc p = { .timeout_ms = CREATE_MS };

	cryo_strv_add(&argv, b->program);
	cryo_strv_addv(&argv, args);
	cryo_strv_addl(&argv, "--name", HAND, "--kubeconfig", b->kubeconfig, NULL);
	cryo_engine_env(&b->engine, &env);
	p.argv = cryo_strv_get(&argv);
	p.env = cryo_strv_get(&env);
	return cryo_proc_run(&p, NULL, err);
}

static int time_kind_alone(struct kind_bench *b, struct cryo_err *err)
{
	const char *const create[] = { "create",  "cluster", "--image",	 b->image, "--config",
				       b->config, "--wait",  READY_WAIT, NULL };
	static const char *const delete[] = { "delete", "cluster", NULL };
	struct cryo_err later = CRYO_ERR_INIT;
	int64_t begin = cryo_now_ms();
	int rc = run_kind(b, create, err), gone;

	cryo_bench_add(&b->ms[CREATE], (double)(cryo_now_ms() - begin));
	begin = cryo_now_ms();
	cryo_intr_hold();
	gone = run_kind(b, delete, rc == 0 ? err : &later);
	cryo_intr_release();
	cryo_bench_add(&b->ms[DELETE], (double)(cryo_now_ms() - begin));
	return rc < 0 ? rc : gone;
}

static int time_bench_cluster(struct kind_bench *b, struct cryo_cluster *t, bool cold,
			      enum phase phase, struct cryo_err *err)
{
	const struct cryo_up_opts opts = { .template.cold = cold };
	int64_t begin = cryo_now_ms();
	int rc = cryo_cluster_up(t, &opts, err);

	cryo_bench_add(&b->ms[phase], (double)(cryo_now_ms() - begin));
	begin = cryo_now_ms();
	rc = cryo_bench_down(t, rc, err);
	if (phase == UP)
		cryo_bench_add(&b->ms[DOWN], (double)(cryo_now_ms() - begin));
	return rc;
}

static int time_kind_round(struct kind_bench *b, struct cryo_err *err)
{
	int rc = time_kind_alone(b, err);

	if (rc == 0)
		rc = time_bench_cluster(b, b->c->kind, false, UP, err);
	if (rc == 0)
		rc = time_bench_cluster(b, b->c->local, true, COLD, err);
	return rc < 0 ? rc : time_bench_cluster(b, b->c->local, false, TEMPLATE, err);
}

/* Programs, node image and template are there before the first round. */
static int prepare_kind_bench(struct kind_bench *b, struct cryo_err *err)
{
	const struct cryo_up_opts opts = CRYO_UP_OPTS_INIT;
	int rc = cryo_cluster_up(b->c->anchor, &opts, err);

	if (rc == 0)
		rc = take_status(b, err);
	if (rc == 0)
		rc = stop_anchor(b, err);
	return rc < 0 ? rc
		      : cryo_bench_down(b->c->local, cryo_cluster_up(b->c->local, &opts, err), err);
}

/* What one takes for each second of the other. */
static json_t *describe_factor(const struct kind_bench *b, const char *what, enum phase of,
			       enum phase to)
{
	struct cryo_bench_series ratio = { 0 };

	cryo_bench_ratios(&b->ms[to], &b->ms[of], &ratio);
	return json_pack("{ss so}", "what", what, "ratio", cryo_bench_summary(&ratio));
}

static json_t *describe_kind_bench(const struct kind_bench *b, unsigned runs)
{
	json_t *factors = json_array();

	json_array_append_new(
	    factors, describe_factor(b, "up --target kind / kind create cluster", UP, CREATE));
	json_array_append_new(
	    factors, describe_factor(b, "local, cold / kind create cluster", COLD, CREATE));
	json_array_append_new(
	    factors, describe_factor(b, "local, template / kind create cluster", TEMPLATE, CREATE));
	return json_pack("{sI so so}", "runs", (json_int_t)runs, "phases",
			 cryo_bench_phases(phase_names, b->ms, PHASES), "factors", factors);
}

void cryo_bench_kind_print(const json_t *result)
{
	json_t *row;
	size_t i;

	cryo_bench_phases_print(result);
	printf("\n%-40s %9s   %s\n", "factor", "median", "range");
	json_array_foreach(json_object_get(result, "factors"), i, row) {
		const json_t *r = json_object_get(row, "ratio");

		printf("%-40s %9.2f   %.2f … %.2f\n", cryo_json_str(row, "what"),
		       json_number_value(json_object_get(r, "median")),
		       json_number_value(json_object_get(r, "min")),
		       json_number_value(json_object_get(r, "max")));
	}
}

int cryo_bench_kind(const struct cryo_bench_kind_clusters *c, unsigned runs, json_t **out,
		    struct cryo_err *err)
{
	struct kind_bench *b = cryo_alloc(sizeof(*b));
	int rc;

	b->c = c;
	rc = prepare_kind_bench(b, err);
	for (unsigned round = 0; rc == 0 && round < runs; round++) {
		cryo_info("round %u of %u", round + 1, runs);
		rc = time_kind_round(b, err);
	}
	if (rc == 0)
		*out = describe_kind_bench(b, runs);
	kind_bench_free(b);
	return cryo_bench_down(c->anchor, rc, err);
}
