/* SPDX-License-Identifier: Apache-2.0 */
#include "git/git.h"
#include "git/url.h"
#include "sys/fs.h"
#include "tests/scratch.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	scratch_setenv("XDG_CONFIG_HOME", scratch_dir);
	return 0;
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *url, *why; /* NULL: fine */
	} row[] = {
		{ "https://host/a/b.git", NULL },
		{ "https://user@host:8443/a", NULL },
		{ "http://[::1]:80/a", NULL },
		{ "ssh://git@host/a", NULL },
		{ "git://host/a", NULL },
		{ "git@host:a/b.git", NULL },
		{ "file:///srv/a", NULL },
		{ "/srv/a", NULL },
		{ "", "empty" },
		{ "-uhelper", "option" },
		{ "--upload-pack=touch x", "option" },
		{ "ext::sh -c touch% x", "blank" },
		{ "ext::sh", "program of its own" },
		{ "fd::17", "program of its own" },
		{ "https://user:secret@host/a", "password" },
		{ "user:secret@host:a", NULL }, /* for ssh the host is "user" */
		{ "ssh://-oProxyCommand=x/a", "host looks like an option" },
		{ "ssh://a@-oProxyCommand=x/a", "host looks like an option" },
		{ "a@-oProxyCommand=x:b", "host looks like an option" },
		{ "https:///a", "no host" },
		{ "ftp://host/a", "none of" },
		{ "file://host/a", "none of" },
		{ "a/b", "neither" },
		{ "../a", "neither" },
		{ "https://host/a\nb", "blank or a control" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const char *why = cryo_url_refusal(row[i].url);

		print_message("# '%s': %s\n", row[i].url, why ? why : "fine");
		assert_int_equal(why != NULL, row[i].why != NULL);
		if (why)
			assert_non_null(strstr(why, row[i].why));
	}
}

static void submodules_are_relative(void **state)
{
	static const struct {
		const char *base, *url, *whole; /* NULL: refused */
	} row[] = {
		{ "https://host/a/b.git", "../c.git", "https://host/a/c.git" },
		{ "https://host/a/b.git/", "../c.git", "https://host/a/c.git" },
		{ "https://host/a/b", "./c", "https://host/a/b/c" },
		{ "https://host/a/b", "../../c", "https://host/c" },
		{ "https://host/a/b", "../.././c", "https://host/c" },
		{ "https://host/a/b", "../../../c", NULL },
		{ "https://host/a", "../../evil/c", NULL },
		{ "git@host:a/b", "../c", "git@host:a/c" },
		{ "git@host:a", "../c", "git@host:c" },
		{ "git@host:a", "../../c", NULL },
		{ "/srv/a", "../c", "/srv/c" },
		{ "/srv/a", "../../../c", NULL },
		{ "https://host/a", "../x/../../c", NULL },
		{ "https://host/a", "https://other/c", "https://other/c" },
		{ "/srv/a", "/srv/c", "/srv/c" },
		{ "https://host/a", "/srv/c", NULL },
		{ "https://host/a", "file:///srv/c", NULL },
		{ "https://host/a", "ext::sh", NULL },
		{ "https://host/a", "-c", NULL },
		{ "https://host/a", "c", NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		char *out = NULL;
		int rc = cryo_url_resolve(row[i].base, row[i].url, &out, &err);

		print_message("# %s + %s: %s\n", row[i].base, row[i].url, out ? out : err.msg);
		assert_int_equal(rc, row[i].whole ? 0 : -CRYO_E_CONFIG);
		if (row[i].whole)
			assert_string_equal(out, row[i].whole);
		free(out);
	}
}

static void longest_prefix_wins(void **state)
{
	static const char *const none[] = { NULL };
	static const char *const one[] = { "https://h/=/m/", "https://h/a/=http://o/", NULL };
	static const struct {
		const char *url;
		const char *const *mirrors;
		const char *whom;
	} row[] = {
		{ "https://h/x/y", none, "https://h/x/y" },
		{ "https://h/x/y", one, "/m/x/y" },
		{ "https://h/a/y", one, "http://o/y" },
		{ "https://file/x", none, "https://other/x" },
		{ "https://file/long/x", none, "git@other:x" },
	};

	(void)state;
	scratch_put("cryopod/mirrors", "# a comment\n\nhttps://file/ https://other/\n"
				       "https://file/long/\tgit@other:\r\n");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		char *out = NULL;

		assert_int_equal(cryo_url_mirror(row[i].url, row[i].mirrors, &out, &err), 0);
		assert_string_equal(out, row[i].whom);
		free(out);
	}
}

