/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of cache/: who refers to which build, as written down by those who do. */
#ifndef CRYO_CACHE_REFS_H
#define CRYO_CACHE_REFS_H

#include "base/err.h"
#include "source/stack.h"

struct cache_ref {
	char *component, *stamp;
	char *who;	/* "stack upstream", "cluster default" */
	char *template; /* key, if that is who it is */
	bool needed;	/* by a cluster or snapshot: it would not work without */
};

struct cache_stack {
	char *file, *stamp; /* stamp of all its builds; NULL: not all were made */
	char *label;	    /* "stack upstream"; its path, if it does not ship */
	struct cryo_stack stack;
	bool loads;
	struct cryo_strv places; /* of its sources in the cache */
};

struct cache_refs {
	struct cache_ref *v;
	size_t n;
	struct cache_stack *stack; /* known stack files that are still there */
	size_t stacks;
	struct cryo_strv gone; /* records of stack files and directories that are not */
};

int cache_refs_collect(struct cache_refs *out, struct cryo_err *err);
void cache_refs_release(struct cache_refs *r);
#define cache_refs_releasep cache_refs_release

#endif
