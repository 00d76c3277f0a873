/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/limits.h"

#include "base/util.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TITLES "Limit                     Soft Limit           Hard Limit           Units     \n"
#define CPU    "Max cpu time              unlimited            unlimited            seconds   \n"

static void of_a_text(void **state)
{
	static const struct {
		const char *text;
		unsigned resource;
		bool good;
		unsigned long long cur, max;
	} row[] = {
		{ TITLES CPU, 0, true, RLIM64_INFINITY, RLIM64_INFINITY },
		{ TITLES CPU
		  "Max file size             12                   34                   b \n",
		  1, true, 12, 34 },
		{ TITLES CPU, 1, false, 0, 0 },
		{ TITLES, 0, false, 0, 0 },
		{ "", 0, false, 0, 0 },
		{ TITLES "Max cpu time\n", 0, false, 0, 0 },
		{ TITLES "Max cpu time              unlimited", 0, false, 0, 0 },
		{ TITLES "Max cpu time              unlimitedly          1                    s \n",
		  0, false, 0, 0 },
		{ TITLES "Max cpu time              1                    -1                   s \n",
		  0, false, 0, 0 },
		{ TITLES "Max cpu time              12                   3x                   s \n",
		  0, false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct rlimit64 r;

		print_message("# %zu\n", i);
		assert_int_equal(cryo_limits_parse(row[i].text, row[i].resource, &r), row[i].good);
		if (!row[i].good)
			continue;
		assert_true(r.rlim_cur == row[i].cur);
		assert_true(r.rlim_max == row[i].max);
	}
}

/* Every one as the kernel says it by its call and by its file. */
static void of_this_process(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_fs_read("/proc/self/limits", 8192, &text, &err), 0);
	for (unsigned i = 0; i < RLIMIT_NLIMITS; i++) {
		struct rlimit64 told, called;

		assert_int_equal(getrlimit64((__rlimit_resource_t)i, &called), 0);
		assert_true(cryo_limits_parse(cryo_str_get(&text), i, &told));
		assert_true(told.rlim_cur == called.rlim_cur);
		assert_true(told.rlim_max == called.rlim_max);
	}
	assert_false(
	    cryo_limits_parse(cryo_str_get(&text), RLIMIT_NLIMITS, &(struct rlimit64){ 0, 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(of_a_text),
					    cmocka_unit_test(of_this_process) };

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
