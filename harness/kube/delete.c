/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/internal.h"

#include "conf/json.h"

#include <string.h>

/* The object of that uid, if it has one, is no more: another of its name does not count. */
static int test_gone_uid(const json_t *object, void *uid, char **why, struct cryo_err *err)
{
	const char *now = cryo_json_str(object, "metadata.uid");

	if (uid && now && strcmp(uid, now) != 0)
		return 1;
	return cryo_kube_test_gone(object, NULL, why, err);
}

/* 0 asked for, 1 not there. *uid: of the object (caller frees), from it or a Status about it. */
static int request_deletion(struct cryo_kube *k, const char *path, const json_t *opts, char **uid,
			    struct cryo_err *err)
{
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str body = { 0 };
	cryo_auto(cryo_json_decref) json_t *answer = NULL;
	struct cryo_http_req req = { .method = "DELETE", .path = path };
	struct cryo_err refusal = CRYO_ERR_INIT;
	int rc;

	cryo_json_dump(opts, &body);
	req.body = body.p;
	req.body_len = body.len;
	rc = cryo_kube_do(k, &req, &resp, &refusal);
	if (rc < 0 && cryo_kube_is_absent(&resp))
		return 1;
	if (rc == 0)
		rc = cryo_kube_parse(&resp, &answer, &refusal);
	if (rc < 0) {
		*err = refusal;
		return rc;
	}
	*uid = cryo_strdup(cryo_json_str(answer, "metadata.uid"));
	if (!*uid)
		*uid = cryo_strdup(cryo_json_str(answer, "details.uid"));
	return 0;
}

int cryo_kube_delete(struct cryo_kube *k, const struct cryo_kube_ref *ref, int grace_s,
		     int64_t wait_ms, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref)
	    json_t *opts = json_pack("{s:s, s:s, s:s}", "apiVersion", "v1", "kind", "DeleteOptions",
				     "propagationPolicy", "Background");
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 };
	cryo_auto(cryo_free) char *uid = NULL;
	int rc = cryo_kube_path(k, ref, &path, err);

	if (grace_s >= 0)
		json_object_set_new(opts, "gracePeriodSeconds", json_integer(grace_s));
	if (rc == 0)
		rc = request_deletion(k, path.p, opts, &uid, err);
	if (rc == 0 && wait_ms > 0)
		rc = cryo_kube_wait(k, ref, test_gone_uid, uid, wait_ms, NULL, err);
	return rc;
}

int cryo_kube_delete_uid(struct cryo_kube *k, const struct cryo_kube_ref *ref, const char *uid,
			 int grace_s, int64_t wait_ms, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref)
	    json_t *opts = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind",
				     "DeleteOptions", "preconditions", "uid", uid);
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 };
	cryo_auto(cryo_free) char *answered = NULL;
	int rc = cryo_kube_path(k, ref, &path, err);

	if (rc == 0 && !opts)
		rc = cryo_err_set(err, CRYO_E_REMOTE, "the object has no uid");
	if (rc == 0 && grace_s >= 0)
		json_object_set_new(opts, "gracePeriodSeconds", json_integer(grace_s));
	if (rc == 0)
		rc = request_deletion(k, path.p, opts, &answered, err);
	if (rc == 0 && wait_ms > 0)
		rc = cryo_kube_wait(k, ref, test_gone_uid, (void *)uid, wait_ms, NULL, err);
	return rc < 0 ? rc : 0;
}
