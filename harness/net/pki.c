/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pki.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define CA_DAYS	    3650
#define LEAF_DAYS   365
#define BACKDATE_S  300
#define SERIAL_BITS 127 /* positive and within the 20 bytes that RFC 5280 allows */

CRYO_DEFINE_AUTO(BIO, BIO_free)
CRYO_DEFINE_AUTO(BIGNUM, BN_free)
CRYO_DEFINE_AUTO(EVP_PKEY, EVP_PKEY_free)
CRYO_DEFINE_AUTO(GENERAL_NAMES, GENERAL_NAMES_free)
CRYO_DEFINE_AUTO(X509, X509_free)
CRYO_DEFINE_AUTO(X509_EXTENSION, X509_EXTENSION_free)

/* What is left of OpenSSL's error queue, first entry; the queue is empty afterwards. */
static const char *take_openssl_reason(void)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return reason ? reason : "OpenSSL failed";
}

void cryo_pki_pair_release(struct cryo_pki_pair *p)
{
	free(p->cert_pem);
	if (p->key_pem)
		OPENSSL_cleanse(p->key_pem, strlen(p->key_pem));
	free(p->key_pem);
	*p = (struct cryo_pki_pair){ 0 };
}

static char *copy_bio_text(BIO *bio)
{
	char *data = NULL;
	long n = BIO_get_mem_data(bio, &data);

	return cryo_strndup(data, (size_t)n);
}

/* The private key, and whichever public part is given (certificate or bare key). */
static bool export_pki_pair(X509 *cert, EVP_PKEY *key, struct cryo_pki_pair *out)
{
	cryo_auto(BIO_free) BIO *public = BIO_new(BIO_s_mem());
	cryo_auto(BIO_free) BIO *private = BIO_new(BIO_s_secmem());

	if (!public || !private)
		return false;
	if (!(cert ? PEM_write_bio_X509(public, cert) : PEM_write_bio_PUBKEY(public, key)))
		return false;
	if (!PEM_write_bio_PKCS8PrivateKey(private, key, NULL, NULL, 0, NULL, NULL))
		return false;
	out->cert_pem = copy_bio_text(public);
	out->key_pem = copy_bio_text(private);
	return true;
}

static bool add_name_field(X509_NAME *name, const char *field, const char *text)
{
	return !text || X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
						   (const unsigned char *)text, -1, -1, 0);
}

static bool set_random_serial(X509 *cert)
{
	cryo_auto(BN_free) BIGNUM *bn = BN_new();

	return bn && BN_rand(bn, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
	       BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert));
}

static X509 *make_unsigned_cert(const struct cryo_pki_spec *spec, EVP_PKEY *key)
{
	cryo_auto(X509_free) X509 *cert = X509_new();
	int days = spec->days ? (int)spec->days : LEAF_DAYS;
	X509_NAME *name;

	if (!cert || !X509_set_version(cert, X509_VERSION_3) || !set_random_serial(cert))
		return NULL;
	name = X509_get_subject_name(cert);
	if (!add_name_field(name, "O", spec->org) || !add_name_field(name, "CN", spec->cn))
		return NULL;
	if (!X509_gmtime_adj(X509_getm_notBefore(cert), -BACKDATE_S) ||
	    !X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, NULL) ||
	    !X509_set_pubkey(cert, key))
		return NULL;
	return cryo_steal(&cert);
}

/* `value` in the notation of OpenSSL's configuration files: only for texts of our own. */
static bool add_cert_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	cryo_auto(X509_EXTENSION_free) X509_EXTENSION *ext = NULL;
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	return ext && X509_add_ext(cert, ext, -1);
}

static bool add_general_name(GENERAL_NAMES *names, int type, ASN1_STRING *value)
{
	GENERAL_NAME *name = value ? GENERAL_NAME_new() : NULL;

	if (!name) {
		ASN1_STRING_free(value);
		return false;
	}
	GENERAL_NAME_set0_value(name, type, value);
	if (sk_GENERAL_NAME_push(names, name))
		return true;
	GENERAL_NAME_free(name);
	return false;
}

