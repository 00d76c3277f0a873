/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/checkpoint.h"

#include "conf/json.h"
#include "kube/internal.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

/* The kubelet gives the runtime two minutes, and images of gigabytes take most of them. */
#define DEFAULT_TIMEOUT_MS (5 * 60 * 1000)
/* A server that keeps to the time limit itself may say so. */
#define SERVER_MARGIN_MS 30000
#define ANSWER_MAX	 ((size_t)1 << 20)

static const char *const form_name[] = {
	[CRYO_CHECKPOINT_NONE] = "none",       [CRYO_CHECKPOINT_PODS] = "pods",
	[CRYO_CHECKPOINT_PROXY] = "proxy",     [CRYO_CHECKPOINT_KUBELET] = "kubelet",
	[CRYO_CHECKPOINT_RUNTIME] = "runtime",
};

const char *cryo_checkpoint_form_name(enum cryo_checkpoint_form f)
{
	return form_name[f];
}

int cryo_checkpoint_form_parse(const char *text, enum cryo_checkpoint_form *out,
			       struct cryo_err *err)
{
	for (size_t i = CRYO_CHECKPOINT_PODS; i <= CRYO_CHECKPOINT_KUBELET; i++) {
		if (strcmp(text, form_name[i]) == 0) {
			*out = (enum cryo_checkpoint_form)i;
			return 0;
		}
	}
	return cryo_err_set(err, CRYO_E_USAGE,
			    "'%s' is not a valid form (valid values: pods, proxy, kubelet)", text);
}

/* …/checkpoint/NS/POD/CONTAINER, on the kubelet or behind the API server's proxy. */
static int add_checkpoint_path(struct cryo_str *path, const char *node, const char *ns,
			       const char *pod, const char *container, struct cryo_err *err)
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

/* …/namespaces/NS/pods/POD/checkpoint */
static int add_pods_path(struct cryo_str *path, const char *ns, const char *pod,
			 struct cryo_err *err)
{
	int rc;

	cryo_str_add(path, "/api/v1/namespaces");
	rc = cryo_kube_add_piece(path, "namespace", ns, err);
	cryo_str_add(path, "/pods");
	if (rc == 0)
		rc = cryo_kube_add_piece(path, "pod", pod, err);
	cryo_str_add(path, "/checkpoint");
	return rc;
}

int cryo_checkpoint_probe_pods(struct cryo_kube *k, bool *there, struct cryo_err *err)
{
	return cryo_kube_has_verb(k, "v1", "pods/checkpoint", "create", there, err);
}

static bool is_status_response(const struct cryo_http_resp *resp)
{
	cryo_auto(cryo_json_decref)
	    json_t *status = json_loadb(cryo_str_get(&resp->body), resp->body.len, 0, NULL);

	return cryo_streq(cryo_json_str(status, "kind"), "Status");
}

int cryo_checkpoint_probe(struct cryo_kube *k, const char *node, bool *there, struct cryo_err *err)
{
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 };
	int rc = add_checkpoint_path(&path, node, "probe", "probe", "probe", err);

	if (rc == 0)
		rc = cryo_http_do(k->http,
				  &(struct cryo_http_req){ .path = path.p, .accept = "*/*" }, &resp,
				  err);
	if (rc < 0)
		return rc;
	*there = resp.code == 405;
	/* A Status comes from the API server and is about the node. */
	if (*there || (resp.code == 404 && !is_status_response(&resp)))
		return 0;
	return cryo_kube_body_err(resp.code, cryo_str_get(&resp.body), resp.body.len, err);
}

