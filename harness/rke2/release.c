/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/release.h"

#include <stdio.h>

#define V2 2, "config.toml.tmpl"
#define V3 3, "config-v3.toml.tmpl"

/* By minor version and patch; only what was seen in release notes or in a release itself. */
static const struct cryo_rke2_release releases[] = {
	{ 31, 0, "1.7", V2 },	{ 31, 6, "2.0.2", V3 },	 { 31, 7, "2.0.4", V3 },
	{ 31, 9, "2.0.5", V3 }, { 31, 13, "2.1.4", V3 }, { 31, 14, "2.1.5", V3 },
	{ 32, 2, "2.0.2", V3 }, { 33, 5, "2.1.4", V3 },	 { 34, 1, "2.1.4", V3 },
	{ 34, 3, "2.1.5", V3 }, { 35, 0, "2.1.5", V3 },	 { 36, 4, "2.3.4", V3 },
};

const struct cryo_rke2_release *cryo_rke2_release_find(const char *release)
{
	const struct cryo_rke2_release *best = NULL;
	unsigned minor, patch;

	if (!release || sscanf(release, "v1.%u.%u", &minor, &patch) != 2)
		return NULL;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(releases); i++)
		if (releases[i].minor == minor && releases[i].patch <= patch)
			best = &releases[i];
	return best;
}
