/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "cli/version.h"

#include <stdio.h>

static int version_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			   struct cryo_err *err)
{
	(void)cli;
	(void)opts;
	(void)args;
	(void)exit_code;
	(void)err;
	printf("cryopod %s\n", CRYOPOD_VERSION);
	return 0;
}

const struct cryo_cmd cryo_cmd_version = {
	.name = "version",
	.usage = "",
	.summary = "print the version",
	.run = version_cmd_run,
};
