/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of seal/: certificates of any kind, directories with images. */
#ifndef CRYO_TESTS_SEAL_SEAL_WORLD_H
#define CRYO_TESTS_SEAL_SEAL_WORLD_H

#include "base/str.h"
#include "seal/dir.h"
#include "seal/path.h"
#include "seal/stream.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY 86400L

struct made {
	char *cert, *key; /* PEM */
};

static inline char *pem_text(BIO *bio)
{
	char *data, *text;
	long n = BIO_get_mem_data(bio, &data);

	text = cryo_strndup(data, (size_t)n);
	BIO_free(bio);
	return text;
}

/* Self-signed; usage NULL: no such extension. Takes the key. */
static inline struct made make_cert(EVP_PKEY *key, const char *usage, long from, long to)
{
	BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
	bool digestless = EVP_PKEY_is_a(key, "ED25519");
	X509 *x = X509_new();
	static long serial;
	struct made m;

	assert_non_null(key);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
				   (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_gmtime_adj(X509_getm_notBefore(x), from);
	X509_gmtime_adj(X509_getm_notAfter(x), to);
	X509_set_pubkey(x, key);
	if (usage) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, usage);

		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
	}
	assert_true(X509_sign(x, key, digestless ? NULL : EVP_sha256()) > 0);
	PEM_write_bio_X509(cert_bio, x);
	PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL);
	m = (struct made){ pem_text(cert_bio), pem_text(key_bio) };
	X509_free(x);
	EVP_PKEY_free(key);
	return m;
}

static inline void made_release(struct made *m)
{
	free(m->cert);
	free(m->key);
}

/* What a person has: both, loaded. */
struct person {
	struct cryo_seal_cert *cert;
	struct cryo_seal_key *key;
	struct cryo_seal_trust *trust; /* in this person as a signer */
	char *cert_pem, *key_pem;
};

static inline struct person make_person(EVP_PKEY *key)
{
	const char *usage = EVP_PKEY_is_a(key, "RSA") ? "digitalSignature,keyEncipherment"
						      : "digitalSignature,keyAgreement";
	struct made m = make_cert(key, usage, -DAY, DAY);
	struct person p = { .cert_pem = m.cert, .key_pem = m.key };
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_seal_cert_parse("cert", m.cert, strlen(m.cert), CRYO_SEAL_ENCRYPT, &p.cert, &err) <
		0 ||
	    cryo_seal_key_parse("key", m.key, strlen(m.key), &p.key, &err) < 0 ||
	    cryo_seal_trust_parse("trust", m.cert, strlen(m.cert), &p.trust, &err) < 0)
		fail_msg("%s", err.msg);
	return p;
}

static inline void person_release(struct person *p)
{
	cryo_seal_cert_free(p->cert);
	cryo_seal_key_free(p->key);
	cryo_seal_trust_free(p->trust);
	free(p->cert_pem);
	free(p->key_pem);
}

/* Bytes that look like nothing, the same ones every time. */
static inline void pattern(unsigned char *p, size_t n, unsigned seed)
{
	uint32_t x = 2463534242u + seed;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13, x ^= x >> 17, x ^= x << 5;
		p[i] = (unsigned char)x;
	}
}

static inline void put_file(const char *dir, const char *name, size_t n, unsigned seed)
{
	cryo_auto(cryo_free) unsigned char *data = cryo_alloc(n + 1);
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);
	struct cryo_err err = CRYO_ERR_INIT;

	pattern(data, n, seed);
	if (cryo_fs_write(path, data, n, 0600, &err) < 0)
		fail_msg("%s", err.msg);
}

static inline struct cryo_str get_file(const char *dir, const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);
	struct cryo_str text = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_fs_read(path, 1 << 26, &text, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}

/* One bit of one byte; a negative offset counts from the end. */
static inline void flip(const char *dir, const char *name, long at)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	off_t where = lseek(fd, at, at < 0 ? SEEK_END : SEEK_SET);
	unsigned char c;

	assert_int_equal(pread(fd, &c, 1, where), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, where), 1);
	close(fd);
}

static inline size_t count_files(const char *dir)
{
	struct cryo_strv names = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t n;

	assert_true(fd >= 0);
	assert_int_equal(cryo_seal_dir_list(fd, &names, &err), 0);
	n = names.n;
	cryo_strv_release(&names);
	close(fd);
	return n;
}

#endif
