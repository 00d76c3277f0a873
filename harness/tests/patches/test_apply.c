/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small worlds: trees are lists of "path=text", "path*text" (executable),
 * "path>target" (link) and "path#bytes" (binary: '@' stands for NUL). Patches are what libgit2 says
 * is between two of them, or written by hand where git would not write them.
 */
#include "patches/apply.h"
#include "tests/scratch.h"

#include "patches/base.h"
#include "git/repo.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MAIL "From: Ann <a@b.c>\nDate: Mon, 2 Nov 2026 15:04:05 +0100\nSubject: %s\n\nWhy.\n---\n%s"

static char *repository;

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	repository = scratch_path("r.git");
	return 0;
}

static int teardown(void **state)
{
	free(repository);
	return scratch_teardown(state);
}

/* --- worlds --- */

static void put(const char *root, const char *spec)
{
	size_t n = strcspn(spec, "=*>#"), len = strlen(spec + n + 1);
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%.*s", root, (int)n, spec);
	cryo_auto(cryo_free) char *text = cryo_strdup(spec + n + 1);
	struct cryo_err err = CRYO_ERR_INIT;

	for (char *c = text; spec[n] == '#' && (c = strchr(c, '@'));)
		*c++ = '\0';
	assert_int_equal(cryo_fs_mkparents(path, 0755, &err), 0);
	if (spec[n] == '>')
		assert_int_equal(symlink(text, path), 0);
	else
		assert_int_equal(cryo_fs_write(path, text, len, spec[n] == '*' ? 0755 : 0644, &err),
				 0);
}

/* The commit of such a tree; the same files give the same one. */
static void world(const char *const *files, char commit[CRYO_COMMIT_HEX])
{
	static unsigned count;
	cryo_auto(cryo_free) char *root = cryo_asprintf("%s/w%u", scratch_dir, count);
	cryo_auto(cryo_free) char *key = cryo_asprintf("w%u", count++);
	struct cryo_base_part part = { root, "" };
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_fs_mkdirs(root, 0755, &err), 0);
	for (; *files; files++)
		put(root, *files);
	assert_int_equal(cryo_base_commit(repository, key, "w\n", &part, 1, commit, &err), 0);
}

static git_tree *tree_of(git_repository *repo, const char *commit)
{
	cryo_auto(git_commit_free) git_commit *c = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	git_tree *t;

	assert_int_equal(cryo_repo_commit(repo, commit, &c, &err), 0);
	assert_int_equal(git_commit_tree(&t, c), 0);
	return t;
}

static void same_tree(const char *a, const char *b)
{
	cryo_auto(git_repository_free) git_repository *repo = NULL;
	cryo_auto(git_tree_free) git_tree *one = NULL, *two = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_repo_open(repository, &repo, &err), 0);
	one = tree_of(repo, a);
	two = tree_of(repo, b);
	assert_true(git_oid_equal(git_tree_id(one), git_tree_id(two)));
}

static char *diff(const char *from, const char *to)
{
	cryo_auto(git_repository_free) git_repository *repo = NULL;
	cryo_auto(git_tree_free) git_tree *one = NULL, *two = NULL;
	cryo_auto(git_diff_free) git_diff *d = NULL;
	git_diff_find_options find;
	git_diff_options opts;
	struct cryo_err err = CRYO_ERR_INIT;
	git_buf buf = { 0 };
	char *text;

	git_diff_options_init(&opts, GIT_DIFF_OPTIONS_VERSION);
	git_diff_find_options_init(&find, GIT_DIFF_FIND_OPTIONS_VERSION);
	opts.flags = GIT_DIFF_SHOW_BINARY;
	find.flags = GIT_DIFF_FIND_RENAMES;
	assert_int_equal(cryo_repo_open(repository, &repo, &err), 0);
	one = tree_of(repo, from);
	two = tree_of(repo, to);
	assert_int_equal(git_diff_tree_to_tree(&d, repo, one, two, &opts), 0);
	assert_int_equal(git_diff_find_similar(d, &find), 0);
	assert_int_equal(git_diff_to_buf(&buf, d, GIT_DIFF_FORMAT_PATCH), 0);
	text = cryo_strndup(buf.ptr, buf.size);
	git_buf_dispose(&buf);
	return text;
}

