/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/fs.h"
#include "tests/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct cryo_err err;

static int setup(void **state)
{
	umask(022);
	return scratch_setup(state);
}

static int teardown(void **state)
{
	cryo_auto(cryo_free) char *path = cryo_strdup(scratch_dir);

	return scratch_teardown(state) | cryo_fs_exists(path);
}

static void assert_holds(const char *name, const char *text)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

	assert_int_equal(cryo_fs_read(scratch_at(name), 1 << 20, &s, &err), 0);
	assert_string_equal(cryo_str_get(&s), text);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static size_t count_entries(void)
{
	DIR *d = opendir(scratch_dir);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void write_replaces_whole(void **state)
{
	int old;
	char buf[8];

	(void)state;
	scratch_put("f", "old");
	old = open(scratch_at("f"), O_RDONLY);
	scratch_put("f", "newer");
	assert_holds("f", "newer");
	/* who has the old file open keeps it */
	assert_int_equal(read(old, buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "old", 3);
	close(old);
	assert_int_equal(cryo_fs_write(scratch_at("s"), "x", 1, 0600, &err), 0);
	assert_int_equal(mode_of(scratch_at("s")), 0600);
	assert_int_equal(cryo_fs_write(scratch_at("s"), "", 0, 0755, &err), 0);
	assert_int_equal(mode_of(scratch_at("s")), 0755);
	assert_int_equal(cryo_fs_size(scratch_at("s")), 0);
	assert_int_equal(count_entries(), 2);
}

static void failed_write_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(mkdir(scratch_at("busy"), 0755), 0);
	scratch_put("busy/x", "");
	assert_int_equal(cryo_fs_write(scratch_at("busy"), "x", 1, 0644, &err), -CRYO_E_SYSTEM);
	assert_int_equal(cryo_fs_copy(scratch_at("busy/x"), scratch_at("busy"), 0644, &err),
			 -CRYO_E_SYSTEM);
	assert_int_equal(cryo_fs_copy(scratch_at("busy"), scratch_at("y"), 0644, &err),
			 -CRYO_E_SYSTEM);
	assert_int_equal(count_entries(), 1);
	assert_int_equal(cryo_fs_write(scratch_at("no/x"), "x", 1, 0644, &err), -CRYO_E_SYSTEM);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_non_null(strstr(err.msg, "/no/x'"));
	assert_non_null(strstr(err.msg, "No such file"));
}

/* For root the rename would work, and take the device away from everybody. */
static void only_files_are_replaced(void **state)
{
	static const char *const name[] = { "pipe", "to-pipe", "to-device", "stdout" };
	(void)state;
	assert_int_equal(mkfifo(scratch_at("pipe"), 0600), 0);
	assert_int_equal(symlink("pipe", scratch_at("to-pipe")), 0);
	assert_int_equal(symlink("/dev/null", scratch_at("to-device")), 0);
	assert_int_equal(symlink("/proc/self/exe", scratch_at("stdout")), 0);
	scratch_put("src", "x");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(name); i++) {
		struct stat st, now;

		assert_int_equal(lstat(scratch_at(name[i]), &st), 0);
		assert_int_equal(cryo_fs_check_place(scratch_at(name[i]), &err), -CRYO_E_CONFIG);
		assert_int_equal(cryo_fs_write(scratch_at(name[i]), "x", 1, 0600, &err),
				 -CRYO_E_CONFIG);
		assert_int_equal(cryo_fs_copy(scratch_at("src"), scratch_at(name[i]), 0600, &err),
				 -CRYO_E_CONFIG);
		assert_non_null(strstr(err.msg, "is not a regular file"));
		assert_int_equal(lstat(scratch_at(name[i]), &now), 0);
		assert_int_equal(st.st_ino, now.st_ino);
	}
	assert_int_equal(count_entries(), 5);
}

