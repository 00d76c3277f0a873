/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/contents.h"
#include "image/tar.h"
#include "sys/fs.h"
#include "tests/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAGIC		       "\x19\x43\x56\x54" /* every image */
#define PSTREE		       MAGIC "\x30\x30\x27\x50"
#define CORE		       MAGIC "\x47\x38\x05\x55"
#define INIT		       "\x06\0\0\0\x08\x01\x10\x00\x28\x01"	    /* 1, one thread */
#define CHILD		       "\x08\0\0\0\x08\x07\x10\x01\x28\x07\x28\x08" /* 7 of 1, two threads */
#define COMM(n, in, out, text) n "\0\0\0\x1a" out "\x32" in text

struct member {
	const char *name, *data;
	size_t len;
};
#define M(name, data)                                                                              \
	{                                                                                          \
		"checkpoint/" name, data, sizeof(data) - 1                                         \
	}

static char *path;
static struct cryo_err err;

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	path = scratch_path("a.tar");
	return 0;
}

static int teardown(void **state)
{
	free(path);
	return scratch_teardown(state);
}

static void put(const struct member *m, size_t n)
{
	cryo_auto(cryo_fd_close) int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = cryo_tar_writer_new(fd);

	assert_int_equal(cryo_tar_add_data(w, "rootfs-diff.tar", 0600, "12345", 5, &err), 0);
	for (size_t i = 0; i < n && m[i].name; i++)
		assert_int_equal(cryo_tar_add_data(w, m[i].name, 0600, m[i].data, m[i].len, &err),
				 0);
	assert_int_equal(cryo_tar_finish(w, &err), 0);
}

static void archives(void **state)
{
	static const struct {
		const char *what;
		struct member member[5];
		const char *tree; /* "pid<ppid name threads; …" */
		const char *encryption;
		size_t images, pages;
	} row[] = {
		{ "a tree, its names before and behind it",
		  { M("core-7.img", CORE COMM("\x07", "\x03", "\x05", "cat")),
		    M("pages-1.img", "pages"), M("pstree.img", PSTREE INIT CHILD),
		    M("core-1.img", CORE COMM("\x06", "\x02", "\x04", "sh")),
		    M("pages-2.img", "more") },
		  "1<0 sh 1; 7<1 cat 2; ",
		  NULL,
		  5,
		  9 },
		{ "no names", { M("pstree.img", PSTREE INIT) }, "1<0  1; ", NULL, 1, 0 },
		{ "a name that is none",
		  { M("pstree.img", PSTREE INIT),
		    M("core-1.img", CORE COMM("\x08", "\x04", "\x06", "\x1b[2J")) },
		  "1<0 ?[2J 1; ",
		  NULL,
		  2,
		  0 },
		{ "no core image",
		  { M("pstree.img", PSTREE INIT), M("core-x.img", CORE), M("core-1.img.bak", ""),
		    M("core-1.img", "no image"), M("core-99999999999.img", CORE) },
		  "1<0  1; ",
		  NULL,
		  4,
		  0 },
		{ "cut within an entry",
		  { M("pstree.img", PSTREE INIT "\x08\0\0\0\x08") },
		  "1<0  1; ",
		  NULL,
		  1,
		  0 },
		{ "an entry larger than can be",
		  { M("pstree.img", PSTREE "\xff\xff\xff\xff\x08") },
		  "",
		  NULL,
		  1,
		  0 },
		{ "an entry that is none",
		  { M("pstree.img", PSTREE INIT "\x02\0\0\0\xff\xff" CHILD) },
		  "1<0  1; ",
		  NULL,
		  1,
		  0 },
		{ "another magic", { M("pstree.img", "abcdefgh" INIT) }, "", NULL, 1, 0 },
		{ "too short for one", { M("pstree.img", MAGIC) }, "", NULL, 1, 0 },
		{ "twice",
		  { M("pstree.img", PSTREE INIT), M("pstree.img", PSTREE CHILD) },
		  "1<0  1; ",
		  NULL,
		  2,
		  0 },
		{ "sealed: what looks like a tree is none",
		  { M("pstree.img", PSTREE INIT), M("seal.cms", "cms") },
		  "",
		  "seal",
		  1,
		  0 },
		{ "encrypted by CRIU",
		  { M("cipher.img", "x"), M("pstree.img", PSTREE INIT) },
		  "",
		  "criu",
		  2,
		  0 },
		{ "an empty sign of it",
		  { M("cipher.img", ""), M("pstree.img", PSTREE INIT) },
		  "1<0  1; ",
		  NULL,
		  2,
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_contents_release) struct cryo_contents c = { 0 };
		cryo_auto(cryo_str_release) struct cryo_str tree = { 0 };

		print_message("# %s\n", row[i].what);
		put(row[i].member, CRYO_ARRAY_LEN(row[i].member));
		assert_int_equal(cryo_contents_load(path, &c, &err), 0);
		for (size_t k = 0; k < c.n; k++)
			cryo_str_addf(&tree, "%u<%u %s %zu; ", c.process[k].pid, c.process[k].ppid,
				      c.process[k].name, c.process[k].threads);
		assert_string_equal(cryo_str_get(&tree), row[i].tree);
		assert_true(cryo_streq(c.encryption, row[i].encryption));
		assert_int_equal(c.images, row[i].images);
		assert_int_equal(c.page_bytes, row[i].pages);
		assert_int_equal(c.rootfs_bytes, 5);
	}
}

