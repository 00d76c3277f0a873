/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/cri.h"

#include "kube/cri_call.h"

#include <stdlib.h>
#include <string.h>

#define UNIMPLEMENTED "12" /* gRPC's code for a method that is not there */

int cryo_cri_has_pod_checkpoint(const char *socket, bool *there, struct cryo_err *err)
{
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	int rc = cri_call_status(socket, "CheckpointPod", NULL, &resp, err);

	*there = false;
	if (rc < 0)
		return rc;
	if (!*resp.reason)
		return cryo_err_set(err, CRYO_E_REMOTE,
				    "container runtime, CheckpointPod: unexpected answer");
	*there = strcmp(resp.reason, UNIMPLEMENTED) != 0;
	return 0;
}

int cryo_cri_read_sandbox(const void *body, size_t n, char **sandbox, struct cryo_err *err)
{
	CriContainers *all = NULL;

	if (cri_is_whole(body, n))
		all = cri_containers__unpack(NULL, n - CRI_HEAD, (const uint8_t *)body + CRI_HEAD);
	if (!all)
		return cryo_err_set(err, CRYO_E_REMOTE,
				    "container runtime: the list of containers is malformed");
	*sandbox = NULL;
	if (all->n_containers == 1 && all->containers[0]->pod_sandbox_id)
		*sandbox = cryo_strdup(all->containers[0]->pod_sandbox_id);
	cri_containers__free_unpacked(all, NULL);
	return *sandbox ? 0
			: cryo_err_set(err, CRYO_E_REMOTE, "container runtime: no such container");
}

static int find_sandbox(const char *socket, const char *container, char **sandbox,
			struct cryo_err *err)
{
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	CriContainerFilter filter = CRI_CONTAINER_FILTER__INIT;
	CriContainerQuery m = CRI_CONTAINER_QUERY__INIT;
	int rc;

	filter.id = (char *)container;
	m.filter = &filter;
	rc = cri_call(socket, "ListContainers", &m.base, 0, &resp, err);
	return rc < 0 ? rc : cryo_cri_read_sandbox(resp.body.p, resp.body.len, sandbox, err);
}

int cryo_cri_checkpoint_pod(const char *socket, const struct cryo_cri_pod_checkpoint *c,
			    struct cryo_err *err)
{
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	cryo_auto(cryo_free) char *sandbox = NULL;
	CriPodCheckpoint m = CRI_POD_CHECKPOINT__INIT;
	CriOption option = CRI_OPTION__INIT, *options[] = { &option };
	int rc = find_sandbox(socket, c->containers->v[0], &sandbox, err);

	if (rc < 0)
		return rc;
	option.key = "encryption-cert";
	option.value = (char *)c->cert;
	m.pod_sandbox_id = sandbox;
	m.output_path = (char *)c->dir;
	m.container_ids = c->containers->v;
	m.n_container_ids = c->containers->n;
	m.options = options;
	m.n_options = c->cert ? 1 : 0;
	return cri_call(socket, "CheckpointPod", &m.base, c->timeout_ms, &resp, err);
}
