/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint: {pod: NAME, container: NAME, timeout: 30, leaveRunning: false, encrypt: true,
 *              encryptionSecret: NAME, form: pods}, as: cp
 * checkpoint: {pod: NAME, body: {…}, serviceAccount: NAME}
 */
#include "base/clock.h"
#include "conf/json.h"
#include "scenario/criu_fields.h"
#include "verify/podlog.h"
#include "scenario/run.h"
#include "sys/intr.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How long the log is watched after the call for a sign of the source's life. */
#define AFTER_MS 2000

struct checkpoint_args {
	char *pod, *container, *secret, *form, *account;
	uint64_t timeout; /* seconds, as in the API */
	bool encrypt;
	struct cryo_scenario_criu criu;
	const struct cryo_node *leave_running; /* unsaid is not false */
	const struct cryo_node *body;
};

static const struct cryo_field fields[] = {
	{ "pod", CRYO_FIELD_STR, offsetof(struct checkpoint_args, pod), true },
	{ "container", CRYO_FIELD_STR, offsetof(struct checkpoint_args, container), false },
	{ "timeout", CRYO_FIELD_UINT, offsetof(struct checkpoint_args, timeout), false },
	{ "leaveRunning", CRYO_FIELD_NODE, offsetof(struct checkpoint_args, leave_running), false },
	{ "encrypt", CRYO_FIELD_BOOL, offsetof(struct checkpoint_args, encrypt), false },
	{ "encryptionSecret", CRYO_FIELD_STR, offsetof(struct checkpoint_args, secret), false },
	{ "form", CRYO_FIELD_STR, offsetof(struct checkpoint_args, form), false },
	{ "body", CRYO_FIELD_NODE, offsetof(struct checkpoint_args, body), false },
	{ "serviceAccount", CRYO_FIELD_STR, offsetof(struct checkpoint_args, account), false },
	CRYO_SCENARIO_CRIU_FIELDS(struct checkpoint_args, criu),
	{ NULL, 0, 0, false },
};

static const char *const results[] = { "archive", "node", "pod", "container", "path", NULL };

static int decode_leave_running(const struct cryo_node *n, enum cryo_leave_running *out,
				struct cryo_err *err)
{
	bool yes = n && cryo_streq(n->text, "true");

	*out = CRYO_LEAVE_UNSAID;
	if (!n)
		return 0;
	if (n->kind != CRYO_NODE_SCALAR || !n->plain || (!yes && strcmp(n->text, "false") != 0))
		return cryo_node_err(n, err, "'leaveRunning' must be true or false");
	*out = yes ? CRYO_LEAVE_RUNNING : CRYO_LEAVE_STOPPED;
	return 0;
}

/* A map as JSON; a text as it is, so that also what is no JSON can be sent. */
static char *copy_body_text(const struct cryo_node *n)
{
	cryo_auto(cryo_json_decref) json_t *body = NULL;
	struct cryo_str text = { 0 };

	if (!n)
		return NULL;
	if (n->kind == CRYO_NODE_SCALAR)
		return cryo_strdup(n->text);
	body = cryo_node_to_json(n);
	cryo_json_dump(body, &text);
	return cryo_str_detach(&text);
}

static void format_checkpoint_title(const void *args, struct cryo_str *out)
{
	const struct checkpoint_args *a = args;
	cryo_auto(cryo_free) char *body = copy_body_text(a->body);

	cryo_str_addf(out, "checkpoint %s", a->pod);
	if (a->container)
		cryo_str_addf(out, "/%s", a->container);
	if (a->encrypt)
		cryo_str_addf(out, " encrypted for %s", a->secret);
	if (a->leave_running && cryo_streq(a->leave_running->text, "false"))
		cryo_str_add(out, " and stop it");
	if (body)
		cryo_str_addf(out, " with the body '%s'", body);
	if (a->account)
		cryo_str_addf(out, " as %s", a->account);
}

