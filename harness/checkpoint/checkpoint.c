/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/checkpoint.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "checkpoint/evidence.h"
#include "checkpoint/nodefile.h"
#include "checkpoint/sealing.h"
#include "checkpoint/settle.h"
#include "checkpoint/subject.h"

#include <stdlib.h>
#include <string.h>

#define ASK_MS	 10000
#define START_MS 60000 /* of a container that is being created */

/* One checkpoint on its way. */
struct call {
	struct cryo_cluster *t;
	struct cryo_kube *api;
	const struct cryo_checkpoint_opts *opts;
	struct cryo_subject subject;
	const struct cryo_cluster_node *node; /* NULL: not known, or out of reach */
	struct cryo_sealing_call sealing;     /* until the archive is where it is wanted */
	struct cryo_checkpoint *out;
};

/* How long a container may take to be there. */
static int64_t compute_start_limit(const struct cryo_checkpoint_opts *o)
{
	if (o->body)
		return 0;
	if (o->limit_ms)
		return o->limit_ms;
	return o->timeout_ms ? o->timeout_ms : cryo_limit_ms(START_MS);
}

/* What is left of the time for the call; 0: any time. */
static int64_t compute_time_left(const struct call *c)
{
	int64_t left = c->opts->limit_ms - c->subject.waited_ms;

	return c->opts->limit_ms == 0 ? 0 : left < 1 ? 1 : left;
}

/*
 * What the server does not let us look at it may still dump: that the caller has
 * one right and not the other is no failure where only one is needed.
 */
static int look_at_subject(struct call *c, struct cryo_err *err)
{
	const struct cryo_checkpoint_opts *o = c->opts;
	struct cryo_err refusal = CRYO_ERR_INIT;
	int rc = cryo_subject_look(c->api, c->out->ns, o->pod, o->container, compute_start_limit(o),
				   &c->subject, &refusal);

	if (rc < 0 && c->out->form == CRYO_CHECKPOINT_PODS &&
	    (o->body || (rc == -CRYO_E_REMOTE && refusal.http_code == 403))) {
		c->subject.container = o->container;
		return 0;
	}
	if (rc < 0)
		*err = refusal;
	return rc;
}

static void keep_source_pod(struct call *c)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	c->out->node = cryo_strdup(cryo_subject_node(&c->subject));
	c->out->container = cryo_strdup(c->subject.container);
	if (!c->subject.pod)
		return;
	cryo_json_dump(c->subject.pod, &text);
	c->out->source = cryo_str_detach(&text);
}

/* The best form there is, and the pod looked at: the proxy is asked on the pod's node. */
static int choose_checkpoint_form(struct call *c, struct cryo_err *err)
{
	enum cryo_checkpoint_form *form = &c->out->form;
	bool there = c->opts->form == CRYO_CHECKPOINT_PODS;
	int rc = 0;

	*form = c->opts->form;
	if (*form == CRYO_CHECKPOINT_NONE)
		rc = cryo_checkpoint_probe_pods(c->api, &there, err);
	if (there)
		*form = CRYO_CHECKPOINT_PODS;
	if (rc == 0)
		rc = look_at_subject(c, err);
	if (rc < 0)
		return rc;
	keep_source_pod(c);
	if (*form != CRYO_CHECKPOINT_NONE)
		return 0;
	rc = cryo_checkpoint_probe(c->api, c->out->node, &there, err);
	*form = there ? CRYO_CHECKPOINT_PROXY : CRYO_CHECKPOINT_KUBELET;
	return rc;
}

/* Where the pod runs, as our cluster knows it. */
static int find_source_node(struct call *c, struct cryo_err *err)
{
	if (c->node || !c->out->node || !cryo_cluster_reaches_nodes(c->t))
		return 0;
	return cryo_cluster_find_node(c->t, c->out->node, &c->node, err);
}

