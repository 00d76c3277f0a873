/* SPDX-License-Identifier: Apache-2.0 */
/* The table of functions that make this a kind of cluster; nothing here calls it. */
#include "cluster/attached/attached.h"

const struct cryo_cluster_ops cryo_cluster_attached = {
	.kind = "attached",
	.size = sizeof(struct attached),
	.open = attached_open,
	.release = attached_release,
	.status = attached_status,
	.kube = attached_kube,
	.down = attached_down,
	.state = attached_state,
};
