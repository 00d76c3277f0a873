/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/seal/seal_world.h"
#include "tests/scratch.h"

#define FIRST 1048520
#define NEXT  1048560
#define PAGES (FIRST + NEXT + 1000) /* three segments */

static struct person rsa, ec, ec384, stranger;
static char *src, *set, *other, *out;

static int people(void **state)
{
	(void)state;
	rsa = make_person(EVP_RSA_gen(2048));
	ec = make_person(EVP_EC_gen("P-256"));
	ec384 = make_person(EVP_EC_gen("P-384"));
	stranger = make_person(EVP_EC_gen("P-256"));
	return 0;
}

static int no_people(void **state)
{
	(void)state;
	person_release(&rsa);
	person_release(&ec);
	person_release(&ec384);
	person_release(&stranger);
	return 0;
}

static char *subdir(const char *name)
{
	char *path = cryo_asprintf("%s/%s", scratch_dir, name);

	assert_int_equal(mkdir(path, 0700), 0);
	return path;
}

static int world(void **state)
{
	assert_int_equal(scratch_setup(state), 0);
	src = subdir("src");
	out = subdir("out");
	set = scratch_path("set");
	other = scratch_path("other");
	put_file(src, "core-1.img", 0, 0);
	put_file(src, "core-2.img", 700, 1);
	put_file(src, "core-3.img", 700, 2);
	put_file(src, "pages-1.img", PAGES, 3);
	put_file(src, "descriptors.json", 20, 4);
	put_file(src, "dump.log", 20, 5);
	return 0;
}

static int no_world(void **state)
{
	free(src);
	free(set);
	free(other);
	free(out);
	return scratch_teardown(state);
}

static void make(const char *where, const struct person *to, const struct person *signer)
{
	const struct cryo_seal_writer_opts o = { .recipient = to->cert,
						 .signer_cert = signer ? signer->cert : NULL,
						 .signer_key = signer ? signer->key : NULL,
						 .criu = "4.1.1" };
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_seal_path(src, where, &o, &err) < 0)
		fail_msg("%s", err.msg);
}

/* Into out/: -status. After a refusal nothing may be there. */
static int open_set(const char *where, const struct cryo_seal_reader_opts *o, struct cryo_err *err)
{
	cryo_auto(cryo_seal_reader_free) struct cryo_seal_reader *r = NULL;
	cryo_auto(cryo_fd_close) int in = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cryo_auto(cryo_fd_close) int to = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = cryo_seal_reader_new(in, o, &r, err);

	if (rc == 0)
		rc = cryo_seal_reader_all(r, to, err);
	if (rc < 0)
		assert_int_equal(count_files(out), 0);
	return rc;
}

static int open_as(const struct person *who)
{
	const struct cryo_seal_reader_opts o = { .key = who->key };
	struct cryo_err err = CRYO_ERR_INIT;
	int rc = open_set(set, &o, &err);

	if (rc < 0)
		print_message("#   %s\n", err.msg);
	return rc;
}

static void assert_same(const char *name)
{
	cryo_auto(cryo_str_release) struct cryo_str a = get_file(src, name),
						    b = get_file(out, name);

	assert_int_equal(a.len, b.len);
	assert_memory_equal(cryo_str_get(&a), cryo_str_get(&b), a.len);
}

static void round_trip(void **state)
{
	const struct person *row[] = { &rsa, &ec, &ec384 };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str plain = { 0 }, sealed = { 0 };

		if (i > 0)
			no_world(state), world(state);
		make(set, row[i], NULL);
		assert_int_equal(count_files(set), 6); /* four, seal.cms, descriptors.json */
		plain = get_file(src, "core-2.img");
		sealed = get_file(set, "pages-1.img");
		assert_null(memmem(sealed.p, sealed.len, plain.p, 16));
		assert_int_equal(open_as(row[i]), 0);
		assert_int_equal(count_files(out), 4);
		assert_same("core-1.img");
		assert_same("core-2.img");
		assert_same("pages-1.img");
	}
}

