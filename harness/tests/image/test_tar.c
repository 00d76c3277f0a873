/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tar.h"
#include "tests/scratch.h"

#include "sys/fs.h"
#include "sys/hash.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A directory, a small file, an empty one, one of several blocks, one with a long name. */
static void write_sample(const char *path)
{
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = NULL;
	cryo_auto(cryo_fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char big[3000], name[221];
	struct cryo_err err;

	assert_true(fd >= 0);
	memset(big, 'b', sizeof(big));
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	scratch_put_bytes(scratch_dir, "source", "from a file\n", 12, 0600);
	w = cryo_tar_writer_new(fd);
	assert_int_equal(cryo_tar_add_dir(w, "d", 0755, &err), 0);
	assert_int_equal(cryo_tar_add_data(w, "d/small", 0644, "hello", 5, &err), 0);
	assert_int_equal(cryo_tar_add_data(w, "empty", 0600, "", 0, &err), 0);
	assert_int_equal(cryo_tar_add_file(w, "d/file", 0755, scratch_at("source"), &err), 0);
	assert_int_equal(cryo_tar_add_data(w, name, 0644, big, sizeof(big), &err), 0);
	assert_int_equal(cryo_tar_finish(w, &err), 0);
}

struct seen {
	struct cryo_str list;
	bool read; /* the content too */
	size_t stop_after;
	size_t n;
};

static int note(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
		struct cryo_err *err)
{
	struct seen *s = arg;
	size_t got = 0;
	char buf[700];
	ssize_t n = 0;

	(void)err;
	while (s->read && (n = cryo_tar_read(r, buf, sizeof(buf))) > 0)
		got += (size_t)n;
	if (n == 0 && s->read)
		assert_int_equal(got, e->size);
	cryo_str_addf(&s->list, "%.10s%s:%o:%d ", e->name, e->is_dir ? "/" : "", (unsigned)e->mode,
		      (int)e->size);
	return ++s->n == s->stop_after;
}

static void round_trip(void **state)
{
	static const char *const want =
	    "d/:755:0 d/small:644:5 empty:600:0 d/file:755:12 nnnnnnnnnn:644:3000 ";
	struct cryo_err err;

	(void)state;
	write_sample(scratch_at("a.tar"));
	for (int read = 0; read < 2; read++) {
		cryo_auto(cryo_str_release) struct cryo_str list = { 0 };
		struct seen s = { .read = read };

		assert_int_equal(cryo_tar_walk(scratch_at("a.tar"), note, &s, &err), 0);
		list = s.list;
		assert_string_equal(cryo_str_get(&list), want);
	}
}

static void stops_when_told(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str list = { 0 };
	struct seen s = { .stop_after = 2 };
	struct cryo_err err;

	(void)state;
	write_sample(scratch_at("a.tar"));
	assert_int_equal(cryo_tar_walk(scratch_at("a.tar"), note, &s, &err), 0);
	list = s.list;
	assert_int_equal(s.n, 2);
}

static void same_bytes_again(void **state)
{
	char first[CRYO_HASH_HEX], second[CRYO_HASH_HEX];
	struct cryo_err err;
	mode_t old;

	(void)state;
	write_sample(scratch_at("a.tar"));
	usleep(1100000); /* tar times are whole seconds */
	old = umask(0077);
	write_sample(scratch_at("b.tar"));
	umask(old);
	assert_int_equal(cryo_hash_file(scratch_at("a.tar"), first, &err), 0);
	assert_int_equal(cryo_hash_file(scratch_at("b.tar"), second, &err), 0);
	assert_string_equal(first, second);
}

static void every_cut_is_noticed(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str whole = { 0 };
	struct cryo_err err;

	(void)state;
	write_sample(scratch_at("a.tar"));
	assert_int_equal(cryo_fs_read(scratch_at("a.tar"), 1 << 20, &whole, &err), 0);
	for (size_t len = 0; len < whole.len; len += 256) {
		scratch_put_bytes(scratch_dir, "cut.tar", whole.p, len, 0600);
		for (int read = 0; read < 2; read++) {
			cryo_auto(cryo_str_release) struct cryo_str list = { 0 };
			struct seen s = { .read = read };
			int rc = cryo_tar_walk(scratch_at("cut.tar"), note, &s, &err);

			list = s.list;
			assert_int_equal(rc, -CRYO_E_CONFIG);
			assert_non_null(strstr(err.msg, len == 0    ? "is empty"
							: len < 512 ? ""
								    : "truncated"));
		}
	}
}

static void bytes_behind_the_end(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str whole = { 0 }, list = { 0 };
	struct seen s = { 0 };
	struct cryo_err err;

	(void)state;
	write_sample(scratch_at("a.tar"));
	assert_int_equal(cryo_fs_read(scratch_at("a.tar"), 1 << 20, &whole, &err), 0);
	cryo_str_add(&whole, "what an older, longer file of that name left here");
	scratch_put_bytes(scratch_dir, "tail.tar", whole.p, whole.len, 0600);
	assert_int_equal(cryo_tar_walk(scratch_at("tail.tar"), note, &s, &err), 0);
	list = s.list;
	assert_int_equal(s.n, 5);
}

static void compressed(void **state)
{
	cryo_auto(cryo_free) char *path = cryo_strdup(scratch_at("a.tar"));
	const char *const argv[] = { "gzip", "-k", path, NULL };
	cryo_auto(cryo_str_release) struct cryo_str whole = { 0 }, list = { 0 };
	struct cryo_proc p = CRYO_PROC_INIT;
	struct seen s = { 0 };
	struct cryo_err err;

	(void)state;
	write_sample(scratch_at("a.tar"));
	p.argv = argv;
	p.timeout_ms = 10000;
	assert_int_equal(cryo_proc_run(&p, NULL, &err), 0);
	assert_int_equal(cryo_tar_walk(scratch_at("a.tar.gz"), note, &s, &err), 0);
	list = s.list;
	assert_int_equal(s.n, 5);
	assert_int_equal(cryo_fs_read(scratch_at("a.tar.gz"), 1 << 20, &whole, &err), 0);
	scratch_put_bytes(scratch_dir, "cut.gz", whole.p, whole.len / 2, 0600);
	s = (struct seen){ .stop_after = 100 };
	assert_int_equal(cryo_tar_walk(scratch_at("cut.gz"), note, &s, &err), -CRYO_E_CONFIG);
	cryo_str_release(&s.list);
}

/* One ustar header, with its checksum, and the end marker behind it. */
static void put_raw(const char *file, const char *name, char type, const char *size,
		    const char *link)
{
	char tar[3 * 512] = { 0 };
	unsigned sum = 0;

	strncpy(tar, name, 100);
	memcpy(tar + 100, "0000644", 8);
	memcpy(tar + 108, "0000000", 8);
	memcpy(tar + 116, "0000000", 8);
	memcpy(tar + 124, size, 12);
	memcpy(tar + 136, "00000000000", 12);
	memset(tar + 148, ' ', 8);
	tar[156] = type;
	strncpy(tar + 157, link, 100);
	memcpy(tar + 257,
	       "ustar\0"
	       "00",
	       8);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)tar[i];
	snprintf(tar + 148, 8, "%06o", sum);
	scratch_put_bytes(scratch_dir, file, tar, sizeof(tar), 0600);
}

