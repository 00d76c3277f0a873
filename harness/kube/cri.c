/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/cri.h"

#include "conf/json.h"
#include "kube/cri_call.h"

int cryo_cri_sandboxes(const void *body, size_t n, struct cryo_strv *ids, struct cryo_err *err)
{
	CriSandboxes *all = NULL;

	if (cri_is_whole(body, n))
		all = cri_sandboxes__unpack(NULL, n - CRI_HEAD, (const uint8_t *)body + CRI_HEAD);
	if (!all)
		return cryo_err_set(err, CRYO_E_REMOTE,
				    "container runtime: the list of pods is malformed");
	for (size_t i = 0; i < all->n_items; i++)
		if (all->items[i]->id)
			cryo_strv_add(ids, all->items[i]->id);
	cri_sandboxes__free_unpacked(all, NULL);
	return 0;
}

static int remove_container_by_id(const char *socket, const char *id, struct cryo_err *err)
{
	static const char *const calls[] = { "StopPodSandbox", "RemovePodSandbox" };
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	CriSandboxId m = CRI_SANDBOX_ID__INIT;
	int rc = 0;

	m.pod_sandbox_id = (char *)id;
	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(calls); i++)
		rc = cri_call(socket, calls[i], &m.base, 0, &resp, err);
	return rc;
}

int cryo_cri_remove_all(const char *socket, size_t *n, struct cryo_err *err)
{
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	cryo_auto(cryo_strv_release) struct cryo_strv ids = { 0 };
	int rc = cri_call(socket, "ListPodSandbox", NULL, 0, &resp, err);

	*n = 0;
	if (rc == 0)
		rc = cryo_cri_sandboxes(resp.body.p, resp.body.len, &ids, err);
	for (size_t i = 0; rc == 0 && i < ids.n; i++) {
		rc = remove_container_by_id(socket, ids.v[i], err);
		*n += rc == 0;
	}
	return rc;
}

enum cryo_cri_restore cryo_cri_restore_option(const json_t *config)
{
	const json_t *on = json_object_get(config, "enableExperimentalRestoreViaCreate");

	if (!json_is_boolean(on))
		return CRYO_CRI_RESTORE_UNKNOWN;
	return json_is_true(on) ? CRYO_CRI_RESTORE_ON : CRYO_CRI_RESTORE_OFF;
}

static enum cryo_cri_restore read_restore_option(const char *config)
{
	cryo_auto(cryo_json_decref) json_t *j = json_loads(config, 0, NULL);

	return cryo_cri_restore_option(j);
}

int cryo_cri_read_restore(const void *body, size_t n, enum cryo_cri_restore *out,
			  struct cryo_err *err)
{
	CriStatus *status = NULL;

	*out = CRYO_CRI_RESTORE_UNKNOWN;
	if (cri_is_whole(body, n))
		status = cri_status__unpack(NULL, n - CRI_HEAD, (const uint8_t *)body + CRI_HEAD);
	if (!status)
		return cryo_err_set(err, CRYO_E_REMOTE,
				    "container runtime: the status is malformed");
	for (size_t i = 0; i < status->n_info; i++)
		if (cryo_streq(status->info[i]->key, "config") && status->info[i]->value)
			*out = read_restore_option(status->info[i]->value);
	cri_status__free_unpacked(status, NULL);
	return 0;
}

int cryo_cri_restore_ability(const char *socket, enum cryo_cri_restore *out, struct cryo_err *err)
{
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	CriStatusQuery m = CRI_STATUS_QUERY__INIT;
	int rc;

	m.has_verbose = m.verbose = 1;
	rc = cri_call(socket, "Status", &m.base, 0, &resp, err);
	return rc < 0 ? rc : cryo_cri_read_restore(resp.body.p, resp.body.len, out, err);
}
