/* SPDX-License-Identifier: Apache-2.0 */
#include "target/checkpoint.h"

#include "base/clock.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "target/evidence.h"
#include "target/nodefile.h"
#include "target/sealing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS 10000

static int not_found(struct cryo_err *err, const char *what, const char *name, const char *more)
{
	cryo_err_set(err, CRYO_E_REMOTE, "no %s '%s'%s", what, name, more);
	err->sys_errno = 404;
	return -(int)CRYO_E_REMOTE;
}

static void container_names(const json_t *pod, struct cryo_strv *names)
{
	json_t *c;
	size_t i;

	json_array_foreach(cryo_json_at(pod, "spec.containers"), i, c)
		cryo_strv_add(names, cryo_json_str(c, "name"));
}

static int choose_container(const json_t *pod, const char *pod_name, const char *wanted, char **out,
			    struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	cryo_auto(cryo_free) char *list = NULL;
	cryo_auto(cryo_free) char *more = NULL;

	container_names(pod, &names);
	list = cryo_strv_join(&names, ", ");
	if (wanted && !cryo_strv_has(&names, wanted)) {
		more = cryo_asprintf(" in pod '%s' (there is: %s)", pod_name, list);
		return not_found(err, "container", wanted, more);
	}
	if (!wanted && names.n != 1)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "pod '%s' has several containers: %s; name one (-c)", pod_name,
				    list);
	*out = cryo_strdup(wanted ? wanted : names.v[0]);
	return 0;
}

static const json_t *container_status(const json_t *pod, const char *name)
{
	json_t *s;
	size_t i;

	json_array_foreach(cryo_json_at(pod, "status.containerStatuses"), i, s)
		if (cryo_streq(cryo_json_str(s, "name"), name))
			return s;
	return NULL;
}

/* Only what runs can be dumped; the state's own words say why it does not. */
static int check_running(const json_t *pod, const struct cryo_checkpoint *c, struct cryo_err *err)
{
	const json_t *status = container_status(pod, c->container);
	const char *phase = cryo_json_str(pod, "status.phase");
	const char *reason = cryo_json_str(status, "state.waiting.reason");

	if (cryo_json_at(status, "state.running"))
		return 0;
	if (!reason)
		reason = cryo_json_str(status, "state.terminated.reason");
	if (!reason)
		reason = cryo_json_str(pod, "status.conditions[0].reason");
	return cryo_err_set(err, CRYO_E_CHECK,
			    "container '%s' of pod '%s' is not running (pod is %s%s%s)",
			    c->container, c->pod, phase ? phase : "unknown", reason ? ": " : "",
			    reason ? reason : "");
}

static int look_at_pod(struct cryo_kube *k, const struct cryo_checkpoint_opts *opts,
		       struct cryo_checkpoint *out, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", out->ns, opts->pod };
	cryo_auto(cryo_json_decref) json_t *pod = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_free) char *more = cryo_asprintf(" in namespace '%s'", out->ns);
	int rc = cryo_kube_get(k, &ref, &pod, err);

	if (rc < 0)
		return rc;
	if (!pod)
		return not_found(err, "pod", opts->pod, more);
	rc = choose_container(pod, opts->pod, opts->container, &out->container, err);
	if (rc == 0)
		rc = check_running(pod, out, err);
	if (rc < 0)
		return rc;
	out->node = cryo_strdup(cryo_json_str(pod, "spec.nodeName"));
	cryo_json_dump(pod, &text);
	out->source = cryo_str_detach(&text);
	return 0;
}

/* "containerd://0123…" → "0123…" */
static const char *container_id(const json_t *pod, const char *name)
{
	const char *id = cryo_json_str(container_status(pod, name), "containerID");
	const char *slashes = id ? strstr(id, "://") : NULL;

	return slashes ? slashes + 3 : "";
}

/* The request, through the API server where it answers there, else straight to the kubelet. */
static int call(struct cryo_target *t, struct cryo_kube *api, struct cryo_checkpoint *out,
		int64_t timeout_ms, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *kubelet = NULL;
	struct cryo_checkpoint_req req = { out->node, out->ns, out->pod, out->container,
					   timeout_ms };
	bool there = false;
	int64_t begin;
	int rc = cryo_checkpoint_probe(api, out->node, &there, err);

	out->form = there ? CRYO_CHECKPOINT_PROXY : CRYO_CHECKPOINT_KUBELET;
	if (rc == 0 && !there) {
		rc = t->ops->kubelet(t, out->node, &kubelet, err);
		req.node = NULL;
	}
	if (rc < 0)
		return rc;
	begin = cryo_now_ms();
	out->started_ns = cryo_wall_ns();
	rc = cryo_checkpoint_call(kubelet ? kubelet : api, &req, &out->archive, err);
	out->ended_ns = cryo_wall_ns();
	out->ms = cryo_now_ms() - begin;
	if (rc < 0)
		cryo_evidence_dump(t, out->node, out->started_ns, err);
	return rc;
}

