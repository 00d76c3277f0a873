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
 * Lines as CRIU wrote them into dump.log and restore.log on Linux 6.18, of pods of images/faces
 * (`faces refuse NAME`): 4.2.1 as the default stack builds it, 4.1.1-1 of Debian trixie.
 */
static void explained(void **state)
{
	static const struct {
		const char *text, *meaning;
	} row[] = {
		/* CRIU 4.2.1 */
		{ "Error (criu/sk-inet.c:137): inet: Unsupported proto 262 for socket 7ef71",
		  "multipath TCP" },
		{ "Error (criu/sk-inet.c:200): inet: Connected TCP socket, consider using "
		  "--tcp-established option.",
		  "tcp-close" },
		{ "Error (criu/sk-inet.c:185): inet: In-flight connection (l) for 7f7e8",
		  "skip-in-flight" },
		{ "Error (criu/sk-inet.c:1059): inet: Can't bind inet socket (id 5): Cannot assign "
		  "requested address",
		  "address of the old pod" },
		{ "Error (criu/sk-unix.c:874): unix: External socket is used. Consider using "
		  "--ext-unix-sk option.",
		  "ext-unix-sk" },
		{ "Error (criu/sk-unix.c:881): unix: Can't dump half of stream unix connection. "
		  "name: (null); peer name: ",
		  "must be closed" },
		{ "Error (criu/sockets.c:767): sockets: BUG! Unknown socket collected (family 40)",
		  "vsock" },
		{ "Error (criu/file-lock.c:110): Some file locks are hold by dumping tasks! You "
		  "can try --file-locks to dump them.",
		  "file-locks" },
		{ "Error (criu/files-reg.c:1031): Can't dump ghost file /ghost of 2097152 size, "
		  "increase limit",
		  "ghost-limit" },
		{ "Error (criu/fsnotify.c:284): fsnotify: \tCan't dump that handle",
		  "irmap-scan-path" },
		{ "Error (criu/files-reg.c:1790): Can't lookup mount=1523 for fd=3 path=/refuse",
		  "message queue" },
		{ "Error (criu/files-reg.c:1790): Can't lookup mount=284 for fd=0 path=/dev/null",
		  "kubectl exec and left behind" },
		{ "Error (criu/files-reg.c:2353): Can't open file v/log on restore: No such file "
		  "or directory",
		  "base image" },
		{ "Error (criu/files-reg.c:2175): File etc/hostname has bad size 11 (expect 9)",
		  "changed since" },
		{ "Error (criu/files-reg.c:2294): File v has bad mode 0100600 (expect 0100644)",
		  "mode" },
		{ "Error (criu/proc_parse.c:502): Unknown shit 100600 (/secretmem (deleted))",
		  "memfd_secret" },
		{ "Error (criu/proc_parse.c:502): Unknown shit 600 (anon_inode:[io_uring])",
		  "io_uring" },
		{ "Error (criu/pie/parasite.c:588): send_fds failed (-22)", "io_uring" },
		{ "Error (criu/files-ext.c:94): Can't dump file 3 of that type [600] (anon "
		  "anon_inode:[userfaultfd])",
		  "userfaultfd" },
		{ "Error (criu/files-ext.c:94): Can't dump file 3 of that type [600] (anon "
		  "anon_inode:[perf_event])",
		  "performance counters" },
		{ "Error (criu/files-ext.c:94): Can't dump file 3 of that type [600] (anon "
		  "anon_inode:bpf-map)",
		  "BPF" },
		{ "Error (criu/files-ext.c:94): Can't dump file 3 of that type [600] (anon "
		  "anon_inode:bpf-prog)",
		  "BPF" },
		{ "Error (criu/files-ext.c:94): Can't dump file 3 of that type [600] (anon "
		  "anon_inode:seccomp notify)",
		  "listener of seccomp" },
		{ "Error (criu/namespaces.c:460): Can't dump nested user namespace for 11769",
		  "user namespace" },
		{ "Error (criu/namespaces.c:460): Can't dump nested pid namespace for 11798",
		  "pid namespace" },
		{ "Error (criu/namespaces.c:460): Can't dump nested uts namespace for 11774",
		  "uts namespace" },
		{ "Error (criu/namespaces.c:460): Can't dump nested time_for_children namespace "
		  "for 11835",
		  "time namespace" },
		{ "Error (criu/net.c:3009): net: Unable to dump more than one netns if the "
		  "--emptyns is set",
		  "network namespace" },
		{ "Error (criu/mount.c:1895): mnt: Can't parse 29002's mountinfo", "chroot" },
		{ "Error (criu/seize.c:335): zombie 11891 (comm faces) found while seizing",
		  "debugger" },
		{ "Error (criu/cr-dump.c:389): Can't get rlimit 0: Operation not permitted",
		  "CAP_SYS_RESOURCE" },
		{ "Error (criu/cr-restore.c:1237): Can't fork for 14: File exists", "try again" },
		{ "Error (criu/cr-restore.c:1269): 20547 killed by signal 9: Killed",
		  "memory limit" },
		/* CRIU 4.1.1 */
		{ "Error (criu/sockets.c:628): sockets: Can't get 1:16 opt: Operation not "
		  "supported",
		  "CRIU before 4.2" },
		{ "Error (criu/pie/parasite.c:104): Can't splice all pages to pipe (65536/256)",
		  "MADV_GUARD_INSTALL" },
		{ "Error (criu/sk-inet.c:130): inet: Unsupported proto 262 for socket d25df",
		  "multipath TCP" },
		{ "Error (criu/sk-inet.c:176): inet: In-flight connection (l) for d20eb",
		  "skip-in-flight" },
		{ "Error (criu/sockets.c:753): sockets: BUG! Unknown socket collected (family 40)",
		  "vsock" },
		{ "Error (criu/proc_parse.c:479): Unknown shit 600 (anon_inode:[io_uring])",
		  "io_uring" },
		{ "Error (criu/mount.c:1891): mnt: Can't parse 29002's mountinfo", "chroot" },
#define E "Error (criu/x.c:1): "
		/* Not seen by us: any of its messages may end so. */
		{ E "page-xfer: write: No space left on device", "disk is full" },
		{ E "Can't dump file 3 of that type [600] (anon anon_inode:x)", "descriptor" },
		{ E "sockets: BUG! Unknown socket collected (family 31)", "socket of a kind" },
		{ E "mnt: No mapping for 551:(null) mountpoint", "lacks a volume" },
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
		E "Can't create x found while seizing",
		E "Can't kill x killed by signal 9",
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
