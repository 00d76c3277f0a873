/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an install would change on a node, and what stands in its way. The plan is what is printed,
 * what is executed, and the first line of the journal.
 *
 *   {method, node: {role, release, unit, name, dataDir, configFile, current},
 *    build: {stack, version, id}, ref, into, bin, products: [{name, source, sha256, bytes, image}],
 *    steps: [{kind, …}], back: [{kind, of}], config: text of the drop-in, restarts: [unit],
 *    bytes, free, obstacles: [{what, fix, force}], notes: [text]}
 *
 * `into` is the directory below data/ that holds our programs, `bin` its bin. An obstacle with
 * `force` can be overruled. The kinds of steps: step.h.
 */
#ifndef CRYO_RKE2_PLAN_H
#define CRYO_RKE2_PLAN_H

#include "rke2/node.h"
#include "sys/hash.h"

struct cryo_rke2_product {
	char *name;   /* path below bin/: "kubelet"; of the image: its path in it */
	char *source; /* file on this machine */
	char sha256[CRYO_HASH_HEX];
	uint64_t bytes;
	bool image; /* goes into the image of the API server, not into bin/ */
};

/* What is to be installed. Start from zeroed memory. */
struct cryo_rke2_build {
	char *stack;
	char *version; /* of Kubernetes: "v1.33.13" */
	struct cryo_rke2_product *product;
	size_t n;
	char *apiserver_image; /* NULL: ours is made of the products marked `image`, if there are
				  any */
};

/* Copies the texts; `sha256` NULL: read from the file. */
int cryo_rke2_build_add(struct cryo_rke2_build *b, const char *name, const char *source,
			const char *sha256, bool image, struct cryo_err *err);
void cryo_rke2_build_release(struct cryo_rke2_build *b);
#define cryo_rke2_build_releasep cryo_rke2_build_release

#define CRYO_RKE2_RUNTIME_IMAGE "runtime-image"
#define CRYO_RKE2_SWAP		"swap"

/* *out is a new reference; an obstacle is no failure. */
int cryo_rke2_plan(const struct cryo_rke2_node *n, const struct cryo_rke2_build *b,
		   const char *method, json_t **out, struct cryo_err *err);
/* The first obstacle that is not overruled as -CRYO_E_UNFIT. */
int cryo_rke2_plan_check(const json_t *plan, bool force, struct cryo_err *err);
/* For people, appended. */
void cryo_rke2_plan_show(const json_t *plan, struct cryo_str *out);

/* Inside of rke2/. */
void rke2_find_obstacles(const struct cryo_rke2_node *n, const struct cryo_rke2_build *b,
			 json_t *plan);
void rke2_add_obstacle(json_t *plan, bool force, const char *fix, const char *fmt, ...)
    CRYO_PRINTF(4, 5);
void rke2_add_note(json_t *plan, const char *fmt, ...) CRYO_PRINTF(2, 3);

#endif
