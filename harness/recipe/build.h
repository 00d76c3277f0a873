/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a stack to programs. Every component has a stamp: the hash of all that
 * goes in (source, its checksum, patches, recipe, Go version, flags). Programs
 * are published one by one, by rename, into <cache>/builds/<component>/<stamp>/;
 * what is there is whole, and a second run does nothing. Beside them lies
 * build.json: versions, checksums, toolchain, time.
 *
 * Two runs at once are safe: a lock per component.
 */
#ifndef CRYO_RECIPE_BUILD_H
#define CRYO_RECIPE_BUILD_H

#include "patches/series.h"
#include "source/stack.h"
#include "source/tree.h"
#include "sys/hash.h"

/* Names below cryo_built.dir: the layer of recipe "debian-layer", the files of recipe "kind". */
#define CRYO_BUILD_LAYER "layer.tar"
#define CRYO_BUILD_FILES "files"

struct cryo_built {
	const struct cryo_component *component; /* borrowed from the stack */
	char stamp[CRYO_HASH_HEX];
	char *dir;	 /* where its programs lie (a root file system: the tree itself) */
	bool up_to_date; /* everything asked for is there */
	int hold;	 /* on `dir`, so that it is not pruned before the release; -1: none */
	struct cryo_series series;	     /* its patches, as they went into the stamp */
	const struct cryo_fetch_opts *fetch; /* of the run, or NULL */
};

struct cryo_build {
	struct cryo_built *item;
	size_t n;
};

/*
 * What is there and what is missing; writes nothing, takes well below a second. What
 * is there stays until the release, even if the cache is pruned.
 * `only`: component names, NULL or empty for all; an unknown one is refused with
 * "did you mean".
 */
int cryo_build_plan(const struct cryo_stack *stack, const char *const *only, struct cryo_build *out,
		    struct cryo_err *err);
/* The same for what nodes are made of, without tools such as kind. */
int cryo_build_plan_nodes(const struct cryo_stack *stack, struct cryo_build *out,
			  struct cryo_err *err);
/*
 * Make what is missing, one step event per component; a finished plan says so. `fetch`
 * (NULL: nothing special) says whom to ask for sources, or that no server may be asked.
 */
int cryo_build_run(struct cryo_build *b, const struct cryo_fetch_opts *fetch, struct cryo_err *err);
void cryo_build_release(struct cryo_build *b);
#define cryo_build_releasep cryo_build_release
/* The built component of that name, NULL if the plan has none. Borrowed. */
/* Held while something is made or removed in <cache>/builds/COMPONENT; caller frees. */
char *cryo_build_lock(const char *component);
const struct cryo_built *cryo_build_find(const struct cryo_build *b, const char *component);

/* -CRYO_E_PROVISION when `what` would have to be fetched, and the run may fetch nothing. */
int cryo_build_may_fetch(const struct cryo_built *b, const char *what, struct cryo_err *err);

/* MiB of memory that making it may take. */
unsigned cryo_build_memory(const struct cryo_built *b);

/* One stamp over what nodes are made of: what a running cluster was made from. */
void cryo_build_stamp(const struct cryo_build *b, char out[CRYO_HASH_HEX]);

#endif