static void add_patch(struct cryo_series *s, const char *name, const char *text)
{
	cryo_auto(cryo_free) char *mail = cryo_asprintf(MAIL, name, text);
	cryo_auto(cryo_free) char *path = cryo_asprintf("/s/%s.patch", name);

	s->patch = cryo_realloc(s->patch, s->n + 1, sizeof(*s->patch));
	cryo_patch_make(path, mail, strlen(mail), &s->patch[s->n++]);
}

static int apply_text(const char *base, const char *text, char head[CRYO_COMMIT_HEX],
		      struct cryo_err *err)
{
	struct cryo_series s = { 0 };
	int rc;

	add_patch(&s, "0001-a", text);
	rc = cryo_series_apply(repository, base, &s, head, err);
	cryo_series_release(&s);
	return rc;
}

/* --- what git writes --- */

#define TEN   "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"
#define FIVED "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n"

#define FILES(...)                                                                                 \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static void every_kind_of_change(void **state)
{
	static const struct {
		const char *what;
		const char *before[5], *after[5];
	} row[] = {
		{ "edit", FILES("a=" TEN), FILES("a=" FIVED) },
		{ "edit at both ends", FILES("a=" TEN), FILES("a=0\n" TEN "11\n") },
		{ "two files", FILES("a=" TEN, "d/b=x\n"), FILES("a=" FIVED, "d/b=y\n") },
		{ "new", FILES("a=1\n"), FILES("a=1\n", "d/e/f=new\n") },
		{ "new, empty", FILES("a=1\n"), FILES("a=1\n", "b=") },
		{ "new, executable", FILES("a=1\n"), FILES("a=1\n", "b*#!/bin/sh\n") },
		{ "new link", FILES("a=1\n"), FILES("a=1\n", "d/l>../a") },
		{ "gone", FILES("a=1\n", "d/b=2\n"), FILES("a=1\n") },
		{ "gone, empty", FILES("a=1\n", "b="), FILES("a=1\n") },
		{ "emptied", FILES("a=" TEN), FILES("a=") },
		{ "filled", FILES("a="), FILES("a=" TEN) },
		{ "renamed", FILES("a=" TEN), FILES("d/b=" TEN) },
		{ "renamed and edited", FILES("a=" TEN), FILES("b=" FIVED) },
		{ "executable", FILES("a=" TEN), FILES("a*" TEN) },
		{ "executable and edited", FILES("a*" TEN), FILES("a=" FIVED) },
		{ "no newline at the end", FILES("a=" TEN), FILES("a=" TEN "11") },
		{ "newline at the end", FILES("a=" TEN "11"), FILES("a=" TEN "11\n") },
		{ "none before and after", FILES("a=" TEN "11"), FILES("a=" TEN "12") },
		{ "above a last line without", FILES("a=1\n2\n3"), FILES("a=one\n2\n3") },
		{ "lines of Windows", FILES("a=1\r\n2\r\n"), FILES("a=1\r\ntwo\r\n") },
		{ "lines like a patch", FILES("a=-- \n@@ -1 +1 @@\n"),
		  FILES("a=++ \n@@ -1 +2 @@\n") },
		{ "binary, new", FILES("a=1\n"), FILES("a=1\n", "b#x@@y") },
		{ "binary, changed", FILES("b#x@@y"), FILES("b#x@longer@y") },
		{ "binary, gone", FILES("a=1\n", "b#x@@y"), FILES("a=1\n") },
		{ "a name with spaces", FILES("a b/c d=1\n"), FILES("a b/c d=2\n") },
		{ "a name that is quoted", FILES("\303\274=1\n"), FILES("\303\274=2\n") },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		char from[CRYO_COMMIT_HEX], to[CRYO_COMMIT_HEX], head[CRYO_COMMIT_HEX];
		cryo_auto(cryo_free) char *text = NULL;
		struct cryo_err err = CRYO_ERR_INIT;
		int rc;

		print_message("# %s\n", row[i].what);
		world(row[i].before, from);
		world(row[i].after, to);
		text = diff(from, to);
		rc = apply_text(from, text, head, &err);
		if (rc < 0)
			print_message("# %s\n%s", err.msg, text);
		assert_int_equal(rc, 0);
		same_tree(head, to);
		/* And once more: it is all there. */
		assert_int_equal(apply_text(to, text, head, &err), -CRYO_E_CONFIG);
		print_message("# %s\n", err.msg);
		/* What was only renamed: the patch does not say what was in it. */
		if (!strstr(text, "similarity index 100%"))
			assert_non_null(strstr(err.msg, "contains these changes already"));
	}
}

