/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/many.h"

#include "scenario/verdict.h"

#include "base/clock.h"
#include "base/event.h"
#include "scenario/wire.h"
#include "sys/crew.h"

#include <stdlib.h>
#include <string.h>

/* One that was asked to end takes back what it began. */
#define GRACE_MS 60000

/* The process of a cluster. */
struct worker {
	struct cryo_strv argv;
	struct cryo_proc proc;
	int64_t begin;
};

struct clusters {
	const struct cryo_many_run *run;
	struct cryo_many *all; /* those that are wanted */
	struct worker *worker; /* of each */
};

struct cryo_many *cryo_many_names(const char *name, unsigned n)
{
	struct cryo_many *all = cryo_alloc(n * sizeof(*all));

	for (unsigned i = 0; i < n; i++) {
		all[i].name = cryo_asprintf("%s-%u", name, i + 1);
		all[i].memory = -1;
	}
	return all;
}

void cryo_many_free(struct cryo_many *all, unsigned n)
{
	for (unsigned i = 0; all && i < n; i++)
		free(all[i].name);
	free(all);
}

/* What it says of itself: warnings are for people, and a cold start is
 * worth a word where nobody asked for one. */
static void worker_on_line(const char *line, int stream, void *arg)
{
	cryo_auto(cryo_wire_release) struct cryo_wire w = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct cryo_many *m = arg;

	if (stream == 2 || cryo_wire_read(line, &w, &ignored) < 0 || w.is_result)
		return;
	if (w.event.kind == CRYO_EVENT_WARN)
		cryo_warn("%s: %s", m->name, w.event.detail);
	if (w.event.kind == CRYO_EVENT_OK && strcmp(w.event.what, CRYO_STEP_COLD) == 0)
		m->cold = true;
}

/* Nothing has to be fetched any more: the first one did, or all was there. */
static void add_up_arguments(struct cryo_strv *argv, const struct cryo_up_opts *up)
{
	cryo_strv_add(argv, "up");
	if (up->stack)
		cryo_strv_addf(argv, "--stack=%s", up->stack);
	if (up->timeout_ms)
		cryo_strv_addf(argv, "--timeout=%lldms", (long long)up->timeout_ms);
	if (up->no_build)
		cryo_strv_add(argv, "--no-build");
	if (up->template.cold)
		cryo_strv_add(argv, "--cold");
	if (up->from)
		cryo_strv_addf(argv, "--from=%s", up->from);
}

static void make_worker_argv(const struct cryo_many_run *run, const char *name,
			     struct cryo_strv *argv)
{
	cryo_strv_addl(argv, run->program ? run->program : "/proc/self/exe", "--name", name, NULL);
	if (run->kind)
		cryo_strv_addl(argv, "--target", run->kind, NULL);
	cryo_strv_add(argv, "internal-cluster");
	if (run->up)
		add_up_arguments(argv, run->up);
	else
		cryo_strv_add(argv, "down");
}

static int start_worker(void *arg, size_t i, struct cryo_child **out, struct cryo_err *err)
{
	struct clusters *c = arg;
	struct worker *w = &c->worker[i];

	make_worker_argv(c->run, c->all[i].name, &w->argv);
	w->begin = cryo_now_ms();
	w->proc = (struct cryo_proc){ .argv = cryo_strv_get(&w->argv),
				      .grace_ms = cryo_limit_ms(GRACE_MS),
				      .on_line = worker_on_line,
				      .on_line_arg = &c->all[i],
				      .capture_max = 4096 };
	return cryo_child_start(&w->proc, out, err);
}

static void report_worker_end(const struct cryo_many_run *run, const struct cryo_many *m)
{
	cryo_auto(cryo_free) char *took = cryo_duration_show(m->ms);

	if (m->rc == 0)
		cryo_info("%s: %s%s", m->name, took,
			  m->cold && !run->up->template.cold ? ", a cold start" : "");
	else
		cryo_warn("%s: %s", m->name, m->err.msg);
}

static void note_cluster_memory(const struct cryo_many_run *run, struct cryo_many *m)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_cluster_open(run->kind, m->name, &t, &ignored) == 0)
		m->memory = cryo_cluster_memory(t);
}

/* What became of one does not matter to the others. */
static int finish_worker(void *arg, size_t i, struct cryo_child *child, struct cryo_err *err)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct clusters *c = arg;
	struct cryo_many *m = &c->all[i];

	(void)err;
	m->rc = cryo_child_finish(child, &res, &m->err);
	m->rc = cryo_verdict_read(&res, m->rc, &m->err);
	m->ms = cryo_now_ms() - c->worker[i].begin;
	if (m->rc == 0 && c->run->up)
		note_cluster_memory(c->run, m);
	report_worker_end(c->run, m);
	return 0;
}

int cryo_many_run_all(const struct cryo_many_run *run, struct cryo_many *all, unsigned from,
		      unsigned n, struct cryo_err *err)
{
	struct clusters c = { .run = run, .all = all + from };
	struct cryo_crew crew = { .jobs = n - from,
				  /* They compute a third of the time; in the rest they wait for
				   * the disk and for each other. */
				  .most = 2 * cryo_processors(),
				  .start = start_worker,
				  .finish = finish_worker,
				  .arg = &c };
	int rc;

	c.worker = cryo_alloc((crew.jobs + 1) * sizeof(*c.worker));
	rc = cryo_crew_run(&crew, err);
	for (size_t i = 0; i < crew.jobs; i++)
		cryo_strv_release(&c.worker[i].argv);
	free(c.worker);
	for (unsigned i = from; rc == 0 && i < n; i++) {
		rc = all[i].rc;
		if (rc < 0)
			*err = all[i].err;
	}
	return rc;
}
