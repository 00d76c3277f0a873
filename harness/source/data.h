/* SPDX-License-Identifier: Apache-2.0 */
/* What ships with cryopod (stacks, images, scenarios, manifests): in the source tree it was built
 * in, or below PREFIX/share/cryopod. */
#ifndef CRYO_SOURCE_DATA_H
#define CRYO_SOURCE_DATA_H

#include "base/err.h"

/*
 * Absolute path of a shipped file, "stacks/upstream.yaml", "libexec/counter"
 * (programs made by `make`: build/libexec in the tree, PREFIX/libexec/cryopod
 * installed). $CRYOPOD_DATA is looked at first: a directory of one's own needs
 * to hold only what differs. Caller frees *out.
 * -CRYO_E_UNFIT if it is not there.
 */
int cryo_data_path(const char *relative, char **out, struct cryo_err *err);

#endif
