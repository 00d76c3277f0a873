/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signature that lies beside its file, CMS SignedData without the content (RFC 5652), in DER:
 * `openssl cms -verify -binary -inform DER -content FILE` reads it.
 */
#ifndef CRYO_SEAL_SIGN_H
#define CRYO_SEAL_SIGN_H

#include "seal/cert.h"

/* Published whole at `to`. -CRYO_E_CONFIG: certificate and key are no pair. */
int cryo_seal_sign_file(const char *path, const struct cryo_seal_cert *cert,
			const struct cryo_seal_key *key, const char *to, struct cryo_err *err);
/*
 * Trusted signers are known by the very certificates. -CRYO_E_TAMPER: there is no signature, it is
 * of somebody else or of another file.
 */
int cryo_seal_sign_verify(const char *path, const char *signature,
			  const struct cryo_seal_trust *trusted, struct cryo_err *err);

#endif
