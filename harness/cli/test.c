/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/clock.h"
#include "report/report.h"
#include "report/summary.h"
#include "scenario/fresh.h"
#include "scenario/wire.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct test_opts {
	bool lint, keep, keep_failed, up, fresh;
	unsigned jobs;
	const char *output, *report;
};

static const struct cryo_opt opts_table[] = {
	{ "up", 0, CRYO_OPT_FLAG, offsetof(struct test_opts, up), NULL,
	  "start the cluster first if it is not running" },
	{ "fresh", 0, CRYO_OPT_FLAG, offsetof(struct test_opts, fresh), NULL,
	  "run each scenario in its own cluster, several at once" },
	{ "jobs", 'j', CRYO_OPT_COUNT, offsetof(struct test_opts, jobs), "N",
	  "with --fresh: how many at once (default: one per core)" },
	{ "keep-failed", 0, CRYO_OPT_FLAG, offsetof(struct test_opts, keep_failed), NULL,
	  "with --fresh: leave the cluster of a scenario that failed" },
	{ "lint", 0, CRYO_OPT_FLAG, offsetof(struct test_opts, lint), NULL,
	  "only check the files; this needs no cluster" },
	{ "keep", 0, CRYO_OPT_FLAG, offsetof(struct test_opts, keep), NULL,
	  "leave namespace and archives of a scenario that failed" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct test_opts, output), "FORMAT",
	  "summary, tap, junit or json (default: summary on a terminal, else tap)" },
	{ "report", 0, CRYO_OPT_STR, offsetof(struct test_opts, report), "FILE",
	  "also write JUnit XML to this file, for CI" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

enum format { SUMMARY, TAP, JUNIT, JSON };

static int choose_format(const char *output, enum format *out, struct cryo_err *err)
{
	static const char *const name[] = { "summary", "tap", "junit", "json" };

	*out = isatty(STDOUT_FILENO) ? SUMMARY : TAP;
	for (size_t i = 0; output && i < CRYO_ARRAY_LEN(name); i++) {
		if (strcmp(output, name[i]) != 0)
			continue;
		*out = (enum format)i;
		return 0;
	}
	return output ? cryo_err_set(
			    err, CRYO_E_USAGE,
			    "--output: '%s' is not valid (valid values: summary, tap, junit, json)",
			    output)
		      : 0;
}

static int check_test_opts(const struct test_opts *o, enum format format, struct cryo_err *err)
{
	if (o->fresh && o->up)
		return cryo_err_set(err, CRYO_E_USAGE, "--fresh and --up exclude each other");
	if (!o->fresh && o->jobs > 0)
		return cryo_err_set(
		    err, CRYO_E_USAGE,
		    "--jobs needs --fresh: in one cluster scenarios run one after another");
	if (!o->fresh && o->keep_failed)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "--keep-failed needs --fresh (a shared cluster stays anyway)");
	if (o->report && format == JUNIT)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "--report and --output junit exclude each other");
	return 0;
}

/* Found out before anything runs; and nobody takes the report of the last run for this one's. */
static int check_report_path(const char *path, struct cryo_err *err)
{
	return path ? cryo_err_wrap(err, cryo_fs_write(path, "", 0, 0644, err), "--report") : 0;
}

/* One run and how it is told. */
struct test {
	struct cryo_cli *cli;
	const struct test_opts *o;
	enum format format;
	struct cryo_cluster *target; /* the shared one */
	struct cryo_scenario_totals totals;
	struct cryo_summary_opts last;
};

/* Before any report begins: this is no scenario. */
static int open_shared_cluster(struct test *x, struct cryo_err *err)
{
	const struct cryo_up_opts up = CRYO_UP_OPTS_INIT;
	int64_t begin = cryo_now_ms();
	int rc = cryo_cli_target(x->cli, &x->target, err);

	x->last.cluster = x->cli->name;
	if (rc == 0 && x->o->up) {
		rc = cryo_cluster_up(x->target, &up, err);
		x->last.up_ms = cryo_now_ms() - begin;
	}
	return rc;
}

