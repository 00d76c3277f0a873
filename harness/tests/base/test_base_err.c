/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void exit_codes(void **state)
{
	static const struct {
		enum cryo_status status;
		int signal, code;
	} row[] = {
		{ CRYO_OK, 0, 0 },
		{ CRYO_E_CHECK, 0, 1 },
		{ CRYO_E_USAGE, 0, 2 },
		{ CRYO_E_CONFIG, 0, 2 },
		{ CRYO_E_UNFIT, 0, 3 },
		{ CRYO_E_PROVISION, 0, 4 },
		{ CRYO_E_TIMEOUT, 0, 5 },
		{ CRYO_E_TAMPER, 0, 6 },
		{ CRYO_E_INTERRUPTED, 2, 130 },
		{ CRYO_E_INTERRUPTED, 15, 143 },
		{ CRYO_E_INTERRUPTED, 0, 130 },
		{ CRYO_E_SYSTEM, 0, 1 },
		{ CRYO_E_CHILD, 0, 1 },
		{ CRYO_E_REMOTE, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = { .status = row[i].status, .signal = row[i].signal };

		assert_int_equal(cryo_err_exit_code(&err), row[i].code);
	}
}

static void set_makes_one_line(void **state)
{
	static const struct {
		const char *text, *msg;
	} row[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "ends \n\n", "ends" },
		{ "two\nlines\tand\x01more", "two lines and more" },
		{ "žluť", "žluť" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = { .sys_errno = 5, .http_code = 404, .signal = 2 };

		assert_int_equal(cryo_err_set(&err, CRYO_E_CONFIG, "%s", row[i].text),
				 -CRYO_E_CONFIG);
		assert_string_equal(err.msg, row[i].msg);
		assert_int_equal(err.status, CRYO_E_CONFIG);
		assert_int_equal(err.sys_errno | err.http_code | err.signal, 0);
	}
}

static void sys_adds_the_reason(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_err_sys(&err, ENOENT, "cannot open '%s'", "x"), -CRYO_E_SYSTEM);
	assert_string_equal(err.msg, "cannot open 'x': No such file or directory");
	assert_int_equal(err.sys_errno, ENOENT);
}

static void wrap_puts_in_front(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_err_wrap(&err, 0, "never"), 0);
	assert_string_equal(err.msg, "");
	cryo_err_sys(&err, EACCES, "cannot open 'x'");
	assert_int_equal(cryo_err_wrap(&err, -CRYO_E_SYSTEM, "source '%s'", "criu"),
			 -CRYO_E_SYSTEM);
	assert_int_equal(cryo_err_wrap(&err, -CRYO_E_SYSTEM, "build"), -CRYO_E_SYSTEM);
	assert_string_equal(err.msg, "build: source 'criu': cannot open 'x': Permission denied");
	assert_int_equal(err.status, CRYO_E_SYSTEM);
	assert_int_equal(err.sys_errno, EACCES);
}

/* A message may be given to itself: err_set(err, …, "%s", err->msg). */
static void arguments_may_alias(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	cryo_err_set(&err, CRYO_E_CHECK, "inner");
	cryo_err_set(&err, CRYO_E_CHECK, "outer (%s)", err.msg);
	cryo_err_wrap(&err, -1, "again (%s)", err.msg);
	assert_string_equal(err.msg, "again (outer (inner)): outer (inner)");
}

static void as_changes_the_status_only(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_err_as(&err, 0, CRYO_E_PROVISION), 0);
	assert_int_equal(err.status, CRYO_OK);
	cryo_err_sys(&err, ENOSPC, "cannot write 'x'");
	assert_int_equal(cryo_err_as(&err, -CRYO_E_SYSTEM, CRYO_E_PROVISION), -CRYO_E_PROVISION);
	assert_int_equal(err.status, CRYO_E_PROVISION);
	assert_int_equal(err.sys_errno, ENOSPC);
	assert_string_equal(err.msg, "cannot write 'x': No space left on device");
}

static void long_messages_are_cut(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	char text[4096];

	(void)state;
	for (size_t n = sizeof(err.msg) - 2; n < sizeof(err.msg) + 2; n++) {
		memset(text, 'x', n);
		text[n] = '\0';
		cryo_err_set(&err, CRYO_E_CHECK, "%s", text);
		if (n < sizeof(err.msg))
			assert_string_equal(err.msg, text);
		else
			assert_non_null(strstr(err.msg, "xx...xx"));
		assert_true(strlen(err.msg) < sizeof(err.msg));
	}
	cryo_err_wrap(&err, -1, "what only the caller knows");
	assert_memory_equal(err.msg, "what only the caller knows: xx", 30);
}

/* Of files, pods, archives: whatever is behind and in front of a long name is there. */
static void long_names_cut_no_reason(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	char name[4001];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	cryo_err_sys(&err, ENOSPC, "cannot write '%s'", name);
	assert_memory_equal(err.msg, "cannot write 'nnn", 17);
	assert_non_null(strstr(err.msg, "n': No space left on device"));
	cryo_err_set(&err, CRYO_E_CHECK, "the reason: %s: the end", name);
	cryo_err_wrap(&err, -1, "restore of '%s'", name);
	cryo_err_wrap(&err, -1, "step '%s'", name);
	assert_memory_equal(err.msg, "step 'nnn", 9);
	assert_non_null(strstr(err.msg, "n': restore of 'nn"));
	assert_non_null(strstr(err.msg, "n': the reason: nn"));
	assert_non_null(strstr(err.msg, "nn: the end"));
}

static void no_half_character(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	char text[4096];

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		size_t n = shift;

		memset(text, 'x', shift);
		for (; n + 5 < sizeof(text); n += 4)
			memcpy(text + n, "\xf0\x9f\x98\x80", 5);
		cryo_err_set(&err, CRYO_E_CHECK, "%s", text);
		for (n = shift; memcmp(err.msg + n, "...", 3) != 0; n += 4)
			assert_memory_equal(err.msg + n, "\xf0\x9f\x98\x80", 4);
		for (n += 3; err.msg[n]; n += 4)
			assert_memory_equal(err.msg + n, "\xf0\x9f\x98\x80", 4);
	}
}

/* Also where the cut would have taken the beginning of the address away. */
static void cut_shows_no_password(void **state)
{
	char name[1200];

	(void)state;
	for (size_t n = 100; n < sizeof(name) - 60; n++) {
		struct cryo_err err = { .status = CRYO_E_CHECK, .msg = "it failed" };

		memset(name, 'n', sizeof(name) - 1);
		name[sizeof(name) - 1] = '\0';
		memcpy(name + n, " https://user:secret@host/ ", 27);
		cryo_err_wrap(&err, -1, "%s", name);
		assert_null(strstr(err.msg, "secret"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes),
		cmocka_unit_test(set_makes_one_line),
		cmocka_unit_test(sys_adds_the_reason),
		cmocka_unit_test(wrap_puts_in_front),
		cmocka_unit_test(arguments_may_alias),
		cmocka_unit_test(as_changes_the_status_only),
		cmocka_unit_test(long_messages_are_cut),
		cmocka_unit_test(long_names_cut_no_reason),
		cmocka_unit_test(no_half_character),
		cmocka_unit_test(cut_shows_no_password),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
