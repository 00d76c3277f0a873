/* SPDX-License-Identifier: Apache-2.0 */
#include "patches/series.h"

#include "sys/fs.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FROM "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n"
#define HEAD FROM "From: Ann <a@b.c>\nDate: Mon, 2 Nov 2026 15:04:05 +0100\n"
#define DIFF "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"

static int parse(const char *text, struct cryo_patch *p, struct cryo_err *err)
{
	return cryo_patch_parse("/s/0001-x.patch", text, strlen(text), p, err);
}

static void a_whole_mail(void **state)
{
	static const char text[] = HEAD
	    "Subject: [PATCH v2 1/3] kubelet: read a body\n\n"
	    "Because a body says more.\n\nAnd more.\n---\n x | 2 +-\n 1 file changed\n\n" DIFF
	    "-- \n2.39.5\n\n";
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_patch p;

	(void)state;
	assert_int_equal(parse(text, &p, &err), 0);
	assert_string_equal(p.name, "0001-x.patch");
	assert_string_equal(p.path, "/s/0001-x.patch");
	assert_string_equal(p.subject, "kubelet: read a body");
	assert_string_equal(p.body, "Because a body says more.\n\nAnd more.");
	assert_string_equal(p.author, "Ann");
	assert_string_equal(p.email, "a@b.c");
	assert_int_equal(p.time, 1793628245);
	assert_int_equal(p.zone, 60);
	assert_string_equal(cryo_str_get(&p.diff), DIFF);
	assert_int_equal(p.diff_line, 13);
	assert_int_equal(strlen(p.sha256), 64);
	cryo_patch_release(&p);
}