static void place_is_checked_before(void **state)
{
	(void)state;
	scratch_put("old", "x");
	assert_int_equal(symlink("nowhere", scratch_at("dangling")), 0);
	assert_int_equal(cryo_fs_check_place(scratch_at("new"), &err), 0);
	assert_int_equal(cryo_fs_check_place(scratch_at("old"), &err), 0);
	assert_int_equal(cryo_fs_check_place(scratch_at("dangling"), &err), 0);
	assert_int_equal(cryo_fs_check_place("plain-name", &err), 0);
	assert_int_equal(cryo_fs_check_place("", &err), -CRYO_E_SYSTEM);
	assert_int_equal(cryo_fs_check_place(scratch_dir, &err), -CRYO_E_SYSTEM);
	assert_int_equal(cryo_fs_check_place(scratch_at("no/x"), &err), -CRYO_E_SYSTEM);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_int_equal(cryo_fs_check_place(scratch_at("old/x"), &err), -CRYO_E_SYSTEM);
	assert_int_equal(err.sys_errno, ENOTDIR);
	assert_int_equal(count_entries(), 2);
}

static void write_replaces_a_link(void **state)
{
	(void)state;
	scratch_put("target", "safe");
	assert_int_equal(symlink("target", scratch_at("link")), 0);
	scratch_put("link", "mine");
	assert_holds("target", "safe");
	assert_holds("link", "mine");
}

static void read_has_a_limit(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

	(void)state;
	scratch_put("f", "12345");
	cryo_str_add(&s, "before ");
	assert_int_equal(cryo_fs_read(scratch_at("f"), 5, &s, &err), 0);
	assert_string_equal(cryo_str_get(&s), "before 12345");
	assert_int_equal(cryo_fs_read(scratch_at("f"), 4, &s, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "is larger than 4 bytes"));
	assert_int_equal(cryo_fs_read(scratch_at("none"), 4, &s, &err), -CRYO_E_SYSTEM);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_int_equal(cryo_fs_read(scratch_dir, 4, &s, &err), -CRYO_E_SYSTEM);
	assert_int_equal(err.sys_errno, EISDIR);
}

/* A path that somebody else chose: nothing holds us up, and nothing is woken by being opened. */
static void read_regular(void **state)
{
	static const struct {
		const char *path; /* below the test's directory, or absolute */
		int rc;
	} row[] = {
		{ "file", 0 },
		{ "link", 0 },
		{ "pipe", -CRYO_E_CONFIG },
		{ "sub", -CRYO_E_CONFIG },
		{ "none", -CRYO_E_SYSTEM },
		{ "/dev/zero", -CRYO_E_CONFIG },
	};

	(void)state;
	scratch_put("file", "text");
	assert_int_equal(symlink("file", scratch_at("link")), 0);
	assert_int_equal(mkfifo(scratch_at("pipe"), 0600), 0);
	assert_int_equal(mkdir(scratch_at("sub"), 0700), 0);
	alarm(60);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

		print_message("# %s\n", row[i].path);
		assert_int_equal(cryo_fs_read_regular(*row[i].path == '/' ? row[i].path
									  : scratch_at(row[i].path),
						      10, &text, &err),
				 row[i].rc);
		assert_string_equal(cryo_str_get(&text), row[i].rc ? "" : "text");
	}
	alarm(0);
}

static void poke_needs_the_file(void **state)
{
	(void)state;
	scratch_put("knob", "0000");
	assert_int_equal(cryo_fs_poke(scratch_at("knob"), "1", &err), 0);
	assert_holds("knob", "1000");
	assert_int_equal(cryo_fs_poke(scratch_at("none"), "1", &err), -CRYO_E_SYSTEM);
	assert_false(cryo_fs_exists(scratch_at("none")));
}

static void looks(void **state)
{
	(void)state;
	scratch_put("f", "12345");
	assert_int_equal(symlink("nowhere", scratch_at("dangling")), 0);
	assert_int_equal(symlink(".", scratch_at("here")), 0);
	assert_true(cryo_fs_exists(scratch_at("f")));
	assert_true(cryo_fs_exists(scratch_at("dangling")));
	assert_false(cryo_fs_exists(scratch_at("none")));
	assert_true(cryo_fs_is_dir(scratch_dir));
	assert_true(cryo_fs_is_dir(scratch_at("here")));
	assert_false(cryo_fs_is_dir(scratch_at("f")));
	assert_int_equal(cryo_fs_size(scratch_at("f")), 5);
	assert_int_equal(cryo_fs_size(scratch_dir), -1);
	assert_int_equal(cryo_fs_size(scratch_at("none")), -1);
}