static void hostile_entries(void **state)
{
	static const struct {
		const char *name, *size, *link, *want;
		char type;
	} row[] = {
		{ "fine", "00000000000", "", NULL, '0' },
		{ "./fine", "00000000000", "", NULL, '0' },
		{ "./", "00000000000", "", NULL, '5' },
		{ "/etc/passwd", "00000000000", "", "unsafe name", '0' },
		{ "../up", "00000000000", "", "unsafe name", '0' },
		{ "a/../../up", "00000000000", "", "unsafe name", '0' },
		{ "a/..", "00000000000", "", "unsafe name", '5' },
		{ "..", "00000000000", "", "unsafe name", '5' },
		{ "a//b", "00000000000", "", "unsafe name", '0' },
		{ "a/./b", "00000000000", "", "unsafe name", '0' },
		{ "", "00000000000", "", "unsafe name", '0' },
		{ "/", "00000000000", "", "unsafe name", '5' },
		{ "link", "00000000000", "fine", "neither", '2' },
		{ "hard", "00000000000", "fine", "neither", '1' },
		{ "device", "00000000000", "", "neither", '3' },
		{ "fifo", "00000000000", "", "neither", '6' },
		{ "long", "77777777777", "", "truncated", '0' },
		{ "huge", "\x80\0\0\0\0\0\x80\0\0\0\0\0", "", "expands to too much", '0' },
		{ "below", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xf0", "", "", '0' },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str list = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;
		struct seen s = { 0 };
		int rc;

		print_message("# %zu: '%s'\n", i, row[i].name);
		put_raw("raw.tar", row[i].name, row[i].type, row[i].size, row[i].link);
		rc = cryo_tar_walk(scratch_at("raw.tar"), note, &s, &err);
		list = s.list;
		assert_int_equal(rc, row[i].want ? -CRYO_E_CONFIG : 0);
		if (row[i].want)
			assert_non_null(strstr(err.msg, row[i].want));
	}
}

static void not_an_archive(void **state)
{
	static const char zeros[2048];
	struct cryo_err err;
	struct seen s = { 0 };

	(void)state;
	scratch_put_bytes(scratch_dir, "text", "this is a text, and no tar\n", 27, 0600);
	scratch_put_bytes(scratch_dir, "zeros", zeros, sizeof(zeros), 0600);
	assert_int_equal(mkfifo(scratch_at("fifo"), 0600), 0);
	assert_int_equal(cryo_tar_walk(scratch_at("text"), note, &s, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "is not a tar archive"));
	assert_int_equal(cryo_tar_walk(scratch_at("zeros"), note, &s, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "is empty"));
	assert_int_equal(cryo_tar_walk(scratch_at("fifo"), note, &s, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "is not a regular file"));
	assert_int_equal(cryo_tar_walk(scratch_dir, note, &s, &err), -CRYO_E_CONFIG);
	assert_int_equal(cryo_tar_walk(scratch_at("none"), note, &s, &err), -CRYO_E_CONFIG);
	assert_int_equal(s.n, 0);
}

static void write_failures(void **state)
{
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = NULL;
	cryo_auto(cryo_fd_close) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	static char big[1 << 20];
	struct cryo_err err;

	(void)state;
	assert_true(fd >= 0);
	w = cryo_tar_writer_new(fd);
	assert_int_equal(cryo_tar_add_file(w, "none", 0600, scratch_at("none"), &err),
			 -CRYO_E_SYSTEM);
	assert_int_equal(cryo_tar_add_file(w, "dir", 0600, scratch_dir, &err), -CRYO_E_CONFIG);
	assert_int_equal(cryo_tar_add_data(w, "big", 0600, big, sizeof(big), &err), -CRYO_E_SYSTEM);
	assert_non_null(strstr(err.msg, "No space left"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trip, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(stops_when_told, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(same_bytes_again, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(every_cut_is_noticed, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(bytes_behind_the_end, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(compressed, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(hostile_entries, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(not_an_archive, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(write_failures, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
