/* SPDX-License-Identifier: Apache-2.0 */
/* What an API server tells of its cluster, and what can be done with it from here. */
#include "cluster/attached/attached.h"

#include "conf/json.h"
#include "kube/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#define NO_NODES "a cluster of kind 'attached' has no access to its nodes"

static json_t *describe_api_node(const json_t *node, const struct cryo_cluster_node *known)
{
	char ready[] = "Ready";
	char *why = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	bool is = cryo_kube_test_condition(node, ready, &why, &ignored) == 1;

	free(why);
	return json_pack("{ss ss sb ss? ss?}", "name", known->name, "role",
			 cryo_node_role_name(known->role), "ready", is, "version",
			 cryo_json_str(node, "status.nodeInfo.kubeletVersion"), "runtime",
			 cryo_json_str(node, "status.nodeInfo.containerRuntimeVersion"));
}

static json_t *describe_api_nodes(const struct cryo_cluster *t, const json_t *list)
{
	json_t *out = json_array(), *node;
	size_t j;

	for (size_t i = 0; i < t->nodes; i++)
		json_array_foreach(list, j, node)
			if (cryo_streq(cryo_json_str(node, "metadata.name"), t->node[i].name))
				json_array_append_new(out, describe_api_node(node, &t->node[i]));
	return out;
}

static enum cryo_checkpoint_form probe_api_form(const struct cryo_cluster *t, struct cryo_kube *k,
						struct cryo_err *err)
{
	bool there = false;

	if (cryo_checkpoint_probe_pods(k, &there, err) == 0 && there)
		return CRYO_CHECKPOINT_PODS;
	if (t->nodes && cryo_checkpoint_probe(k, t->node[0].name, &there, err) == 0 && there)
		return CRYO_CHECKPOINT_PROXY;
	return CRYO_CHECKPOINT_NONE;
}

/* The same words as of other kinds; what would need a look into a node is not there. */
static json_t *describe_capabilities(enum cryo_checkpoint_form form, const char *why)
{
	static const char *const beyond[] = { "pod-at-once", "restore", "encryption", "ip-sockets",
					      "node-access" };
	json_t *reasons = json_object();

	if (form == CRYO_CHECKPOINT_NONE)
		json_object_set_new(reasons, "checkpoint",
				    json_string(*why ? why : "no checkpoint route answers"));
	if (form != CRYO_CHECKPOINT_PODS)
		json_object_set_new(
		    reasons, "pods-checkpoint",
		    json_string("its API server has no pods/checkpoint (stock Kubernetes)"));
	for (size_t i = 0; i < CRYO_ARRAY_LEN(beyond); i++)
		json_object_set_new(reasons, beyond[i], json_string(NO_NODES));
	return json_pack("{ss? sb sb sn sn sb sn sb so}", "checkpoint",
			 form == CRYO_CHECKPOINT_NONE ? NULL : cryo_checkpoint_form_name(form),
			 "pods-checkpoint", form == CRYO_CHECKPOINT_PODS, "pod-at-once", 0,
			 "restore", "encryption", "ip-sockets", 0, "criu", "node-access", 0,
			 "reasons", reasons);
}

static int add_api_status(struct cryo_cluster *t, json_t *j, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	cryo_auto(cryo_json_decref) json_t *list = NULL;
	struct cryo_err why = CRYO_ERR_INIT;
	enum cryo_checkpoint_form form;
	int rc = attached_kube(t, &k, err);

	if (rc == 0)
		rc = cryo_kube_list(k, "nodes", NULL, NULL, &list, err);
	if (rc < 0)
		return rc;
	form = probe_api_form(t, k, &why);
	json_object_set_new(j, "nodes", describe_api_nodes(t, list));
	json_object_set_new(j, "capabilities", describe_capabilities(form, why.msg));
	return 0;
}

int attached_status(struct cryo_cluster *t, json_t **out, struct cryo_err *err)
{
	const struct attached *a = (const struct attached *)t;
	struct cryo_err why = CRYO_ERR_INIT;
	int rc;

	(void)err;
	*out = json_pack("{ss ss ss}", "name", t->name, "target", "attached", "state", "absent");
	if (!t->kubeconfig)
		return 0;
	json_object_set_new(*out, "kubeconfig", json_string(t->kubeconfig));
	if (a->context)
		json_object_set_new(*out, "context", json_string(a->context));
	rc = add_api_status(t, *out, &why);
	json_object_set_new(*out, "state", json_string(rc < 0 ? "unreachable" : "running"));
	if (rc < 0)
		json_object_set_new(*out, "reason", json_string(why.msg));
	return 0;
}