static void mkdirs(void **state)
{
	(void)state;
	assert_int_equal(cryo_fs_mkdirs(scratch_at("a/b//c/"), 0700, &err), 0);
	assert_int_equal(mode_of(scratch_at("a")), 0700);
	assert_int_equal(mode_of(scratch_at("a/b/c")), 0700);
	assert_int_equal(cryo_fs_mkdirs(scratch_at("a/b"), 0755, &err), 0);
	assert_int_equal(mode_of(scratch_at("a/b")), 0700);
	assert_int_equal(cryo_fs_mkparents(scratch_at("p/q/file"), 0755, &err), 0);
	assert_true(cryo_fs_is_dir(scratch_at("p/q")));
	assert_false(cryo_fs_exists(scratch_at("p/q/file")));
	assert_int_equal(cryo_fs_mkparents("/file", 0755, &err), 0);
	assert_int_equal(cryo_fs_mkparents("file", 0755, &err), 0);
	scratch_put("f", "");
	assert_int_equal(cryo_fs_mkdirs(scratch_at("f"), 0755, &err), -CRYO_E_SYSTEM);
	assert_int_equal(cryo_fs_mkdirs(scratch_at("f/x"), 0755, &err), -CRYO_E_SYSTEM);
}

static void rmtree_follows_no_link(void **state)
{
	(void)state;
	assert_int_equal(cryo_fs_mkdirs(scratch_at("keep/sub"), 0755, &err), 0);
	assert_int_equal(cryo_fs_mkdirs(scratch_at("tree/a/b/c"), 0755, &err), 0);
	scratch_put("keep/file", "kept");
	scratch_put("tree/a/file", "");
	assert_int_equal(symlink("../../keep", scratch_at("tree/a/link")), 0);
	assert_int_equal(symlink("tree", scratch_at("link-to-tree")), 0);
	assert_int_equal(mkfifo(scratch_at("tree/fifo"), 0600), 0);
	/* a link is removed itself */
	assert_int_equal(cryo_fs_rmtree(scratch_at("link-to-tree"), &err), 0);
	assert_true(cryo_fs_exists(scratch_at("tree/a/b/c")));
	assert_int_equal(cryo_fs_rmtree(scratch_at("tree"), &err), 0);
	assert_false(cryo_fs_exists(scratch_at("tree")));
	assert_holds("keep/file", "kept");
	assert_true(cryo_fs_is_dir(scratch_at("keep/sub")));
	assert_int_equal(cryo_fs_rmtree(scratch_at("tree"), &err), 0);
	assert_int_equal(cryo_fs_rmtree(scratch_at("none/deeper"), &err), 0);
	assert_int_equal(cryo_fs_rmtree(scratch_at("keep/file"), &err), 0);
	assert_false(cryo_fs_exists(scratch_at("keep/file")));
}

/* `up` and `cache prune` may clear the same place. */
static void rmtree_by_two_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 400; i++) {
		cryo_auto(cryo_free) char *name = cryo_asprintf("tree/%d/a/b", i);

		assert_int_equal(cryo_fs_mkdirs(scratch_at(name), 0700, &err), 0);
	}
	for (int i = 0; i < 4; i++)
		if (i > 0 && fork() == 0)
			_exit(cryo_fs_rmtree(scratch_at("tree"), &err) == 0 ? 0 : 1);
	assert_int_equal(cryo_fs_rmtree(scratch_at("tree"), &err), 0);
	for (int i = 1; i < 4; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_false(cryo_fs_exists(scratch_at("tree")));
}

/* In the child: a mount below the tree. Exits with the number of the line that is not as it should.
 */
#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			_exit(__LINE__ % 250 + 1);                                                 \
	} while (0)

static void rmtree_of_mount_child(const char *kind)
{
	const char *mnt = scratch_path("tree/mnt");

	CHECK(unshare(CLONE_NEWNS) == 0);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	if (kind)
		CHECK(mount("t", mnt, kind, 0, NULL) == 0);
	else
		CHECK(mount(scratch_at("bound"), mnt, NULL, MS_BIND, NULL) == 0);
	scratch_put("tree/mnt/file", "kept");
	CHECK(cryo_fs_rmtree(scratch_at("tree"), &err) == -CRYO_E_SYSTEM);
	CHECK(err.sys_errno == EXDEV);
	CHECK(cryo_fs_exists(scratch_at("tree/mnt/file")));
	CHECK(cryo_fs_rmtree(mnt, &err) == -CRYO_E_SYSTEM);
	CHECK(cryo_fs_exists(scratch_at("tree/mnt/file")));
	CHECK(umount(mnt) == 0);
	CHECK(cryo_fs_rmtree(scratch_at("tree"), &err) == 0);
	_exit(0);
}

