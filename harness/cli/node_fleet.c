/* SPDX-License-Identifier: Apache-2.0 */
/* `cryopod node fleet`: in a pod of `cryopod node manifest`, for the host below /host. */
#include "cli/node_cmd.h"

#include "conf/json.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/proc.h"

#include <string.h>
#include <unistd.h>

#define HOST_DIR    "/var/lib/cryopod/fleet"
#define FLEET_MS    2400000
#define ANNOTATE_MS 60000

static int copy_to_host(const char *from, const char *name, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *to = cryo_asprintf("/host" HOST_DIR "/%s", name);
	int rc = cryo_fs_mkparents(to, 0700, err);

	return rc < 0 ? rc : cryo_fs_copy(from, to, 0700, err);
}

/* In the namespaces of the host's first process: with its root and its systemctl. */
static int run_on_host(const char *const *argv, const char *input, int64_t limit_ms,
		       struct cryo_err *err)
{
	struct cryo_proc p = {
		.argv = argv, .input = input, .timeout_ms = limit_ms, .enter_pid = 1
	};

	return cryo_proc_run(&p, NULL, err);
}

static char *make_event(const char *name, const char *reason, const char *message)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_json_decref) json_t *event = json_pack(
	    "{ss ss s{ss ss} s{ss ss ss ss} ss ss ss s{ss}}", "apiVersion", "v1", "kind", "Event",
	    "metadata", "generateName", "cryopod-node-", "namespace", "default", "involvedObject",
	    "apiVersion", "v1", "kind", "Node", "name", name, "uid", name, "reason", reason,
	    "message", message, "type", strcmp(reason, "Installed") == 0 ? "Normal" : "Warning",
	    "source", "component", "cryopod");

	cryo_json_dump(event, &text);
	return cryo_str_detach(&text);
}

/* Servers as admin, agents as their kubelet, which may write both about its own node. */
static void report_result(const char *state, const char *message)
{
	cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };
	cryo_auto(cryo_free) char *a = cryo_asprintf("cryopod.dev/state=%s", state);
	cryo_auto(cryo_free) char *b = cryo_asprintf("cryopod.dev/message=%.200s", message);
	cryo_auto(cryo_free) char *event = NULL;
	const char *kubectl = CRYO_RKE2_DATA_DIR "/bin/kubectl", *config;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_rke2_node_look("/host", &n, &ignored) < 0)
		return;
	config = n.role[0] == 's' ? "/etc/rancher/rke2/rke2.yaml"
				  : CRYO_RKE2_DATA_DIR "/agent/kubelet.kubeconfig";
	run_on_host((const char *const[]){ kubectl, "--kubeconfig", config, "annotate",
					   "--overwrite", "node", n.name, a, b, NULL },
		    NULL, ANNOTATE_MS, &ignored);
	event = make_event(n.name, strcmp(state, "installed") == 0 ? "Installed" : "InstallFailed",
			   *message ? message : "cryopod is installed");
	run_on_host(
	    (const char *const[]){ kubectl, "--kubeconfig", config, "create", "-f", "-", NULL },
	    event, ANNOTATE_MS, &ignored);
}

/* What keeps the pod of a DaemonSet running. */
static int stay_running(struct cryo_err *err)
{
	int rc;

	do
		rc = cryo_intr_sleep(INT32_MAX, err);
	while (rc == 0);
	return rc;
}

int node_cmd_fleet(const struct node_opts *o, int *exit_code, struct cryo_err *err)
{
	const char *const install[] = { HOST_DIR "/cryopod",	   "node", "install", "--bundle",
					HOST_DIR "/bundle.tar.gz", NULL };
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc;

	(void)exit_code;
	if (o->keep)
		return stay_running(err);
	if (!o->bundle || !cryo_fs_is_dir("/host/etc"))
		return cryo_err_set(err, CRYO_E_USAGE,
				    "node fleet: only in a pod of `cryopod node manifest`");
	rc = copy_to_host("/proc/self/exe", "cryopod", err);
	if (rc == 0)
		rc = copy_to_host(o->bundle, "bundle.tar.gz", err);
	if (rc == 0)
		rc = run_on_host(install, NULL, FLEET_MS, err);
	report_result(rc == 0 ? "installed" : "failed", rc == 0 ? "" : err->msg);
	cryo_fs_rmtree("/host" HOST_DIR, &ignored);
	return rc;
}
