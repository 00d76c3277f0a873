/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/log.h"

#include "base/str.h"

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

#define BEGIN "Error ("

#define OLD_SOCKETS "CRIU before 4.2 cannot dump IP sockets on Linux 6.16 and newer"
#define NO_SUCH_FD  "CRIU cannot dump such a file descriptor"
#define NESTED(what)                                                                               \
	"a process of the container is in a " what " namespace of its own, which CRIU cannot dump"
#define ANEW                                                                                       \
	"a file that was open is not there any more: the base image is another one, or the file "  \
	"was on a volume that begins empty or anew (emptyDir, /dev/shm, ConfigMap, Secret, token)"

/*
 * What CRIU's message says, without its module in front, as a pattern of fnmatch(3) from its
 * beginning: names of files and processes fall to the stars. The first match wins. The texts
 * are those of CRIU 4.1.1 and 4.2.1; the test of each row is a line of a real run, and
 * images/faces/refused.c makes them again.
 */
static const struct meaning {
	const char *pattern, *meaning;
} known[] = {
	{ "Can't get 1:16 opt:*", OLD_SOCKETS },
	{ "Unsupported proto 262 *",
	  "the container has a multipath TCP socket, which CRIU cannot dump (Go programs listen "
	  "this way: set GODEBUG=multipathtcp=0)" },
	{ "Connected TCP socket, *",
	  "the container holds open TCP connections: with --tcp-close (checkpoint and restore) the "
	  "program goes on without them" },
	{ "In-flight connection *", "a connection to the container was not accepted yet: try "
				    "again, or use --skip-in-flight" },
	{ "Can't bind inet socket *Cannot assign requested address*",
	  "a socket is bound to the address of the old pod (listening on the pod's address, or a "
	  "connected UDP socket): listen on 0.0.0.0; for TCP connections use --tcp-close" },
	{ "Can't dump half of stream unix connection*",
	  "a unix connection leads out of the container: it must be closed before the checkpoint" },
	{ "External socket is used*", "a unix socket leads out of the container: close it first "
				      "(for datagrams --ext-unix-sk helps)" },
	{ "Some file locks are hold *", "the container holds file locks: use --file-locks" },
	{ "Can't dump ghost file *increase limit*",
	  "the container holds a deleted file open that is too large: raise --ghost-limit" },
	{ "Can't dump that handle*",
	  "the container watches a file (inotify) that CRIU cannot find again: name its directory "
	  "with --irmap-scan-path" },
	{ "zombie * found while seizing*",
	  "a process of the container is traced (a debugger, strace) or is exiting: detach the "
	  "debugger, or try again" },
	{ "send_fds failed (-22)*", "CRIU cannot dump io_uring" },
	{ "Unknown shit * (anon_inode:?io_uring?)*", "CRIU cannot dump io_uring" },
	{ "Unknown shit * (/secretmem *", "CRIU cannot dump secret memory (memfd_secret)" },
	{ "BUG! Unknown socket collected (family 40)*", "CRIU cannot dump vsock sockets" },
	{ "BUG! Unknown socket collected *",
	  "the container has a socket of a kind that CRIU cannot dump" },
	{ "Can't splice all pages to pipe *",
	  "a process has guard pages in its memory (MADV_GUARD_INSTALL; thread stacks of glibc "
	  "2.42), which CRIU before 4.2 cannot dump" },
	{ "Can't parse *'s mountinfo*", "the first process of the container has changed its root "
					"directory (chroot), which CRIU cannot dump" },
	{ "Can't dump file * of that type * (anon anon_inode:?io_uring?)*",
	  "CRIU cannot dump io_uring" },
	{ "Can't dump file * of that type * (anon anon_inode:?userfaultfd?)*",
	  "CRIU cannot dump userfaultfd" },
	{ "Can't dump file * of that type * (anon anon_inode:?perf_event?)*",
	  "CRIU cannot dump performance counters" },
	{ "Can't dump file * of that type * (anon anon_inode:bpf*)*", "CRIU cannot dump BPF" },
	{ "Can't dump file * of that type * (anon anon_inode:seccomp*)*",
	  "CRIU cannot dump a listener of seccomp" },
	{ "Can't dump file * of that type *", NO_SUCH_FD },
	{ "Can't dump nested user namespace *", NESTED("user") },
	{ "Can't dump nested pid namespace *", NESTED("pid") },
	{ "Can't dump nested uts namespace *", NESTED("uts") },
	{ "Can't dump nested time* namespace *", NESTED("time") },
	{ "Unable to dump more than one netns *", NESTED("network") },
	{ "Can't get rlimit *: Operation not permitted*",
	  "root of the node lacks CAP_SYS_RESOURCE, without which CRIU cannot dump processes of "
	  "other users (in cryopod's own nodes it can)" },
	{ "Can't fork for *: File exists*",
	  "another process of the pod has the process id that is needed: try again" },
	{ "File * has bad size *", "a file has changed since the checkpoint" },
	{ "File * has bad mode *", "a file's mode has changed since the checkpoint" },
	{ "Can't open file *", ANEW },
	{ "No mapping for *", "the new pod lacks a volume that the checkpoint has" },
	{ "Can't lookup mount=* path=/dev/null*",
	  "a process that was started by kubectl exec and left behind holds /dev/null of the node: "
	  "end it, or start it with its streams redirected in the container" },
	{ "Can't lookup mount*",
	  "an open file is on a file system that is not mounted in the container (a POSIX message "
	  "queue, or a file that came in by kubectl exec)" },
	{ "[0-9]* killed by signal 9*",
	  "the kernel ended the process: the new pod's memory limit is below what it holds" },
};

