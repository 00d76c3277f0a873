/* SPDX-License-Identifier: Apache-2.0 */
/* The table of functions that make this a kind of cluster; nothing here calls it. */
#include "cluster/local/doctor/doctor.h"
#include "cluster/local/local.h"
#include "cluster/local/template/template.h"

static const struct cryo_template_ops templates = {
	.list = local_template_list,
	.remove = local_template_remove,
	.clean = local_template_clean,
};

static const struct cryo_snapshot_ops snapshots = {
	.save = local_snapshot_save,
	.list = local_snapshot_list,
	.remove = local_snapshot_remove,
};

const struct cryo_cluster_ops cryo_cluster_local = {
	.kind = "local",
	.size = sizeof(struct local),
	.open = local_open,
	.release = local_release,
	.status = local_status,
	.kube = local_kube,
	.down = local_down,
	.state = local_state,
	.up = local_up,
	.prepared = local_prepared,
	.memory = local_memory,
	.kubelet = local_kubelet,
	.exec = local_exec,
	.get = local_get,
	.put = local_put,
	.link = local_link,
	.link_out = local_link_out,
	.runtime_socket = local_runtime_socket,
	.log_argv = local_log_argv,
	.templates = &templates,
	.snapshots = &snapshots,
	.checks = local_checks,
	.forward = local_forward_main,
};
