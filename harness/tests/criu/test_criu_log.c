/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START                                                                                      \
	"(00.000000) Version: 4.1.1 (gitid 0)\n"                                                   \
	"(00.000033) Error (criu/rlimit.c:39): rlimit: Can't setup RLIMIT_NOFILE for self: "       \
	"Operation not permitted\n"

static void decisive(void **state)
{
	static const struct {
		const char *log, *line;
	} row[] = {
		{ "", NULL },
		{ "\n\n", NULL },
		{ "(00.1) all is well\n", NULL },
		{ START, NULL },
		{ "Warn (criu/x.c:1): Error in a warning\n", NULL },
		{ START
		  "(00.012) Error (criu/sockets.c:515): sockets: Can't get 1:16 opt: "
		  "Operation not supported\n"
		  "(00.013) Error (criu/cr-dump.c:1680): Dump files (pid: 7) failed with -1\n",
		  "Error (criu/sockets.c:515): sockets: Can't get 1:16 opt: Operation not "
		  "supported" },
		{ "(00.1) Error (a.c:1): address already assigned\n"
		  "(00.2) Error (b.c:2): cgroupd: recv req error\n"
		  "(00.3) Error (c.c:3): the one\n",
		  "Error (c.c:3): the one" },
		/* what is harmless on one line does not excuse the next */
		{ "Error (a.c:1): the one\nError (b.c:2): address already assigned\n",
		  "Error (a.c:1): the one" },
		{ "Error (a.c:1): no newline", "Error (a.c:1): no newline" },
		{ "Error (", "Error (" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *line = cryo_criu_log_decisive(row[i].log);

		print_message("# %zu\n", i);
		if (row[i].line)
			assert_string_equal(line, row[i].line);
		else
			assert_null(line);
	}
}

static void explained(void **state)
{
	static const struct {
		const char *text, *meaning;
	} row[] = {
		{ "sockets: Can't get 1:16 opt: Operation not supported", "CRIU before 4.2" },
		{ "sockets: Can't get 1:34 opt: Operation not supported", "CRIU before 4.2" },
		{ "inet: Unsupported proto 262 for socket 13fbd6", "multipath TCP" },
		{ "inet: Connected TCP socket, consider using --tcp-established option.",
		  "tcp-established" },
		{ "unix: external socket is used. Consider using --ext-unix-sk", "ext-unix-sk" },
		{ "Some file locks are hold by dumping tasks!", "file-locks" },
		{ "CRIU binary not found in PATH", "no CRIU in the node" },
		{ "page-xfer: write: No space left on device", "disk is full" },
		{ "tty: Found dangling tty with sid 7", "without tty and stdin" },
		{ "A session leader of 3560(1) is outside of its pid namespace", "session" },
		{ "File root/x has bad size 5 (expect 4)", "not as it was" },
		{ "files-reg: Can't open file x on restore: No such file", "base image" },
		{ "fsnotify: Can't dump that handle", "inotify" },
		{ "Unknown file type: anon_inode:[io_uring]", "io_uring" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const char *meaning = cryo_criu_log_explain(row[i].text);

		print_message("# %s\n", row[i].text);
		assert_non_null(meaning);
		assert_non_null(strstr(meaning, row[i].meaning));
	}
	assert_null(cryo_criu_log_explain(""));
	assert_null(cryo_criu_log_explain("Dump files (pid: 7) failed with -1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(decisive),
					    cmocka_unit_test(explained) };

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
