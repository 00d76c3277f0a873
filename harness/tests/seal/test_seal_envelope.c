/* SPDX-License-Identifier: Apache-2.0 */
/* seal.cms byte by byte, and the manifest in it. */
#include "tests/seal/seal_world.h"

#include "seal/envelope.h"
#include "seal/manifest.h"

#include <jansson.h>
#include <malloc.h>
#include <openssl/asn1.h>

#define TEXT "{\"hello\":1}"

/*
 * Which field of a DER message is this byte of? "1/0/3": child 3 of child 0 of child 1 of the
 * whole; the byte is in its header or in its content.
 */
static void path_of(const unsigned char *p, size_t n, size_t at, struct cryo_str *path)
{
	const unsigned char *begin = p, *end = p + n;

	for (int child = 0; p < end; child++) {
		const unsigned char *body = p;
		int tag, class, flags;
		long len;

		flags = ASN1_get_object(&body, &len, &tag, &class, end - p);
		assert_false(flags & 0x80);
		if (at < (size_t)(body + len - begin)) {
			cryo_str_addf(path, "%s%d", path->len ? "/" : "", child);
			if ((flags & V_ASN1_CONSTRUCTED) && at >= (size_t)(body - begin))
				path_of(body, (size_t)len, at - (size_t)(body - begin), path);
			return;
		}
		p = body + len;
	}
}

/* Is it the identifier of the recipient, or within it? */
static bool is_identifier(const struct cryo_str *der, size_t at, const char *identifier)
{
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 };

	path_of((const unsigned char *)der->p, der->len, at, &path);
	return cryo_starts_with(cryo_str_get(&path), identifier);
}

static void make_envelope(const struct person *to, struct cryo_str *der)
{
	const struct cryo_seal_writer_opts o = { .recipient = to->cert };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err err;

	cryo_str_add(&text, TEXT);
	assert_int_equal(cryo_seal_envelope_make(&o, &text, der, &err), 0);
}

/* 0: refused; 1: opened, with the very same text and another recipient. */
static int try_byte(const struct cryo_str *der, const struct person *to, const char *recipient)
{
	const struct cryo_seal_reader_opts o = { .key = to->key };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	char found[CRYO_HASH_HEX];
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_seal_envelope_open(der->p, der->len, &o, &text, found, &err) < 0)
		return 0;
	assert_string_equal(cryo_str_get(&text), TEXT);
	assert_string_not_equal(found, recipient);
	return 1;
}

/*
 * Each byte in several ways: the lowest bit, 04 → 06 (a hybrid point), the constructed bit, the
 * form of a length. What is not refused lies in the identifier, gives the same text, and shows in
 * the hash that the manifest holds.
 */
static void every_byte(void **state)
{
	static const unsigned char flips[] = { 0x01, 0x02, 0x20, 0x80 };
	struct person people[] = { make_person(EVP_RSA_gen(2048)),
				   make_person(EVP_EC_gen("P-256")) };
	static const char *const identifier[] = { "0/1/0/1/0/1", "0/1/0/1/0/3/0/0" };

	(void)state;
	for (size_t k = 0; k < CRYO_ARRAY_LEN(people); k++) {
		cryo_auto(cryo_str_release) struct cryo_str der = { 0 };
		char recipient[CRYO_HASH_HEX];
		struct cryo_err err;
		int passed = 0;

		make_envelope(&people[k], &der);
		assert_int_equal(cryo_seal_envelope_recipient(people[k].cert, recipient, &err), 0);
		for (size_t i = 0; i < der.len; i++)
			for (size_t f = 0; f < sizeof(flips); f++) {
				int opened;

				der.p[i] = (char)(der.p[i] ^ flips[f]);
				opened = try_byte(&der, &people[k], recipient);
				der.p[i] = (char)(der.p[i] ^ flips[f]);
				passed += opened;
				if (opened && !is_identifier(&der, i, identifier[k]))
					fail_msg("byte %zu is not authenticated", i);
			}
		print_message("# %d changes of the identifier are not refused here\n", passed);
		assert_true(passed > 0);
		person_release(&people[k]);
	}
}

