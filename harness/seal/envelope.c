/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/envelope.h"

#include "seal/crypto.h"
#include "seal/shape.h"

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/rsa.h>
#include <string.h>

#define MAX_SIGNERS 64

static void append_bio_bytes(struct cryo_str *to, BIO *bio)
{
	char *data = NULL;
	long n = BIO_get_mem_data(bio, &data);

	cryo_str_addn(to, data, (size_t)n);
}

static bool add_recipient(CMS_ContentInfo *cms, X509 *cert)
{
	CMS_RecipientInfo *ri = CMS_add1_recipient_cert(cms, cert, CMS_KEY_PARAM);
	EVP_PKEY_CTX *ctx = ri ? CMS_RecipientInfo_get0_pkey_ctx(ri) : NULL;

	if (!ctx)
		return false;
	if (CMS_RecipientInfo_type(ri) == CMS_RECIPINFO_AGREE)
		return EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()) > 0;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) > 0;
}

static BIO *encrypt_envelope(X509 *cert, const struct cryo_str *text)
{
	cryo_auto(CMS_ContentInfo_free)
	    CMS_ContentInfo *cms = CMS_AuthEnvelopedData_create(EVP_aes_256_gcm());
	cryo_auto(BIO_free) BIO *in = BIO_new_mem_buf(text->p, (int)text->len);
	cryo_auto(BIO_free) BIO *out = BIO_new(BIO_s_mem());

	if (!cms || !in || !out || !add_recipient(cms, cert) || CMS_set_detached(cms, 0) != 1 ||
	    CMS_final(cms, in, NULL, CMS_BINARY) != 1 || i2d_CMS_bio(out, cms) != 1)
		return NULL;
	return cryo_steal(&out);
}

static BIO *sign_envelope(const struct cryo_seal_writer_opts *o, BIO *content)
{
	cryo_auto(CMS_ContentInfo_free) CMS_ContentInfo *cms = CMS_sign(
	    o->signer_cert->x509, o->signer_key->pkey, NULL, content, CMS_BINARY | CMS_NOSMIMECAP);
	cryo_auto(BIO_free) BIO *out = BIO_new(BIO_s_mem());

	return cms && out && i2d_CMS_bio(out, cms) == 1 ? cryo_steal(&out) : NULL;
}

int cryo_seal_envelope_make(const struct cryo_seal_writer_opts *o, const struct cryo_str *text,
			    struct cryo_str *der, struct cryo_err *err)
{
	cryo_auto(BIO_free) BIO *sealed = encrypt_envelope(o->recipient->x509, text);
	cryo_auto(BIO_free) BIO *sgned = NULL;

	if (!sealed)
		return cryo_seal_crypto_fail(err, CRYO_E_CONFIG,
					     "cannot encrypt to the certificate");
	if (o->signer_cert) {
		sgned = sign_envelope(o, sealed);
		if (!sgned)
			return cryo_seal_crypto_fail(err, CRYO_E_CONFIG, "cannot sign the set");
	}
	append_bio_bytes(der, sgned ? sgned : sealed);
	return 0;
}

int cryo_seal_envelope_recipient(const struct cryo_seal_cert *cert, char hash[CRYO_HASH_HEX],
				 struct cryo_err *err)
{
	PKCS7_ISSUER_AND_SERIAL *id = PKCS7_ISSUER_AND_SERIAL_new();
	unsigned char *der = NULL;
	int n = -1;

	if (id && X509_NAME_set(&id->issuer, X509_get_issuer_name(cert->x509)) == 1 &&
	    ASN1_STRING_copy(id->serial, X509_get0_serialNumber(cert->x509)) == 1)
		n = i2d_PKCS7_ISSUER_AND_SERIAL(id, &der);
	if (n > 0)
		cryo_hash_bytes(der, (size_t)n, hash);
	OPENSSL_free(der);
	PKCS7_ISSUER_AND_SERIAL_free(id);
	return n > 0 ? 0
		     : cryo_seal_crypto_fail(
			   err, CRYO_E_CONFIG,
			   "cannot read the certificate's issuer and serial number");
}

static int report_no_envelope(struct cryo_err *err, const char *why)
{
	ERR_clear_error();
	return cryo_err_set(err, CRYO_E_TAMPER, "'%s' is not an envelope of this format: %s",
			    CRYO_SEAL_CMS_NAME, why);
}

static CMS_ContentInfo *parse_cms_envelope(const void *der, size_t len)
{
	const unsigned char *p = der;
	cryo_auto(CMS_ContentInfo_free)
	    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)len);

	return cms && p == (const unsigned char *)der + len ? cryo_steal(&cms) : NULL;
}

static bool uses_oaep_padding(CMS_RecipientInfo *ri)
{
	X509_ALGOR *alg = NULL;
	const ASN1_OBJECT *oid = NULL;

	if (CMS_RecipientInfo_ktri_get0_algs(ri, NULL, NULL, &alg) != 1)
		return false;
	X509_ALGOR_get0(&oid, NULL, NULL, alg);
	return OBJ_obj2nid(oid) == NID_rsaesOaep;
}

