/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/model.h"

#include <string.h>

char *cryo_scenario_path(const struct cryo_scenario *s, const char *path)
{
	return *path == '/' ? cryo_strdup(path) : cryo_asprintf("%s/%s", s->dir, path);
}

bool cryo_scenario_is_name(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= CRYO_SCENARIO_NAME_MAX &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n && s[0] != '-' &&
	       s[n - 1] != '-';
}
