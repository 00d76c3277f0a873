/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

static void print_option_help(const struct cryo_opt *o)
{
	for (; o && o->name; o++) {
		char left[40];

		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", o->letter ? '-' : ' ',
			 o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name,
			 o->arg ? " " : "", o->arg ? o->arg : "");
		printf("  %-26s %s\n", left, o->help);
	}
}

static void print_general_help(const struct cryo_cli *cli)
{
	printf("cryopod - " CRYO_CLI_SUMMARY "\n\n"
	       "usage: cryopod [OPTION…] COMMAND [ARGUMENT…]\n\n");
	for (const struct cryo_cmd *const *c = cli->cmds; *c; c++)
		if (!(*c)->hidden)
			printf("  %-12s %s\n", (*c)->name, (*c)->summary);
	printf("\noptions of every command:\n");
	print_option_help(cryo_global_opts);
	printf("\nexit codes: 0 ok, 1 a check failed, 2 usage or input file, 3 this machine lacks "
	       "something,\n4 provisioning failed, 5 time limit, 6 leak or tampering, 77 skipped, "
	       "130/143 interrupted\n");
}

void cryo_cli_help(const struct cryo_cli *cli, const struct cryo_cmd *cmd)
{
	const char *program = cryo_cli_program(cli);

	if (!cmd) {
		print_general_help(cli);
		return;
	}
	printf("%s %s - %s\n\nusage: %s %s [OPTION…]%s%s\n", program, cmd->name, cmd->summary,
	       program, cmd->name, *cmd->usage ? " " : "", cmd->usage);
	if (cmd->opts) {
		printf("\noptions:\n");
		print_option_help(cmd->opts);
	}
	printf("\noptions of every command:\n");
	print_option_help(cryo_global_opts);
}

static int help_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	const char *near;

	(void)opts;
	(void)exit_code;
	if (!args[0]) {
		cryo_cli_help(cli, NULL);
		return 0;
	}
	for (const struct cryo_cmd *const *c = cli->cmds; *c; c++) {
		if (strcmp((*c)->name, args[0]) == 0) {
			cryo_cli_help(cli, *c);
			return 0;
		}
		cryo_strv_add(&names, (*c)->name);
	}
	near = cryo_nearest(args[0], cryo_strv_get(&names));
	return cryo_err_set(err, CRYO_E_USAGE, "no command '%s'%s%s%s", args[0],
			    near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

const struct cryo_cmd cryo_cmd_help = {
	.name = "help",
	.usage = "[COMMAND]",
	.summary = "explain a command",
	.max_args = 1,
	.run = help_cmd_run,
};