static ASN1_STRING *make_dns_value(const char *text)
{
	ASN1_STRING *s = *text ? ASN1_IA5STRING_new() : NULL;

	if (s && !ASN1_STRING_set(s, text, -1)) {
		ASN1_STRING_free(s);
		return NULL;
	}
	return s;
}

static int add_alt_names(X509 *cert, const struct cryo_pki_spec *spec, struct cryo_err *err)
{
	cryo_auto(GENERAL_NAMES_free) GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

	for (const char *const *dns = spec->dns; dns && *dns; dns++)
		if (!add_general_name(names, GEN_DNS, make_dns_value(*dns)))
			return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a DNS name", *dns);
	for (const char *const *ip = spec->ip; ip && *ip; ip++)
		if (!add_general_name(names, GEN_IPADD, a2i_IPADDRESS(*ip)))
			return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not an IP address", *ip);
	if (sk_GENERAL_NAME_num(names) > 0 &&
	    !X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT))
		return cryo_err_set(err, CRYO_E_CONFIG, "%s", take_openssl_reason());
	return 0;
}

static bool add_ca_extensions(X509 *cert)
{
	return add_cert_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE") &&
	       add_cert_extension(cert, cert, NID_key_usage,
				  "critical,digitalSignature,keyCertSign,cRLSign") &&
	       add_cert_extension(cert, cert, NID_subject_key_identifier, "hash");
}

static bool add_leaf_extensions(X509 *cert, X509 *issuer, EVP_PKEY *key,
				const struct cryo_pki_spec *spec)
{
	const char *usage = EVP_PKEY_is_a(key, "RSA") ? "critical,digitalSignature,keyEncipherment"
			    : spec->encrypt	      ? "critical,digitalSignature,keyAgreement"
						      : "critical,digitalSignature";
	const char *extended = spec->server && spec->client ? "serverAuth,clientAuth"
			       : spec->server		    ? "serverAuth"
			       : spec->client		    ? "clientAuth"
							    : NULL;

	return add_cert_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_cert_extension(cert, issuer, NID_key_usage, usage) &&
	       (!extended || add_cert_extension(cert, issuer, NID_ext_key_usage, extended)) &&
	       add_cert_extension(cert, issuer, NID_subject_key_identifier, "hash") &&
	       (issuer == cert ||
		add_cert_extension(cert, issuer, NID_authority_key_identifier, "keyid:always"));
}

static bool sign_certificate(X509 *cert, X509 *issuer, EVP_PKEY *issuer_key)
{
	return X509_set_issuer_name(cert, X509_get_subject_name(issuer)) &&
	       X509_sign(cert, issuer_key, EVP_sha256());
}

int cryo_pki_ca(const char *cn, struct cryo_pki_pair *out, struct cryo_err *err)
{
	const struct cryo_pki_spec spec = { .cn = cn, .days = CA_DAYS };
	cryo_auto(EVP_PKEY_free) EVP_PKEY *key = EVP_EC_gen("P-256");
	cryo_auto(X509_free) X509 *cert = key ? make_unsigned_cert(&spec, key) : NULL;

	if (!cert || !add_ca_extensions(cert) || !sign_certificate(cert, cert, key) ||
	    !export_pki_pair(cert, key, out))
		return cryo_err_set(err, CRYO_E_CONFIG, "cannot make CA '%s': %s", cn,
				    take_openssl_reason());
	return 0;
}

static X509 *read_pem_certificate(const char *pem)
{
	cryo_auto(BIO_free) BIO *bio = BIO_new_mem_buf(pem, -1);

	return bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
}

static int pki_on_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return -1; /* never ask on the terminal */
}

