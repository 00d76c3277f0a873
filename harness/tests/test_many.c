/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/many.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define N 9

static struct cryo_err err;

/* What a cluster's process does goes by the number in its name. */
static int play(struct cryo_target *t, const void *arg, struct cryo_err *e)
{
	const char *odd = arg;

	usleep(30000);
	if (!odd || !cryo_ends_with(t->name, "-4"))
		return 0;
	if (strcmp(odd, "fails") == 0)
		return cryo_err_set(e, CRYO_E_PROVISION, "%s cannot", t->name);
	if (strcmp(odd, "dies") == 0)
		raise(SIGKILL);
	_exit(0);
}

static struct cryo_many *run(const char *odd, unsigned from, int want)
{
	struct cryo_many *all = cryo_many_names("demo", N);

	err = (struct cryo_err)CRYO_ERR_INIT;
	assert_int_equal(cryo_many_run_all("local", all, from, N, play, odd, &err), want);
	return all;
}

static void names(void **state)
{
	struct cryo_many *all = cryo_many_names("ci", 12);

	(void)state;
	assert_string_equal(all[0].name, "ci-1");
	assert_string_equal(all[11].name, "ci-12");
	assert_true(all[11].memory == -1);
	cryo_many_free(all, 12);
	cryo_many_free(NULL, 0);
}

static void all_of_them(void **state)
{
	struct cryo_many *all = run(NULL, 0, 0);

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(all[i].rc, 0);
		assert_true(all[i].ms >= 25);
	}
	cryo_many_free(all, N);
}

static void from_the_second(void **state)
{
	struct cryo_many *all = run(NULL, 1, 0);

	(void)state;
	assert_true(all[0].ms == 0 && all[1].ms > 0 && all[N - 1].ms > 0);
	cryo_many_free(all, N);
}

/* One that fails, is killed or ends without a word stops no other one that has begun. */
static void one_goes_wrong(void **state)
{
	static const struct {
		const char *odd;
		int rc;
		const char *says;
	} row[] = {
		{ "fails", -CRYO_E_PROVISION, "demo-4 cannot" },
		{ "dies", -CRYO_E_CHILD, "its process ended without a result" },
		{ "leaves", -CRYO_E_CHILD, "its process ended without a result" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_many *all = run(row[i].odd, 0, row[i].rc);

		assert_string_equal(err.msg, row[i].says);
		for (unsigned k = 0; k < N; k++)
			assert_int_equal(all[k].rc, k == 3 ? row[i].rc : 0);
		cryo_many_free(all, N);
	}
}

static void bad_names(void **state)
{
	struct cryo_many *all = cryo_many_names("Bad_Name", 2);

	(void)state;
	assert_int_equal(cryo_many_run_all("local", all, 0, 2, play, NULL, &err), -CRYO_E_USAGE);
	cryo_many_free(all, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),	   cmocka_unit_test(all_of_them),
		cmocka_unit_test(from_the_second), cmocka_unit_test(one_goes_wrong),
		cmocka_unit_test(bad_names),
	};

	return cmocka_run_group_tests_name("many", tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