/* --- on another version of the source --- */

#define HUNKS                                                                                      \
	"diff --git a/f b/f\nindex 1111111..2222222 100644\n--- a/f\n+++ b/f\n"                    \
	"@@ -3,7 +3,7 @@ somewhere\n 3\n 4\n 5\n-6\n+six\n 7\n 8\n 9\n"                            \
	"@@ -13,6 +13,7 @@\n 13\n 14\n 15\n+15a\n 16\n 17\n 18\n"
#define LONG "1234567890123456789012345678901234567890123456789012345678901234"
#define NEXT "3\n4\n5\n6\n7\n8\n9\n"
#define LAST "13\n14\n15\n16\n17\n18\n"

static void places_that_moved(void **state)
{
	static const struct {
		const char *before, *after;
		long offset; /* 0: exact */
	} row[] = {
		{ "f=1\n2\n" NEXT "10\n11\n12\n" LAST,
		  "f=1\n2\n3\n4\n5\nsix\n7\n8\n9\n10\n11\n12\n13\n14\n15\n15a\n16\n17\n18\n", 0 },
		{ "f=0\n1\n2\n" NEXT "10\n11\n12\n" LAST,
		  "f=0\n1\n2\n3\n4\n5\nsix\n7\n8\n9\n10\n11\n12\n13\n14\n15\n15a\n16\n17\n18\n",
		  1 },
		/* the second hunk goes with the first */
		{ "f=0\n0\n0\n1\n2\n" NEXT "10\n11\n12\n" LAST LAST,
		  "f="
		  "0\n0\n0\n1\n2\n3\n4\n5\nsix\n7\n8\n9\n10\n11\n12\n13\n14\n15\n15a\n16\n17\n18"
		  "\n" LAST,
		  3 },
		/* each its own way */
		{ "f=0\n0\n1\n2\n" NEXT LAST,
		  "f=0\n0\n1\n2\n3\n4\n5\nsix\n7\n8\n9\n13\n14\n15\n15a\n16\n17\n18\n", 2 },
		{ "f=" NEXT LAST, "f=3\n4\n5\nsix\n7\n8\n9\n13\n14\n15\n15a\n16\n17\n18\n", -5 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const char *before[] = { row[i].before, NULL }, *after[] = { row[i].after, NULL };
		char from[CRYO_COMMIT_HEX], to[CRYO_COMMIT_HEX], head[CRYO_COMMIT_HEX];
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_applied how = { 0 };
		struct cryo_series s = { 0 };

		print_message("# row %zu\n", i);
		world(before, from);
		world(after, to);
		add_patch(&s, "0001-a", HUNKS);
		assert_int_equal(cryo_series_try(repository, from, &s, &how, head, &err), 0);
		print_message("# %s %s\n", how.where ? how.where : "", how.why ? how.why : "");
		assert_int_equal(how.kind, row[i].offset ? CRYO_FITS_MOVED : CRYO_FITS);
		assert_int_equal(how.offset, row[i].offset);
		same_tree(head, to);
		cryo_applied_release(&how, 1);
		cryo_series_release(&s);
	}
}

/* The file as the patch knew it is in the repository: a context that changed does no harm. */
static void three_ways(void **state)
{
	static const char *const known[] = { "f=" TEN, NULL }, *const meant[] = { "f=" FIVED,
										  NULL };
	static const char *const other[] = { "f=1\n2\nthree\n4\n5\n6\n7\n8\n9\n10\n11\n", "g=1\n",
					     NULL };
	static const char *const both[] = { "f=1\n2\nthree\n4\nfive\n6\n7\n8\n9\n10\n11\n", "g=1\n",
					    NULL };
	static const char *const against[] = { "f=1\n2\n3\n4\nV\n6\n7\n8\n9\n10\n", NULL };
	char base[CRYO_COMMIT_HEX], to[CRYO_COMMIT_HEX], from[CRYO_COMMIT_HEX];
	char expected[CRYO_COMMIT_HEX], head[CRYO_COMMIT_HEX];
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_applied how = { 0 };
	cryo_auto(cryo_free) char *text = NULL;
	struct cryo_series s = { 0 };

	(void)state;
	world(known, base);
	world(meant, to);
	text = diff(base, to);
	add_patch(&s, "0001-a", text);
	world(other, from);
	world(both, expected);
	assert_int_equal(cryo_series_try(repository, from, &s, &how, head, &err), 0);
	assert_int_equal(how.kind, CRYO_FITS_MERGED);
	same_tree(head, expected);
	cryo_applied_release(&how, 1);

	world(against, from);
	assert_int_equal(cryo_series_try(repository, from, &s, &how, head, &err), 0);
	assert_int_equal(how.kind, CRYO_FIT_CONFLICT);
	assert_string_equal(how.where, "f:5");
	assert_string_equal(head, from);
	cryo_applied_release(&how, 1);
	cryo_series_release(&s);
}

static void conflicts(void **state)
{
	static const struct {
		const char *before[4], *text, *message;
	} row[] = {
		{ FILES("f=1\n2\n3\n4\n5\nsechs\n7\n8\n9\n"), HUNKS,
		  "/s/0001-a.patch:11: does not apply: f:6: the patch wants '6', there is "
		  "'sechs'" },
		{ FILES("f=1\n2\n" NEXT "13\n14\n15\n\twith a tab\n17\n18\n"), HUNKS,
		  "/s/0001-a.patch:20: does not apply: f:13: the patch wants '16', there is 'with "
		  "a "
		  "tab'" },
		{ FILES("f=1\n2\n3\n4\n"), HUNKS,
		  "/s/0001-a.patch:11: does not apply: f:5: the patch wants '5', the file ends "
		  "there" },
		{ FILES("f="), HUNKS,
		  "/s/0001-a.patch:11: does not apply: f:1: the patch wants '3', the file ends "
		  "there" },
		{ FILES("f=1\n2\n3\n4\n5\n\t6  \n7\n8\n9\n"), HUNKS,
		  "/s/0001-a.patch:11: does not apply: f:6: the patch wants '6', there is '6  '" },
		{ FILES("f=1\n2\n3\n4\n5\n\t6\n7\n8\n9\n"), HUNKS,
		  "/s/0001-a.patch:11: does not apply: f:6: '6' has other white space than the "
		  "patch wants" },
		/* long lines: where they differ */
		{ FILES("f=" LONG "old\n"),
		  "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-" LONG "new\n+x\n",
		  "/s/0001-a.patch:10: does not apply: f:1: the patch wants "
		  "'…789012345678901234new', there is "
		  "'…789012345678901234old'" },
		{ FILES("g=1\n"), HUNKS,
		  "/s/0001-a.patch:7: does not apply: f: there is no such file" },
		{ FILES("f/f=1\n"), HUNKS,
		  "/s/0001-a.patch:7: does not apply: f: there is no such file" },
		{ FILES("f=1\n2\n" NEXT "13\n"),
		  "diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n@@ -0,0 "
		  "+1 @@\n"
		  "+1\n" HUNKS,
		  "/s/0001-a.patch:26: does not apply: f:11: the patch wants '14', the file ends "
		  "there" },
		{ FILES("f=1\n"),
		  "diff --git a/f b/f\nnew file mode 100644\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 "
		  "@@\n"
		  "+2\n",
		  "/s/0001-a.patch:7: does not apply: f: the patch makes this file, it is there "
		  "already" },
		{ FILES("f/x=1\n"),
		  "diff --git a/f b/f\nnew file mode 100644\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 "
		  "@@\n"
		  "+2\n",
		  "/s/0001-a.patch:7: does not apply: the tree: 'f' appears as both a file and as "
		  "a directory" },
		{ FILES("f=1\n2\n"),
		  "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n 1\n+1a\n",
		  "/s/0001-a.patch:10: does not apply: f:2: its lines are there, but not where the "
		  "patch has them" },
		{ FILES("f=1\n", "g=2\n"),
		  "diff --git a/f b/g\nsimilarity index 100%\nrename from f\nrename to g\n",
		  "/s/0001-a.patch:7: does not apply: g: the patch makes this file, it is there "
		  "already" },
		{ FILES("f=1\n", "g=1\n"),
		  "diff --git a/e b/h\nsimilarity index 100%\nrename from e\nrename to h\n",
		  "/s/0001-a.patch:7: does not apply: e: there is no such file" },
		{ FILES("f=1\n"),
		  "diff --git a/f b/f\nindex 1111111..2222222 100644\n"
		  "Binary files a/f and b/f differ\n",
		  "/s/0001-a.patch:7: does not apply: the tree: cannot apply binary patch" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		char from[CRYO_COMMIT_HEX], head[CRYO_COMMIT_HEX] = "none";
		struct cryo_err err = CRYO_ERR_INIT;

		world(row[i].before, from);
		assert_int_equal(apply_text(from, row[i].text, head, &err), -CRYO_E_CONFIG);
		print_message("# %s\n", err.msg);
		assert_true(cryo_starts_with(err.msg, row[i].message));
	}
}

/* --- patches that nobody should apply --- */

#define NEW(path)                                                                                  \
	"diff --git a/" path " b/" path "\nnew file mode 100644\n--- /dev/null\n+++ b/" path       \
	"\n@@ -0,0 +1 @@\n+1\n"
#define LINK(path, target)                                                                         \
	"diff --git a/" path " b/" path "\nnew file mode 120000\n--- /dev/null\n+++ b/" path       \
	"\n@@ -0,0 +1 @@\n+" target "\n\\ No newline at end of file\n"

static void hostile(void **state)
{
	static const char *const files[] = { "a=1\n", "d/l>../e", "e/f=1\n", NULL };
	static const struct {
		const char *text, *message; /* NULL: it is fine */
	} row[] = {
		{ NEW("../x"), "refuses to touch '../x'" },
		{ NEW("d/../../x"), "refuses to touch 'd/../../x'" },
		{ NEW("d/./x"), "refuses to touch 'd/./x': no source lies there" },
		{ "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ /etc/x\n@@ -0,0 +1 "
		  "@@\n+1\n",
		  "cannot read its diff: " },
		{ NEW(".git/hooks/pre-commit"), "refuses to touch '.git/hooks/pre-commit'" },
		{ NEW("d/.GIT/config"), "refuses to touch 'd/.GIT/config'" },
		{ NEW(".git"), "refuses to touch '.git'" },
		{ NEW(".gitignore"), NULL },
		{ NEW("d/..x"), NULL },
		{ "diff --git a/a b/../x\nsimilarity index 100%\nrename from a\nrename to ../x\n",
		  "refuses to touch '../x'" },
		{ "diff --git a/../x b/y\nsimilarity index 100%\ncopy from ../x\ncopy to y\n",
		  "refuses to touch '../x'" },
		{ NEW("d/l/x"), "refuses to touch 'd/l/x': it lies behind a link" },
		{ LINK("n", "a"), NULL },
		{ LINK("d/n", "../e/f"), NULL },
		{ LINK("n", "/etc/passwd"), "link 'n' leads out of the tree, to '/etc/passwd'" },
		{ LINK("d/n", "../../x"), "link 'd/n' leads out of the tree, to '../../x'" },
		{ LINK("n", "d/l/../.."), "link 'n' leads out of the tree, to 'd/l/../..'" },
		{ LINK("n", ".."), "link 'n' leads out of the tree, to '..'" },
		{ "diff --git a/s b/s\nnew file mode 160000\n--- /dev/null\n+++ b/s\n@@ -0,0 +1 "
		  "@@\n"
		  "+Subproject commit 1111111111111111111111111111111111111111\n",
		  "'s' is neither a file nor a link" },
		{ NEW("x") NEW("x"), NULL }, /* git takes it for one change */
		{ "diff --git a/x b/x\n@@ -1,5 +1,5 @@\n-1\n", "cannot read its diff: " },
		{ "diff --git a/x b/x\n", "cannot read its diff: " },
		{ "diff --git a/a b/a\nindex d00491f..2222222 100644\n"
		  "Binary files a/a and b/a differ\n",
		  "does not apply: the tree: cannot apply binary patch" },
	};
	char from[CRYO_COMMIT_HEX], head[CRYO_COMMIT_HEX];

	(void)state;
	world(files, from);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *message = NULL;
		struct cryo_err err = CRYO_ERR_INIT;
		int rc = apply_text(from, row[i].text, head, &err);

		print_message("# row %zu %s\n", i, err.msg);
		assert_int_equal(rc, row[i].message ? -CRYO_E_CONFIG : 0);
		if (!row[i].message)
			continue;
		message = cryo_asprintf("/s/0001-a.patch:7: %s", row[i].message);
		assert_true(cryo_starts_with(err.msg, message));
	}
}

/* --- series --- */

static void a_series_becomes_commits(void **state)
{
	static const char *const zero[] = { "a=" TEN, NULL }, *const one[] = { "a=" FIVED, NULL };
	static const char *const two[] = { "a=" FIVED, "b=1\n", NULL };
	char c0[CRYO_COMMIT_HEX], c1[CRYO_COMMIT_HEX], c2[CRYO_COMMIT_HEX];
	char head[CRYO_COMMIT_HEX], again[CRYO_COMMIT_HEX];
	cryo_auto(git_repository_free) git_repository *repo = NULL;
	cryo_auto(git_commit_free) git_commit *top = NULL, *below = NULL;
	cryo_auto(cryo_free) char *first = NULL, *second = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_series s = { 0 };

	(void)state;
	world(zero, c0);
	world(one, c1);
	world(two, c2);
	first = diff(c0, c1);
	second = diff(c1, c2);
	add_patch(&s, "0001-a", first);
	add_patch(&s, "0002-b", second);
	assert_int_equal(cryo_series_apply(repository, c0, &s, head, &err), 0);
	same_tree(head, c2);
	assert_int_equal(cryo_series_apply(repository, c0, &s, again, &err), 0);
	assert_string_equal(head, again);

	assert_int_equal(cryo_repo_open(repository, &repo, &err), 0);
	assert_int_equal(cryo_repo_commit(repo, head, &top, &err), 0);
	assert_string_equal(git_commit_message(top), "0002-b\n\nWhy.\n");
	assert_string_equal(git_commit_author(top)->name, "Ann");
	assert_int_equal(git_commit_author(top)->when.time, 1793628245);
	assert_int_equal(git_commit_author(top)->when.offset, 60);
	assert_int_equal(git_commit_committer(top)->when.time, 1793628245);
	assert_int_equal(git_commit_parent(&below, top, 0), 0);
	assert_string_equal(git_commit_summary(below), "0001-a");
	assert_int_equal(git_commit_parentcount(below), 1);
	cryo_series_release(&s);
}

/* What does not apply is left out, and the rest is tried without it. */
static void trying_goes_on(void **state)
{
	static const char *const files[] = { "a=" TEN, "b=done\n", NULL };
	static const char *const after[] = { "a=" FIVED, "b=done\n", "c=1\n", NULL };
	struct cryo_applied how[4] = { { 0 } };
	char c0[CRYO_COMMIT_HEX], expected[CRYO_COMMIT_HEX], head[CRYO_COMMIT_HEX];
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_series s = { 0 };

	(void)state;
	world(files, c0);
	world(after, expected);
	add_patch(&s, "0001-conflict", HUNKS);
	add_patch(
	    &s, "0002-contained",
	    "diff --git a/b b/b\nnew file mode 100644\n--- /dev/null\n+++ b/b\n@@ -0,0 +1 @@\n"
	    "+done\n");
	add_patch(&s, "0003-moved",
		  "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -6,3 +6,3 @@\n 4\n-5\n+five\n 6\n");
	add_patch(&s, "0004-clean", NEW("c"));
	assert_int_equal(cryo_series_try(repository, c0, &s, how, head, &err), 0);
	assert_int_equal(how[0].kind, CRYO_FIT_CONFLICT);
	assert_string_equal(how[0].where, "f");
	assert_int_equal(how[1].kind, CRYO_FIT_CONTAINED);
	assert_int_equal(how[2].kind, CRYO_FITS_MOVED);
	assert_int_equal(how[2].offset, -2);
	assert_int_equal(how[3].kind, CRYO_FITS);
	same_tree(head, expected);
	cryo_applied_release(how, 4);
	cryo_series_release(&s);
}

/* --- between directories and commits --- */

static char *contents(const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/out/%s", scratch_dir, name);
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_str s = { 0 };

	assert_int_equal(cryo_fs_read(path, 1 << 20, &s, &err), 0);
	return cryo_str_detach(&s);
}

static void out_comes_what_went_in(void **state)
{
	static const char *const files[] = { ".gitattributes=* text eol=crlf\n", "a=1\n2\n", "b*x",
					     "d/l>../a", "d/gone>nowhere" };
	cryo_auto(cryo_free) char *in = scratch_path("in");
	cryo_auto(cryo_free) char *out = scratch_path("out");
	const struct cryo_base_part part = { in, "" };
	char commit[CRYO_COMMIT_HEX], before[CRYO_HASH_HEX], after[CRYO_HASH_HEX];
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(files); i++)
		put(in, files[i]);
	assert_int_equal(cryo_base_commit(repository, "k", "m\n", &part, 1, commit, &err), 0);
	assert_int_equal(cryo_hash_tree(in, before, &err), 0);
	for (int i = 0; i < 2; i++) { /* the second time it takes the place of what was there */
		assert_int_equal(cryo_base_checkout(repository, commit, out, &err), 0);
		assert_int_equal(cryo_hash_tree(out, after, &err), 0);
		assert_string_equal(before, after);
		put(out, "a=changed by hand\n");
		put(out, "left=over\n");
	}
}

