/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `criu --cryopod-settle ID` and its like: what cryopod asks of a node about a
 * container whose checkpoint has ended, in whatever way. Prints one line:
 *
 *   gone | running | frozen     after what was asked for was done
 *   read-only | writable        for --cryopod-root: the container's root
 */
#ifndef CRYO_INTERPOSER_SETTLE_H
#define CRYO_INTERPOSER_SETTLE_H

#include "base/err.h"

/* The options; NULL at the end. --cryopod-look does nothing else; --cryopod-settle ends the dump
 * that is going on, if there is one. */
extern const char *const cryo_settle_options[];
/* Returns an exit code: 2 for a bad id. `dumps` as in guard.h. */
int cryo_settle_main(const char *dumps, const char *option, const char *id);

/* A part of it: is the last mount upon "/" read-only? */
bool cryo_settle_is_root_read_only(const char *mountinfo);

#endif
