/* SPDX-License-Identifier: Apache-2.0 */
/* A fake mmdebstrap on PATH: what it is told, and what happens when it fails half way. */
#include "image/rootfs.h"
#include "tests/scratch.h"

#include "base/event.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"

#define GOOD                                                                                       \
	"#!/bin/sh\n"                                                                              \
	"echo \"$@\" > $FAKE_DIR/argv\n"                                                           \
	"for dir; do :; done\n"                                                                    \
	"echo 'I: extracting archives...' >&2\n"                                                   \
	"mkdir -p $dir/var/lib/dpkg\n"                                                             \
	"printf 'Package: a\\nStatus: install ok installed\\nVersion: 1.0\\n\\n"                   \
	"Package: gone\\nStatus: deinstall ok config-files\\nVersion: 2\\n\\n"                     \
	"Package: b\\nStatus: install ok installed\\nVersion: 1:3-4\\n' > $dir/var/lib/dpkg/"      \
	"status\n"

#define HALF_WAY                                                                                   \
	"#!/bin/sh\n"                                                                              \
	"for dir; do :; done\n"                                                                    \
	"mkdir -p $dir/usr\n"                                                                      \
	"echo 'I: running apt-get update...' >&2\n"                                                \
	"echo 'E: Unable to locate package nonsense' >&2\n"                                        \
	"echo 'E: apt-get failed' >&2\n"                                                           \
	"exit 25\n"

static char note[256];

static void sink(const struct cryo_event *ev, void *arg)
{
	(void)arg;
	if (ev->kind == CRYO_EVENT_NOTE)
		strncpy(note, ev->detail, sizeof(note) - 1);
}

static void fake(const char *script)
{
	cryo_auto(cryo_free) char *path = scratch_path("bin/mmdebstrap");
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_fs_mkparents(path, 0755, &err), 0);
	assert_int_equal(cryo_fs_write(path, script, strlen(script), 0755, &err), 0);
}

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	scratch_add_to_path("bin");
	scratch_setenv("FAKE_DIR", scratch_dir);
	return 0;
}

static char *content(const char *name)
{
	cryo_auto(cryo_free) char *path = scratch_path(name);
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_str s = { 0 };

	assert_int_equal(cryo_fs_read(path, 65536, &s, &err), 0);
	return cryo_str_detach(&s);
}

static int make(struct cryo_err *err)
{
	static const char *const packages[] = { "a", "b", NULL };
	cryo_auto(cryo_free) char *dir = scratch_path("tree"), *log = scratch_path("log");

	return cryo_rootfs_make(dir, "trixie", packages, log, err);
}

static bool skipped(void)
{
	if (geteuid() == 0)
		return false;
	print_message("# skipped: needs root\n");
	return true;
}

static void makes(void **state)
{
	cryo_auto(cryo_free) char *expected = NULL, *argv = NULL, *list = NULL, *log = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	if (skipped())
		skip();
	fake(GOOD);
	cryo_event_set_sink(sink, NULL);
	assert_int_equal(make(&err), 0);
	cryo_event_set_sink(NULL, NULL);
	assert_string_equal(note, "extracting archives...");
	argv = content("argv");
	expected = cryo_asprintf("--variant=minbase --format=directory %s--include=a,b trixie "
				 "%s/tree.tmp\n",
				 cryo_fs_exists(KEYRING) ? "--keyring=" KEYRING " " : "",
				 scratch_dir);
	assert_string_equal(argv, expected);
	list = content("tree.packages");
	assert_string_equal(list, "a 1.0\nb 1:3-4\n");
	log = content("log");
	assert_non_null(strstr(log, "I: extracting"));
}

static void fails_half_way(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *tree = scratch_path("tree"), *tmp = scratch_path("tree.tmp");

	(void)state;
	if (skipped())
		skip();
	fake(HALF_WAY);
	if (access("/usr/share/keyrings/debian-archive-keyring.gpg", F_OK) == 0) {
		assert_int_equal(make(&err), -CRYO_E_PROVISION);
		assert_non_null(strstr(err.msg, "Unable to locate package nonsense"));
		assert_null(strstr(err.msg, "apt-get failed"));
	} else {
		assert_int_equal(make(&err), -CRYO_E_UNFIT);
		assert_non_null(strstr(err.msg, "debian-archive-keyring"));
	}
	assert_non_null(strstr(err.msg, "/log"));
	assert_false(cryo_fs_exists(tree));
	assert_false(cryo_fs_exists(tmp));
}

static void leftovers_are_removed(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *left = scratch_path("tree.tmp/old"),
				  *seen = scratch_path("tree/old");

	(void)state;
	if (skipped())
		skip();
	fake(GOOD);
	assert_int_equal(cryo_fs_mkdirs(left, 0755, &err), 0);
	assert_int_equal(make(&err), 0);
	assert_false(cryo_fs_exists(seen));
}

static void no_mmdebstrap(void **state)
{
	cryo_auto(cryo_free) char *empty = scratch_path("empty");
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	if (skipped())
		skip();
	setenv("PATH", empty, 1);
	assert_int_equal(make(&err), -CRYO_E_UNFIT);
	assert_non_null(strstr(err.msg, "mmdebstrap"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(makes, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(fails_half_way, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(leftovers_are_removed, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(no_mmdebstrap, setup, scratch_teardown),
	};

	return cmocka_run_group_tests_name("rootfs", tests, NULL, NULL) ? EXIT_FAILURE
									: EXIT_SUCCESS;
}
