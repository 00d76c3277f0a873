/* SPDX-License-Identifier: Apache-2.0 */
/* The images that ship with cryopod: one static program each. */
#ifndef CRYO_IMAGE_BUILTIN_H
#define CRYO_IMAGE_BUILTIN_H

#include "base/err.h"

struct cryo_builtin {
	const char *name;    /* "counter" */
	const char *ref;     /* full image name it is imported under */
	const char *program; /* its file in the image; also below libexec/ */
	bool for_tests;	     /* not loaded into clusters by `up` */
};

/* All of them; the last row has a NULL name. */
extern const struct cryo_builtin cryo_builtins[];

/* NULL if there is none of that name. */
const struct cryo_builtin *cryo_builtin_find(const char *name);
/* The one that an image of this name replaces, also if docker wrote it ("counter:latest"); NULL if
 * there is none. */
const struct cryo_builtin *cryo_builtin_of_ref(const char *ref);
/*
 * Writes the OCI layout tar of "counter" or "pause" as cryo_oci_write does.
 *   -CRYO_E_USAGE   no such image: says which there are
 *   -CRYO_E_UNFIT   its program was not built
 */
int cryo_image_builtin(const char *name, const char *out_path, struct cryo_err *err);
/* 1: the file is what that writes of it; 0: another one. Errors as above. */
int cryo_image_is_builtin(const struct cryo_builtin *b, const char *path, struct cryo_err *err);

#endif
