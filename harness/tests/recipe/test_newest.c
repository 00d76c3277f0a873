/* SPDX-License-Identifier: Apache-2.0 */
/* Which of many versions is the newest. */
#include "base/util.h"
#include "recipe/newest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static int sign_of(int n)
{
	return (n > 0) - (n < 0);
}

static void compares(void **state)
{
	static const struct {
		const char *a, *b;
		int want;
	} row[] = {
		{ "v1.2.3", "v1.2.3", 0 },
		{ "v1.2.10", "v1.2.9", 1 },
		{ "v2.0.0", "v1.99.99", 1 },
		{ "v1.2.9-rc.1", "v1.2.9", -1 },
		{ "v1.2.9-rc.2", "v1.2.9-rc.10", -1 },
		{ "v1.2.9-rc.1", "v1.2.8", 1 },
		{ "v1.2.9-alpha.9", "v1.2.9-beta.0", -1 },
		{ "v1.02.3", "v1.2.3", 0 },
		{ "", "", 0 },
		{ "", "v1", -1 },
		{ "v99999999999999999999", "v9", 1 },
		{ "v1.2", "v1.2.1", -1 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		print_message("# %s, %s\n", row[i].a, row[i].b);
		assert_int_equal(sign_of(cryo_version_compare(row[i].a, row[i].b)), row[i].want);
		assert_int_equal(sign_of(cryo_version_compare(row[i].b, row[i].a)), -row[i].want);
	}
}

static void newest_of_a_line(void **state)
{
	static const char *const all[] = {
		"v2.3.9",  "v2.3.10",	   "v2.4.0-rc.1",	   "v2.4.2",
		"v2.30.1", "v2.3.11-rc.0", "v2.3.12+incompatible", NULL
	};
	cryo_auto(cryo_strv_release) struct cryo_strv versions = { 0 }, none = { 0 };
	cryo_auto(cryo_free) char *line = cryo_version_line("v2.3.7");
	cryo_auto(cryo_free) char *odd = cryo_version_line("master");

	(void)state;
	cryo_strv_addv(&versions, all);
	assert_string_equal(line, "v2.3.");
	assert_string_equal(odd, "master");
	assert_string_equal(cryo_newest_version(&versions, line), "v2.3.10");
	assert_string_equal(cryo_newest_version(&versions, ""), "v2.30.1");
	assert_null(cryo_newest_version(&versions, "v3."));
	assert_null(cryo_newest_version(&none, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares),
		cmocka_unit_test(newest_of_a_line),
	};

	return cmocka_run_group_tests_name("newest", tests, NULL, NULL) ? EXIT_FAILURE
									: EXIT_SUCCESS;
}
