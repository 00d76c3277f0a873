/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/internal.h"

#include "conf/json.h"

#include <string.h>

int cryo_kube_test_exists(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	(void)arg, (void)err;
	if (!object)
		*why = cryo_strdup("it does not exist");
	return object != NULL;
}

int cryo_kube_test_gone(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	(void)arg, (void)err;
	if (object)
		*why = cryo_strdup(cryo_json_str(object, "metadata.deletionTimestamp")
				       ? "it is being deleted"
				       : "it still exists");
	return object == NULL;
}

/* "ImagePullBackOff: Back-off pulling image …"; either may be missing. */
static void add_state_reason(struct cryo_str *s, const json_t *state)
{
	const char *reason = cryo_json_str(state, "reason");
	const char *message = cryo_json_str(state, "message");
	cryo_auto(cryo_free) char *line = cryo_kube_first_line(message ? message : "");

	if (reason)
		cryo_str_addf(s, ": %s", reason);
	if (*line)
		cryo_str_addf(s, ": %s", line);
}

int cryo_kube_test_condition(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	const json_t *cond = cryo_json_find(cryo_json_at(object, "status.conditions"), "type", arg);
	const char *status = cryo_json_str(cond, "status");
	struct cryo_str s = { 0 };

	if (!object)
		return cryo_kube_test_exists(object, arg, why, err);
	if (cryo_streq(status, "True"))
		return 1;
	if (cond)
		cryo_str_addf(&s, "condition %s is %s", (const char *)arg, status ? status : "?");
	else
		cryo_str_addf(&s, "it has no condition %s yet", (const char *)arg);
	add_state_reason(&s, cond);
	*why = cryo_str_detach(&s);
	return 0;
}

/* Reasons a container does not get out of by waiting. */
static bool is_hopeless_state(const json_t *state)
{
	static const char *const reason[] = {
		"ErrImageNeverPull",	"InvalidImageName",  "CreateContainerConfigError",
		"CreateContainerError", "RunContainerError", "StartError",
		"ContainerCannotRun",
	};

	for (size_t i = 0; i < CRYO_ARRAY_LEN(reason); i++)
		if (cryo_streq(cryo_json_str(state, "reason"), reason[i]))
			return true;
	return false;
}

/* 1 running, 0 not yet, -1 never; what is wrong is appended to `s`. */
static int judge_container(const json_t *status, struct cryo_str *s)
{
	static const char *const at[] = { "state.waiting", "state.terminated",
					  "lastState.terminated" };
	const char *name = cryo_json_str(status, "name");
	int verdict = 0;

	if (cryo_json_at(status, "state.running"))
		return 1;
	cryo_str_addf(s, "%scontainer '%s'", s->len ? "; " : "", name ? name : "?");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(at); i++) {
		const json_t *state = cryo_json_at(status, at[i]);

		add_state_reason(s, state);
		if (is_hopeless_state(state))
			verdict = -1;
	}
	return verdict;
}

/* As judge_container for all of a list; *n counts those that run. */
static int judge_containers(const json_t *statuses, size_t *n, struct cryo_str *s)
{
	const json_t *status;
	int verdict = 0;
	size_t i;

	json_array_foreach(statuses, i, status) {
		int one = judge_container(status, s);

		*n += one > 0;
		if (one < 0)
			verdict = -1;
	}
	return verdict;
}

/* Init containers that are through do not hold anything up. */
static int judge_init_containers(const json_t *statuses, struct cryo_str *s)
{
	const json_t *status;
	size_t i;

	json_array_foreach(statuses, i, status) {
		if (cryo_json_int(status, "state.terminated.exitCode", -1) == 0)
			continue;
		if (judge_container(status, s) < 0)
			return -1;
	}
	return 0;
}

static void add_scheduling_reason(const json_t *pod, struct cryo_str *s)
{
	const json_t *cond =
	    cryo_json_find(cryo_json_at(pod, "status.conditions"), "type", "PodScheduled");

	if (!cryo_streq(cryo_json_str(cond, "status"), "False"))
		return;
	cryo_str_add(s, "not scheduled");
	add_state_reason(s, cond);
}

static int report_hopeless_pod(const json_t *pod, const char *text, struct cryo_err *err)
{
	const char *name = cryo_json_str(pod, "metadata.name");

	return cryo_err_set(err, CRYO_E_CHECK, "pod '%s' cannot run: %s", name ? name : "?", text);
}

int cryo_kube_test_pod_running(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	const char *phase = cryo_json_str(object, "status.phase");
	size_t want = json_array_size(cryo_json_at(object, "spec.containers")), have = 0;
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };
	int verdict;

	if (!object)
		return cryo_kube_test_exists(object, arg, why, err);
	if (cryo_json_str(object, "metadata.deletionTimestamp")) {
		*why = cryo_strdup("it is being deleted");
		return 0;
	}
	add_scheduling_reason(object, &s);
	verdict = judge_init_containers(cryo_json_at(object, "status.initContainerStatuses"), &s);
	if (verdict == 0)
		verdict =
		    judge_containers(cryo_json_at(object, "status.containerStatuses"), &have, &s);
	if (cryo_streq(phase, "Failed") || cryo_streq(phase, "Succeeded")) {
		cryo_auto(cryo_str_release) struct cryo_str end = { 0 };

		cryo_str_addf(&end, "it has ended, phase %s", phase);
		add_state_reason(&end, cryo_json_at(object, "status"));
		cryo_str_addf(&end, "%s%s", s.len ? "; " : "", cryo_str_get(&s));
		return report_hopeless_pod(object, end.p, err);
	}
	if (verdict < 0)
		return report_hopeless_pod(object, s.p, err);
	if (cryo_streq(phase, "Running") && have == want)
		return 1;
	*why = s.len ? cryo_str_detach(&s) : cryo_asprintf("phase %s", phase ? phase : "unknown");
	return 0;
}
