/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate: {pod: NAME, container: NAME, toNode: NODE, newPod: NAME, encryptionSecret: NAME}
 * It fails unless the counter went on. Results: ${as.from}, ${as.to}, ${as.pod}.
 */
#include "base/clock.h"
#include "scenario/moved.h"

struct migrate_args {
	char *pod, *container, *to_node, *name, *manifest, *secret;
};

static const struct cryo_field fields[] = {
	{ "pod", CRYO_FIELD_STR, offsetof(struct migrate_args, pod), true },
	{ "container", CRYO_FIELD_STR, offsetof(struct migrate_args, container), false },
	{ "toNode", CRYO_FIELD_STR, offsetof(struct migrate_args, to_node), false },
	{ "newPod", CRYO_FIELD_STR, offsetof(struct migrate_args, name), false },
	{ "manifest", CRYO_FIELD_STR, offsetof(struct migrate_args, manifest), false },
	{ "encryptionSecret", CRYO_FIELD_STR, offsetof(struct migrate_args, secret), false },
	{ NULL, 0, 0, false },
};

static const char *const results[] = { "from", "to", "pod", NULL };

static void format_migrate_title(const void *args, struct cryo_str *out)
{
	const struct migrate_args *a = args;

	cryo_str_addf(out, "migrate %s", a->pod);
	if (a->secret)
		cryo_str_addf(out, " encrypted for %s", a->secret);
}

static void publish_migrate_vars(struct cryo_run *run, const char *as,
				 const struct cryo_migration *m)
{
	const char *const value[] = { m->from, m->to, m->pod };

	for (size_t i = 0; results[i]; i++) {
		cryo_auto(cryo_free) char *name = cryo_asprintf("%s.%s", as, results[i]);

		cryo_vars_set(&run->vars, name, value[i]);
	}
}

static int run_migrate_step(struct cryo_run *run, const struct cryo_step *step, const void *args,
			    struct cryo_str *said, struct cryo_err *err)
{
	const struct migrate_args *a = args;
	cryo_auto(cryo_free) char *manifest =
	    a->manifest ? cryo_scenario_path(run->scenario, a->manifest) : NULL;
	cryo_auto(cryo_migration_release) struct cryo_migration m = { 0 };
	cryo_auto(cryo_free) char *time = NULL;
	const struct cryo_migrate_opts opts = { .ns = run->ns,
						.pod = a->pod,
						.container = a->container,
						.to_node = a->to_node,
						.as = a->name,
						.manifest = manifest,
						.secret = a->secret,
						.timeout_ms = cryo_run_left(run) };
	int rc = cryo_run_move(run, &opts, &m, err);

	if (rc < 0)
		return rc;
	if (step->as)
		publish_migrate_vars(run, step->as, &m);
	time = cryo_duration_show(m.ms);
	cryo_str_addf(said, "%s → %s in %s, %s", m.from, m.to, time, m.verdict.text);
	return 0;
}

const struct cryo_step_kind cryo_step_migrate = {
	.name = "migrate",
	.size = sizeof(struct migrate_args),
	.fields = fields,
	.results = results,
	.timeout_ms = 120 * 1000,
	.needs = "several-nodes",
	.title = format_migrate_title,
	.run = run_migrate_step,
};
