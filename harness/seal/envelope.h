/* SPDX-License-Identifier: Apache-2.0 */
/* seal.cms: a text for the holder of one key, CMS AuthEnvelopedData, maybe within SignedData. */
#ifndef CRYO_SEAL_ENVELOPE_H
#define CRYO_SEAL_ENVELOPE_H

#include "base/str.h"
#include "seal/set.h"
#include "sys/hash.h"

/* DER appended to `der`. */
int cryo_seal_envelope_make(const struct cryo_seal_writer_opts *o, const struct cryo_str *text,
			    struct cryo_str *der, struct cryo_err *err);
/* What the envelope for this certificate says of whose it is: hash of the identifier. */
int cryo_seal_envelope_recipient(const struct cryo_seal_cert *cert, char hash[CRYO_HASH_HEX],
				 struct cryo_err *err);
/*
 * The text, appended; the caller wipes it. `recipient`: hash of what says whose
 * the envelope is, which CMS does not authenticate.
 *   -CRYO_E_TAMPER  no such envelope, changed, not signed or by a stranger
 *   -CRYO_E_CONFIG  it is for another key
 */
int cryo_seal_envelope_open(const void *der, size_t len, const struct cryo_seal_reader_opts *o,
			    struct cryo_str *text, char recipient[CRYO_HASH_HEX],
			    struct cryo_err *err);

#endif