/* In front of what the server says: what it means. Only for people; nothing is decided by it. */
static const char *explain_refusal_code(long code, const char *text)
{
	static const struct {
		long code;
		const char *piece, *words;
	} row[] = {
		{ 401, "", "the kubelet does not accept these credentials" },
		{ 403, "", "the kubelet does not allow checkpoints to this user" },
		{ 404, "pod does not exist", "no such pod on this node" },
		{ 404, "container ", "no such container in this pod" },
		{ 404, "404",
		  "the kubelet makes no checkpoints: its feature gate ContainerCheckpoint is off" },
		{ 500, "CheckpointContainer not implemented",
		  "the container runtime is too old (containerd before 2.0)" },
		{ 500, "unknown method CheckpointContainer",
		  "the container runtime is too old (containerd before 2.0)" },
		{ 500, "checkpoint/restore support not available",
		  "the container runtime has CRIU support disabled" },
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

static int set_remote_error(struct cryo_err *err, int code, const char *fmt, ...) CRYO_PRINTF(3, 4);
static int set_remote_error(struct cryo_err *err, int code, const char *fmt, ...)
{
	cryo_auto(cryo_free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = cryo_vasprintf(fmt, ap);
	va_end(ap);
	cryo_err_set(err, CRYO_E_REMOTE, "%s", text);
	err->http_code = code;
	return -(int)CRYO_E_REMOTE;
}

static int report_refused_request(const struct cryo_http_resp *resp, struct cryo_err *err)
{
	const char *text = cryo_str_get(&resp->body);
	const char *words = is_status_response(resp) ? NULL
						     : explain_refusal_code(resp->code, text);
	cryo_auto(cryo_free) char *line = cryo_kube_first_line(text);

	if (!words)
		return cryo_kube_body_err(resp->code, text, resp->body.len, err);
	return set_remote_error(err, (int)resp->code, "%s: %s", words, line);
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

static int take_archive_items(const struct cryo_http_resp *resp, struct cryo_checkpoint_answer *out,
			      struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *answer = NULL;
	int rc = cryo_kube_parse(resp, &answer, err);

	if (rc < 0)
		return rc;
	if (json_array_size(json_object_get(answer, "items")) != 1 ||
	    !is_archive_path(cryo_json_str(answer, "items[0]")))
		return set_remote_error(err, (int)resp->code,
					"the kubelet's answer does not name one archive: %.200s",
					cryo_str_get(&resp->body));
	out->path = cryo_strdup(cryo_json_str(answer, "items[0]"));
	return 0;
}

/* The code of a failure: the Status' own, if it is one, else that of HTTP. */
static int choose_failure_code(const json_t *status, long http_code)
{
	int64_t code = cryo_json_int(status, "code", 0);

	if (code >= 400 && code <= 599)
		return (int)code;
	return http_code >= 400 ? (int)http_code : 500;
}

static int report_failed_checkpoint(const json_t *status, long http_code, struct cryo_err *err)
{
	int code = choose_failure_code(status, http_code);
	const char *text = cryo_json_str(status, "message");
	/* The server's own 404s say what they mean; these words are for what a runtime said. */
	const char *words = code == 500 && text ? explain_refusal_code(code, text) : NULL;

	if (words)
		return set_remote_error(err, code, "%s: %s", words, text);
	cryo_kube_status_err(status, code, err);
	/* The server waits no longer; the dump may go on. */
	if (code == 504)
		err->status = CRYO_E_TIMEOUT;
	return -(int)err->status;
}

/* A node's name ends up in paths of requests and files. */
static bool is_node_name(const char *s)
{
	size_t n = s ? strlen(s) : 0;

	return n > 0 && n <= 253 && *s != '.' && *s != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n;
}

static int take_success_status(const json_t *status, const struct cryo_http_resp *resp,
			       struct cryo_checkpoint_answer *out, struct cryo_err *err)
{
	const char *path = cryo_json_str(status, "details.kind");
	const char *node = cryo_json_str(status, "details.name");

	if (resp->code / 100 != 2 || cryo_json_int(status, "code", 200) / 100 != 2)
		return set_remote_error(err, choose_failure_code(status, resp->code),
					"the server's answer contradicts itself: %.200s",
					cryo_str_get(&resp->body));
	if (!is_archive_path(path) || !is_node_name(node))
		return set_remote_error(
		    err, (int)resp->code,
		    "the server's answer does not name an archive and its node: "
		    "%.200s",
		    cryo_str_get(&resp->body));
	out->path = cryo_strdup(path);
	out->node = cryo_strdup(node);
	return 0;
}

static int take_checkpoint_status(const struct cryo_http_resp *resp,
				  struct cryo_checkpoint_answer *out, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *status = NULL;
	cryo_auto(cryo_free) char *line = NULL;
	const char *verdict;

	status = json_loadb(cryo_str_get(&resp->body), resp->body.len, 0, NULL);
	verdict = cryo_json_str(status, "status");
	if (cryo_streq(cryo_json_str(status, "kind"), "Status")) {
		if (cryo_streq(verdict, "Failure"))
			return report_failed_checkpoint(status, resp->code, err);
		if (cryo_streq(verdict, "Success"))
			return take_success_status(status, resp, out, err);
	}
	if (resp->code / 100 != 2)
		return report_refused_request(resp, err);
	line = cryo_kube_first_line(cryo_str_get(&resp->body));
	return set_remote_error(err, (int)resp->code,
				"the server's answer (%s) is not a Status: %.200s",
				*resp->content_type ? resp->content_type : "of no type", line);
}

void cryo_checkpoint_answer_release(struct cryo_checkpoint_answer *a)
{
	cryo_freep(&a->path);
	cryo_freep(&a->node);
}

static int64_t round_up_to_seconds(int64_t ms)
{
	return (ms + 999) / 1000;
}

/* Only what was said, in the order of the type; but a plain checkpoint is not the default. */
static int add_checkpoint_body(const struct cryo_checkpoint_req *req, struct cryo_str *out,
			       struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *body = json_object();
	bool text = true;

	if (req->body) {
		cryo_str_add(out, req->body);
		return 0;
	}
	if (req->container)
		text = json_object_set_new(body, "container", json_string(req->container)) == 0;
	if (req->timeout_ms > 0)
		json_object_set_new(body, "timeout",
				    json_integer(round_up_to_seconds(req->timeout_ms)));
	if (req->leave != CRYO_LEAVE_UNSAID)
		json_object_set_new(body, "leaveRunning",
				    json_boolean(req->leave == CRYO_LEAVE_RUNNING));
	json_object_set_new(body, "encrypt", json_boolean(req->encryption_secret != NULL));
	if (req->encryption_secret)
		text = json_object_set_new(body, "encryptionSecret",
					   json_string(req->encryption_secret)) == 0 &&
		       text;
	cryo_json_dump(body, out);
	return text ? 0 : cryo_err_set(err, CRYO_E_CONFIG, "a name is not UTF-8 text");
}

/* What the stock kubelet has no word for must not be lost in silence. */
static int check_stock_request(const struct cryo_checkpoint_req *req, struct cryo_err *err)
{
	const char *what = req->encryption_secret	      ? "encryption"
			   : req->leave == CRYO_LEAVE_STOPPED ? "leaveRunning=false"
			   : req->body			      ? "a body"
			   : req->container		      ? NULL
							      : "a container left unnamed";

	return what ? cryo_err_set(err, CRYO_E_CONFIG, "the form %s has no word for %s",
				   form_name[req->form], what)
		    : 0;
}

int cryo_checkpoint_request(const struct cryo_checkpoint_req *req, struct cryo_str *path,
			    struct cryo_str *body, struct cryo_err *err)
{
	int rc;

	if (req->form == CRYO_CHECKPOINT_PODS) {
		rc = add_checkpoint_body(req, body, err);
		return rc < 0 ? rc : add_pods_path(path, req->ns, req->pod, err);
	}
	rc = check_stock_request(req, err);
	if (rc == 0)
		rc = add_checkpoint_path(path,
					 req->form == CRYO_CHECKPOINT_PROXY ? req->node : NULL,
					 req->ns, req->pod, req->container, err);
	if (rc == 0 && req->timeout_ms > 0)
		cryo_str_addf(path, "?timeout=%" PRId64, round_up_to_seconds(req->timeout_ms));
	return rc;
}

/* The kubelet gives the runtime two minutes at least: a shorter limit is ours to keep. */
static int64_t compute_call_limit(const struct cryo_checkpoint_req *req)
{
	int64_t dump = req->timeout_ms > 0 ? req->timeout_ms : DEFAULT_TIMEOUT_MS;

	if (req->form == CRYO_CHECKPOINT_PODS && req->timeout_ms > 0)
		dump += SERVER_MARGIN_MS;
	return req->limit_ms > 0 && (req->limit_ms < dump || req->timeout_ms == 0) ? req->limit_ms
										   : dump;
}

/* "Impersonate-User: …"; a name that would start a header of its own is refused. */
static int make_user_header(const char *user, char **header, struct cryo_err *err)
{
	for (const char *c = user; c && *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a user name", user);
	*header = user ? cryo_asprintf("Impersonate-User: %s", user) : NULL;
	return 0;
}

int cryo_checkpoint_take(const struct cryo_http_resp *resp, bool pods,
			 struct cryo_checkpoint_answer *out, struct cryo_err *err)
{
	if (pods)
		return take_checkpoint_status(resp, out, err);
	return resp->code / 100 == 2 ? take_archive_items(resp, out, err)
				     : report_refused_request(resp, err);
}

int cryo_checkpoint_call(struct cryo_kube *k, const struct cryo_checkpoint_req *req,
			 struct cryo_checkpoint_answer *out, struct cryo_err *err)
{
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str url = { 0 }, body = { 0 };
	cryo_auto(cryo_free) char *header = NULL;
	bool pods = req->form == CRYO_CHECKPOINT_PODS;
	struct cryo_http_req http = { .method = "POST", .timeout_ms = compute_call_limit(req) };
	int rc = cryo_checkpoint_request(req, &url, &body, err);

	if (rc == 0)
		rc = make_user_header(req->user, &header, err);
	http.path = url.p;
	http.header = header;
	http.accept = pods ? NULL : "*/*";
	http.body = pods ? cryo_str_get(&body) : NULL;
	http.body_len = body.len;
	http.max_body = ANSWER_MAX;
	if (rc == 0)
		rc = cryo_http_do(k->http, &http, &resp, err);
	if (rc == 0)
		rc = cryo_checkpoint_take(&resp, pods, out, err);
	return cryo_err_wrap(err, rc, "checkpoint of '%s/%s%s%s'", req->ns, req->pod,
			     req->container ? "/" : "", req->container ? req->container : "");
}
