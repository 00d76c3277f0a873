/* SPDX-License-Identifier: Apache-2.0 */
/* standstill: {checkpoint: "${cp}"}, of a checkpoint-pod step */
#include "scenario/run.h"
#include "verify/standstill.h"

#include <stdlib.h>

struct standstill_args {
	char *checkpoint;
};

static const struct cryo_field fields[] = {
	{ "checkpoint", CRYO_FIELD_STR, offsetof(struct standstill_args, checkpoint), true },
	{ NULL, 0, 0, false },
};

static void format_standstill_title(const void *args, struct cryo_str *out)
{
	(void)args;
	cryo_str_add(out, "all containers were stopped at one moment");
}

static int lint_standstill_step(const struct cryo_scenario *s, const struct cryo_step *step,
				const void *args, struct cryo_err *err)
{
	const struct standstill_args *a = args;

	(void)s;
	return cryo_step_check_checkpoint(step, a->checkpoint, err);
}

static int run_standstill_step(struct cryo_run *run, const struct cryo_step *step, const void *args,
			       struct cryo_str *said, struct cryo_err *err)
{
	const struct standstill_args *a = args;
	cryo_auto(cryo_free) struct cryo_standstill_log *log =
	    cryo_alloc((run->cps + 1) * sizeof(*log));
	struct cryo_standstill verdict;
	size_t n = 0;

	for (size_t i = 0; i < run->cps; i++) {
		const struct cryo_run_checkpoint *c = run->cp[i];

		if (cryo_streq(c->name, a->checkpoint))
			log[n++] =
			    (struct cryo_standstill_log){ c->cp.container, c->before, c->after };
	}
	if (n < 2)
		return cryo_node_err(step->node, err,
				     "checkpoint '%s' is not of several containers", a->checkpoint);
	cryo_standstill_judge(log, n, &verdict);
	if (!verdict.together)
		return cryo_err_set(err, CRYO_E_CHECK, "%s", verdict.text);
	cryo_str_add(said, verdict.text);
	return 0;
}

const struct cryo_step_kind cryo_step_standstill = {
	.name = "standstill",
	.size = sizeof(struct standstill_args),
	.fields = fields,
	.timeout_ms = 10 * 1000,
	.title = format_standstill_title,
	.lint = lint_standstill_step,
	.run = run_standstill_step,
};
