/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/archive_pages.h"
#include "tests/scratch.h"

#include "image/tar.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MIB (1u << 20)
#define REF "checkpoint/" CRYO_PAGES_REF

static char *archive, *light;

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	archive = cryo_asprintf("%s/archive.tar", scratch_dir);
	light = cryo_asprintf("%s/light.tar", scratch_dir);
	return 0;
}

static int teardown(void **state)
{
	cryo_freep(&archive);
	cryo_freep(&light);
	return scratch_teardown(state);
}

static void names(void **state)
{
	static const char *const good[] = { "pages-1.img", "pages-0.img", "pages-4294967295.img" };
	static const char *const bad[] = { "",
					   "pages-.img",
					   "pages-1.img2",
					   "pages-1a.img",
					   "../pages-1.img",
					   "pages-12345678901.img",
					   "pagemap-1.img",
					   "pages-1",
					   "pages--1.img" };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(good); i++)
		assert_true(cryo_pages_is_name(good[i]));
	for (size_t i = 0; i < CRYO_ARRAY_LEN(bad); i++)
		if (cryo_pages_is_name(bad[i]))
			fail_msg("'%s'", bad[i]);
}

#define FILES(text)		  "{\"version\":1,\"source\":\"" HEX "\",\"files\":[" text "]}"
#define ONE(name, at, size, more) "{\"name\":\"" name "\",\"at\":" at ",\"size\":" size more "}"

static void references(void **state)
{
	static const char *const good[] = {
		FILES(ONE("pages-1.img", "512", "4096", ",\"sum\":\"" HEX "\"")),
		FILES(ONE("pages-1.img", "0", "0", "")),
		FILES(ONE("pages-1.img", "0", "1", "") "," ONE("pages-2.img", "0", "1", "")),
	};
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		FILES(""),
		"{\"version\":2,\"source\":\"" HEX
		"\",\"files\":[" ONE("pages-1.img", "0", "1", "") "]}",
		"{\"version\":1,\"source\":\"" HEX
		"0\",\"files\":[" ONE("pages-1.img", "0", "1", "") "]}",
		"{\"version\":1,\"source\":\"../" HEX
		"\",\"files\":[" ONE("pages-1.img", "0", "1", "") "]}",
		"{\"version\":1,\"files\":[" ONE("pages-1.img", "0", "1", "") "]}",
		FILES(ONE("core-1.img", "0", "1", "")),
		FILES(ONE("pages-1.img", "-1", "1", "")),
		FILES(ONE("pages-1.img", "0", "-1", "")),
		FILES(ONE("pages-1.img", "\"0\"", "1", "")),
		FILES(ONE("pages-1.img", "9223372036854775807", "9223372036854775807", "")),
		FILES(ONE("pages-1.img", "0", "1", ",\"sum\":\"12\"")),
		FILES(ONE("pages-1.img", "0", "1", "") "," ONE("pages-1.img", "0", "1", "")),
		FILES("1"),
	};
	struct cryo_err err;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(good); i++) {
		cryo_auto(cryo_pages_release) struct cryo_pages p = { 0 };
		cryo_auto(cryo_str_release) struct cryo_str again = { 0 };

		assert_int_equal(cryo_pages_parse(good[i], strlen(good[i]), &p, &err), 0);
		cryo_pages_show(&p, &again);
		assert_string_equal(cryo_str_get(&again), good[i]);
	}
	for (size_t i = 0; i < CRYO_ARRAY_LEN(bad); i++) {
		struct cryo_pages p = { 0 };

		if (cryo_pages_parse(bad[i], strlen(bad[i]), &p, &err) != -CRYO_E_CONFIG)
			fail_msg("%s", bad[i]);
		assert_null(p.file);
	}
}

/* Bytes that differ from place to place; caller frees. */
static char *make_bytes(size_t n)
{
	char *p = cryo_alloc(n + 1);

	for (size_t i = 0; i < n; i++)
		p[i] = (char)(i * 2654435761u >> 13);
	return p;
}

static int open_bytes(const char *bytes, size_t n)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/bytes", scratch_dir);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, bytes, n), n);
	return fd;
}

