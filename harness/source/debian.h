/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of source/: files of Debian's archive, "debian://pool/main/c/criu/criu_4.2.1.orig.tar.xz".
 */
#ifndef CRYO_SOURCE_DEBIAN_H
#define CRYO_SOURCE_DEBIAN_H

#include "base/err.h"

#include <stdbool.h>

#define CRYO_DEBIAN_SCHEME "debian://"

bool cryo_debian_is_address(const char *url);

/*
 * Where to ask for it: the server from which the packages of a root file system in the
 * cache came (its sources.list, written by mmdebstrap). Caller frees *out.
 *   -CRYO_E_PROVISION  there is no such root file system yet
 */
int cryo_debian_resolve(const char *url, char **out, struct cryo_err *err);

#endif
