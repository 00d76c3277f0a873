/* SPDX-License-Identifier: Apache-2.0 */
/* What an API server tells of its cluster. */
#include "cluster/attached/attached.h"

#include "conf/json.h"

#include <stdlib.h>
#include <string.h>

static void add_api_node(struct cryo_cluster_status *s, const struct cryo_cluster_node *known,
			 const json_t *node)
{
	char ready[] = "Ready";
	cryo_auto(cryo_free) char *why = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct cryo_node_status *n = cryo_status_add_node(s, known);

	n->api.only = true;
	n->api.ready = cryo_kube_test_condition(node, ready, &why, &ignored) == 1;
	n->api.kubelet = cryo_strdup(cryo_json_str(node, "status.nodeInfo.kubeletVersion"));
	n->api.runtime =
	    cryo_strdup(cryo_json_str(node, "status.nodeInfo.containerRuntimeVersion"));
}

static int look_at_api(struct cryo_cluster *t, struct cryo_cluster_status *s, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	cryo_auto(cryo_json_decref) json_t *list = NULL;
	int rc = attached_kube(t, &k, err);

	if (rc == 0)
		rc = cryo_kube_list(k, "nodes", NULL, NULL, &list, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < t->nodes; i++) {
		const json_t *node = cryo_json_find(list, "metadata.name", t->node[i].name);

		if (node)
			add_api_node(s, &t->node[i], node);
	}
	return 0;
}

int attached_status(struct cryo_cluster *t, struct cryo_cluster_status *s, struct cryo_err *err)
{
	const struct attached *a = (const struct attached *)t;
	struct cryo_err why = CRYO_ERR_INIT;

	(void)err;
	s->state = "absent";
	if (!t->kubeconfig)
		return 0;
	s->kubeconfig = cryo_strdup(t->kubeconfig);
	s->context = cryo_strdup(a->context);
	s->runs = look_at_api(t, s, &why) == 0;
	s->state = s->runs ? "running" : "unreachable";
	if (!s->runs)
		s->reason = cryo_strdup(why.msg);
	return 0;
}
