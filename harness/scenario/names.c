/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/model.h"

char *cryo_scenario_path(const struct cryo_scenario *s, const char *path)
{
	return *path == '/' ? cryo_strdup(path) : cryo_asprintf("%s/%s", s->dir, path);
}

bool cryo_scenario_is_name(const char *s)
{
	return cryo_is_label(s, CRYO_SCENARIO_NAME_MAX);
}
