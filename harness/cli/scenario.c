/* SPDX-License-Identifier: Apache-2.0 */
/* Not for people: one scenario of `cryopod test --fresh`, in its own process (scenario/fresh.h). */
#include "cli/cli.h"

#include "report/report.h"
#include "scenario/runner.h"
#include "scenario/wire.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

struct scenario_opts {
	unsigned row;
	bool keep, keep_failed;
};

static const struct cryo_opt opts_table[] = {
	{ "row", 0, CRYO_OPT_UINT, offsetof(struct scenario_opts, row), "N", "of the matrix" },
	{ "keep", 0, CRYO_OPT_FLAG, offsetof(struct scenario_opts, keep), NULL, "as test's" },
	{ "keep-failed", 0, CRYO_OPT_FLAG, offsetof(struct scenario_opts, keep_failed), NULL,
	  "as test's" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int scenario_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			    struct cryo_err *err)
{
	cryo_auto(cryo_scenario_release) struct cryo_scenario s = { 0 };
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_str_release) struct cryo_str line = { 0 };
	const struct scenario_opts *o = opts;
	const struct cryo_scenario_opts how = { .keep = o->keep || o->keep_failed,
						.keep_cluster = o->keep_failed };
	struct cryo_scenario_result result = { 0 };
	int rc;

	(void)exit_code;
	/* Should who started us be killed, there is time to take the cluster down. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	rc = cryo_scenario_load(args[0], o->row, &s, err);
	if (rc == 0)
		rc = cryo_cli_target(cli, &t, err);
	if (rc < 0)
		return rc;
	cryo_report_stop();
	cryo_report_json_begin(STDOUT_FILENO, cli->verbose);
	cryo_scenario_run_alone(t, &s, &how, &result);
	cryo_report_json_end();
	cryo_wire_result(&result, &line);
	fputs(cryo_str_get(&line), stdout);
	cryo_scenario_result_release(&result);
	return 0;
}

const struct cryo_cmd cryo_cmd_scenario = {
	.name = "internal-scenario",
	.usage = "FILE",
	.summary = "run one scenario in its own cluster (started by test)",
	.opts = opts_table,
	.size = sizeof(struct scenario_opts),
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.run = scenario_cmd_run,
};