static char *in_set(const char *name)
{
	return cryo_asprintf("%s/%s", set, name);
}

static void cut(const char *name, off_t size)
{
	cryo_auto(cryo_free) char *path = in_set(name);

	assert_int_equal(truncate(path, size), 0);
}

static void append(const char *name, const void *data, size_t n)
{
	cryo_auto(cryo_free) char *path = in_set(name);
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(write(fd, data, n), n);
	close(fd);
}

static void take_from(const char *from, const char *name)
{
	cryo_auto(cryo_free) char *a = cryo_asprintf("%s/%s", from, name);
	cryo_auto(cryo_free) char *b = in_set(name);
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_fs_copy(a, b, 0600, &err), 0);
}

static void flip_salt(void)
{
	flip(set, "core-2.img", 1);
}
static void flip_length(void)
{
	flip(set, "core-2.img", 0);
}
static void flip_prefix(void)
{
	flip(set, "core-2.img", 39);
}
static void flip_text(void)
{
	flip(set, "pages-1.img", 1500000);
}
static void flip_last(void)
{
	flip(set, "pages-1.img", -20);
}
static void flip_tag(void)
{
	flip(set, "core-1.img", -1);
}
static void cut_one(void)
{
	cut("pages-1.img", (off_t)cryo_seal_stream_size(PAGES) - 1);
}
static void cut_segment_1(void)
{
	cut("pages-1.img", (off_t)CRYO_SEAL_SEGMENT);
}
static void cut_segment_2(void)
{
	cut("pages-1.img", 2 * (off_t)CRYO_SEAL_SEGMENT);
}
static void cut_header(void)
{
	cut("core-2.img", CRYO_SEAL_HEADER);
}
static void cut_all(void)
{
	cut("core-1.img", 0);
}
static void append_byte(void)
{
	append("core-2.img", "x", 1);
}
static void append_last(void)
{
	cryo_auto(cryo_str_release) struct cryo_str s = get_file(set, "pages-1.img");

	append("pages-1.img", s.p + 2 * CRYO_SEAL_SEGMENT, s.len - 2 * CRYO_SEAL_SEGMENT);
}
static void drop(void)
{
	cryo_auto(cryo_free) char *path = in_set("core-2.img");

	unlink(path);
}
static void add(void)
{
	put_file(set, "core-4.img", 100, 9);
}
static void add_hidden(void)
{
	put_file(set, ".x", 1, 9);
}
static void add_dir(void)
{
	cryo_auto(cryo_free) char *path = in_set("sub");

	mkdir(path, 0700);
}
static void swap(void)
{
	cryo_auto(cryo_free) char *a = in_set("core-2.img"), *b = in_set("core-3.img");

	assert_int_equal(renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE), 0);
}
static void rename_one(void)
{
	cryo_auto(cryo_free) char *a = in_set("core-2.img"), *b = in_set("core-9.img");

	rename(a, b);
}
static void link_one(void)
{
	cryo_auto(cryo_free) char *a = in_set("core-2.img"), *b = in_set("stats-dump");

	rename(a, b);
	assert_int_equal(symlink("stats-dump", a), 0);
}
static void pipe_one(void)
{
	cryo_auto(cryo_free) char *a = in_set("core-2.img");

	unlink(a);
	assert_int_equal(mkfifo(a, 0600), 0);
}
static void mix(void)
{
	take_from(other, "core-2.img");
}
static void older_cms(void)
{
	take_from(other, "seal.cms");
}
static void plain_file(void)
{
	take_from(src, "core-2.img");
}
static void plain_padded(void)
{
	put_file(set, "core-2.img", 756, 1);
}
static void no_cms(void)
{
	cryo_auto(cryo_free) char *path = in_set("seal.cms");

	unlink(path);
}
static void cut_cms(void)
{
	cut("seal.cms", 100);
}
static void empty_cms(void)
{
	cut("seal.cms", 0);
}
static void append_cms(void)
{
	append("seal.cms", "", 1);
}

