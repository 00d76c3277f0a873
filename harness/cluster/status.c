/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/status.h"

#include "cluster/kind.h"

#include <stdlib.h>
#include <string.h>

int cryo_cluster_status(struct cryo_cluster *t, struct cryo_cluster_status *out,
			struct cryo_err *err)
{
	int rc;

	*out = (struct cryo_cluster_status){ .name = cryo_strdup(t->name), .kind = t->ops->kind };
	rc = t->ops->status(t, out, err);
	if (rc < 0)
		cryo_cluster_status_release(out);
	return rc;
}

static void release_service_status(struct cryo_service_status *s)
{
	free(s->name);
	free(s->version);
	free(s->stamp);
}

static void release_node_status(struct cryo_node_status *n)
{
	for (size_t i = 0; i < n->services; i++)
		release_service_status(&n->service[i]);
	free(n->service);
	free(n->name);
	free(n->api.kubelet);
	free(n->api.runtime);
}

void cryo_cluster_status_release(struct cryo_cluster_status *s)
{
	for (size_t i = 0; i < s->nodes; i++)
		release_node_status(&s->node[i]);
	for (size_t i = 0; i < CRYO_CAPABILITIES; i++) {
		free(s->can[i].how);
		free(s->can[i].why_not);
	}
	free(s->node);
	free(s->name);
	free(s->reason);
	free(s->kubeconfig);
	free(s->context);
	free(s->stack);
	free(s->stamp);
	json_decref(s->builds);
	free(s->from);
	free(s->engine.cluster);
	free(s->engine.image);
	free(s->engine.name);
	free(s->engine.socket);
	*s = (struct cryo_cluster_status){ 0 };
}

struct cryo_node_status *cryo_status_add_node(struct cryo_cluster_status *s,
					      const struct cryo_cluster_node *n)
{
	s->node = cryo_realloc(s->node, s->nodes + 1, sizeof(*s->node));
	s->node[s->nodes] =
	    (struct cryo_node_status){ .name = cryo_strdup(n->name), .role = n->role };
	return &s->node[s->nodes++];
}

struct cryo_service_status *cryo_status_add_service(struct cryo_node_status *n, const char *name)
{
	n->service = cryo_realloc(n->service, n->services + 1, sizeof(*n->service));
	n->service[n->services] =
	    (struct cryo_service_status){ .name = cryo_strdup(name), .pid = -1 };
	return &n->service[n->services++];
}

const struct cryo_node_status *cryo_status_find_node(const struct cryo_cluster_status *s,
						     const char *name)
{
	for (size_t i = 0; i < s->nodes; i++)
		if (strcmp(s->node[i].name, name) == 0)
			return &s->node[i];
	return NULL;
}
