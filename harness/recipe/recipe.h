/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a component is built, as const objects: a new component is a new row in
 * recipe.c, a new way of building a new make function.
 */
#ifndef CRYO_RECIPE_RECIPE_H
#define CRYO_RECIPE_RECIPE_H

#include "recipe/build.h"

struct cryo_recipe {
	const char *name;
	unsigned revision;	     /* raise it when the same inputs give another output */
	const char *const *programs; /* all it can build, in this order; NULL: a root file system */
	const char *package;	     /* of a program, "%s" is its name; "" is the module's root */
	const char *tags;	     /* Go build tags, or NULL */
	const char *ldflags;	     /* for the Go linker, before the version stamps */
	const char *const *stamps;   /* "-X package.variable=", value: %V v1.2.3, %v 1.2.3, %M 1, %m
					2, %P module path, %C commit of a tree; one whose value is
					not known is left out; NULL: none */
	const char *module;	     /* %P of a tree */
	const char *version_file;    /* of a tree: "1.2.3", for a stack that names no version */
	unsigned kinds;		     /* of source it takes: bits 1 << CRYO_SOURCE_… */
	bool cgo;
	bool tool;	     /* for the machine that makes clusters; no node has it */
	unsigned memory_mib; /* what its build takes at most, roughly: its largest link */
	const char
	    *main; /* a file that ships with cryopod and is built instead of `package`, or NULL */
	const char
	    *files;   /* directory of the source that is published beside, as "files", or NULL */
	bool staging; /* modules that live inside of the main one as v0.minor.patch */
	/* Make what is missing in `built`, under its lock. */
	int (*make)(const struct cryo_recipe *r, const struct cryo_built *built,
		    struct cryo_err *err);
};

/* -CRYO_E_CONFIG with file and line: unknown recipe, program, or a source it cannot take. */
int cryo_recipe_find(const struct cryo_component *c, const struct cryo_recipe **out,
		     struct cryo_err *err);
/* Is it what nodes are made of? A tool such as kind is not. */
bool cryo_recipe_in_nodes(const struct cryo_component *c);
/* What is asked for: the component's programs, or all of the recipe. NULL-terminated, borrowed. */
const char *const *cryo_recipe_programs(const struct cryo_recipe *r,
					const struct cryo_component *c);
/* The version that a tree says it has, "v1.2.3"; NULL if it says none. Caller frees. */
char *cryo_recipe_version(const struct cryo_recipe *r, const char *tree);
/* The value of -ldflags; caller frees. `commit`: of a tree, or "". */
char *cryo_recipe_ldflags(const struct cryo_recipe *r, const struct cryo_source *src,
			  const char *commit);
/* Everything of the recipe that has a say in the output. */
void cryo_recipe_hash(const struct cryo_recipe *r, const struct cryo_source *src,
		      const char *commit, struct cryo_hash *h);

/* The make functions. */
int cryo_build_go(const struct cryo_recipe *r, const struct cryo_built *built,
		  struct cryo_err *err);
int cryo_build_make(const struct cryo_recipe *r, const struct cryo_built *built,
		    struct cryo_err *err);
/* What a make recipe's build root holds has a say in its output. */
void cryo_make_hash(struct cryo_hash *h);
/* Where that build root is, if there is one; caller frees. */
char *cryo_make_root(void);
int cryo_build_debian(const struct cryo_recipe *r, const struct cryo_built *built,
		      struct cryo_err *err);
/* The root file system as one layer of an image, CRYO_BUILD_LAYER. */
int cryo_build_debian_layer(const struct cryo_recipe *r, const struct cryo_built *built,
			    struct cryo_err *err);

/* The build log of a component below the cache directory; caller frees. */
char *cryo_build_log(const struct cryo_component *c);

#endif
