/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sealed archive: one file of any kind (a checkpoint archive), sealed. It is a
 * tar with two members, `seal.cms` and then the sealed file, so `tar x` makes a
 * set of it that opens like any other.
 */
#ifndef CRYO_SEAL_ARCHIVE_H
#define CRYO_SEAL_ARCHIVE_H

#include "seal/set.h"

#define CRYO_SEAL_ARCHIVE_MEMBER "checkpoint.tar"

/*
 * From one regular file into another, which is empty; both by position. What is
 * in `out` after a failure is of no use: the caller removes it.
 */
int cryo_seal_archive_make(int in, int out, const struct cryo_seal_writer_opts *o,
			   struct cryo_err *err);
/* The other way round. -CRYO_E_TAMPER as for sets, and for anything behind the two members. */
int cryo_seal_archive_open(int in, int out, const struct cryo_seal_reader_opts *o,
			   struct cryo_err *err);

#endif
