/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's log, read line by line, and the counter's lines in it:
 *
 *   count=17 nonce=5f3ac0ffee123456 mono_ns=123456789012 ballast=damaged
 *
 * The first three words always, in this order; further key=value words may
 * follow. The text is hostile: whatever it holds, it becomes lines of one of the
 * three kinds below.
 */
#ifndef CRYO_VERIFY_COUNTERLOG_H
#define CRYO_VERIFY_COUNTERLOG_H

#include "base/util.h"

#define CRYO_NONCE_LEN 17 /* 16 lower-case hex digits and NUL */

struct cryo_count {
	uint64_t count;
	char nonce[CRYO_NONCE_LEN];
	uint64_t mono_ns; /* the process' CLOCK_MONOTONIC when it printed the line */
	bool damaged;	  /* the process found its ballast changed */
};

enum cryo_logline_kind {
	CRYO_LOGLINE_OTHER,  /* something else the container said */
	CRYO_LOGLINE_COUNT,  /* a counter line */
	CRYO_LOGLINE_BROKEN, /* begins like a counter line (or CRI line) and is none */
};

/* One line as the process printed it, without any stamp. `out` is only set for _COUNT. */
enum cryo_logline_kind cryo_count_parse(const char *line, struct cryo_count *out);

enum cryo_log_form {
	CRYO_LOG_CRI, /* "<rfc3339nano> stdout F <line>": container.log of an archive */
	CRYO_LOG_API, /* "<rfc3339nano> <line>": pod log with timestamps */
};

struct cryo_logline {
	enum cryo_logline_kind kind;
	int64_t ns; /* wall clock of the stamp; 0: the line had none */
	char *text; /* owned; without the stamp */
	struct cryo_count c;
};

struct cryo_counterlog {
	struct cryo_logline *line; /* owned */
	size_t n;
};

/*
 * Whole lines of `text`; a last line without its newline is left out, as it may
 * be half written. CRI lines marked P (partial) are joined with what follows.
 */
void cryo_counterlog_parse(enum cryo_log_form form, const char *text, struct cryo_counterlog *out);
void cryo_counterlog_release(struct cryo_counterlog *l);
#define cryo_counterlog_releasep cryo_counterlog_release

/* First and last counter line; NULL if there is none. Borrowed. */
const struct cryo_count *cryo_counterlog_first(const struct cryo_counterlog *l);
const struct cryo_count *cryo_counterlog_last(const struct cryo_counterlog *l);

/* What a line of form API says, behind its stamp; *ns as in struct cryo_logline. Borrowed. */
const char *cryo_log_api_text(const char *line, int64_t *ns);

#endif