/* The hash of the reader is that of the writer, whatever key it is. */
static void recipients(void **state)
{
	struct person people[] = { make_person(EVP_RSA_gen(2048)), make_person(EVP_EC_gen("P-256")),
				   make_person(EVP_EC_gen("P-384")) };

	(void)state;
	for (size_t k = 0; k < CRYO_ARRAY_LEN(people); k++) {
		const struct cryo_seal_reader_opts o = { .key = people[k].key };
		cryo_auto(cryo_str_release) struct cryo_str der = { 0 }, text = { 0 };
		char wrote[CRYO_HASH_HEX], read[CRYO_HASH_HEX];
		struct cryo_err err = CRYO_ERR_INIT;

		make_envelope(&people[k], &der);
		assert_int_equal(cryo_seal_envelope_recipient(people[k].cert, wrote, &err), 0);
		assert_int_equal(cryo_seal_envelope_open(der.p, der.len, &o, &text, read, &err), 0);
		assert_string_equal(wrote, read);
		person_release(&people[k]);
	}
}

/* As openssl would make it: for the same person `n` times, signed by `n` (0: not signed). */
static void make_crowd(const struct person *p, int recipients_n, int signers, struct cryo_str *der)
{
	CMS_ContentInfo *cms = CMS_AuthEnvelopedData_create(EVP_aes_256_gcm()), *outer = NULL;
	BIO *in = BIO_new_mem_buf(TEXT, -1), *out = BIO_new(BIO_s_mem());
	char *data;
	long n;

	for (int i = 0; i < recipients_n; i++)
		assert_non_null(CMS_add1_recipient_cert(cms, p->cert->x509, 0));
	assert_int_equal(CMS_set_detached(cms, 0), 1);
	assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	assert_int_equal(i2d_CMS_bio(out, cms), 1);
	if (signers) {
		outer = CMS_sign(NULL, NULL, NULL, NULL, CMS_BINARY | CMS_PARTIAL);
		for (int i = 0; i < signers; i++)
			assert_non_null(CMS_add1_signer(outer, p->cert->x509, p->key->pkey, NULL,
							CMS_NOSMIMECAP | (i ? CMS_NOCERTS : 0)));
		BIO_free(in);
		in = out;
		out = BIO_new(BIO_s_mem());
		assert_int_equal(CMS_final(outer, in, NULL, CMS_BINARY), 1);
		assert_int_equal(i2d_CMS_bio(out, outer), 1);
	}
	n = BIO_get_mem_data(out, &data);
	cryo_str_addn(der, data, (size_t)n);
	CMS_ContentInfo_free(cms);
	CMS_ContentInfo_free(outer);
	BIO_free(in);
	BIO_free(out);
}

/* Each of them costs time of the node: there may be 64. */
static void crowds(void **state)
{
	static const struct {
		int recipients, signers;
		const char *fault;
	} row[] = {
		{ 1, 0, NULL },	 { 64, 0, NULL },      { 65, 0, "shape" },
		{ 1, 64, NULL }, { 1, 65, "signers" },
	};
	struct person p = make_person(EVP_EC_gen("P-256"));
	const struct cryo_seal_reader_opts o = { .key = p.key };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str der = { 0 }, text = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;
		char found[CRYO_HASH_HEX];
		int rc;

		print_message("# %d recipients, %d signers\n", row[i].recipients, row[i].signers);
		make_crowd(&p, row[i].recipients, row[i].signers, &der);
		rc = cryo_seal_envelope_open(der.p, der.len, &o, &text, found, &err);
		if (rc != (row[i].fault ? -CRYO_E_TAMPER : 0))
			fail_msg("%d: %s", rc, err.msg);
		assert_true(rc == 0 || strstr(err.msg, row[i].fault));
	}
	person_release(&p);
}

