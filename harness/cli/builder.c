/* SPDX-License-Identifier: Apache-2.0 */
/* Not for people: one of several components that are built at once, in its own process
 * (cli/builders.h). Its events are lines of JSON. */
#include "cli/cli.h"

#include "recipe/build.h"
#include "report/report.h"

#include <unistd.h>

struct builder_opts {
	const char *stack;
	struct cryo_cli_fetch fetch;
};

static const struct cryo_opt opts_table[] = {
	{ "stack", 0, CRYO_OPT_STR, offsetof(struct builder_opts, stack), "STACK", "as build's" },
	CRYO_CLI_FETCH(struct builder_opts, fetch),
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int builder_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			   struct cryo_err *err)
{
	cryo_auto(cryo_stack_release) struct cryo_stack stack = { 0 };
	cryo_auto(cryo_build_release) struct cryo_build build = { 0 };
	const struct builder_opts *o = opts;
	struct cryo_fetch_opts fetch = { .offline = o->fetch.offline,
					 .mirrors = o->fetch.mirrors.v };
	int rc = cryo_stack_load(o->stack ? o->stack : "upstream", &stack, err);

	(void)exit_code;
	if (rc == 0)
		rc = cryo_build_plan(&stack, (const char *const *)args, &build, err);
	if (rc < 0)
		return rc;
	cryo_report_stop();
	cryo_report_json_begin(STDOUT_FILENO, cli->verbose);
	rc = cryo_build_run(&build, &fetch, err);
	cryo_report_json_end();
	return rc;
}

const struct cryo_cmd cryo_cmd_builder = {
	.name = "internal-build",
	.usage = "COMPONENT",
	.summary = "one of several components (started by build and up)",
	.opts = opts_table,
	.size = sizeof(struct builder_opts),
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.run = builder_cmd_run,
};
