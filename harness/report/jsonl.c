/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of JSON: one for each event, as it comes (scenario/wire.h). */
#include "report/sink.h"
#include "scenario/wire.h"

struct cryo_jsonl {
	int fd;
	bool verbose;
};

struct cryo_jsonl *cryo_jsonl_new(int fd, bool verbose)
{
	struct cryo_jsonl *j = cryo_alloc(sizeof(*j));

	*j = (struct cryo_jsonl){ fd, verbose };
	return j;
}

void cryo_jsonl_event(struct cryo_jsonl *j, const struct cryo_event *ev)
{
	cryo_auto(cryo_str_release) struct cryo_str line = { 0 };

	if (ev->kind == CRYO_EVENT_DEBUG && !j->verbose)
		return;
	cryo_wire_event(ev, &line);
	cryo_report_write(j->fd, cryo_str_get(&line), line.len);
}
