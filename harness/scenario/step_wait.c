/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait: {pod: NAME, condition: Ready}   (as: ${as.node})
 * wait: {pod: NAME, container: NAME, counter: {atLeast: 5, format: number}}
 * wait: {pod: NAME, gone: true}
 */
#include "conf/json.h"
#include "verify/podlog.h"
#include "scenario/run.h"

#include <inttypes.h>

struct wait_args {
	char *pod, *container, *condition;
	const struct cryo_node *counter;
	bool gone;
};

static const struct cryo_field fields[] = {
	{ "pod", CRYO_FIELD_STR, offsetof(struct wait_args, pod), true },
	{ "container", CRYO_FIELD_STR, offsetof(struct wait_args, container), false },
	{ "condition", CRYO_FIELD_STR, offsetof(struct wait_args, condition), false },
	{ "counter", CRYO_FIELD_NODE, offsetof(struct wait_args, counter), false },
	{ "gone", CRYO_FIELD_BOOL, offsetof(struct wait_args, gone), false },
	{ NULL, 0, 0, false },
};

static const char *const results[] = { "node", NULL };

struct counter_goal {
	uint64_t at_least;
	const struct cryo_node *format_node; /* borrowed */
	struct cryo_count_format *format;
	struct cryo_count last;
	bool seen;
};

static int decode_counter_goal(const struct cryo_node *n, struct counter_goal *out,
			       struct cryo_err *err)
{
	static const struct cryo_field rows[] = {
		{ "atLeast", CRYO_FIELD_UINT, offsetof(struct counter_goal, at_least), true },
		{ "format", CRYO_FIELD_NODE, offsetof(struct counter_goal, format_node), false },
		{ NULL, 0, 0, false },
	};

	int rc;

	*out = (struct counter_goal){ 0 };
	rc = cryo_node_decode(n, rows, out, err);
	if (rc < 0 || !out->format_node)
		return rc;
	if (out->format_node->kind != CRYO_NODE_SCALAR)
		return cryo_node_err(out->format_node, err, "'format' must be a string");
	rc = cryo_count_format_new(out->format_node->text, &out->format, err);
	return rc < 0 ? cryo_node_err(out->format_node, err, "%s", err->msg) : 0;
}

static void counter_goal_releasep(struct counter_goal *goal)
{
	cryo_count_format_free(goal->format);
}

static void format_wait_title(const void *args, struct cryo_str *out)
{
	const struct wait_args *a = args;
	struct cryo_err err = CRYO_ERR_INIT;
	cryo_auto(counter_goal_release) struct counter_goal goal = { 0 };

	if (a->counter && decode_counter_goal(a->counter, &goal, &err) == 0)
		cryo_str_addf(out, "wait until %s%s%s counts to %" PRIu64, a->pod,
			      a->container ? "/" : "", a->container ? a->container : "",
			      goal.at_least);
	else
		cryo_str_addf(out, "wait until %s is %s", a->pod, a->gone ? "gone" : a->condition);
}

static int lint_wait_step(const struct cryo_scenario *s, const struct cryo_step *step,
			  const void *args, struct cryo_err *err)
{
	const struct wait_args *a = args;
	cryo_auto(counter_goal_release) struct counter_goal goal = { 0 };

	(void)s;
	if ((a->condition != NULL) + (a->counter != NULL) + a->gone != 1)
		return cryo_node_err(step->args, err,
				     "'wait' needs one of 'condition', 'counter' and 'gone: true'");
	if (step->as && !a->condition)
		return cryo_node_err(step->args, err, "'as' is for a 'condition'");
	if (!a->counter && a->container)
		return cryo_node_err(step->args, err,
				     "'%s' is of the whole pod, without 'container'",
				     a->gone ? "gone" : "condition");
	return a->counter ? decode_counter_goal(a->counter, &goal, err) : 0;
}

/* The condition; until it holds, what can never heal ends the waiting at once. */
static int check_wait_condition(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *not_running = NULL;
	int rc = cryo_kube_test_condition(object, arg, why, err);
	int running =
	    rc == 0 && object ? cryo_kube_test_pod_running(object, NULL, &not_running, err) : 0;

	return running < 0 ? running : rc;
}

/* It ends, and nothing in it begins anew on the way. */
static int check_object_gone(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	const json_t *status;
	size_t i;

	json_array_foreach(cryo_json_at(object, "status.containerStatuses"), i, status)
		if (cryo_json_int(status, "restartCount", 0) > 0)
			return cryo_err_set(err, CRYO_E_CHECK,
					    "container '%s' was restarted instead of ending",
					    cryo_json_str(status, "name"));
	return cryo_kube_test_gone(object, arg, why, err);
}

static bool has_reached_goal(const char *line, int64_t ns, void *arg)
{
	struct counter_goal *goal = arg;

	(void)ns;
	if (cryo_count_read(goal->format, line, &goal->last) != CRYO_LOGLINE_COUNT)
		return false;
	goal->seen = true;
	return goal->last.count >= goal->at_least;
}

static int wait_for_counter(struct cryo_run *run, const struct wait_args *a, struct cryo_str *said,
			    struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str log = { 0 };
	cryo_auto(counter_goal_release) struct counter_goal goal = { 0 };
	struct cryo_podlog p = { run->ns,	   a->pod, a->container, cryo_run_left(run),
				 has_reached_goal, &goal };
	int rc = decode_counter_goal(a->counter, &goal, err);

	if (rc == 0)
		rc = cryo_podlog_read(run->kube, &p, &log, err);
	if (rc == 1)
		rc = cryo_err_set(err, CRYO_E_CHECK, "its log ended");
	if (rc == -CRYO_E_TIMEOUT)
		rc = cryo_err_set(err, CRYO_E_TIMEOUT, "the time is up");
	if (rc < 0 && goal.seen)
		return cryo_err_wrap(err, rc, "pod '%s' counted to %" PRIu64 " only", a->pod,
				     goal.last.count);
	if (rc < 0)
		return cryo_err_wrap(err, rc, "pod '%s' did not count", a->pod);
	cryo_str_addf(said, "at %" PRIu64, goal.last.count);
	return 0;
}

static int wait_for_condition(struct cryo_run *run, const struct cryo_step *step,
			      const struct wait_args *a, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", run->ns, a->pod };
	cryo_auto(cryo_json_decref) json_t *pod = NULL;
	int rc = cryo_kube_wait(run->kube, &ref, check_wait_condition, a->condition,
				cryo_run_left(run), &pod, err);

	if (rc == 0 && step->as) {
		cryo_auto(cryo_free) char *name = cryo_asprintf("%s.node", step->as);
		const char *node = cryo_json_str(pod, "spec.nodeName");

		cryo_vars_set(&run->vars, name, node ? node : "");
	}
	return rc;
}

static int run_wait_step(struct cryo_run *run, const struct cryo_step *step, const void *args,
			 struct cryo_str *said, struct cryo_err *err)
{
	const struct wait_args *a = args;
	struct cryo_kube_ref ref = { "pods", run->ns, a->pod };

	if (a->counter)
		return wait_for_counter(run, a, said, err);
	if (a->gone)
		return cryo_kube_wait(run->kube, &ref, check_object_gone, NULL, cryo_run_left(run),
				      NULL, err);
	return wait_for_condition(run, step, a, err);
}

const struct cryo_step_kind cryo_step_wait = {
	.name = "wait",
	.size = sizeof(struct wait_args),
	.fields = fields,
	.results = results,
	.timeout_ms = 60 * 1000,
	.title = format_wait_title,
	.lint = lint_wait_step,
	.run = run_wait_step,
};
