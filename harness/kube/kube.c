/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/internal.h"

#include "conf/json.h"

#include <stdlib.h>
#include <string.h>

struct cryo_kube *cryo_kube_new(const struct cryo_http_opts *opts)
{
	struct cryo_kube *k = cryo_alloc(sizeof(*k));

	k->http = cryo_http_new(opts);
	k->cache = json_object();
	return k;
}

void cryo_kube_free(struct cryo_kube *k)
{
	if (!k)
		return;
	cryo_http_free(k->http);
	json_decref(k->cache);
	free(k);
}

int cryo_kube_do(struct cryo_kube *k, const struct cryo_http_req *req, struct cryo_http_resp *resp,
		 struct cryo_err *err)
{
	int rc = cryo_http_do(k->http, req, resp, err);

	if (rc == 0 && resp->code / 100 != 2)
		rc = cryo_kube_body_err(resp->code, cryo_str_get(&resp->body), resp->body.len, err);
	return rc;
}

int cryo_kube_parse(const struct cryo_http_resp *resp, json_t **out, struct cryo_err *err)
{
	int rc = cryo_json_parse("the server's answer", cryo_str_get(&resp->body), resp->body.len,
				 out, err);

	cryo_err_as(err, rc, CRYO_E_REMOTE);
	if (rc < 0)
		err->http_code = (int)resp->code;
	return rc < 0 ? -(int)CRYO_E_REMOTE : 0;
}

int cryo_kube_json(struct cryo_kube *k, const struct cryo_http_req *req, const json_t *body,
		   json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_http_req full = *req;
	int rc;

	if (body) {
		cryo_json_dump(body, &text);
		full.body = cryo_str_get(&text);
		full.body_len = text.len;
	}
	rc = cryo_kube_do(k, &full, &resp, err);
	return rc == 0 && out ? cryo_kube_parse(&resp, out, err) : rc;
}

int cryo_kube_raw(struct cryo_kube *k, const char *method, const char *path, const json_t *body,
		  int64_t timeout_ms, json_t **out, struct cryo_err *err)
{
	const struct cryo_http_req req = { .method = method,
					   .path = path,
					   .timeout_ms = timeout_ms };

	return cryo_kube_json(k, &req, body, out, err);
}
