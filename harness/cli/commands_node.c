/* SPDX-License-Identifier: Apache-2.0 */
/* The static program for nodes: what needs neither sources, nor builds, nor clusters of ours. */
#include "cli/cli.h"

const struct cryo_cmd *const cryo_cmds[] = {
	&cryo_cmd_bundle,
	&cryo_cmd_node,
	&cryo_cmd_help,
	NULL,
};

int (*const cryo_cli_runtime)(int argc, char **argv) = NULL;
