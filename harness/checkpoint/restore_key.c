/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/restore_key.h"

#include "seal/cert.h"
#include "sys/fs.h"

#define MAX_PEM (1u << 20)

int cryo_restore_key_check(const struct cryo_restore_opts *opts, struct cryo_err *err)
{
	cryo_auto(cryo_seal_key_free) struct cryo_seal_key *key = NULL;
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *cert = NULL;
	int rc = 0;

	if (opts->key_file)
		rc = cryo_seal_key_load(opts->key_file, &key, err);
	if (rc == 0 && opts->cert_file)
		rc = cryo_seal_cert_load(opts->cert_file, CRYO_SEAL_IDENTIFY, &cert, err);
	return rc;
}

static int check_sealing_secret(const char *name, const struct cryo_str *key,
				const struct cryo_str *cert, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *its_key = cryo_asprintf("tls.key of secret %s", name);
	cryo_auto(cryo_free) char *its_cert = cryo_asprintf("tls.crt of secret %s", name);
	cryo_auto(cryo_seal_key_free) struct cryo_seal_key *k = NULL;
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *c = NULL;
	int rc = cryo_seal_key_parse(its_key, cryo_str_get(key), key->len, &k, err);

	return rc < 0 ? rc
		      : cryo_seal_cert_parse(its_cert, cryo_str_get(cert), cert->len,
					     CRYO_SEAL_IDENTIFY, &c, err);
}

int cryo_restore_key_get(struct cryo_kube *k, const struct cryo_restore_opts *opts, const char *ns,
			 struct cryo_str *key, struct cryo_str *cert, struct cryo_err *err)
{
	int rc = 0;

	if (opts->key_secret) {
		rc = cryo_sealing_secret(k, ns, opts->key_secret, "tls.key", key, err);
		if (rc == 0)
			rc = cryo_sealing_secret(k, ns, opts->key_secret, "tls.crt", cert, err);
		if (rc == 0)
			rc = check_sealing_secret(opts->key_secret, key, cert, err);
	}
	if (rc == 0 && opts->key_file)
		rc = cryo_fs_read(opts->key_file, MAX_PEM, key, err);
	if (rc == 0 && opts->cert_file)
		rc = cryo_fs_read(opts->cert_file, MAX_PEM, cert, err);
	return rc;
}
