/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fleets: Kubernetes runs `cryopod node fleet` on each node. The image of these pods holds two
 * files, /cryopod (make node) and /bundle.tar.gz; who pushes it names it. Source:
 * system-upgrade-controller, Plan of upgrade.cattle.io/v1, which mounts the host at /host.
 */
#include "cli/node_cmd.h"

#include "conf/json.h"
#include "conf/yaml.h"

#include <stdio.h>

#define DEFAULT_IMAGE "cryopod/node:latest"
#define CONTROL	      "node-role.kubernetes.io/control-plane"

static json_t *fleet_command(void)
{
	return json_pack("[sssss]", "/cryopod", "node", "fleet", "--bundle", "/bundle.tar.gz");
}

/* Two plans: the agents' is applied when the servers' is complete. */
static json_t *make_upgrade_plan(const char *role, const struct node_opts *o)
{
	bool server = role[0] == 's';
	const char *image = o->image ? o->image : DEFAULT_IMAGE;
	cryo_auto(cryo_free) char *name = cryo_asprintf("cryopod-%s", role);
	json_t *spec =
	    json_pack("{si sb ss ss so so so}", "concurrency", 1, "cordon", 1, "serviceAccountName",
		      "system-upgrade", "version", "latest", "nodeSelector",
		      json_pack("{s[{ss ss}]}", "matchExpressions", "key", CONTROL, "operator",
				server ? "Exists" : "DoesNotExist"),
		      "tolerations", json_pack("[{ss}]", "operator", "Exists"), "upgrade",
		      json_pack("{ss so}", "image", image, "command", fleet_command()));

	if (o->drain)
		json_object_set_new(spec, "drain",
				    json_pack("{sb sb sb}", "force", 1, "ignoreDaemonSets", 1,
					      "deleteEmptydirData", 1));
	return json_pack("{ss ss s{ss ss} so}", "apiVersion", "upgrade.cattle.io/v1", "kind",
			 "Plan", "metadata", "name", name, "namespace", "system-upgrade", "spec",
			 spec);
}

/* The install is an init container; what stays afterwards does nothing. */
static json_t *make_pod_spec(const char *image)
{
	json_t *install = json_pack("{ss ss so s{sb} s[{ss ss}]}", "name", "install", "image",
				    image, "command", fleet_command(), "securityContext",
				    "privileged", 1, "volumeMounts", "name", "host", "mountPath",
				    "/host");
	json_t *stay = json_pack("{ss ss s[ssss]}", "name", "stay", "image", image, "command",
				 "/cryopod", "node", "fleet", "--keep");

	return json_pack("{sb sb s[{ss}] s[o] s[o] s[{ss s{ss}}]}", "hostPID", 1, "hostNetwork", 1,
			 "tolerations", "operator", "Exists", "initContainers", install,
			 "containers", stay, "volumes", "name", "host", "hostPath", "path", "/");
}

/* One node at a time; a node that fails stops the update of the rest. */
static json_t *make_daemon_set(const char *image)
{
	json_t *template = json_pack("{s{s{ss}} so}", "metadata", "labels", "app", "cryopod-node",
				     "spec", make_pod_spec(image));
	json_t *spec = json_pack("{s{s{ss}} s{ss s{si}} so}", "selector", "matchLabels", "app",
				 "cryopod-node", "updateStrategy", "type", "RollingUpdate",
				 "rollingUpdate", "maxUnavailable", 1, "template", template);

	return json_pack("{ss ss s{ss ss} so}", "apiVersion", "apps/v1", "kind", "DaemonSet",
			 "metadata", "name", "cryopod-node", "namespace", "kube-system", "spec",
			 spec);
}

static void print_document(json_t *doc)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	cryo_yaml_emit(doc, &text);
	printf("---\n%s", cryo_str_get(&text));
	json_decref(doc);
}

int node_cmd_manifest(const struct node_opts *o, int *exit_code, struct cryo_err *err)
{
	const char *image = o->image ? o->image : DEFAULT_IMAGE;

	(void)exit_code;
	(void)err;
	printf("# Made by `cryopod node manifest`. The image holds two files, /cryopod (make node) "
	       "and\n"
	       "# /bundle.tar.gz (cryopod bundle create): docs/rke2.md, \"Fleets\".\n");
	if (o->plain) {
		print_document(make_daemon_set(image));
		return 0;
	}
	print_document(make_upgrade_plan("server", o));
	print_document(make_upgrade_plan("agent", o));
	return 0;
}
