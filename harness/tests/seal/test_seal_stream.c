/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/stream.h"
#include "tests/seal/seal_world.h"

#include "sys/hash.h"

#include <inttypes.h>
#include <sys/mman.h>

#define FIRST 1048520 /* plaintext of the first segment and of the others */
#define NEXT  1048560
#define NAME  "pages-1.img"

static struct cryo_seal_secret secret;

/* docs/seal-format.md, "Test vectors": key 00…1f, set id 20…2f, header 28 30…4f 50…56. */
static int fixed_secret(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(secret.key); i++)
		secret.key[i] = (unsigned char)i;
	for (unsigned i = 0; i < sizeof(secret.id); i++)
		secret.id[i] = (unsigned char)(0x20 + i);
	return 0;
}

static void fixed_header(unsigned char header[CRYO_SEAL_HEADER])
{
	header[0] = 0x28;
	for (unsigned i = 1; i < CRYO_SEAL_HEADER; i++)
		header[i] = (unsigned char)(0x30 + i - 1);
}

static int memory(const void *data, size_t n)
{
	int fd = memfd_create("t", MFD_CLOEXEC);

	assert_true(fd >= 0);
	if (n > 0)
		assert_int_equal(pwrite(fd, data, n, 0), n);
	return fd;
}

static struct cryo_str content(int fd)
{
	struct cryo_str s = { 0 };
	off_t n = lseek(fd, 0, SEEK_END);
	cryo_auto(cryo_free) char *buf = cryo_alloc((size_t)n + 1);

	assert_int_equal(pread(fd, buf, (size_t)n, 0), n);
	cryo_str_addn(&s, buf, (size_t)n);
	close(fd);
	return s;
}

static struct cryo_str seal(const void *plain, size_t n, const unsigned char *header,
			    unsigned threads)
{
	struct cryo_seal_run run = { .in = memory(plain, n),
				     .out = memory(NULL, 0),
				     .end = cryo_seal_stream_segments(n),
				     .plain = n,
				     .threads = threads };
	struct cryo_seal_stream *s = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_seal_stream_new(&secret, NAME, header, &s, &err), 0);
	assert_int_equal(cryo_seal_stream_seal(s, &run, &err), 0);
	cryo_seal_stream_free(s);
	close(run.in);
	return content(run.out);
}

/* Opens as a file that had n bytes; -status, or 0 and *plain. */
static int unseal(const struct cryo_str *sealed, const char *name, size_t n, struct cryo_str *plain)
{
	struct cryo_seal_run run = { .in = memory(sealed->p, sealed->len),
				     .out = memory(NULL, 0),
				     .end = cryo_seal_stream_segments(n),
				     .plain = n,
				     .threads = 2 };
	struct cryo_seal_stream *s = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	int rc = cryo_seal_stream_new(&secret, name, (unsigned char *)sealed->p, &s, &err);

	if (rc == 0)
		rc = cryo_seal_stream_open(s, &run, &err);
	cryo_seal_stream_free(s);
	close(run.in);
	*plain = content(run.out);
	return rc;
}

static void sizes(void **state)
{
	static const size_t row[] = { 0,
				      1,
				      15,
				      16,
				      FIRST - 1,
				      FIRST,
				      FIRST + 1,
				      FIRST + NEXT - 1,
				      FIRST + NEXT,
				      FIRST + NEXT + 1,
				      FIRST + 3 * NEXT + 7 };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) unsigned char *data = cryo_alloc(row[i] + 1);
		cryo_auto(cryo_str_release) struct cryo_str sealed = { 0 }, plain = { 0 };

		print_message("# %zu\n", row[i]);
		pattern(data, row[i], 1);
		sealed = seal(data, row[i], NULL, (unsigned)(i % 4));
		assert_int_equal(sealed.len, cryo_seal_stream_size(row[i]));
		assert_int_equal(unseal(&sealed, NAME, row[i], &plain), 0);
		assert_int_equal(plain.len, row[i]);
		assert_memory_equal(cryo_str_get(&plain), data, row[i]);
	}
}

/* The bytes of docs/seal-format.md; harness/tests/interop opens them with tink-go. */
static void vectors(void **state)
{
	static const struct {
		size_t n;
		const char *sha256;
	} row[] = {
		{ 0, "95cc678300cb265f45d49632a5719aa99758519b997fdd88ed36bfef1db7b220" },
		{ 5, "36e1a8a5709af0ea1cdd896eb586e4326aef9c77e6f71fd3e14c07c921171add" },
		{ FIRST, "b7008116fa8aec67b9114899e08bdeb14c19c5ff242a96afc80a1d164ef7f66e" },
		{ FIRST + 1, "8313b22511d2d61580e283f927fb33bca48071e8f5adcbba0436fed80879c85d" },
		{ FIRST + NEXT + 100,
		  "0648ca3f28e2e57b680752a60503e841686a84ae2c59de356a5ff3dd06504784" },
	};
	unsigned char header[CRYO_SEAL_HEADER];

	(void)state;
	fixed_header(header);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) unsigned char *data = cryo_alloc(row[i].n + 1);
		cryo_auto(cryo_str_release) struct cryo_str sealed = { 0 };
		char hex[CRYO_HASH_HEX];

		for (size_t k = 0; k < row[i].n; k++)
			data[k] = (unsigned char)(k % 251);
		sealed = seal(data, row[i].n, header, 1);
		cryo_hash_bytes(sealed.p, sealed.len, hex);
		print_message("# %zu %s\n", row[i].n, hex);
		assert_string_equal(hex, row[i].sha256);
	}
}

