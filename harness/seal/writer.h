/* SPDX-License-Identifier: Apache-2.0 */
/* Inside seal/: what the files of the writer share. */
#ifndef CRYO_SEAL_WRITER_H
#define CRYO_SEAL_WRITER_H

#include "seal/manifest.h"
#include "seal/set.h"

struct cryo_seal_writer {
	int dir; /* borrowed */
	struct cryo_seal_writer_opts opts;
	struct cryo_seal_secret *secret;
	struct cryo_seal_manifest manifest; /* also what is to be removed when it fails */
	struct cryo_seal_follow *following; /* images that grow while they are sealed */
	void (*free_following)(struct cryo_seal_follow *list);
	bool broken;   /* after a failure: nothing but free */
	bool finished; /* seal.cms is there */
};

/* Adds the name and makes its output file. */
int cryo_seal_writer_create(struct cryo_seal_writer *w, const char *name, int *out_fd,
			    struct cryo_err *err);
/* The DER of seal.cms for what the manifest holds now. */
int cryo_seal_writer_envelope(struct cryo_seal_writer *w, struct cryo_str *der,
			      struct cryo_err *err);
/* Size of a regular file; else -CRYO_E_CONFIG. */
int cryo_seal_file_size(const char *name, int fd, uint64_t *size, struct cryo_err *err);

#endif
