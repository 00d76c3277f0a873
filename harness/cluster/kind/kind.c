/* SPDX-License-Identifier: Apache-2.0 */
/* The table of functions that make this a kind of cluster; nothing here calls it. */
#include "cluster/kind/kindc.h"

const struct cryo_cluster_ops cryo_cluster_kind_kind = {
	.kind = "kind",
	.size = sizeof(struct kindc),
	.open = kindc_open,
	.release = kindc_release,
	.status = kindc_status,
	.kube = kindc_kube,
	.down = kindc_down,
	.state = kindc_state,
	.up = kindc_up,
	.memory = kindc_memory,
	.kubelet = kindc_kubelet,
	.exec = kindc_exec,
	.runtime_socket = kindc_runtime_socket,
};