static void rmtree_refuses_mounts(void **state)
{
	static const char *const kinds[] = { "tmpfs", NULL /* bind: the same device number */ };
	int status;

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: mounting needs root\n");
		skip();
	}
	for (size_t i = 0; i < CRYO_ARRAY_LEN(kinds); i++) {
		pid_t pid;

		assert_int_equal(cryo_fs_mkdirs(scratch_at("tree/mnt"), 0755, &err), 0);
		assert_int_equal(cryo_fs_mkdirs(scratch_at("bound"), 0755, &err), 0);
		pid = fork();
		if (pid == 0)
			rmtree_of_mount_child(kinds[i]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		print_message("# %s\n", kinds[i] ? kinds[i] : "bind");
		assert_int_equal(status, 0);
	}
	assert_holds("bound/file", "kept");
}

static void copy_keeps_holes(void **state)
{
	const off_t size = 64 << 20;
	struct stat st;
	char buf[4] = "";
	int fd;

	(void)state;
	fd = open(scratch_at("sparse"), O_RDWR | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(pwrite(fd, "one", 3, 1 << 20), 3);
	assert_int_equal(pwrite(fd, "two", 3, 40 << 20), 3);
	close(fd);
	assert_int_equal(cryo_fs_copy(scratch_at("sparse"), scratch_at("copy"), 0640, &err), 0);
	assert_int_equal(stat(scratch_at("copy"), &st), 0);
	assert_int_equal(st.st_size, size);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_true(st.st_blocks * 512 < 1 << 20);
	fd = open(scratch_at("copy"), O_RDONLY);
	assert_int_equal(pread(fd, buf, 3, 1 << 20), 3);
	assert_string_equal(buf, "one");
	assert_int_equal(pread(fd, buf, 3, 40 << 20), 3);
	assert_string_equal(buf, "two");
	close(fd);
}

static void copy_of_any_size(void **state)
{
	static const size_t row[] = { 0, 1, 4096, 4097, 3000000 };
	cryo_auto(cryo_free) char *data = cryo_alloc(3000000);

	(void)state;
	for (size_t i = 0; i < 3000000; i++)
		data[i] = (char)('a' + i % 23);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

		assert_int_equal(cryo_fs_write(scratch_at("src"), data, row[i], 0600, &err), 0);
		assert_int_equal(cryo_fs_copy(scratch_at("src"), scratch_at("dst"), 0600, &err), 0);
		assert_int_equal(cryo_fs_read(scratch_at("dst"), 4 << 20, &s, &err), 0);
		assert_int_equal(s.len, row[i]);
		assert_true(row[i] == 0 || memcmp(s.p, data, row[i]) == 0);
	}
	assert_int_equal(count_entries(), 2);
}

static void copy_across_file_systems(void **state)
{
	cryo_auto(cryo_free) char *shm = cryo_asprintf("/dev/shm/cryo-fs-%d", getpid());
	int rc;

	(void)state;
	if (access("/dev/shm", W_OK) < 0) {
		print_message("# skipped: no /dev/shm\n");
		skip();
	}
	scratch_put("here", "from disk");
	rc = cryo_fs_copy(scratch_at("here"), shm, 0600, &err);
	if (rc == 0)
		rc = cryo_fs_copy(shm, scratch_at("back"), 0600, &err);
	unlink(shm);
	assert_int_equal(rc, 0);
	assert_holds("back", "from disk");
	/* says it has no bytes, and has: rather an error than an empty copy */
	assert_int_equal(cryo_fs_copy("/proc/self/limits", scratch_at("l"), 0600, &err),
			 -CRYO_E_SYSTEM);
}

static void tmpdirs_are_private(void **state)
{
	cryo_auto(cryo_free) char *a = NULL;
	cryo_auto(cryo_free) char *b = NULL;

	(void)state;
	assert_int_equal(cryo_fs_tmpdir(scratch_at("new/parent"), "x-", &a, &err), 0);
	assert_int_equal(cryo_fs_tmpdir(scratch_at("new/parent"), "x-", &b, &err), 0);
	assert_string_not_equal(a, b);
	assert_int_equal(mode_of(a), 0700);
	assert_true(cryo_starts_with(a, scratch_at("new/parent/x-")));
}

