/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: no crash, and what was read comes back the same after emitting it. */
#include "conf/yaml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct cryo_node *doc)
{
	json_t *before = cryo_node_to_json(doc), *after = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_str text = { 0 };
	struct cryo_yaml y = { 0 };

	cryo_yaml_emit(before, &text);
	if (cryo_yaml_parse("again", cryo_str_get(&text), text.len, &y, &err) < 0)
		abort();
	after = y.n ? cryo_node_to_json(y.doc[0]) : json_null();
	if (!json_equal(before, after))
		abort();
	json_decref(before);
	json_decref(after);
	cryo_yaml_release(&y);
	cryo_str_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_yaml y = { 0 };

	if (cryo_yaml_parse("fuzz", (const char *)data, size, &y, &err) == 0)
		for (size_t i = 0; i < y.n; i++)
			check_round_trip(y.doc[i]);
	cryo_yaml_release(&y);
	return 0;
}
