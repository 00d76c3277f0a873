/* SPDX-License-Identifier: Apache-2.0 */
/* A tree to work in, worked in with libgit2, and the series written back. */
#include "patches/workbench.h"
#include "tests/scratch.h"

#include "patches/base.h"
#include "git/repo.h"
#include "source/data.h"
#include "sys/fs.h"

#include <glob.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MAIL                                                                                       \
	"From: Ann <a@b.c>\nDate: Mon, 2 Nov 2026 15:04:05 +0100\nSubject: [PATCH] %s\n\nWhy.\n"   \
	"---\ndiff --git a/%s b/%s\nnew file mode 100644\n--- /dev/null\n+++ b/%s\n@@ -0,0 +1 "    \
	"@@\n+1\n"

static char *repository, *series, *bench;
static char base[CRYO_COMMIT_HEX];

static void put_patch(const char *name, const char *subject, const char *file)
{
	cryo_auto(cryo_free) char *text = cryo_asprintf(MAIL, subject, file, file, file);

	scratch_put_bytes(series, name, text, strlen(text), 0644);
}

static int setup(void **state)
{
	cryo_auto(cryo_free) char *source = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_base_part part = { 0 };

	if (scratch_setup(state) < 0)
		return -1;
	repository = scratch_path("r.git");
	series = scratch_path("series");
	bench = scratch_path("bench");
	source = scratch_path("source");
	scratch_put_bytes(source, "a", "1\n2\n3\n", 6, 0644);
	scratch_put_bytes(source, ".gitattributes", "* text eol=crlf\n", 16, 0644);
	scratch_put_bytes(source, "bin", "x\0y", 3, 0644);
	put_patch("0001-one.patch", "one", "one");
	put_patch("0002-two.patch", "two", "two");
	part.dir = source;
	part.at = "";
	return cryo_base_commit(repository, "k", "source\n", &part, 1, base, &err);
}

static int teardown(void **state)
{
	free(repository);
	free(series);
	free(bench);
	return scratch_teardown(state);
}

static int open_bench(size_t *applied, struct cryo_err *err)
{
	cryo_auto(cryo_series_release) struct cryo_series s = { 0 };
	cryo_auto(cryo_free) char *why = NULL;
	int rc;

	assert_int_equal(cryo_series_load_any(series, &s, err), 0);
	rc = cryo_workbench_open(bench, repository, base, &s, applied, &why, err);
	assert_int_equal(why != NULL, rc == 0 && *applied < s.n);
	return rc;
}

/* All that is in the tree becomes a commit of now. */
static void commit_in(const char *at, const char *message)
{
	cryo_auto(git_repository_free) git_repository *repo = NULL;
	cryo_auto(git_signature_free) git_signature *who = NULL;
	cryo_auto(git_commit_free) git_commit *parent = NULL;
	cryo_auto(git_index_free) git_index *index = NULL;
	cryo_auto(git_tree_free) git_tree *tree = NULL;
	git_oid id;

	assert_int_equal(git_repository_open(&repo, at), 0);
	assert_int_equal(git_repository_index(&index, repo), 0);
	assert_int_equal(git_index_add_all(index, NULL, GIT_INDEX_ADD_DEFAULT, NULL, NULL), 0);
	assert_int_equal(git_index_update_all(index, NULL, NULL, NULL), 0);
	assert_int_equal(git_index_write(index), 0);
	assert_int_equal(git_index_write_tree(&id, index), 0);
	assert_int_equal(git_tree_lookup(&tree, repo, &id), 0);
	assert_int_equal(git_signature_now(&who, "Zo\303\253", "z@x"), 0);
	assert_int_equal(git_reference_name_to_id(&id, repo, "HEAD"), 0);
	assert_int_equal(git_commit_lookup(&parent, repo, &id), 0);
	assert_int_equal(
	    git_commit_create_v(&id, repo, "HEAD", who, who, NULL, message, tree, 1, parent), 0);
}

