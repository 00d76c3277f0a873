/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static struct cryo_pki_pair ca;

static int make_ca(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	return cryo_pki_ca("test CA", &ca, &err);
}

static int drop_ca(void **state)
{
	(void)state;
	cryo_pki_pair_release(&ca);
	return 0;
}

static X509 *cert_of(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(cert);
	return cert;
}

/* X509_V_OK, or why the chain is not accepted for the purpose (and host). */
static int verdict(const char *ca_pem, const char *cert_pem, int purpose, const char *host)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509 *anchor = cert_of(ca_pem), *cert = cert_of(cert_pem);
	int result;

	X509_STORE_add_cert(store, anchor);
	X509_STORE_CTX_init(ctx, store, cert, NULL);
	X509_STORE_CTX_set_purpose(ctx, purpose);
	/* Asks for the things that RFC 5280 wants, as other verifiers do. */
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT);
	if (host && host[strspn(host, "0123456789.")] == '\0')
		X509_VERIFY_PARAM_set1_ip_asc(X509_STORE_CTX_get0_param(ctx), host);
	else if (host)
		X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(ctx), host, 0);
	X509_verify_cert(ctx);
	result = X509_STORE_CTX_get_error(ctx);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	X509_free(anchor);
	X509_free(cert);
	return result;
}

static void purposes_and_names(void **state)
{
	static const char *const dns[] = { "kubernetes", "kubernetes.default.svc", NULL };
	static const char *const ip[] = { "127.0.0.1", "10.96.0.1", "::1", NULL };
	static const struct {
		const char *name;
		bool server, client;
		int purpose;
		const char *host;
		int verdict;
	} row[] = {
		{ "server", true, false, X509_PURPOSE_SSL_SERVER, "kubernetes", X509_V_OK },
		{ "its IP", true, false, X509_PURPOSE_SSL_SERVER, "10.96.0.1", X509_V_OK },
		{ "both", true, true, X509_PURPOSE_SSL_CLIENT, NULL, X509_V_OK },
		{ "client", false, true, X509_PURPOSE_SSL_CLIENT, NULL, X509_V_OK },
		{ "client as server", false, true, X509_PURPOSE_SSL_SERVER, NULL,
		  X509_V_ERR_INVALID_PURPOSE },
		{ "server as client", true, false, X509_PURPOSE_SSL_CLIENT, NULL,
		  X509_V_ERR_INVALID_PURPOSE },
		{ "other host", true, false, X509_PURPOSE_SSL_SERVER, "example.org",
		  X509_V_ERR_HOSTNAME_MISMATCH },
		{ "other IP", true, false, X509_PURPOSE_SSL_SERVER, "10.96.0.2",
		  X509_V_ERR_IP_ADDRESS_MISMATCH },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const struct cryo_pki_spec spec = { .cn = "kube",
						    .org = "system:masters",
						    .dns = dns,
						    .ip = ip,
						    .server = row[i].server,
						    .client = row[i].client };
		cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair leaf = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %s\n", row[i].name);
		assert_int_equal(cryo_pki_issue(&ca, &spec, &leaf, &err), 0);
		assert_int_equal(verdict(ca.cert_pem, leaf.cert_pem, row[i].purpose, row[i].host),
				 row[i].verdict);
	}
}

static void subject_serial_and_key(void **state)
{
	const struct cryo_pki_spec spec = { .cn = "system:node:n1", .org = "system:nodes" };
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair one = { 0 };
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair two = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	char subject[128];
	X509 *a, *b;

	(void)state;
	assert_int_equal(cryo_pki_issue(&ca, &spec, &one, &err), 0);
	assert_int_equal(cryo_pki_issue(&ca, &spec, &two, &err), 0);
	assert_string_not_equal(one.key_pem, two.key_pem);
	assert_true(cryo_starts_with(one.key_pem, "-----BEGIN PRIVATE KEY-----\n"));
	a = cert_of(one.cert_pem);
	b = cert_of(two.cert_pem);
	X509_NAME_oneline(X509_get_subject_name(a), subject, sizeof(subject));
	assert_string_equal(subject, "/O=system:nodes/CN=system:node:n1");
	assert_int_equal(X509_get_version(a), X509_VERSION_3);
	assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(a), X509_get0_serialNumber(b)),
			     0);
	assert_true(ASN1_STRING_length(X509_get0_serialNumber(a)) >= 8);
	assert_int_equal(ASN1_STRING_type(X509_get0_serialNumber(a)), V_ASN1_INTEGER);
	X509_free(a);
	X509_free(b);
}

