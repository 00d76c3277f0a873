/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/fresh.h"

#include "base/clock.h"
#include "base/event.h"
#include "scenario/lane.h"
#include "scenario/wire.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/proc.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A process that was asked to end takes its cluster down first. */
#define GRACE_MS 60000
/* What comes on top of a scenario's own time: its catch steps, and taking the cluster down. */
#define AROUND_MS (5 * 60 * 1000)
#define DOWN_MS	  (3 * 60 * 1000)

/* One scenario and the process that runs it. */
struct lane {
	struct cryo_lane lane;
	const struct cryo_scenario *scenario;
	char *cluster;
	struct cryo_strv argv;
	struct cryo_proc proc;
	struct cryo_child *child;
	bool up;      /* its cluster came up */
	bool settled; /* that, or it will not */
	bool has_result;
	struct cryo_scenario_result result;
};

struct crew {
	const struct cryo_fresh_opts *opts;
	struct lane *lane;
	struct cryo_child **child; /* as cryo_child_serve wants them */
	size_t n, started, running;
	unsigned jobs;
	bool stop; /* no more are started */
};

unsigned cryo_fresh_jobs(size_t scenarios)
{
	cpu_set_t set;
	unsigned cores = 1;

	/* Those we may use, not those there are: CI gives a container two of sixty-four. */
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		cores = (unsigned)CPU_COUNT(&set);
	return scenarios < cores ? (unsigned)scenarios : cores;
}

pid_t cryo_fresh_owner(const char *name, const char *cluster)
{
	size_t n = strlen(name);
	const char *rest = cluster + n;
	unsigned long pid;
	char *end;

	if (strncmp(cluster, name, n) != 0 || strncmp(rest, "-f", 2) != 0 ||
	    !isdigit((unsigned char)rest[2]))
		return 0;
	strtoul(rest + 2, &end, 10);
	if (*end != '-' || !isdigit((unsigned char)end[1]))
		return 0;
	pid = strtoul(end + 1, &end, 10);
	return *end || pid == 0 || pid > INT32_MAX ? 0 : (pid_t)pid;
}

static int take_fresh_down(const struct cryo_fresh_opts *o, const char *cluster,
			   struct cryo_err *err)
{
	/* What it is stands in its record. */
	const char *const argv[] = { o->program, "--quiet", "--name", cluster, "down", NULL };
	struct cryo_proc p = { .argv = argv, .timeout_ms = cryo_limit_ms(DOWN_MS) };
	int rc;

	cryo_intr_hold();
	rc = cryo_proc_run(&p, NULL, err);
	cryo_intr_release();
	return rc;
}

static bool is_kept_cluster(const char *cluster)
{
	cryo_auto(cryo_free) char *mark =
	    cryo_asprintf("%s/%s/" CRYO_SCENARIO_KEPT, cryo_dir_state(), cluster);

	return cryo_fs_exists(mark);
}

/* Clusters of runs that were killed before they could take them down. */
static int remove_killed_clusters(const struct cryo_fresh_opts *o, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	int rc = cryo_cluster_list(&names, err);

	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		pid_t owner = cryo_fresh_owner(o->name, names.v[i]);
		bool alive = owner != getpid() && (kill(owner, 0) == 0 || errno != ESRCH);

		if (owner == 0 || alive || is_kept_cluster(names.v[i]))
			continue;
		cryo_info("cluster '%s' of a run that was killed is removed", names.v[i]);
		rc = take_fresh_down(o, names.v[i], err);
	}
	return rc;
}

/* The first step is the cluster; if it fails, the result tells what that means. */
static void follow_lane_event(struct lane *l, const struct cryo_event *ev)
{
	if (!cryo_event_ends(ev->kind) || ev->depth != 1 || l->settled ||
	    ev->kind == CRYO_EVENT_FAIL)
		return;
	l->up = l->settled = true;
	cryo_child_limit(l->child, cryo_limit_ms(l->scenario->timeout_ms + AROUND_MS));
}

