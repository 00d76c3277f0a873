/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/clock.h"
#include "report/report.h"
#include "report/summary.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct test_opts {
	bool lint, keep, up;
	const char *output;
};

static const struct cryo_opt opts_table[] = {
	{ "up", 0, CRYO_OPT_FLAG, offsetof(struct test_opts, up), NULL,
	  "start the cluster first if it does not run" },
	{ "lint", 0, CRYO_OPT_FLAG, offsetof(struct test_opts, lint), NULL,
	  "only check the files; needs no cluster" },
	{ "keep", 0, CRYO_OPT_FLAG, offsetof(struct test_opts, keep), NULL,
	  "leave namespace and archives of a scenario that failed" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct test_opts, output), "FORMAT",
	  "summary or tap (default: summary on a terminal)" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int choose_tap(const char *output, bool *tap, struct cryo_err *err)
{
	*tap = output ? cryo_streq(output, "tap") : !isatty(STDOUT_FILENO);
	if (output && !*tap && !cryo_streq(output, "summary"))
		return cryo_err_set(err, CRYO_E_USAGE, "--output: '%s' is not summary or tap",
				    output);
	return 0;
}

static int start(struct cryo_target *t, int64_t *ms, struct cryo_err *err)
{
	const struct cryo_up_opts up = CRYO_UP_OPTS_INIT;
	int64_t begin = cryo_now_ms();
	int rc = t->ops->up(t, &up, err);

	*ms = cryo_now_ms() - begin;
	return rc;
}

static void print_summary(const struct cryo_scenario_totals *totals,
			  const struct cryo_summary_opts *opts)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	if (totals->n > 0)
		cryo_summary(totals, opts, &text);
	fputs(cryo_str_get(&text), stdout);
}

static int run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
	       struct cryo_err *err)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals totals = { 0 };
	cryo_auto(cryo_target_free) struct cryo_target *t = NULL;
	const char *const *files = (const char *const *)args;
	const struct test_opts *o = opts;
	struct cryo_scenario_opts how = { .keep = o->keep };
	struct cryo_summary_opts last = { .program = program_invocation_name,
					  .cluster = cli->name,
					  .up_ms = -1 };
	bool tap = false;
	int rc = choose_tap(o->output, &tap, err);

	/* Wrong files first: nobody waits for a cluster to learn of a typing error. */
	if (rc == 0)
		rc = cryo_scenario_lint(files, err);
	if (rc < 0 || o->lint)
		return rc;
	rc = cryo_cli_target(cli, &t, err);
	if (rc == 0 && o->up)
		rc = start(t, &last.up_ms, err);
	if (rc == 0 && tap)
		cryo_report_tap_begin(STDOUT_FILENO);
	if (rc == 0)
		rc = cryo_scenario_run_files(t, files, &how, &totals, err);
	if (tap)
		cryo_report_tap_end(rc < 0 ? err->msg : NULL);
	last.colored = cryo_report_colored_stdout();
	if (!tap)
		print_summary(&totals, &last);
	*exit_code = cryo_scenario_exit_code(&totals);
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
	.run = run,
};
