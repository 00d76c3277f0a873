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

/*
 * Messages of CRIU 4.1.1-1 (Debian trixie) on Linux 6.18 as they were noted down, not copied from a
 * log here. The place in its source does not count, so it is made up.
 */
#define E "Error (criu/x.c:1): "
static void explained(void **state)
{
	static const struct {
		const char *text, *meaning;
	} row[] = {
		{ E "sockets: Can't get 1:16 opt: Operation not supported", "CRIU before 4.2" },
		{ E "sockets: Can't get 1:34 opt: Operation not supported", "CRIU before 4.2" },
		{ E "inet: Unsupported proto 262 for socket 13fbd6", "multipath TCP" },
		{ E "inet: Connected TCP socket, consider using --tcp-established option.",
		  "tcp-close" },
		{ E "inet: In-flight connection (l) for 5", "skip-in-flight" },
		{ E "inet: Can't bind inet socket (id 5): Cannot assign requested address",
		  "address of the old pod" },
		{ E "unix: External socket is used. Consider using --ext-unix-sk option.",
		  "ext-unix-sk" },
		{ E "Can't dump half of stream unix connection.", "must be closed" },
		{ E "Some file locks are hold by dumping tasks! You can try --file-locks",
		  "file-locks" },
		{ E "Can't dump ghost file /ghost of 2097152 size, increase limit", "ghost-limit" },
		{ E "fsnotify: \tCan't dump that handle", "irmap-scan-path" },
		{ E "fsnotify: Can't dump that handle", "inotify" },
		{ E "zombie 22112 (comm p) found while seizing", "debugger" },
		{ E "send_fds failed (-22)", "io_uring" },
		{ E "Can't open file e/log on restore: No such file or directory", "volume" },
		{ E "files-reg: Can't open file x on restore: No such file", "base image" },
		{ E "File etc/hostname has bad size 9 (expect 7)", "not as it was" },
		{ E "File root/x has bad mode 0100600 (expect 0100644)", "mode" },
		{ E "Can't fork for 14: File exists", "try again" },
		{ E "Can't dump nested user namespace for 19970", "user namespace" },
		{ E "Can't dump nested uts namespace for 19970", "uts namespace" },
		{ E "Unable to dump more than one netns if the --emptyns is set", "network" },
		{ E "Can't dump file 3 of that type [600] (anon anon_inode:[userfaultfd])",
		  "userfaultfd" },
		{ E "Can't dump file 3 of that type [600] (anon anon_inode:x)", "descriptor" },
		{ E "Unknown shit 100600 (/secretmem (deleted))", "memfd_secret" },
		{ E "Can't splice all pages to pipe (20480/6)", "MADV_GUARD_INSTALL" },
		{ E "mnt: Can't parse 22717's mountinfo", "chroot" },
		{ E "mnt: No mapping for 551:(null) mountpoint", "lacks a volume" },
		{ E "Can't get rlimit 0: Operation not permitted", "CAP_SYS_RESOURCE" },
		{ E "A session leader of 3560(1) is outside of its pid namespace", "session" },
		{ E "1 killed by signal 9: Killed", "memory limit" },
		{ E "page-xfer: write: No space left on device", "disk is full" },
		{ "write archive: write /checkpoints/x.tar: no space left on device",
		  "disk is full" },
		{ "CRIU binary not found in PATH", "no CRIU in the node" },
		{ "failed to retrieve criu version: read criu-xprt-cln: connection reset by peer "
		  "criu "
		  "swrk failed: exit status 1",
		  "no CRIU in the node's PATH, or it cannot run" },
		/* A name does not decide. */
		{ E "Can't dump ghost file /usr/lib/libnetty.so of 2097152 size, increase limit",
		  "ghost-limit" },
		{ E "Can't open file io_uring-tty on restore: No such file or directory", "base" },
	};
	static const char *const unknown[] = {
		"",
		"Dump files (pid: 7) failed with -1",
		E "Dump files (pid: 7) failed with -1",
		"checkpoint of pod 'pretty': it failed",
		"checkpoint of pod 'tcp': Connected TCP socket, consider",
		E "tty: Found dangling tty with sid 7",
		E "Can't lock 'has bad size'",
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const char *meaning = cryo_criu_log_explain(row[i].text);

		print_message("# %s\n", row[i].text);
		assert_non_null(meaning);
		assert_non_null(strstr(meaning, row[i].meaning));
	}
	for (size_t i = 0; i < CRYO_ARRAY_LEN(unknown); i++) {
		print_message("# %s\n", unknown[i]);
		assert_null(cryo_criu_log_explain(unknown[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(decisive),
					    cmocka_unit_test(explained) };

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