static int run_shared_scenarios(struct test *x, const char *const *files, struct cryo_err *err)
{
	const struct cryo_scenario_opts how = { .keep = x->o->keep };

	return cryo_scenario_run_files(x->target, files, &how, &x->totals, err);
}

static int run_fresh_scenarios(struct test *x, const char *const *files, struct cryo_err *err)
{
	const struct cryo_fresh_opts how = {
		.program = "/proc/self/exe",
		.target = x->cli->target,
		.name = x->cli->name,
		.jobs = x->o->jobs,
		.verbose = x->cli->verbose,
		.scenario = { .keep = x->o->keep, .keep_cluster = x->o->keep_failed },
	};
	int64_t begin = cryo_now_ms();
	int rc = cryo_fresh_run(&how, files, &x->totals, err);

	x->last.all_ms = cryo_now_ms() - begin;
	return rc;
}

static void begin_test_report(const struct test *x)
{
	if (x->format == TAP)
		cryo_report_tap_begin(STDOUT_FILENO);
	if (x->format == JSON)
		cryo_report_json_begin(STDOUT_FILENO, x->cli->verbose);
	if (x->format == JUNIT || x->o->report)
		cryo_report_junit_begin("cryopod");
}

static void print_test_results(const struct test *x)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	for (size_t i = 0; x->format == JSON && i < x->totals.n; i++)
		cryo_wire_result(&x->totals.result[i], &text);
	if (x->format == SUMMARY && x->totals.n > 0)
		cryo_summary(&x->totals, &x->last, &text);
	fputs(cryo_str_get(&text), stdout);
}

/* A report that nobody gets is a failure of its own, but not in place of another. */
static int finish_test_report(struct test *x, int rc, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str xml = { 0 };
	struct cryo_err later = CRYO_ERR_INIT;
	int written = 0;

	cryo_report_tap_end(rc < 0 ? err->msg : NULL);
	cryo_report_json_end();
	cryo_report_junit_end(rc < 0 ? err->msg : NULL, &xml);
	x->last.colored = cryo_report_colored_stdout();
	print_test_results(x);
	if (x->format == JUNIT)
		fputs(cryo_str_get(&xml), stdout);
	if (x->o->report)
		written = cryo_fs_write(x->o->report, xml.p, xml.len, 0644, &later);
	if (rc < 0 || written == 0)
		return rc;
	*err = later;
	return cryo_err_wrap(err, written, "--report");
}

static int test_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			struct cryo_err *err)
{
	const char *const *files = (const char *const *)args;
	struct test x = { .cli = cli,
			  .o = opts,
			  .last = { .program = program_invocation_name, .up_ms = -1 } };
	int rc = choose_format(x.o->output, &x.format, err);

	if (rc == 0)
		rc = check_test_opts(x.o, x.format, err);
	/* Wrong files first: nobody waits for a cluster to learn of a typing error. */
	if (rc == 0)
		rc = cryo_scenario_lint(files, err);
	if (rc < 0 || x.o->lint)
		return rc;
	rc = check_report_path(x.o->report, err);
	if (rc < 0)
		return rc;
	if (!x.o->fresh)
		rc = open_shared_cluster(&x, err);
	begin_test_report(&x);
	if (rc == 0)
		rc = x.o->fresh ? run_fresh_scenarios(&x, files, err)
				: run_shared_scenarios(&x, files, err);
	rc = finish_test_report(&x, rc, err);
	*exit_code = cryo_scenario_exit_code(&x.totals);
	cryo_scenario_totals_release(&x.totals);
	cryo_cluster_free(x.target);
	return rc;
}

const struct cryo_cmd cryo_cmd_test = {
	.name = "test",
	.usage = "FILE…",
	.summary = "run scenarios on a cluster",
	.opts = opts_table,
	.size = sizeof(struct test_opts),
	.min_args = 1,
	.max_args = -1,
	.run = test_cmd_run,
};
