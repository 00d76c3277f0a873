/* SPDX-License-Identifier: Apache-2.0 */
/* What is read from others about a container after its checkpoint. */
#include "checkpoint/ended.h"
#include "checkpoint/settle.h"
#include "conf/json.h"
#include "interposer/settle.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void paused(void **state)
{
	static const char tasks[] = "TASK    PID    STATUS    \n" A "    17    RUNNING\n" B
				    "    18    PAUSED\n";

	(void)state;
	assert_false(cryo_settle_is_paused(tasks, A));
	assert_true(cryo_settle_is_paused(tasks, B));
	assert_false(cryo_settle_is_paused(A " 17 STOPPED\n", B));
	assert_false(cryo_settle_is_paused(tasks, ""));
	assert_false(cryo_settle_is_paused("", A));
}

static void how_it_ended(void **state)
{
	static const struct {
		const char *pod;
		bool known;
		int code;
	} row[] = {
		{ "{\"status\":{\"containerStatuses\":[{\"state\":{\"terminated\":{\"containerID\":"
		  "\"containerd://" A "\",\"exitCode\":0}}}]}}",
		  true, 0 },
		/* Started again: it is the last one. */
		{ "{\"status\":{\"containerStatuses\":[{\"state\":{\"running\":{}},\"lastState\":{"
		  "\"terminated\":{\"containerID\":\"containerd://" A "\",\"exitCode\":137}}}]}}",
		  true, 137 },
		{ "{\"status\":{\"initContainerStatuses\":[{\"state\":{\"terminated\":{"
		  "\"containerID\":\"containerd://" A "\"}}}]}}",
		  true, -1 },
		/* Another one. */
		{ "{\"status\":{\"containerStatuses\":[{\"state\":{\"terminated\":{\"containerID\":"
		  "\"containerd://" B "\",\"exitCode\":0}}}]}}",
		  false, 0 },
		{ "{\"status\":{\"containerStatuses\":[{\"state\":{\"running\":{}}}]}}", false, 0 },
		{ "{\"status\":{\"containerStatuses\":[{\"state\":{\"terminated\":{\"containerID\":"
		  "7}}}]}}",
		  false, 0 },
		{ "{\"status\":{\"containerStatuses\":7}}", false, 0 },
		{ "{}", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_json_decref) json_t *pod = json_loads(row[i].pod, 0, NULL);
		int code = -7;

		print_message("# %zu\n", i);
		assert_non_null(pod);
		assert_int_equal(cryo_ended_read(pod, A, &code), row[i].known);
		assert_int_equal(code, row[i].known ? row[i].code : -7);
		assert_false(cryo_ended_read(pod, "", &code));
	}
}

static void shown(void **state)
{
	const struct cryo_ended zero = { true, 0 }, unknown = { true, -1 };
	cryo_auto(cryo_free) char *first = cryo_ended_show(&zero);
	cryo_auto(cryo_free) char *second = cryo_ended_show(&unknown);

	(void)state;
	assert_string_equal(first, "ended with 0");
	assert_string_equal(second, "ended");
}

static void roots(void **state)
{
	static const struct {
		const char *mounts;
		bool read_only;
	} row[] = {
		{ "22 1 0:9 / / ro,relatime - overlay o rw\n", true },
		{ "22 1 0:9 / / rw,relatime - overlay o rw\n", false },
		{ "22 1 0:9 / / ro - overlay o rw\n", true },
		{ "22 1 0:9 / / ro - overlay o rw\n23 22 0:9 / / rw - overlay o rw\n", false },
		{ "23 22 0:7 / /proc ro,nosuid - proc proc rw\n", false },
		{ "22 1 0:9 / / root,relatime - overlay o rw\n", false },
		{ "", false },
		{ "22 1\n", false },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		print_message("# %zu\n", i);
		assert_int_equal(cryo_settle_is_root_read_only(row[i].mounts), row[i].read_only);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paused),
		cmocka_unit_test(how_it_ended),
		cmocka_unit_test(shown),
		cmocka_unit_test(roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
