/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/runner.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "scenario/run.h"

#include <stdlib.h>
#include <string.h>

#define EXIT_ALL_SKIPPED 77

static void result_release(struct cryo_scenario_result *r)
{
	free(r->name);
	free(r->kept);
	free(r->node);
	free(r->archive);
}

void cryo_scenario_totals_release(struct cryo_scenario_totals *t)
{
	for (size_t i = 0; i < t->n; i++)
		result_release(&t->result[i]);
	free(t->result);
	*t = (struct cryo_scenario_totals){ 0 };
}

/* The need's name is that of a capability; null and false mean that it is not there. */
static bool has_capability(const json_t *status, const char *need)
{
	const json_t *c = json_object_get(json_object_get(status, "capabilities"), need);

	return json_is_string(c) || json_is_true(c);
}

static const char *missing_need(const struct cryo_scenario *s, const json_t *status)
{
	for (size_t i = 0; i < s->needs.n; i++)
		if (!has_capability(status, s->needs.v[i]))
			return s->needs.v[i];
	return NULL;
}

struct session {
	struct cryo_target *target;
	struct cryo_kube *kube;
	const json_t *status;
	const struct cryo_scenario_opts *opts;
};

/* 1: skipped. */
static int run_or_skip(const struct session *e, const struct cryo_scenario *s,
		       struct cryo_scenario_result *r)
{
	const char *need = missing_need(s, e->status), *why;

	if (!need)
		return cryo_run_scenario(e->target, e->kube, s, e->opts->keep, r);
	why = json_string_value(json_object_get(
	    json_object_get(json_object_get(e->status, "capabilities"), "reasons"), need));
	cryo_err_set(&r->err, CRYO_OK, "this cluster cannot do '%s'%s%s", need, why ? ": " : "",
		     why ? why : "");
	return 1;
}

static int run_one(const struct session *e, const struct cryo_scenario *s,
		   struct cryo_scenario_totals *out)
{
	struct cryo_scenario_result *r = &out->result[out->n++];
	int64_t start = cryo_now_ms();
	int rc;

	*r = (struct cryo_scenario_result){ .checkpoint_ms = -1, .restore_ms = -1 };
	r->name = cryo_strdup(s->title);
	cryo_step_begin("%s", s->title);
	rc = run_or_skip(e, s, r);
	r->ms = cryo_now_ms() - start;
	r->outcome = rc < 0 ? CRYO_FAILED : rc > 0 ? CRYO_SKIPPED : CRYO_PASSED;
	if (rc < 0)
		cryo_step_fail("%s", r->err.msg);
	else if (rc > 0)
		cryo_step_skip("%s", r->err.msg);
	else
		cryo_step_ok("");
	out->failed += rc < 0;
	out->skipped += rc > 0;
	out->passed += rc == 0;
	return rc;
}

static int run_all(struct cryo_target *t, const struct cryo_scenario *s, size_t n,
		   const struct cryo_scenario_opts *opts, struct cryo_scenario_totals *out,
		   struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *kube = NULL;
	cryo_auto(cryo_json_decref) json_t *status = NULL;
	struct session e = { .target = t, .opts = opts };
	int rc = t->ops->kube(t, &kube, err);

	if (rc == 0)
		rc = t->ops->status(t, &status, err);
	if (rc < 0)
		return rc;
	e.kube = kube;
	e.status = status;
	out->result = cryo_alloc(n * sizeof(*out->result));
	for (size_t i = 0; i < n; i++) {
		if (run_one(&e, &s[i], out) != -CRYO_E_INTERRUPTED)
			continue;
		*err = out->result[out->n - 1].err;
		return -CRYO_E_INTERRUPTED;
	}
	return 0;
}

int cryo_scenario_run_files(struct cryo_target *t, const char *const *files,
			    const struct cryo_scenario_opts *opts, struct cryo_scenario_totals *out,
			    struct cryo_err *err)
{
	cryo_auto(cryo_scenarios_release) struct cryo_scenarios all = { 0 };
	int rc = cryo_scenarios_load(files, &all, err);

	*out = (struct cryo_scenario_totals){ 0 };
	return rc < 0 ? rc : run_all(t, all.v, all.n, opts, out, err);
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
	return cryo_err_set(err, CRYO_E_CONFIG, "%zu of %zu scenario files are wrong", wrong, n);
}
