/* SPDX-License-Identifier: Apache-2.0 */
/* restore: {archive: "${cp.archive}", pod: NEWNAME, keySecret: NAME} */
#include "base/clock.h"
#include "scenario/criu_fields.h"
#include "scenario/run.h"

struct restore_args {
	char *archive, *pod, *manifest, *key_secret, *restart_policy;
	bool run_init, allow_privileges;
	struct cryo_scenario_criu criu;
};

static const struct cryo_field fields[] = {
	{ "archive", CRYO_FIELD_STR, offsetof(struct restore_args, archive), true },
	{ "pod", CRYO_FIELD_STR, offsetof(struct restore_args, pod), true },
	{ "manifest", CRYO_FIELD_STR, offsetof(struct restore_args, manifest), false },
	{ "keySecret", CRYO_FIELD_STR, offsetof(struct restore_args, key_secret), false },
	{ "restartPolicy", CRYO_FIELD_STR, offsetof(struct restore_args, restart_policy), false },
	{ "runInit", CRYO_FIELD_BOOL, offsetof(struct restore_args, run_init), false },
	{ "allowPrivileges", CRYO_FIELD_BOOL, offsetof(struct restore_args, allow_privileges),
	  false },
	CRYO_SCENARIO_CRIU_FIELDS(struct restore_args, criu),
	{ NULL, 0, 0, false },
};

static void format_restore_title(const void *args, struct cryo_str *out)
{
	const struct restore_args *a = args;

	cryo_str_addf(out, "restore %s", a->pod);
	if (a->key_secret)
		cryo_str_addf(out, " with the key of %s", a->key_secret);
}

/* What of the encrypted story this step is; a failure counts once the step expects it. */
static void record_restore_secrecy(struct cryo_secrecy *s, const struct cryo_run_checkpoint *c,
				   const struct restore_args *a, bool restored)
{
	if (!c || !c->cp.sealed)
		return;
	s->opened = s->opened || (restored && a->key_secret);
	s->refused = s->refused || (!restored && !a->key_secret);
}

static int run_restore_step(struct cryo_run *run, const struct cryo_step *step, const void *args,
			    struct cryo_str *said, struct cryo_err *err)
{
	const struct restore_args *a = args;
	const struct cryo_run_checkpoint *c = cryo_run_checkpoint_of(run, a->archive);
	cryo_auto(cryo_free) char *archive = cryo_scenario_path(run->scenario, a->archive);
	cryo_auto(cryo_free) char *manifest =
	    a->manifest ? cryo_scenario_path(run->scenario, a->manifest) : NULL;
	cryo_auto(cryo_restore_release) struct cryo_restore restored = { 0 };
	cryo_auto(cryo_free) char *time = NULL;
	struct cryo_restore_opts opts = {
		.archive = archive,
		.pod = a->pod,
		.ns = run->ns,
		.manifest = manifest,
		.source = c ? c->cp.source : NULL,
		.timeout_ms = cryo_run_left(run),
		.key_secret = a->key_secret,
		.restart_policy = a->restart_policy,
		.run_init = a->run_init,
		.allow_privileges = a->allow_privileges,
		.criu = cryo_scenario_criu(&a->criu),
	};
	int rc = cryo_restore_run(run->target, &opts, &restored, err);

	(void)step;
	record_restore_secrecy(&run->result->secrecy, c, a, rc == 0);
	if (rc < 0)
		return rc;
	time = cryo_duration_show(restored.ms);
	cryo_str_addf(said, "running after %s", time);
	run->result->restore_ms = restored.ms;
	return 0;
}

const struct cryo_step_kind cryo_step_restore = {
	.name = "restore",
	.size = sizeof(struct restore_args),
	.fields = fields,
	.timeout_ms = 60 * 1000,
	.needs = "node-access",
	.title = format_restore_title,
	.run = run_restore_step,
};