/* Is it for this certificate, or where none is given, for a key of this kind? */
static bool is_own_recipient(CMS_RecipientInfo *ri, const struct cryo_seal_reader_opts *o)
{
	bool rsa = CMS_RecipientInfo_type(ri) == CMS_RECIPINFO_TRANS;
	STACK_OF(CMS_RecipientEncryptedKey) * keys;

	if (rsa != (EVP_PKEY_is_a(o->key->pkey, "RSA") == 1))
		return false;
	if (!o->cert)
		return true;
	if (rsa)
		return CMS_RecipientInfo_ktri_cert_cmp(ri, o->cert->x509) == 0;
	keys = CMS_RecipientInfo_kari_get0_reks(ri);
	for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); i++)
		if (CMS_RecipientEncryptedKey_cert_cmp(sk_CMS_RecipientEncryptedKey_value(keys, i),
						       o->cert->x509) == 0)
			return true;
	return false;
}

/* The old padding of RSA tells an attacker too much: refused. */
static int check_recipients(CMS_ContentInfo *cms, const struct cryo_seal_reader_opts *o,
			    struct cryo_err *err)
{
	STACK_OF(CMS_RecipientInfo) *ris = CMS_get0_RecipientInfos(cms);
	int n = sk_CMS_RecipientInfo_num(ris), mine = 0;

	for (int i = 0; i < n; i++) {
		CMS_RecipientInfo *ri = sk_CMS_RecipientInfo_value(ris, i);
		int type = CMS_RecipientInfo_type(ri);

		if (type != CMS_RECIPINFO_TRANS && type != CMS_RECIPINFO_AGREE)
			return report_no_envelope(err, "a recipient of another kind");
		if (type == CMS_RECIPINFO_TRANS && !uses_oaep_padding(ri))
			return report_no_envelope(err, "RSA without OAEP");
		mine += is_own_recipient(ri, o);
	}
	if (mine == 0)
		return cryo_err_set(err, CRYO_E_CONFIG, "the set was sealed for another key");
	return 0;
}

/* One text for each envelope: what OpenSSL would not have written itself is refused. */
static bool is_canonical_envelope(const CMS_ContentInfo *cms, const void *der, size_t len)
{
	unsigned char *again = NULL;
	int n = i2d_CMS_ContentInfo(cms, &again);
	bool same = n >= 0 && (size_t)n == len && memcmp(again, der, len) == 0;

	OPENSSL_free(again);
	return same;
}

static int decrypt_envelope(const void *der, size_t len, const struct cryo_seal_reader_opts *o,
			    struct cryo_str *text, char recipient[CRYO_HASH_HEX],
			    struct cryo_err *err)
{
	cryo_auto(CMS_ContentInfo_free) CMS_ContentInfo *cms = NULL;
	cryo_auto(BIO_free) BIO *out = BIO_new(BIO_s_secmem());
	int rc;

	if (!cryo_seal_shape(der, len, recipient))
		return report_no_envelope(err, "another shape");
	cms = parse_cms_envelope(der, len);
	if (!cms || OBJ_obj2nid(CMS_get0_type(cms)) != NID_id_smime_ct_authEnvelopedData)
		return report_no_envelope(err, "another type");
	if (!is_canonical_envelope(cms, der, len))
		return report_no_envelope(err, "not encoded as DER requires");
	rc = check_recipients(cms, o, err);
	if (rc < 0)
		return rc;
	if (!out || CMS_decrypt(cms, o->key->pkey, o->cert ? o->cert->x509 : NULL, NULL, out,
				CMS_BINARY) != 1) {
		ERR_clear_error();
		return cryo_err_set(err, CRYO_E_TAMPER, "'%s' was changed, or is for another key",
				    CRYO_SEAL_CMS_NAME);
	}
	append_bio_bytes(text, out);
	return 0;
}

/*
 * Takes the signature off. Trusted makers are known by the very certificates,
 * not by who issued them. Without any the signature must still hold, or else a
 * changed file could pass.
 */
static int verify_envelope_maker(CMS_ContentInfo *cms, const struct cryo_seal_trust *trusted,
				 struct cryo_str *inner, struct cryo_err *err)
{
	cryo_auto(BIO_free) BIO *out = BIO_new(BIO_s_mem());
	unsigned flags = CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY;

	if (trusted)
		flags |= CMS_NOINTERN;
	if (sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) > MAX_SIGNERS)
		return report_no_envelope(err, "its number of signers");
	if (!out || CMS_verify(cms, trusted ? trusted->certs : NULL, NULL, NULL, out, flags) != 1)
		return cryo_seal_crypto_fail(
		    err, CRYO_E_TAMPER,
		    trusted ? "the set was signed by none of the trusted signers"
			    : "the signature of the set is wrong");
	append_bio_bytes(inner, out);
	return 0;
}

int cryo_seal_envelope_open(const void *der, size_t len, const struct cryo_seal_reader_opts *o,
			    struct cryo_str *text, char recipient[CRYO_HASH_HEX],
			    struct cryo_err *err)
{
	cryo_auto(CMS_ContentInfo_free) CMS_ContentInfo *cms = parse_cms_envelope(der, len);
	cryo_auto(cryo_str_release) struct cryo_str inner = { 0 };
	int rc;

	if (!cms)
		return report_no_envelope(err, "no DER");
	if (o->cert && X509_check_private_key(o->cert->x509, o->key->pkey) != 1)
		return cryo_seal_crypto_fail(err, CRYO_E_CONFIG,
					     "the certificate and the private key do not match");
	if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) {
		if (o->trusted)
			return cryo_err_set(err, CRYO_E_TAMPER,
					    "the set is not signed, and only sets signed by "
					    "trusted signers are accepted");
		return decrypt_envelope(der, len, o, text, recipient, err);
	}
	rc = verify_envelope_maker(cms, o->trusted, &inner, err);
	return rc < 0 ? rc : decrypt_envelope(inner.p, inner.len, o, text, recipient, err);
}
