/* SPDX-License-Identifier: Apache-2.0 */
/* All there is; the program for nodes has a shorter table (commands_node.c). */
#include "cli/cli.h"

#include "engine/private.h"

const struct cryo_cmd *const cryo_cmds[] = {
	&cryo_cmd_doctor,
	&cryo_cmd_sources,
	&cryo_cmd_stacks,
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
	&cryo_cmd_migrate,
	&cryo_cmd_inspect,
	&cryo_cmd_keygen,
	&cryo_cmd_seal,
	&cryo_cmd_unseal,
	&cryo_cmd_bundle,
	&cryo_cmd_node,
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
	&cryo_cmd_manual,
	&cryo_cmd_complete,
	NULL,
};

int (*const cryo_cli_runtime)(int argc, char **argv) = cryo_private_runtime_main;
