/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/builders.h"

#include "base/clock.h"
#include "base/event.h"
#include "scenario/verdict.h"
#include "scenario/lane.h"
#include "scenario/wire.h"
#include "sys/crew.h"
#include "sys/fs.h"
#include "sys/meminfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GRACE_MS 10000
#define SIGN_MS	 60000

/* A component and the process that makes it. */
struct builder {
	struct cryo_lane lane;
	const struct cryo_built *built;
	unsigned memory_mib;
	struct cryo_strv argv;
	struct cryo_proc proc;
	int64_t every_ms; /* of its signs of life; 0: none are needed */
	int64_t said_ms;  /* when it last said how far it is; 0: not yet */
};

struct site {
	const struct cryo_builders *o;
	const struct cryo_stack *stack;
	struct builder *builder;
	size_t n;
	uint64_t memory_mib; /* that nobody has taken */
};

/*
 * A log gets the lines of a lane when it ends, so that they are not mixed. A build takes long,
 * and CI servers end what is silent for long.
 */
static void emit_sign_of_life(struct builder *b, const struct cryo_event *ev)
{
	int64_t now = cryo_now_ms(), last = b->said_ms ? b->said_ms : b->lane.start;

	if (ev->kind != CRYO_EVENT_NOTE || b->every_ms == 0 || now - last < b->every_ms)
		return;
	b->said_ms = now;
	cryo_info("%s: %s", b->built->component->name, ev->detail);
}

static void builder_on_line(const char *line, int stream, void *arg)
{
	cryo_auto(cryo_wire_release) struct cryo_wire w = { 0 };
	struct cryo_err ignored;
	struct builder *b = arg;

	/* What it says at last on stderr is its verdict. */
	if (stream == 1 && cryo_wire_read(line, &w, &ignored) == 0 && !w.is_result)
		if (cryo_lane_relay(&b->lane, &w.event))
			emit_sign_of_life(b, &w.event);
}

static void make_builder_argv(const struct site *s, struct builder *b)
{
	const struct cryo_builders *o = s->o;

	cryo_strv_addl(&b->argv, o->program ? o->program : "/proc/self/exe", "internal-build",
		       NULL);
	cryo_strv_addf(&b->argv, "--stack=%s", s->stack->file);
	if (o->verbose)
		cryo_strv_add(&b->argv, "--verbose");
	if (o->fetch && o->fetch->offline)
		cryo_strv_add(&b->argv, "--offline");
	for (const char *const *m = o->fetch ? o->fetch->mirrors : NULL; m && *m; m++)
		cryo_strv_addf(&b->argv, "--mirror=%s", *m);
	cryo_strv_addl(&b->argv, "--", b->built->component->name, NULL);
}

/* One that does not fit beside the others waits; alone, anything fits. */
static bool fits_beside_others(void *arg, size_t i)
{
	const struct site *s = arg;

	return s->builder[i].memory_mib <= s->memory_mib;
}

static int start_builder(void *arg, size_t i, struct cryo_child **out, struct cryo_err *err)
{
	struct site *s = arg;
	struct builder *b = &s->builder[i];
	int rc;

	make_builder_argv(s, b);
	b->proc = (struct cryo_proc){ .argv = cryo_strv_get(&b->argv),
				      .grace_ms = cryo_limit_ms(GRACE_MS),
				      .on_line = builder_on_line,
				      .on_line_arg = b,
				      .capture_max = 4096 };
	b->lane.start = cryo_now_ms();
	rc = cryo_child_start(&b->proc, out, err);
	if (rc < 0)
		return rc;
	if (b->memory_mib > s->memory_mib)
		b->memory_mib = (unsigned)s->memory_mib; /* it runs alone */
	s->memory_mib -= b->memory_mib;
	return 0;
}

static int finish_builder(void *arg, size_t i, struct cryo_child *child, struct cryo_err *err)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct site *s = arg;
	struct builder *b = &s->builder[i];
	int rc = cryo_child_finish(child, &res, err);

	rc = cryo_verdict_read(&res, rc, err);
	s->memory_mib += b->memory_mib;
	if (rc < 0) {
		cryo_auto(cryo_free) char *what =
		    cryo_asprintf("build %s", b->built->component->name);

		/* It tells itself, unless it could not any more. */
		cryo_lane_begin(&b->lane, what);
		cryo_lane_fail(&b->lane, err->msg);
		if (!cryo_starts_with(err->msg, what))
			cryo_err_wrap(err, rc, "%s", what);
	}
	return rc;
}

/* Those that are there say so, in this process. */
static int report_done_builds(const struct cryo_build *b, struct cryo_err *err)
{
	cryo_auto(cryo_free) struct cryo_built *item = cryo_alloc(b->n * sizeof(*item));
	struct cryo_build done = { .item = item };

	for (size_t i = 0; i < b->n; i++)
		if (b->item[i].up_to_date)
			item[done.n++] = b->item[i];
	return cryo_build_run(&done, NULL, err);
}

static int64_t choose_sign_interval(void)
{
	return isatty(STDERR_FILENO) ? 0 : SIGN_MS;
}

static int run_missing_builds(const struct cryo_builders *o, const struct cryo_stack *stack,
			      const struct cryo_build *b, struct cryo_err *err)
{
	struct site s = { .o = o,
			  .stack = stack,
			  .memory_mib = o->memory_mib ? o->memory_mib
						      : cryo_memory_available() >> 20 };
	struct cryo_crew crew = { .most = o->jobs,
				  .start = start_builder,
				  .finish = finish_builder,
				  .fits = fits_beside_others,
				  .arg = &s };
	int rc;

	s.builder = cryo_alloc(b->n * sizeof(*s.builder));
	for (size_t i = 0; i < b->n; i++) {
		if (b->item[i].up_to_date)
			continue;
		s.builder[s.n] = (struct builder){ .lane.number = (unsigned)s.n + 1,
						   .built = &b->item[i],
						   .every_ms = o->every_ms ? o->every_ms
									   : choose_sign_interval(),
						   .memory_mib = cryo_build_memory(&b->item[i]) };
		s.n++;
	}
	crew.jobs = s.n;
	rc = cryo_crew_run(&crew, err);
	for (size_t i = 0; i < s.n; i++) {
		cryo_lane_release(&s.builder[i].lane);
		cryo_strv_release(&s.builder[i].argv);
	}
	free(s.builder);
	return rc;
}

static size_t count_missing_builds(const struct cryo_build *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		n += !b->item[i].up_to_date;
	return n;
}

/* What the others made; there is only to look. */
static int replan_finished_build(const struct cryo_stack *stack, const char *const *only,
				 struct cryo_build *b, struct cryo_err *err)
{
	int rc;

	cryo_build_release(b);
	rc = cryo_build_plan(stack, only, b, err);
	if (rc == 0 && count_missing_builds(b) > 0)
		rc = cryo_err_set(err, CRYO_E_PROVISION,
				  "what was just built is gone: is the cache being removed?");
	return rc;
}

int cryo_builders_run(const struct cryo_builders *opts, const struct cryo_stack *stack,
		      const char *const *only, struct cryo_build *b, struct cryo_err *err)
{
	struct cryo_builders o = *opts;
	size_t n = count_missing_builds(b);
	int rc;

	o.jobs = o.jobs ? o.jobs : cryo_processors();
	if (n < 2 || o.jobs < 2)
		return cryo_build_run(b, o.fetch, err);
	rc = report_done_builds(b, err);
	if (rc == 0)
		rc = run_missing_builds(&o, stack, b, err);
	return rc < 0 ? rc : replan_finished_build(stack, only, b, err);
}
