/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and keys from paths that a pod may have chosen: only regular
 * files, so that none of them can hold the interposer up. Otherwise as in
 * seal/cert.h.
 */
#ifndef CRYO_INTERPOSER_PEM_H
#define CRYO_INTERPOSER_PEM_H

#include "seal/cert.h"

int cryo_pem_cert(const char *path, enum cryo_seal_use use, struct cryo_seal_cert **out,
		  struct cryo_err *err);
int cryo_pem_key(const char *path, struct cryo_seal_key **out, struct cryo_err *err);
int cryo_pem_trust(const char *path, struct cryo_seal_trust **out, struct cryo_err *err);

#endif
