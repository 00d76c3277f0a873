/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/many.h"

#include "scenario/verdict.h"

#include "base/clock.h"
#include "base/event.h"
#include "scenario/wire.h"
#include "sys/intr.h"
#include "sys/proc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One that was asked to end takes back what it began. */
#define GRACE_MS 60000

/* A cluster whose process is at work. */
struct worker {
	struct cryo_many *m; /* NULL: free */
	struct cryo_strv argv;
	struct cryo_proc proc;
	int64_t begin;
};

struct crew {
	const struct cryo_many_run *run;
	struct worker worker[CRYO_MANY_MOST];
	struct cryo_child *child[CRYO_MANY_MOST]; /* theirs, as cryo_child_serve wants them */
	unsigned size, busy;
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

static int start_worker(struct crew *c, struct cryo_many *m, struct cryo_err *err)
{
	const struct cryo_many_run *run = c->run;
	unsigned at = 0;
	struct worker *w;
	int rc;

	while (c->worker[at].m)
		at++;
	w = &c->worker[at];
	*w = (struct worker){ .m = m, .begin = cryo_now_ms() };
	cryo_strv_addl(&w->argv, run->program ? run->program : "/proc/self/exe", "--name", m->name,
		       NULL);
	if (run->kind)
		cryo_strv_addl(&w->argv, "--target", run->kind, NULL);
	cryo_strv_add(&w->argv, "internal-cluster");
	if (run->up)
		add_up_arguments(&w->argv, run->up);
	else
		cryo_strv_add(&w->argv, "down");
	w->proc = (struct cryo_proc){ .argv = cryo_strv_get(&w->argv),
				      .grace_ms = cryo_limit_ms(GRACE_MS),
				      .on_line = worker_on_line,
				      .on_line_arg = m,
				      .capture_max = 4096 };
	rc = cryo_child_start(&w->proc, &c->child[at], err);
	if (rc < 0) {
		cryo_strv_release(&w->argv);
		w->m = NULL;
		return rc;
	}
	c->busy++;
	return 0;
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

static void finish_worker(struct crew *c, unsigned at)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct worker *w = &c->worker[at];
	struct cryo_many *m = w->m;

	m->rc = cryo_child_finish(cryo_steal(&c->child[at]), &res, &m->err);
	m->rc = cryo_verdict_read(&res, m->rc, &m->err);
	m->ms = cryo_now_ms() - w->begin;
	if (m->rc == 0 && c->run->up)
		note_cluster_memory(c->run, m);
	cryo_strv_release(&w->argv);
	w->m = NULL;
	c->busy--;
	report_worker_end(c->run, m);
}

static void wait_for_worker(struct crew *c)
{
	cryo_child_serve(c->child, c->size);
	for (unsigned i = 0; i < c->size; i++)
		if (c->child[i] && cryo_child_done(c->child[i]))
			finish_worker(c, i);
}

/* They compute a third of the time and wait for disk and each other in the rest. */
static unsigned count_parallel_workers(unsigned n)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned most = cpus > 0 ? 2 * (unsigned)cpus : 2;

	if (most > CRYO_MANY_MOST)
		most = CRYO_MANY_MOST;
	return n < most ? n : most;
}

int cryo_many_run_all(const struct cryo_many_run *run, struct cryo_many *all, unsigned from,
		      unsigned n, struct cryo_err *err)
{
	struct crew c = { .run = run };
	unsigned next = from;
	int rc = 0;

	c.size = count_parallel_workers(n - from);
	while (c.busy > 0 || (rc == 0 && next < n)) {
		while (rc == 0 && next < n && c.busy < c.size) {
			rc = cryo_intr_check(err);
			if (rc == 0)
				rc = start_worker(&c, &all[next++], err);
		}
		if (c.busy > 0)
			wait_for_worker(&c);
	}
	for (unsigned i = from; rc == 0 && i < n; i++) {
		rc = all[i].rc;
		if (rc < 0)
			*err = all[i].err;
	}
	return rc;
}
