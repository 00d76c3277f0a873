/* SPDX-License-Identifier: Apache-2.0 */
/* Files of Debian's archive, "debian://pool/main/c/criu/criu_4.2.1.orig.tar.xz". */
#ifndef CRYO_ARCHIVES_DEBIAN_H
#define CRYO_ARCHIVES_DEBIAN_H

#include "base/err.h"
#include "base/str.h"
#include "git/url.h"

#include <stdbool.h>

bool cryo_debian_is_address(const char *url);

/*
 * Where to ask for it: the server from which the packages of a root file system in the
 * cache came (its sources.list, written by mmdebstrap). Caller frees *out.
 *   -CRYO_E_PROVISION  there is no such root file system yet
 */
int cryo_debian_resolve(const char *url, char **out, struct cryo_err *err);

/*
 * Which versions of the source package there are in the suites stable, testing and unstable
 * ("v4.2.1"), appended in no order: from their lists of sources, 40 MB. `version` is the one in its
 * name. 0 and nothing: its name does not have it. -CRYO_E_PROVISION, -CRYO_E_REMOTE   the archive
 * cannot be asked
 */
int cryo_debian_versions(const char *url, const char *version, struct cryo_strv *out,
			 struct cryo_err *err);
/* A part of it: from a text that lists files. `before` and `after` stand around the version. */
void cryo_debian_read_versions(const char *text, const char *before, const char *after,
			       struct cryo_strv *out);

#endif
