/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/cluster.h"
#include "tests/scratch.h"

#include "sys/fs.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG "a123456789a123456789a123456789a123456789"

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	scratch_setenv("CRYOPOD_STATE_DIR", scratch_dir);
	return 0;
}

static void names(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} row[] = {
		{ "default", true },	  { "a", true },       { "0", true },	 { "a-b-2", true },
		{ LONG, true },		  { LONG "a", false }, { "", false },	 { "-a", false },
		{ "a-", false },	  { "A", false },      { "a_b", false }, { "a.b", false },
		{ "..", false },	  { "a/b", false },    { "a b", false }, { "a\n", false },
		{ "caf\xc3\xa9", false }, { "$(id)", false },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
		struct cryo_err err = CRYO_ERR_INIT;
		int rc = cryo_cluster_open(NULL, row[i].name, &t, &err);

		print_message("# %zu\n", i);
		assert_int_equal(rc, row[i].good ? 0 : -CRYO_E_USAGE);
		if (row[i].good) {
			cryo_auto(cryo_free) char *want =
			    cryo_asprintf("%s/%s", scratch_dir, row[i].name);

			assert_string_equal(t->name, row[i].name);
			assert_string_equal(t->dir, want);
			assert_string_equal(cryo_cluster_kind(t), "local");
			assert_false(cryo_fs_exists(t->dir)); /* opening touches nothing */
		} else {
			assert_null(t);
		}
	}
}

static void kinds(void **state)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_cluster_open("kine", "a", &t, &err), -CRYO_E_USAGE);
	assert_string_equal(err.msg,
			    "unknown kind of cluster 'kine' (valid values: local, attached, kind)");
	assert_int_equal(cryo_cluster_open("", "a", &t, &err), -CRYO_E_USAGE);
	assert_null(t);
	assert_int_equal(cryo_cluster_open("local", "a", &t, &err), 0);
}

static void list(void **state)
{
	static const char *const entry[] = { "one", "two-2", ".restore-x", "Not_A_Name" };
	cryo_auto(cryo_strv_release) struct cryo_strv found = { 0 };
	cryo_auto(cryo_free) char *absent = scratch_path("none");
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(entry); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", scratch_dir, entry[i]);

		assert_int_equal(cryo_fs_mkdirs(path, 0700, &err), 0);
	}
	assert_int_equal(cryo_cluster_list(&found, &err), 0);
	assert_int_equal(found.n, 2);
	assert_true(cryo_strv_has(&found, "one"));
	assert_true(cryo_strv_has(&found, "two-2"));
	setenv("CRYOPOD_STATE_DIR", absent, 1);
	assert_int_equal(cryo_cluster_list(&found, &err), 0);
	assert_int_equal(found.n, 2);
	setenv("CRYOPOD_STATE_DIR", "/dev/null", 1);
	assert_int_equal(cryo_cluster_list(&found, &err), -CRYO_E_SYSTEM);
}

static void not_running(void **state)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	bool root = geteuid() == 0;

	(void)state;
	assert_int_equal(cryo_cluster_open(NULL, "a", &t, &err), 0);
	assert_int_equal(cryo_cluster_not_running(t, &err), root ? -CRYO_E_CHECK : -CRYO_E_UNFIT);
	assert_non_null(strstr(err.msg, root ? "cryopod up --name a" : "sudo"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(kinds, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(list, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(not_running, setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
