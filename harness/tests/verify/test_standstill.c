/* SPDX-License-Identifier: Apache-2.0 */
/* Were counters stopped at one moment? Their clocks tell. */
#include "verify/standstill.h"

#include "base/str.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

/* Values every `every` ms from `start` on, none from `stop` until `again`. */
static char *make_log(uint64_t start, uint64_t every, uint64_t stop, uint64_t again, uint64_t end)
{
	struct cryo_str log = { 0 };
	uint64_t count = 0;

	for (uint64_t t = start; t < end; t += every) {
		if (t > stop && t < again)
			t = again;
		cryo_str_addf(&log,
			      "2026-11-30T00:00:00.000000001Z count=%" PRIu64
			      " nonce=0123456789abcdef mono_ns=%" PRIu64 "\n",
			      ++count, t * MS);
	}
	return cryo_str_detach(&log);
}

static void judges(void **state)
{
	static const struct {
		const char *what;
		uint64_t stop[2], again[2]; /* ms */
		bool together;
	} row[] = {
		{ "at one moment", { 1000, 1000 }, { 1400, 1400 }, true },
		{ "one goes on earlier", { 1000, 1000 }, { 1100, 1400 }, true },
		{ "a little later", { 1000, 1003 }, { 1400, 1400 }, true },
		{ "one after another", { 1000, 1500 }, { 1400, 1900 }, false },
		{ "right after it", { 1000, 1401 }, { 1400, 1800 }, false },
		{ "the second one first", { 1500, 1000 }, { 1900, 1400 }, false },
		{ "one never", { 1000, 9000 }, { 1400, 9000 }, false },
		{ "too short to be seen", { 1000, 1000 }, { 1002, 1002 }, false },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *before = make_log(500, 5, 900, 900, 900);
		cryo_auto(cryo_free) char *a =
		    make_log(500, 5, row[i].stop[0], row[i].again[0], 2500);
		cryo_auto(cryo_free) char *b =
		    make_log(501, 5, row[i].stop[1], row[i].again[1], 2500);
		const struct cryo_standstill_log log[] = { { "a", before, a }, { "b", before, b } };
		struct cryo_standstill s;

		print_message("# %s\n", row[i].what);
		cryo_standstill_judge(log, CRYO_ARRAY_LEN(log), &s);
		print_message("#   %s\n", s.text);
		assert_int_equal(s.together, row[i].together);
		assert_true(*s.text);
		if (!s.together)
			continue;
		/* 3 ms, what the intervals leave open, and the different starts. */
		assert_in_range(s.apart_us, 0, 3000 + 5000 + 5000);
		assert_true(s.common_us > 80000);
	}
}

static void no_proof(void **state)
{
	cryo_auto(cryo_free) char *good = make_log(500, 5, 1000, 1400, 2500);
	cryo_auto(cryo_free) char *before = make_log(500, 5, 900, 900, 900);
	static const char *const bad[] = { "", "nothing of a counter\n", "count=1\n" };
	struct cryo_standstill s;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(bad); i++) {
		const struct cryo_standstill_log a[] = { { "a", before, good },
							 { "b", before, bad[i] } };
		const struct cryo_standstill_log b[] = { { "a", before, good },
							 { "b", bad[i], good } };

		cryo_standstill_judge(a, 2, &s);
		assert_false(s.together);
		assert_non_null(strstr(s.text, "'b'"));
		cryo_standstill_judge(b, 2, &s);
		assert_false(s.together);
	}
	cryo_standstill_judge(NULL, 0, &s);
	assert_false(s.together);
}

/* A stop of before the call is none of this one. */
static void earlier_stop(void **state)
{
	cryo_auto(cryo_free) char *a = make_log(500, 5, 600, 1000, 2500);
	const struct cryo_standstill_log log[] = { { "a", a, a }, { "b", a, a } };
	struct cryo_standstill s;

	(void)state;
	cryo_standstill_judge(log, 2, &s);
	assert_false(s.together);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges),
		cmocka_unit_test(no_proof),
		cmocka_unit_test(earlier_stop),
	};

	return cmocka_run_group_tests_name("standstill", tests, NULL, NULL);
}