static EVP_PKEY *read_private_key(const char *pem)
{
	cryo_auto(BIO_free) BIO *bio = BIO_new_mem_buf(pem, -1);

	return bio ? PEM_read_bio_PrivateKey(bio, NULL, pki_on_passphrase, NULL) : NULL;
}

/* The rest of a leaf: issuer NULL means itself. */
static int finish_leaf_cert(X509 *cert, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
			    const struct cryo_pki_spec *spec, struct cryo_pki_pair *out,
			    struct cryo_err *err)
{
	int rc = cert ? add_alt_names(cert, spec, err) : 0;

	if (rc == 0 &&
	    (!cert || !add_leaf_extensions(cert, issuer ? issuer : cert, key, spec) ||
	     !sign_certificate(cert, issuer ? issuer : cert, issuer_key ? issuer_key : key) ||
	     !export_pki_pair(cert, key, out)))
		rc = cryo_err_set(err, CRYO_E_CONFIG, "%s", take_openssl_reason());
	return cryo_err_wrap(err, rc, "cannot make certificate '%s'", spec->cn);
}

int cryo_pki_issue(const struct cryo_pki_pair *ca, const struct cryo_pki_spec *spec,
		   struct cryo_pki_pair *out, struct cryo_err *err)
{
	cryo_auto(X509_free) X509 *issuer = read_pem_certificate(ca->cert_pem);
	cryo_auto(EVP_PKEY_free) EVP_PKEY *issuer_key = read_private_key(ca->key_pem);
	cryo_auto(EVP_PKEY_free) EVP_PKEY *key = NULL;
	cryo_auto(X509_free) X509 *cert = NULL;

	if (!issuer || !issuer_key || !X509_check_private_key(issuer, issuer_key))
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "the CA's certificate and key do not match: %s",
				    take_openssl_reason());
	key = EVP_EC_gen("P-256");
	cert = key ? make_unsigned_cert(spec, key) : NULL;
	return finish_leaf_cert(cert, key, issuer, issuer_key, spec, out, err);
}

int cryo_pki_keypair(struct cryo_pki_pair *out, struct cryo_err *err)
{
	cryo_auto(EVP_PKEY_free) EVP_PKEY *key = EVP_EC_gen("P-256");

	if (!key || !export_pki_pair(NULL, key, out))
		return cryo_err_set(err, CRYO_E_CONFIG, "cannot make a key pair: %s",
				    take_openssl_reason());
	return 0;
}

int cryo_pki_self_signed(const struct cryo_pki_spec *spec, unsigned rsa_bits,
			 struct cryo_pki_pair *out, struct cryo_err *err)
{
	cryo_auto(EVP_PKEY_free) EVP_PKEY *key = NULL;
	cryo_auto(X509_free) X509 *cert = NULL;

	if (rsa_bits && (rsa_bits < CRYO_PKI_RSA_LEAST || rsa_bits > CRYO_PKI_RSA_MOST))
		return cryo_err_set(err, CRYO_E_CONFIG, "RSA keys have %d to %d bits, not %u",
				    CRYO_PKI_RSA_LEAST, CRYO_PKI_RSA_MOST, rsa_bits);
	key = rsa_bits ? EVP_RSA_gen(rsa_bits) : EVP_EC_gen("P-256");
	cert = key ? make_unsigned_cert(spec, key) : NULL;
	return finish_leaf_cert(cert, key, NULL, NULL, spec, out, err);
}

int cryo_pki_expires_in(const char *cert_pem, int64_t *seconds, struct cryo_err *err)
{
	cryo_auto(X509_free) X509 *cert = read_pem_certificate(cert_pem);
	int days, rest;

	if (!cert || !ASN1_TIME_diff(&days, &rest, NULL, X509_get0_notAfter(cert)))
		return cryo_err_set(err, CRYO_E_CONFIG, "no PEM certificate: %s",
				    take_openssl_reason());
	*seconds = (int64_t)days * 86400 + rest;
	return 0;
}
