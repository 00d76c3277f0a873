/* SPDX-License-Identifier: Apache-2.0 */
/* Not for people: one of the clusters of `up --count` and its like, in its own process
 * (cli/many.h). Its events are lines of JSON. */
#include "cli/cli.h"

#include "report/report.h"

#include <string.h>
#include <unistd.h>

static const struct cryo_opt opts_table[] = {
	{ "stack", 0, CRYO_OPT_STR, offsetof(struct cryo_up_opts, stack), "STACK", "as up's" },
	{ "timeout", 0, CRYO_OPT_DURATION, offsetof(struct cryo_up_opts, timeout_ms), "DURATION",
	  "as up's" },
	{ "no-build", 0, CRYO_OPT_FLAG, offsetof(struct cryo_up_opts, no_build), NULL, "as up's" },
	{ "cold", 0, CRYO_OPT_FLAG, offsetof(struct cryo_up_opts, template.cold), NULL, "as up's" },
	{ "from", 0, CRYO_OPT_STR, offsetof(struct cryo_up_opts, from), "SNAPSHOT", "as up's" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int cluster_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			   struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	bool up = strcmp(args[0], "up") == 0;
	int rc;

	(void)exit_code;
	if (!up && strcmp(args[0], "down") != 0)
		return cryo_err_set(err, CRYO_E_USAGE, "'%s' is neither up nor down", args[0]);
	rc = cryo_cli_target(cli, &t, err);
	if (rc < 0)
		return rc;
	cryo_report_stop();
	cryo_report_json_begin(STDOUT_FILENO, cli->verbose);
	rc = up ? cryo_cluster_up(t, opts, err) : cryo_cluster_down(t, err);
	cryo_report_json_end();
	return rc;
}

const struct cryo_cmd cryo_cmd_cluster = {
	.name = "internal-cluster",
	.usage = "up|down",
	.summary = "one of several clusters (started by up, down and bench)",
	.opts = opts_table,
	.size = sizeof(struct cryo_up_opts),
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.run = cluster_cmd_run,
};