static void refused(void **state)
{
	static const struct {
		const char *name;
		void (*change)(void);
	} row[] = {
		{ "length byte flipped", flip_length },
		{ "salt flipped", flip_salt },
		{ "nonce prefix flipped", flip_prefix },
		{ "second segment flipped", flip_text },
		{ "last segment flipped", flip_last },
		{ "tag of an empty file flipped", flip_tag },
		{ "one byte shorter", cut_one },
		{ "cut after segment 1", cut_segment_1 },
		{ "cut after segment 2", cut_segment_2 },
		{ "cut after the header", cut_header },
		{ "cut to nothing", cut_all },
		{ "a byte appended", append_byte },
		{ "a segment appended", append_last },
		{ "a file dropped", drop },
		{ "a file added", add },
		{ "a hidden file added", add_hidden },
		{ "a directory added", add_dir },
		{ "two files swapped", swap },
		{ "a file renamed", rename_one },
		{ "a link for a file", link_one },
		{ "a pipe for a file", pipe_one },
		{ "a file of another set", mix },
		{ "seal.cms of an older set", older_cms },
		{ "a plain file", plain_file },
		{ "a plain file of the right size", plain_padded },
		{ "no seal.cms", no_cms },
		{ "seal.cms cut", cut_cms },
		{ "seal.cms empty", empty_cms },
		{ "seal.cms longer", append_cms },
	};

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		print_message("# %s\n", row[i].name);
		no_world(state), world(state);
		make(other, &ec, NULL);
		make(set, &ec, NULL);
		row[i].change();
		assert_int_equal(open_as(&ec), -CRYO_E_TAMPER);
	}
}

static void public_files_do_not_count(void **state)
{
	(void)state;
	make(set, &ec, NULL);
	put_file(set, "stats-dump", 10, 1);
	put_file(set, "restore.log", 10, 1);
	flip(set, "descriptors.json", 3);
	assert_int_equal(open_as(&ec), 0);
	assert_int_equal(count_files(out), 4);
}

static void other_keys(void **state)
{
	struct cryo_seal_reader_opts o = { .key = stranger.key };
	struct cryo_err err = CRYO_ERR_INIT;

	make(set, &ec, NULL);
	assert_int_equal(open_as(&rsa), -CRYO_E_CONFIG);
	assert_true(open_as(&stranger) < 0);
	o.cert = stranger.cert;
	assert_int_equal(open_set(set, &o, &err), -CRYO_E_CONFIG);
	o.cert = ec.cert; /* of the set, but not that of the key */
	assert_int_equal(open_set(set, &o, &err), -CRYO_E_CONFIG);
	no_world(state), world(state);
	make(set, &rsa, NULL);
	assert_int_equal(open_as(&ec), -CRYO_E_CONFIG);
}

static void signatures(void **state)
{
	struct cryo_seal_reader_opts o = { .key = ec.key, .trusted = rsa.trust };
	struct cryo_err err = CRYO_ERR_INIT;

	make(set, &ec, NULL);
	assert_int_equal(open_set(set, &o, &err), -CRYO_E_TAMPER);
	assert_non_null(strstr(err.msg, "not signed"));
	no_world(state), world(state);
	make(set, &ec, &stranger);
	assert_int_equal(open_set(set, &o, &err), -CRYO_E_TAMPER);
	assert_non_null(strstr(err.msg, "none of the trusted"));
	no_world(state), world(state);
	make(set, &ec, &rsa);
	assert_int_equal(open_set(set, &o, &err), 0);
	no_world(state), world(state);
	make(set, &ec, &rsa);
	assert_int_equal(open_as(&ec), 0); /* a signature does no harm */
	no_world(state), world(state);
	make(set, &ec, &rsa);
	flip(set, "seal.cms", -3); /* in the signature, which nobody asked for */
	assert_int_equal(open_as(&ec), -CRYO_E_TAMPER);
}

/*
 * A changed byte of seal.cms is refused, also in what CMS does not authenticate: the manifest
 * says whose the envelope is (test_seal_envelope.c looks at sets that do not).
 */
