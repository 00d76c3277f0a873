/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer target: any bytes as a scenario file. */
#include "scenario/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_scenario s;
	size_t last;

	/* In a directory that is not there: manifests that steps name are not this test's matter.
	 */
	if (cryo_scenario_parse("/nowhere/s.yaml", 0, text, size, &s, &err) < 0)
		return 0;
	last = s.rows - 1;
	cryo_scenario_release(&s);
	if (cryo_scenario_parse("/nowhere/s.yaml", last, text, size, &s, &err) == 0)
		cryo_scenario_release(&s);
	return 0;
}
