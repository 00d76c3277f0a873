/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/seal/seal_world.h"
#include "tests/scratch.h"

#include "seal/sign.h"

static struct person maker, other;
static char *file, *signature;
static struct cryo_err err;

static void write_bytes(const char *path, const char *text)
{
	assert_int_equal(cryo_fs_write(path, text, strlen(text), 0600, &err), 0);
}

static int sign_setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	file = scratch_path("file");
	signature = scratch_path("file.cms");
	maker = make_person(EVP_EC_gen("P-256"));
	other = make_person(EVP_RSA_gen(2048));
	write_bytes(file, "what is signed");
	return cryo_seal_sign_file(file, maker.cert, maker.key, signature, &err);
}

static int sign_teardown(void **state)
{
	person_release(&maker);
	person_release(&other);
	free(file);
	free(signature);
	return scratch_teardown(state);
}

static void assert_refused(const struct cryo_seal_trust *trust, const char *word)
{
	assert_int_equal(cryo_seal_sign_verify(file, signature, trust, &err), -CRYO_E_TAMPER);
	if (!strstr(err.msg, word))
		fail_msg("%s", err.msg);
}

static void only_the_file_and_its_maker(void **state)
{
	(void)state;
	assert_int_equal(cryo_seal_sign_verify(file, signature, maker.trust, &err), 0);
	assert_refused(other.trust, "none of the trusted signers");
	write_bytes(file, "what is signeD");
	assert_refused(maker.trust, "none of the trusted signers");
}

static void what_is_no_signature(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str der = { 0 };

	(void)state;
	assert_int_equal(cryo_fs_read(signature, 1u << 20, &der, &err), 0);
	for (size_t n = 0; n < der.len; n += 7) {
		assert_int_equal(cryo_fs_write(signature, der.p, n, 0600, &err), 0);
		assert_refused(maker.trust, "no signature");
	}
	cryo_str_add(&der, "more");
	assert_int_equal(cryo_fs_write(signature, der.p, der.len, 0600, &err), 0);
	assert_refused(maker.trust, "no signature");
	assert_int_equal(unlink(signature), 0);
	assert_refused(maker.trust, "is not signed");
}

static void certificate_and_key_are_a_pair(void **state)
{
	(void)state;
	assert_int_equal(cryo_seal_sign_file(file, maker.cert, other.key, signature, &err),
			 -CRYO_E_CONFIG);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, sign_setup, sign_teardown)
	const struct CMUnitTest tests[] = {
		T(only_the_file_and_its_maker),
		T(what_is_no_signature),
		T(certificate_and_key_are_a_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