static void subjects_and_authors(void **state)
{
	static const struct {
		const char *head, *subject, *author, *body;
	} row[] = {
		{ "From: Ann <a@b.c>\nSubject: x\n\n", "x", "Ann", "" },
		{ "Subject: [PATCH] [RFC PATCH 1/2] x: [y]\nfrom: A <a@b>\n\n", "x: [y]", "A", "" },
		{ "Subject: [PATCH] [api] x\nfrom: A <a@b>\n\n", "[api] x", "A", "" },
		{ "From: \"Lee, A\" <a@b>\nSubject: long\n words\n\tfold\n\n\nwhy\n\n",
		  "long words fold", "Lee, A", "why" },
		{ "From: =?UTF-8?q?Zo=C3=AB_L?= <a@b>\n"
		  "Subject: =?utf-8?b?ZsO8cg==?= =?UTF-8?Q?_all?= of us\n\n",
		  "für all of us", "Zoë L", "" },
		{ "From: A <a@b>\nSubject: =?koi8-r?q?=41?= =?utf-8?q?=4?= =?utf-8?x?a?= =?\n\n",
		  "=?koi8-r?q?=41?= =?utf-8?q?=4?= =?utf-8?x?a?= =?", "A", "" },
		{ "From: A <a@b>\nSubject: a\tb\x1b[31m\nX-Other: yes\n\n--\nbody\n", "a b [31m",
		  "A", "--\nbody" },
		{ "From: A <a@b>\nSubject: x\nContent-Type: text/plain; charset=UTF-8\n"
		  "Content-Transfer-Encoding: 8bit\n\n",
		  "x", "A", "" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *text = cryo_asprintf("%s" DIFF, row[i].head);
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_patch p;

		print_message("# row %zu\n", i);
		assert_int_equal(parse(text, &p, &err), 0);
		assert_string_equal(p.subject, row[i].subject);
		assert_string_equal(p.author, row[i].author);
		assert_string_equal(p.body, row[i].body);
		assert_int_equal(p.time, 0);
		assert_string_equal(cryo_str_get(&p.diff), DIFF);
		cryo_patch_release(&p);
	}
}

/* "-- " and one line are a signature at the very end, and a removed "- " everywhere else. */
static void signatures(void **state)
{
	static const struct {
		const char *end, *left;
	} row[] = {
		{ "-- \n2.39.5\n", "" },      { "-- \n2.39.5\n\n\n", "" },
		{ "-- \nlibgit2 1.5.1", "" }, { "-- \n+x\n", "-- \n+x\n" },
		{ "-- \n", "-- \n" },	      { "", "" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *text =
		    cryo_asprintf(HEAD "Subject: x\n\n---\n" DIFF "%s", row[i].end);
		cryo_auto(cryo_free) char *left = cryo_asprintf(DIFF "%s", row[i].left);
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_patch p;

		print_message("# row %zu\n", i);
		assert_int_equal(parse(text, &p, &err), 0);
		assert_string_equal(cryo_str_get(&p.diff), left);
		cryo_patch_release(&p);
	}
}

static void what_is_no_mail(void **state)
{
	static const struct {
		const char *text, *message;
	} row[] = {
		{ "", "0001-x.patch:1: no subject" },
		{ DIFF, ":1: no mail as 'git format-patch' writes it" },
		{ HEAD "Subject: [PATCH]\n\n" DIFF, "no subject" },
		{ "Subject: x\n\n" DIFF, "no 'From:'" },
		{ "From: Ann\nSubject: x\n\n" DIFF, ":1: no author such as" },
		{ "From: <a@b.c>\nSubject: x\n\n" DIFF, ":1: no author such as" },
		{ "From: A <>\nSubject: x\n\n" DIFF, ":1: no author such as" },
		{ "Subject: x\nFrom: A <b> <c>\n\n" DIFF, ":2: no author such as" },
		{ "From: A <a@b>\nDate: yesterday\nSubject: x\n\n" DIFF, ":2: no date such as" },
		{ "From: A <a@b>\nDate: 2 Nov 2026 15:04:05\nSubject: x\n\n" DIFF,
		  "no date such as" },
		{ "From: A <a@b>\nDate: 2 Foo 2026 15:04:05 +0000\nSubject: x\n\n" DIFF,
		  "no date such as" },
		{ HEAD "Content-Transfer-Encoding: base64\nSubject: x\n\n" DIFF,
		  ":4: the mail is encoded" },
		{ HEAD "Subject: x\n\nbody\n---\n", ":8: no diff" },
		{ HEAD "Subject: x\n", ":5: no diff" },
		{ "From: A <a@b>\r\nSubject: x\r\n\r\n" DIFF, "line ends of Windows" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_patch p;

		assert_int_equal(parse(row[i].text, &p, &err), -CRYO_E_CONFIG);
		print_message("# %s\n", err.msg);
		assert_non_null(strstr(err.msg, row[i].message));
	}
}

static void a_nul_byte(void **state)
{
	static const char text[] = HEAD "Subject: x\n\n" DIFF "\0";
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_patch p;

	(void)state;
	assert_int_equal(cryo_patch_parse("x", text, sizeof(text), &p, &err), -CRYO_E_CONFIG);
	assert_string_equal(err.msg, "x:1: holds a NUL byte");
}

/* --- directories --- */

static char *dir;

static int setup(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	return cryo_fs_tmpdir("/tmp", "cryo-mail-", &dir, &err);
}

static int teardown(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	int rc = cryo_fs_rmtree(dir, &err);

	(void)state;
	free(dir);
	return rc;
}

static void put(const char *name, const char *subject)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);
	cryo_auto(cryo_free) char *text = cryo_asprintf(HEAD "Subject: %s\n\n" DIFF, subject);
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_fs_write(path, text, strlen(text), 0644, &err), 0);
}

static void hash(char out[CRYO_HASH_HEX])
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_series s = { 0 };

	assert_int_equal(cryo_series_load(dir, &s, &err), 0);
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
	assert_int_equal(cryo_series_load(dir, &s, &err), 0);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.patch[0].subject, "a");
	assert_string_equal(s.patch[1].subject, "b");
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
	cryo_auto(cryo_free) char *nowhere = cryo_asprintf("%s/nowhere", dir);
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_series s = { 0 };

	(void)state;
	assert_int_equal(cryo_series_load(nowhere, &s, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "no directory '/"));
	assert_int_equal(cryo_series_load(dir, &s, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "no patch in '"));
	put("0001-a.patch", "a");
	put("0001-b.patch", "b");
	assert_int_equal(cryo_series_load(dir, &s, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "'0001-a.patch' and '0001-b.patch' in '"));
	put("fix.patch", "a");
	assert_int_equal(cryo_series_load(dir, &s, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "fix.patch' is not named NNNN-"));
	assert_int_equal(s.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_mail),
		cmocka_unit_test(subjects_and_authors),
		cmocka_unit_test(signatures),
		cmocka_unit_test(what_is_no_mail),
		cmocka_unit_test(a_nul_byte),
		cmocka_unit_test_setup_teardown(a_series, setup, teardown),
		cmocka_unit_test_setup_teardown(directories_that_are_no_series, setup, teardown),
	};

	return cmocka_run_group_tests_name("mail", tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