/* What the form has no word for is done around the call, not in it. */
static struct cryo_checkpoint_req make_checkpoint_request(const struct call *c)
{
	const struct cryo_checkpoint_opts *o = c->opts;
	bool pods = c->out->form == CRYO_CHECKPOINT_PODS;
	int64_t limit_ms = compute_time_left(c);

	return (struct cryo_checkpoint_req){
		.form = c->out->form,
		.node = c->out->node,
		.ns = c->out->ns,
		.pod = c->out->pod,
		.container = pods ? o->container : c->subject.container,
		/* The stock kubelet's own two minutes may be less than what the caller allows. */
		.timeout_ms = pods || o->timeout_ms ? o->timeout_ms : limit_ms,
		.limit_ms = limit_ms,
		.leave = pods ? o->leave : CRYO_LEAVE_UNSAID,
		.encryption_secret = pods ? o->encryption_secret : NULL,
		.body = o->body,
		.user = o->user,
	};
}

/* Another node's file of that name would be anybody's. */
static int take_checkpoint_answer(struct call *c, const struct cryo_checkpoint_answer *a,
				  struct cryo_err *err)
{
	const char *container = cryo_subject_of_archive(&c->subject, a->path);

	if (a->node && c->out->node && strcmp(a->node, c->out->node) != 0)
		return cryo_err_set(err, CRYO_E_REMOTE,
				    "the answer came from node '%s', but the pod is on '%s'",
				    a->node, c->out->node);
	if (!c->out->node)
		c->out->node = cryo_strdup(a->node);
	if (!c->out->container)
		c->out->container = cryo_strdup(container ? container : "");
	c->out->archive = cryo_strdup(a->path);
	return cryo_err_wrap(err, find_source_node(c, err), "the archive exists ('%s')", a->path);
}

/* A 404 is of the pod, the Secret … or the path itself, if that form was forced. */
static void explain_absent_path(struct call *c, struct cryo_err *err)
{
	struct cryo_err ignored = CRYO_ERR_INIT;
	bool there = false;

	if (cryo_checkpoint_probe_pods(c->api, &there, &ignored) == 0 && !there)
		cryo_err_wrap(err, -(int)err->status, "this API server has no pods/checkpoint");
}

/* Somebody else answered for it that it is over. */
static bool is_call_answered(const struct cryo_err *err)
{
	return err->http_code != 0 && err->http_code != 504;
}

/*
 * A dump that nobody waits for any more is ended, so that the container goes on now
 * and no archive comes when nobody expects it.
 */
static void settle_container(struct call *c, struct cryo_err *err)
{
	bool alone = c->sealing.lock_fd >= 0, answered = is_call_answered(err);
	const char *id = cryo_subject_runtime_id(&c->subject);
	int code = err->http_code;
	enum cryo_settled state;

	/* Refused before anything was begun. */
	if (!c->node || (code >= 400 && code < 500))
		return;
	state = cryo_settle_container(c->t, c->node, id, alone && !answered);
	if (answered || !alone || state != CRYO_SETTLED_RUNS)
		return;
	cryo_err_wrap(err, -(int)err->status, "the dump was ended, and the container goes on");
	err->http_code = code;
}

/* Where nothing was dumped, or something still is, no log has more to say. */
static void explain_refused_call(struct call *c, struct cryo_err *err)
{
	bool pods = c->out->form == CRYO_CHECKPOINT_PODS;

	if (pods && err->http_code == 404)
		explain_absent_path(c, err);
	else if (c->node && (!pods || err->http_code == 500))
		cryo_evidence_dump(c->t, c->node, cryo_subject_runtime_id(&c->subject),
				   c->out->started_ns, err);
}

