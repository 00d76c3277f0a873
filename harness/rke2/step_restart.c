/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/step.h"

#include "conf/json.h"

static int restart_unit(const struct rke2_run *r, const json_t *step, json_t **result,
			struct cryo_err *err)
{
	const char *unit = cryo_json_str(r->plan, "node.unit");

	(void)step;
	if (!r->active || !r->service->is_active(r->service->arg, unit)) {
		*result = json_pack("{sb}", "skipped", 1);
		return 0;
	}
	return r->service->restart(r->service->arg, unit, err);
}

const struct rke2_step_kind rke2_step_restart = { "restart", restart_unit, NULL, NULL };
