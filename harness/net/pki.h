/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates, EC P-256, made in process by OpenSSL. Text is PEM; private keys never
 * touch a file here. */
#ifndef CRYO_NET_PKI_H
#define CRYO_NET_PKI_H

#include "base/err.h"

struct cryo_pki_pair {
	char *cert_pem; /* owned */
	char *key_pem;	/* owned; PKCS#8 */
};
void cryo_pki_pair_release(struct cryo_pki_pair *p);
#define cryo_pki_pair_releasep cryo_pki_pair_release

struct cryo_pki_spec {
	const char *cn;		/* common name */
	const char *org;	/* organisation (Kubernetes: group), or NULL */
	const char *const *dns; /* subject alternative names, NULL-terminated, or NULL */
	const char *const *ip;
	bool server, client; /* extended key usages */
	bool encrypt;	     /* others may encrypt to it: EC gets keyAgreement too */
	unsigned days;	     /* validity; 0: 365. Starts five minutes ago: clocks differ */
};

/* A self-signed CA. */
int cryo_pki_ca(const char *cn, struct cryo_pki_pair *out, struct cryo_err *err);
/* A certificate signed by `ca`, with a key of its own. */
int cryo_pki_issue(const struct cryo_pki_pair *ca, const struct cryo_pki_spec *spec,
		   struct cryo_pki_pair *out, struct cryo_err *err);
/* A bare key pair: private PKCS#8 in key_pem, public SPKI in cert_pem (service account tokens). */
int cryo_pki_keypair(struct cryo_pki_pair *out, struct cryo_err *err);
/* Self-signed leaf for a TLS Secret; rsa_bits 0 means EC P-256. */
#define CRYO_PKI_RSA_LEAST 2048
#define CRYO_PKI_RSA_MOST  8192
int cryo_pki_self_signed(const struct cryo_pki_spec *spec, unsigned rsa_bits,
			 struct cryo_pki_pair *out, struct cryo_err *err);
/* Seconds until the first certificate in the PEM text expires (negative: it has). */
int cryo_pki_expires_in(const char *cert_pem, int64_t *seconds, struct cryo_err *err);

#endif
