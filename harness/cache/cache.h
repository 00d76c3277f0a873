/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in the cache, what uses it, and removing the rest.
 *
 * Used is: a build that a stack file was built to when it was used last (as long as
 * the file is there), or that a cluster, a snapshot or a template refers to; a
 * template of such a stack; sources that such a stack file names, and what their
 * trees borrow from. Work trees of `sources patch` and snapshots are people's: never
 * removed here. Go's own caches count as used.
 */
#ifndef CRYO_CACHE_CACHE_H
#define CRYO_CACHE_CACHE_H

#include "base/err.h"

#include <jansson.h>

struct cryo_cache_opts {
	bool all;	  /* also what could be used again, but for what is in use right now */
	int64_t older_ms; /* only what was not used for as long */
	bool dry_run;	  /* nothing is removed */
};

/*
 * [{kind, name, path, bytes, used, idle, users, pinned}]: `used` is when it was used
 * last, roughly, `idle` the seconds since then, `users` who or why, null for nobody,
 * `pinned` that not even `all` removes it. New reference.
 */
int cryo_cache_list(json_t **out, struct cryo_err *err);
/*
 * The same of what was removed, or would be; also when it fails half way. Safe beside other
 * cryopods: what they use stays, what they could need in a moment waits for them or they for it.
 * What is removed first gets out of sight whole, then goes; the next run ends what one that was
 * killed has begun. -CRYO_E_PROVISION  cannot determine what some cluster uses: its record is
 * damaged
 */
int cryo_cache_prune(const struct cryo_cache_opts *o, json_t **removed, struct cryo_err *err);

#endif
