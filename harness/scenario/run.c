/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/run.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* How long a fresh namespace may take to get its ServiceAccount. */
#define NAMESPACE_MS 30000

int64_t cryo_run_left(const struct cryo_run *run)
{
	int64_t left = run->step_until - cryo_now_ms();

	return left > 0 ? left : 1;
}

const struct cryo_run_checkpoint *cryo_run_checkpoint_in(const struct cryo_run *run,
							 const char *name, const char *container)
{
	for (size_t i = 0; i < run->cps; i++)
		if (cryo_streq(run->cp[i]->name, name) &&
		    (!container || cryo_streq(run->cp[i]->cp.container, container)))
			return run->cp[i];
	return NULL;
}

const struct cryo_run_checkpoint *cryo_run_checkpoint_named(const struct cryo_run *run,
							    const char *name)
{
	return cryo_run_checkpoint_in(run, name, NULL);
}

const struct cryo_run_checkpoint *cryo_run_checkpoint_of(const struct cryo_run *run,
							 const char *archive)
{
	for (size_t i = 0; i < run->cps; i++)
		if (run->cp[i]->cp.copy && strcmp(run->cp[i]->cp.copy, archive) == 0)
			return run->cp[i];
	return NULL;
}

/*
 * A namespace of its own. Pods are refused there until the controller manager
 * has made its default ServiceAccount.
 */
static int make_run_namespace(struct cryo_run *run, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *object = NULL;
	struct cryo_kube_ref account = { "serviceaccounts", NULL, "default" };
	unsigned id = 0;
	char *ns;
	int rc;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return cryo_err_sys(err, errno, "cannot get a random number");
	ns = cryo_asprintf("%s-%08x", run->scenario->name, id);
	object = json_pack("{s:s, s:s, s:{s:s, s:{s:s}}}", "apiVersion", "v1", "kind", "Namespace",
			   "metadata", "name", ns, "labels", "cryopod.dev/scenario",
			   run->scenario->name);
	rc = cryo_kube_create(run->kube, object, NULL, err);
	if (rc < 0) {
		free(ns);
		return cryo_err_wrap(err, rc, "namespace for the scenario");
	}
	run->ns = ns;
	account.ns = ns;
	rc = cryo_kube_wait(run->kube, &account, cryo_kube_test_exists, NULL,
			    cryo_limit_ms(NAMESPACE_MS), NULL, err);
	return cryo_err_wrap(err, rc, "namespace '%s'", ns);
}

static int set_unschedulable(struct cryo_run *run, const char *node, bool yes, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *object =
	    json_pack("{s:s, s:s, s:{s:s}, s:{s:b}}", "apiVersion", "v1", "kind", "Node",
		      "metadata", "name", node, "spec", "unschedulable", yes);
	enum cryo_kube_change change;

	return cryo_kube_apply(run->kube, object, NULL, &change, err);
}

int cryo_run_cordon(struct cryo_run *run, const char *node, struct cryo_err *err)
{
	if (cryo_strv_has(&run->cordoned, node))
		return 0;
	cryo_strv_add(&run->cordoned, node);
	return set_unschedulable(run, node, true, err);
}

static void open_cordoned_nodes(struct cryo_run *run)
{
	for (size_t i = 0; i < run->cordoned.n; i++) {
		struct cryo_err err = CRYO_ERR_INIT;

		if (set_unschedulable(run, run->cordoned.v[i], false, &err) < 0)
			cryo_warn("node '%s' stays closed to new pods: %s", run->cordoned.v[i],
				  err.msg);
	}
}

static int set_up_scenario_run(struct cryo_run *run, const char *tmp, struct cryo_err *err)
{
	const char *parent = tmp ? tmp : getenv("TMPDIR");
	int rc;

	/* Archives can be large: not below /tmp, which may be memory. */
	if (!parent || *parent != '/')
		parent = "/var/tmp";
	rc = cryo_fs_tmpdir(parent, "cryopod-test-", &run->tmp, err);
	return rc < 0 ? rc : make_run_namespace(run, err);
}

/*
 * Removed also after an interrupt. The namespace goes in the background: nobody
 * else uses its name, and the pods' last seconds need no witness.
 */
static void clean_up_scenario_run(struct cryo_run *run, bool keep)
{
	struct cryo_kube_ref ns = { "namespaces", NULL, run->ns };
	struct cryo_err err = CRYO_ERR_INIT;

	cryo_intr_hold();
	open_cordoned_nodes(run);
	if (run->ns && !keep && cryo_kube_delete(run->kube, &ns, -1, 0, &err) < 0)
		cryo_warn("namespace '%s' stays: %s", run->ns, err.msg);
	if (run->tmp && !keep && cryo_fs_rmtree(run->tmp, &err) < 0)
		cryo_warn("'%s' stays: %s", run->tmp, err.msg);
	cryo_intr_release();
}

