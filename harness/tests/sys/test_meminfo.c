/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/meminfo.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void values_of_a_text(void **state)
{
	static const struct {
		const char *text, *key;
		uint64_t bytes;
	} row[] = {
		{ "MemTotal: 9 kB\nMemAvailable:    8000000 kB\n",
		  "MemAvailable:", 8000000ull << 10 },
		{ "SwapCached: 7 kB\nCached: 5 kB\n", "\nCached:", 5 << 10 },
		{ "MemTotal: 9 kB\n", "MemAvailable:", 0 },
		{ "", "MemAvailable:", 0 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		assert_int_equal(cryo_meminfo_bytes(row[i].text, row[i].key), row[i].bytes);
}

static void this_machine(void **state)
{
	(void)state;
	assert_true(cryo_memory_available() > 1 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_a_text),
		cmocka_unit_test(this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
