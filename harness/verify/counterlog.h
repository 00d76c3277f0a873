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

#include "base/err.h"

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

/*
 * Lines of other programs that print a growing number: "number" (a line that is nothing else, but
 * for blanks around it), or an extended regular expression with one group, which is the number.
 * Such lines have no nonce and no time of the process.
 */
struct cryo_count_format;
/* -CRYO_E_CONFIG: no such expression, or not one group. */
int cryo_count_format_new(const char *text, struct cryo_count_format **out, struct cryo_err *err);
void cryo_count_format_free(struct cryo_count_format *f);
CRYO_DEFINE_AUTO(struct cryo_count_format, cryo_count_format_free)
/* As cryo_count_parse, which it is with NULL. A number too large to count with is _BROKEN. */
enum cryo_logline_kind cryo_count_read(const struct cryo_count_format *f, const char *line,
				       struct cryo_count *out);

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
 * `f` NULL: the counter's own lines.
 */
void cryo_counterlog_parse(enum cryo_log_form form, const struct cryo_count_format *f,
			   const char *text, struct cryo_counterlog *out);
void cryo_counterlog_release(struct cryo_counterlog *l);
#define cryo_counterlog_releasep cryo_counterlog_release

/* First and last counter line; NULL if there is none. Borrowed. */
const struct cryo_count *cryo_counterlog_first(const struct cryo_counterlog *l);
const struct cryo_count *cryo_counterlog_last(const struct cryo_counterlog *l);

/* From one counter line to another, by the process' own clock; -1: it is the clock of another boot.
 */
int64_t cryo_count_gap_ns(const struct cryo_count *a, const struct cryo_count *b);
/* From one counter line to the next, by the process' own clock. */
struct cryo_count_gap {
	const struct cryo_count *from; /* borrowed of the log */
	int64_t ns;
};
/* Those of a log in its order; where the clock goes back (another boot) there is none. Caller
 * frees *out. How many there are is returned. */
size_t cryo_counterlog_gaps(const struct cryo_counterlog *l, struct cryo_count_gap **out);
/* What so many tenths of them are at most, the lower one of two; 0: there are none. */
int64_t cryo_count_gaps_usual(const struct cryo_count_gap *gap, size_t n, unsigned tenths);

/* What a line of form API says, behind its stamp; *ns as in struct cryo_logline. Borrowed. */
const char *cryo_log_api_text(const char *line, int64_t *ns);

#endif
