/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/text.h"
#include "engine/private.h"
#include "report/report.h"
#include "sys/intr.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int run_parsed_command(struct cryo_cli *cli, const struct cryo_cmd *cmd, const void *opts,
			      char **args, int *exit_code, struct cryo_err *err)
{
	if (cli->help || !cmd) {
		cryo_cli_help(cli, cmd);
		if (!cli->help)
			return cryo_err_set(err, CRYO_E_USAGE, "no command given");
		return 0;
	}
	return cmd->run(cli, opts, args, exit_code, err);
}

/*
 * A stream that was closed would be the next file that is opened, and what is
 * printed would end up in there. Reading only: printing should fail.
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
	struct cryo_cli cli = { .cmds = cryo_cmds,
				.name = name && *name ? name : "default",
				.color = "auto" };
	struct cryo_err err = CRYO_ERR_INIT;
	const struct cryo_cmd *cmd = NULL;
	void *opts = NULL;
	char **args;
	int exit_code = 0, rc;

	/* As a container runtime (engine/private.h) we are nothing else. */
	if (cryo_cli_runtime && cryo_ends_with(argv[0] ? argv[0] : "", "/" CRYO_PRIVATE_RUNTIME))
		return cryo_cli_runtime(argc, argv);
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