static int call_for_checkpoint(struct call *c, struct cryo_err *err)
{
	cryo_auto(cryo_checkpoint_answer_release) struct cryo_checkpoint_answer a = { 0 };
	cryo_auto(cryo_kube_free) struct cryo_kube *kubelet = NULL;
	struct cryo_checkpoint_req req = make_checkpoint_request(c);
	int64_t begin;
	int rc = 0;

	if (req.form == CRYO_CHECKPOINT_KUBELET && !(c->node && cryo_cluster_has_kubelet(c->t)))
		return cryo_err_set(err, CRYO_E_UNFIT, "%sthe kubelet of '%s' cannot be reached",
				    c->opts->form ? ""
						  : "the API server has no checkpoint route, and ",
				    c->out->node);
	if (req.form == CRYO_CHECKPOINT_KUBELET)
		rc = cryo_cluster_kubelet(c->t, c->node, &kubelet, err);
	if (rc < 0)
		return rc;
	begin = cryo_now_ms();
	c->out->started_ns = cryo_wall_ns();
	rc = cryo_checkpoint_call(kubelet ? kubelet : c->api, &req, &a, err);
	c->out->ended_ns = cryo_wall_ns();
	c->out->ms = cryo_now_ms() - begin;
	if (rc < 0)
		explain_refused_call(c, err);
	if (rc < 0)
		settle_container(c, err);
	return rc < 0 ? rc : take_checkpoint_answer(c, &a, err);
}

/*
 * No other call of ours for this container from here; the certificate of the Secret,
 * if one is named and the request has no word for it, laid out for the interposer.
 */
static int begin_plain_call(struct call *c, struct cryo_err *err)
{
	bool pods = c->out->form == CRYO_CHECKPOINT_PODS;
	const char *secret = pods ? NULL : c->opts->encryption_secret;
	const char *id = cryo_subject_runtime_id(&c->subject);
	cryo_auto(cryo_str_release) struct cryo_str pem = { 0 };
	int rc = 0;

	if (secret && !c->node)
		return cryo_err_set(
		    err, CRYO_E_UNFIT,
		    "encryption needs an API server with pods/checkpoint, or a cryopod cluster");
	if (c->node)
		cryo_sealing_sweep(c->t, c->node);
	if (!c->node)
		return 0;
	/* Such an API server keeps its calls apart itself; we only note whether ours is the only
	 * one. */
	if (pods) {
		cryo_sealing_call_try(c->t, c->node, id, &c->sealing);
		return 0;
	}
	if (secret)
		rc = cryo_sealing_secret(c->api, c->out->ns, secret, "tls.crt", &pem, err);
	if (rc == 0)
		rc = cryo_sealing_call_begin(c->t, c->node, id, secret ? cryo_str_get(&pem) : NULL,
					     pem.len, &c->sealing, err);
	return secret ? cryo_err_wrap(err, rc, "encryption") : rc;
}

static int begin_node_call(struct call *c, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str lines = { 0 };
	const char *id = cryo_subject_runtime_id(&c->subject);
	bool any = cryo_criu_options_any(&c->opts->criu);
	int rc = cryo_criu_options_add(&c->opts->criu, &lines, err);

	if (rc == 0 && any && (!c->node || !*id))
		return cryo_err_set(
		    err, CRYO_E_UNFIT,
		    "options for CRIU need a cryopod cluster: the node cannot be reached");
	if (rc == 0)
		rc = begin_plain_call(c, err);
	if (rc == 0 && any)
		rc = cryo_sealing_call_options(&c->sealing, id, cryo_str_get(&lines), err);
	return rc;
}

/* What should be unreadable and is not must not stay. */
static int check_archive_sealed(struct call *c, struct cryo_err *err)
{
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc;

	if (!c->opts->encryption_secret)
		return 0;
	if (!c->node) {
		cryo_warn("cannot check from here whether the archive is encrypted");
		return 0;
	}
	rc = cryo_sealing_check(c->t, c->node, c->out->archive, err);
	c->out->sealed = rc == 1;
	if (rc != 0)
		return rc < 0 ? rc : 0;
	cryo_nodefile_remove(c->t, c->node, c->out->archive, &ignored);
	return cryo_err_set(err, CRYO_E_TAMPER,
			    "the archive is not encrypted (no interposer in the node?): removed");
}

