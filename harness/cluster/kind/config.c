/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kind's cluster configuration (kind.x-k8s.io/v1alpha4): what the user wrote, and
 * what checkpoints and this machine need, added behind it.
 */
#include "cluster/kind/kindc.h"

#include "conf/yaml.h"

#include <stdio.h>
#include <string.h>

#define API_VERSION "kind.x-k8s.io/v1alpha4"
#define MAX_NODES   16

static int check_nodes(const struct cryo_node *list, struct cryo_err *err)
{
	unsigned controls = 0;

	if (!list)
		return 0;
	if (list->kind != CRYO_NODE_SEQ)
		return cryo_node_err(list, err, "'nodes' is not a list");
	for (size_t i = 0; i < list->n; i++) {
		const struct cryo_node *role = cryo_node_get(list->child[i], "role");
		const char *text = role && role->text ? role->text : "control-plane";

		if (strcmp(text, "control-plane") != 0 && strcmp(text, "worker") != 0)
			return cryo_node_err(role, err,
					     "unknown role '%s' (valid values: control-plane, "
					     "worker)",
					     text);
		controls += strcmp(text, "control-plane") == 0;
		/* kind starts a load balancer for them, from an image of another project. */
		if (controls > 1)
			return cryo_node_err(list->child[i], err,
					     "more than one control plane is not supported");
	}
	return 0;
}

static int check_user_config(const struct cryo_node *n, struct cryo_err *err)
{
	const struct cryo_node *kind = cryo_node_get(n, "kind");
	const struct cryo_node *version = cryo_node_get(n, "apiVersion");

	if (n->kind != CRYO_NODE_MAP)
		return cryo_node_err(n, err, "not a configuration of a kind cluster");
	if (!kind || !cryo_streq(kind->text, "Cluster"))
		return cryo_node_err(kind ? kind : n, err, "kind is not 'Cluster'");
	if (!version || !cryo_streq(version->text, API_VERSION))
		return cryo_node_err(version ? version : n, err, "apiVersion is not '%s'",
				     API_VERSION);
	return check_nodes(cryo_node_get(n, "nodes"), err);
}

static int load_user_config(const char *file, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_yaml_release) struct cryo_yaml y = { 0 };
	int rc = cryo_yaml_load(file, &y, err);

	if (rc < 0)
		return rc;
	if (y.n != 1)
		return cryo_err_set(err, CRYO_E_CONFIG, "%s: holds %zu documents, not one", file,
				    y.n);
	rc = check_user_config(y.doc[0], err);
	if (rc == 0)
		*out = cryo_node_to_json(y.doc[0]);
	return rc;
}

static json_t *default_config(unsigned nodes)
{
	json_t *list = json_pack("[{ss}]", "role", "control-plane");

	for (unsigned i = 1; i < nodes; i++)
		json_array_append_new(list, json_pack("{ss}", "role", "worker"));
	return json_pack("{ss ss so}", "apiVersion", API_VERSION, "kind", "Cluster", "nodes", list);
}

/* What is there already stays in front: a later patch wins. */
static void add_patch(json_t *config, const char *list, const char *patch)
{
	if (!json_is_array(json_object_get(config, list)))
		json_object_set_new(config, list, json_array());
	json_array_append_new(json_object_get(config, list), json_string(patch));
}

static bool kubernetes_at_least(const char *version, unsigned minor)
{
	unsigned major = 0, have = 0;

	return version && sscanf(version, "v%u.%u", &major, &have) == 2 &&
	       (major > 1 || have >= minor);
}

static void add_needs(const struct kindc_wish *w, json_t *config)
{
	json_t *gates = json_object_get(config, "featureGates");

	json_object_set_new(config, "name", json_string(w->name));
	if (!json_is_object(gates))
		json_object_set_new(config, "featureGates", gates = json_object());
	json_object_set_new(gates, "ContainerCheckpoint", json_true());
	/* Tables of version 2 and no version: kind skips a patch of another one without a word. */
	if (w->restrict_oom)
		add_patch(config, "containerdConfigPatches",
			  "[plugins.\"io.containerd.grpc.v1.cri\"]\n"
			  "  restrict_oom_score_adj = true\n");
	/* From 1.35 on the kubelet does not start on cgroup v1 unless it is told to. */
	if (w->cgroup_v1 && kubernetes_at_least(w->kubernetes, 35))
		add_patch(config, "kubeadmConfigPatches",
			  "kind: KubeletConfiguration\nfailCgroupV1: false\n");
	if (w->port) {
		if (!json_is_object(json_object_get(config, "networking")))
			json_object_set_new(config, "networking", json_object());
		json_object_set_new(json_object_get(config, "networking"), "apiServerPort",
				    json_integer(w->port));
	}
}

int kindc_config(const struct kindc_wish *w, struct cryo_str *out, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *config = NULL;
	int rc = 0;

	if (w->file && w->nodes)
		return cryo_err_set(err, CRYO_E_USAGE, "--config and --nodes exclude each other");
	if (w->nodes > MAX_NODES)
		return cryo_err_set(err, CRYO_E_USAGE, "--nodes: at most %d", MAX_NODES);
	if (w->file)
		rc = load_user_config(w->file, &config, err);
	else
		config = default_config(w->nodes);
	if (rc < 0)
		return rc;
	add_needs(w, config);
	cryo_yaml_emit(config, out);
	return 0;
}