/* The body is all there is, and the form that has one is meant. */
static int lint_checkpoint_body(const struct checkpoint_args *a, const struct cryo_node *args,
				struct cryo_err *err)
{
	const char *other = a->container       ? "container"
			    : a->timeout       ? "timeout"
			    : a->leave_running ? "leaveRunning"
			    : a->encrypt       ? "encrypt"
			    : a->secret	       ? "encryptionSecret"
					       : NULL;

	if (a->body && other)
		return cryo_node_err(args, err, "'body' and '%s': the body is sent as it is",
				     other);
	if ((a->body || a->account) && a->form && strcmp(a->form, "pods") != 0)
		return cryo_node_err(args, err, "'%s' is for 'form: pods'",
				     a->body ? "body" : "serviceAccount");
	return 0;
}

/* One without the other would leave it open what was meant. */
static int lint_checkpoint_sealing(const struct checkpoint_args *a, const struct cryo_node *args,
				   struct cryo_err *err)
{
	if (a->encrypt && !a->secret)
		return cryo_node_err(
		    args, err, "'encrypt' needs 'encryptionSecret', the Secret to encrypt for");
	if (a->secret && !a->encrypt)
		return cryo_node_err(args, err, "'encryptionSecret' without 'encrypt: true'");
	return 0;
}

static int lint_checkpoint_step(const struct cryo_scenario *s, const struct cryo_step *step,
				const void *args, struct cryo_err *err)
{
	const struct checkpoint_args *a = args;
	enum cryo_checkpoint_form form;
	enum cryo_leave_running leave;
	int rc = decode_leave_running(a->leave_running, &leave, err);

	(void)s;
	if (rc == 0)
		rc = lint_checkpoint_sealing(a, step->args, err);
	if (rc == 0)
		rc = lint_checkpoint_body(a, step->args, err);
	if (rc == 0 && a->timeout > INT32_MAX)
		rc = cryo_node_err(step->args, err, "'timeout' is too large (seconds)");
	if (rc == 0 && a->form && cryo_checkpoint_form_parse(a->form, &form, err) < 0)
		rc = cryo_node_err(
		    cryo_node_get(step->args, "form"), err,
		    "'form': '%.64s' is not valid (valid values: pods, proxy, kubelet)", a->form);
	return rc;
}

static bool has_counted_since(const char *line, int64_t ns, void *arg)
{
	struct cryo_count c;

	return ns > *(int64_t *)arg && cryo_count_parse(line, &c) == CRYO_LOGLINE_COUNT;
}

/*
 * The log on either side of the call is evidence for the continuity step, no
 * part of the checkpoint: a pod without a readable log is still checkpointed.
 */
static char *read_pod_log_now(struct cryo_run *run, const struct checkpoint_args *a,
			      int64_t *since_ns)
{
	struct cryo_podlog p = {
		run->ns, a->pod, a->container, cryo_run_left(run), NULL, since_ns
	};
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct cryo_str log = { 0 };

	if (since_ns) {
		p.enough = has_counted_since;
		p.timeout_ms = p.timeout_ms < AFTER_MS ? p.timeout_ms : AFTER_MS;
	}
	cryo_podlog_read(run->kube, &p, &log, &ignored);
	return cryo_str_detach(&log);
}

static void publish_checkpoint_vars(struct cryo_run *run, const char *as,
				    const struct cryo_checkpoint *cp)
{
	const char *const value[] = { cp->copy, cp->node, cp->pod, cp->container, cp->archive };

	cryo_vars_set(&run->vars, as, as);
	for (size_t i = 0; results[i]; i++) {
		cryo_auto(cryo_free) char *name = cryo_asprintf("%s.%s", as, results[i]);

		cryo_vars_set(&run->vars, name, value[i] ? value[i] : "");
	}
}

static void record_checkpoint(struct cryo_run *run, const struct cryo_checkpoint *cp,
			      struct cryo_str *said)
{
	cryo_auto(cryo_free) char *time = cryo_duration_show(cp->ms);
	cryo_auto(cryo_free) char *size = cryo_size_show(cp->bytes);
	struct cryo_scenario_result *r = run->result;