static void lane_on_line(const char *line, int stream, void *arg)
{
	cryo_auto(cryo_wire_release) struct cryo_wire w = { 0 };
	struct cryo_err ignored;
	struct lane *l = arg;

	/* Nothing is said there but what nobody planned: a sanitizer's report, a library's. */
	if (stream == 2 || cryo_wire_read(line, &w, &ignored) < 0) {
		cryo_lane_warn(&l->lane, line);
		return;
	}
	if (w.is_result) {
		cryo_scenario_result_release(&l->result);
		l->result = w.result;
		w.result = (struct cryo_scenario_result){ 0 };
		l->has_result = true;
		return;
	}
	if (cryo_lane_relay(&l->lane, &w.event))
		follow_lane_event(l, &w.event);
}

static int start_fresh_lane(struct crew *c, struct lane *l, struct cryo_err *err)
{
	const struct cryo_fresh_opts *o = c->opts;
	const struct cryo_scenario *s = l->scenario;
	int rc;

	cryo_strv_addl(&l->argv, o->program, "--name", l->cluster, NULL);
	if (o->target)
		cryo_strv_addl(&l->argv, "--target", o->target, NULL);
	cryo_strv_add(&l->argv, "internal-scenario");
	cryo_strv_addf(&l->argv, "--row=%zu", s->row);
	if (o->verbose)
		cryo_strv_add(&l->argv, "--verbose");
	if (o->scenario.keep)
		cryo_strv_add(&l->argv, "--keep");
	if (o->scenario.keep_cluster)
		cryo_strv_add(&l->argv, "--keep-failed");
	cryo_strv_addl(&l->argv, "--", s->file, NULL);
	l->proc = (struct cryo_proc){ .argv = cryo_strv_get(&l->argv),
				      .grace_ms = cryo_limit_ms(GRACE_MS),
				      .on_line = lane_on_line,
				      .on_line_arg = l,
				      .capture_max = 4096 };
	l->lane.start = cryo_now_ms();
	rc = cryo_child_start(&l->proc, &l->child, err);
	if (rc == 0) {
		c->child[l->lane.number - 1] = l->child;
		c->running++;
	}
	return rc;
}

/* Its process ended without telling how the scenario did. */
static void fail_lane_result(struct crew *c, struct lane *l, const struct cryo_err *why)
{
	struct cryo_err err = CRYO_ERR_INIT;

	cryo_lane_begin(&l->lane, l->scenario->title);
	if (take_fresh_down(c->opts, l->cluster, &err) < 0 && l->lane.ended)
		cryo_warn("%s", err.msg);
	else if (*err.msg)
		cryo_lane_warn(&l->lane, err.msg);
	cryo_lane_fail(&l->lane, why->msg);
	cryo_scenario_result_release(&l->result);
	cryo_scenario_result_init(&l->result, l->scenario);
	l->result.outcome = CRYO_FAILED;
	l->result.ms = cryo_now_ms() - l->lane.start;
	l->result.err = *why;
	l->has_result = true;
	l->settled = true;
}

/* Not as cryo_proc_run puts it: what the process said last is an event that everybody saw. */
static int explain_lane_exit(const struct cryo_proc_result *res, int rc, struct cryo_err *err)
{
	if (rc == -CRYO_E_TIMEOUT || rc == -CRYO_E_INTERRUPTED || rc == -CRYO_E_SYSTEM)
		return rc;
	if (res->signal)
		return cryo_err_set(err, CRYO_E_CHILD,
				    "the process that ran it was killed by signal %d (%s)",
				    res->signal, strsignal(res->signal));
	return cryo_err_set(err, CRYO_E_CHILD,
			    "the process that ran it ended with exit code %d and without a result",
			    res->exit_code);
}

static void finish_fresh_lane(struct crew *c, struct lane *l)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	int rc = cryo_child_finish(cryo_steal(&l->child), &res, &err);

	c->child[l->lane.number - 1] = NULL;
	c->running--;
	if (!l->has_result || !l->lane.ended) {
		explain_lane_exit(&res, rc, &err);
		fail_lane_result(c, l, &err);
	}
	l->settled = true;
}

