/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/fs.h"
#include "sys/hash.h"
#include "tests/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

static struct cryo_err err;

static int setup(void **state)
{
	(void)state;
	umask(022);
	if (scratch_make_in("/var/tmp", &scratch_dir) < 0 || chdir(scratch_dir) < 0)
		return -1;
	return mkdir("src", 0751);
}

static int teardown(void **state)
{
	return chdir("/") | scratch_teardown(state);
}

static void put(const char *name, const char *text, mode_t mode)
{
	assert_int_equal(cryo_fs_write(name, text, strlen(text), mode, &err), 0);
}

static void copy(void)
{
	int rc = cryo_fs_copy_tree("src", "dst", &err);

	if (rc < 0)
		print_message("# %s\n", err.msg);
	assert_int_equal(rc, 0);
}

static void look(const char *name, struct stat *src, struct stat *dst)
{
	cryo_auto(cryo_free) char *a = cryo_asprintf("src/%s", name);
	cryo_auto(cryo_free) char *b = cryo_asprintf("dst/%s", name);

	assert_int_equal(lstat(a, src), 0);
	assert_int_equal(lstat(b, dst), 0);
	assert_int_equal(src->st_mode, dst->st_mode);
	assert_int_equal(src->st_uid, dst->st_uid);
	assert_int_equal(src->st_gid, dst->st_gid);
	assert_int_equal(src->st_size * !S_ISDIR(src->st_mode),
			 dst->st_size * !S_ISDIR(dst->st_mode));
	assert_true(src->st_mtim.tv_sec == dst->st_mtim.tv_sec &&
		    src->st_mtim.tv_nsec == dst->st_mtim.tv_nsec);
}

static void same_content_and_metadata(void **state)
{
	static const char *const names[] = {
		"",	     "empty", "text",  "set-id", "deep",
		"deep/deep", "link",  "loose", "pipe",	 "deep/deep/f"
	};
	const struct timespec long_ago[] = { { 1000, 5 }, { 123456789, 987654321 } };
	char a[CRYO_HASH_HEX], b[CRYO_HASH_HEX];
	struct stat src, dst;

	(void)state;
	put("src/empty", "", 0600);
	put("src/text", "hello", 0444);
	put("src/set-id", "x", 0755);
	assert_int_equal(chmod("src/set-id", 06755), 0);
	assert_int_equal(cryo_fs_mkdirs("src/deep/deep", 0700, &err), 0);
	put("src/deep/deep/f", "f", 0640);
	assert_int_equal(symlink("deep/deep/f", "src/link"), 0);
	assert_int_equal(symlink("/no/such/thing", "src/loose"), 0);
	assert_int_equal(mkfifo("src/pipe", 0622), 0);
	assert_int_equal(utimensat(AT_FDCWD, "src/text", long_ago, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, "src/deep/deep", long_ago, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, "src/loose", long_ago, AT_SYMLINK_NOFOLLOW), 0);
	copy();
	for (size_t i = 0; i < CRYO_ARRAY_LEN(names); i++) {
		print_message("# '%s'\n", names[i]);
		look(names[i], &src, &dst);
	}
	assert_int_equal(cryo_hash_tree("src", a, &err), 0);
	assert_int_equal(cryo_hash_tree("dst", b, &err), 0);
	assert_string_equal(a, b);
}

static void attributes(void **state)
{
	char value[16] = "";

	(void)state;
	put("src/f", "", 0600);
	if (setxattr("src/f", "user.cryopod", "value", 5, 0) < 0 ||
	    setxattr("src", "user.other", "", 0, 0) < 0) {
		print_message("# skipped: no extended attributes here\n");
		skip();
	}
	copy();
	assert_int_equal(getxattr("dst/f", "user.cryopod", value, sizeof(value)), 5);
	assert_memory_equal(value, "value", 5);
	assert_int_equal(getxattr("dst", "user.other", value, sizeof(value)), 0);
}

static void hard_links_stay(void **state)
{
	struct stat a, b, c;

	(void)state;
	put("src/a", "one", 0600);
	assert_int_equal(mkdir("src/d", 0755), 0);
	assert_int_equal(link("src/a", "src/d/b"), 0);
	assert_int_equal(link("src/a", "src/z"), 0);
	copy();
	assert_int_equal(stat("dst/a", &a), 0);
	assert_int_equal(stat("dst/d/b", &b), 0);
	assert_int_equal(stat("src/a", &c), 0);
	assert_int_equal(a.st_nlink, 3);
	assert_true(a.st_ino == b.st_ino);
	assert_true(a.st_ino != c.st_ino);
}

/* Holes stay holes, and zeros become some. */
static void holes_stay(void **state)
{
	const off_t far = 32 << 20;
	struct stat st;
	static const char zeros[1 << 16];
	char word[5] = "";
	int fd = open("src/sparse", O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "far", 4, far), 4);
	for (off_t at = 0; at < far / 2; at += sizeof(zeros))
		assert_int_equal(pwrite(fd, zeros, sizeof(zeros), at), sizeof(zeros));
	close(fd);
	copy();
	fd = open("dst/sparse", O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pread(fd, word, 4, far), 4);
	close(fd);
	assert_string_equal(word, "far");
	assert_int_equal(st.st_size, far + 4);
	assert_true(st.st_blocks * 512 < far / 4);
}

/* What hides a name of the lower layer of an overlay is a device 0/0. */
static void devices_and_owners(void **state)
{
	struct stat src, dst;

	(void)state;
	if (geteuid() != 0 || mknod("src/whiteout", S_IFCHR, makedev(0, 0)) < 0) {
		print_message("# skipped: devices need root\n");
		skip();
	}
	put("src/f", "x", 0600);
	assert_int_equal(chown("src/f", 1234, 4321), 0);
	assert_int_equal(setxattr("src", "trusted.overlay.opaque", "y", 1, 0), 0);
	copy();
	look("whiteout", &src, &dst);
	assert_true(dst.st_rdev == makedev(0, 0) && S_ISCHR(dst.st_mode));
	look("f", &src, &dst);
	assert_int_equal(getxattr("dst", "trusted.overlay.opaque", NULL, 0), 1);
}

static void a_socket(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "src/socket" };
	struct stat src, dst;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	close(fd);
	copy();
	look("socket", &src, &dst);
}

static void refused(void **state)
{
	(void)state;
	assert_true(cryo_fs_copy_tree("nowhere", "dst", &err) < 0);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_false(cryo_fs_exists("dst"));
	/* Not even an empty directory: it may be somebody else's. */
	assert_int_equal(mkdir("dst", 0700), 0);
	assert_true(cryo_fs_copy_tree("src", "dst", &err) < 0);
	assert_int_equal(err.sys_errno, EEXIST);
	put("file", "", 0600);
	assert_true(cryo_fs_copy_tree("file", "dst2", &err) < 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(same_content_and_metadata),
		TEST(attributes),
		TEST(hard_links_stay),
		TEST(holes_stay),
		TEST(a_socket),
		TEST(devices_and_owners),
		TEST(refused),
	};

	return cmocka_run_group_tests_name("copytree", tests, NULL, NULL) ? EXIT_FAILURE
									  : EXIT_SUCCESS;
}
