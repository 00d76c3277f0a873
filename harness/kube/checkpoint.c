/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/checkpoint.h"

#include "conf/json.h"
#include "kube/internal.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

/* The kubelet gives the runtime two minutes, and images of gigabytes take most of them. */
#define DEFAULT_TIMEOUT_MS (5 * 60 * 1000)

const char *cryo_checkpoint_form_name(enum cryo_checkpoint_form f)
{
	static const char *const name[] = {
		[CRYO_CHECKPOINT_NONE] = "none",
		[CRYO_CHECKPOINT_PROXY] = "proxy",
		[CRYO_CHECKPOINT_KUBELET] = "kubelet",
	};

	return name[f];
}

/* …/checkpoint/NS/POD/CONTAINER, on the kubelet or behind the API server's proxy. */
static int add_path(struct cryo_str *path, const char *node, const char *ns, const char *pod,
		    const char *container, struct cryo_err *err)
{
	int rc = 0;

	if (node) {
		cryo_str_add(path, "/api/v1/nodes");
		rc = cryo_kube_add_piece(path, "node", node, err);
		cryo_str_add(path, "/proxy");
	}
	cryo_str_add(path, "/checkpoint");
	if (rc == 0)
		rc = cryo_kube_add_piece(path, "namespace", ns, err);
	if (rc == 0)
		rc = cryo_kube_add_piece(path, "pod", pod, err);
	if (rc == 0)
		rc = cryo_kube_add_piece(path, "container", container, err);
	return rc;
}

static bool is_status(const struct cryo_http_resp *resp)
{
	cryo_auto(cryo_json_decref)
	    json_t *status = json_loadb(cryo_str_get(&resp->body), resp->body.len, 0, NULL);

	return cryo_streq(cryo_json_str(status, "kind"), "Status");
}

int cryo_checkpoint_probe(struct cryo_kube *k, const char *node, bool *there, struct cryo_err *err)
{
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 };
	int rc = add_path(&path, node, "probe", "probe", "probe", err);

	if (rc == 0)
		rc = cryo_http_do(k->http,
				  &(struct cryo_http_req){ .path = path.p, .accept = "*/*" }, &resp,
				  err);
	if (rc < 0)
		return rc;
	*there = resp.code == 405;
	/* A Status comes from the API server and is about the node. */
	if (*there || (resp.code == 404 && !is_status(&resp)))
		return 0;
	return cryo_kube_body_err(resp.code, cryo_str_get(&resp.body), resp.body.len, err);
}

/* In front of what the server says: what it means. Only for people; nothing is decided by it. */
static const char *plain_words(long code, const char *text)
{
	static const struct {
		long code;
		const char *piece, *words;
	} row[] = {
		{ 401, "", "the kubelet does not know who asks" },
		{ 403, "", "the kubelet does not allow checkpoints to this user" },
		{ 404, "pod does not exist", "no such pod on this node" },
		{ 404, "container ", "no such container in this pod" },
		{ 404, "404",
		  "the kubelet takes no checkpoints: its feature gate "
		  "ContainerCheckpoint is off" },
		{ 500, "CheckpointContainer not implemented",
		  "the container runtime is too old (containerd before 2.0)" },
		{ 500, "unknown method CheckpointContainer",
		  "the container runtime is too old (containerd before 2.0)" },
		{ 500, "checkpoint/restore support not available",
		  "the container runtime has its CRIU support switched off" },
		{ 500, "CRIU binary not found", "criu is missing on the node, or older than 3.16" },
		{ 500, "containers can be checkpointed", "the container is not running" },
		{ 500, "criu failed", "CRIU could not dump the container, see its dump.log" },
		{ 500, "DeadlineExceeded", "the container runtime did not finish in time" },
	};

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		if (row[i].code == code && strstr(text, row[i].piece))
			return row[i].words;
	return NULL;
}

static int refused(const struct cryo_http_resp *resp, struct cryo_err *err)
{
	const char *text = cryo_str_get(&resp->body);
	const char *words = is_status(resp) ? NULL : plain_words(resp->code, text);
	cryo_auto(cryo_free) char *line = cryo_kube_first_line(text);

	if (!words)
		return cryo_kube_body_err(resp->code, text, resp->body.len, err);
	cryo_err_set(err, CRYO_E_REMOTE, "%s: %s", words, line);
	err->sys_errno = (int)resp->code;
	return -(int)CRYO_E_REMOTE;
}

/* The node may be anybody's: its answer names a file that we will read and remove as root. */
static bool is_archive_path(const char *path)
{
	size_t n = path ? strlen(path) : 0;

	if (n == 0 || n >= PATH_MAX || *path != '/' || !cryo_ends_with(path, ".tar"))
		return false;
	for (const char *c = path; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f || cryo_starts_with(c, "/../"))
			return false;
	return true;
}

static int take_answer(const struct cryo_http_resp *resp, char **path, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *answer = NULL;
	const json_t *items;
	int rc = cryo_kube_parse(resp, &answer, err);

	if (rc < 0)
		return rc;
	items = json_object_get(answer, "items");
	if (json_array_size(items) != 1 || !is_archive_path(cryo_json_str(answer, "items[0]"))) {
		cryo_err_set(err, CRYO_E_REMOTE,
			     "the kubelet's answer does not name one archive: %.200s",
			     cryo_str_get(&resp->body));
		err->sys_errno = (int)resp->code;
		return -(int)CRYO_E_REMOTE;
	}
	*path = cryo_strdup(cryo_json_str(answer, "items[0]"));
	return 0;
}

int cryo_checkpoint_call(struct cryo_kube *k, const struct cryo_checkpoint_req *req, char **path,
			 struct cryo_err *err)
{
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str url = { 0 };
	struct cryo_http_req http = { .method = "POST",
				      .accept = "*/*",
				      .timeout_ms = req->timeout_ms ? req->timeout_ms
								    : DEFAULT_TIMEOUT_MS };
	int rc = add_path(&url, req->node, req->ns, req->pod, req->container, err);

	if (req->timeout_ms > 0)
		cryo_str_addf(&url, "?timeout=%" PRId64, (req->timeout_ms + 999) / 1000);
	http.path = url.p;
	if (rc == 0)
		rc = cryo_http_do(k->http, &http, &resp, err);
	if (rc == 0)
		rc = resp.code / 100 == 2 ? take_answer(&resp, path, err) : refused(&resp, err);
	return cryo_err_wrap(err, rc, "checkpoint of '%s/%s/%s'", req->ns, req->pod,
			     req->container);
}
