/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/pod_checkpoint.h"

#include "base/clock.h"
#include "base/event.h"
#include "checkpoint/evidence.h"
#include "checkpoint/nodefile.h"
#include "checkpoint/sealing.h"
#include "checkpoint/subject.h"
#include "conf/json.h"
#include "kube/cri.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ASK_MS	 10000
#define CALL_MS	 120000
#define START_MS 60000

/* One checkpoint of a pod on its way. */
struct pod_call {
	struct cryo_cluster *t;
	struct cryo_kube *api;
	const struct cryo_checkpoint_opts *opts;
	const char *ns;
	json_t *pod; /* owned */
	struct cryo_strv names, ids;
	const struct cryo_cluster_node *node;
	char *socket, *dir, *cert; /* of the runtime, as a path here; on the node; owned */
	struct cryo_pod_checkpoint *out;
};

static bool has_container_ended(const json_t *pod, const char *name)
{
	const json_t *statuses = cryo_json_at(pod, "status.containerStatuses");

	return cryo_json_at(cryo_json_find(statuses, "name", name), "state.terminated") != NULL;
}

void cryo_pod_checkpoint_names(const json_t *pod, struct cryo_strv *names)
{
	json_t *c;
	size_t i;

	json_array_foreach(cryo_json_at(pod, "spec.initContainers"), i, c)
		if (cryo_streq(cryo_json_str(c, "restartPolicy"), "Always") &&
		    cryo_json_str(c, "name"))
			cryo_strv_add(names, cryo_json_str(c, "name"));
	json_array_foreach(cryo_json_at(pod, "spec.containers"), i, c)
		if (cryo_json_str(c, "name") && !has_container_ended(pod, cryo_json_str(c, "name")))
			cryo_strv_add(names, cryo_json_str(c, "name"));
}

/* Each of them runs, or does soon; *c->pod is as it is then. */
static int look_at_containers(struct pod_call *c, struct cryo_err *err)
{
	int64_t limit = c->opts->limit_ms ? c->opts->limit_ms : cryo_limit_ms(START_MS);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->names.n; i++) {
		cryo_auto(cryo_subject_release) struct cryo_subject s = { 0 };

		rc = cryo_subject_look(c->api, c->ns, c->opts->pod, c->names.v[i], limit, &s, err);
		if (rc < 0)
			break;
		cryo_strv_add(&c->ids, cryo_subject_runtime_id(&s));
		json_decref(c->pod);
		c->pod = json_incref(s.pod);
	}
	return rc;
}

static int look_at_pod(struct pod_call *c, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", c->ns, c->opts->pod };
	int rc = cryo_kube_get(c->api, &ref, &c->pod, err);

	if (rc < 0)
		return rc;
	if (!c->pod)
		return cryo_err_set(err, CRYO_E_REMOTE, "no pod '%s' in namespace '%s'",
				    c->opts->pod, c->ns);
	cryo_pod_checkpoint_names(c->pod, &c->names);
	if (c->names.n == 0)
		return cryo_err_set(err, CRYO_E_CHECK, "none of its containers is running");
	rc = look_at_containers(c, err);
	if (rc < 0 || !cryo_cluster_reaches_nodes(c->t))
		return rc;
	return cryo_cluster_find_node(c->t, cryo_json_str(c->pod, "spec.nodeName"), &c->node, err);
}

/* Why the runtime is not asked for all of them at once; NULL: it is. Caller frees. */
static char *explain_one_by_one(struct pod_call *c)
{
	struct cryo_err err = CRYO_ERR_INIT;
	bool there = false;

	if (!c->node)
		return cryo_strdup("the node's container runtime cannot be reached");
	if (cryo_cluster_runtime_socket(c->t, c->node, &c->socket, &err) < 0 ||
	    cryo_cri_has_pod_checkpoint(c->socket, &there, &err) < 0)
		return cryo_strdup(err.msg);
	return there ? NULL : cryo_strdup("the container runtime has no CheckpointPod");
}