/* As many as one likes to write into 1 MiB: a bounded number is taken. */
static void many(void **state)
{
	cryo_auto(cryo_contents_release) struct cryo_contents c = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct member m = { "checkpoint/pstree.img", NULL, 0 };

	(void)state;
	cryo_str_addn(&text, PSTREE, 8);
	for (int i = 0; i < 100000; i++)
		cryo_str_addn(&text, INIT, 10);
	m.data = text.p;
	m.len = text.len;
	put(&m, 1);
	assert_int_equal(cryo_contents_load(path, &c, &err), 0);
	assert_int_equal(c.n, 4096);
}

/* CRIU counts pages in one field before 4.2 and in another since: neither is "0 B" of the other. */
static void memory_of_both_generations(void **state)
{
#define PAGEMAP MAGIC "\x25\x40\x08\x56\x02\0\0\0\x08\x01" /* and the head */
	static const struct {
		const char *what;
		struct member map;
		uint64_t pages;
	} row[] = {
		{ "before 4.2",
		  M("pagemap-1.img", PAGEMAP "\x07\0\0\0\x08\x80\x20\x10\x03\x20\x04"), 3 },
		{ "since 4.2",
		  M("pagemap-1.img", PAGEMAP "\x09\0\0\0\x08\x80\x20\x10\0\x20\x04\x28\x03"), 3 },
		{ "long ago, without flags",
		  M("pagemap-1.img", PAGEMAP "\x04\0\0\0\x08\x20\x10\x03"), 3 },
		{ "two entries, one in the parent",
		  M("pagemap-1.img", PAGEMAP "\x04\0\0\0\x08\x20\x10\x03"
					     "\x06\0\0\0\x08\x20\x10\x09\x18\x01"),
		  3 },
		{ "pages of zeros need no place",
		  M("pagemap-1.img", PAGEMAP "\x08\0\0\0\x08\x20\x10\0\x20\0\x28\x05"), 0 },
		{ "more than there is",
		  M("pagemap-1.img", PAGEMAP "\x0d\0\0\0\x10\0\x28\xff\xff\xff\xff\xff\xff\xff\xff"
					     "\xff\x01"),
		  (uint64_t)1 << 40 },
		{ "a damaged entry",
		  M("pagemap-1.img", PAGEMAP "\x04\0\0\0\x08\x20\x10\x03\x02\0\0\0\xff\xff"), 3 },
		{ "only a head", M("pagemap-1.img", PAGEMAP), 0 },
		{ "of nobody here", M("pagemap-2.img", PAGEMAP "\x04\0\0\0\x08\x20\x10\x03"), 0 },
		{ "of shared memory",
		  M("pagemap-shmem-1.img", PAGEMAP "\x04\0\0\0\x08\x20\x10\x03"), 0 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const struct member m[] = { row[i].map, M("pstree.img", PSTREE INIT),
					    M("pages-1.img", "12345678") };
		cryo_auto(cryo_contents_release) struct cryo_contents c = { 0 };

		print_message("# %s\n", row[i].what);
		put(m, CRYO_ARRAY_LEN(m));
		assert_int_equal(cryo_contents_load(path, &c, &err), 0);
		assert_int_equal(c.n, 1);
		assert_int_equal(c.process[0].page_bytes, row[i].pages * 4096);
		assert_int_equal(c.page_bytes, 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_of_both_generations),
		cmocka_unit_test(archives),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests_name("contents", tests, setup, teardown) ? EXIT_FAILURE
									       : EXIT_SUCCESS;
}
