/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/crypto.h"

#include "sys/fs.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define MAX_PEM	      (1 << 20)
#define RSA_BITS_MIN  2048
#define RSA_BITS_MAX  16384
#define MAX_TRUSTED   1024
#define PRIVATE_LABEL "PRIVATE KEY-----"

static int seal_on_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return -1; /* never ask on the terminal */
}

/* NULL, or what is wrong with this kind of key. */
static const char *find_key_fault(const EVP_PKEY *key)
{
	char curve[32] = "";
	size_t n;

	if (EVP_PKEY_is_a(key, "RSA"))
		return EVP_PKEY_get_bits(key) < RSA_BITS_MIN
			   ? "its RSA key is shorter than 2048 bits"
		       : EVP_PKEY_get_bits(key) > RSA_BITS_MAX
			   ? "its RSA key is longer than 16384 bits"
			   : NULL;
	if (!EVP_PKEY_is_a(key, "EC"))
		return "only RSA and EC keys can do that";
	if (EVP_PKEY_get_group_name(key, curve, sizeof(curve), &n) != 1 ||
	    (strcmp(curve, "prime256v1") != 0 && strcmp(curve, "secp384r1") != 0))
		return "its curve is neither P-256 nor P-384";
	return NULL;
}

static const char *find_usage_fault(X509 *x, const EVP_PKEY *key, enum cryo_seal_use use)
{
	uint32_t usage = X509_get_key_usage(x); /* all ones where the certificate has none */

	if (X509_get_extension_flags(x) & EXFLAG_INVALID)
		return "its extensions are not valid";
	if (use == CRYO_SEAL_SIGN)
		return usage & KU_DIGITAL_SIGNATURE ? NULL : "its key usage lacks digitalSignature";
	if (EVP_PKEY_is_a(key, "RSA"))
		return usage & KU_KEY_ENCIPHERMENT ? NULL : "its key usage lacks keyEncipherment";
	return usage & KU_KEY_AGREEMENT ? NULL : "its key usage lacks keyAgreement";
}

static const char *find_date_fault(const X509 *x)
{
	if (X509_cmp_current_time(X509_get0_notBefore(x)) >= 0)
		return "it is not valid yet";
	if (X509_cmp_current_time(X509_get0_notAfter(x)) <= 0)
		return "it has expired";
	return NULL;
}

static int check_cert_use(const char *what, X509 *x, enum cryo_seal_use use, bool dates,
			  struct cryo_err *err)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	const char *fault = key ? find_key_fault(key) : "its public key cannot be read";

	if (use == CRYO_SEAL_IDENTIFY)
		return 0;
	if (!fault)
		fault = find_usage_fault(x, key, use);
	if (!fault && dates)
		fault = find_date_fault(x);
	ERR_clear_error();
	if (!fault)
		return 0;
	return cryo_err_set(err, CRYO_E_CONFIG, "certificate '%s' cannot be used to %s: %s", what,
			    use == CRYO_SEAL_SIGN ? "sign" : "encrypt", fault);
}

static int refuse_private_key(const char *what, const char *pem, size_t len, struct cryo_err *err)
{
	if (!memmem(pem, len, PRIVATE_LABEL, strlen(PRIVATE_LABEL)))
		return 0;
	return cryo_err_set(err, CRYO_E_CONFIG,
			    "'%s' also holds a private key: keep it apart from the certificate",
			    what);
}

static int report_no_pem(const char *what, struct cryo_err *err)
{
	return cryo_seal_crypto_fail(err, CRYO_E_CONFIG, "'%s' is not a certificate in PEM", what);
}

int cryo_seal_cert_parse(const char *what, const char *pem, size_t len, enum cryo_seal_use use,
			 struct cryo_seal_cert **out, struct cryo_err *err)
{
	cryo_auto(BIO_free) BIO *bio = BIO_new_mem_buf(pem, (int)len);
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *c = cryo_alloc(sizeof(*c));
	int rc = refuse_private_key(what, pem, len, err);

	if (rc < 0)
		return rc;
	c->x509 = bio ? PEM_read_bio_X509(bio, NULL, seal_on_passphrase, NULL) : NULL;
	if (!c->x509)
		return report_no_pem(what, err);
	rc = check_cert_use(what, c->x509, use, use != CRYO_SEAL_ENCRYPT_EXPIRED, err);
	if (rc == 0)
		*out = cryo_steal(&c);
	return rc;
}

int cryo_seal_cert_load(const char *path, enum cryo_seal_use use, struct cryo_seal_cert **out,
			struct cryo_err *err)
{
	cryo_auto(cryo_seal_wipe) struct cryo_str pem = { 0 };
	int rc = cryo_fs_read(path, MAX_PEM, &pem, err);

