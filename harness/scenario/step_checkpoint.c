/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint: {pod: NAME, container: NAME, encrypt: true, encryptionSecret: NAME}, as: cp */
#include "base/clock.h"
#include "scenario/podlog.h"
#include "scenario/run.h"
#include "sys/intr.h"

#include <inttypes.h>
#include <stdlib.h>

/* How long the log is watched after the call for a sign of the source's life. */
#define AFTER_MS 2000

struct checkpoint_args {
	char *pod, *container, *secret;
	bool encrypt;
};

static const struct cryo_field fields[] = {
	{ "pod", CRYO_FIELD_STR, offsetof(struct checkpoint_args, pod), true },
	{ "container", CRYO_FIELD_STR, offsetof(struct checkpoint_args, container), false },
	{ "encrypt", CRYO_FIELD_BOOL, offsetof(struct checkpoint_args, encrypt), false },
	{ "encryptionSecret", CRYO_FIELD_STR, offsetof(struct checkpoint_args, secret), false },
	{ NULL, 0, 0, false },
};

static const char *const results[] = { "archive", "node", "pod", "container", NULL };

static void title(const void *args, struct cryo_str *out)
{
	const struct checkpoint_args *a = args;

	cryo_str_addf(out, "checkpoint %s", a->pod);
	if (a->container)
		cryo_str_addf(out, "/%s", a->container);
	if (a->encrypt)
		cryo_str_addf(out, " encrypted for %s", a->secret);
}

/* One without the other would leave it open what was meant. */
static int lint(const struct cryo_scenario *s, const struct cryo_step *step, const void *args,
		struct cryo_err *err)
{
	const struct checkpoint_args *a = args;

	(void)s;
	if (a->encrypt && !a->secret)
		return cryo_node_err(
		    step->args, err,
		    "'encrypt' needs 'encryptionSecret', the Secret to encrypt for");
	if (a->secret && !a->encrypt)
		return cryo_node_err(step->args, err, "'encryptionSecret' without 'encrypt: true'");
	return 0;
}

static bool counted_since(const char *line, int64_t ns, void *arg)
{
	struct cryo_count c;

	return ns > *(int64_t *)arg && cryo_count_parse(line, &c) == CRYO_LOGLINE_COUNT;
}

/*
 * The log on either side of the call is evidence for the continuity step, no
 * part of the checkpoint: a pod without a readable log is still checkpointed.
 */
static char *log_now(struct cryo_run *run, const struct checkpoint_args *a, int64_t *since_ns)
{
	struct cryo_podlog p = {
		run->ns, a->pod, a->container, cryo_run_left(run), NULL, since_ns
	};
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct cryo_str log = { 0 };

	if (since_ns) {
		p.enough = counted_since;
		p.timeout_ms = p.timeout_ms < AFTER_MS ? p.timeout_ms : AFTER_MS;
	}
	cryo_podlog_read(run->kube, &p, &log, &ignored);
	return cryo_str_detach(&log);
}

static void publish(struct cryo_run *run, const char *as, const struct cryo_checkpoint *cp)
{
	const char *const value[] = { cp->copy, cp->node, cp->pod, cp->container };

	cryo_vars_set(&run->vars, as, as);
	for (size_t i = 0; results[i]; i++) {
		cryo_auto(cryo_free) char *name = cryo_asprintf("%s.%s", as, results[i]);

		cryo_vars_set(&run->vars, name, value[i] ? value[i] : "");
	}
}

static void record(struct cryo_run *run, const struct cryo_checkpoint *cp, struct cryo_str *said)
{
	cryo_auto(cryo_free) char *time = cryo_duration_show(cp->ms);
	cryo_auto(cryo_free) char *size = cryo_size_show(cp->bytes);
	struct cryo_scenario_result *r = run->result;

	cryo_str_addf(said, "%s in %s%s", size, time, cp->sealed ? ", encrypted" : "");
	free(r->node);
	free(r->archive);
	r->node = cryo_strdup(cp->node);
	r->archive = cryo_strdup(cp->archive);
	r->archive_bytes = cp->bytes;
	r->checkpoint_ms = cp->ms;
}

static int run_checkpoint(struct cryo_run *run, const struct cryo_step *step, const void *args,
			  struct cryo_str *said, struct cryo_err *err)
{
	const struct checkpoint_args *a = args;
	struct cryo_run_checkpoint *c = cryo_alloc(sizeof(*c));
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/%zu.tar", run->tmp, run->cps);
	struct cryo_checkpoint_opts opts = {
		.ns = run->ns,
		.pod = a->pod,
		.container = a->container,
		.to = to,
		.encryption_secret = a->secret,
	};
	int rc;

	run->cp = cryo_realloc(run->cp, run->cps + 1, sizeof(struct cryo_run_checkpoint *));
	run->cp[run->cps++] = c;
	c->before = log_now(run, a, NULL);
	opts.timeout_ms = cryo_run_left(run);
	rc = cryo_checkpoint_run(run->target, &opts, &c->cp, err);
	if (rc < 0)
		return rc;
	c->after = log_now(run, a, &c->cp.ended_ns);
	c->name = cryo_strdup(step->as);
	if (step->as)
		publish(run, step->as, &c->cp);
	record(run, &c->cp, said);
	return cryo_intr_check(err);
}

const struct cryo_step_kind cryo_step_checkpoint = {
	.name = "checkpoint",
	.size = sizeof(struct checkpoint_args),
	.fields = fields,
	.results = results,
	.timeout_ms = 120 * 1000,
	.title = title,
	.lint = lint,
	.run = run_checkpoint,
};
