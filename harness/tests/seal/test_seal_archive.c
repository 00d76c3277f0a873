/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/seal/seal_world.h"
#include "tests/scratch.h"

#define SIZE 1500000

static struct person owner, other;
static char *plain, *sealed, *back;

static int people(void **state)
{
	(void)state;
	owner = make_person(EVP_EC_gen("P-256"));
	other = make_person(EVP_EC_gen("P-256"));
	return 0;
}

static int no_people(void **state)
{
	(void)state;
	person_release(&owner);
	person_release(&other);
	return 0;
}

static int world(void **state)
{
	assert_int_equal(scratch_setup(state), 0);
	plain = scratch_path("plain");
	sealed = scratch_path("sealed");
	back = scratch_path("back");
	put_file(scratch_dir, "plain", SIZE, 1);
	return 0;
}

static int no_world(void **state)
{
	free(plain);
	free(sealed);
	free(back);
	return scratch_teardown(state);
}

static void make(const char *to)
{
	const struct cryo_seal_writer_opts o = { .recipient = owner.cert };
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_seal_path(plain, to, &o, &err) < 0)
		fail_msg("%s", err.msg);
}

static int open_it(const struct person *who)
{
	const struct cryo_seal_reader_opts o = { .key = who->key };
	struct cryo_err err = CRYO_ERR_INIT;
	int rc = cryo_seal_path_open(sealed, back, &o, &err);

	if (rc < 0)
		print_message("#   %s\n", err.msg);
	return rc;
}

static void round_trip(void **state)
{
	static const size_t row[] = { 0, 1, 1048520, 1048521, SIZE };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str a = { 0 }, b = { 0 };

		no_world(state), world(state);
		put_file(scratch_dir, "plain", row[i], 3);
		make(sealed);
		assert_int_equal(cryo_fs_size(sealed) % 512, 0);
		assert_int_equal(open_it(&owner), 0);
		a = get_file(scratch_dir, "plain");
		b = get_file(scratch_dir, "back");
		assert_int_equal(a.len, b.len);
		assert_memory_equal(cryo_str_get(&a), cryo_str_get(&b), a.len);
	}
}

/* Header of seal.cms, itself, header of the member, itself, end: cut and flipped everywhere. */
static void refused(void **state)
{
	static const struct {
		long flip; /* 0: no */
		off_t cut; /* 0: no; -1: one byte longer */
	} row[] = {
		{ 1, 0 },   { 130, 0 },	   { 148, 0 },	   { 156, 0 },	   { 345, 0 },
		{ 530, 0 }, { 900, 0 },	   { 1030, 0 },	   { 1150, 0 },	   { 1536 + 512 + 3, 0 },
		{ -1, 0 },  { 700000, 0 }, { 1400000, 0 }, { 0, 1 },	   { 0, 512 },
		{ 0, 800 }, { 0, 1536 },   { 0, 2048 },	   { 0, 1000000 }, { 0, -1 },
	};

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		no_world(state), world(state);
		make(sealed);
		print_message("# flip %ld, cut %ld\n", row[i].flip, (long)row[i].cut);
		if (row[i].flip)
			flip(scratch_dir, "sealed", row[i].flip);
		if (row[i].cut < 0) {
			int fd = open(sealed, O_WRONLY | O_APPEND | O_CLOEXEC);

			assert_int_equal(write(fd, "x", 1), 1);
			close(fd);
		} else if (row[i].cut)
			assert_int_equal(truncate(sealed, row[i].cut), 0);
		assert_int_equal(open_it(&owner), -CRYO_E_TAMPER);
		assert_false(cryo_fs_exists(back));
		assert_int_equal(count_files(scratch_dir), 2);
	}
}

static void no_archive(void **state)
{
	const struct cryo_seal_reader_opts o = { .key = owner.key };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_seal_path_open(plain, back, &o, &err), -CRYO_E_TAMPER);
	assert_int_equal(cryo_seal_path_open("/dev/null", back, &o, &err), -CRYO_E_CONFIG);
	assert_int_equal(cryo_seal_path_open(sealed, back, &o, &err), -CRYO_E_CONFIG);
	make(sealed);
	assert_true(open_it(&other) < 0);
	assert_false(cryo_fs_exists(back));
}

/* seal.cms of one archive before the member of another. */
static void mixed(void **state)
{
	cryo_auto(cryo_free) char *second = scratch_path("second");
	cryo_auto(cryo_str_release) struct cryo_str a = { 0 }, b = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	make(sealed);
	make(second);
	a = get_file(scratch_dir, "sealed");
	b = get_file(scratch_dir, "second");
	assert_int_equal(a.len, b.len);
	memcpy(a.p, b.p, 1536);
	assert_int_equal(cryo_fs_write(sealed, a.p, a.len, 0600, &err), 0);
	assert_int_equal(open_it(&owner), -CRYO_E_TAMPER);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trip, world, no_world),
		cmocka_unit_test_setup_teardown(refused, world, no_world),
		cmocka_unit_test_setup_teardown(no_archive, world, no_world),
		cmocka_unit_test_setup_teardown(mixed, world, no_world),
	};
	int n = cmocka_run_group_tests_name("seal archive", tests, people, no_people);

	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}