static void free_bytes(void **state)
{
	uint64_t bytes = 0;

	(void)state;
	assert_int_equal(cryo_fs_free_bytes(scratch_dir, &bytes, &err), 0);
	assert_true(bytes > 0);
	assert_int_equal(cryo_fs_free_bytes(scratch_at("none"), &bytes, &err), -CRYO_E_SYSTEM);
}

static void which(void **state)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/nowhere::%s", scratch_dir);
	cryo_auto(cryo_free) char *old = cryo_strdup(getenv("PATH"));
	static const struct {
		const char *program;
		bool there;
	} row[] = {
		{ "tool", true },     { "text", false }, { "folder", false },
		{ "missing", false }, { "", false },	 { "./missing", false },
	};

	(void)state;
	scratch_put("text", "");
	assert_int_equal(cryo_fs_write(scratch_at("tool"), "", 0, 0755, &err), 0);
	assert_int_equal(cryo_fs_mkdirs(scratch_at("folder"), 0755, &err), 0);
	setenv("PATH", path, 1);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *found = cryo_fs_which(row[i].program);

		print_message("# '%s': %s\n", row[i].program, found ? found : "-");
		if (row[i].there)
			assert_string_equal(found, scratch_at(row[i].program));
		else
			assert_null(found);
	}
	setenv("PATH", old, 1);
	cryo_freep(&path);
	path = cryo_fs_which(scratch_at("tool"));
	assert_string_equal(path, scratch_at("tool"));
}

static void directories(void **state)
{
	(void)state;
	setenv("CRYOPOD_STATE_DIR", "/s", 1);
	setenv("CRYOPOD_CACHE_DIR", "/c", 1);
	setenv("CRYOPOD_RUN_DIR", "/r", 1);
	assert_string_equal(cryo_dir_state(), "/s");
	assert_string_equal(cryo_dir_cache(), "/c");
	assert_string_equal(cryo_dir_run(), "/r");
	unsetenv("CRYOPOD_STATE_DIR");
	unsetenv("CRYOPOD_CACHE_DIR");
	unsetenv("CRYOPOD_RUN_DIR");
	if (geteuid() == 0) {
		assert_string_equal(cryo_dir_state(), "/var/lib/cryopod");
		assert_string_equal(cryo_dir_cache(), "/var/cache/cryopod");
		assert_string_equal(cryo_dir_run(), "/run/cryopod");
	} else {
		assert_true(cryo_ends_with(cryo_dir_state(), "/cryopod"));
		assert_true(cryo_ends_with(cryo_dir_cache(), "/cryopod"));
		assert_string_not_equal(cryo_dir_state(), cryo_dir_cache());
		assert_string_not_equal(cryo_dir_run(), cryo_dir_cache());
	}
}

static void resolved(void **state)
{
	cryo_auto(cryo_free) char *real = realpath(scratch_dir, NULL);
	static const struct {
		const char *path, *is; /* below the directory */
	} row[] = {
		{ "", "" },
		{ "rd", "/rd" },
		{ "rd//", "/rd" },
		{ "rd/no", "/rd/no" },
		{ "rd/no/such//", "/rd/no/such" },
		{ "link/no", "/rd/no" },
		{ "rd/../link/./no", "/rd/no" },
	};
	cryo_auto(cryo_free) char *here = NULL, *root = cryo_fs_resolve("/"),
				  *none = cryo_fs_resolve("/no-such/place");

	(void)state;
	assert_int_equal(cryo_fs_mkdirs(scratch_at("rd"), 0755, &err), 0);
	assert_int_equal(symlink("rd", scratch_at("link")), 0);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *is = cryo_asprintf("%s%s", real, row[i].is);
		cryo_auto(cryo_free) char *got = cryo_fs_resolve(scratch_at(row[i].path));

		assert_string_equal(got, is);
	}
	assert_string_equal(root, "/");
	assert_string_equal(none, "/no-such/place");
	assert_int_equal(chdir(real), 0);
	here = cryo_fs_resolve("no/such");
	assert_true(cryo_starts_with(here, real));
	assert_true(cryo_ends_with(here, "/no/such"));
}

