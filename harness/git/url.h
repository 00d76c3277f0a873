/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of repositories: which of them are safe to hand to git, how those of
 * submodules are relative to their project's, and where mirrors take their place.
 */
#ifndef CRYO_GIT_URL_H
#define CRYO_GIT_URL_H

#include "base/err.h"
#include "base/str.h"

#define CRYO_DEBIAN_SCHEME "debian://"

/*
 * Why an address is refused; NULL: it is not. Fine are https, http, ssh, git and
 * file addresses, user@host:path, and absolute paths. What git hands to a helper
 * program (ext::…), what looks like an option, and passwords are not.
 */
const char *cryo_url_refusal(const char *url);
/* For archives: https, http, "debian://" (archives/debian.h), or an absolute path. */
const char *cryo_url_archive_refusal(const char *url);

/* "./" or "../" in front: an address relative to another one. */
bool cryo_url_is_relative(const char *url);
/* As git resolves that of a submodule; other addresses are copied. Caller frees *out.
 * -CRYO_E_CONFIG: it climbs out of what `base` names, or is refused. */
int cryo_url_resolve(const char *base, const char *url, char **out, struct cryo_err *err);

/*
 * Where to ask for `url`: the longest PREFIX of `mirrors` ("PREFIX=PATH-or-URL"; NULL: none) and of
 * the configuration files is replaced; the same when none fits. A repository in a
 * directory is found with and without ".git" at its end. Caller frees *out.
 */
int cryo_url_mirror(const char *url, const char *const *mirrors, char **out, struct cryo_err *err);

/* Are these of that form? Asked before anything is done; -CRYO_E_USAGE if not. */
int cryo_url_check_mirrors(const char *const *mirrors, struct cryo_err *err);

#endif