static int read_archive_size(struct call *c, struct cryo_err *err)
{
	const char *const argv[] = { "stat", "-c", "%s", "--", c->out->archive, NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	const struct cryo_exec x = { .argv = argv, .timeout_ms = ASK_MS };
	int rc;

	if (!c->node)
		return 0;
	rc = cryo_cluster_exec(c->t, c->node, &x, &res, err);
	if (rc == 0)
		c->out->bytes = strtoull(cryo_str_get(&res.out), NULL, 10);
	return cryo_err_wrap(err, rc, "archive '%s'", c->out->archive);
}

/* Only this pod: one of the same name may have come since. */
static int stop_source_pod(struct call *c, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", c->out->ns, c->out->pod };
	int rc = 0;

	if (c->opts->leave != CRYO_LEAVE_STOPPED)
		return 0;
	/* pods/checkpoint has done it. */
	if (c->out->form != CRYO_CHECKPOINT_PODS)
		rc = cryo_kube_delete_uid(
		    c->api, &ref, cryo_json_str(c->subject.pod, "metadata.uid"), -1, 0, err);
	c->out->deleted = rc == 0;
	return cryo_err_wrap(err, rc, "the archive exists ('%s'), but the pod is still running",
			     c->out->archive);
}

static void look_after_source(struct call *c)
{
	const struct cryo_kube_ref pod = { "pods", c->out->ns, c->out->pod };
	cryo_auto(cryo_free) char *how = NULL;

	if (!c->node || c->opts->leave == CRYO_LEAVE_STOPPED)
		return;
	cryo_ended_look(c->t, c->node, c->api, &pod, cryo_subject_runtime_id(&c->subject),
			&c->out->ended);
	if (!c->out->ended.ended)
		return;
	how = cryo_ended_show(&c->out->ended);
	cryo_warn("the source %s right after the dump: a dump interrupts what a program waits for",
		  how);
}

static int copy_archive_out(struct call *c, struct cryo_err *err)
{
	int rc;

	if (!c->opts->to)
		return 0;
	rc = cryo_cluster_take(c->t, c->node, c->out->archive, c->opts->to, err);
	c->out->copy = cryo_strdup(c->opts->to);
	return rc;
}

static int checkpoint_subject(struct call *c, struct cryo_err *err)
{
	int rc;

	if (c->opts->to && !cryo_cluster_reaches_nodes(c->t))
		return cryo_err_set(err, CRYO_E_USAGE,
				    "--to: the archive stays on its node, which cannot be reached");
	rc = cryo_cluster_kube(c->t, &c->api, err);
	if (rc == 0)
		rc = choose_checkpoint_form(c, err);
	if (rc == 0)
		rc = find_source_node(c, err);
	if (rc == 0)
		rc = begin_node_call(c, err);
	if (rc == 0)
		rc = call_for_checkpoint(c, err);
	cryo_sealing_call_withdraw(&c->sealing);
	if (rc == 0)
		rc = check_archive_sealed(c, err);
	if (rc == 0)
		rc = read_archive_size(c, err);
	if (rc == 0)
		rc = stop_source_pod(c, err);
	if (rc == 0)
		look_after_source(c);
	return rc < 0 ? rc : copy_archive_out(c, err);
}

int cryo_checkpoint_run(struct cryo_cluster *t, const struct cryo_checkpoint_opts *opts,
			struct cryo_checkpoint *out, struct cryo_err *err)
{
	struct call c = { .t = t, .opts = opts, .sealing = { .lock_fd = -1 }, .out = out };
	int rc;

	*out = (struct cryo_checkpoint){ .ns = cryo_strdup(opts->ns ? opts->ns : "default"),
					 .pod = cryo_strdup(opts->pod) };
	rc = checkpoint_subject(&c, err);
	cryo_sealing_call_end(&c.sealing);
	cryo_kube_free(c.api);
	cryo_subject_release(&c.subject);
	if (rc < 0)
		cryo_checkpoint_release(out);
	return cryo_err_wrap(err, rc, "checkpoint of pod '%s'", opts->pod);
}

/* "--unix-socket PATH http://localhost/…", or the port of kubectl's own proxy. */
static void print_curl_url(const struct cryo_cluster *t, const char *path, struct cryo_str *out)
{
	cryo_auto(cryo_free) char *socket = cryo_cluster_proxy_socket(t);
	cryo_auto(cryo_free) char *url = NULL;

	if (socket) {
		cryo_str_add(out, "--unix-socket ");
		cryo_str_add_quoted(out, socket);
		cryo_str_add(out, " ");
		url = cryo_asprintf("http://localhost%s", path);
	} else {
		url = cryo_asprintf("http://127.0.0.1:%d%s", CRYO_KUBECTL_PROXY_PORT, path);
	}
	cryo_str_add_quoted(out, url);
}

static int print_curl_line(const struct cryo_cluster *t, const struct cryo_checkpoint_req *req,
			   struct cryo_str *out, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 }, body = { 0 };
	int rc = cryo_checkpoint_request(req, &path, &body, err);

	if (rc < 0)
		return cryo_err_as(err, cryo_err_wrap(err, rc, "no curl line"), CRYO_E_USAGE);
	cryo_str_add(out, "curl ");
	print_curl_url(t, path.p, out);
	cryo_str_add(out, " -X POST");
	if (req->form != CRYO_CHECKPOINT_PODS)
		return 0;
	cryo_str_add(out, " -H 'Content-type: application/json' -d ");
	cryo_str_add_quoted(out, cryo_str_get(&body));
	return 0;
}