/* Not even one cluster can be had: the others would most likely wait as long to fail alike. */
static int check_first_cluster(struct crew *c, struct cryo_err *err)
{
	const struct lane *first = &c->lane[0];
	const struct cryo_scenario_result *r = &first->result;

	if (first->child || !first->has_result || r->outcome != CRYO_FAILED || first->up)
		return 0;
	c->stop = true;
	*err = r->err;
	return -(int)err->status;
}

static int start_more_lanes(struct crew *c, struct cryo_err *err)
{
	int rc = 0;

	while (rc == 0 && !c->stop && c->started < c->n && c->running < c->jobs &&
	       (c->started == 0 || c->lane[0].settled)) {
		rc = start_fresh_lane(c, &c->lane[c->started], err);
		c->started += rc == 0;
	}
	return rc;
}

static int run_lane_crew(struct crew *c, struct cryo_err *err)
{
	struct cryo_err later = CRYO_ERR_INIT;
	int rc = start_more_lanes(c, err), interrupted = 0;

	c->stop = rc < 0;
	while (c->running > 0) {
		cryo_child_serve(c->child, c->started);
		for (size_t i = 0; i < c->started; i++)
			if (c->lane[i].child && cryo_child_done(c->lane[i].child))
				finish_fresh_lane(c, &c->lane[i]);
		if (interrupted == 0 && cryo_intr_check(&later) < 0) {
			interrupted = -CRYO_E_INTERRUPTED;
			c->stop = true;
			cryo_info("interrupted: the clusters are taken down");
		}
		if (rc == 0)
			rc = check_first_cluster(c, err);
		if (rc == 0)
			rc = start_more_lanes(c, err);
		c->stop = c->stop || rc < 0;
	}
	if (interrupted == 0)
		return rc;
	*err = later;
	return interrupted;
}

static void collect_lane_results(struct crew *c, struct cryo_scenario_totals *out)
{
	out->result = cryo_alloc((c->n + 1) * sizeof(*out->result));
	for (size_t i = 0; i < c->n; i++) {
		struct lane *l = &c->lane[i];

		if (l->has_result) {
			out->result[out->n++] = l->result;
			l->result = (struct cryo_scenario_result){ 0 };
		}
		cryo_lane_release(&l->lane);
		cryo_strv_release(&l->argv);
		free(l->cluster);
	}
	cryo_scenario_count(out);
}

/* Names are checked before anything starts. */
static int name_lane_clusters(struct crew *c, const struct cryo_scenarios *all,
			      struct cryo_err *err)
{
	for (size_t i = 0; i < c->n; i++) {
		cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
		struct lane *l = &c->lane[i];
		int rc;

		l->lane.number = (unsigned)i + 1;
		l->scenario = &all->v[i];
		l->cluster =
		    cryo_asprintf("%s-f%u-%d", c->opts->name, l->lane.number, (int)getpid());
		rc = cryo_cluster_open(c->opts->target, l->cluster, &t, err);
		if (rc < 0)
			return cryo_err_wrap(err, rc, "--name '%s' is too long for --fresh",
					     c->opts->name);
	}
	return 0;
}

int cryo_fresh_run(const struct cryo_fresh_opts *opts, const char *const *files,
		   struct cryo_scenario_totals *out, struct cryo_err *err)
{
	cryo_auto(cryo_scenarios_release) struct cryo_scenarios all = { 0 };
	struct crew c = { .opts = opts };
	int rc = cryo_scenarios_load(files, &all, err);

	*out = (struct cryo_scenario_totals){ 0 };
	if (rc < 0)
		return rc;
	c.n = all.n;
	c.jobs = opts->jobs ? opts->jobs : cryo_fresh_jobs(all.n);
	c.lane = cryo_alloc((c.n + 1) * sizeof(*c.lane));
	c.child = cryo_alloc((c.n + 1) * sizeof(struct cryo_child *));
	rc = name_lane_clusters(&c, &all, err);
	if (rc == 0)
		rc = remove_killed_clusters(opts, err);
	if (rc == 0)
		rc = run_lane_crew(&c, err);
	collect_lane_results(&c, out);
	free(c.lane);
	free(c.child);
	return rc;
}
