/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may open a sealed set, and who made it: X.509 certificates and private
 * keys, read from PEM. Every certificate is checked for its use when it is
 * loaded, that is before anything is frozen or written.
 */
#ifndef CRYO_SEAL_CERT_H
#define CRYO_SEAL_CERT_H

#include "base/err.h"

struct cryo_seal_cert;	/* one certificate */
struct cryo_seal_key;	/* one private key */
struct cryo_seal_trust; /* certificates of those whose sets are accepted */

enum cryo_seal_use {
	CRYO_SEAL_ENCRYPT,	   /* a recipient */
	CRYO_SEAL_ENCRYPT_EXPIRED, /* a recipient; the validity dates do not matter */
	CRYO_SEAL_SIGN,		   /* a maker of sets */
	CRYO_SEAL_IDENTIFY,	   /* says which recipient of a set the key is: no check */
};

/*
 * The first certificate of a PEM text; `what` names the text in messages.
 * CRYO_SEAL_ENCRYPT wants RSA of 2048 to 16384 bits or EC on P-256 or P-384, a
 * valid time, and where there is a key usage, keyEncipherment (RSA) or
 * keyAgreement (EC). CRYO_SEAL_SIGN wants the same kinds of key and
 * digitalSignature. A text that also holds a private key is refused for every
 * use: it would travel to where only the certificate should.
 *   -CRYO_E_CONFIG  not to be used; the message says why
 */
int cryo_seal_cert_parse(const char *what, const char *pem, size_t len, enum cryo_seal_use use,
			 struct cryo_seal_cert **out, struct cryo_err *err);
/* The same for a file of at most 1 MiB. */
int cryo_seal_cert_load(const char *path, enum cryo_seal_use use, struct cryo_seal_cert **out,
			struct cryo_err *err);
void cryo_seal_cert_free(struct cryo_seal_cert *c);
CRYO_DEFINE_AUTO(struct cryo_seal_cert, cryo_seal_cert_free)

/* A private key without passphrase (RSA or EC); the caller wipes `pem`. */
int cryo_seal_key_parse(const char *what, const char *pem, size_t len, struct cryo_seal_key **out,
			struct cryo_err *err);
int cryo_seal_key_load(const char *path, struct cryo_seal_key **out, struct cryo_err *err);
void cryo_seal_key_free(struct cryo_seal_key *k);
CRYO_DEFINE_AUTO(struct cryo_seal_key, cryo_seal_key_free)

/* All certificates of a PEM text, at least one, each fit for CRYO_SEAL_SIGN. */
int cryo_seal_trust_parse(const char *what, const char *pem, size_t len,
			  struct cryo_seal_trust **out, struct cryo_err *err);
int cryo_seal_trust_load(const char *path, struct cryo_seal_trust **out, struct cryo_err *err);
void cryo_seal_trust_free(struct cryo_seal_trust *t);
CRYO_DEFINE_AUTO(struct cryo_seal_trust, cryo_seal_trust_free)

#endif