static void every_byte_of_cms(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str cms = { 0 };
	const struct cryo_seal_reader_opts o = { .key = ec.key };
	cryo_auto(cryo_fd_close) int in = -1;

	(void)state;
	make(set, &ec, NULL);
	cms = get_file(set, "seal.cms");
	in = open(set, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < cms.len; i++) {
		cryo_auto(cryo_seal_reader_free) struct cryo_seal_reader *r = NULL;
		struct cryo_err err = CRYO_ERR_INIT;

		flip(set, "seal.cms", (long)i);
		if (cryo_seal_reader_new(in, &o, &r, &err) == 0)
			fail_msg("byte %zu of %zu does not matter", i, cms.len);
		flip(set, "seal.cms", (long)i);
	}
	assert_int_equal(open_as(&ec), 0);
}

static void writer_refuses(void **state)
{
	const struct cryo_seal_writer_opts o = { .recipient = ec.cert };
	static const char *const names[] = {
		"seal.cms", "descriptors.json", "a/b", "..", ".x", ""
	};
	struct cryo_seal_writer *w = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	int from = open(src, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int to = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int pages = openat(from, "pages-1.img", O_RDONLY | O_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(names); i++) {
		assert_int_equal(cryo_seal_writer_new(to, &o, &w, &err), 0);
		assert_int_equal(cryo_seal_writer_fd(w, names[i], pages, &err), -CRYO_E_CONFIG);
		assert_true(cryo_seal_writer_finish(w, &err) < 0);
		cryo_seal_writer_free(w);
	}
	assert_int_equal(cryo_seal_writer_new(to, &o, &w, &err), 0);
	assert_int_equal(cryo_seal_writer_file(w, from, "core-2.img", &err), 0);
	assert_int_equal(cryo_seal_writer_file(w, from, "core-2.img", &err), -CRYO_E_CONFIG);
	cryo_seal_writer_free(w); /* takes back what it made */
	assert_int_equal(count_files(out), 0);
	put_file(out, "core-3.img", 1, 1);
	assert_int_equal(cryo_seal_writer_new(to, &o, &w, &err), 0);
	assert_int_equal(cryo_seal_writer_dir(w, from, &err), -CRYO_E_SYSTEM); /* there already */
	cryo_seal_writer_free(w);
	assert_int_equal(count_files(out), 1); /* and not ours to remove */
	close(pages);
	close(from);
	close(to);
}

static void destination_must_be_new(void **state)
{
	const struct cryo_seal_writer_opts o = { .recipient = ec.cert };
	const struct cryo_seal_reader_opts r = { .key = ec.key };
	struct cryo_err err = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *slash = scratch_path("set/");

	(void)state;
	assert_int_equal(cryo_seal_path(src, out, &o, &err), -CRYO_E_CONFIG);
	assert_int_equal(cryo_seal_path(src, slash, &o, &err), 0);
	flip(set, "core-3.img", 60);
	assert_int_equal(cryo_seal_path_open(set, other, &r, &err), -CRYO_E_TAMPER);
	assert_false(cryo_fs_exists(other));
	assert_int_equal(count_files(scratch_dir), 3); /* src, out, set: nothing temporary */
	flip(set, "core-3.img", 60);
	assert_int_equal(cryo_seal_path_open(set, other, &r, &err), 0);
	assert_int_equal(count_files(other), 5);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trip, world, no_world),
		cmocka_unit_test_setup_teardown(refused, world, no_world),
		cmocka_unit_test_setup_teardown(public_files_do_not_count, world, no_world),
		cmocka_unit_test_setup_teardown(other_keys, world, no_world),
		cmocka_unit_test_setup_teardown(signatures, world, no_world),
		cmocka_unit_test_setup_teardown(every_byte_of_cms, world, no_world),
		cmocka_unit_test_setup_teardown(writer_refuses, world, no_world),
		cmocka_unit_test_setup_teardown(destination_must_be_new, world, no_world),
	};
	int n = cmocka_run_group_tests_name("seal set", tests, people, no_people);

	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}