int cryo_checkpoint_curl(struct cryo_cluster *t, const struct cryo_checkpoint_opts *opts,
			 struct cryo_str *out, struct cryo_err *err)
{
	cryo_auto(cryo_checkpoint_release) struct cryo_checkpoint result = {
		.ns = cryo_strdup(opts->ns ? opts->ns : "default"),
		.pod = cryo_strdup(opts->pod),
		.form = opts->form,
	};
	struct call c = { .t = t, .opts = opts, .out = &result };
	struct cryo_checkpoint_req req;
	int rc = 0;

	if (opts->form != CRYO_CHECKPOINT_PODS) {
		rc = cryo_cluster_kube(t, &c.api, err);
		if (rc == 0)
			rc = choose_checkpoint_form(&c, err);
	}
	req = make_checkpoint_request(&c);
	/* Said, so that it is refused: a line alone does not do what we do around the call. */
	req.encryption_secret = opts->encryption_secret;
	req.leave = opts->leave;
	if (rc == 0 && result.form == CRYO_CHECKPOINT_KUBELET)
		rc = cryo_err_set(
		    err, CRYO_E_USAGE,
		    "no curl line: the kubelet can only be reached from inside its cluster");
	if (rc == 0)
		rc = print_curl_line(t, &req, out, err);
	cryo_kube_free(c.api);
	cryo_subject_release(&c.subject);
	return rc;
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
	return json_pack(
	    "{ss ss ss ss ss ss? so sI ss sb sb so}", "node", c->node, "namespace", c->ns, "pod",
	    c->pod, "container", c->container, "archive", c->archive, "copy", c->copy, "bytes",
	    c->bytes ? json_integer((json_int_t)c->bytes) : json_null(), "milliseconds",
	    (json_int_t)c->ms, "form", cryo_checkpoint_form_name(c->form), "sealed", c->sealed,
	    "deleted", c->deleted, "ended",
	    c->ended.ended ? json_integer(c->ended.exit_code) : json_null());
}
