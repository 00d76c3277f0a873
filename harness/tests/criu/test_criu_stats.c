/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/stats.h"
#include "tests/scratch.h"

#include "image/tar.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* As CRIU 4.1.1 wrote it: freezing 359 us, frozen 736226, memdump 571480, memwrite 544912. */
static const char real[] =
    "\x40\x59\x10\x55\x06\x33\x09\x57\x29\x00\x00\x00"
    "\x0a\x27\x08\xe7\x02\x10\xe2\xf7\x2c\x18\xd8\xf0\x22\x20\x90\xa1\x21\x28\x95\x80\x04"
    "\x30\x00\x38\x8e\x80\x04\x40\x00\x48\x00\x50\x08\x58\x08\x60\x00\x68\x00\x70\x00";
#define REAL_LEN (sizeof(real) - 1)

static struct cryo_err err;

static void of_criu(void **state)
{
	struct cryo_criu_stats s;

	(void)state;
	assert_int_equal(cryo_criu_stats_parse(real, REAL_LEN, &s, &err), 0);
	assert_int_equal(s.freezing_us, 359);
	assert_int_equal(s.frozen_us, 736226);
	assert_int_equal(s.memdump_us, 571480);
	assert_int_equal(s.memwrite_us, 544912);
	assert_int_equal(s.pages_written, 65550);
}

/* Cut anywhere, longer, of another kind, another length inside: refused, and nothing read behind.
 */
static void hostile(void **state)
{
	struct cryo_criu_stats s;

	(void)state;
	for (size_t n = 0; n < REAL_LEN; n++) {
		char *exact = cryo_alloc(n ? n : 1);

		memcpy(exact, real, n);
		assert_int_equal(cryo_criu_stats_parse(exact, n, &s, &err), -CRYO_E_CONFIG);
		free(exact);
	}
	assert_int_equal(cryo_criu_stats_parse(real, REAL_LEN + 1, &s, &err), -CRYO_E_CONFIG);
	for (size_t i = 0; i < 15; i++) {
		char other[REAL_LEN];

		memcpy(other, real, REAL_LEN);
		other[i] ^= 0x7f;
		print_message("# byte %zu\n", i);
		if (i != 14)
			assert_int_equal(cryo_criu_stats_parse(other, REAL_LEN, &s, &err),
					 -CRYO_E_CONFIG);
	}
	/* a message without a dump in it */
	assert_int_equal(
	    cryo_criu_stats_parse("\x40\x59\x10\x55\x06\x33\x09\x57\x00\x00\x00\x00", 12, &s, &err),
	    -CRYO_E_CONFIG);
}

static void of_the_interposer(void **state)
{
	static const struct {
		const char *log;
		long ms, kb;
	} row[] = {
		{ "", -1, -1 },
		{ "(00.1) Dumping finished successfully\n", -1, -1 },
		{ "(00.1) x\n(cryopod-criu): sealed 268 MB while criu dumped, the rest in 12 ms, "
		  "with "
		  "at most 345 kB of memory\n",
		  12, 345 },
		{ "(cryopod-criu): sealed 268 MB while criu dumped, the rest in 12 ms", 12, -1 },
		{ "(cryopod-criu): sealed 268 MB\n, the rest in 12 ms", -1, -1 },
		{ "(cryopod-criu): sealed 1 MB, the rest in -7 ms, with at most -8 kB", -1, -1 },
		{ "Error (cryopod-criu): cannot seal\n", -1, -1 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_criu_stats s;

		print_message("# %zu\n", i);
		cryo_criu_stats_log(row[i].log, &s);
		assert_int_equal(s.rest_ms, row[i].ms);
		assert_int_equal(s.peak_kb, row[i].kb);
	}
}

static void make_archive(const char *path, const char *stats, size_t n)
{
	static const char log[] =
	    "(cryopod-criu): sealed 1 MB while criu dumped, the rest in 3 ms, "
	    "with at most 4 kB of memory\n";
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct cryo_tar_writer *w = cryo_tar_writer_new(fd);

	assert_int_equal(cryo_tar_add_data(w, "checkpoint/stats-dump", 0600, "x", 1, &err), 0);
	if (stats)
		assert_int_equal(cryo_tar_add_data(w, "stats-dump", 0600, stats, n, &err), 0);
	assert_int_equal(cryo_tar_add_data(w, "dump.log", 0600, log, sizeof(log) - 1, &err), 0);
	assert_int_equal(cryo_tar_finish(w, &err), 0);
	cryo_tar_writer_free(w);
	close(fd);
}

static void of_an_archive(void **state)
{
	cryo_auto(cryo_free) char *path = scratch_path("a.tar");
	cryo_auto(cryo_free) char *large = cryo_alloc(100000);
	struct cryo_criu_stats s;

	(void)state;
	make_archive(path, real, REAL_LEN);
	assert_int_equal(cryo_criu_stats_load(path, &s, &err), 0);
	assert_int_equal(s.frozen_us, 736226);
	assert_int_equal(s.rest_ms, 3);
	assert_int_equal(s.peak_kb, 4);
	make_archive(path, NULL, 0);
	assert_int_equal(cryo_criu_stats_load(path, &s, &err), -CRYO_E_CONFIG);
	make_archive(path, large, 100000);
	assert_int_equal(cryo_criu_stats_load(path, &s, &err), -CRYO_E_CONFIG);
}

int main(void)
{
	const struct CMUnitTest stats[] = {
		cmocka_unit_test(of_criu),
		cmocka_unit_test(hostile),
		cmocka_unit_test(of_the_interposer),
		cmocka_unit_test_setup_teardown(of_an_archive, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(stats, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
