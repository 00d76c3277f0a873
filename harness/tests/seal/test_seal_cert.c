/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/seal/seal_world.h"

#include "net/pki.h"

#include <openssl/crypto.h>
#include <openssl/dsa.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static EVP_PKEY *rsa_key(int bits)
{
	return EVP_RSA_gen((unsigned)bits);
}

static EVP_PKEY *ec_key(int bits)
{
	return bits == 256   ? EVP_EC_gen("P-256")
	       : bits == 384 ? EVP_EC_gen("P-384")
	       : bits == 521 ? EVP_EC_gen("P-521")
			     : EVP_EC_gen("secp256k1");
}

static EVP_PKEY *ed_key(int bits)
{
	(void)bits;
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static EVP_PKEY *dsa_key(int bits)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL), *gen;
	EVP_PKEY *params = NULL, *key = NULL;

	EVP_PKEY_paramgen_init(ctx);
	EVP_PKEY_CTX_set_dsa_paramgen_bits(ctx, bits);
	EVP_PKEY_paramgen(ctx, &params);
	gen = EVP_PKEY_CTX_new_from_pkey(NULL, params, NULL);
	EVP_PKEY_keygen_init(gen);
	EVP_PKEY_keygen(gen, &key);
	EVP_PKEY_free(params);
	EVP_PKEY_CTX_free(gen);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static int parse(const char *pem, enum cryo_seal_use use, struct cryo_err *err)
{
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *c = NULL;

	return cryo_seal_cert_parse("the.crt", pem, strlen(pem), use, &c, err);
}

static void kinds(void **state)
{
	static const struct {
		EVP_PKEY *(*key)(int bits);
		int bits;
		const char *usage;
		long from, to;
		enum cryo_seal_use use;
		const char *fault; /* part of the message; NULL: good */
	} row[] = {
		{ rsa_key, 2048, NULL, -DAY, DAY, CRYO_SEAL_ENCRYPT, NULL },
		{ rsa_key, 2048, "keyEncipherment", -DAY, DAY, CRYO_SEAL_ENCRYPT, NULL },
		{ ec_key, 256, NULL, -DAY, DAY, CRYO_SEAL_ENCRYPT, NULL },
		{ ec_key, 384, "keyAgreement", -DAY, DAY, CRYO_SEAL_ENCRYPT, NULL },
		{ rsa_key, 1024, NULL, -DAY, DAY, CRYO_SEAL_ENCRYPT, "shorter than 2048" },
		{ ec_key, 521, NULL, -DAY, DAY, CRYO_SEAL_ENCRYPT, "neither P-256 nor P-384" },
		{ ec_key, 0, NULL, -DAY, DAY, CRYO_SEAL_ENCRYPT, "neither P-256 nor P-384" },
		{ ed_key, 0, NULL, -DAY, DAY, CRYO_SEAL_ENCRYPT, "only RSA and EC" },
		{ dsa_key, 1024, NULL, -DAY, DAY, CRYO_SEAL_ENCRYPT, "only RSA and EC" },
		{ rsa_key, 2048, "digitalSignature", -DAY, DAY, CRYO_SEAL_ENCRYPT,
		  "lacks keyEncipherment" },
		{ rsa_key, 2048, "keyAgreement", -DAY, DAY, CRYO_SEAL_ENCRYPT,
		  "lacks keyEncipherment" },
		{ ec_key, 256, "digitalSignature", -DAY, DAY, CRYO_SEAL_ENCRYPT,
		  "lacks keyAgreement" },
		{ ec_key, 256, NULL, -2 * DAY, -DAY, CRYO_SEAL_ENCRYPT, "has expired" },
		{ ec_key, 256, NULL, DAY, 2 * DAY, CRYO_SEAL_ENCRYPT, "not valid yet" },
		{ ec_key, 256, NULL, -2 * DAY, -DAY, CRYO_SEAL_ENCRYPT_EXPIRED, NULL },
		{ ed_key, 0, NULL, -2 * DAY, -DAY, CRYO_SEAL_ENCRYPT_EXPIRED, "only RSA and EC" },
		{ ec_key, 256, "digitalSignature", -DAY, DAY, CRYO_SEAL_SIGN, NULL },
		{ ec_key, 256, "keyAgreement", -DAY, DAY, CRYO_SEAL_SIGN,
		  "lacks digitalSignature" },
		{ ec_key, 256, "digitalSignature", -2 * DAY, -DAY, CRYO_SEAL_SIGN, "has expired" },
		{ ed_key, 0, NULL, -2 * DAY, -DAY, CRYO_SEAL_IDENTIFY, NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct made m =
		    make_cert(row[i].key(row[i].bits), row[i].usage, row[i].from, row[i].to);
		struct cryo_err err = CRYO_ERR_INIT;
		int rc = parse(m.cert, row[i].use, &err);

		print_message("# row %zu: %s\n", i, rc < 0 ? err.msg : "good");
		assert_int_equal(rc, row[i].fault ? -CRYO_E_CONFIG : 0);
		if (row[i].fault)
			assert_non_null(strstr(err.msg, row[i].fault));
		made_release(&m);
	}
}

static void texts(void **state)
{
	struct made m = make_cert(ec_key(256), NULL, -DAY, DAY);
	cryo_auto(cryo_free) char *both = cryo_asprintf("%s%s", m.cert, m.key);
	cryo_auto(cryo_free) char *chain = cryo_asprintf("leaf first\n%s%s", m.cert, m.cert);
	cryo_auto(cryo_free) char *cut = cryo_strndup(m.cert, strlen(m.cert) / 2);
	cryo_auto(cryo_seal_key_free) struct cryo_seal_key *key = NULL;
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *cert = NULL;
	const struct {
		const char *pem, *fault;
	} row[] = {
		{ "", "not a certificate" },	  { "hello", "not a certificate" },
		{ cut, "not a certificate" },	  { both, "also holds a private key" },
		{ m.key, "holds a private key" }, { chain, NULL },
	};
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		int rc = parse(row[i].pem, CRYO_SEAL_ENCRYPT, &err);

		assert_int_equal(rc, row[i].fault ? -CRYO_E_CONFIG : 0);
		if (row[i].fault)
			assert_non_null(strstr(err.msg, row[i].fault));
	}
	assert_int_equal(cryo_seal_cert_load("/nowhere/tls.crt", CRYO_SEAL_ENCRYPT, &cert, &err),
			 -CRYO_E_SYSTEM);
	assert_int_equal(cryo_seal_key_parse("k", m.cert, strlen(m.cert), &key, &err),
			 -CRYO_E_CONFIG);
	assert_int_equal(cryo_seal_key_parse("k", both, strlen(both), &key, &err), 0);
	made_release(&m);
}

