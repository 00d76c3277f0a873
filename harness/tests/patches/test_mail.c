/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/series.h"
#include "tests/scratch.h"

#include "sys/fs.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FROM "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n"
#define HEAD FROM "From: Ann <a@b.c>\nDate: Mon, 2 Nov 2026 15:04:05 +0100\n"
#define DIFF "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"

/* --- directories --- */

static void put(const char *name, const char *subject)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", scratch_dir, name);
	cryo_auto(cryo_free) char *text = cryo_asprintf(HEAD "Subject: %s\n\n" DIFF, subject);
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_fs_write(path, text, strlen(text), 0644, &err), 0);
}

static void hash(char out[CRYO_HASH_HEX])
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_series s = { 0 };

	assert_int_equal(cryo_series_load(scratch_dir, &s, &err), 0);
	cryo_series_hash(&s, h);
	cryo_hash_hex(h, out);
	cryo_series_release(&s);
}

static void a_series(void **state)
{
	char first[CRYO_HASH_HEX], again[CRYO_HASH_HEX];
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_series s = { 0 };

	(void)state;
	put("0010-b.patch", "b");
	put("0002-a.patch", "a");
	put("README.md", "no patch");
	put(".0003-c.patch", "an editor's");
	assert_int_equal(cryo_series_load(scratch_dir, &s, &err), 0);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.patch[0].name, "0002-a.patch");
	assert_string_equal(s.patch[1].name, "0010-b.patch");
	cryo_series_release(&s);

	hash(first);
	put("README.md", "still none");
	hash(again);
	assert_string_equal(first, again);
	put("0010-b.patch", "B");
	hash(again);
	assert_string_not_equal(first, again);
}

static void directories_that_are_no_series(void **state)
{
	cryo_auto(cryo_free) char *nowhere = scratch_path("nowhere");
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_series s = { 0 };

	(void)state;
	assert_int_equal(cryo_series_load(nowhere, &s, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "no directory '/"));
	assert_int_equal(cryo_series_load(scratch_dir, &s, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "no patch in '"));
	put("0001-a.patch", "a");
	put("0001-b.patch", "b");
	assert_int_equal(cryo_series_load(scratch_dir, &s, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "'0001-a.patch' and '0001-b.patch' in '"));
	put("fix.patch", "a");
	assert_int_equal(cryo_series_load(scratch_dir, &s, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "fix.patch' is not named NNNN-"));
	assert_int_equal(s.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_series, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(directories_that_are_no_series, scratch_setup,
						scratch_teardown),
	};

	return cmocka_run_group_tests_name("mail", tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
