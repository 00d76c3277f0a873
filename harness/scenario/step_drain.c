/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain: {node: NODE}: nothing new is scheduled there until the scenario ends, and what
 * it has there goes on elsewhere, one pod after the other.
 */
#include "base/clock.h"
#include "conf/json.h"
#include "scenario/moved.h"

struct drain_args {
	char *node;
};

static const struct cryo_field fields[] = {
	{ "node", CRYO_FIELD_STR, offsetof(struct drain_args, node), true },
	{ NULL, 0, 0, false },
};

static void format_drain_title(const void *args, struct cryo_str *out)
{
	(void)args;
	cryo_str_add(out, "drain a node");
}

static int list_pods_there(struct cryo_run *run, const char *node, struct cryo_strv *pods,
			   struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *items = NULL;
	json_t *pod;
	size_t i;
	int rc = cryo_kube_list(run->kube, "pods", run->ns, NULL, &items, err);

	json_array_foreach(items, i, pod)
		if (cryo_streq(cryo_json_str(pod, "spec.nodeName"), node) &&
		    cryo_json_str(pod, "metadata.name"))
			cryo_strv_add(pods, cryo_json_str(pod, "metadata.name"));
	if (rc == 0 && pods->n == 0)
		return cryo_err_set(err, CRYO_E_CHECK, "the scenario has no pod on node '%s'",
				    node);
	return rc;
}

static int run_drain_step(struct cryo_run *run, const struct cryo_step *step, const void *args,
			  struct cryo_str *said, struct cryo_err *err)
{
	const struct drain_args *a = args;
	cryo_auto(cryo_strv_release) struct cryo_strv pods = { 0 };
	int rc = list_pods_there(run, a->node, &pods, err);

	(void)step;
	if (rc == 0)
		rc = cryo_run_cordon(run, a->node, err);
	for (size_t i = 0; rc == 0 && i < pods.n; i++) {
		cryo_auto(cryo_migration_release) struct cryo_migration m = { 0 };
		const struct cryo_migrate_opts opts = { .ns = run->ns,
							.pod = pods.v[i],
							.timeout_ms = cryo_run_left(run) };
		cryo_auto(cryo_free) char *time = NULL;

		rc = cryo_run_move(run, &opts, &m, err);
		time = cryo_duration_show(m.ms);
		if (rc == 0)
			cryo_str_addf(said, "%s%s from %s to %s in %s", i ? ", " : "", m.pod,
				      m.from, m.to, time);
	}
	return rc;
}

const struct cryo_step_kind cryo_step_drain = {
	.name = "drain",
	.size = sizeof(struct drain_args),
	.fields = fields,
	.timeout_ms = 180 * 1000,
	.needs = "several-nodes",
	.title = format_drain_title,
	.run = run_drain_step,
};
