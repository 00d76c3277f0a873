/* SPDX-License-Identifier: Apache-2.0 */
/* Images that CRIU's branch wrote (forked/README.md), and others that it would not have written. */
#include "criu/contents.h"
#include "image/tar.h"
#include "sys/fs.h"
#include "verify/ciphertext.h"
#include "tests/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IMAGES "harness/tests/criu/forked"
#define NONCE  "5f3ac0ffee123456"

static const struct {
	const char *name;
	enum cryo_forked_form form;
} written[] = {
	{ "cipher.img", CRYO_FORKED_EMPTY },
	{ "core-1.img", CRYO_FORKED_ENCRYPTED },
	{ "cgroup.img", CRYO_FORKED_ENCRYPTED },
	{ "fdinfo-2.img", CRYO_FORKED_ENCRYPTED },
	{ "files.img", CRYO_FORKED_ENCRYPTED },
	{ "pagemap-1.img", CRYO_FORKED_ENCRYPTED },
	{ "pstree.img", CRYO_FORKED_ENCRYPTED },
	{ "inventory.img", CRYO_FORKED_ENCRYPTED }, /* one magic word */
	{ "seccomp.img", CRYO_FORKED_EMPTY },	    /* a message without a field */
	{ "pipes-data.img", CRYO_FORKED_ENCRYPTED },
	{ "fifo-data.img", CRYO_FORKED_ENCRYPTED },
	{ "sk-queues.img", CRYO_FORKED_ENCRYPTED },
	{ "ipcns-sem-11.img", CRYO_FORKED_ENCRYPTED },
	{ "ipcns-msg-11.img", CRYO_FORKED_ENCRYPTED },
	{ "ghost-file-1.img", CRYO_FORKED_ENCRYPTED },
	{ "ghost-file-2.img", CRYO_FORKED_CLEAR },
	{ "tmpfs-dev-59.tar.gz.img", CRYO_FORKED_ENCRYPTED },
	{ "iptables-10.img", CRYO_FORKED_ENCRYPTED },
	{ "pages-2.img", CRYO_FORKED_ENCRYPTED },
	{ "ifaddr-10.img", CRYO_FORKED_CLEAR },
	{ "rule-10.img", CRYO_FORKED_CLEAR },
};

static char *path;
static struct cryo_err err;

static int setup(void **state)
{
	err = (struct cryo_err)CRYO_ERR_INIT;
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

static void read_written(const char *name, struct cryo_str *out)
{
	cryo_auto(cryo_free) char *file = cryo_asprintf(IMAGES "/%s", name);

	assert_int_equal(cryo_fs_read(file, 1u << 20, out, &err), 0);
}

static void what_the_branch_writes(void **state)
{
	struct cryo_forked f = { 0 };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(written); i++) {
		cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

		print_message("# %s\n", written[i].name);
		read_written(written[i].name, &s);
		assert_int_equal(cryo_forked_take(&f, written[i].name, s.p, s.len, s.len),
				 written[i].form);
	}
	assert_int_equal(f.key_bits, 4096);
	assert_int_equal(f.encrypted, 16);
	assert_int_equal(f.clear.n, 3);
	assert_string_equal(f.clear.v[0],
			    "ghost-file-2.img: the content of a deleted file of 12 KiB or more");
	assert_int_equal(f.plain.n, 0);
	assert_true(f.padding);
	cryo_forked_release(&f);
}

#define MAGIC		"\x19\x43\x56\x54"
#define PSTREE		MAGIC "\x30\x30\x27\x50"
#define ENTRY		"\x06\0\0\0\x08\x01\x10\x00\x28\x01"
#define ROW(name, data) name, data, sizeof(data) - 1

/* Beside a cipher.img, an image as every other CRIU writes it. */
static void what_it_does_not_write(void **state)
{
	static const struct {
		const char *name, *data;
		size_t len;
		enum cryo_forked_form form;
	} row[] = {
		{ ROW("pstree.img", PSTREE ENTRY), CRYO_FORKED_PLAIN },
		{ ROW("pstree.img", PSTREE ENTRY ENTRY ENTRY ENTRY ENTRY), CRYO_FORKED_PLAIN },
		{ ROW("pstree.img", PSTREE), CRYO_FORKED_EMPTY },
		{ ROW("pstree.img", PSTREE "\0\0\0\0"), CRYO_FORKED_EMPTY },
		{ ROW("pstree.img", PSTREE "\xff\xff\xff\xff"), CRYO_FORKED_PLAIN },
		{ ROW("pstree.img", PSTREE "\x06\0"), CRYO_FORKED_PLAIN },
		{ ROW("pipes-data.img", PSTREE "\x04\0\0\0\x08\x01\x10\x1c"
					       "a pipe holds this text, of 28"),
		  CRYO_FORKED_PLAIN },
		{ ROW("ghost-file-1.img", PSTREE ENTRY "the text of a file that was deleted"),
		  CRYO_FORKED_PLAIN },
		{ ROW("tmpfs-dev-1.tar.gz.img", "\x1f\x8b\x08\0plain"), CRYO_FORKED_PLAIN },
		{ ROW("tmpfs-dev-1.tar.gz.img", ""), CRYO_FORKED_EMPTY },
		{ ROW("pages-1.img", "not whole pages"), CRYO_FORKED_PLAIN },
		{ ROW("pages-1.img", ""), CRYO_FORKED_EMPTY },
		{ ROW("route-10.img", ""), CRYO_FORKED_EMPTY },
		{ ROW("anything.img", ""), CRYO_FORKED_EMPTY },
		{ ROW("anything.img", "x"), CRYO_FORKED_EMPTY },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_forked f = { 0 };

		print_message("# row %zu %s\n", i, row[i].name);
		assert_int_equal(
		    cryo_forked_take(&f, row[i].name, row[i].data, row[i].len, row[i].len),
		    row[i].form);
		assert_int_equal(f.plain.n, row[i].form == CRYO_FORKED_PLAIN);
		cryo_forked_release(&f);
	}
}