/* What says its cause in words of its own, with CRIU's line or without one. */
static const struct meaning runtime[] = {
	{ "CRIU binary not found", "there is no CRIU in the node's PATH" },
	/* go-criu (containerd 2.2, runc 1.2) when what it started ended without an answer. */
	{ "read criu-xprt-cln: connection reset by peer",
	  "there is no CRIU in the node's PATH, or it cannot run there" },
	/* Go's words: containerd or the kubelet wrote, not CRIU. */
	{ "no space left on device", "the node's disk is full" },
};

/* "Error (a.c:1): files-reg: \tCan't" → "files-reg: Can't": what follows the place, with one
 * blank for any white space. Caller frees. */
static char *copy_criu_message(const char *text)
{
	struct cryo_str out = { 0 };
	const char *at = strstr(text, BEGIN);

	at = at ? strstr(at, "): ") : NULL;
	for (at = at ? at + 3 : ""; *at && *at != '\n'; at++) {
		bool blank = isspace((unsigned char)*at);

		if (!blank)
			cryo_str_addn(&out, at, 1);
		else if (out.len && out.p[out.len - 1] != ' ')
			cryo_str_addn(&out, " ", 1);
	}
	return cryo_str_detach(&out);
}

/* "files-reg: Can't" → "Can't" */
static const char *skip_module_name(const char *message)
{
	size_t n = strspn(message, "abcdefghijklmnopqrstuvwxyz0123456789_-/");

	return n && message[n] == ':' && message[n + 1] == ' ' ? message + n + 2 : message;
}

static const char *explain_criu_message(const char *message)
{
	const char *bare = skip_module_name(message);

	/* Any of its own messages can end so. */
	if (cryo_ends_with(message, ": No space left on device"))
		return "the node's disk is full";
	for (size_t i = 0; i < CRYO_ARRAY_LEN(known); i++)
		if (fnmatch(known[i].pattern, bare, FNM_CASEFOLD | FNM_NOESCAPE) == 0)
			return known[i].meaning;
	return NULL;
}

const char *cryo_criu_log_explain(const char *text)
{
	cryo_auto(cryo_free) char *message = copy_criu_message(text ? text : "");

	if (message && *message)
		return explain_criu_message(message);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(runtime); i++)
		if (text && strstr(text, runtime[i].pattern))
			return runtime[i].meaning;
	return NULL;
}

/* Printed in successful runs too. */
static const char *const harmless[] = { "Can't setup RLIMIT_NOFILE for self",
					"address already assigned", "tun: Unable to create tun",
					"cgroupd: recv req error" };

static bool is_harmless_complaint(const char *line, size_t n)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(harmless); i++)
		if (memmem(line, n, harmless[i], strlen(harmless[i])))
			return true;
	return false;
}

char *cryo_criu_log_decisive(const char *log)
{
	for (const char *at = log; (at = strstr(at, BEGIN)); at++) {
		size_t n = strcspn(at, "\n");

		if (!is_harmless_complaint(at, n))
			return cryo_strndup(at, n);
	}
	return NULL;
}
