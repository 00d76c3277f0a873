/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle: one reproducible tar.gz with all that a node without a network needs. Its first member
 * is bundle.json, {apiVersion, kind: Bundle, for, stack, kubernetes, arch, files: [{name, path,
 * sha256, bytes, image}]}, the second sbom.spdx.json, then the files below files/. Same input, same
 * bytes.
 */
#ifndef CRYO_RKE2_BUNDLE_H
#define CRYO_RKE2_BUNDLE_H

#include "rke2/plan.h"

struct cryo_bundle_opts {
	const json_t *components; /* as cryo_cli_stack_products tells them, for the SBOM */
	const char *program;	  /* the static cryopod for nodes, or NULL */
};

/* Written beside its place, then renamed. */
int cryo_bundle_create(const char *path, const struct cryo_rke2_build *b,
		       const struct cryo_bundle_opts *o, struct cryo_err *err);
/*
 * Every byte of it read, every digest compared; *manifest is bundle.json (new reference), or NULL.
 * -CRYO_E_TAMPER: a file is missing, is one too many, or has another digest.
 */
int cryo_bundle_verify(const char *path, json_t **manifest, struct cryo_err *err);
/* The same, and what it holds lies below `dir` then (which is there and empty). */
int cryo_bundle_unpack(const char *path, const char *dir, struct cryo_rke2_build *b,
		       struct cryo_err *err);

/* Only what bundle.json says, for a plan: the sources are not there. */
int cryo_bundle_read(const char *path, struct cryo_rke2_build *b, struct cryo_err *err);

/* Inside of rke2/: where product i lies in a bundle (caller frees), and whether it does so itself:
 * one with the same bytes is there once. */
char *rke2_member_path(const struct cryo_rke2_build *b, size_t i);
bool rke2_is_member(const struct cryo_rke2_build *b, size_t i);
/* SPDX 2.3 (ISO/IEC 5962); new reference. */
json_t *rke2_make_sbom(const struct cryo_rke2_build *b, const json_t *components);

#endif
