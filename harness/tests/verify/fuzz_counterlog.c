/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer target: any bytes as all four logs, cut at 0xff. */
#include "base/str.h"
#include "verify/continuity.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cryo_auto(cryo_strv_release) struct cryo_strv part = { 0 };
	const char *p = (const char *)data, *end = p + size;
	struct cryo_continuity_logs logs;
	struct cryo_continuity c;

	while (part.n < 4) {
		const char *cut = p < end ? memchr(p, 0xff, (size_t)(end - p)) : NULL;

		cryo_strv_take(&part, cryo_strndup(p, (size_t)((cut ? cut : end) - p)));
		p = cut ? cut + 1 : end;
	}
	logs = (struct cryo_continuity_logs){ part.v[0],     part.v[1], part.v[2], part.v[3],
					      size % 2 == 0, false,	NULL };
	cryo_continuity_judge(&logs, &c);
	json_decref(cryo_continuity_json(&c));
	return 0;
}