static void release_scenario_run(struct cryo_run *run)
{
	for (size_t i = 0; i < run->cps; i++) {
		cryo_checkpoint_release(&run->cp[i]->cp);
		free(run->cp[i]->name);
		free(run->cp[i]->before);
		free(run->cp[i]->after);
		free(run->cp[i]);
	}
	free(run->cp);
	free(run->ns);
	free(run->tmp);
	cryo_vars_release(&run->vars);
	cryo_strv_release(&run->cordoned);
}

/* With a code of HTTP; a server that was not waited for has given none. */
static bool is_server_answer(const struct cryo_err *err)
{
	return err->status == CRYO_E_REMOTE || err->status == CRYO_E_TIMEOUT;
}

/* The outcome against what the step expects: an expected failure is none. */
static int check_expected_outcome(const struct cryo_expect *expect, int rc, struct cryo_str *said,
				  struct cryo_err *err)
{
	if (!expect->error || rc == -CRYO_E_INTERRUPTED)
		return rc;
	if (rc == 0)
		return cryo_err_set(err, CRYO_E_CHECK, "it succeeded, but was expected to fail");
	if (expect->code && !(is_server_answer(err) && err->http_code == (int)expect->code))
		return cryo_err_wrap(err, cryo_err_as(err, rc, CRYO_E_CHECK),
				     "failed, but not with code %d", (int)expect->code);
	if (expect->contains && !strstr(err->msg, expect->contains))
		return cryo_err_wrap(err, cryo_err_as(err, rc, CRYO_E_CHECK),
				     "failed, but not with '%s'", expect->contains);
	cryo_str_clear(said);
	cryo_str_addf(said, "failed as expected: %s", err->msg);
	*err = (struct cryo_err)CRYO_ERR_INIT;
	return 0;
}

static int execute_step(struct cryo_run *run, const struct cryo_step *step, struct cryo_str *said,
			struct cryo_err *err)
{
	int64_t now = cryo_now_ms();
	void *args = NULL;
	int rc = cryo_intr_check(err);

	if (rc < 0)
		return rc;
	if (now >= run->scenario_until)
		return cryo_err_set(err, CRYO_E_TIMEOUT, "the scenario reached its time limit");
	run->step_until = now + cryo_limit_ms(step->timeout_ms);
	if (run->step_until > run->scenario_until)
		run->step_until = run->scenario_until;
	rc = cryo_step_args_new(step, &args, err);
	if (rc == 0)
		rc = cryo_step_args_expand(step, args, &run->vars, err);
	if (rc == 0)
		rc = check_expected_outcome(&step->expect,
					    step->kind->run(run, step, args, said, err), said, err);
	cryo_step_args_free(step->kind, args);
	return rc;
}

static int report_executed_step(struct cryo_run *run, const struct cryo_step *step,
				struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str said = { 0 };
	int rc;

	cryo_step_begin("%s", step->title);
	rc = execute_step(run, step, &said, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("%s", cryo_str_get(&said));
	return cryo_err_wrap(err, rc, "%s", step->title);
}

/* Helps to understand a failure; what goes wrong here changes nothing any more. */
static void collect_failure_info(struct cryo_run *run)
{
	const struct cryo_steps *catch = &run->scenario->catch;

	run->scenario_until = cryo_now_ms() + cryo_limit_ms(60000);
	for (size_t i = 0; i < catch->n; i++) {
		struct cryo_err err = CRYO_ERR_INIT;

		if (report_executed_step(run, &catch->v[i], &err) == -CRYO_E_INTERRUPTED)
			return;
	}
}

static int run_scenario_steps(struct cryo_run *run, const char *tmp, struct cryo_err *err)
{
	const struct cryo_steps *steps = &run->scenario->steps;
	int rc = set_up_scenario_run(run, tmp, err);

	for (size_t i = 0; rc == 0 && i < steps->n; i++) {
		rc = report_executed_step(run, &steps->v[i], err);
		run->result->steps += rc == 0;
	}
	if (rc < 0 && rc != -CRYO_E_INTERRUPTED && run->ns)
		collect_failure_info(run);
	return rc;
}

int cryo_run_scenario(struct cryo_cluster *t, struct cryo_kube *k, const struct cryo_scenario *s,
		      const char *tmp, bool keep, struct cryo_scenario_result *out)
{
	struct cryo_run run = { .scenario = s,
				.target = t,
				.kube = k,
				.scenario_until = cryo_now_ms() + cryo_limit_ms(s->timeout_ms),
				.result = out };
	int rc = run_scenario_steps(&run, tmp, &out->err);

	keep = keep && rc < 0 && rc != -CRYO_E_INTERRUPTED;
	clean_up_scenario_run(&run, keep);
	if (keep && run.tmp)
		out->kept = cryo_strdup(run.tmp);
	release_scenario_run(&run);
	return rc;
}
