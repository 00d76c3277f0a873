/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing and opening by path: a directory of images into a directory, an archive into a file.
 * `dst` must not be there; it appears whole, or not at all (it is made beside
 * its place under a name that begins with ".cryopod-seal-", and renamed).
 */
#ifndef CRYO_SEAL_PATH_H
#define CRYO_SEAL_PATH_H

#include "seal/set.h"

/* Of a directory runc's descriptors.json is taken along as it is, other public files are not. */
int cryo_seal_path(const char *src, const char *dst, const struct cryo_seal_writer_opts *o,
		   struct cryo_err *err);
int cryo_seal_path_open(const char *src, const char *dst, const struct cryo_seal_reader_opts *o,
			struct cryo_err *err);

#endif