static void keys(void **state)
{
	cryo_auto(cryo_seal_key_free) struct cryo_seal_key *key = NULL;
	struct made ed = make_cert(ed_key(0), NULL, -DAY, DAY);
	EVP_PKEY *locked = ec_key(256);
	BIO *bio = BIO_new(BIO_s_mem());
	cryo_auto(cryo_free) char *pem = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	PEM_write_bio_PrivateKey(bio, locked, EVP_aes_128_cbc(), (unsigned char *)"x", 1, NULL,
				 NULL);
	pem = pem_text(bio);
	assert_int_equal(cryo_seal_key_parse("k", pem, strlen(pem), &key, &err), -CRYO_E_CONFIG);
	assert_int_equal(cryo_seal_key_parse("k", ed.key, strlen(ed.key), &key, &err),
			 -CRYO_E_CONFIG);
	EVP_PKEY_free(locked);
	made_release(&ed);
}

static void trust(void **state)
{
	struct made good = make_cert(ec_key(256), "digitalSignature", -DAY, DAY);
	struct made old = make_cert(ec_key(256), "digitalSignature", -2 * DAY, -DAY);
	struct made bad = make_cert(ec_key(256), "keyAgreement", -DAY, DAY);
	cryo_auto(cryo_free) char *two = cryo_asprintf("%s# old\n%s", good.cert, old.cert);
	cryo_auto(cryo_free) char *mixed = cryo_asprintf("%s%s", good.cert, bad.cert);
	cryo_auto(cryo_free) char *cut = cryo_strndup(two, strlen(two) - 100);
	const char *row[] = { mixed, cut, "", "hello", good.key };
	struct cryo_seal_trust *t = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_seal_trust_parse("t", two, strlen(two), &t, &err), 0);
	cryo_seal_trust_free(t);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		assert_int_equal(cryo_seal_trust_parse("t", row[i], strlen(row[i]), &t, &err),
				 -CRYO_E_CONFIG);
	made_release(&good);
	made_release(&old);
	made_release(&bad);
}

/* What keygen makes is good for both uses; a TLS certificate on a curve is not for encryption. */
static void our_own(void **state)
{
	struct cryo_pki_spec spec = { .cn = "test", .encrypt = true };
	struct cryo_pki_pair pair = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	for (unsigned bits = 0; bits <= 2048; bits += 2048) {
		assert_int_equal(cryo_pki_self_signed(&spec, bits, &pair, &err), 0);
		assert_int_equal(parse(pair.cert_pem, CRYO_SEAL_ENCRYPT, &err), 0);
		assert_int_equal(parse(pair.cert_pem, CRYO_SEAL_SIGN, &err), 0);
		cryo_pki_pair_release(&pair);
	}
	spec.encrypt = false;
	assert_int_equal(cryo_pki_self_signed(&spec, 0, &pair, &err), 0);
	assert_int_equal(parse(pair.cert_pem, CRYO_SEAL_ENCRYPT, &err), -CRYO_E_CONFIG);
	cryo_pki_pair_release(&pair);
}

/* Who has read a key writes no core, and is nobody's to trace. */
static void key_memory(void **state)
{
	struct cryo_pki_spec spec = { .cn = "test", .encrypt = true };
	struct cryo_pki_pair pair = { 0 };
	struct cryo_seal_key *key = NULL;
	struct rlimit core = { 1, 1 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_pki_self_signed(&spec, 2048, &pair, &err), 0);
	assert_int_equal(cryo_seal_key_parse("k", pair.key_pem, strlen(pair.key_pem), &key, &err),
			 0);
	getrlimit(RLIMIT_CORE, &core);
	assert_int_equal(core.rlim_max, 0);
#ifndef __SANITIZE_ADDRESS__
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
#endif
	assert_true(CRYPTO_secure_used() > 0);
	cryo_seal_key_free(key);
	assert_int_equal(CRYPTO_secure_used(), 0);
	cryo_pki_pair_release(&pair);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds), cmocka_unit_test(texts),   cmocka_unit_test(keys),
		cmocka_unit_test(trust), cmocka_unit_test(our_own), cmocka_unit_test(key_memory),
	};
	int n = cmocka_run_group_tests_name("seal cert", tests, NULL, NULL);

	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}
