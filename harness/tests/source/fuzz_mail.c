/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a patch: no crash; what is read has what its header promises, and no path leads out.
 */
#include "source/graft.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_paths(const struct cryo_patch *p)
{
	cryo_auto(cryo_strv_release) struct cryo_strv paths = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_patch_paths(p, &paths, &err) < 0)
		return;
	for (size_t i = 0; i < paths.n; i++)
		if (paths.v[i][0] == '/' || cryo_starts_with(paths.v[i], "../") ||
		    strstr(paths.v[i], "/../") || cryo_starts_with(paths.v[i], ".git/") ||
		    strstr(paths.v[i], "/.git/"))
			abort();
}

/* Hunks that stay where they are: the same text. */
static void check_move(const struct cryo_patch *p)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	static const long none[64];
	size_t n = 0;

	while (n < CRYO_ARRAY_LEN(none) && cryo_graft_line(p, n) > 0)
		n++;
	if (n < CRYO_ARRAY_LEN(none) && (cryo_graft_move(p, none, n, &text, &err) < 0 ||
					 !cryo_streq(cryo_str_get(&text), cryo_str_get(&p->diff))))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_patch p;

	if (cryo_patch_parse("fuzz", (const char *)data, size, &p, &err) < 0)
		return 0;
	if (!p.subject[0] || !p.author[0] || !p.email[0] ||
	    !cryo_starts_with(cryo_str_get(&p.diff), "diff --git "))
		abort();
	check_paths(&p);
	check_move(&p);
	cryo_patch_release(&p);
	return 0;
}