/* No other call of ours for this container from here; the certificate of the Secret, if one is
 * named, laid out for the interposer. */
static int begin(struct cryo_target *t, struct cryo_kube *api,
		 const struct cryo_checkpoint_opts *opts, struct cryo_checkpoint *out,
		 struct cryo_sealing_call *sealing, struct cryo_err *err)
{
	const char *secret = opts->encryption_secret;
	cryo_auto(cryo_str_release) struct cryo_str pem = { 0 };
	cryo_auto(cryo_json_decref) json_t *pod = NULL;
	int rc = cryo_json_parse("pod", out->source, strlen(out->source), &pod, err);

	cryo_sealing_sweep(t, out->node);
	if (rc == 0 && secret)
		rc = cryo_sealing_secret(api, out->ns, secret, "tls.crt", &pem, err);
	if (rc == 0)
		rc = cryo_sealing_call_begin(t, out->node, container_id(pod, out->container),
					     secret ? cryo_str_get(&pem) : NULL, pem.len, sealing,
					     err);
	return secret ? cryo_err_wrap(err, rc, "encryption") : rc;
}

/* What should be unreadable and is not must not stay. */
static int check_sealed(struct cryo_target *t, struct cryo_checkpoint *c, struct cryo_err *err)
{
	int rc = cryo_sealing_check(t, c->node, c->archive, err);

	c->sealed = rc == 1;
	if (rc != 0)
		return rc < 0 ? rc : 0;
	cryo_nodefile_remove(t, c->node, c->archive);
	return cryo_err_set(err, CRYO_E_TAMPER,
			    "the archive is not encrypted (no interposer in the node?): removed");
}

static int archive_size(struct cryo_target *t, struct cryo_checkpoint *c, struct cryo_err *err)
{
	const char *const argv[] = { "stat", "-c", "%s", "--", c->archive, NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_proc p = { .argv = argv, .timeout_ms = ASK_MS };
	int rc = t->ops->exec(t, c->node, &p, &res, err);

	if (rc == 0)
		c->bytes = strtoull(cryo_str_get(&res.out), NULL, 10);
	return cryo_err_wrap(err, rc, "archive '%s'", c->archive);
}

/* What became of it: is it what was asked for, how large, and where is it wanted? */
static int collect(struct cryo_target *t, const struct cryo_checkpoint_opts *opts,
		   struct cryo_checkpoint *out, struct cryo_err *err)
{
	int rc = opts->encryption_secret ? check_sealed(t, out, err) : 0;

	if (rc == 0)
		rc = archive_size(t, out, err);
	if (rc == 0 && opts->to) {
		rc = t->ops->get(t, out->node, out->archive, opts->to, err);
		out->copy = cryo_strdup(opts->to);
	}
	return rc;
}

int cryo_checkpoint_run(struct cryo_target *t, const struct cryo_checkpoint_opts *opts,
			struct cryo_checkpoint *out, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	struct cryo_sealing_call sealing = { .lock_fd = -1 };
	int rc = t->ops->kube(t, &k, err);

	*out = (struct cryo_checkpoint){ .ns = cryo_strdup(opts->ns ? opts->ns : "default"),
					 .pod = cryo_strdup(opts->pod) };
	if (rc == 0)
		rc = look_at_pod(k, opts, out, err);
	if (rc == 0)
		rc = begin(t, k, opts, out, &sealing, err);
	if (rc == 0)
		rc = call(t, k, out, opts->timeout_ms, err);
	cryo_sealing_call_withdraw(&sealing);
	if (rc == 0)
		rc = collect(t, opts, out, err);
	cryo_sealing_call_end(&sealing);
	if (rc < 0)
		cryo_checkpoint_release(out);
	return cryo_err_wrap(err, rc, "checkpoint of pod '%s'", opts->pod);
}

void cryo_checkpoint_release(struct cryo_checkpoint *c)
{
	free(c->node);
	free(c->ns);
	free(c->pod);
	free(c->container);
	free(c->archive);
	free(c->copy);
	free(c->source);
	*c = (struct cryo_checkpoint){ 0 };
}

json_t *cryo_checkpoint_json(const struct cryo_checkpoint *c)
{
	return json_pack("{ss ss ss ss ss ss? sI sI ss sb}", "node", c->node, "namespace", c->ns,
			 "pod", c->pod, "container", c->container, "archive", c->archive, "copy",
			 c->copy, "bytes", (json_int_t)c->bytes, "milliseconds", (json_int_t)c->ms,
			 "form", cryo_checkpoint_form_name(c->form), "sealed", c->sealed);
}