static char *refreshed(int expected, struct cryo_err *err)
{
	cryo_auto(cryo_workbench_changes_release) struct cryo_workbench_changes c = { 0 };
	struct cryo_str s = { 0 };

	assert_int_equal(cryo_workbench_refresh(bench, series, &c, err), expected);
	for (size_t i = 0; i < c.n; i++)
		cryo_str_addf(&s, "%s %s\n", c.v[i].what, c.v[i].name);
	return cryo_str_detach(&s);
}

static void forth_and_back(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *text = NULL, *first = NULL, *again = NULL, *added = NULL;
	size_t applied;

	(void)state;
	assert_int_equal(open_bench(&applied, &err), 0);
	assert_int_equal(applied, 2);
	text = scratch_get_in(bench, "two");
	assert_string_equal(text, "1\n");
	free(text);
	text = scratch_get_in(bench, "a");
	assert_string_equal(text, "1\n2\n3\n"); /* no filter of .gitattributes */

	/* The trees of the series may go. */
	assert_int_equal(cryo_fs_rmtree(repository, &err), 0);
	first = refreshed(0, &err);
	assert_string_equal(first, "changed 0001-one.patch\nchanged 0002-two.patch\n");
	again = refreshed(0, &err);
	assert_string_equal(again, "same 0001-one.patch\nsame 0002-two.patch\n");

	scratch_put_bytes(bench, "bin", "x\0z\0", 4, 0644);
	scratch_put_bytes(bench, "a", "1\nzwei\n3", 8, 0644);
	commit_in(bench, "Three: f\303\274r [all]!\n\nBecause.\n\nReally.\n");
	added = refreshed(0, &err);
	assert_string_equal(added, "same 0001-one.patch\nsame 0002-two.patch\n"
				   "added 0003-Three-f-r-all.patch\n");
	free(text);
	text = scratch_get_in(series, "0003-Three-f-r-all.patch");
	assert_non_null(strstr(text, "From: =?UTF-8?q?Zo=C3=AB?= <z@x>\n"));
	assert_non_null(strstr(text, "\n\nBecause.\n\nReally.\n---\n"));
	assert_non_null(strstr(text, "GIT binary patch"));
}

/* What was opened, and what was written back, may be opened anew; work that is not may not go. */
static void nothing_is_lost(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *text = NULL;
	size_t applied;

	(void)state;
	assert_int_equal(open_bench(&applied, &err), 0);
	assert_int_equal(open_bench(&applied, &err), 0);
	scratch_put_bytes(bench, "a", "1\n", 2, 0644);
	assert_int_equal(open_bench(&applied, &err), -CRYO_E_CONFIG);
	print_message("# %s\n", err.msg);
	assert_non_null(strstr(err.msg, "bench' stays: 1 file with uncommitted changes, 'a'"));
	free(refreshed(-CRYO_E_CONFIG, &err));
	assert_non_null(strstr(err.msg, "1 file with uncommitted changes"));
	commit_in(bench, "three\n");
	assert_int_equal(open_bench(&applied, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "it has commits that are not in the series"));
	scratch_put_bytes(bench, "untracked", "1\n", 2, 0644);
	free(refreshed(-CRYO_E_CONFIG, &err));
	commit_in(bench, "four\n");
	text = refreshed(0, &err);
	assert_non_null(strstr(text, "added 0004-four.patch\n"));
	assert_int_equal(open_bench(&applied, &err), 0);
	assert_int_equal(applied, 4);
}

static void foreign_directories_stay(void **state)
{
	cryo_auto(cryo_free) char *text = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	size_t applied;

	(void)state;
	scratch_put_bytes(bench, "letter", "dear\n", 5, 0644);
	assert_int_equal(open_bench(&applied, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "bench' is not a tree of 'sources patch'"));
	free(refreshed(-CRYO_E_CONFIG, &err));
	assert_non_null(strstr(err.msg, "is not a tree of 'sources patch'"));
	text = scratch_get_in(bench, "letter");
	assert_string_equal(text, "dear\n");
}