static void validity(void **state)
{
	static const struct {
		unsigned days;
		int64_t seconds;
	} row[] = { { 0, 365 * 86400 }, { 1, 86400 }, { 30, 30 * 86400 } };
	struct cryo_err err = CRYO_ERR_INIT;
	int64_t left;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const struct cryo_pki_spec spec = { .cn = "x", .days = row[i].days };
		cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair leaf = { 0 };
		X509 *cert;

		assert_int_equal(cryo_pki_issue(&ca, &spec, &leaf, &err), 0);
		assert_int_equal(cryo_pki_expires_in(leaf.cert_pem, &left, &err), 0);
		assert_true(left <= row[i].seconds && left > row[i].seconds - 60);
		cert = cert_of(leaf.cert_pem);
		assert_int_equal(X509_cmp_time(X509_get0_notBefore(cert), NULL), -1);
		X509_free(cert);
	}
	assert_int_equal(cryo_pki_expires_in(ca.cert_pem, &left, &err), 0);
	assert_true(left > 3000 * 86400LL);
}

static void self_signed(void **state)
{
	static const unsigned bits[] = { 0, 2048 };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(bits); i++) {
		static const char *const dns[] = { "localhost", NULL };
		const struct cryo_pki_spec spec = {
			.cn = "me", .dns = dns, .server = true, .encrypt = true
		};
		cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair leaf = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;
		X509 *cert;

		assert_int_equal(cryo_pki_self_signed(&spec, bits[i], &leaf, &err), 0);
		assert_int_equal(
		    verdict(leaf.cert_pem, leaf.cert_pem, X509_PURPOSE_SSL_SERVER, "localhost"),
		    X509_V_OK);
		cert = cert_of(leaf.cert_pem);
		assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(cert)), bits[i] ? 2048 : 256);
		assert_int_equal(X509_check_ca(cert), 0);
		/* What encryption for it needs. */
		assert_true(X509_get_key_usage(cert) &
			    (bits[i] ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT));
		X509_free(cert);
	}
}

static void keypair_is_one_pair(void **state)
{
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair p = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	EVP_PKEY *private, *public;
	BIO *bio;

	(void)state;
	assert_int_equal(cryo_pki_keypair(&p, &err), 0);
	bio = BIO_new_mem_buf(p.key_pem, -1);
	private = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	bio = BIO_new_mem_buf(p.cert_pem, -1);
	public = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	BIO_free(bio);
	assert_non_null(private);
	assert_non_null(public);
	assert_int_equal(EVP_PKEY_eq(private, public), 1);
	EVP_PKEY_free(private);
	EVP_PKEY_free(public);
}

static void bad_input(void **state)
{
	static const char *const bad_ip[] = { "300.1.1.1", NULL }, *const no_dns[] = { "", NULL };
	static const struct {
		struct cryo_pki_spec spec;
		const char *message;
	} row[] = {
		{ { .cn = "a", .ip = bad_ip },
		  "certificate 'a': '300.1.1.1' is not an IP address" },
		{ { .cn = "b", .dns = no_dns }, "certificate 'b': '' is not a DNS name" },
		{ { .cn = "a name of more than the sixty-four characters that a common name has" },
		  "string too long" },
	};
	struct cryo_pki_pair mixed = { ca.cert_pem, NULL };
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair other = { 0 };
	struct cryo_pki_pair out = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	int64_t left;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		assert_int_equal(cryo_pki_issue(&ca, &row[i].spec, &out, &err), -CRYO_E_CONFIG);
		assert_non_null(strstr(err.msg, row[i].message));
		assert_null(out.cert_pem);
	}
	assert_int_equal(cryo_pki_ca("other CA", &other, &err), 0);
	mixed.key_pem = other.key_pem;
	assert_int_equal(cryo_pki_issue(&mixed, &row[0].spec, &out, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "do not match"));
	assert_int_equal(cryo_pki_self_signed(&row[0].spec, 512, &out, &err), -CRYO_E_CONFIG);
	assert_int_equal(cryo_pki_expires_in("no PEM", &left, &err), -CRYO_E_CONFIG);
	assert_int_equal(verdict(other.cert_pem, ca.cert_pem, X509_PURPOSE_ANY, NULL),
			 X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(purposes_and_names),
		cmocka_unit_test(subject_serial_and_key),
		cmocka_unit_test(validity),
		cmocka_unit_test(self_signed),
		cmocka_unit_test(keypair_is_one_pair),
		cmocka_unit_test(bad_input),
	};
	int n = cmocka_run_group_tests(tests, make_ca, drop_ca);

	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}
