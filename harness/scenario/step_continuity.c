/* SPDX-License-Identifier: Apache-2.0 */
/* continuity: {from: SOURCE, to: RESTORED, checkpoint: "${cp}", leftRunning: true, format: number}
 */
#include "criu/archive.h"
#include "scenario/run.h"
#include "verify/restored_log.h"

struct continuity_args {
	char *from, *to, *container, *checkpoint, *format;
	bool left_running;
};

static const struct cryo_field fields[] = {
	{ "from", CRYO_FIELD_STR, offsetof(struct continuity_args, from), true },
	{ "to", CRYO_FIELD_STR, offsetof(struct continuity_args, to), true },
	{ "container", CRYO_FIELD_STR, offsetof(struct continuity_args, container), false },
	{ "checkpoint", CRYO_FIELD_STR, offsetof(struct continuity_args, checkpoint), true },
	{ "format", CRYO_FIELD_STR, offsetof(struct continuity_args, format), false },
	{ "leftRunning", CRYO_FIELD_BOOL, offsetof(struct continuity_args, left_running), false },
	{ NULL, 0, 0, false },
};

static void format_continuity_title(const void *args, struct cryo_str *out)
{
	const struct continuity_args *a = args;

	cryo_str_addf(out, "continuity of %s in %s", a->from, a->to);
}

/* NULL for the counter's own. */
static int open_count_format(const struct continuity_args *a, struct cryo_count_format **out,
			     struct cryo_err *err)
{
	*out = NULL;
	return a->format ? cryo_count_format_new(a->format, out, err) : 0;
}

static int lint_continuity_step(const struct cryo_scenario *s, const struct cryo_step *step,
				const void *args, struct cryo_err *err)
{
	const struct continuity_args *a = args;
	cryo_auto(cryo_count_format_free) struct cryo_count_format *f = NULL;
	int rc;

	(void)s;
	rc = open_count_format(a, &f, err);
	if (rc < 0)
		return cryo_node_err(step->args, err, "%s", err->msg);
	return cryo_step_check_checkpoint(step, a->checkpoint, err);
}

struct last_count {
	const struct cryo_count_format *format;
	uint64_t count;
};

static bool has_counted_beyond(const char *line, int64_t ns, void *arg)
{
	const struct last_count *last = arg;
	struct cryo_count c;

	(void)ns;
	return cryo_count_read(last->format, line, &c) == CRYO_LOGLINE_COUNT &&
	       c.count > last->count;
}

static int read_continuity_logs(struct cryo_run *run, const struct continuity_args *a,
				const struct cryo_count_format *format, const char *copied,
				struct cryo_str *restored, struct cryo_str *source,
				struct cryo_err *err)
{
	cryo_auto(cryo_counterlog_release) struct cryo_counterlog copy = { 0 };
	struct cryo_podlog p = { .ns = run->ns,
				 .pod = a->to,
				 .container = a->container,
				 .timeout_ms = cryo_run_left(run) };
	struct last_count last = { .format = format };
	int rc = cryo_restored_log_read(run->kube, &p, format, copied, restored, err);

	if (rc < 0 || !a->left_running)
		return rc;
	cryo_counterlog_parse(CRYO_LOG_CRI, format, copied, &copy);
	if (cryo_counterlog_last(&copy))
		last.count = cryo_counterlog_last(&copy)->count;
	p = (struct cryo_podlog){
		run->ns, a->from, a->container, cryo_run_left(run), has_counted_beyond, &last
	};
	rc = cryo_podlog_read(run->kube, &p, source, err);
	/* Too few lines are a finding for the judge. */
	return rc == -CRYO_E_TIMEOUT || rc == 1 ? 0 : rc;
}

static int run_continuity_step(struct cryo_run *run, const struct cryo_step *step, const void *args,
			       struct cryo_str *said, struct cryo_err *err)
{
	const struct continuity_args *a = args;
	const struct cryo_run_checkpoint *c =
	    cryo_run_checkpoint_in(run, a->checkpoint, a->container);
	cryo_auto(cryo_archive_release) struct cryo_archive archive = { 0 };
	cryo_auto(cryo_count_format_free) struct cryo_count_format *format = NULL;
	cryo_auto(cryo_str_release) struct cryo_str restored = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str source = { 0 };
	struct cryo_continuity_logs logs;
	struct cryo_continuity *verdict = &run->result->continuity;
	int rc;

	if (!c)
		return cryo_node_err(step->node, err, "checkpoint '%s' is not of container '%s'",
				     a->checkpoint, a->container ? a->container : "");
	if (!cryo_streq(c->cp.pod, a->from))
		return cryo_node_err(step->node, err, "checkpoint '%s' is of pod '%s', not of '%s'",
				     a->checkpoint, c->cp.pod, a->from);
	rc = open_count_format(a, &format, err);
	if (rc == 0)
		rc = cryo_archive_load(c->cp.copy, &archive, err);
	if (rc == 0)
		rc = read_continuity_logs(run, a, format, archive.log, &restored, &source, err);
	if (rc < 0)
		return rc;
	logs = (struct cryo_continuity_logs){
		.before = c->before,
		.copy = archive.log,
		.restored = cryo_str_get(&restored),
		.source = a->left_running ? cryo_str_get(&source) : c->after,
		.left_running = a->left_running,
		.source_ended = c->cp.ended.ended,
		.format = format,
	};
	cryo_continuity_judge(&logs, verdict);
	run->result->judged = true;
	if (verdict->reason != CRYO_CONTINUITY_OK)
		return cryo_err_set(err, CRYO_E_CHECK, "%s: %s",
				    cryo_continuity_reason_name(verdict->reason), verdict->text);
	cryo_str_add(said, verdict->text);
	return 0;
}

const struct cryo_step_kind cryo_step_continuity = {
	.name = "continuity",
	.size = sizeof(struct continuity_args),
	.fields = fields,
	.timeout_ms = 30 * 1000,
	.title = format_continuity_title,
	.lint = lint_continuity_step,
	.run = run_continuity_step,
};
