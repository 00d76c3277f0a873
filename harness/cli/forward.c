/* SPDX-License-Identifier: Apache-2.0 */
/* Not for people: the program of a cluster's forwarder (cluster/local/node/forward.c starts it). */
#include "cli/cli.h"

#include "cluster/forward.h"

#include <stdlib.h>

static int forward_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			   struct cryo_err *err)
{
	(void)cli;
	(void)opts;
	(void)err;
	*exit_code = cryo_forward_main((unsigned)strtoul(args[0], NULL, 10));
	return 0;
}

const struct cryo_cmd cryo_cmd_forward = {
	.name = "internal-forward",
	.usage = "PORT",
	.summary = "carry connections into a node (started by up)",
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.run = forward_cmd_run,
};
