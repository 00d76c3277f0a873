/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http.h"

#include "base/clock.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_MS	   30000
#define CONNECT_TIMEOUT_MS 10000
#define MAX_BODY	   ((size_t)64 << 20)

CRYO_DEFINE_AUTO(struct curl_slist, curl_slist_free_all)

struct cryo_http {
	CURLM *multi;
	CURL *easy; /* one, reset for each request: it keeps the connections */
	char *base_url, *unix_path, *ca_pem, *cert_pem, *key_pem;
	bool insecure, direct, http2;
	bool elsewhere; /* sockets belong into netns_fd, and nowhere else if that is no use */
	int netns_fd, own_netns_fd;
	int socket_errno; /* why the last socket could not be made */
	bool refused;
};

/* One request on its way. */
struct transfer {
	struct cryo_http *h;
	const struct cryo_http_req *req;
	struct cryo_http_resp *resp;
	size_t max_body;
	bool too_large, ended; /* why the body was not taken to its end: by us, by on_data */
	char message[CURL_ERROR_SIZE];
};

struct cryo_http *cryo_http_new(const struct cryo_http_opts *opts)
{
	struct cryo_http *h = cryo_alloc(sizeof(*h));

	h->easy = curl_easy_init();
	h->multi = curl_multi_init();
	/* Both fail for want of memory only. */
	if (!h->easy || !h->multi)
		abort();
	h->base_url = cryo_strdup(opts->base_url);
	h->unix_path = cryo_strdup(opts->unix_path);
	h->ca_pem = cryo_strdup(opts->ca_pem);
	h->cert_pem = cryo_strdup(opts->cert_pem);
	h->key_pem = cryo_strdup(opts->key_pem);
	h->insecure = opts->insecure;
	h->http2 = opts->http2;
	/* A proxy is not reachable from another network. */
	h->direct = opts->direct || opts->netns_fd >= 0;
	h->elsewhere = opts->netns_fd >= 0;
	h->netns_fd = h->elsewhere ? fcntl(opts->netns_fd, F_DUPFD_CLOEXEC, 3) : -1;
	h->own_netns_fd = -1;
	return h;
}

void cryo_http_free(struct cryo_http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->easy);
	curl_multi_cleanup(h->multi);
	cryo_fd_closep(&h->netns_fd);
	cryo_fd_closep(&h->own_netns_fd);
	free(h->base_url);
	free(h->unix_path);
	free(h->ca_pem);
	free(h->cert_pem);
	if (h->key_pem)
		explicit_bzero(h->key_pem, strlen(h->key_pem));
	free(h->key_pem);
	free(h);
}

void cryo_http_resp_release(struct cryo_http_resp *r)
{
	cryo_str_release(&r->body);
	*r = (struct cryo_http_resp){ 0 };
}

bool cryo_http_refused(const struct cryo_http *h)
{
	return h->refused;
}

char *cryo_http_escape(const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0);
	char *copy = cryo_strdup(escaped ? escaped : "");

	curl_free(escaped);
	return copy;
}

static bool enter_http_netns(struct cryo_http *h)
{
	if (h->own_netns_fd < 0)
		h->own_netns_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return h->own_netns_fd >= 0 && setns(h->netns_fd, CLONE_NEWNET) == 0;
}

/* A socket belongs for ever to the namespace it was made in; the thread need not stay there. */
static curl_socket_t http_on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct cryo_http *h = arg;
	int fd = -1;

	(void)purpose;
	if (h->elsewhere && !enter_http_netns(h)) {
		h->socket_errno = errno;
		return CURL_SOCKET_BAD;
	}
	fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	h->socket_errno = fd < 0 ? errno : 0;
	/* In a strange network everything after this would go wrong in silence. */
	if (h->elsewhere && setns(h->own_netns_fd, CLONE_NEWNET) < 0)
		abort();
	return fd;
}

