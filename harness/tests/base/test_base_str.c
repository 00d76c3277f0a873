/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/mask.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void str_grows(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

	(void)state;
	assert_string_equal(cryo_str_get(&s), "");
	for (int i = 0; i < 1000; i++)
		cryo_str_addf(&s, "%d,", i);
	assert_int_equal(s.len, 10 * 2 + 90 * 3 + 900 * 4);
	assert_int_equal(strlen(s.p), s.len);
	assert_true(cryo_ends_with(s.p, ",998,999,"));
	cryo_str_clear(&s);
	assert_string_equal(cryo_str_get(&s), "");
	cryo_str_add(&s, "again");
	assert_string_equal(cryo_str_get(&s), "again");
}

static void words_of_a_shell(void **state)
{
	static const char *const row[][2] = {
		{ "plain-word_1.2:/@%+,", "plain-word_1.2:/@%+," },
		{ "http://127.0.0.1:8001/a", "http://127.0.0.1:8001/a" },
		{ "a=b", "'a=b'" },
		{ "", "''" },
		{ "a b", "'a b'" },
		{ "?", "'?'" },
		{ "~", "'~'" },
		{ "it's", "'it'\\''s'" },
		{ "'", "''\\''"
		       "'" },
		{ "$(id)`id`\\\n", "'$(id)`id`\\\n'" },
		{ "\xc3\xa4", "'\xc3\xa4'" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

		cryo_str_add_quoted(&s, row[i][0]);
		assert_string_equal(s.p, row[i][1]);
	}
}

static void str_holds_nuls(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

	(void)state;
	cryo_str_addn(&s, "a\0b", 3);
	cryo_str_addn(&s, NULL, 0);
	cryo_str_add(&s, "c");
	assert_int_equal(s.len, 4);
	assert_memory_equal(s.p, "a\0bc", 5);
}

static void str_detach_gives_it_away(void **state)
{
	struct cryo_str s = { 0 };
	char *empty = cryo_str_detach(&s), *text;

	(void)state;
	cryo_str_add(&s, "mine");
	text = cryo_str_detach(&s);
	assert_string_equal(empty, "");
	assert_string_equal(text, "mine");
	assert_null(s.p);
	assert_int_equal(s.len + s.cap, 0);
	free(empty);
	free(text);
	cryo_str_release(&s);
	cryo_str_release(&s);
}

static void strv_collects(void **state)
{
	static const char *const more[] = { "d", "e", NULL };
	cryo_auto(cryo_strv_release) struct cryo_strv sv = { 0 };
	cryo_auto(cryo_free) char *joined = NULL;

	(void)state;
	assert_null(cryo_strv_get(&sv)[0]);
	assert_false(cryo_strv_has(&sv, "a"));
	cryo_strv_add(&sv, "a");
	cryo_strv_addf(&sv, "b%d", 1);
	cryo_strv_take(&sv, cryo_strdup("c"));
	cryo_strv_addl(&sv, NULL);
	cryo_strv_addv(&sv, more);
	cryo_strv_addv(&sv, NULL);
	cryo_strv_addl(&sv, "f", "", NULL);
	joined = cryo_strv_join(&sv, ", ");
	assert_string_equal(joined, "a, b1, c, d, e, f, ");
	assert_int_equal(sv.n, 7);
	assert_null(cryo_strv_get(&sv)[7]);
	assert_true(cryo_strv_has(&sv, "b1"));
	assert_true(cryo_strv_has(&sv, ""));
	assert_false(cryo_strv_has(&sv, "b"));
}

static void strv_of_nothing(void **state)
{
	struct cryo_strv sv = { 0 };
	cryo_auto(cryo_free) char *joined = cryo_strv_join(&sv, ", ");

	(void)state;
	assert_string_equal(joined, "");
	cryo_strv_add(&sv, "x");
	cryo_strv_release(&sv);
	cryo_strv_release(&sv);
	assert_null(sv.v);
	assert_int_equal(sv.n, 0);
}

/* The vectors of RFC 4648, section 10, and what is no base64. */
static void base64(void **state)
{
	static const struct {
		const char *plain, *text;
	} good[] = { { "", "" },
		     { "f", "Zg==" },
		     { "fo", "Zm8=" },
		     { "foo", "Zm9v" },
		     { "foob", "Zm9vYg==" },
		     { "fooba", "Zm9vYmE=" },
		     { "foobar", "Zm9vYmFy" },
		     { "\xff\xfe\xfd", "//79" } };
	static const char *const bad[] = { "Z",	       "Zg",	   "Zg=",  "Z===", "====",
					   "Zg==Zg==", "Zm9v!A==", "Zm 9", "Zm9\n" };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(good); i++) {
		cryo_auto(cryo_free) char *text = cryo_base64(good[i].plain, strlen(good[i].plain));
		cryo_auto(cryo_str_release) struct cryo_str plain = { 0 };

		assert_string_equal(text, good[i].text);
		assert_true(cryo_base64_decode(text, &plain));
		assert_string_equal(cryo_str_get(&plain), good[i].plain);
	}
	for (size_t i = 0; i < CRYO_ARRAY_LEN(bad); i++) {
		cryo_auto(cryo_str_release) struct cryo_str plain = { 0 };

		cryo_str_add(&plain, "before");
		print_message("# %s\n", bad[i]);
		assert_false(cryo_base64_decode(bad[i], &plain));
		assert_string_equal(cryo_str_get(&plain), "before");
	}
}

