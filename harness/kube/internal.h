/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of kube/ share; no other room includes this. */
#ifndef CRYO_KUBE_INTERNAL_H
#define CRYO_KUBE_INTERNAL_H

#include "kube/checkpoint.h"
#include "kube/kube.h"
#include "net/http.h"

struct cryo_kube {
	struct cryo_http *http;
	json_t *cache; /* what discovery said: "apps" → "v1", "apps/v1" → list of resources */
};

/* status.c: an answer that is no 2xx; always -CRYO_E_REMOTE with http_code = code. */
int cryo_kube_status_err(const json_t *status, long code, struct cryo_err *err);
int cryo_kube_body_err(long code, const char *body, size_t n, struct cryo_err *err);
/* The first line of a text answer, at most 300 bytes; caller frees. */
char *cryo_kube_first_line(const char *text);

/* As cryo_http_do, but an answer that is no 2xx is an error (resp is filled in all the same). */
int cryo_kube_do(struct cryo_kube *k, const struct cryo_http_req *req, struct cryo_http_resp *resp,
		 struct cryo_err *err);
int cryo_kube_parse(const struct cryo_http_resp *resp, json_t **out, struct cryo_err *err);
/* A 404 that names the object; one without a name means there is no such kind. */
bool cryo_kube_is_absent(const struct cryo_http_resp *resp);
/* A JSON answer; `out` may be NULL. The method, path, type and time limit are those of `req`. */
int cryo_kube_json(struct cryo_kube *k, const struct cryo_http_req *req, const json_t *body,
		   json_t **out, struct cryo_err *err);

/* Appends the path of an object, or of all of a kind (name NULL). */
int cryo_kube_path(struct cryo_kube *k, const struct cryo_kube_ref *ref, struct cryo_str *path,
		   struct cryo_err *err);
/* Appends "/" and a name, which is refused if it would lead elsewhere ("..", "a/b"). */
int cryo_kube_add_piece(struct cryo_str *path, const char *what, const char *piece,
			struct cryo_err *err);
/* Appends "/namespaces/NS/resource/name"; ns and name may be NULL. */
int cryo_kube_path_below(const char *resource, const char *ns, const char *name,
			 struct cryo_str *path, struct cryo_err *err);
/* "&key=value", or "?key=value" if it is the path's first; value is escaped. */
void cryo_kube_query(struct cryo_str *path, const char *key, const char *value);

/* path.c. Appends "/api/v1" or "/apis/apps/v1"; texts are borrowed until the next call */
void cryo_kube_base(const char *api_version, struct cryo_str *path);
/* discovery.c */
int cryo_kube_group_version(struct cryo_kube *k, const char *group, const char **version,
			    struct cryo_err *err);
int cryo_kube_find_kind(struct cryo_kube *k, const char *api_version, const char *kind,
			const char **resource, bool *namespaced, struct cryo_err *err);
/* Does the server offer this verb on a resource ("pods/log")? */
int cryo_kube_has_verb(struct cryo_kube *k, const char *api_version, const char *resource,
		       const char *verb, bool *there, struct cryo_err *err);

/* checkpoint.c: what a whole answer says, of pods/checkpoint or of a kubelet. */
int cryo_checkpoint_take(const struct cryo_http_resp *resp, bool pods,
			 struct cryo_checkpoint_answer *out, struct cryo_err *err);

/* "pods" → "pod", "deployments.apps" → "deployment"; caller frees. */
char *cryo_kube_noun(const char *resource);
/* Items of a list answer: apiVersion and kind, which the server leaves out, are put back. */
json_t *cryo_kube_items(json_t *list); /* borrowed; NULL if it is no list */

/*
 * Lines out of pieces that end anywhere. A line of more than `max` bytes is handed over cut, with
 * `cut` set for the call.
 */
struct cryo_kube_lines {
	size_t max;
	int (*on_line)(const char *line, size_t n, void *arg); /* non-zero: no more, please */
	void *arg;
	struct cryo_str partial;
	bool cut;
};
int cryo_kube_lines_add(struct cryo_kube_lines *l, const char *data, size_t n);
int cryo_kube_lines_end(struct cryo_kube_lines *l); /* a last line without its newline */

#endif