static size_t http_on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	long code = 0;

	n *= size;
	curl_easy_getinfo(t->h->easy, CURLINFO_RESPONSE_CODE, &code);
	if (t->req->on_data && code / 100 == 2) {
		t->ended = t->req->on_data(data, n, t->req->on_data_arg) != 0;
		return t->ended ? 0 : n;
	}
	t->too_large = n > t->max_body - t->resp->body.len;
	if (t->too_large)
		return 0;
	cryo_str_addn(&t->resp->body, data, n);
	return n;
}

static void set_curl_blob(CURL *easy, CURLoption option, char *pem)
{
	struct curl_blob blob = { pem, pem ? strlen(pem) : 0, CURL_BLOB_NOCOPY };

	if (pem)
		curl_easy_setopt(easy, option, &blob);
}

static void set_client_identity(struct cryo_http *h)
{
	set_curl_blob(h->easy, CURLOPT_SSLCERT_BLOB, h->cert_pem);
	set_curl_blob(h->easy, CURLOPT_SSLKEY_BLOB, h->key_pem);
	if (h->insecure) {
		curl_easy_setopt(h->easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(h->easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (h->ca_pem) {
		set_curl_blob(h->easy, CURLOPT_CAINFO_BLOB, h->ca_pem);
		/* The blob replaces the system's bundle, but not the system's directory. */
		curl_easy_setopt(h->easy, CURLOPT_CAPATH, NULL);
	}
}

static void set_request_method(CURL *easy, const struct cryo_http_req *req)
{
	const char *method = req->method ? req->method : "GET";

	if (req->body || strcmp(method, "POST") == 0) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, req->body ? req->body : "");
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static struct curl_slist *make_request_headers(const struct cryo_http_req *req)
{
	cryo_auto(cryo_free) char *accept =
	    cryo_asprintf("Accept: %s", req->accept ? req->accept : "application/json");
	cryo_auto(cryo_free) char *type = cryo_asprintf(
	    "Content-Type: %s", req->content_type ? req->content_type : "application/json");
	struct curl_slist *list = curl_slist_append(NULL, accept);

	list = curl_slist_append(list, type);
	if (req->header)
		list = curl_slist_append(list, req->header);
	/* Large bodies are sent at once, without asking first. */
	return curl_slist_append(list, "Expect:");
}

static void prepare_transfer(struct transfer *t, const char *url, struct curl_slist *headers)
{
	CURL *easy = t->h->easy;

	curl_easy_reset(easy);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	/* Taking "/x/.." out of a path would name another object. */
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
			 t->h->http2 ? (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
				     : (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "cryopod");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->message);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, http_on_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t->h);
	if (t->h->unix_path)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, t->h->unix_path);
	if (t->h->direct)
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	set_request_method(easy, t->req);
	set_client_identity(t->h);
}

/* Sleeps until something moves, at most until `deadline` (0: none). */
static int wait_for_transfer(struct cryo_http *h, int64_t deadline, int64_t limit_ms,
			     struct cryo_err *err)
{
	struct curl_waitfd intr = { .fd = cryo_intr_fd(), .events = CURL_WAIT_POLLIN };
	int64_t left = deadline ? deadline - cryo_now_ms() : INT_MAX;
	int rc;

	if (left <= 0) {
		cryo_auto(cryo_free) char *shown = cryo_duration_show(limit_ms);

		return cryo_err_set(err, CRYO_E_TIMEOUT, "no complete answer from '%s' within %s",
				    h->base_url, shown);
	}
	rc = (int)curl_multi_poll(h->multi, &intr, intr.fd >= 0,
				  (int)(left < INT_MAX ? left : INT_MAX), NULL);
	if (rc != CURLM_OK)
		return cryo_err_set(err, CRYO_E_REMOTE, "%s", curl_multi_strerror((CURLMcode)rc));
	return cryo_intr_check(err);
}

/* Runs to the end; *code is curl's verdict. */
static int run_http_transfer(struct cryo_http *h, int64_t limit_ms, CURLcode *code,
			     struct cryo_err *err)
{
	int64_t deadline = limit_ms < 0 ? 0 : cryo_now_ms() + limit_ms;
	int running = 1, rest, rc = 0;
	CURLMsg *msg;

	while (rc == 0) {
		CURLMcode mc = curl_multi_perform(h->multi, &running);

		if (mc != CURLM_OK)
			return cryo_err_set(err, CRYO_E_REMOTE, "%s", curl_multi_strerror(mc));
		if (!running)
			break;
		rc = wait_for_transfer(h, deadline, limit_ms, err);
	}
	while ((msg = curl_multi_info_read(h->multi, &rest)))
		if (msg->msg == CURLMSG_DONE)
			*code = msg->data.result;
	return rc;
}

static bool is_connection_refusal(struct cryo_http *h, CURLcode code)
{
	double connected = 0;

	curl_easy_getinfo(h->easy, CURLINFO_CONNECT_TIME, &connected);
	/* A forwarder without a server behind it takes the connection and drops it. */
	return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
	       code == CURLE_SSL_CONNECT_ERROR ||
	       (code == CURLE_OPERATION_TIMEDOUT && connected <= 0);
}

static void keep_response_reason(struct transfer *t)
{
	struct curl_header *found;
	unsigned origin = CURLH_HEADER | CURLH_TRAILER;

	if (t->req->reason &&
	    curl_easy_header(t->h->easy, t->req->reason, 0, origin, -1, &found) == CURLHE_OK)
		snprintf(t->resp->reason, sizeof(t->resp->reason), "%s", found->value);
}

static int judge_transfer(struct transfer *t, CURLcode code, struct cryo_err *err)
{
	struct cryo_http *h = t->h;
	const char *why = *t->message ? t->message : curl_easy_strerror(code);
	long os_errno = 0;

	if (code == CURLE_OK || t->ended)
		return 0;
	/* gRPC servers say "no" before they have read the request, and then reset its stream: the
	 * answer is whole if what was waited for has come (RFC 9113, 8.1). */
	if (code == CURLE_HTTP2_STREAM && *t->resp->reason)
		return 0;
	if (t->too_large)
		return cryo_err_set(err, CRYO_E_REMOTE,
				    "the answer from '%s' is larger than %zu bytes", h->base_url,
				    t->max_body);
	if (h->socket_errno)
		return cryo_err_sys(err, h->socket_errno, "cannot make a socket for '%s'",
				    h->base_url);
	h->refused = is_connection_refusal(h, code);
	curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &os_errno);
	if (code == CURLE_COULDNT_CONNECT && os_errno)
		why = strerror((int)os_errno);
	return cryo_err_set(err, CRYO_E_REMOTE,
			    h->refused ? "cannot connect to '%s': %s"
				       : "request to '%s' failed: %s",
			    h->base_url, why);
}

int cryo_http_do(struct cryo_http *h, const struct cryo_http_req *req, struct cryo_http_resp *resp,
		 struct cryo_err *err)
{
	struct transfer t = { .h = h,
			      .req = req,
			      .resp = resp,
			      .max_body = req->max_body ? req->max_body : MAX_BODY };
	cryo_auto(cryo_free) char *url = cryo_asprintf("%s%s", h->base_url, req->path);
	cryo_auto(curl_slist_free_all) struct curl_slist *headers = make_request_headers(req);
	const char *type = NULL;
	CURLcode code = CURLE_OK;
	int rc;

	cryo_http_resp_release(resp);
	h->refused = false;
	h->socket_errno = 0;
	prepare_transfer(&t, url, headers);
	curl_multi_add_handle(h->multi, h->easy);
	rc = run_http_transfer(h, req->timeout_ms ? req->timeout_ms : TIMEOUT_MS, &code, err);
	keep_response_reason(&t);
	if (rc == 0)
		rc = judge_transfer(&t, code, err);
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &resp->code);
	curl_easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &type);
	snprintf(resp->content_type, sizeof(resp->content_type), "%s", type ? type : "");
	curl_multi_remove_handle(h->multi, h->easy);
	return rc;
}
