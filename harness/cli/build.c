/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/event.h"
#include "recipe/users.h"
#include "cli/builders.h"
#include "git/url.h"
#include "sys/fs.h"

#include <stdio.h>
#include <string.h>

struct build_opts {
	const char *stack;
	unsigned jobs;
	struct cryo_cli_fetch fetch;
};

static const struct cryo_opt opts_table[] = {
	{ "stack", 0, CRYO_OPT_STR, offsetof(struct build_opts, stack), "STACK",
	  "name or file (default: upstream)" },
	{ "jobs", 'j', CRYO_OPT_COUNT, offsetof(struct build_opts, jobs), "N",
	  "components built at once (default: one per processor, if memory allows)" },
	CRYO_CLI_FETCH(struct build_opts, fetch),
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static void print_build_table(const struct cryo_build *b)
{
	size_t width = 0;

	for (size_t i = 0; i < b->n; i++) {
		size_t n = strlen(b->item[i].component->name);

		width = n > width ? n : width;
	}
	for (size_t i = 0; i < b->n; i++)
		printf("%-*s  %.12s  %s\n", (int)width, b->item[i].component->name,
		       b->item[i].stamp, b->item[i].dir);
}

static int build_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			 struct cryo_err *err)
{
	cryo_auto(cryo_stack_release) struct cryo_stack stack = { 0 };
	cryo_auto(cryo_build_release) struct cryo_build build = { 0 };
	const struct build_opts *o = opts;
	struct cryo_fetch_opts fetch = { .offline = o->fetch.offline,
					 .mirrors = o->fetch.mirrors.v };
	const struct cryo_builders builders = { .fetch = &fetch,
						.verbose = cli->verbose,
						.jobs = o->jobs };
	int rc = cryo_url_check_mirrors(fetch.mirrors, err);

	(void)exit_code;
	if (rc == 0)
		rc = cryo_stack_load(o->stack ? o->stack : "upstream", &stack, err);
	if (rc == 0)
		rc = cryo_build_plan(&stack, (const char *const *)args, &build, err);
	if (rc == 0)
		cryo_users_note_stack(&stack, &build);
	if (rc == 0)
		rc = cryo_builders_run(&builders, &stack, (const char *const *)args, &build, err);
	/* A branch that was looked up meanwhile made another stamp. */
	if (rc == 0)
		cryo_users_note_stack(&stack, &build);
	if (rc == 0)
		print_build_table(&build);
	return rc;
}

const struct cryo_cmd cryo_cmd_build = {
	.name = "build",
	.usage = "[COMPONENT…]",
	.summary = "build the programs and the root file system of a stack",
	.opts = opts_table,
	.size = sizeof(struct build_opts),
	.max_args = -1,
	.run = build_cmd_run,
};
