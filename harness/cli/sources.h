/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of cli/: what `cryopod sources` does with patch series. */
#ifndef CRYO_CLI_SOURCES_H
#define CRYO_CLI_SOURCES_H

#include "base/err.h"
#include "source/stack.h"

#include <jansson.h>

/*
 * How the patches of a component take to its source, or to another version of its
 * module: an array for "patches" of its status, NULL if it has none. Without a version
 * (or `offline`) nothing is downloaded, and *reason (the caller's) tells why it cannot be said.
 * *fits: they can be built with.
 */
int cryo_sources_patches(const struct cryo_component *c, const char *version, bool offline,
			 json_t **out, char **reason, bool *fits, struct cryo_err *err);
void cryo_sources_print_patches(const json_t *patches, const char *version);

struct cryo_sources_tree {
	const char *dir;     /* NULL: in the cache */
	const char *version; /* of the module; NULL: the stack's */
	const char *stack;   /* as the user named it, for hints; NULL: none named */
	bool offline;
	const char *const *mirrors;
};
/* Open a tree to work on a series, write the series back. */
int cryo_sources_patch(const struct cryo_component *c, const struct cryo_sources_tree *t,
		       struct cryo_err *err);
int cryo_sources_refresh(const struct cryo_component *c, const struct cryo_sources_tree *t,
			 struct cryo_err *err);

#endif
