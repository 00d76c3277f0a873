/* SPDX-License-Identifier: Apache-2.0 */
#include "source/kinds.h"

#include <ctype.h>
#include <string.h>

bool cryo_source_has_only(const char *s, const char *punctuation)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(punctuation, *s))
			return false;
	return true;
}

bool cryo_source_is_name(const char *s)
{
	return isalnum((unsigned char)s[0]) && strlen(s) < 128 && cryo_source_has_only(s, "+.-");
}

bool cryo_source_is_version(const char *s)
{
	return s[0] == 'v' && isdigit((unsigned char)s[1]) && cryo_source_has_only(s, ".+-") &&
	       !strstr(s, "..");
}