	if (rc == 0)
		rc = cryo_seal_cert_parse(path, cryo_str_get(&pem), pem.len, use, out, err);
	return rc;
}

void cryo_seal_cert_free(struct cryo_seal_cert *c)
{
	if (!c)
		return;
	X509_free(c->x509);
	free(c);
}

#define SECURE_HEAP (256u << 10) /* of a limit that is 8 MiB at least */

/*
 * From the first key on: no core dump, no debugger of the same user, and private numbers in
 * OpenSSL's heap for them, which is locked and left out of dumps. Where the limit allows no lock
 * the heap is an ordinary one.
 */
static void guard_key_memory(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
#ifndef __SANITIZE_ADDRESS__ /* its search for leaks traces us */
	prctl(PR_SET_DUMPABLE, 0);
#endif
	if (!CRYPTO_secure_malloc_initialized())
		CRYPTO_secure_malloc_init(SECURE_HEAP, 32);
}

int cryo_seal_key_parse(const char *what, const char *pem, size_t len, struct cryo_seal_key **out,
			struct cryo_err *err)
{
	cryo_auto(BIO_free) BIO *bio = BIO_new_mem_buf(pem, (int)len);
	cryo_auto(cryo_seal_key_free) struct cryo_seal_key *k = cryo_alloc(sizeof(*k));

	guard_key_memory();
	k->pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, seal_on_passphrase, NULL) : NULL;
	if (!k->pkey)
		return cryo_seal_crypto_fail(err, CRYO_E_CONFIG,
					     "'%s' is not a private key in PEM without passphrase",
					     what);
	if (!EVP_PKEY_is_a(k->pkey, "RSA") && !EVP_PKEY_is_a(k->pkey, "EC"))
		return cryo_err_set(err, CRYO_E_CONFIG, "private key '%s' is neither RSA nor EC",
				    what);
	*out = cryo_steal(&k);
	return 0;
}

int cryo_seal_key_load(const char *path, struct cryo_seal_key **out, struct cryo_err *err)
{
	cryo_auto(cryo_seal_wipe) struct cryo_str pem = { 0 };
	int rc = cryo_fs_read(path, MAX_PEM, &pem, err);

	if (rc == 0)
		rc = cryo_seal_key_parse(path, cryo_str_get(&pem), pem.len, out, err);
	return rc;
}

void cryo_seal_key_free(struct cryo_seal_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

/* One certificate more. 1: there was one, 0: that was all. */
static int trust_next_cert(const char *what, BIO *bio, struct cryo_seal_trust *t,
			   struct cryo_err *err)
{
	X509 *x = PEM_read_bio_X509(bio, NULL, seal_on_passphrase, NULL);
	int rc;

	if (!x && sk_X509_num(t->certs) > 0 &&
	    ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
		ERR_clear_error();
		return 0;
	}
	if (!x)
		return report_no_pem(what, err);
	/* The dates do not matter: a set does not get worse when its maker's certificate ends. */
	rc = check_cert_use(what, x, CRYO_SEAL_SIGN, false, err);
	if (rc == 0 && sk_X509_num(t->certs) >= MAX_TRUSTED)
		rc = cryo_err_set(err, CRYO_E_CONFIG, "'%s' has more than %d certificates", what,
				  MAX_TRUSTED);
	if (rc < 0 || sk_X509_push(t->certs, x) <= 0)
		X509_free(x);
	return rc < 0 ? rc : 1;
}

int cryo_seal_trust_parse(const char *what, const char *pem, size_t len,
			  struct cryo_seal_trust **out, struct cryo_err *err)
{
	cryo_auto(BIO_free) BIO *bio = BIO_new_mem_buf(pem, (int)len);
	cryo_auto(cryo_seal_trust_free) struct cryo_seal_trust *t = cryo_alloc(sizeof(*t));
	int rc = refuse_private_key(what, pem, len, err);

	t->certs = sk_X509_new_null();
	if (rc == 0 && (!bio || !t->certs))
		rc = report_no_pem(what, err);
	for (rc = rc < 0 ? rc : 1; rc > 0;)
		rc = trust_next_cert(what, bio, t, err);
	if (rc == 0)
		*out = cryo_steal(&t);
	return rc;
}

int cryo_seal_trust_load(const char *path, struct cryo_seal_trust **out, struct cryo_err *err)
{
	cryo_auto(cryo_seal_wipe) struct cryo_str pem = { 0 };
	int rc = cryo_fs_read(path, MAX_PEM, &pem, err);

	if (rc == 0)
		rc = cryo_seal_trust_parse(path, cryo_str_get(&pem), pem.len, out, err);
	return rc;
}

void cryo_seal_trust_free(struct cryo_seal_trust *t)
{
	if (!t)
		return;
	sk_X509_pop_free(t->certs, X509_free);
	free(t);
}