#define HEAD                                                                                       \
	"{\"version\":1,\"setId\":\"00112233445566778899aabbccddeeff\","                           \
	"\"dataKey\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\","

static int parse(const char *text, size_t n, struct cryo_err *err)
{
	cryo_auto(cryo_seal_manifest_release) struct cryo_seal_manifest m = { 0 };
	cryo_auto(cryo_seal_secret_free) struct cryo_seal_secret *s = cryo_seal_secret_new();

	return cryo_seal_manifest_parse(text, n, &m, s, err);
}

static void manifests(void **state)
{
	static const struct {
		const char *text, *fault; /* NULL: sound */
	} row[] = {
		{ HEAD "\"files\":[]}", NULL },
		{ HEAD "\"files\":[{\"name\":\"a\",\"plainSize\":1}],\"new\":{}}", NULL },
		{ HEAD "\"recipient\":\"00000000000000000000000000000000"
		       "00000000000000000000000000000000\",\"files\":[]}",
		  NULL },
		{ HEAD "\"recipient\":\"00\",\"files\":[]}", "recipient" },
		{ HEAD "\"recipient\":null,\"files\":[]}", "recipient" },
		{ HEAD "\"files\":[{\"name\":\"b\",\"plainSize\":1},"
		       "{\"name\":\"a\",\"plainSize\":1}]}",
		  "sorted" },
		{ HEAD "\"files\":[{\"name\":\"../a\",\"plainSize\":1}]}", "name" },
		{ HEAD "\"files\":[{\"name\":\"a\\u0000b\",\"plainSize\":1}]}", "not JSON" },
		{ HEAD "\"files\":[{\"name\":\"a\",\"plainSize\":-1}]}", "size" },
		{ HEAD "\"files\":[{\"name\":\"a\",\"plainSize\":9223372036854775807}]}", "size" },
		{ HEAD "\"files\":[{\"name\":\"a\",\"plainSize\":1.0}]}", "size" },
		{ HEAD "\"files\":[],\"version\":1}", "not JSON" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		int rc = parse(row[i].text, strlen(row[i].text), &err);

		print_message("# %s\n", row[i].text + strlen(HEAD));
		assert_int_equal(rc, row[i].fault ? -CRYO_E_TAMPER : 0);
		assert_true(rc == 0 || strstr(err.msg, row[i].fault));
	}
}

/* Bytes this process has from malloc. */
static size_t allocated(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static size_t peak;

static void *counting_malloc(size_t n)
{
	void *p = malloc(n);
	size_t now = allocated();

	peak = now > peak ? now : peak;
	return p;
}

/*
 * Sixteen MiB that whoever has the certificate can make: no parsed value may
 * take so much more room than its text that the node feels it.
 */
static void bombs(void **state)
{
	static const char *const unit[] = { "0,", "[],", "{\"name\":\"a\",\"plainSize\":0},", "[" };

	(void)state;
	json_set_alloc_funcs(counting_malloc, free);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(unit); i++) {
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;
		size_t before;

		cryo_str_add(&text, HEAD "\"files\":[");
		while (text.len < CRYO_SEAL_ENVELOPE_MAX - 64)
			cryo_str_add(&text, unit[i]);
		cryo_str_add(&text, "0]}");
		before = peak = allocated();
		assert_int_equal(parse(text.p, text.len, &err), -CRYO_E_TAMPER);
		print_message("# %s: %zu kB\n", unit[i], (peak - before) >> 10);
		assert_true(peak - before < 4 * text.len);
	}
	json_set_alloc_funcs(malloc, free);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte), cmocka_unit_test(recipients),
		cmocka_unit_test(crowds),     cmocka_unit_test(manifests),
		cmocka_unit_test(bombs),
	};

	return cmocka_run_group_tests_name("seal envelope", tests, NULL, NULL) ? EXIT_FAILURE
									       : EXIT_SUCCESS;
}
