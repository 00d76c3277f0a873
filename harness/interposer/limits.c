/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/limits.h"

#include <stdlib.h>
#include <string.h>

#define NAME_COLUMNS 26 /* fs/proc/base.c, proc_pid_limits: "%-25s " */

/* A number or "unlimited", and the blanks before it. */
static bool parse_limit_value(const char **at, rlim64_t *out)
{
	static const char unlimited[] = "unlimited";
	char *end;

	*at += strspn(*at, " ");
	if (strncmp(*at, unlimited, strlen(unlimited)) == 0) {
		*at += strlen(unlimited);
		*out = RLIM64_INFINITY;
		return **at == ' ';
	}
	if (**at < '0' || **at > '9')
		return false;
	*out = strtoull(*at, &end, 10);
	*at = end;
	return *end == ' ';
}

bool cryo_limits_parse(const char *text, unsigned resource, struct rlimit64 *out)
{
	/* Above them is a line of titles. */
	for (unsigned line = 0; line <= resource; line++) {
		text = strchr(text, '\n');
		if (!text)
			return false;
		text++;
	}
	if (strcspn(text, "\n") < NAME_COLUMNS)
		return false;
	text += NAME_COLUMNS;
	return parse_limit_value(&text, &out->rlim_cur) && parse_limit_value(&text, &out->rlim_max);
}
