/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/seal/seal_world.h"
#include "tests/scratch.h"

#define FIRST 1048520
#define NEXT  1048560
#define NAME  "pages-1.img"

static struct person owner;
static char *set, *out;

static int world(void **state)
{
	(void)state;
	owner = make_person(EVP_EC_gen("P-256"));
	assert_int_equal(scratch_make_in("/dev/shm", &scratch_dir), 0);
	set = scratch_path("set");
	out = scratch_path("out");
	assert_int_equal(mkdir(set, 0700), 0);
	return 0;
}

static int no_world(void **state)
{
	person_release(&owner);
	free(set);
	free(out);
	return scratch_teardown(state);
}

/* A file that grows, and its writer. */
struct growing {
	int fd, to;
	struct cryo_seal_writer *w;
	struct cryo_seal_follow *f;
	struct cryo_seal_writer_opts opts;
	size_t size;
	unsigned char *data;
};

static void growing_init(struct growing *g, bool punch, size_t most)
{
	struct cryo_err err = CRYO_ERR_INIT;

	*g = (struct growing){ .opts.recipient = owner.cert };
	g->fd = open("/dev/shm", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	g->to = open(set, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g->data = cryo_alloc(most + 1);
	pattern(g->data, most, 7);
	assert_int_equal(cryo_seal_writer_new(g->to, &g->opts, &g->w, &err), 0);
	assert_int_equal(cryo_seal_follow_new(g->w, NAME, g->fd, punch, &g->f, &err), 0);
}

static void growing_release(struct growing *g)
{
	cryo_seal_writer_free(g->w);
	free(g->data);
	close(g->fd);
	close(g->to);
}

static void grow(struct growing *g, size_t n)
{
	assert_int_equal(pwrite(g->fd, g->data + g->size, n, (off_t)g->size), n);
	g->size += n;
}

static uint64_t feed(struct growing *g, uint64_t most)
{
	struct cryo_err err = CRYO_ERR_INIT;
	uint64_t consumed = 0;

	assert_int_equal(cryo_seal_follow_feed(g->f, most, &consumed, &err), 0);
	return consumed;
}

static void assert_opens(const struct growing *g)
{
	const struct cryo_seal_reader_opts o = { .key = owner.key };
	cryo_auto(cryo_str_release) struct cryo_str plain = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_seal_path_open(set, out, &o, &err) < 0)
		fail_msg("%s", err.msg);
	plain = get_file(out, NAME);
	assert_int_equal(plain.len, g->size);
	assert_memory_equal(cryo_str_get(&plain), g->data, g->size);
}

static void follows(void **state)
{
	static const size_t row[][6] = {
		/* pieces it grows by */
		{ 0 },
		{ 1 },
		{ FIRST },
		{ FIRST, 1 },
		{ FIRST - 1, 1, 1 },
		{ FIRST + NEXT, NEXT, NEXT },
		{ FIRST + NEXT + 1, NEXT - 1, 4096, 4096 },
		{ 10 * NEXT, 123, 5 * NEXT + 4567 },
	};

	for (size_t i = 0; i < 2 * CRYO_ARRAY_LEN(row); i++) {
		const size_t *piece = row[i / 2];
		struct cryo_err err = CRYO_ERR_INIT;
		struct growing g;

		print_message("# row %zu, %s\n", i / 2, i % 2 ? "punched" : "kept");
		if (i > 0)
			no_world(state), world(state);
		growing_init(&g, i % 2, 17 * NEXT);
		for (size_t k = 0; k < 6; k++) {
			grow(&g, piece[k]);
			assert_true(feed(&g, 0) <= g.size);
		}
		assert_int_equal(cryo_seal_follow_finish(g.f, &err), 0);
		assert_int_equal(cryo_seal_writer_finish(g.w, &err), 0);
		assert_opens(&g);
		growing_release(&g);
	}
}

/* The newest segment waits: it could be the last. Limits are kept, holes made. */
static void steps(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct growing g;
	struct stat st;

	(void)state;
	growing_init(&g, true, 12 * NEXT);
	grow(&g, FIRST);
	assert_int_equal(feed(&g, 0), 0);
	grow(&g, 1);
	assert_int_equal(feed(&g, 0), FIRST);
	grow(&g, 10 * NEXT);
	assert_int_equal(feed(&g, 2 << 20), FIRST + 2 * NEXT);
	assert_int_equal(feed(&g, 1), FIRST + 3 * NEXT);
	assert_int_equal(feed(&g, 0), FIRST + 10 * NEXT);
	assert_int_equal(fstat(g.fd, &st), 0);
	assert_int_equal(st.st_size, g.size);
	assert_true(st.st_blocks * 512 < 4 * NEXT);
	assert_true(cryo_seal_writer_finish(g.w, &err) < 0); /* still followed */
	growing_release(&g);
	assert_int_equal(count_files(set), 0);
}

static void cut_meanwhile(struct growing *g)
{
	assert_int_equal(ftruncate(g->fd, FIRST + NEXT), 0);
}

static void written_again(struct growing *g)
{
	assert_int_equal(pwrite(g->fd, "x", 1, 5000), 1);
}

static void gone(struct growing *g)
{
	assert_int_equal(ftruncate(g->fd, 0), 0);
}

static void fails_closed(void **state)
{
	static void (*const row[])(struct growing *) = { cut_meanwhile, written_again, gone };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		struct growing g;

		if (i > 0)
			no_world(state), world(state);
		growing_init(&g, true, 12 * NEXT);
		grow(&g, 11 * NEXT);
		feed(&g, 0);
		row[i](&g);
		assert_int_equal(cryo_seal_follow_finish(g.f, &err), -CRYO_E_TAMPER);
		print_message("# %s\n", err.msg);
		assert_true(cryo_seal_writer_finish(g.w, &err) < 0);
		growing_release(&g);
		assert_int_equal(count_files(set), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(follows, world, no_world),
		cmocka_unit_test_setup_teardown(steps, world, no_world),
		cmocka_unit_test_setup_teardown(fails_closed, world, no_world),
	};
	int n = cmocka_run_group_tests_name("seal follow", tests, NULL, NULL);

	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}
