/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/cri.h"

#include "conf/json.h"
#include "kube/cri.pb-c.h"
#include "net/http.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define HEAD	   5 /* of a gRPC message: a byte that says "plain", the length in network order */
#define CALL_MS	   30000
#define MAX_ANSWER (8u << 20)

static void frame_cri_message(const ProtobufCMessage *m, struct cryo_str *out)
{
	size_t len = m ? protobuf_c_message_get_packed_size(m) : 0;
	uint32_t big = htonl((uint32_t)len);
	cryo_auto(cryo_free) uint8_t *bytes = cryo_alloc(len + 1);

	if (m)
		protobuf_c_message_pack(m, bytes);
	cryo_str_addn(out, "", 1);
	cryo_str_addn(out, (const char *)&big, sizeof(big));
	cryo_str_addn(out, (const char *)bytes, len);
}

/* One whole plain message? */
static bool is_whole_message(const void *body, size_t n)
{
	const unsigned char *p = body;
	uint32_t big;

	if (n < HEAD || p[0] != 0)
		return false;
	memcpy(&big, p + 1, sizeof(big));
	return ntohl(big) == n - HEAD;
}

/* An answer without one is a "no", whose reason is in a header. */
static int check_answer(const struct cryo_http_resp *r, const char *call, struct cryo_err *err)
{
	if (r->code == 200 && is_whole_message(r->body.p, r->body.len))
		return 0;
	return cryo_err_set(err, CRYO_E_REMOTE, "container runtime, %s: %s", call,
			    *r->reason ? r->reason : "no answer that makes sense");
}

int cryo_cri_sandboxes(const void *body, size_t n, struct cryo_strv *ids, struct cryo_err *err)
{
	CriSandboxes *all = NULL;

	if (is_whole_message(body, n))
		all = cri_sandboxes__unpack(NULL, n - HEAD, (const uint8_t *)body + HEAD);
	if (!all)
		return cryo_err_set(err, CRYO_E_REMOTE,
				    "container runtime: its list of pods is damaged");
	for (size_t i = 0; i < all->n_items; i++)
		if (all->items[i]->id)
			cryo_strv_add(ids, all->items[i]->id);
	cri_sandboxes__free_unpacked(all, NULL);
	return 0;
}

/* A connection for each: libcurl 7.88 greets a server again on one that is used again, and that
 * hangs up then. */
static int call_runtime(const char *socket, const char *call, const ProtobufCMessage *m,
			struct cryo_http_resp *resp, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/runtime.v1.RuntimeService/%s", call);
	cryo_auto(cryo_str_release) struct cryo_str body = { 0 };
	const struct cryo_http_opts opts = { .base_url = "http://localhost",
					     .unix_path = socket,
					     .netns_fd = -1,
					     .direct = true,
					     .http2 = true };
	cryo_auto(cryo_http_free) struct cryo_http *http = cryo_http_new(&opts);
	struct cryo_http_req req = { .method = "POST",
				     .path = path,
				     .content_type = "application/grpc",
				     .accept = "application/grpc",
				     .header = "TE: trailers",
				     .reason = "grpc-message",
				     .timeout_ms = CALL_MS,
				     .max_body = MAX_ANSWER };
	int rc;

	frame_cri_message(m, &body);
	req.body = body.p;
	req.body_len = body.len;
	rc = cryo_http_do(http, &req, resp, err);
	if (rc < 0)
		return cryo_err_wrap(err, rc, "container runtime, %s", call);
	return check_answer(resp, call, err);
}

static int remove_container_by_id(const char *socket, const char *id, struct cryo_err *err)
{
	static const char *const calls[] = { "StopPodSandbox", "RemovePodSandbox" };
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	CriSandboxId m = CRI_SANDBOX_ID__INIT;
	int rc = 0;

	m.pod_sandbox_id = (char *)id;
	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(calls); i++)
		rc = call_runtime(socket, calls[i], &m.base, &resp, err);
	return rc;
}

int cryo_cri_remove_all(const char *socket, size_t *n, struct cryo_err *err)
{
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	cryo_auto(cryo_strv_release) struct cryo_strv ids = { 0 };
	int rc = call_runtime(socket, "ListPodSandbox", NULL, &resp, err);

	*n = 0;
	if (rc == 0)
		rc = cryo_cri_sandboxes(resp.body.p, resp.body.len, &ids, err);
	for (size_t i = 0; rc == 0 && i < ids.n; i++) {
		rc = remove_container_by_id(socket, ids.v[i], err);
		*n += rc == 0;
	}
	return rc;
}

static enum cryo_cri_restore read_restore_option(const char *config)
{
	cryo_auto(cryo_json_decref) json_t *j = json_loads(config, 0, NULL);
	const json_t *on = json_object_get(j, "enableExperimentalRestoreViaCreate");

	if (!json_is_boolean(on))
		return CRYO_CRI_RESTORE_UNKNOWN;
	return json_is_true(on) ? CRYO_CRI_RESTORE_ON : CRYO_CRI_RESTORE_OFF;
}

int cryo_cri_read_restore(const void *body, size_t n, enum cryo_cri_restore *out,
			  struct cryo_err *err)
{
	CriStatus *status = NULL;

	*out = CRYO_CRI_RESTORE_UNKNOWN;
	if (is_whole_message(body, n))
		status = cri_status__unpack(NULL, n - HEAD, (const uint8_t *)body + HEAD);
	if (!status)
		return cryo_err_set(err, CRYO_E_REMOTE, "container runtime: its status is damaged");
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
	rc = call_runtime(socket, "Status", &m.base, &resp, err);
	return rc < 0 ? rc : cryo_cri_read_restore(resp.body.p, resp.body.len, out, err);
}
