/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack file: which components, in which versions, make up a node. The kinds
 * of source are rows of a table (source.c): a new kind is a new row.
 */
#ifndef CRYO_SOURCE_STACK_H
#define CRYO_SOURCE_STACK_H

#include "source/source.h"

struct cryo_component {
	char *name;   /* "kubernetes" */
	char *recipe; /* which recipe builds it; default: its name */
	struct cryo_source source;
	struct cryo_source upstream; /* a GIT source that it was forked from; git NULL: not said */
	char *note;		     /* what people should know of it, or NULL */
	struct cryo_strv programs;   /* what to build of it; empty: all the recipe knows */
	char *patches;		     /* absolute directory of a series (source/series.h), or NULL */
	const char *file;	     /* where it stands, for messages; borrowed from the stack */
	unsigned line;
};

struct cryo_stack {
	char *name;
	char *file;			  /* absolute path */
	struct cryo_component *component; /* in file order */
	size_t n;
};

/* Path, or the name of a stack that ships with cryopod ("upstream"). */
int cryo_stack_load(const char *name_or_path, struct cryo_stack *out, struct cryo_err *err);
/* Names of the stacks that ship with cryopod, in no order. */
void cryo_stack_list_shipped(struct cryo_strv *names);
void cryo_stack_release(struct cryo_stack *s);
#define cryo_stack_releasep cryo_stack_release
/* Every name in `only` (NULL: none) is a component's. -CRYO_E_USAGE with "did you mean". */
int cryo_stack_check_names(const struct cryo_stack *s, const char *const *only,
			   struct cryo_err *err);
const struct cryo_component *cryo_stack_find(const struct cryo_stack *s, const char *name);

#endif