static void begin_pod_result(struct pod_call *c)
{
	struct cryo_pod_checkpoint *out = c->out;

	out->of = cryo_alloc(c->names.n * sizeof(*out->of));
	out->n = c->names.n;
}

/* --- together --- */

static int deliver_cert(struct pod_call *c, const char *token, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str pem = { 0 };
	int rc;

	if (!c->opts->encryption_secret)
		return 0;
	rc = cryo_sealing_secret(c->api, c->ns, c->opts->encryption_secret, "tls.crt", &pem, err);
	if (rc == 0)
		rc = cryo_nodefile_dir(c->t, c->node, NULL, err);
	if (rc < 0)
		return cryo_err_wrap(err, rc, "encryption");
	c->cert = cryo_asprintf("%s/pod-%s.crt", c->node->path.run, token);
	return cryo_cluster_put_data(c->t, c->node, pem.p, pem.len, c->cert, err);
}

/* Nobody else's: the runtime wants it empty. */
static int make_node_dir(struct pod_call *c, const char *token, struct cryo_err *err)
{
	const char *parent = c->node->path.checkpoints;
	const char *argv[] = { "mkdir", "-p", "-m", "0700", "--", parent, NULL, NULL };
	const struct cryo_exec x = { .argv = argv, .timeout_ms = ASK_MS };

	c->dir = cryo_asprintf("%s/pod-%s_%s-%.12s", parent, c->opts->pod, c->ns, token);
	argv[6] = c->dir;
	return cryo_cluster_exec(c->t, c->node, &x, NULL, err);
}

static void remove_node_dir(struct pod_call *c)
{
	const char *const argv[] = { "rm", "-rf", "--", c->dir, NULL };
	const struct cryo_exec x = { .argv = argv, .timeout_ms = ASK_MS };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (c->dir)
		cryo_cluster_exec(c->t, c->node, &x, NULL, &ignored);
}

static void note_container(struct pod_call *c, size_t i, int64_t started_ns)
{
	struct cryo_checkpoint *cp = &c->out->of[i];
	cryo_auto(cryo_str_release) struct cryo_str source = { 0 };

	cryo_json_dump(c->pod, &source);
	*cp = (struct cryo_checkpoint){
		.node = cryo_strdup(c->node->name),
		.ns = cryo_strdup(c->ns),
		.pod = cryo_strdup(c->opts->pod),
		.container = cryo_strdup(c->names.v[i]),
		.archive = cryo_asprintf("%s/%s.tar", c->dir, c->names.v[i]),
		.started_ns = started_ns,
		.ended_ns = cryo_wall_ns(),
		.ms = c->out->ms,
		.form = CRYO_CHECKPOINT_RUNTIME,
		.source = cryo_str_detach(&source),
	};
}

/* Which container it was the answer need not say: the first one with a log of this call. */
static void explain_failed_pod(struct pod_call *c, int64_t since_ns, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *before = cryo_strdup(err->msg);

	for (size_t i = 0; i < c->ids.n && strcmp(err->msg, before) == 0; i++)
		cryo_evidence_dump(c->t, c->node, c->ids.v[i], since_ns, err);
}

static int call_runtime_for_pod(struct pod_call *c, struct cryo_err *err)
{
	const struct cryo_checkpoint_opts *o = c->opts;
	const struct cryo_cri_pod_checkpoint req = {
		.containers = &c->ids,
		.dir = c->dir,
		.cert = c->cert,
		.timeout_ms = o->timeout_ms ? o->timeout_ms
			      : o->limit_ms ? o->limit_ms
					    : cryo_limit_ms(CALL_MS),
	};
	int64_t begin = cryo_now_ms(), started_ns = cryo_wall_ns();
	int rc = cryo_cri_checkpoint_pod(c->socket, &req, err);

	c->out->ms = cryo_now_ms() - begin;
	if (rc < 0) {
		explain_failed_pod(c, started_ns, err);
		return rc;
	}
	begin_pod_result(c);
	for (size_t i = 0; i < c->out->n; i++)
		note_container(c, i, started_ns);
	return 0;
}