	if (cp->bytes)
		cryo_str_addf(said, "%s in ", size);
	cryo_str_addf(said, "%s%s", time, cp->sealed ? ", encrypted" : "");
	if (cp->deleted)
		cryo_str_add(said, ", the pod is being deleted");
	free(r->node);
	free(r->archive);
	r->node = cryo_strdup(cp->node);
	r->archive = cryo_strdup(cp->archive);
	r->archive_bytes = cp->bytes;
	r->checkpoint_ms = cp->ms;
}

/*
 * What came before must still be there. The stock kubelet names archives by the
 * second and overwrites; pods/checkpoint has to tell two calls apart.
 */
static int check_archive_name(const struct cryo_run *run, const struct cryo_checkpoint *cp,
			      struct cryo_err *err)
{
	for (size_t i = 0; i + 1 < run->cps; i++)
		if (cp->form == CRYO_CHECKPOINT_PODS &&
		    cryo_streq(run->cp[i]->cp.archive, cp->archive))
			return cryo_err_set(err, CRYO_E_CHECK,
					    "it has the name of the archive before: '%s'",
					    cp->archive);
	return 0;
}

static int make_checkpoint_opts(struct cryo_run *run, const struct checkpoint_args *a,
				struct cryo_checkpoint_opts *o, struct cryo_err *err)
{
	int rc = decode_leave_running(a->leave_running, &o->leave, err);

	o->ns = run->ns;
	o->pod = a->pod;
	o->container = a->container;
	o->timeout_ms = (int64_t)a->timeout * 1000;
	o->limit_ms = cryo_run_left(run);
	o->encryption_secret = a->secret;
	o->criu = cryo_scenario_criu(&a->criu);
	if (rc == 0 && (o->body || o->user))
		o->form = CRYO_CHECKPOINT_PODS;
	else if (rc == 0 && a->form)
		rc = cryo_checkpoint_form_parse(a->form, &o->form, err);
	return rc;
}

static int run_checkpoint_step(struct cryo_run *run, const struct cryo_step *step, const void *args,
			       struct cryo_str *said, struct cryo_err *err)
{
	const struct checkpoint_args *a = args;
	struct cryo_run_checkpoint *c = cryo_alloc(sizeof(*c));
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/%zu.tar", run->tmp, run->cps);
	cryo_auto(cryo_free) char *body = copy_body_text(a->body);
	cryo_auto(cryo_free) char *user =
	    a->account ? cryo_asprintf("system:serviceaccount:%s:%s", run->ns, a->account) : NULL;
	/* Where nodes are out of reach the archive stays there. */
	struct cryo_checkpoint_opts opts = {
		.to = cryo_cluster_reaches_nodes(run->target) ? to : NULL,
		.body = body,
		.user = user,
	};
	int rc;

	run->cp = cryo_realloc(run->cp, run->cps + 1, sizeof(struct cryo_run_checkpoint *));
	run->cp[run->cps++] = c;
	c->before = read_pod_log_now(run, a, NULL);
	rc = make_checkpoint_opts(run, a, &opts, err);
	if (rc == 0)
		rc = cryo_checkpoint_run(run->target, &opts, &c->cp, err);
	if (rc == 0)
		rc = check_archive_name(run, &c->cp, err);
	if (rc < 0)
		return rc;
	c->after = c->cp.deleted ? cryo_strdup("") : read_pod_log_now(run, a, &c->cp.ended_ns);
	c->name = cryo_strdup(step->as);
	if (step->as)
		publish_checkpoint_vars(run, step->as, &c->cp);
	record_checkpoint(run, &c->cp, said);
	return cryo_intr_check(err);
}

const struct cryo_step_kind cryo_step_checkpoint = {
	.name = "checkpoint",
	.size = sizeof(struct checkpoint_args),
	.fields = fields,
	.results = results,
	.timeout_ms = 120 * 1000,
	.title = format_checkpoint_title,
	.lint = lint_checkpoint_step,
	.run = run_checkpoint_step,
};
