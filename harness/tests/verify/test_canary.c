/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "sys/fs.h"
#include "verify/canary.h"
#include "tests/scratch.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Figures of the published generator: splitmix64 of 0, of 1, of the greatest number. */
static void texts(void **state)
{
	static const struct {
		const char *nonce, *text; /* NULL: no nonce */
	} row[] = {
		{ "0000000000000000", "canary-e220a8397b1dcdaf" },
		{ "0000000000000001", "canary-910a2dec89025cc1" },
		{ "ffffffffffffffff", "canary-e4d971771b652c20" },
		{ "", NULL },
		{ "5f3ac0ffee12345", NULL },
		{ "5f3ac0ffee1234567", NULL },
		{ "5F3AC0FFEE123456", NULL },
		{ "-f3ac0ffee123456", NULL },
		{ "0x3ac0ffee123456", NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		char text[CRYO_CANARY_LEN] = "";

		print_message("# '%s'\n", row[i].nonce);
		assert_int_equal(cryo_canary_text(row[i].nonce, text), row[i].text != NULL);
		assert_string_equal(text, row[i].text ? row[i].text : "");
	}
}

static const struct {
	const char *text, *in;
	uint64_t hits, first;
} found[] = {
	{ "abc", "", 0, 0 },
	{ "abc", "abc", 1, 0 },
	{ "abc", "ababc", 1, 2 },
	{ "abc", "xxabcxabcx", 2, 2 },
	{ "abc", "ab", 0, 0 },
	{ "abc", "abxc abd aabbcc", 0, 0 },
	{ "aa", "aaaa", 3, 0 },
	{ "aba", "xabababa", 3, 1 },
	{ "x", "axbxx", 3, 1 },
	{ "abcdefgh", "abcdefgabcdefgh", 1, 7 },
	/* As long as it may be. */
	{ "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	  "..0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef..", 1, 2 },
};

/* However the bytes are cut into pieces. */
static void borders(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(found); i++) {
		size_t n = strlen(found[i].in);

		print_message("# '%s' in '%s'\n", found[i].text, found[i].in);
		for (size_t step = 1; step <= n + 1; step++) {
			struct cryo_search s;

			cryo_search_begin(&s, found[i].text);
			for (size_t at = 0; at < n; at += step)
				cryo_search_feed(&s, found[i].in + at,
						 n - at < step ? n - at : step);
			assert_int_equal(s.hits, found[i].hits);
			assert_int_equal(s.at, n);
			if (s.hits)
				assert_int_equal(s.first, found[i].first);
		}
	}
}

/* Across the buffer of the file's reader, wherever it ends; NULs are bytes like others. */
static void files(void **state)
{
	const size_t size = 3 << 20;
	cryo_auto(cryo_free) char *data = cryo_alloc(size), *path = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	path = scratch_path("file");
	for (size_t unit = 65536; unit < size; unit *= 2) {
		struct cryo_search s;

		memset(data, 0, size);
		memcpy(data + unit - 7, "canary-0123456789abcdef", 23);
		memcpy(data + size - 23, "canary-0123456789abcdef", 23);
		assert_int_equal(cryo_fs_write(path, data, size, 0600, &err), 0);
		cryo_search_begin(&s, "canary-0123456789abcdef");
		assert_int_equal(cryo_search_file(&s, path, &err), 0);
		assert_int_equal(s.hits, 2);
		assert_int_equal(s.first, unit - 7);
		assert_int_equal(s.at, size);
	}
}

static void no_file(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_search s;

	(void)state;
	cryo_search_begin(&s, "x");
	assert_int_equal(cryo_search_file(&s, "/nowhere/x", &err), -CRYO_E_SYSTEM);
	assert_int_equal(cryo_search_file(&s, "/", &err), -CRYO_E_SYSTEM);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(borders),
		cmocka_unit_test_setup_teardown(files, scratch_setup, scratch_teardown),
		cmocka_unit_test(no_file),
	};

	return cmocka_run_group_tests_name("canary", tests, NULL, NULL) ? EXIT_FAILURE
									: EXIT_SUCCESS;
}