/* Of an image of megabytes only the begin is looked at. */
static void long_images(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str plain = { 0 }, sealed = { 0 };
	struct cryo_forked f = { 0 };
	uint32_t noise = 1;

	(void)state;
	cryo_str_addn(&plain, PSTREE, 8);
	cryo_str_addn(&sealed, PSTREE, 8);
	while (sealed.len < 2u << 20) {
		cryo_str_addn(&plain, ENTRY ENTRY ENTRY, 30);
		cryo_str_addn(&sealed, ENTRY, 4);
		for (int i = 0; i < 6 + 28; i++) {
			noise = noise * 1103515245 + 12345;
			cryo_str_addn(&sealed, (char[]){ (char)(noise >> 16) }, 1);
		}
	}
	assert_int_equal(cryo_forked_take(&f, "files.img", plain.p, 1u << 20, plain.len),
			 CRYO_FORKED_PLAIN);
	assert_int_equal(cryo_forked_take(&f, "files.img", sealed.p, 1u << 20, sealed.len),
			 CRYO_FORKED_ENCRYPTED);
	cryo_forked_release(&f);
}

/* Cut short anywhere, and long ones of which only the begin is looked at. */
static void parts_of_images(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(written); i++) {
		cryo_auto(cryo_str_release) struct cryo_str s = { 0 };
		struct cryo_forked f = { 0 };

		read_written(written[i].name, &s);
		for (size_t n = 0; n < s.len && n < 3000; n++) {
			cryo_auto(cryo_free) char *part = malloc(n ? n : 1); /* for asan */

			assert_non_null(part);
			memcpy(part, s.p, n);
			cryo_forked_take(&f, written[i].name, part, n, n);
			cryo_forked_take(&f, written[i].name, part, n, s.len);
		}
		cryo_forked_release(&f);
	}
}

/* An archive with what was written, without what is in clear unless `clear`, and one plain image if
 * `plain`. */
static void put_archive(bool clear, bool plain)
{
	cryo_auto(cryo_fd_close) int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = cryo_tar_writer_new(fd);

	for (size_t i = 0; i < CRYO_ARRAY_LEN(written); i++) {
		cryo_auto(cryo_free) char *name = cryo_asprintf("checkpoint/%s", written[i].name);
		cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

		read_written(written[i].name, &s);
		if (!clear && written[i].form == CRYO_FORKED_CLEAR)
			continue;
		assert_int_equal(cryo_tar_add_data(w, name, 0600, s.p, s.len, &err), 0);
	}
	if (plain)
		assert_int_equal(cryo_tar_add_data(w, "checkpoint/core-9.img", 0600, PSTREE ENTRY,
						   sizeof(PSTREE ENTRY) - 1, &err),
				 0);
	assert_int_equal(cryo_tar_finish(w, &err), 0);
}

static void whole_archives(void **state)
{
	static const struct {
		bool clear, plain;
		const char *nonce;
		enum cryo_ciphertext_reason reason;
		const char *text;
	} row[] = {
		{ true, false, NONCE, CRYO_CIPHERTEXT_CLEAR_PARTS,
		  "16 images fork-encrypted, but not ghost-file-2.img: the content of" },
		{ false, false, NONCE, CRYO_CIPHERTEXT_OK,
		  "16 images fork-encrypted, the canary is nowhere" },
		{ false, false, "", CRYO_CIPHERTEXT_NO_CANARY, "no nonce is known" },
		{ false, true, NONCE, CRYO_CIPHERTEXT_PLAIN_MEMBER, "but not core-9.img" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_contents_release) struct cryo_contents c = { 0 };
		struct cryo_ciphertext v;

		put_archive(row[i].clear, row[i].plain);
		assert_int_equal(cryo_contents_load(path, &c, &err), 0);
		assert_string_equal(c.encryption, "criu");
		assert_int_equal(c.forked.encrypted, 16);
		assert_int_equal(c.n, 0);
		assert_int_equal(cryo_ciphertext_judge(path, row[i].nonce, &v, &err), 0);
		print_message("# %s\n", v.text);
		assert_int_equal(v.reason, row[i].reason);
		assert_true(v.sealed);
		assert_int_equal(v.images, 16);
		assert_non_null(strstr(v.text, row[i].text));
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_the_branch_writes), TEST(what_it_does_not_write), TEST(long_images),
		TEST(parts_of_images),	      TEST(whole_archives),
	};

	return cmocka_run_group_tests_name("forked", tests, NULL, NULL) ? EXIT_FAILURE
									: EXIT_SUCCESS;
}