/* What should be unreadable and is not must not stay. */
static int check_pod_sealed(struct pod_call *c, struct cryo_err *err)
{
	for (size_t i = 0; c->cert && i < c->out->n; i++) {
		struct cryo_checkpoint *cp = &c->out->of[i];
		int rc = cryo_sealing_check(c->t, c->node, cp->archive, err);

		if (rc < 0)
			return rc;
		cp->sealed = rc == 1;
		if (!cp->sealed)
			return cryo_err_set(err, CRYO_E_TAMPER,
					    "the archive of container '%s' is not encrypted (no "
					    "interposer in the node?): removed",
					    cp->container);
	}
	return 0;
}

static int read_pod_sizes(struct pod_call *c, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->out->n; i++) {
		struct cryo_checkpoint *cp = &c->out->of[i];
		const char *const argv[] = { "stat", "-c", "%s", "--", cp->archive, NULL };
		cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
		const struct cryo_exec x = { .argv = argv, .timeout_ms = ASK_MS };

		rc = cryo_cluster_exec(c->t, c->node, &x, &res, err);
		cp->bytes = strtoull(cryo_str_get(&res.out), NULL, 10);
	}
	return rc;
}

static int checkpoint_together(struct pod_call *c, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *token = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = cryo_nodefile_token(&token, err);

	if (rc == 0)
		rc = deliver_cert(c, token, err);
	if (rc == 0)
		rc = make_node_dir(c, token, err);
	if (rc == 0)
		rc = call_runtime_for_pod(c, err);
	if (rc == 0)
		rc = check_pod_sealed(c, err);
	if (c->cert)
		cryo_nodefile_remove(c->t, c->node, c->cert, &ignored);
	if (rc < 0)
		remove_node_dir(c);
	c->out->together = rc == 0;
	return rc < 0 ? rc : read_pod_sizes(c, err);
}

/* --- one after another --- */

static int checkpoint_one_by_one(struct pod_call *c, struct cryo_err *err)
{
	struct cryo_checkpoint_opts o = *c->opts;
	int64_t begin = cryo_now_ms();
	int rc = 0;

	cryo_warn("the containers are checkpointed one after another: %s", c->out->why);
	o.to = NULL;
	o.leave = CRYO_LEAVE_UNSAID;
	begin_pod_result(c);
	for (size_t i = 0; rc == 0 && i < c->names.n; i++) {
		o.container = c->names.v[i];
		rc = cryo_checkpoint_run(c->t, &o, &c->out->of[i], err);
	}
	c->out->ms = cryo_now_ms() - begin;
	return rc;
}

/* --- after it --- */

/* Only this pod: one of the same name may have come since. */
static int stop_pod(struct pod_call *c, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", c->ns, c->opts->pod };
	int rc;

	if (c->opts->leave != CRYO_LEAVE_STOPPED)
		return 0;
	rc = cryo_kube_delete_uid(c->api, &ref, cryo_json_str(c->pod, "metadata.uid"), -1, 0, err);
	c->out->deleted = rc == 0;
	return cryo_err_wrap(err, rc, "the archives exist, but the pod is still running");
}

static int copy_pod_archives(struct pod_call *c, const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *source = cryo_asprintf("%s/" CRYO_POD_SOURCE, dir);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->out->n; i++) {
		cryo_auto(cryo_free) char *to = cryo_asprintf("%s/%s.tar", dir, c->names.v[i]);

		rc = cryo_cluster_take(c->t, c->node, c->out->of[i].archive, to, err);
	}
	cryo_json_dump_pretty(c->pod, &text);
	return rc < 0 ? rc : cryo_fs_write(source, text.p, text.len, 0600, err);
}

