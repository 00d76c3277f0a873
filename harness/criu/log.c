/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/log.h"

#include <string.h>

/* Seen on real machines (docs/architecture.md, "Failures of CRIU in plain words"); first match
 * wins. */
static const struct {
	const char *text, *meaning;
} known[] = {
	{ "get 1:16 opt", "CRIU before 4.2 cannot dump IP sockets on Linux 6.16 and newer" },
	{ "get 1:34 opt", "CRIU before 4.2 cannot dump IP sockets on Linux 6.16 and newer" },
	{ "Unsupported proto 262",
	  "the container has a multipath TCP socket, which CRIU cannot dump "
	  "(Go programs listen so: set GODEBUG=multipathtcp=0)" },
	{ "Connected TCP socket", "the container holds open TCP connections: they need "
				  "tcp-established in CRIU's configuration" },
	{ "external socket is used", "a unix socket leads out of the container: it needs "
				     "ext-unix-sk in CRIU's configuration" },
	{ "Some file locks are hold", "the container holds file locks: they need file-locks in "
				      "CRIU's configuration" },
	{ "CRIU binary not found", "there is no CRIU in the node's PATH" },
	{ "No space left on device", "the node's disk is full" },
	{ "tty", "the container has a terminal: use a pod without tty and stdin" },
	{ "session leader", "a process of the container belongs to a session outside of it" },
	{ "has bad size", "a file is not as it was at the checkpoint" },
	{ "Can't open file", "a file of the checkpoint is missing: the base image or a volume is "
			     "not the same" },
	{ "fsnotify: Can't dump", "the container watches a file (inotify) that CRIU cannot find "
				  "again" },
	{ "io_uring", "CRIU cannot dump io_uring" },
	{ "can't be dumped", "CRIU does not support something the container uses" },
};

const char *cryo_criu_log_explain(const char *text)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(known); i++)
		if (strcasestr(text, known[i].text))
			return known[i].meaning;
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
	for (const char *at = log; (at = strstr(at, "Error (")); at++) {
		size_t n = strcspn(at, "\n");

		if (!is_harmless_complaint(at, n))
			return cryo_strndup(at, n);
	}
	return NULL;
}
