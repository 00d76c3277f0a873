/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer target: any bytes as a scenario file. */
#include "scenario/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_scenario s;

	/* In a directory that is not there: manifests that steps name are not this test's matter.
	 */
	if (cryo_scenario_parse("/nowhere/s.yaml", (const char *)data, size, &s, &err) == 0)
		cryo_scenario_release(&s);
	return 0;
}
