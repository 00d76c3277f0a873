/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/runner.h"

#include "base/clock.h"
#include "base/event.h"
#include "cluster/status.h"
#include "conf/json.h"
#include "scenario/run.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <stdlib.h>
#include <string.h>

#define EXIT_ALL_SKIPPED 77

void cryo_scenario_result_init(struct cryo_scenario_result *r, const struct cryo_scenario *s)
{
	*r = (struct cryo_scenario_result){
		.name = cryo_strdup(s->title), .up_ms = -1, .checkpoint_ms = -1, .restore_ms = -1
	};
}

void cryo_scenario_result_release(struct cryo_scenario_result *r)
{
	free(r->name);
	free(r->kept);
	free(r->cluster);
	free(r->node);
	free(r->archive);
	*r = (struct cryo_scenario_result){ 0 };
}

void cryo_scenario_totals_release(struct cryo_scenario_totals *t)
{
	for (size_t i = 0; i < t->n; i++)
		cryo_scenario_result_release(&t->result[i]);
	free(t->result);
	*t = (struct cryo_scenario_totals){ 0 };
}

/* The need's name is that of a capability. */
static bool has_capability(const struct cryo_cluster_status *s, const char *need)
{
	const struct cryo_ability *a = cryo_status_ability(s, need);

	return a && a->there;
}

static const char *find_missing_need(const struct cryo_scenario *s,
				     const struct cryo_cluster_status *status)
{
	for (size_t i = 0; i < s->needs.n; i++)
		if (!has_capability(status, s->needs.v[i]))
			return s->needs.v[i];
	for (size_t i = 0; i < s->steps.n; i++) {
		const char *need = s->steps.v[i].kind->needs;

		if (need && !has_capability(status, need))
			return need;
	}
	return NULL;
}

struct session {
	struct cryo_cluster *target;
	struct cryo_kube *kube;
	const struct cryo_cluster_status *status;
	const struct cryo_scenario_opts *opts;
	const char *tmp; /* NULL: as always */
};

/* 1: skipped. */
static int run_or_skip_scenario(const struct session *e, const struct cryo_scenario *s,
				struct cryo_scenario_result *r)
{
	const char *need = find_missing_need(s, e->status), *why;
	const struct cryo_ability *a;

	if (!need)
		return cryo_run_scenario(e->target, e->kube, s, e->tmp, e->opts->keep, r);
	/* What was asked of the node while Ctrl-C was pressed got no answer: that says nothing of
	 * it. */
	if (cryo_intr_check(&r->err) < 0)
		return -(int)CRYO_E_INTERRUPTED;
	a = cryo_status_ability(e->status, need);
	why = a ? a->why_not : NULL;
	cryo_err_set(&r->err, CRYO_OK, "this cluster cannot do '%s'%s%s", need, why ? ": " : "",
		     why ? why : "");
	return 1;
}

static void finish_scenario(struct cryo_scenario_result *r, int rc, int64_t start)
{
	r->ms = cryo_now_ms() - start;
	r->outcome = rc < 0 ? CRYO_FAILED : rc > 0 ? CRYO_SKIPPED : CRYO_PASSED;
	if (rc < 0)
		cryo_step_fail("%s", r->err.msg);
	else if (rc > 0)
		cryo_step_skip("%s", r->err.msg);
	else
		cryo_step_ok("");
}

static int run_shared_scenario(const struct session *e, const struct cryo_scenario *s,
			       struct cryo_scenario_totals *out)
{
	struct cryo_scenario_result *r = &out->result[out->n++];
	int64_t start = cryo_now_ms();
	int rc;

	cryo_scenario_result_init(r, s);
	cryo_step_begin("%s", s->title);
	rc = run_or_skip_scenario(e, s, r);
	finish_scenario(r, rc, start);
	cryo_scenario_count(out);
	return rc;
}

static int start_fresh_cluster(struct cryo_cluster *t, struct cryo_scenario_result *r)
{
	const struct cryo_up_opts up = CRYO_UP_OPTS_INIT;
	int64_t start = cryo_now_ms();
	int rc;

	cryo_step_begin("cluster %s", t->name);
	rc = cryo_cluster_up(t, &up, &r->err);
	if (rc < 0) {
		cryo_step_fail("%s", r->err.msg);
		return cryo_err_wrap(&r->err, rc, "cluster '%s'", t->name);
	}
	r->up_ms = cryo_now_ms() - start;
	cryo_step_ok("");
	return 0;
}

/* Left running for people to look at; the mark tells later runs that this is no remains. */
static bool keep_fresh_cluster(struct cryo_cluster *t, struct cryo_scenario_result *r)
{
	cryo_auto(cryo_free) char *mark = cryo_asprintf("%s/" CRYO_SCENARIO_KEPT, t->dir);
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_fs_write(mark, r->name, strlen(r->name), 0600, &err) < 0) {
		cryo_warn("cluster '%s' is not kept: %s", t->name, err.msg);
		return false;
	}
	r->cluster = cryo_strdup(t->name);
	cryo_info("cluster '%s' is still running", t->name);
	return true;
}

