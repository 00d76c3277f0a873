/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP client over libcurl. Connections can be made inside another network
 * namespace (each socket is created there, the program itself stays where it
 * is). Waits are interruptible. TLS material is PEM text in memory.
 */
#ifndef CRYO_NET_HTTP_H
#define CRYO_NET_HTTP_H

#include "base/err.h"
#include "base/str.h"

struct cryo_http_opts {
	const char *base_url; /* "https://127.0.0.1:6443", copied */
	const char *ca_pem;   /* NULL: system roots. All PEM texts are copied */
	const char *cert_pem; /* client certificate and key, or NULL */
	const char *key_pem;
	bool insecure;	       /* do not verify the server (a kubelet's self-signed certificate) */
	const char *unix_path; /* a socket in the file system instead of base_url's host; NULL */
	int netns_fd; /* -1: this process' network; else borrowed for the call (duplicated) */
	bool direct;  /* ignore proxy settings of the environment */
	bool http2;   /* from the first byte on, as gRPC servers without TLS want it */
};

struct cryo_http; /* keeps connections alive between requests */
struct cryo_http *cryo_http_new(const struct cryo_http_opts *opts);
void cryo_http_free(struct cryo_http *h);
CRYO_DEFINE_AUTO(struct cryo_http, cryo_http_free)

struct cryo_http_req {
	const char *method; /* NULL: GET */
	const char *path;   /* appended to base_url, already escaped */
	const char *body;   /* NULL: none */
	size_t body_len;
	const char *content_type; /* of the body; NULL: application/json */
	const char *accept;	  /* NULL: application/json */
	const char *header;	  /* one more, "Name: value"; NULL: none */
	const char *reason;	  /* header or trailer that goes into the answer's; NULL: none */
	int64_t timeout_ms;	  /* whole request; 0: 30 s; -1: none */
	size_t max_body; /* larger answers are refused; 0: 64 MiB. Does not count for on_data */
	/* Called for each piece of a 2xx body as it comes, instead of collecting it. Non-zero
	 * return ends the request, which counts as success. Must not use the same client. */
	int (*on_data)(const char *data, size_t n, void *arg);
	void *on_data_arg;
};

struct cryo_http_resp {
	long code;
	struct cryo_str body; /* owned */
	char content_type[64];
	char reason[256]; /* "": it has no such header */
};
void cryo_http_resp_release(struct cryo_http_resp *r);
#define cryo_http_resp_releasep cryo_http_resp_release

/*
 * 0 for every complete answer, whatever its code: callers judge that. Redirects are not followed.
 * `resp` starts zeroed; what it holds from an earlier request is dropped.
 *   -CRYO_E_TIMEOUT, -CRYO_E_INTERRUPTED
 *   -CRYO_E_REMOTE   no connection, TLS failure, cut short; http_code 0.
 *                    cryo_http_refused() tells a server that is not there (yet).
 */
int cryo_http_do(struct cryo_http *h, const struct cryo_http_req *req, struct cryo_http_resp *resp,
		 struct cryo_err *err);
bool cryo_http_refused(const struct cryo_http *h); /* last failure: could not connect */

char *cryo_http_escape(
    const char *text); /* percent-encoding of one path or query piece; caller frees */

#endif
