/* SPDX-License-Identifier: Apache-2.0 */
/* What a component's patches go on top of, for who works on them without building. */
#ifndef CRYO_RECIPE_ONTO_H
#define CRYO_RECIPE_ONTO_H

#include "patches/series.h"
#include "source/stack.h"
#include "source/tree.h"

struct cryo_onto_opts {
	const char *version;	    /* of the module, instead of the stack's; NULL: that */
	bool whole;		    /* all staging modules, not only those that the patches touch */
	bool offline;		    /* nothing is downloaded; what is missing makes it fail */
	const char *const *mirrors; /* as those of struct cryo_fetch_opts */
};

/*
 * The repository and the commit in it. `s`: the patches, may have none. Emits notes.
 *   -CRYO_E_CONFIG     a version for a source that is no module; a patch that cannot be read
 *   -CRYO_E_PROVISION  not there, or cannot be fetched
 */
int cryo_onto(const struct cryo_component *c, const struct cryo_series *s,
	      const struct cryo_onto_opts *o, char **repository, char commit[CRYO_COMMIT_HEX],
	      struct cryo_err *err);

#endif