/* By the word of the header, with one hash after the other. */
static void sum_slowly(const char *bytes, size_t n, char sum[CRYO_HASH_HEX])
{
	cryo_auto(cryo_str_release) struct cryo_str all = { 0 };
	char one[CRYO_HASH_HEX];

	for (size_t at = 0; at < n; at += MIB) {
		cryo_hash_bytes(bytes + at, n - at < MIB ? n - at : MIB, one);
		cryo_str_add(&all, one);
	}
	cryo_hash_bytes(cryo_str_get(&all), all.len, sum);
}

static void sums(void **state)
{
	static const size_t sizes[] = { 0, 1, 4096, MIB - 1, MIB, MIB + 1, 5 * MIB + 7 };
	struct cryo_err err;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(sizes); i++) {
		cryo_auto(cryo_free) char *bytes = make_bytes(sizes[i] + 3);
		cryo_auto(cryo_free) char *copy = cryo_alloc(sizes[i] + 1);
		cryo_auto(cryo_fd_close) int in = open_bytes(bytes, sizes[i] + 3);
		cryo_auto(cryo_fd_close) int out =
		    open(scratch_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		char sum[CRYO_HASH_HEX], slow[CRYO_HASH_HEX];

		sum_slowly(bytes + 3, sizes[i], slow);
		assert_int_equal(cryo_pages_sum(in, 3, sizes[i], -1, sum, &err), 0);
		assert_string_equal(sum, slow);
		assert_int_equal(cryo_pages_sum(in, 3, sizes[i], out, sum, &err), 0);
		assert_string_equal(sum, slow);
		assert_int_equal(pread(out, copy, sizes[i] + 1, 0), sizes[i]);
		assert_memory_equal(copy, bytes + 3, sizes[i]);
		assert_int_equal(cryo_pages_sum(in, 4, sizes[i] + 3, -1, sum, &err),
				 -CRYO_E_TAMPER);
	}
	assert_int_equal(cryo_pages_sum(-1, 0, 1, -1, (char[CRYO_HASH_HEX]){ 0 }, &err),
			 -CRYO_E_SYSTEM);
}

/* ---- archives ---- */

struct member {
	const char *name;
	size_t size;
};