static void what_it_takes(void **state)
{
	uint64_t file;

	(void)state;
	assert_int_equal(cryo_fs_disk(scratch_at("nothing")), 0);
	assert_int_equal(cryo_fs_mkdirs(scratch_at("d/e"), 0755, &err), 0);
	scratch_put("d/e/f", "something");
	file = cryo_fs_disk(scratch_at("d/e/f"));
	assert_true(cryo_fs_disk(scratch_at("d")) >= file);
	assert_int_equal(symlink("/", scratch_at("d/root")), 0);
	assert_true(cryo_fs_disk(scratch_at("d")) < 1 << 20);
}

static void touched_once_an_hour(void **state)
{
	struct timespec then[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	int64_t now;

	(void)state;
	assert_int_equal(cryo_fs_changed_s(scratch_at("f")), 0);
	cryo_fs_touch(scratch_at("f"), false);
	assert_false(cryo_fs_exists(scratch_at("f")));
	cryo_fs_touch(scratch_at("f"), true);
	now = cryo_fs_changed_s(scratch_at("f"));
	assert_true(now > 1000);
	then[1].tv_sec = now - 3000;
	assert_int_equal(utimensat(AT_FDCWD, scratch_at("f"), then, 0), 0);
	cryo_fs_touch(scratch_at("f"), true);
	assert_int_equal(cryo_fs_changed_s(scratch_at("f")), now - 3000);
	/* In the past, and in a future that is none. */
	for (int64_t off = -4000; off <= 4000; off += 8000) {
		then[1].tv_sec = now + off;
		assert_int_equal(utimensat(AT_FDCWD, scratch_at("f"), then, 0), 0);
		cryo_fs_touch(scratch_at("f"), true);
		assert_true(cryo_fs_changed_s(scratch_at("f")) >= now &&
			    cryo_fs_changed_s(scratch_at("f")) < now + 4000);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static nlink_t count_links(const char *name)
{
	struct stat st;

	assert_int_equal(stat(scratch_at(name), &st), 0);
	return st.st_nlink;
}

/* One file, two names; what was there is replaced, and nothing else is left. */
static void linked(void **state)
{
	cryo_auto(cryo_fd_close) int fd = -1, elsewhere = -1;

	(void)state;
	scratch_put("first", "text");
	scratch_put("second", "old");
	fd = open(scratch_at("first"), O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(cryo_fs_link(fd, scratch_at("second"), i, &err), 1);
		assert_int_equal(count_links("first"), 2);
		assert_holds("second", "text");
	}
	assert_int_equal(mkdir(scratch_at("linked.d"), 0700), 0);
	assert_int_equal(cryo_fs_link(fd, scratch_at("linked.d"), false, &err), -CRYO_E_SYSTEM);
	assert_int_equal(cryo_fs_link(fd, scratch_at("no/such"), false, &err), -CRYO_E_SYSTEM);
	assert_int_equal(count_links("first"), 2);
	/* A file of another file system, and one that has no name any more. */
	elsewhere = open("/proc/version", O_RDONLY | O_CLOEXEC);
	assert_int_equal(cryo_fs_link(elsewhere, scratch_at("third"), false, &err), 0);
	unlink(scratch_at("first"));
	unlink(scratch_at("second"));
	assert_int_equal(cryo_fs_link(fd, scratch_at("third"), false, &err), 0);
	assert_false(cryo_fs_exists(scratch_at("third")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(write_replaces_whole),
		TEST(linked),
		TEST(failed_write_leaves_nothing),
		TEST(only_files_are_replaced),
		TEST(place_is_checked_before),
		TEST(write_replaces_a_link),
		TEST(read_has_a_limit),
		TEST(read_regular),
		TEST(poke_needs_the_file),
		TEST(looks),
		TEST(mkdirs),
		TEST(rmtree_follows_no_link),
		TEST(rmtree_by_two_at_once),
		TEST(rmtree_refuses_mounts),
		TEST(copy_keeps_holes),
		TEST(copy_of_any_size),
		TEST(copy_across_file_systems),
		TEST(tmpdirs_are_private),
		TEST(free_bytes),
		TEST(which),
		TEST(resolved),
		TEST(what_it_takes),
		TEST(touched_once_an_hour),
		cmocka_unit_test(directories),
	};

	return cmocka_run_group_tests_name("fs", tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
