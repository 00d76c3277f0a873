/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint-pod: {pod: NAME, encryptionSecret: NAME}, as: cp */
#include "base/clock.h"
#include "checkpoint/pod_checkpoint.h"
#include "conf/json.h"
#include "verify/podlog.h"
#include "scenario/run.h"
#include "sys/intr.h"

#include <stdlib.h>
#include <string.h>

/* How long a log is watched after the call for a sign of the source's life. */
#define AFTER_MS 5000

struct checkpoint_pod_args {
	char *pod, *secret;
};

static const struct cryo_field fields[] = {
	{ "pod", CRYO_FIELD_STR, offsetof(struct checkpoint_pod_args, pod), true },
	{ "encryptionSecret", CRYO_FIELD_STR, offsetof(struct checkpoint_pod_args, secret), false },
	{ NULL, 0, 0, false },
};

/* The archive is a directory here. */
static const char *const results[] = { "archive", "node", "pod", NULL };

static void format_checkpoint_pod_title(const void *args, struct cryo_str *out)
{
	const struct checkpoint_pod_args *a = args;

	cryo_str_addf(out, "checkpoint all containers of %s", a->pod);
	if (a->secret)
		cryo_str_addf(out, " encrypted for %s", a->secret);
}

static bool has_counted_after(const char *line, int64_t ns, void *arg)
{
	struct cryo_count c;

	return ns > *(int64_t *)arg && cryo_count_parse(line, &c) == CRYO_LOGLINE_COUNT;
}

/* `since_ns` NULL: what is there. A log that cannot be read is the judge's to find. */
static char *read_container_log(struct cryo_run *run, const char *pod, const char *container,
				int64_t *since_ns)
{
	struct cryo_podlog p = { run->ns, pod, container, cryo_run_left(run), NULL, since_ns };
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct cryo_str log = { 0 };

	if (since_ns) {
		p.enough = has_counted_after;
		p.timeout_ms = p.timeout_ms < AFTER_MS ? p.timeout_ms : AFTER_MS;
	}
	cryo_podlog_read(run->kube, &p, &log, &ignored);
	return cryo_str_detach(&log);
}

static int list_pod_containers(struct cryo_run *run, const char *pod, struct cryo_strv *names,
			       struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", run->ns, pod };
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	int rc = cryo_kube_get(run->kube, &ref, &j, err);

	if (rc == 0)
		cryo_pod_checkpoint_names(j, names);
	return rc;
}

/* One for each container, all with the step's name; their logs are the judges' evidence. */
static void keep_pod_checkpoint(struct cryo_run *run, const char *as, struct cryo_pod_checkpoint *p,
				const struct cryo_strv *names, const struct cryo_strv *before)
{
	run->cp = cryo_realloc(run->cp, run->cps + p->n, sizeof(struct cryo_run_checkpoint *));
	for (size_t i = 0; i < p->n; i++) {
		struct cryo_run_checkpoint *c = cryo_alloc(sizeof(*c));

		c->cp = p->of[i];
		p->of[i] = (struct cryo_checkpoint){ 0 };
		c->name = cryo_strdup(as);
		for (size_t k = 0; k < names->n; k++)
			if (strcmp(names->v[k], c->cp.container) == 0)
				c->before = cryo_strdup(before->v[k]);
		if (!c->before)
			c->before = cryo_strdup("");
		c->after = read_container_log(run, c->cp.pod, c->cp.container, &c->cp.ended_ns);
		run->cp[run->cps++] = c;
	}
}

static void publish_pod_vars(struct cryo_run *run, const char *as,
			     const struct cryo_pod_checkpoint *p)
{
	const char *const value[] = { p->copy, p->of[0].node, p->of[0].pod };

	cryo_vars_set(&run->vars, as, as);
	for (size_t i = 0; results[i]; i++) {
		cryo_auto(cryo_free) char *name = cryo_asprintf("%s.%s", as, results[i]);

		cryo_vars_set(&run->vars, name, value[i]);
	}
}

static void record_pod_checkpoint(struct cryo_run *run, const struct cryo_pod_checkpoint *p,
				  struct cryo_str *said)
{
	cryo_auto(cryo_free) char *time = cryo_duration_show(p->ms);
	struct cryo_scenario_result *r = run->result;

	cryo_str_addf(said, "%zu containers in %s%s, %s", p->n, time,
		      p->of[0].sealed ? ", encrypted" : "",
		      p->together ? "at one moment" : "one after another");
	free(r->node);
	free(r->archive);
	r->node = cryo_strdup(p->of[0].node);
	r->archive = cryo_strdup(p->copy);
	r->archive_bytes = 0;
	for (size_t i = 0; i < p->n; i++)
		r->archive_bytes += p->of[i].bytes;
	r->checkpoint_ms = p->ms;
}

static int run_checkpoint_pod_step(struct cryo_run *run, const struct cryo_step *step,
				   const void *args, struct cryo_str *said, struct cryo_err *err)
{
	const struct checkpoint_pod_args *a = args;
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/pod-%zu", run->tmp, run->cps);
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 }, before = { 0 };
	cryo_auto(cryo_pod_checkpoint_release) struct cryo_pod_checkpoint p = { 0 };
	const struct cryo_checkpoint_opts opts = { .ns = run->ns,
						   .pod = a->pod,
						   .to = to,
						   .limit_ms = cryo_run_left(run),
						   .encryption_secret = a->secret };
	int rc = list_pod_containers(run, a->pod, &names, err);

	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		cryo_auto(cryo_free) char *log = read_container_log(run, a->pod, names.v[i], NULL);

		cryo_strv_add(&before, log ? log : "");
	}
	if (rc == 0)
		rc = cryo_pod_checkpoint_run(run->target, &opts, &p, err);
	if (rc < 0)
		return rc;
	record_pod_checkpoint(run, &p, said);
	if (step->as)
		publish_pod_vars(run, step->as, &p);
	keep_pod_checkpoint(run, step->as, &p, &names, &before);
	return cryo_intr_check(err);
}

const struct cryo_step_kind cryo_step_checkpoint_pod = {
	.name = "checkpoint-pod",
	.size = sizeof(struct checkpoint_pod_args),
	.fields = fields,
	.results = results,
	.timeout_ms = 120 * 1000,
	.needs = "node-access",
	.title = format_checkpoint_pod_title,
	.run = run_checkpoint_pod_step,
};
