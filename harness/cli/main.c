/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/text.h"
#include "report/report.h"
#include "sys/intr.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const struct cryo_cmd *const cryo_cmds[] = {
	&cryo_cmd_doctor,
	&cryo_cmd_sources,
	&cryo_cmd_build,
	&cryo_cmd_image,
	&cryo_cmd_up,
	&cryo_cmd_attach,
	&cryo_cmd_status,
	&cryo_cmd_down,
	&cryo_cmd_shell,
	&cryo_cmd_kubectl,
	&cryo_cmd_proxy,
	&cryo_cmd_logs,
	&cryo_cmd_checkpoint,
	&cryo_cmd_restore,
	&cryo_cmd_inspect,
	&cryo_cmd_keygen,
	&cryo_cmd_seal,
	&cryo_cmd_unseal,
	&cryo_cmd_test,
	&cryo_cmd_bench,
	&cryo_cmd_template,
	&cryo_cmd_snapshot,
	&cryo_cmd_cache,
	&cryo_cmd_version,
	&cryo_cmd_help,
	/* for cryopod itself */
	&cryo_cmd_forward,
	&cryo_cmd_scenario,
	&cryo_cmd_cluster,
	&cryo_cmd_builder,
	NULL,
};

static int run_parsed_command(struct cryo_cli *cli, const struct cryo_cmd *cmd, const void *opts,
			      char **args, int *exit_code, struct cryo_err *err)
{
	if (cli->help || !cmd) {
		cryo_cli_help(cmd, cryo_cli_program(cli));
		if (!cli->help)
			return cryo_err_set(err, CRYO_E_USAGE, "no command given");
		return 0;
	}
	return cmd->run(cli, opts, args, exit_code, err);
}

/*
 * A stream that was closed would be the next file that is opened, and what is
 * printed would end up in there. Reading only: printing shall fail.
 */
static void occupy_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			_exit(1);
}

/* What was printed must also have arrived: a full disk or a closed pipe is a failure. */
static void check_stdout(int *exit_code)
{
	if (fflush(stdout) == 0 && !ferror(stdout) && !cryo_report_lost())
		return;
	fprintf(stderr, "cryopod: cannot write to standard output\n");
	if (*exit_code == 0)
		*exit_code = 1;
}

/* Much of it may be a server's, or a container's. */
static void print_final_error(const struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str clean = { 0 };

	cryo_text_clean(&clean, err->msg);
	fprintf(stderr, "cryopod: %s\n", cryo_str_get(&clean));
}

int main(int argc, char **argv)
{
	const char *name = getenv("CRYOPOD_NAME");
	struct cryo_cli cli = { .name = name && *name ? name : "default", .color = "auto" };
	struct cryo_err err = CRYO_ERR_INIT;
	const struct cryo_cmd *cmd = NULL;
	void *opts = NULL;
	char **args;
	int exit_code = 0, rc;

	occupy_streams();
	rc = cryo_cli_parse(argc, argv, &cli, &cmd, &opts, &args, &err);
	if (rc == 0)
		rc = cryo_report_start(cli.color, cli.verbose, cli.quiet, &err);
	if (rc == 0) {
		cryo_intr_install();
		rc = run_parsed_command(&cli, cmd, opts, args, &exit_code, &err);
	}
	cryo_report_stop();
	if (rc < 0) {
		print_final_error(&err);
		exit_code = cryo_err_exit_code(&err);
	}
	check_stdout(&exit_code);
	free(opts);
	return exit_code;
}