static void parts_lie_where_they_belong(void **state)
{
	static const char *const top[] = { "go.mod=top\n", NULL };
	cryo_auto(cryo_free) char *one = scratch_path("one");
	cryo_auto(cryo_free) char *two = scratch_path("two");
	cryo_auto(cryo_free) char *out = scratch_path("out");
	cryo_auto(cryo_free) char *text = NULL, *below = NULL;
	const struct cryo_base_part part[] = { { one, "" }, { two, "staging/src/k8s.io/api" } };
	char commit[CRYO_COMMIT_HEX], again[CRYO_COMMIT_HEX];
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	put(one, top[0]);
	put(two, "go.mod=below\n");
	put(two, ".git/config=not a part of it\n");
	assert_int_equal(cryo_base_commit(repository, "k", "m\n", part, 2, commit, &err), 0);
	assert_int_equal(cryo_base_checkout(repository, commit, out, &err), 0);
	text = contents("go.mod");
	assert_string_equal(text, "top\n");
	below = contents("staging/src/k8s.io/api/go.mod");
	assert_string_equal(below, "below\n");

	/* Under a key that is there nobody looks at the directories. */
	put(one, "go.mod=changed\n");
	assert_int_equal(cryo_base_commit(repository, "k", "m\n", part, 2, again, &err), 0);
	assert_string_equal(commit, again);
	assert_int_equal(cryo_base_commit(repository, "k2", "m\n", part, 2, again, &err), 0);
	assert_string_not_equal(commit, again);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_kind_of_change),
		TEST(places_that_moved),
		TEST(three_ways),
		TEST(conflicts),
		TEST(hostile),
		TEST(a_series_becomes_commits),
		TEST(trying_goes_on),
		TEST(out_comes_what_went_in),
		TEST(parts_lie_where_they_belong),
	};

	return cmocka_run_group_tests_name("apply", tests, NULL, NULL) ? EXIT_FAILURE
								       : EXIT_SUCCESS;
}
