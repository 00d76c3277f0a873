/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} row[] = {
		{ "300ms", 300 },	{ "5s", 5000 },	       { "2m", 120000 },
		{ "1h30m", 5400000 },	{ "1.5s", 1500 },      { "0s", 0 },
		{ "1m0.25s", 60250 },	{ ".5s", 500 },	       { "1h1m1s1ms", 3661001 },
		{ "0.0004s", 0 },	{ "100h", 360000000 }, { "7d", 604800000 },
		{ "1d12h", 129600000 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		int64_t ms = -1;

		print_message("# %s\n", row[i].text);
		assert_int_equal(cryo_duration_parse(row[i].text, &ms, &err), 0);
		assert_int_equal(ms, row[i].ms);
	}
}

static void bad_durations(void **state)
{
	static const char *const row[] = {
		"",	     "5",    "s",    "-5s",   "5 s",
		"5D",	     "5s ",  "1e3s", "0x10s", "inf",
		"nan",	     "1..s", "5ss",  ".s",    "5m3",
		"99999999h", "+5s",  "5S",   "1h-1m", "9999999h9999999h",
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		int64_t ms = 77;

		print_message("# '%s'\n", row[i]);
		assert_int_equal(cryo_duration_parse(row[i], &ms, &err), -CRYO_E_CONFIG);
		assert_non_null(strstr(err.msg, "is not a duration"));
		assert_int_equal(ms, 77);
	}
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} row[] = {
		{ "0", 0 },
		{ "123", 123 },
		{ "64Ki", 65536 },
		{ "64Mi", 64ull << 20 },
		{ "1Gi", 1ull << 30 },
		{ "5k", 5000 },
		{ "5M", 5000000 },
		{ "2G", 2000000000 },
		{ "8388608Gi", 1ull << 53 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		uint64_t bytes = 1;

		print_message("# %s\n", row[i].text);
		assert_int_equal(cryo_size_parse(row[i].text, &bytes, &err), 0);
		assert_int_equal(bytes, row[i].bytes);
	}
}

static void bad_sizes(void **state)
{
	static const char *const row[] = {
		"",
		"Mi",
		"-1",
		"64mi",
		"64MiB",
		"1.5Gi",
		"5 M",
		" 5",
		"0x10",
		"5K",
		"8388609Gi",
		"18446744073709551615",
		"99999999999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		uint64_t bytes = 77;

		print_message("# '%s'\n", row[i]);
		assert_int_equal(cryo_size_parse(row[i], &bytes, &err), -CRYO_E_CONFIG);
		assert_non_null(strstr(err.msg, "is not a size"));
		assert_int_equal(bytes, 77);
	}
}

static void times(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} row[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-23T22:00:00Z", 1795471200000000000 },
		{ "2026-11-23T22:00:00.5Z", 1795471200500000000 },
		{ "2026-11-23T22:00:00.123456789Z", 1795471200123456789 },
		{ "2026-11-23T22:00:00.1234567891Z", 1795471200123456789 },
		{ "2026-11-23T23:30:00+01:30", 1795471200000000000 },
		{ "2026-11-23T20:00:00.000000001-02:00", 1795471200000000001 },
		{ "2024-02-29T00:00:00Z", 1709164800000000000 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		int64_t ns = -1;

		print_message("# %s\n", row[i].text);
		assert_int_equal(cryo_rfc3339_parse(row[i].text, &ns, &err), 0);
		assert_int_equal(ns, row[i].ns);
	}
}

static void bad_times(void **state)
{
	static const char *const row[] = {
		"",
		"now",
		"2026-11-23",
		"2026-11-23T22:00:00",
		"2026-11-23 22:00:00Z",
		"2026-11-23T22:00:00z ",
		"2026-13-23T22:00:00Z",
		"2026-11-31T22:00:00Z",
		"2025-02-29T22:00:00Z",
		"2026-11-23T25:00:00Z",
		"2026-11-23T22:00:00.Z",
		"2026-11-23T22:00:00+01",
		"2026-11-23T22:00:00+24:00",
		"2026-11-23T22:00:00+01:60",
		"2026-11-23T22:00:00+01:00x",
		"2026-11-23T22:00:00 01:00",
		"2026-11-23T22:00:00+-1:00",
		"2026-11-23T22:00:00+1:0",
		"9999-11-23T22:00:00Z",
		"0001-01-01T00:00:00Z",
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		int64_t ns = 77;

		print_message("# '%s'\n", row[i]);
		assert_int_equal(cryo_rfc3339_parse(row[i], &ns, &err), -CRYO_E_CONFIG);
		assert_non_null(strstr(err.msg, "is not an RFC 3339 time"));
		assert_int_equal(ns, 77);
	}
}

static void shown(char *text, const char *expected)
{
	assert_string_equal(text, expected);
	free(text);
}

static void shown_to_people(void **state)
{
	(void)state;
	shown(cryo_age_show(-1), "0 min");
	shown(cryo_age_show(3599), "59 min");
	shown(cryo_age_show(3600), "1 h");
	shown(cryo_age_show(48 * 3600 - 1), "47 h");
	shown(cryo_age_show(48 * 3600), "2 d");
	shown(cryo_duration_show(0), "0 ms");
	shown(cryo_duration_show(999), "999 ms");
	shown(cryo_duration_show(4149), "4.1 s");
	shown(cryo_duration_show(59999), "59.9 s");
	shown(cryo_duration_show(125000), "2 m 05 s");
	shown(cryo_duration_show(7200000), "120 m 00 s");
	shown(cryo_size_show(0), "0 B");
	shown(cryo_size_show(180000), "180 kB");
	shown(cryo_size_show(274999999), "274 MB");
	shown(cryo_size_show(1100000000), "1.1 GB");
	shown(cryo_rfc3339(1795471200999999999), "2026-11-23T22:00:00Z");
}

static void clocks_run(void **state)
{
	int64_t before = cryo_now_ms();

	(void)state;
	assert_true(before > 0 && cryo_now_ms() >= before);
	assert_true(cryo_wall_ns() > 1700000000000000000);
}

static void limits(void **state)
{
	static const struct {
		const char *factor;
		int64_t ms;
	} row[] = {
		{ NULL, 1500 },	  { "1", 1500 }, { "20", 30000 }, { "1000", 1500000 },
		{ "1001", 1500 }, { "0", 1500 }, { "-2", 1500 },  { "2x", 1500 },
		{ "1.5", 1500 },  { "", 1500 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		print_message("# %s\n", row[i].factor ? row[i].factor : "(not set)");
		if (row[i].factor)
			setenv("CRYOPOD_TIMEOUT_FACTOR", row[i].factor, 1);
		else
			unsetenv("CRYOPOD_TIMEOUT_FACTOR");
		assert_int_equal(cryo_limit_ms(1500), row[i].ms);
	}
	unsetenv("CRYOPOD_TIMEOUT_FACTOR");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),	   cmocka_unit_test(bad_durations),
		cmocka_unit_test(sizes),	   cmocka_unit_test(bad_sizes),
		cmocka_unit_test(times),	   cmocka_unit_test(bad_times),
		cmocka_unit_test(shown_to_people), cmocka_unit_test(clocks_run),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL) ? EXIT_FAILURE
								       : EXIT_SUCCESS;
}
