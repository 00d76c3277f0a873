/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/countformat.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER	 "^[[:blank:]]*([0-9]+)[[:blank:]]*\r?$"
#define MAX_LINE 4096 /* what is longer is no line of a counter */

struct cryo_count_format {
	regex_t pattern;
};

int cryo_count_format_new(const char *text, struct cryo_count_format **out, struct cryo_err *err)
{
	struct cryo_count_format *f = cryo_alloc(sizeof(*f));
	const char *pattern = strcmp(text, "number") == 0 ? NUMBER : text;
	int rc = regcomp(&f->pattern, pattern, REG_EXTENDED);
	char why[120];

	if (rc != 0) {
		regerror(rc, &f->pattern, why, sizeof(why));
		free(f);
		return cryo_err_set(err, CRYO_E_CONFIG, "format '%s': %s", text, why);
	}
	if (f->pattern.re_nsub != 1) {
		cryo_count_format_free(f);
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "format '%s': neither 'number' nor an expression with one "
				    "group, the number",
				    text);
	}
	*out = f;
	return 0;
}

void cryo_count_format_free(struct cryo_count_format *f)
{
	if (!f)
		return;
	regfree(&f->pattern);
	free(f);
}

enum cryo_logline_kind cryo_count_format_read(const struct cryo_count_format *f, const char *line,
					      struct cryo_count *out)
{
	regmatch_t m[2];
	const char *begin;
	char *end;

	if (strnlen(line, MAX_LINE) == MAX_LINE || regexec(&f->pattern, line, 2, m, 0) != 0 ||
	    m[1].rm_so < 0)
		return CRYO_LOGLINE_OTHER;
	begin = line + m[1].rm_so;
	if (*begin < '0' || *begin > '9')
		return CRYO_LOGLINE_BROKEN;
	errno = 0;
	*out = (struct cryo_count){ .count = strtoull(begin, &end, 10) };
	return errno == 0 && end == line + m[1].rm_eo ? CRYO_LOGLINE_COUNT : CRYO_LOGLINE_BROKEN;
}
