/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/sign.h"

#include "seal/crypto.h"
#include "sys/fs.h"

#include <errno.h>
#include <openssl/err.h>

#define MAX_SIGNATURE (1u << 20)
#define MAX_SIGNERS   64

static int open_content(const char *path, BIO **out, struct cryo_err *err)
{
	*out = BIO_new_file(path, "rb");
	if (*out)
		return 0;
	ERR_clear_error();
	return cryo_err_sys(err, errno, "cannot open '%s'", path);
}

int cryo_seal_sign_file(const char *path, const struct cryo_seal_cert *cert,
			const struct cryo_seal_key *key, const char *to, struct cryo_err *err)
{
	cryo_auto(BIO_free) BIO *content = NULL;
	cryo_auto(BIO_free) BIO *out = BIO_new(BIO_s_mem());
	cryo_auto(CMS_ContentInfo_free) CMS_ContentInfo *cms = NULL;
	char *der = NULL;
	long n;
	int rc = open_content(path, &content, err);

	if (rc < 0)
		return rc;
	cms = CMS_sign(cert->x509, key->pkey, NULL, content,
		       CMS_BINARY | CMS_DETACHED | CMS_NOSMIMECAP);
	if (!cms || !out || i2d_CMS_bio(out, cms) != 1)
		return cryo_seal_crypto_fail(err, CRYO_E_CONFIG, "cannot sign '%s'", path);
	n = BIO_get_mem_data(out, &der);
	return cryo_fs_write(to, der, (size_t)n, 0644, err);
}

static CMS_ContentInfo *parse_signature(const struct cryo_str *der)
{
	const unsigned char *p = (const unsigned char *)cryo_str_get(der), *end = p + der->len;
	cryo_auto(CMS_ContentInfo_free)
	    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der->len);
	int signers;

	if (!cms || p != end || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed ||
	    CMS_is_detached(cms) != 1)
		return NULL;
	signers = sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms));
	return signers > 0 && signers <= MAX_SIGNERS ? cryo_steal(&cms) : NULL;
}

int cryo_seal_sign_verify(const char *path, const char *signature,
			  const struct cryo_seal_trust *trusted, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str der = { 0 };
	cryo_auto(BIO_free) BIO *content = NULL;
	cryo_auto(CMS_ContentInfo_free) CMS_ContentInfo *cms = NULL;
	int rc;

	if (cryo_fs_read_regular(signature, MAX_SIGNATURE, &der, err) < 0)
		return cryo_err_set(err, CRYO_E_TAMPER, "'%s' is not signed: there is no '%s'",
				    path, signature);
	cms = parse_signature(&der);
	if (!cms) {
		ERR_clear_error();
		return cryo_err_set(err, CRYO_E_TAMPER, "'%s' is no signature", signature);
	}
	rc = open_content(path, &content, err);
	if (rc < 0)
		return rc;
	if (CMS_verify(cms, trusted->certs, NULL, content, NULL,
		       CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY | CMS_NOINTERN) != 1)
		return cryo_seal_crypto_fail(err, CRYO_E_TAMPER,
					     "none of the trusted signers has signed '%s'", path);
	return 0;
}