static void mirrors_in_directories(void **state)
{
	cryo_auto(cryo_free) char *option = cryo_asprintf("https://h/=%s/m/", scratch_dir);
	const char *const mirrors[] = { option, NULL };
	struct cryo_err err = CRYO_ERR_INIT;
	char *out = NULL;

	(void)state;
	scratch_put("m/bare.git/HEAD", "");
	scratch_put("m/plain/HEAD", "");
	assert_int_equal(cryo_url_mirror("https://h/bare", mirrors, &out, &err), 0);
	assert_true(cryo_ends_with(out, "/m/bare.git"));
	free(out);
	assert_int_equal(cryo_url_mirror("https://h/plain.git", mirrors, &out, &err), 0);
	assert_true(cryo_ends_with(out, "/m/plain"));
	free(out);
}

static void bad_mirrors(void **state)
{
	static const char *const bad[] = { "noequals", NULL }, *const empty[] = { "=x", NULL };
	static const char *const evil[] = { "https://h/=ext::", NULL };
	struct cryo_err err = CRYO_ERR_INIT;
	char *out = NULL;

	(void)state;
	assert_int_equal(cryo_url_mirror("https://h/a", bad, &out, &err), -CRYO_E_USAGE);
	/* Also where nobody is asked. */
	assert_int_equal(cryo_url_check_mirrors(bad, &err), -CRYO_E_USAGE);
	assert_int_equal(cryo_url_check_mirrors(empty, &err), -CRYO_E_USAGE);
	assert_int_equal(cryo_url_check_mirrors(evil, &err), 0);
	assert_int_equal(cryo_url_check_mirrors(NULL, &err), 0);
	assert_int_equal(cryo_url_mirror("https://h/a", empty, &out, &err), -CRYO_E_USAGE);
	assert_int_equal(cryo_url_mirror("https://h/a", evil, &out, &err), -CRYO_E_CONFIG);
	print_message("# %s\n", err.msg);
	scratch_put("cryopod/mirrors", "https://h/\n");
	assert_int_equal(cryo_url_mirror("https://h/a", NULL, &out, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "mirrors:1:"));
	assert_null(out);
	scratch_put("cryopod/mirrors", "");
}

static void names(void **state)
{
	static const struct {
		const char *path;
		bool fine;
	} row[] = { { "a", true },     { "a/b.c", true },     { "", false },
		    { "/a", false },   { "a/", false },	      { "a//b", false },
		    { "../a", false }, { "a/../b", false },   { "./a", false },
		    { ".git", false }, { "a/.GIT/b", false }, { "-a", false },
		    { "a\nb", false }, { "a\\b", false },     { ".gitx", true },
		    { "a/-b", false } };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		assert_int_equal(cryo_git_is_path(row[i].path), row[i].fine);
	assert_true(cryo_git_is_ref("release-1.31"));
	assert_true(cryo_git_is_ref("a/b"));
	assert_true(cryo_git_is_ref("refs/tags/v1"));
	assert_false(cryo_git_is_ref("-x"));
	assert_false(cryo_git_is_ref("a..b"));
	assert_false(cryo_git_is_ref("a b"));
	assert_false(cryo_git_is_ref("a:b"));
	assert_false(cryo_git_is_ref(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_refused),     cmocka_unit_test(submodules_are_relative),
		cmocka_unit_test(longest_prefix_wins), cmocka_unit_test(mirrors_in_directories),
		cmocka_unit_test(bad_mirrors),	       cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("source_url", tests, setup, scratch_teardown)
		   ? EXIT_FAILURE
		   : EXIT_SUCCESS;
}
