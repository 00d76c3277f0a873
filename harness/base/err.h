/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One way to fail. A function that can fail takes `struct cryo_err *err` as its
 * last parameter, returns 0 and leaves it alone, or returns -status and fills in
 * a message. Callees never print; each caller adds in front only what it knows.
 *
 * Messages: one line, lower case, no full stop, the fault first, the subject in
 * single quotes. "Not there" as an answer is a result, not an error.
 */
#ifndef CRYO_BASE_ERR_H
#define CRYO_BASE_ERR_H

#include "base/util.h"

enum cryo_status {
	CRYO_OK = 0,
	CRYO_E_CHECK,	    /* a check or test said no */
	CRYO_E_USAGE,	    /* command line */
	CRYO_E_CONFIG,	    /* an input file or archive is not what it should be */
	CRYO_E_UNFIT,	    /* this machine lacks something (root, a program, space) */
	CRYO_E_PROVISION,   /* a cluster, build or image could not be made */
	CRYO_E_TIMEOUT,	    /* a time limit was reached */
	CRYO_E_TAMPER,	    /* leak or tampering found */
	CRYO_E_INTERRUPTED, /* SIGINT or SIGTERM; `signal` says which */
	CRYO_E_SYSTEM,	    /* a system call; `sys_errno` says why */
	CRYO_E_CHILD,	    /* a program we ran failed */
	CRYO_E_REMOTE,	    /* a server said no; `http_code` has its answer, or 0 */
};

struct cryo_err {
	enum cryo_status status;
	int sys_errno; /* of CRYO_E_SYSTEM, else 0 */
	int http_code; /* of CRYO_E_REMOTE: the status code of the answer; 0: there was none */
	int signal;    /* of CRYO_E_INTERRUPTED */
	char msg[1024];
};

#define CRYO_ERR_INIT                                                                              \
	{                                                                                          \
		.status = CRYO_OK                                                                  \
	}

/* Replace what is in err; returns -status. A message that is too long has "..." in its
 * middle, as names are long and the reason is at the end. */
int cryo_err_set(struct cryo_err *err, enum cryo_status status, const char *fmt, ...)
    CRYO_PRINTF(3, 4);
/* As above with status CRYO_E_SYSTEM and ": <strerror>" behind the message. */
int cryo_err_sys(struct cryo_err *err, int errno_val, const char *fmt, ...) CRYO_PRINTF(3, 4);
/* Put "<text>: " in front of the message; returns ret. With ret 0 it does nothing. A long text is
 * cut so that the message has its place. */
int cryo_err_wrap(struct cryo_err *err, int ret, const char *fmt, ...) CRYO_PRINTF(3, 4);
/* Give a failure another status (exit code), keep its text. With ret 0 it does nothing. */
int cryo_err_as(struct cryo_err *err, int ret, enum cryo_status status);
/* The process exit code for a status: docs/architecture.md, "Exit codes". */
int cryo_err_exit_code(const struct cryo_err *err);

#endif
