/* SPDX-License-Identifier: Apache-2.0 */
/* logs: {pod: NAME, container: NAME, tail: 20}: shows them, and the pod's events */
#include "base/event.h"
#include "scenario/run.h"

#include <stdlib.h>
#include <string.h>

struct logs_args {
	char *pod, *container;
	uint64_t tail;
};

static const struct cryo_field fields[] = {
	{ "pod", CRYO_FIELD_STR, offsetof(struct logs_args, pod), true },
	{ "container", CRYO_FIELD_STR, offsetof(struct logs_args, container), false },
	{ "tail", CRYO_FIELD_UINT, offsetof(struct logs_args, tail), false },
	{ NULL, 0, 0, false },
};

static void format_logs_title(const void *args, struct cryo_str *out)
{
	const struct logs_args *a = args;

	cryo_str_addf(out, "logs of %s", a->pod);
}

static int show_log_line(const char *line, void *arg)
{
	(void)arg;
	cryo_info("%s", line);
	return 0;
}

static int run_logs_step(struct cryo_run *run, const struct cryo_step *step, const void *args,
			 struct cryo_str *said, struct cryo_err *err)
{
	const struct logs_args *a = args;
	struct cryo_kube_log_opts opts = {
		.ns = run->ns,
		.pod = a->pod,
		.container = a->container,
		.timestamps = true,
		.tail = a->tail ? (int64_t)a->tail : 20,
		.timeout_ms = cryo_run_left(run),
		.on_line = show_log_line,
	};
	cryo_auto(cryo_free) char *events = cryo_kube_events(run->kube, run->ns, "Pod", a->pod);
	char *save = NULL;

	(void)step;
	(void)said;
	/* Events first: a pod that never started has them, but no log. */
	for (char *l = strtok_r(events, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		cryo_info("%s", l);
	return cryo_kube_logs(run->kube, &opts, err);
}

const struct cryo_step_kind cryo_step_logs = {
	.name = "logs",
	.size = sizeof(struct logs_args),
	.fields = fields,
	.timeout_ms = 15 * 1000,
	.title = format_logs_title,
	.run = run_logs_step,
};
