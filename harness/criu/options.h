/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of CRIU that a checkpoint or restore may be given: those that help with pods
 * and do no harm to a node. As lines of CRIU's configuration file (criu(8)) they reach CRIU, are
 * recorded in the archive ("cryopod.options"), and are there for its restore.
 */
#ifndef CRYO_CRIU_OPTIONS_H
#define CRYO_CRIU_OPTIONS_H

#include "base/err.h"
#include "base/str.h"

#define CRYO_CRIU_OPTIONS_NAME "cryopod.options"

struct cryo_criu_options {
	bool tcp_close, tcp_established, file_locks, ext_unix_sk, skip_in_flight;
	const char *ghost_limit;     /* "64Mi"; NULL: CRIU's own, 1 MiB */
	const char *irmap_scan_path; /* absolute; NULL: none */
};

bool cryo_criu_options_any(const struct cryo_criu_options *o);
/* Appends them as lines. -CRYO_E_USAGE: a bad value, or two that exclude each other. */
int cryo_criu_options_add(const struct cryo_criu_options *o, struct cryo_str *lines,
			  struct cryo_err *err);
/* Appends those lines of a text that are such options, and that `lines` has not got yet. For texts
 * of anybody. */
void cryo_criu_options_pick(const char *text, size_t n, struct cryo_str *lines);
/* The same but for what `o` excludes: connections are closed or kept, not both. */
void cryo_criu_options_pick_beside(const char *text, const struct cryo_criu_options *o,
				   struct cryo_str *lines);

#endif
