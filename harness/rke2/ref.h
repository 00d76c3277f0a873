/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References to RKE2's runtime image, and the names RKE2 makes of them (source: rancher/rke2
 * pkg/bootstrap of 1.33 and 1.36, which was run with images of ours).
 */
#ifndef CRYO_RKE2_REF_H
#define CRYO_RKE2_REF_H

#include "base/err.h"

/* The repository of our runtime images; also in the marker of a directory of ours. */
#define CRYO_RKE2_OUR_IMAGE "cryopod/rke2-runtime:"
/* What the original of a data directory is kept as: RKE2 never cleans names like this. */
#define CRYO_RKE2_KEPT "cryopod-kept-"
/* What is being made, and not there yet. */
#define CRYO_RKE2_TMP "cryopod-tmp-"

/*
 * The name below <data-dir>/data for a reference exactly as it stands in the configuration:
 * "<tag>-<12 hex digits of its SHA-256>", or the 64 digits of a digest. Caller frees.
 * -CRYO_E_CONFIG: RKE2 would refuse it, or never find it.
 */
int cryo_rke2_data_name(const char *ref, char **name, struct cryo_err *err);

/* Major and minor of "v1.33.5+rke2r1" or "1.33.5"; false if it does not begin like this. */
bool cryo_rke2_minor(const char *version, unsigned *major, unsigned *minor);

#endif
