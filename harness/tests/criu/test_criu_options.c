/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/options.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void lines_of_options(void **state)
{
	static const struct {
		struct cryo_criu_options o;
		const char *lines; /* NULL: refused */
	} row[] = {
		{ { 0 }, "" },
		{ { .tcp_close = true, .file_locks = true }, "tcp-close\nfile-locks\n" },
		{ { .tcp_established = true, .skip_in_flight = true, .ext_unix_sk = true },
		  "tcp-established\next-unix-sk\nskip-in-flight\n" },
		{ { .ghost_limit = "64Mi", .irmap_scan_path = "/var/lib/app" },
		  "ghost-limit 67108864\nirmap-scan-path /var/lib/app\n" },
		{ { .tcp_close = true, .tcp_established = true }, NULL },
		{ { .ghost_limit = "much" }, NULL },
		{ { .irmap_scan_path = "relative" }, NULL },
		{ { .irmap_scan_path = "/two words" }, NULL },
		{ { .irmap_scan_path = "/line\nlibdir /tmp" }, NULL },
		{ { .irmap_scan_path = "/quo\"te" }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str lines = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;
		int rc = cryo_criu_options_add(&row[i].o, &lines, &err);

		print_message("# %zu\n", i);
		assert_int_equal(rc, row[i].lines ? 0 : -CRYO_E_USAGE);
		if (row[i].lines)
			assert_string_equal(cryo_str_get(&lines), row[i].lines);
		assert_int_equal(cryo_criu_options_any(&row[i].o), i > 0);
	}
}

static void picked(void **state)
{
	static const struct {
		const char *text, *lines;
	} row[] = {
		{ "", "" },
		{ "tcp-close\n", "tcp-close\n" },
		{ "  file-locks \r\n# tcp-close\nlog-file /x\n", "file-locks\n" },
		{ "ghost-limit 64M\nghost-limit 1\n", "ghost-limit 64M\nghost-limit 1\n" },
		{ "tcp-close\ntcp-close\ntcp-close", "tcp-close\n" },
		/* What is not exactly one of them goes no further. */
		{ "tcp-close yes\ntcp-closed\ntcp\n--tcp-close\n", "" },
		{ "file-locks action-script /x\nghost-limit\nghost-limit -1\nghost-limit 1MB\n",
		  "" },
		{ "irmap-scan-path x\nirmap-scan-path /a --lib\nirmap-scan-path /a\"b\n", "" },
		{ "irmap-scan-path /srv\nexec-cmd\nlibdir /tmp\n", "irmap-scan-path /srv\n" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str lines = { 0 };

		print_message("# %zu\n", i);
		cryo_criu_options_pick(row[i].text, strlen(row[i].text), &lines);
		assert_string_equal(cryo_str_get(&lines), row[i].lines);
	}
}

/* Connections that were kept by the dump can be closed by the restore. */
static void the_other_way(void **state)
{
	static const char made_with[] = "tcp-established\nfile-locks\n";
	const struct cryo_criu_options close = { .tcp_close = true }, none = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str lines = { 0 }, all = { 0 };

	(void)state;
	cryo_criu_options_pick_beside(made_with, &close, &lines);
	assert_string_equal(cryo_str_get(&lines), "file-locks\n");
	cryo_criu_options_pick_beside(made_with, &none, &all);
	assert_string_equal(cryo_str_get(&all), made_with);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_options),
		cmocka_unit_test(picked),
		cmocka_unit_test(the_other_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
