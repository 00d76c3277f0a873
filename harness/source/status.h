/* SPDX-License-Identifier: Apache-2.0 */
/* What is known about a component's source here and now, without network. */
#ifndef CRYO_SOURCE_STATUS_H
#define CRYO_SOURCE_STATUS_H

#include "source/stack.h"
#include "source/tree.h"

#include <jansson.h>

/*
 * {component, kind, source, state, commit, dir, head, changed, firstChanged, others,
 * base, note}; what does not apply is null. `state`: "none" (nothing to check out),
 * "unknown" (never fetched), "missing" (known, no tree), "foreign" (what is in its place
 * is not ours), "clean", "changed". `base`: {commit, ahead, behind} against `upstream`,
 * or {reason}. New reference.
 */
int cryo_source_status(const struct cryo_component *c, json_t **out, struct cryo_err *err);

/* What of the cache its source is, there or not: repositories, archive, tree; appended. */
void cryo_source_places(const struct cryo_component *c, struct cryo_strv *paths);

/* Fetch what is upstream of it with its history, so that the status can compare. */
int cryo_source_sync_upstream(const struct cryo_component *c, const struct cryo_fetch_opts *o,
			      struct cryo_err *err);

#endif