static void a_patch_that_does_not_go_on(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	size_t applied;

	(void)state;
	put_patch("0002-two.patch", "two", "a");
	put_patch("0003-three.patch", "three", "three");
	assert_int_equal(open_bench(&applied, &err), 0);
	assert_int_equal(applied, 1);
	assert_int_equal(open_bench(&applied, &err), 0);
	assert_int_equal(applied, 1);
	put_patch("0002-two.patch", "two", "two");
	scratch_put_bytes(bench, "three", "mine\n", 5, 0644);
	commit_in(bench, "mine\n");
	assert_int_equal(open_bench(&applied, &err), -CRYO_E_CONFIG);
}

static void a_series_begins(void **state)
{
	cryo_auto(cryo_free) char *fresh = scratch_path("fresh");
	cryo_auto(cryo_free) char *text = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	size_t applied;

	(void)state;
	free(series);
	series = cryo_steal(&fresh);
	assert_int_equal(open_bench(&applied, &err), 0);
	free(refreshed(-CRYO_E_CONFIG, &err));
	assert_non_null(strstr(err.msg, "there is no commit since 'base'"));
	scratch_put_bytes(bench, "a", "", 0, 0644);
	commit_in(bench, "empty it\n");
	text = refreshed(0, &err);
	assert_string_equal(text, "added 0001-empty-it.patch\n");
}

/* A mail ends its reason at such a line: nothing is written that would come back otherwise. */
static void messages_that_no_mail_can_hold(void **state)
{
	static const char *const row[] = { "x\n\nfirst\n---\nsecond\n", "x\n\ndiff --git a/a b/a\n",
					   "[PATCH] x\n" };
	struct cryo_err err = CRYO_ERR_INIT;
	size_t applied;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *text = NULL;

		assert_int_equal(cryo_fs_rmtree(bench, &err), 0);
		assert_int_equal(open_bench(&applied, &err), 0);
		scratch_put_bytes(bench, "a", "", 0, 0644);
		commit_in(bench, row[i]);
		text = refreshed(-CRYO_E_CONFIG, &err);
		print_message("# %s\n", err.msg);
		assert_string_equal(text, "");
	}
}

/* Nothing in them is of the day, the machine or a version of git: as refresh writes them. */
static void expect_refreshed(const struct cryo_patch *p)
{
	static const char first[] = "From 0000000000000000000000000000000000000000 Mon Sep 17 "
				    "00:00:00 2001\n";
	const char *text = cryo_str_get(&p->text), *at = text;

	assert_true(cryo_starts_with(text, first));
	assert_non_null(strstr(text, "\nSubject: [PATCH] "));
	assert_null(strstr(text, "\n-- \n"));
	while ((at = strstr(at, "\nindex "))) {
		at += strlen("\nindex ");
		if (strspn(at, "0123456789abcdef") != 40)
			fail_msg("%s: the id %.20s… is shortened", p->path, at);
	}
}

static void shipped_series(void **state)
{
	cryo_auto(cryo_free) char *patches = NULL, *pattern = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	glob_t found;

	(void)state;
	assert_int_equal(cryo_data_path("patches", &patches, &err), 0);
	pattern = cryo_asprintf("%s/*/[0-9]*", patches);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		cryo_auto(cryo_series_release) struct cryo_series s = { 0 };

		assert_int_equal(cryo_series_load(found.gl_pathv[i], &s, &err), 0);
		for (size_t j = 0; j < s.n; j++)
			expect_refreshed(&s.patch[j]);
	}
	globfree(&found);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(forth_and_back),
		TEST(nothing_is_lost),
		TEST(foreign_directories_stay),
		TEST(a_patch_that_does_not_go_on),
		TEST(a_series_begins),
		TEST(messages_that_no_mail_can_hold),
		cmocka_unit_test(shipped_series),
	};

	return cmocka_run_group_tests_name("workbench", tests, NULL, NULL) ? EXIT_FAILURE
									   : EXIT_SUCCESS;
}