/* Before anything is frozen: the directory can be made, and nothing is there. */
static int check_copy_place(const char *to, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *draft = to ? cryo_asprintf("%s.part", to) : NULL;

	if (!to)
		return 0;
	if (cryo_fs_exists(to) || cryo_fs_exists(draft))
		return cryo_err_set(err, CRYO_E_USAGE, "--to: '%s' already exists",
				    cryo_fs_exists(to) ? to : draft);
	return cryo_err_wrap(err, cryo_fs_check_place(draft, err), "--to");
}

static int copy_pod_out(struct pod_call *c, struct cryo_err *err)
{
	const char *to = c->opts->to;
	cryo_auto(cryo_free) char *draft = to ? cryo_asprintf("%s.part", to) : NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = 0;

	if (!to)
		return 0;
	if (mkdir(draft, 0700) < 0)
		return cryo_err_sys(err, errno, "cannot make directory '%s'", draft);
	rc = copy_pod_archives(c, draft, err);
	if (rc == 0 && rename(draft, to) < 0)
		rc = cryo_err_sys(err, errno, "cannot rename '%s' to '%s'", draft, to);
	if (rc < 0) {
		cryo_fs_rmtree(draft, &ignored);
		return rc;
	}
	c->out->copy = cryo_strdup(to);
	for (size_t i = 0; i < c->out->n; i++)
		c->out->of[i].copy = cryo_asprintf("%s/%s.tar", to, c->names.v[i]);
	return 0;
}

static int checkpoint_pod(struct pod_call *c, struct cryo_err *err)
{
	int rc = cryo_cluster_kube(c->t, &c->api, err);

	if (rc == 0)
		rc = look_at_pod(c, err);
	if (rc < 0)
		return rc;
	if (c->opts->to && !c->node)
		return cryo_err_set(
		    err, CRYO_E_USAGE,
		    "--to: the archives stay on their node, which cannot be reached");
	c->out->why = c->opts->form ? cryo_strdup("--form is for one container at a time")
				    : explain_one_by_one(c);
	rc = c->out->why ? checkpoint_one_by_one(c, err) : checkpoint_together(c, err);
	if (rc == 0)
		rc = copy_pod_out(c, err);
	return rc < 0 ? rc : stop_pod(c, err);
}

int cryo_pod_checkpoint_run(struct cryo_cluster *t, const struct cryo_checkpoint_opts *opts,
			    struct cryo_pod_checkpoint *out, struct cryo_err *err)
{
	struct pod_call c = { .t = t, .opts = opts, .out = out };
	int rc;

	*out = (struct cryo_pod_checkpoint){ 0 };
	c.ns = opts->ns ? opts->ns : "default";
	rc = check_copy_place(opts->to, err);
	if (rc == 0)
		rc = checkpoint_pod(&c, err);
	cryo_kube_free(c.api);
	json_decref(c.pod);
	cryo_strv_release(&c.names);
	cryo_strv_release(&c.ids);
	free(c.socket);
	free(c.dir);
	free(c.cert);
	if (rc < 0)
		cryo_pod_checkpoint_release(out);
	return cryo_err_wrap(err, rc, "checkpoint of pod '%s'", opts->pod);
}

void cryo_pod_checkpoint_release(struct cryo_pod_checkpoint *c)
{
	for (size_t i = 0; i < c->n; i++)
		cryo_checkpoint_release(&c->of[i]);
	free(c->of);
	free(c->why);
	free(c->copy);
	*c = (struct cryo_pod_checkpoint){ 0 };
}

json_t *cryo_pod_checkpoint_json(const struct cryo_pod_checkpoint *c)
{
	json_t *all = json_array();

	for (size_t i = 0; i < c->n; i++)
		json_array_append_new(all, cryo_checkpoint_json(&c->of[i]));
	return json_pack("{so sb ss? ss? sI sb}", "containers", all, "together", c->together, "why",
			 c->why, "copy", c->copy, "milliseconds", (json_int_t)c->ms, "deleted",
			 c->deleted);
}
