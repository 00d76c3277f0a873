/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/fresh.h"

#include "base/clock.h"
#include "base/event.h"
#include "scenario/lane.h"
#include "scenario/wire.h"
#include "sys/crew.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/places.h"

#include <ctype.h>
#include <errno.h>
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
	struct cryo_child *child; /* the crew's */
	bool up;		  /* its cluster came up */
	bool settled;		  /* that, or it will not */
	bool has_result;
	struct cryo_scenario_result result;
};

struct run {
	const struct cryo_fresh_opts *opts;
	struct lane *lane;
	size_t n;
};

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
	cryo_auto(cryo_free) char *mark = cryo_state_path("%s/" CRYO_SCENARIO_KEPT, cluster);

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

static void make_lane_argv(const struct cryo_fresh_opts *o, struct lane *l)
{
	const struct cryo_scenario *s = l->scenario;

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
}

static int start_fresh_lane(void *arg, size_t i, struct cryo_child **out, struct cryo_err *err)
{
	struct run *r = arg;
	struct lane *l = &r->lane[i];
	int rc;

	make_lane_argv(r->opts, l);
	l->proc = (struct cryo_proc){ .argv = cryo_strv_get(&l->argv),
				      .grace_ms = cryo_limit_ms(GRACE_MS),
				      .on_line = lane_on_line,
				      .on_line_arg = l,
				      .capture_max = 4096 };
	l->lane.start = cryo_now_ms();
	rc = cryo_child_start(&l->proc, out, err);
	l->child = *out;
	return rc;
}

/* Its process ended without telling how the scenario did. */
static void fail_lane_result(const struct run *r, struct lane *l, const struct cryo_err *why)
{
	struct cryo_err err = CRYO_ERR_INIT;

	cryo_lane_begin(&l->lane, l->scenario->title);
	if (take_fresh_down(r->opts, l->cluster, &err) < 0 && l->lane.ended)
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

/* Not even one cluster can be had: the others would most likely wait as long to fail alike. */
static int check_first_cluster(const struct lane *first, struct cryo_err *err)
{
	if (first->up || first->result.outcome != CRYO_FAILED)
		return 0;
	*err = first->result.err;
	return -(int)err->status;
}

static int finish_fresh_lane(void *arg, size_t i, struct cryo_child *child, struct cryo_err *err)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_err why = CRYO_ERR_INIT;
	struct run *r = arg;
	struct lane *l = &r->lane[i];
	int rc = cryo_child_finish(child, &res, &why);

	l->child = NULL;
	if (!l->has_result || !l->lane.ended) {
		explain_lane_exit(&res, rc, &why);
		fail_lane_result(r, l, &why);
	}
	l->settled = true;
	return i == 0 ? check_first_cluster(l, err) : 0;
}

/* The others wait until the first one's cluster is up. */
static bool may_start_lane(void *arg, size_t i)
{
	const struct run *r = arg;

	(void)i;
	return r->lane[0].settled;
}

static void collect_lane_results(struct run *r, struct cryo_scenario_totals *out)
{
	out->result = cryo_alloc((r->n + 1) * sizeof(*out->result));
	for (size_t i = 0; i < r->n; i++) {
		struct lane *l = &r->lane[i];

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
static int name_lane_clusters(struct run *r, const struct cryo_scenarios *all, struct cryo_err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
		struct lane *l = &r->lane[i];
		int rc;

		l->lane.number = (unsigned)i + 1;
		l->scenario = &all->v[i];
		l->cluster =
		    cryo_asprintf("%s-f%u-%d", r->opts->name, l->lane.number, (int)getpid());
		rc = cryo_cluster_open(r->opts->target, l->cluster, &t, err);
		if (rc < 0)
			return cryo_err_wrap(err, rc, "--name '%s' is too long for --fresh",
					     r->opts->name);
	}
	return 0;
}

int cryo_fresh_run(const struct cryo_fresh_opts *opts, const char *const *files,
		   struct cryo_scenario_totals *out, struct cryo_err *err)
{
	cryo_auto(cryo_scenarios_release) struct cryo_scenarios all = { 0 };
	struct run r = { .opts = opts };
	struct cryo_crew crew = { .most = opts->jobs ? opts->jobs : cryo_processors(),
				  .start = start_fresh_lane,
				  .finish = finish_fresh_lane,
				  .fits = may_start_lane,
				  .arg = &r,
				  .interrupted = "interrupted: the clusters are taken down" };
	int rc = cryo_scenarios_load(files, &all, err);

	*out = (struct cryo_scenario_totals){ 0 };
	if (rc < 0)
		return rc;
	crew.jobs = r.n = all.n;
	r.lane = cryo_alloc((r.n + 1) * sizeof(*r.lane));
	rc = name_lane_clusters(&r, &all, err);
	if (rc == 0)
		rc = remove_killed_clusters(opts, err);
	if (rc == 0)
		rc = cryo_crew_run(&crew, err);
	collect_lane_results(&r, out);
	free(r.lane);
	return rc;
}
