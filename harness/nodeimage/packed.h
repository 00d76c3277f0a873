/* SPDX-License-Identifier: Apache-2.0 */
/* An image of Debian packages, for real programs without a registry. */
#ifndef CRYO_NODEIMAGE_PACKED_H
#define CRYO_NODEIMAGE_PACKED_H

#include "source/tree.h"

struct cryo_packed_opts {
	const char *name;	  /* "mariadb": docker.io/library/mariadb:latest */
	const char *packages;	  /* separated by commas */
	const char *const *words; /* what it runs, NULL-terminated; none: the pod says it */
	const struct cryo_fetch_opts *fetch;
};

/*
 * Writes it as an OCI layout tar. The root file system is made once for the same
 * packages and kept in the cache; the same one gives the same bytes.
 *   -CRYO_E_USAGE     a name that is none
 *   -CRYO_E_UNFIT     no root, no mmdebstrap
 *   -CRYO_E_PROVISION it cannot be made
 */
int cryo_packed_write(const struct cryo_packed_opts *o, const char *path, struct cryo_err *err);
/* "docker.io/library/NAME:latest"; caller frees. */
char *cryo_packed_ref(const char *name);

#endif
