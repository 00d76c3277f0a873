/* SPDX-License-Identifier: Apache-2.0 */
/* Inside seal/: OpenSSL with scope exit, its errors our way, and the secret of a set. */
#ifndef CRYO_SEAL_CRYPTO_H
#define CRYO_SEAL_CRYPTO_H

#include "base/err.h"
#include "base/str.h"
#include "seal/cert.h"

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/x509v3.h>

CRYO_DEFINE_AUTO(BIO, BIO_free)
CRYO_DEFINE_AUTO(CMS_ContentInfo, CMS_ContentInfo_free)
CRYO_DEFINE_AUTO(EVP_CIPHER, EVP_CIPHER_free)
CRYO_DEFINE_AUTO(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)
CRYO_DEFINE_AUTO(EVP_KDF, EVP_KDF_free)
CRYO_DEFINE_AUTO(EVP_KDF_CTX, EVP_KDF_CTX_free)

/* "<text>: <OpenSSL's first reason>"; empties OpenSSL's queue. */
int cryo_seal_crypto_fail(struct cryo_err *err, enum cryo_status status, const char *fmt, ...)
    CRYO_PRINTF(3, 4);

struct cryo_seal_cert {
	X509 *x509;
};
struct cryo_seal_key {
	EVP_PKEY *pkey;
};
struct cryo_seal_trust {
	STACK_OF(X509) * certs;
};

#define CRYO_SEAL_KEY_BYTES 32
#define CRYO_SEAL_ID_BYTES  16

/* What opens the files of a set. On a page of its own: locked, not dumped, wiped by free. */
struct cryo_seal_secret {
	unsigned char key[CRYO_SEAL_KEY_BYTES];
	unsigned char id[CRYO_SEAL_ID_BYTES];
};
struct cryo_seal_secret *cryo_seal_secret_new(void);
int cryo_seal_secret_random(struct cryo_seal_secret *s, struct cryo_err *err);
void cryo_seal_secret_free(struct cryo_seal_secret *s);
CRYO_DEFINE_AUTO(struct cryo_seal_secret, cryo_seal_secret_free)

/* For text that held a secret: wipes it, then releases it. */
void cryo_seal_wipe(struct cryo_str *s);
#define cryo_seal_wipep cryo_seal_wipe

#endif
