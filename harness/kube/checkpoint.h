/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checkpoint request, in the forms that exist: the subresource pods/checkpoint
 * of an API server that has it (the forks, and ours: docs/architecture.md,
 * "Checkpoint"), through a stock API server's node proxy, or straight to the
 * kubelet (same path, other server; Kubernetes "Kubelet Checkpoint API").
 */
#ifndef CRYO_KUBE_CHECKPOINT_H
#define CRYO_KUBE_CHECKPOINT_H

#include "kube/kube.h"

enum cryo_checkpoint_form {
	CRYO_CHECKPOINT_NONE,
	CRYO_CHECKPOINT_PODS,
	CRYO_CHECKPOINT_PROXY,
	CRYO_CHECKPOINT_KUBELET,
	CRYO_CHECKPOINT_RUNTIME, /* no request of Kubernetes at all: kube/cri.h */
};
/* "none", "pods", "proxy", "kubelet", "runtime" */
const char *cryo_checkpoint_form_name(enum cryo_checkpoint_form f);
/* One of the three requests by its name; -CRYO_E_USAGE. */
int cryo_checkpoint_form_parse(const char *text, enum cryo_checkpoint_form *out,
			       struct cryo_err *err);

/* Does the API server have pods/checkpoint? Its discovery says so. */
int cryo_checkpoint_probe_pods(struct cryo_kube *k, bool *there, struct cryo_err *err);
/* Does a checkpoint route answer there? Asks with GET, which can do nothing: "method not allowed"
 * is yes, "not found" is no. `node` NULL: `k` is the kubelet itself. */
int cryo_checkpoint_probe(struct cryo_kube *k, const char *node, bool *there, struct cryo_err *err);

/* What becomes of the container; unsaid, it goes on in every form. */
enum cryo_leave_running { CRYO_LEAVE_UNSAID, CRYO_LEAVE_RUNNING, CRYO_LEAVE_STOPPED };

struct cryo_checkpoint_req {
	enum cryo_checkpoint_form form;
	const char *node; /* proxy: whose kubelet */
	const char *ns, *pod;
	const char *container; /* NULL: unsaid, only in the form pods */
	int64_t timeout_ms;    /* of the dump; 0: unsaid, the server's own */
	int64_t limit_ms;      /* of the whole call; 0: what the dump may take */
	/* The form pods only; the others have no words for these and refuse them. */
	enum cryo_leave_running leave;
	const char *encryption_secret; /* NULL: plain, which is said: it is not the default there */
	const char *body; /* this instead of what the fields above make; it may be anything */
	const char *user; /* ask as this one (impersonation); NULL: as ourselves */
};
/* Path and body as they are sent, appended; no body in the forms that have none. */
int cryo_checkpoint_request(const struct cryo_checkpoint_req *req, struct cryo_str *path,
			    struct cryo_str *body, struct cryo_err *err);

struct cryo_checkpoint_answer {
	char *path; /* of the archive, on its node */
	char *node; /* NULL: the form does not tell; the one that was asked */
};
void cryo_checkpoint_answer_release(struct cryo_checkpoint_answer *a);
#define cryo_checkpoint_answer_releasep cryo_checkpoint_answer_release
/*
 * An answer of the form pods is judged by the Status in its body: the forks answer
 * 201 to failures too. Refusals become one-line errors, known ones with plain words
 * in front; http_code is the code of the Status, else of HTTP. A Status of 504 is
 * -CRYO_E_TIMEOUT.
 */
int cryo_checkpoint_call(struct cryo_kube *k, const struct cryo_checkpoint_req *req,
			 struct cryo_checkpoint_answer *out, struct cryo_err *err);

#endif