static void nearest(void **state)
{
	static const char *const words[] = { "kubernetes", "containerd", "runc", "criu",
					     "up",	   "checkpoint", NULL };
	static const char long_word[] = "kubernetesxkubernetesxkubernetesxkubernetes"
					"xkubernetesxkubernetesxkubernetes";
	static const struct {
		const char *word, *found;
	} row[] = {
		{ "kubernets", "kubernetes" },
		{ "kubrenetes", "kubernetes" },
		{ "kuberntes", "kubernetes" },
		{ "kuernts", NULL }, /* three edits are more than a third of it */
		{ "contianerd", "containerd" },
		{ "containrd", "containerd" },
		{ "rucn", NULL }, /* two edits in four letters are another word */
		{ "run", "runc" },
		{ "criu", "criu" },
		{ "uq", "up" },
		{ "", NULL }, /* one edit would be half of any short word */
		{ "restore", NULL },
		{ "checkpit", "checkpoint" },
		{ long_word, NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const char *found = cryo_nearest(row[i].word, words);

		print_message("# %s: %s\n", row[i].word, found ? found : "-");
		assert_true(cryo_streq(found, row[i].found));
	}
}

static void nearest_prefers_the_nearer(void **state)
{
	static const char *const words[] = { "timeouts", "timeout", "timeoutss", NULL };
	static const char *const none[] = { NULL };

	(void)state;
	assert_string_equal(cryo_nearest("timeot", words), "timeout");
	assert_null(cryo_nearest("timeot", none));
}

static void small_helpers(void **state)
{
	char *a = cryo_strndup("abcdef", 3), *b;

	(void)state;
	assert_string_equal(a, "abc");
	b = cryo_steal(&a);
	assert_null(a);
	assert_string_equal(b, "abc");
	free(b);
	assert_null(cryo_strdup(NULL));
	assert_true(cryo_streq(NULL, NULL));
	assert_false(cryo_streq(NULL, ""));
	assert_true(cryo_starts_with("abc", ""));
	assert_false(cryo_starts_with("ab", "abc"));
	assert_true(cryo_ends_with("abc", "bc"));
	assert_false(cryo_ends_with("c", "bc"));
}

static void addresses_are_masked(void **state)
{
	static const struct {
		const char *text, *masked;
	} row[] = {
		{ "https://h/p", "https://h/p" },
		{ "https://h:443/p@v1", "https://h:443/p@v1" },
		{ "cannot fetch 'https://u:pw@h/p': no", "cannot fetch 'https://***@h/p': no" },
		{ "https://ghp_token@h/p", "https://***@h/p" },
		{ "HTTP://u@h http://u:p@i/x", "HTTP://*@h http://***@i/x" },
		{ "https://u:p@w@h/", "https://***@h/" },
		{ "https://u:p/w@h/", "https://***@h/" },
		{ "ssh://git@h/p", "ssh://git@h/p" },
		{ "ssh://git:secret@h/p", "ssh://git:***@h/p" },
		{ "--mirror=https://a/=https://u:p@b/", "--mirror=https://a/=https://***@b/" },
		{ "git@h:p", "git@h:p" },
		{ "https://h mail x@y", "https://h mail x@y" },
		{ "https://h/?a=x@y", "https://h/?a=x@y" },
		{ "://@", "://@" },
		{ "https://", "https://" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *text = cryo_strdup(row[i].text);

		cryo_mask_addresses(text);
		assert_string_equal(text, row[i].masked);
	}
}

/* Whatever a message is made of. */
static void errors_mask_addresses(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	cryo_err_set(&err, CRYO_E_REMOTE, "cannot fetch '%s'", "https://u:secret@h/");
	assert_null(strstr(err.msg, "secret"));
	cryo_err_wrap(&err, -1, "source '%s'", "https://u:secret@h/");
	assert_null(strstr(err.msg, "secret"));
}

static void labels(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} row[] = {
		{ "a", true },		{ "0", true },
		{ "a-b-2", true },	{ "abcdefgh", true },
		{ "abcdefghi", false }, { "", false },
		{ "-a", false },	{ "a-", false },
		{ "A", false },		{ "a_b", false },
		{ "a.b", false },	{ "a/b", false },
		{ "a\n", false },	{ "caf\xc3\xa9", false },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		if (cryo_is_label(row[i].text, 8) != row[i].good)
			fail_msg("'%s'", row[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels),
		cmocka_unit_test(str_grows),
		cmocka_unit_test(words_of_a_shell),
		cmocka_unit_test(str_holds_nuls),
		cmocka_unit_test(str_detach_gives_it_away),
		cmocka_unit_test(strv_collects),
		cmocka_unit_test(strv_of_nothing),
		cmocka_unit_test(base64),
		cmocka_unit_test(nearest),
		cmocka_unit_test(nearest_prefers_the_nearer),
		cmocka_unit_test(small_helpers),
		cmocka_unit_test(addresses_are_masked),
		cmocka_unit_test(errors_mask_addresses),
	};

	return cmocka_run_group_tests_name("str", tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
