/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between RKE2's releases 1.31 to 1.36 and matters to an install. */
#ifndef CRYO_RKE2_RELEASE_H
#define CRYO_RKE2_RELEASE_H

#include "base/err.h"

/*
 * A row holds from this release on, up to the next row of the same minor version. Source: the
 * release notes of RKE2.
 */
struct cryo_rke2_release {
	unsigned minor, patch;
	const char *containerd;
	unsigned config_version; /* of the configuration that RKE2 generates for containerd */
	const char *template;	 /* of an administrator's own, looked at first */
};

/* The row of "v1.33.5+rke2r1"; NULL: a release that is not known. */
const struct cryo_rke2_release *cryo_rke2_release_find(const char *release);

#endif
