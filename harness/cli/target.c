/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from what else commands share: it brings all kinds of clusters with it. */
#include "cli/cli.h"

int cryo_cli_target(const struct cryo_cli *cli, struct cryo_cluster **out, struct cryo_err *err)
{
	return cryo_cluster_open(cli->target, cli->name, out, err);
}
