/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes on in one process told to another: a line of JSON for each event and,
 * at the end, for the result of a scenario. Also the form for programs that want
 * to know (`cryopod test --output json`):
 *
 *   {"event": "ok", "lane": 2, "depth": 1, "what": "checkpoint counter", "detail": "…", "ms": 210}
 *   {"result": {"name": "counter", "outcome": "passed", "ms": 6300, …}}
 */
#ifndef CRYO_SCENARIO_WIRE_H
#define CRYO_SCENARIO_WIRE_H

#include "base/event.h"
#include "scenario/runner.h"

/* With the newline; appended. Control characters and broken UTF-8 become '?', long texts are cut.
 */
void cryo_wire_event(const struct cryo_event *ev, struct cryo_str *out);
void cryo_wire_result(const struct cryo_scenario_result *r, struct cryo_str *out);

struct cryo_wire {
	bool is_result;
	struct cryo_event event; /* its texts are owned by `json` */
	json_t *json;
	struct cryo_scenario_result result;
};

/* A line without its newline. -CRYO_E_CONFIG: it is none of the two; `out` needs no release then.
 */
int cryo_wire_read(const char *line, struct cryo_wire *out, struct cryo_err *err);
void cryo_wire_release(struct cryo_wire *w);
#define cryo_wire_releasep cryo_wire_release

#endif
