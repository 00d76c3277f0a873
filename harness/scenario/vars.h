/* SPDX-License-Identifier: Apache-2.0 */
/* Variables of a scenario: "${cp.archive}" in a text becomes what the step named `cp` offers. */
#ifndef CRYO_SCENARIO_VARS_H
#define CRYO_SCENARIO_VARS_H

#include "base/err.h"
#include "base/str.h"

struct cryo_vars {
	struct cryo_strv name, value; /* of the same length */
};

void cryo_vars_set(struct cryo_vars *v, const char *name, const char *value); /* copies */
/* *out is the caller's. -CRYO_E_CONFIG: an unknown variable (did you mean), or no "}". */
int cryo_vars_expand(const struct cryo_vars *v, const char *text, char **out, struct cryo_err *err);
void cryo_vars_release(struct cryo_vars *v);
#define cryo_vars_releasep cryo_vars_release

#endif
