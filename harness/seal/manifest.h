/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in seal.cms: the key of the set, its id, its files (docs/seal-format.md). */
#ifndef CRYO_SEAL_MANIFEST_H
#define CRYO_SEAL_MANIFEST_H

#include "seal/crypto.h"
#include "sys/hash.h"

struct cryo_seal_file {
	char *name;
	uint64_t plain;
};

/* Start from zeroed memory. Only what the format calls for; readers ignore the rest. */
struct cryo_seal_manifest {
	struct cryo_seal_file *file; /* sorted by name */
	size_t n;
	char recipient[CRYO_HASH_HEX]; /* cryo_seal_envelope_recipient(); "": it does not say */
};
void cryo_seal_manifest_release(struct cryo_seal_manifest *m);
#define cryo_seal_manifest_releasep cryo_seal_manifest_release

/*
 * Adds a file, which may not be there yet (-CRYO_E_CONFIG), where its name belongs. The size can be
 * filled in later.
 */
int cryo_seal_manifest_add(struct cryo_seal_manifest *m, const char *name, uint64_t plain,
			   struct cryo_err *err);
/* NULL: not there. */
struct cryo_seal_file *cryo_seal_manifest_find(const struct cryo_seal_manifest *m,
					       const char *name);

/* JSON, appended; the caller wipes it. `criu` may be NULL. */
void cryo_seal_manifest_text(const struct cryo_seal_manifest *m,
			     const struct cryo_seal_secret *secret, const char *criu,
			     struct cryo_str *out);
/* -CRYO_E_TAMPER: no manifest that this version knows. After a failure *m is released. */
int cryo_seal_manifest_parse(const char *text, size_t len, struct cryo_seal_manifest *m,
			     struct cryo_seal_secret *secret, struct cryo_err *err);

#endif
