/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a reference to pages: no crash, and what is taken is what is shown. */
#include "criu/pages.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 }, more = { 0 };
	cryo_auto(cryo_pages_release) struct cryo_pages p = { 0 }, again = { 0 };
	struct cryo_err err;

	if (cryo_pages_parse((const char *)data, size, &p, &err) < 0)
		return 0;
	if (strchr(p.source, '/') || strchr(p.source, '.'))
		abort();
	for (size_t i = 0; i < p.n; i++)
		if (!cryo_pages_is_name(p.file[i].name) ||
		    p.file[i].at + p.file[i].size < p.file[i].at)
			abort();
	cryo_pages_show(&p, &text);
	if (cryo_pages_parse(cryo_str_get(&text), text.len, &again, &err) < 0)
		abort();
	cryo_pages_show(&again, &more);
	if (strcmp(cryo_str_get(&text), cryo_str_get(&more)) != 0)
		abort();
	return 0;
}
