/* SPDX-License-Identifier: Apache-2.0 */
/* Fake programs on an otherwise empty PATH: which Go is chosen, and why. */
#include "recipe/toolchain.h"
#include "tests/scratch.h"

#include "sys/fs.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int setup(void **state)
{
	cryo_auto(cryo_free) char *bin = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	if (scratch_setup(state) < 0)
		return -1;
	bin = scratch_path("bin");
	scratch_setenv_path("PATH", "bin");
	scratch_setenv_path("CRYOPOD_CACHE_DIR", "cache");
	unsetenv("SUDO_UID");
	return cryo_fs_mkdirs(bin, 0755, &err);
}

static void put_go(const char *version)
{
	cryo_auto(cryo_free) char *text =
	    cryo_asprintf("#!/bin/sh\n"
			  "[ \"$GOTOOLCHAIN\" = local ] || exit 1\n"
			  "echo '{\"GOVERSION\": \"%s\", \"GOCACHE\": \"%s/gocache\", "
			  "\"GOMODCACHE\": \"%s/bin/go/mod\", \"GOENV\": \"%s/goenv\"}'\n",
			  version, scratch_dir, scratch_dir, scratch_dir);

	scratch_put_program("bin/go", text);
}

static void put_gcc(const char *libseccomp)
{
	cryo_auto(cryo_free) char *text =
	    cryo_asprintf("#!/bin/sh\n"
			  "case $1 in -dumpfullversion) echo 14.2.0;; *) echo %s;; esac\n",
			  libseccomp);

	scratch_put_program("bin/gcc", text);
}

/* Without a build root only root gets an answer; others are told what is missing. */
static int find(bool cgo, struct cryo_toolchain *t, struct cryo_err *err)
{
	int rc = cryo_toolchain_find(cgo, t, err);

	if (rc == -CRYO_E_UNFIT && geteuid() != 0) {
		print_message("# skipped: needs root\n");
		skip();
	}
	return rc;
}

static void expect_root(bool cgo, const char *why)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_toolchain t = { 0 };

	assert_int_equal(find(cgo, &t, &err), 0);
	assert_non_null(t.root);
	assert_true(cryo_starts_with(t.root, getenv("CRYOPOD_CACHE_DIR")));
	assert_false(t.root_ready);
	assert_null(t.version);
	assert_non_null(strstr(t.why, why));
	assert_true(cryo_starts_with(t.id, "root "));
	cryo_toolchain_release(&t);
}

static void new_enough(void **state)
{
	static const char *const version[] = { "go1.21.0",	   "go1.26.8",
					       "go1.27rc1",	   "go2.0.1",
					       "devel go1.28-abc", "go1.24.4 X:boringcrypto" };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(version); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_toolchain t = { 0 };

		put_go(version[i]);
		assert_int_equal(cryo_toolchain_find(false, &t, &err), 0);
		assert_null(t.root);
		assert_null(t.why);
		assert_string_equal(t.version, version[i]);
		assert_string_equal(t.id, version[i]);
		cryo_toolchain_release(&t);
		cryo_toolchain_release(&t);
	}
}

static void too_old_or_odd(void **state)
{
	static const char *const version[] = { "go1.19.8", "go1.20", "", "weekly.2012", "go0.99" };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(version); i++) {
		put_go(version[i]);
		expect_root(false, "is older than 1.21");
	}
}

static void no_go_or_broken(void **state)
{
	(void)state;
	expect_root(false, "Go is not installed");
	scratch_put_program("bin/go", "#!/bin/sh\nexit 3\n");
	expect_root(false, "host go does not work");
	scratch_put_program("bin/go", "#!/bin/sh\necho nonsense\n");
	expect_root(false, "host go does not work");
}

static void cgo_needs_more(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_toolchain t = { 0 };

	(void)state;
	put_go("go1.26.8");
	expect_root(true, "gcc is not installed");
	put_gcc("libseccomp.a"); /* how gcc says that it does not find it */
	expect_root(true, "libseccomp-dev");
	put_gcc("/usr/lib/libseccomp.a");
	expect_root(true, "pkg-config");
	scratch_put_program("bin/pkg-config", "#!/bin/sh\necho 2.6.0\n");
	assert_int_equal(cryo_toolchain_find(true, &t, &err), 0);
	assert_null(t.root);
	assert_string_equal(t.id, "go1.26.8 gcc 14.2.0 libseccomp 2.6.0");
	cryo_toolchain_release(&t);
}

static void caches_are_the_users_if_writable(void **state)
{
	cryo_auto(cryo_free) char *gocache = scratch_path("gocache");
	cryo_auto(cryo_free) char *ours = scratch_path("cache/go/mod");
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_toolchain t = { 0 };

	(void)state;
	put_go("go1.26.8");
	assert_int_equal(cryo_toolchain_find(false, &t, &err), 0);
	assert_string_equal(t.gocache, gocache);
	assert_string_equal(t.gomodcache, ours); /* nothing can be made below a file */
	cryo_toolchain_release(&t);
}

static void a_root_that_is_there_is_used(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_toolchain t = { 0 };
	char *root;

	(void)state;
	assert_int_equal(find(false, &t, &err), 0);
	root = cryo_steal(&t.root);
	cryo_toolchain_release(&t);
	assert_int_equal(cryo_fs_mkdirs(root, 0755, &err), 0);
	assert_int_equal(cryo_toolchain_find(false, &t, &err), 0);
	assert_true(t.root_ready);
	assert_int_equal(cryo_toolchain_prepare(&t, &err), 0);
	cryo_toolchain_release(&t);
	free(root);
}

static void root_cannot_be_made(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_toolchain t = { 0 };

	(void)state;
	assert_int_equal(find(false, &t, &err), 0);
	assert_int_equal(cryo_toolchain_prepare(&t, &err), -CRYO_E_UNFIT);
	assert_non_null(strstr(err.msg, "mmdebstrap"));
	assert_false(t.root_ready);
	cryo_toolchain_release(&t);
}

static void environment_of_go(void **state)
{
	static const char *const args[] = { "build", NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_toolchain t = { 0 };
	struct cryo_go_call call = {
		.args = args, .cwd = scratch_dir, .work = scratch_dir, .flags = "-mod=mod"
	};

	(void)state;
	put_go("go1.26.8");
	assert_int_equal(cryo_toolchain_find(false, &t, &err), 0);
	scratch_put_program(
	    "bin/go", "#!/bin/sh\necho $1 $GOTOOLCHAIN $GOFLAGS $CGO_ENABLED $GOWORK ${GOOS-unset} "
		      "$GOCACHE\n");
	setenv("GOOS", "windows", 1);
	setenv("GOFLAGS", "-mod=vendor", 1);
	assert_int_equal(cryo_go_run(&t, &call, &res, &err), 0);
	unsetenv("GOOS");
	unsetenv("GOFLAGS");
	assert_true(cryo_starts_with(cryo_str_get(&res.out), "build auto -mod=mod 0 off unset "));
	assert_non_null(strstr(cryo_str_get(&res.out), t.gocache));
	assert_true(cryo_fs_is_dir(t.gocache));
	cryo_toolchain_release(&t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(new_enough),
		TEST(too_old_or_odd),
		TEST(no_go_or_broken),
		TEST(cgo_needs_more),
		TEST(caches_are_the_users_if_writable),
		TEST(a_root_that_is_there_is_used),
		TEST(root_cannot_be_made),
		TEST(environment_of_go),
	};

	return cmocka_run_group_tests_name("toolchain", tests, NULL, NULL) ? EXIT_FAILURE
									   : EXIT_SUCCESS;
}
