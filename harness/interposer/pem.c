/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/pem.h"

#include "seal/crypto.h"
#include "sys/fs.h"

#define MAX_PEM (1u << 20)

int cryo_pem_cert(const char *path, enum cryo_seal_use use, struct cryo_seal_cert **out,
		  struct cryo_err *err)
{
	cryo_auto(cryo_seal_wipe) struct cryo_str pem = { 0 };
	int rc = cryo_fs_read_regular(path, MAX_PEM, &pem, err);

	return rc < 0 ? rc : cryo_seal_cert_parse(path, cryo_str_get(&pem), pem.len, use, out, err);
}

int cryo_pem_key(const char *path, struct cryo_seal_key **out, struct cryo_err *err)
{
	cryo_auto(cryo_seal_wipe) struct cryo_str pem = { 0 };
	int rc = cryo_fs_read_regular(path, MAX_PEM, &pem, err);

	return rc < 0 ? rc : cryo_seal_key_parse(path, cryo_str_get(&pem), pem.len, out, err);
}

int cryo_pem_trust(const char *path, struct cryo_seal_trust **out, struct cryo_err *err)
{
	cryo_auto(cryo_seal_wipe) struct cryo_str pem = { 0 };
	int rc = cryo_fs_read_regular(path, MAX_PEM, &pem, err);

	return rc < 0 ? rc : cryo_seal_trust_parse(path, cryo_str_get(&pem), pem.len, out, err);
}
