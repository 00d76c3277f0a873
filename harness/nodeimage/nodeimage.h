/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image of a kind node, made from a stack: a lower layer (Debian) and an upper
 * one (kind's own files, programs, images of the control plane). What goes in is
 * readable in images/node. No container engine and no registry is asked.
 *
 * The archive is an OCI layout that docker's older loaders read as well
 * (manifest.json beside index.json). Same inputs, same bytes.
 */
#ifndef CRYO_NODEIMAGE_NODEIMAGE_H
#define CRYO_NODEIMAGE_NODEIMAGE_H

#include "recipe/build.h"

struct cryo_nodeimage {
	struct cryo_stack stack, extra; /* the user's, and images/node/kind.yaml */
	struct cryo_build build, more;	/* of these; what the stack has itself is not in `more` */
	char *version;			/* of Kubernetes, "v1.33.13"; NULL until it is built */
	char *ref;		 /* "docker.io/cryopod/kind-node:…"; NULL until it is built */
	char *onto;		 /* archive whose layers are the lower ones instead, or NULL */
	char key[CRYO_HASH_HEX]; /* of all inputs; "" until they are built */
};

/* What is there and what is missing; makes nothing. `stack` NULL: upstream. */
int cryo_nodeimage_plan(const char *stack, const char *onto, struct cryo_nodeimage *out,
			struct cryo_err *err);
/* How many components are not built. */
size_t cryo_nodeimage_missing(const struct cryo_nodeimage *n);
/* Builds what is missing (steps), and sets version, ref and key. */
int cryo_nodeimage_build(struct cryo_nodeimage *n, const struct cryo_fetch_opts *fetch,
			 struct cryo_err *err);
void cryo_nodeimage_release(struct cryo_nodeimage *n);
#define cryo_nodeimage_releasep cryo_nodeimage_release

/* A program of a component of either build; NULL if there is none. Caller frees. */
char *cryo_nodeimage_program(const struct cryo_nodeimage *n, const char *component,
			     const char *program);

/*
 * The archive in the cache, made if it is not there (a step says so). *path is the caller's; it
 * stays there as long as *hold is open.
 *   -CRYO_E_UNFIT   less than CRYO_NODEIMAGE_BYTES free
 */
int cryo_nodeimage_make(const struct cryo_nodeimage *n, char **path, int *hold,
			struct cryo_err *err);
#define CRYO_NODEIMAGE_BYTES (2500ull * 1000 * 1000) /* pieces and archive, while it is made */

/* "docker.io/cryopod/kind-node": the name of all of them, whatever the tag. */
#define CRYO_NODEIMAGE_NAME "docker.io/cryopod/kind-node"

#endif