static void short_vector(void **state)
{
	static const char want[] =
	    "28303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f50515253545556"
	    "4868de6abf4dc0f952f2d936797c6b18781ab34a84";
	cryo_auto(cryo_str_release) struct cryo_str sealed = { 0 }, hex = { 0 };
	unsigned char header[CRYO_SEAL_HEADER];

	(void)state;
	fixed_header(header);
	sealed = seal("hello", 5, header, 1);
	for (size_t i = 0; i < sealed.len; i++)
		cryo_str_addf(&hex, "%02x", (unsigned char)sealed.p[i]);
	assert_string_equal(cryo_str_get(&hex), want);
}

static void bit_flips(void **state)
{
	static const size_t n = FIRST + NEXT + 100;
	static const long row[] = {
		0,	 1,	  32,	   33,	    39,	     /* length byte, salt, nonce prefix */
		40,	 500000,  1048559, 1048560, 1048575, /* first segment, its tag */
		1048576, 1500000, 2097135, 2097136, 2097151, /* second */
		2097152, -17,	  -16,	   -1,		     /* last */
	};
	cryo_auto(cryo_free) unsigned char *data = cryo_alloc(n);
	cryo_auto(cryo_str_release) struct cryo_str sealed = { 0 };

	(void)state;
	pattern(data, n, 2);
	sealed = seal(data, n, NULL, 0);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str plain = { 0 };
		size_t at = row[i] < 0 ? sealed.len - (size_t)-row[i] : (size_t)row[i];

		print_message("# byte %zu\n", at);
		sealed.p[at] ^= 0x10;
		assert_int_equal(unseal(&sealed, NAME, n, &plain), -CRYO_E_TAMPER);
		sealed.p[at] ^= 0x10;
	}
}

/* What a size check alone does not find: whole segments taken away, doubled, exchanged. */
static void segments_moved(void **state)
{
	static const size_t n = FIRST + 2 * NEXT;
	cryo_auto(cryo_free) unsigned char *data = cryo_alloc(n);
	cryo_auto(cryo_str_release) struct cryo_str sealed = { 0 }, plain = { 0 }, more = { 0 };
	cryo_auto(cryo_free) char *held = cryo_alloc(CRYO_SEAL_SEGMENT);

	(void)state;
	pattern(data, n, 3);
	sealed = seal(data, n, NULL, 0);
	assert_int_equal(unseal(&sealed, NAME, FIRST, &plain), -CRYO_E_TAMPER);
	cryo_str_release(&plain);
	assert_int_equal(unseal(&sealed, NAME, FIRST + NEXT, &plain), -CRYO_E_TAMPER);
	cryo_str_release(&plain);
	cryo_str_addn(&more, sealed.p, sealed.len);
	cryo_str_addn(&more, sealed.p + 2 * CRYO_SEAL_SEGMENT, CRYO_SEAL_SEGMENT);
	assert_int_equal(unseal(&more, NAME, n + NEXT, &plain), -CRYO_E_TAMPER);
	cryo_str_release(&plain);
	memcpy(held, sealed.p + CRYO_SEAL_SEGMENT, CRYO_SEAL_SEGMENT);
	memcpy(sealed.p + CRYO_SEAL_SEGMENT, sealed.p + 2 * CRYO_SEAL_SEGMENT, CRYO_SEAL_SEGMENT);
	memcpy(sealed.p + 2 * CRYO_SEAL_SEGMENT, held, CRYO_SEAL_SEGMENT);
	assert_int_equal(unseal(&sealed, NAME, n, &plain), -CRYO_E_TAMPER);
}

static void bound_to_name_and_set(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str sealed = seal("hello", 5, NULL, 0);
	cryo_auto(cryo_str_release) struct cryo_str plain = { 0 };

	(void)state;
	assert_int_equal(unseal(&sealed, "pages-2.img", 5, &plain), -CRYO_E_TAMPER);
	secret.id[15] ^= 1;
	cryo_str_release(&plain);
	assert_int_equal(unseal(&sealed, NAME, 5, &plain), -CRYO_E_TAMPER);
	secret.id[15] ^= 1;
	secret.key[0] ^= 1;
	cryo_str_release(&plain);
	assert_int_equal(unseal(&sealed, NAME, 5, &plain), -CRYO_E_TAMPER);
	secret.key[0] ^= 1;
	assert_int_equal(plain.len, 0); /* nothing that is not authentic was written */
	cryo_str_release(&plain);
	assert_int_equal(unseal(&sealed, NAME, 5, &plain), 0);
	assert_string_equal(cryo_str_get(&plain), "hello");
}

static void geometry(void **state)
{
	(void)state;
	assert_int_equal(cryo_seal_stream_segments(0), 1);
	assert_int_equal(cryo_seal_stream_segments(FIRST), 1);
	assert_int_equal(cryo_seal_stream_segments(FIRST + 1), 2);
	assert_int_equal(cryo_seal_stream_segments(CRYO_SEAL_PLAIN_MAX), UINT64_C(1) << 32);
	assert_int_equal(cryo_seal_stream_at(2), FIRST + NEXT);
	assert_int_equal(cryo_seal_stream_size(0), 56);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(geometry),
		cmocka_unit_test(sizes),
		cmocka_unit_test(vectors),
		cmocka_unit_test(short_vector),
		cmocka_unit_test(bit_flips),
		cmocka_unit_test(segments_moved),
		cmocka_unit_test(bound_to_name_and_set),
	};
	int n = cmocka_run_group_tests_name("seal stream", tests, fixed_secret, NULL);

	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}
