/* SPDX-License-Identifier: Apache-2.0 */
/* delete: {pod: NAME}, and wait until it is gone */
#include "scenario/run.h"

struct delete_args {
	char *pod;
};

static const struct cryo_field fields[] = {
	{ "pod", CRYO_FIELD_STR, offsetof(struct delete_args, pod), true },
	{ NULL, 0, 0, false },
};

static void format_delete_title(const void *args, struct cryo_str *out)
{
	const struct delete_args *a = args;

	cryo_str_addf(out, "delete %s", a->pod);
}

static int run_delete_step(struct cryo_run *run, const struct cryo_step *step, const void *args,
			   struct cryo_str *said, struct cryo_err *err)
{
	const struct delete_args *a = args;
	struct cryo_kube_ref ref = { "pods", run->ns, a->pod };
	int rc = cryo_kube_delete(run->kube, &ref, -1, cryo_run_left(run), err);

	(void)step;
	if (rc == 1)
		return cryo_err_set(err, CRYO_E_CHECK, "pod '%s' does not exist", a->pod);
	if (rc == 0)
		cryo_str_add(said, "gone");
	return rc;
}

const struct cryo_step_kind cryo_step_delete = {
	.name = "delete",
	.size = sizeof(struct delete_args),
	.fields = fields,
	.timeout_ms = 60 * 1000,
	.title = format_delete_title,
	.run = run_delete_step,
};