/* Also after an interrupt. A cluster that does not go away is a failure of what passed in it. */
static int end_fresh_cluster(struct cryo_cluster *t, int rc, struct cryo_scenario_result *r)
{
	struct cryo_err err = CRYO_ERR_INIT;
	int down;

	cryo_intr_hold();
	down = cryo_cluster_down(t, &err);
	cryo_intr_release();
	if (down == 0 || rc < 0)
		return rc;
	r->err = err;
	return down;
}

static int look_at_cluster(struct cryo_cluster *t, struct cryo_kube **kube,
			   struct cryo_cluster_status *status, struct cryo_err *err)
{
	int rc = cryo_cluster_kube(t, kube, err);

	if (rc == 0)
		rc = cryo_cluster_status(t, status, err);
	if (rc < 0)
		return rc;
	cryo_cluster_probe(t, status);
	return 0;
}

static int run_in_fresh_cluster(struct session *e, const struct cryo_scenario *s,
				struct cryo_scenario_result *r)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *kube = NULL;
	cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status status = { 0 };
	int rc = look_at_cluster(e->target, &kube, &status, &r->err);

	e->kube = kube;
	e->status = &status;
	/* Archives lie with the cluster and go with it, also if we are killed. */
	if (!e->opts->keep || e->opts->keep_cluster)
		e->tmp = e->target->dir;
	return rc < 0 ? rc : run_or_skip_scenario(e, s, r);
}

void cryo_scenario_run_alone(struct cryo_cluster *t, const struct cryo_scenario *s,
			     const struct cryo_scenario_opts *opts,
			     struct cryo_scenario_result *out)
{
	struct session e = { .target = t, .opts = opts };
	int64_t start = cryo_now_ms();
	bool kept = false;
	int rc;

	cryo_scenario_result_init(out, s);
	cryo_step_begin("%s", s->title);
	rc = start_fresh_cluster(t, out);
	if (rc == 0) {
		rc = run_in_fresh_cluster(&e, s, out);
		if (rc < 0 && rc != -CRYO_E_INTERRUPTED && opts->keep_cluster)
			kept = keep_fresh_cluster(t, out);
	}
	if (!kept)
		rc = end_fresh_cluster(t, rc, out);
	finish_scenario(out, rc, start);
}

static int run_scenario_list(struct cryo_cluster *t, const struct cryo_scenario *s, size_t n,
			     const struct cryo_scenario_opts *opts,
			     struct cryo_scenario_totals *out, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *kube = NULL;
	cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status status = { 0 };
	struct session e = { .target = t, .opts = opts, .status = &status };
	int rc = look_at_cluster(t, &kube, &status, err);

	if (rc < 0)
		return rc;
	e.kube = kube;
	out->result = cryo_alloc(n * sizeof(*out->result));
	for (size_t i = 0; i < n; i++) {
		if (run_shared_scenario(&e, &s[i], out) != -CRYO_E_INTERRUPTED)
			continue;
		*err = out->result[out->n - 1].err;
		return -CRYO_E_INTERRUPTED;
	}
	return 0;
}

int cryo_scenario_run_files(struct cryo_cluster *t, const char *const *files,
			    const struct cryo_scenario_opts *opts, struct cryo_scenario_totals *out,
			    struct cryo_err *err)
{
	cryo_auto(cryo_scenarios_release) struct cryo_scenarios all = { 0 };
	int rc = cryo_scenarios_load(files, &all, err);

	*out = (struct cryo_scenario_totals){ 0 };
	return rc < 0 ? rc : run_scenario_list(t, all.v, all.n, opts, out, err);
}

void cryo_scenario_count(struct cryo_scenario_totals *t)
{
	t->passed = t->failed = t->skipped = 0;
	for (size_t i = 0; i < t->n; i++) {
		t->passed += t->result[i].outcome == CRYO_PASSED;
		t->failed += t->result[i].outcome == CRYO_FAILED;
		t->skipped += t->result[i].outcome == CRYO_SKIPPED;
	}
}

int cryo_scenario_exit_code(const struct cryo_scenario_totals *t)
{
	bool only_timeouts = true;

	for (size_t i = 0; i < t->n; i++)
		if (t->result[i].outcome == CRYO_FAILED &&
		    t->result[i].err.status != CRYO_E_TIMEOUT)
			only_timeouts = false;
	if (t->failed > 0)
		return only_timeouts ? 5 : 1;
	return t->passed == 0 && t->skipped > 0 ? EXIT_ALL_SKIPPED : 0;
}

int cryo_scenario_lint(const char *const *files, struct cryo_err *err)
{
	size_t wrong = 0, n = 0;

	for (; files[n]; n++) {
		const char *const one[] = { files[n], NULL };
		cryo_auto(cryo_scenarios_release) struct cryo_scenarios rows = { 0 };

		if (cryo_scenarios_load(one, &rows, err) == 0)
			continue;
		cryo_warn("%s", err->msg);
		wrong++;
	}
	if (wrong == 0)
		return 0;
	return cryo_err_set(err, CRYO_E_CONFIG, "%zu of %zu scenario files have errors", wrong, n);
}
