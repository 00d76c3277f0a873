/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/hash.h"
#include "tests/scratch.h"

#include "sys/fs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct cryo_err err;

/* FIPS 180-2, appendix B, and the empty text. */
static void known_answers(void **state)
{
	static const struct {
		const char *text;
		size_t times;
		const char *hex;
	} row[] = {
		{ "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 20000,
		  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *path = scratch_path("f");
		cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();
		cryo_auto(cryo_str_release) struct cryo_str all = { 0 };
		char hex[CRYO_HASH_HEX];

		for (size_t n = 0; n < row[i].times; n++) {
			cryo_hash_add(h, row[i].text, strlen(row[i].text));
			cryo_str_add(&all, row[i].text);
		}
		cryo_hash_hex(h, hex);
		assert_string_equal(hex, row[i].hex);
		cryo_hash_bytes(cryo_str_get(&all), all.len, hex);
		assert_string_equal(hex, row[i].hex);
		assert_int_equal(cryo_fs_write(path, cryo_str_get(&all), all.len, 0600, &err), 0);
		assert_int_equal(cryo_hash_file(path, hex, &err), 0);
		assert_string_equal(hex, row[i].hex);
	}
}

static void items_are_apart(void **state)
{
	static const char *const list[][3] = {
		{ "ab", "c", NULL }, { "a", "bc", NULL }, { "abc", NULL }, { "abc", "", NULL },
		{ "1:a", NULL },     { "", "abc", NULL }, { NULL },
	};
	char hex[CRYO_ARRAY_LEN(list)][CRYO_HASH_HEX];

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(list); i++) {
		cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();

		for (size_t j = 0; list[i][j]; j++)
			cryo_hash_item(h, list[i][j]);
		cryo_hash_hex(h, hex[i]);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(hex[i], hex[k]);
	}
}

static void bad_files(void **state)
{
	char hex[CRYO_HASH_HEX] = "untouched";

	(void)state;
	assert_int_equal(cryo_hash_file("/nowhere/x", hex, &err), -CRYO_E_SYSTEM);
	assert_non_null(strstr(err.msg, "'/nowhere/x'"));
	assert_int_equal(cryo_hash_file(scratch_dir, hex, &err), -CRYO_E_SYSTEM);
	assert_int_equal(cryo_hash_tree("/nowhere/x", hex, &err), -CRYO_E_SYSTEM);
	assert_string_equal(hex, "untouched");
}

/* Things done to a tree: each must change its hash, undoing it must bring the old one back. */
static void write_f(void)
{
	assert_int_equal(cryo_fs_write("sub/f", "other", 5, 0644, &err), 0);
}
static void write_f_back(void)
{
	assert_int_equal(cryo_fs_write("sub/f", "text", 4, 0644, &err), 0);
}
static void chmod_f(void)
{
	assert_int_equal(chmod("sub/f", 0755), 0);
}
static void chmod_f_back(void)
{
	assert_int_equal(chmod("sub/f", 0644), 0);
}
static void rename_f(void)
{
	assert_int_equal(rename("sub/f", "sub/g"), 0);
}
static void rename_f_back(void)
{
	assert_int_equal(rename("sub/g", "sub/f"), 0);
}
static void move_f(void)
{
	assert_int_equal(rename("sub/f", "f"), 0);
}
static void move_f_back(void)
{
	assert_int_equal(rename("f", "sub/f"), 0);
}
static void relink(void)
{
	assert_int_equal(unlink("link"), 0);
	assert_int_equal(symlink("sub/g", "link"), 0);
}
static void relink_back(void)
{
	assert_int_equal(unlink("link"), 0);
	assert_int_equal(symlink("sub/f", "link"), 0);
}
static void link_to_file(void)
{
	assert_int_equal(unlink("link"), 0);
	assert_int_equal(cryo_fs_write("link", "sub/f", 5, 0777, &err), 0);
}
static void add_dir(void)
{
	assert_int_equal(mkdir("empty", 0755), 0);
}
static void remove_dir(void)
{
	assert_int_equal(rmdir("empty"), 0);
}

static void trees(void **state)
{
	static const struct {
		const char *name;
		void (*change)(void), (*undo)(void);
	} row[] = {
		{ "content", write_f, write_f_back },	    { "mode", chmod_f, chmod_f_back },
		{ "name", rename_f, rename_f_back },	    { "place", move_f, move_f_back },
		{ "link target", relink, relink_back },	    { "type", link_to_file, relink_back },
		{ "empty directory", add_dir, remove_dir },
	};
	const struct timespec old[2] = { { 1, 0 }, { 1, 0 } };
	char before[CRYO_HASH_HEX], after[CRYO_HASH_HEX];

	(void)state;
	umask(022);
	assert_int_equal(chdir(scratch_dir), 0);
	assert_int_equal(mkdir("sub", 0755), 0);
	write_f_back();
	assert_int_equal(symlink("sub/f", "link"), 0);
	assert_int_equal(cryo_hash_tree(scratch_dir, before, &err), 0);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		print_message("# %s\n", row[i].name);
		row[i].change();
		assert_int_equal(cryo_hash_tree(scratch_dir, after, &err), 0);
		assert_string_not_equal(before, after);
		row[i].undo();
		assert_int_equal(cryo_hash_tree(scratch_dir, after, &err), 0);
		assert_string_equal(before, after);
	}
	assert_int_equal(utimensat(AT_FDCWD, "sub/f", old, 0), 0);
	assert_int_equal(cryo_hash_tree(scratch_dir, after, &err), 0);
	assert_string_equal(before, after);
	/* the same tree in another place is the same; so is another spelling of its name */
	assert_int_equal(mkdir("outer", 0755), 0);
	assert_int_equal(rename("sub", "outer/sub"), 0);
	assert_int_equal(rename("link", "outer/link"), 0);
	assert_int_equal(chmod("outer", 0700), 0); /* as a temporary directory */
	assert_int_equal(cryo_hash_tree("outer", after, &err), 0);
	assert_string_equal(before, after);
	assert_int_equal(cryo_hash_tree("outer/", after, &err), 0);
	assert_string_equal(before, after);
	assert_int_equal(chdir("/"), 0);
}

/* "a.b" sorts between "a" and "a/x" byte by byte; readdir's order must not matter. */
static void order_does_not_matter(void **state)
{
	char hex[2][CRYO_HASH_HEX];

	(void)state;
	for (int i = 0; i < 2; i++) {
		cryo_auto(cryo_free) char *root = cryo_asprintf("%s/%d", scratch_dir, i);

		assert_int_equal(mkdir(root, 0755), 0);
		for (int n = 0; n < 200; n++) {
			cryo_auto(cryo_free) char *f =
			    cryo_asprintf("%s/%d", root, i ? n : 199 - n);

			assert_int_equal(cryo_fs_write(f, "", 0, 0644, &err), 0);
		}
		assert_int_equal(cryo_hash_tree(root, hex[i], &err), 0);
	}
	assert_string_equal(hex[0], hex[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(known_answers), TEST(items_are_apart),	  TEST(bad_files),
		TEST(trees),	     TEST(order_does_not_matter),
	};

	return cmocka_run_group_tests_name("hash", tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