static void put_archive(const struct member *m)
{
	cryo_auto(cryo_fd_close) int fd = open(archive, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = cryo_tar_writer_new(fd);
	struct cryo_err err;

	assert_int_equal(cryo_tar_add_dir(w, "checkpoint", 0700, &err), 0);
	for (; m->name; m++) {
		cryo_auto(cryo_free) char *bytes = make_bytes(m->size);

		assert_int_equal(cryo_tar_add_data(w, m->name, 0600, bytes, m->size, &err), 0);
	}
	assert_int_equal(cryo_tar_finish(w, &err), 0);
}

static int find_pages(bool sealed, struct cryo_pages *p, int *fd, struct cryo_err *err)
{
	*fd = open(archive, O_RDWR | O_CLOEXEC);
	return cryo_archive_pages(archive, *fd, (uint64_t)cryo_fs_size(archive), sealed, p, err);
}

/* Names and sizes in the order of the archive; the reference is parsed. */
struct seen {
	struct cryo_str text;
	struct cryo_pages pages;
};

static int see_member(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
		      struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct seen *s = arg;

	cryo_str_addf(&s->text, "%s %llu%s", e->name, (unsigned long long)e->size,
		      e->is_dir ? "/\n" : "\n");
	if (strcmp(e->name, REF) != 0)
		return 0;
	assert_int_equal(e->mode, 0600);
	cryo_tar_read_all(r, &text);
	return cryo_pages_parse(cryo_str_get(&text), text.len, &s->pages, err);
}

static const struct member usual[] = {
	{ "checkpoint/inventory.img", 30 },
	{ "checkpoint/pages-1.img", 3 * MIB + 4096 },
	{ "checkpoint/core-1.img", 900 },
	{ "checkpoint/pages-22.img", 4096 },
	{ "config.dump", 513 },
	{ "pages-3.img", 1 }, /* not CRIU's */
	{ NULL, 0 },
};

static void stripped(void **state)
{
	cryo_auto(cryo_pages_release) struct cryo_pages p = { 0 };
	cryo_auto(cryo_free) char *bytes = make_bytes(3 * MIB + 4096);
	cryo_auto(cryo_free) char *got = cryo_alloc(3 * MIB + 4096);
	cryo_auto(cryo_free) char *expected = NULL;
	cryo_auto(cryo_fd_close) int fd = -1;
	struct seen seen = { 0 };
	struct cryo_err err;
	cryo_auto(cryo_str_release) struct cryo_str ref = { 0 };

	(void)state;
	put_archive(usual);
	assert_int_equal(find_pages(false, &p, &fd, &err), 0);
	assert_int_equal(p.n, 2);
	for (size_t i = 0; i < p.n; i++) {
		assert_int_equal(pread(fd, got, p.file[i].size, (off_t)p.file[i].at),
				 p.file[i].size);
		assert_memory_equal(got, bytes, p.file[i].size);
	}
	cryo_pages_show(&p, &ref);
	assert_int_equal(cryo_archive_strip(fd, (uint64_t)cryo_fs_size(archive), &p, light, &err),
			 0);
	assert_int_equal(cryo_tar_walk(light, see_member, &seen, &err), 0);
	expected = cryo_asprintf("checkpoint 0/\ncheckpoint/inventory.img 30\n" REF
				 " %zu\ncheckpoint/core-1.img 900\nconfig.dump 513\n"
				 "pages-3.img 1\n",
				 ref.len);
	assert_string_equal(cryo_str_get(&seen.text), expected);
	assert_string_equal(seen.pages.source, p.source);
	assert_true(cryo_fs_size(light) < 10000);
	cryo_str_release(&seen.text);
	cryo_pages_release(&seen.pages);
}

/* Anything else in it, or at another place, is another source; nothing else is. */
static void source_names(void **state)
{
	static const off_t at[] = { 0, 2 * 512 + 5, 4 * 512 + 77, 3 * (off_t)MIB };
	char first[CRYO_HASH_HEX];
	struct cryo_err err;

	(void)state;
	put_archive(usual);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(at); i++) {
		cryo_auto(cryo_pages_release) struct cryo_pages p = { 0 };
		cryo_auto(cryo_fd_close) int fd = -1;

		assert_int_equal(find_pages(false, &p, &fd, &err), 0);
		if (i == 0)
			strcpy(first, p.source);
		else
			assert_string_not_equal(p.source, first);
		cryo_pages_release(&p);
		put_archive(usual);
		close(fd);
		assert_int_equal(find_pages(false, &p, &fd, &err), 0);
		assert_string_equal(p.source, first);
		if (i + 1 < CRYO_ARRAY_LEN(at))
			assert_int_equal(pwrite(fd, "~", 1, at[i + 1]), 1);
	}
}

/* A sealed set tells by itself whether its pages are right. */
static void sealed_archive(void **state)
{
	cryo_auto(cryo_pages_release) struct cryo_pages p = { 0 };
	cryo_auto(cryo_fd_close) int fd = -1;
	struct cryo_err err;

	(void)state;
	put_archive(usual);
	assert_int_equal(find_pages(true, &p, &fd, &err), 0);
	assert_int_equal(p.n, 2);
	assert_string_equal(p.file[0].sum, "");
	assert_int_equal(strlen(p.source), CRYO_HASH_HEX - 1);
}

static void unfit_archives(void **state)
{
	static const struct member none[] = { { "checkpoint/core-1.img", 9 }, { NULL, 0 } };
	static const struct member twice[] = { { "checkpoint/pages-1.img", 9 },
					       { "checkpoint/pages-1.img", 9 },
					       { NULL, 0 } };
	static const struct member hostile[] = { { "checkpoint/pages-1.img", 9 },
						 { REF, 9 },
						 { NULL, 0 } };
	static const struct {
		const struct member *members;
		int rc;
	} row[] = { { none, 0 }, { twice, 0 }, { hostile, -CRYO_E_CONFIG } };
	struct cryo_err err;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_pages_release) struct cryo_pages p = { 0 };
		cryo_auto(cryo_fd_close) int fd = -1;

		put_archive(row[i].members);
		assert_int_equal(find_pages(false, &p, &fd, &err), row[i].rc);
		assert_int_equal(p.n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),	  cmocka_unit_test(references),
		cmocka_unit_test(sums),		  cmocka_unit_test(stripped),
		cmocka_unit_test(source_names),	  cmocka_unit_test(sealed_archive),
		cmocka_unit_test(unfit_archives),
	};

	return cmocka_run_group_tests_name("pages", tests, setup, teardown);
}
