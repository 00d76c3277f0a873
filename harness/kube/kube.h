/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes API client over net/http: objects, wait conditions, pod logs and
 * the checkpoint request. Objects are jansson values. A Status answer becomes a
 * one-line error, status CRYO_E_REMOTE, http_code = HTTP code.
 */
#ifndef CRYO_KUBE_KUBE_H
#define CRYO_KUBE_KUBE_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

struct cryo_http_opts;
struct cryo_kube;

/* Server and identity as for cryo_http_new. */
struct cryo_kube *cryo_kube_new(const struct cryo_http_opts *opts);
void cryo_kube_free(struct cryo_kube *k);
CRYO_DEFINE_AUTO(struct cryo_kube, cryo_kube_free)

/* GET /readyz: 0 ready; 1 not yet (or nothing listens); negative: error. *why: what is missing,
 * caller frees. */
int cryo_kube_ready(struct cryo_kube *k, char **why, struct cryo_err *err);

/* `resource` is the plural ("pods", "nodes"); with a group: "deployments.apps". ns NULL:
 * cluster-scoped. */
struct cryo_kube_ref {
	const char *resource, *ns, *name;
};

/* 0 and *out (new reference), NULL in *out when it does not exist. */
int cryo_kube_get(struct cryo_kube *k, const struct cryo_kube_ref *ref, json_t **out,
		  struct cryo_err *err);
int cryo_kube_list(struct cryo_kube *k, const char *resource, const char *ns,
		   const char *label_selector, json_t **items, struct cryo_err *err);

enum cryo_kube_change { CRYO_KUBE_CREATED, CRYO_KUBE_CONFIGURED, CRYO_KUBE_UNCHANGED };
/* Server-side apply, field manager "cryopod", forced. UNCHANGED looks past the server's own
 * bookkeeping. `ns` for objects that name none; kinds are looked up by discovery. */
int cryo_kube_apply(struct cryo_kube *k, const json_t *object, const char *ns,
		    enum cryo_kube_change *change, struct cryo_err *err);
/* POST; fails with 409 if it exists. */
int cryo_kube_create(struct cryo_kube *k, const json_t *object, const char *ns,
		     struct cryo_err *err);
/* The same; *created is the object as the server has it, new reference. */
int cryo_kube_create_get(struct cryo_kube *k, const json_t *object, const char *ns,
			 json_t **created, struct cryo_err *err);
/* Gives a pod that has no node one, as a scheduler does. */
int cryo_kube_bind(struct cryo_kube *k, const char *ns, const char *pod, const char *node,
		   struct cryo_err *err);
/* All documents of a manifest file, in order; each is an INFO event "pod/counter created". */
int cryo_kube_apply_file(struct cryo_kube *k, const char *path, const char *ns,
			 struct cryo_err *err);
/* 0 gone (wait_ms > 0: waited for, by watch); 1: was not there. grace_s < 0: the object's own. */
int cryo_kube_delete(struct cryo_kube *k, const struct cryo_kube_ref *ref, int grace_s,
		     int64_t wait_ms, struct cryo_err *err);
/* That very object, and no other of its name; gone already is fine. */
int cryo_kube_delete_uid(struct cryo_kube *k, const struct cryo_kube_ref *ref, const char *uid,
			 int grace_s, int64_t wait_ms, struct cryo_err *err);
/* Opaque Secret or kubernetes.io/tls, data given as plain bytes: base64 is made here. */
struct cryo_kube_datum {
	const char *key, *value;
	size_t len;
};
int cryo_kube_create_secret(struct cryo_kube *k, const char *ns, const char *name, const char *type,
			    const struct cryo_kube_datum *data, size_t n, struct cryo_err *err);

/*
 * What is waited for: 1 it holds, 0 not yet, negative: will never hold (set err).
 * `object` NULL: it does not exist. *why: what is missing, for the time-out's message (owned by the
 * caller of the test; may stay NULL).
 */
typedef int (*cryo_kube_test)(const json_t *object, void *arg, char **why, struct cryo_err *err);
/* Look, then watch from that version; no polling. Outlives closed watches and a server that
 * restarts meanwhile; the first look must succeed. timeout: -CRYO_E_TIMEOUT "waited 30.0 s for pod
 * 'x': …why". last (may be NULL): the object as last seen or NULL, new reference, also after a
 * failure. */
int cryo_kube_wait(struct cryo_kube *k, const struct cryo_kube_ref *ref, cryo_kube_test test,
		   void *arg, int64_t timeout_ms, json_t **last, struct cryo_err *err);
/* Tests that exist. arg of _condition: the condition's name ("Ready") with status True.
 * pod_running: phase Running and all containers running; fails at once on what cannot heal
 * (ErrImageNeverPull, CreateContainerError, Failed …) and says the message. */
int cryo_kube_test_condition(const json_t *object, void *arg, char **why, struct cryo_err *err);
int cryo_kube_test_exists(const json_t *object, void *arg, char **why, struct cryo_err *err);
int cryo_kube_test_gone(const json_t *object, void *arg, char **why, struct cryo_err *err);
int cryo_kube_test_pod_running(const json_t *object, void *arg, char **why, struct cryo_err *err);

struct cryo_kube_log_opts {
	const char *ns, *pod, *container; /* container NULL: the only one */
	bool timestamps;		  /* RFC3339Nano and a blank before each line */
	bool follow;
	bool previous;
	int64_t tail;				     /* lines; 0: all */
	int64_t timeout_ms;			     /* 0: none */
	int (*on_line)(const char *line, void *arg); /* non-zero ends it (success) */
	void *arg;
};
int cryo_kube_logs(struct cryo_kube *k, const struct cryo_kube_log_opts *opts,
		   struct cryo_err *err);
/* Newest events of an object, one line each, for failure reports; "" if none. Caller frees. Never
 * fails. */
char *cryo_kube_events(struct cryo_kube *k, const char *ns, const char *kind, const char *name);

/* Any request: json body or NULL; *out may be NULL. */
int cryo_kube_raw(struct cryo_kube *k, const char *method, const char *path, const json_t *body,
		  int64_t timeout_ms, json_t **out, struct cryo_err *err);

#endif
