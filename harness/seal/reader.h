/* SPDX-License-Identifier: Apache-2.0 */
/* Inside seal/: what reading directories and archives share. */
#ifndef CRYO_SEAL_READER_H
#define CRYO_SEAL_READER_H

#include "seal/manifest.h"
#include "seal/set.h"

struct cryo_seal_reader {
	int dir; /* borrowed; -1: an archive */
	struct cryo_seal_reader_opts opts;
	struct cryo_seal_secret *secret;
	struct cryo_seal_manifest manifest;
};

/* One file, which begins at `in_base` of `in`. */
int cryo_seal_reader_run(struct cryo_seal_reader *r, const struct cryo_seal_file *f, int in,
			 uint64_t in_base, int out, struct cryo_err *err);

#endif
