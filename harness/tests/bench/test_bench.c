/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench.h"
#include "bench/counter.h"
#include "bench/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool near(double a, double b)
{
	return a - b < 1e-9 && b - a < 1e-9;
}

static void fill(struct cryo_bench_series *s, const double *v, size_t n)
{
	s->n = 0;
	for (size_t i = 0; i < n; i++)
		cryo_bench_add(s, v[i]);
}

static void medians(void **state)
{
	struct cryo_bench_series s = { 0 };
	cryo_auto(cryo_json_decref) json_t *j = NULL;

	(void)state;
	assert_true(near(cryo_bench_median(&s), 0));
	fill(&s, (const double[]){ 5 }, 1);
	assert_true(near(cryo_bench_median(&s), 5));
	fill(&s, (const double[]){ 4, 1 }, 2);
	assert_true(near(cryo_bench_median(&s), 2.5));
	fill(&s, (const double[]){ 9, 1, 4 }, 3);
	assert_true(near(cryo_bench_median(&s), 4));
	assert_true(near(s.v[0], 9)); /* the order of the rounds stays */
	j = cryo_bench_summary(&s);
	assert_true(near(json_number_value(json_object_get(j, "min")), 1));
	assert_true(near(json_number_value(json_object_get(j, "median")), 4));
	assert_true(near(json_number_value(json_object_get(j, "max")), 9));
	for (int i = 0; i < 2 * CRYO_BENCH_MAX_RUNS; i++)
		cryo_bench_add(&s, 1);
	assert_int_equal(s.n, CRYO_BENCH_MAX_RUNS);
}

/* Round by round: a slow round counts the same on both sides. */
static void ratios(void **state)
{
	struct cryo_bench_series plain, sealed, ratio;

	(void)state;
	fill(&plain, (const double[]){ 10, 100, 10, 0 }, 4);
	fill(&sealed, (const double[]){ 11, 110, 11, 5 }, 4);
	cryo_bench_ratios(&plain, &sealed, &ratio);
	assert_int_equal(ratio.n, 3); /* nothing is divided by nothing */
	assert_true(near(cryo_bench_median(&ratio), 1.1));
}

/* A tmpfs counts, what could be read again does not. */
static void memory_and_processor(void **state)
{
	static const char meminfo[] = "MemTotal:       1000 kB\nMemFree:         200 kB\n"
				      "MemAvailable:    900 kB\nBuffers:          10 kB\n"
				      "Cached:          400 kB\nSwapCached:      999 kB\n"
				      "Shmem:           100 kB\nSReclaimable:     40 kB\n";

	(void)state;
	assert_int_equal(cryo_bench_memory_used(meminfo), 450 << 10);
	assert_int_equal(cryo_bench_memory_used(""), 0);
	assert_int_equal(cryo_bench_cpu_used("cpu  1 2 4 1000 2000 8 16 4000 0 0\ncpu0 9 9\n"), 31);
	assert_int_equal(cryo_bench_cpu_used(""), 0);
}

static void compared(void **state)
{
	static const struct cryo_bench_names names = { "stock", "patched" };
	struct cryo_bench_series a, b;
	cryo_auto(cryo_json_decref) json_t *j = NULL;

	(void)state;
	fill(&a, (const double[]){ 4, 8, 2 }, 3);
	fill(&b, (const double[]){ 1, 4, 2 }, 3);
	j = cryo_bench_compare(&a, &b, &names);
	assert_true(near(json_number_value(cryo_json_at(j, "stock.median")), 4));
	assert_true(near(json_number_value(cryo_json_at(j, "patched.max")), 4));
	assert_true(near(json_number_value(cryo_json_at(j, "ratio.min")), 0.25));
	assert_true(near(json_number_value(cryo_json_at(j, "ratio.median")), 0.5));
}

static void phases(void **state)
{
	static const char *const names[] = { "one", "two" };
	struct cryo_bench_series ms[2];
	cryo_auto(cryo_json_decref) json_t *j = NULL;

	(void)state;
	fill(&ms[0], (const double[]){ 7 }, 1);
	fill(&ms[1], (const double[]){ 3, 1, 2 }, 3);
	j = cryo_bench_phases(names, ms, 2);
	assert_int_equal(json_array_size(j), 2);
	assert_string_equal(json_string_value(cryo_json_at(j, "[1].what")), "two");
	assert_true(near(json_number_value(cryo_json_at(j, "[1].median")), 2));
}

static void split(void **state)
{
	static const struct {
		const char *list;
		size_t n;
		const char *last;
	} row[] = { { "", 0, NULL }, { "a", 1, "a" }, { "a,b", 2, "b" }, { ",b", 2, "b" } };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_strv_release) struct cryo_strv list = { 0 };

		cryo_bench_split(row[i].list, &list);
		assert_int_equal(list.n, row[i].n);
		if (row[i].last)
			assert_string_equal(list.v[list.n - 1], row[i].last);
	}
}

static void lists(void **state)
{
	static const struct {
		const char *sizes, *kinds;
		int rc;
	} row[] = {
		{ "64Mi", "zero", 0 },
		{ "1Mi,2Gi,16Gi", "repeat,random", 0 },
		{ "", "zero", -CRYO_E_USAGE },
		{ "1Mi", "", -CRYO_E_USAGE },
		{ "64Mi,,1Gi", "zero", -CRYO_E_USAGE },
		{ "17Gi", "zero", -CRYO_E_USAGE },
		{ "-1", "zero", -CRYO_E_USAGE },
		{ "much", "zero", -CRYO_E_USAGE },
		{ "1Mi", "zero,ones", -CRYO_E_USAGE },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_bench_ballasts_release) struct cryo_bench_ballasts b = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %zu\n", i);
		assert_int_equal(cryo_bench_ballasts_read(row[i].sizes, row[i].kinds, &b, &err),
				 row[i].rc);
	}
}

/* It measures, and what it opened is what was sealed: else the run fails. */
static void cipher(void **state)
{
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_bench_cipher(1, &j, &err), 0);
	assert_int_equal(json_array_size(j), 2);
	assert_true(json_number_value(cryo_json_at(j, "[1].seal.median")) > 0);
	assert_true(json_number_value(cryo_json_at(j, "[0].open.min")) > 0);
}

int main(void)
{
	const struct CMUnitTest bench[] = {
		cmocka_unit_test(medians),
		cmocka_unit_test(ratios),
		cmocka_unit_test(memory_and_processor),
		cmocka_unit_test(compared),
		cmocka_unit_test(phases),
		cmocka_unit_test(split),
		cmocka_unit_test(lists),
		cmocka_unit_test(cipher),
	};

	return cmocka_run_group_tests(bench, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
