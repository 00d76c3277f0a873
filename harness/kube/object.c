/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/internal.h"

#include "conf/json.h"

#include <stdlib.h>
#include <string.h>

#define READY_TIMEOUT_MS 3000

int cryo_kube_path(struct cryo_kube *k, const struct cryo_kube_ref *ref, struct cryo_str *path,
		   struct cryo_err *err)
{
	const char *dot = strchr(ref->resource, '.'), *version;
	cryo_auto(cryo_free) char *resource =
	    cryo_strndup(ref->resource, strcspn(ref->resource, "."));
	cryo_auto(cryo_free) char *api_version = NULL;
	int rc = dot ? cryo_kube_group_version(k, dot + 1, &version, err) : 0;

	if (rc < 0)
		return rc;
	api_version = dot ? cryo_asprintf("%s/%s", dot + 1, version) : cryo_strdup("v1");
	cryo_kube_base(api_version, path);
	return cryo_kube_path_below(resource, ref->ns, ref->name, path, err);
}

char *cryo_kube_noun(const char *resource)
{
	size_t n = strcspn(resource, ".");

	return cryo_strndup(resource, n > 1 && resource[n - 1] == 's' ? n - 1 : n);
}

bool cryo_kube_is_absent(const struct cryo_http_resp *resp)
{
	cryo_auto(cryo_json_decref) json_t *status = NULL;

	if (resp->code != 404)
		return false;
	status = json_loadb(cryo_str_get(&resp->body), resp->body.len, 0, NULL);
	return cryo_json_str(status, "details.name");
}

int cryo_kube_get(struct cryo_kube *k, const struct cryo_kube_ref *ref, json_t **out,
		  struct cryo_err *err)
{
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 };
	struct cryo_err refusal = CRYO_ERR_INIT;
	int rc = cryo_kube_path(k, ref, &path, err);

	if (rc < 0)
		return rc;
	rc = cryo_kube_do(k, &(struct cryo_http_req){ .path = path.p }, &resp, &refusal);
	if (rc == 0)
		return cryo_kube_parse(&resp, out, err);
	*out = NULL;
	if (cryo_kube_is_absent(&resp))
		return 0;
	*err = refusal;
	return rc;
}

json_t *cryo_kube_items(json_t *list)
{
	json_t *items = cryo_json_at(list, "items"), *item;
	const char *kind = cryo_json_str(list, "kind");
	size_t i;

	if (!json_is_array(items) || !kind || !cryo_ends_with(kind, "List"))
		return NULL;
	json_array_foreach(items, i, item) {
		if (cryo_json_str(item, "kind"))
			continue;
		json_object_set_new(item, "kind", json_stringn(kind, strlen(kind) - 4));
		json_object_set(item, "apiVersion", json_object_get(list, "apiVersion"));
	}
	return items;
}

int cryo_kube_list(struct cryo_kube *k, const char *resource, const char *ns,
		   const char *label_selector, json_t **items, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { .resource = resource, .ns = ns };
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 };
	cryo_auto(cryo_json_decref) json_t *list = NULL;
	int rc = cryo_kube_path(k, &ref, &path, err);

	if (rc == 0 && label_selector)
		cryo_kube_query(&path, "labelSelector", label_selector);
	if (rc == 0)
		rc = cryo_kube_raw(k, NULL, path.p, NULL, 0, &list, err);
	if (rc < 0)
		return rc;
	*items = json_incref(cryo_kube_items(list));
	return *items ? 0
		      : cryo_err_set(err, CRYO_E_REMOTE, "the server's answer is not a list of %s",
				     resource);
}

/* The lines of a /readyz answer that name what is missing: "[-]etcd failed: reason withheld". */
static char *list_unready_parts(const char *text)
{
	struct cryo_str parts = { 0 };
	const char *line = text;

	while ((line = strstr(line, "[-]"))) {
		line += 3;
		cryo_str_addf(&parts, "%s%.*s", parts.len ? ", " : "", (int)strcspn(line, " \n"),
			      line);
	}
	return parts.len ? cryo_str_detach(&parts) : cryo_kube_first_line(text);
}

int cryo_kube_ready(struct cryo_kube *k, char **why, struct cryo_err *err)
{
	const struct cryo_http_req req = { .path = "/readyz",
					   .timeout_ms = READY_TIMEOUT_MS,
					   .accept = "*/*" };
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	struct cryo_err trouble = CRYO_ERR_INIT;
	int rc = cryo_kube_do(k, &req, &resp, &trouble);

	*why = NULL;
	if (rc == 0)
		return 0;
	if (resp.code >= 500)
		*why = list_unready_parts(cryo_str_get(&resp.body));
	else if (rc == -CRYO_E_TIMEOUT || cryo_http_refused(k->http))
		*why = cryo_strdup(trouble.msg);
	if (*why)
		return 1;
	*err = trouble;
	return rc;
}
