/* SPDX-License-Identifier: Apache-2.0 */
/* Which versions of a Go module there are. */
#ifndef CRYO_RECIPE_NEWEST_H
#define CRYO_RECIPE_NEWEST_H

#include "base/err.h"
#include "base/str.h"

/*
 * All that the module proxy lists, in no order; appended. Asked is the go program
 * (`go list -m -versions`), as the user has set it up.
 *   -CRYO_E_PROVISION  no proxy, no such module
 */
int cryo_module_versions(const char *module, struct cryo_strv *out, struct cryo_err *err);

/* Less, equal or greater than 0, as semantic versions have it: v1.2.10 > v1.2.9 > v1.2.9-rc.1. */
int cryo_version_compare(const char *a, const char *b);

/* The newest release in the list (no pre-release), NULL if there is none. `line`: "v2.3." for
 * those that begin so, "" for all. Borrowed. */
const char *cryo_newest_version(const struct cryo_strv *versions, const char *line);

/* "v2.3.7" → "v2.3."; caller frees. */
char *cryo_version_line(const char *version);

#endif
