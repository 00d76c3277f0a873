/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/cri_call.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

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

bool cri_is_whole(const void *body, size_t n)
{
	const unsigned char *p = body;
	uint32_t big;

	if (n < CRI_HEAD || p[0] != 0)
		return false;
	memcpy(&big, p + 1, sizeof(big));
	return ntohl(big) == n - CRI_HEAD;
}

/* A connection for each: libcurl 7.88 greets a server again on one that is used again, and that
 * hangs up then. */
static int post_cri_message(const char *socket, const char *call, const ProtobufCMessage *m,
			    int64_t timeout_ms, const char *reason, struct cryo_http_resp *resp,
			    struct cryo_err *err)
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
				     .reason = reason,
				     .timeout_ms = timeout_ms ? timeout_ms : CALL_MS,
				     .max_body = MAX_ANSWER };

	frame_cri_message(m, &body);
	req.body = body.p;
	req.body_len = body.len;
	return cryo_err_wrap(err, cryo_http_do(http, &req, resp, err), "container runtime, %s",
			     call);
}

/* An answer without a message is a "no", whose reason is in a header. */
int cri_call(const char *socket, const char *call, const ProtobufCMessage *m, int64_t timeout_ms,
	     struct cryo_http_resp *resp, struct cryo_err *err)
{
	int rc = post_cri_message(socket, call, m, timeout_ms, "grpc-message", resp, err);

	if (rc < 0 || (resp->code == 200 && cri_is_whole(resp->body.p, resp->body.len)))
		return rc;
	return cryo_err_set(err, CRYO_E_REMOTE, "container runtime, %s: %s", call,
			    *resp->reason ? resp->reason : "unexpected answer");
}

int cri_call_status(const char *socket, const char *call, const ProtobufCMessage *m,
		    struct cryo_http_resp *resp, struct cryo_err *err)
{
	return post_cri_message(socket, call, m, 0, "grpc-status", resp, err);
}
