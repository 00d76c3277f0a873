/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as CRIU's statistics, and as its log. */
#include "base/util.h"
#include "criu/stats.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cryo_auto(cryo_free) char *text = cryo_strndup((const char *)data, size);
	struct cryo_criu_stats s = { 0 };
	struct cryo_err err;

	cryo_criu_stats_parse(data, size, &s, &err);
	cryo_criu_stats_log(text, &s);
	if (s.rest_ms < -1 || s.peak_kb < -1)
		abort();
	return 0;
}
