/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Did the counter go on? An exact verdict from logs alone.
 *
 * The restored pod's log begins with a copy of the source's log as the archive
 * holds it (container.log). That copy was made after the dump while the source
 * already ran again, so it may hold values printed after the dump, which the
 * restored process prints once more. What is certain:
 *
 *   L0  last value known before the checkpoint call began: printed before the dump
 *   L1  last value in the copy: no value above it was printed before the dump
 *   F   first value behind the copy: the restored process' own first
 *
 * The process went on exactly when its nonce (kept in memory only) is the same,
 * L0 < F <= L1 + 1, and every later value is the one before plus one.
 */
#ifndef CRYO_VERIFY_CONTINUITY_H
#define CRYO_VERIFY_CONTINUITY_H

#include "base/str.h"
#include "verify/counterlog.h"
#include "verify/pause.h"

#include <jansson.h>

enum cryo_continuity_reason {
	CRYO_CONTINUITY_OK,
	CRYO_CONTINUITY_GAP,		/* a value is missing */
	CRYO_CONTINUITY_REWIND,		/* a value from before the dump came again */
	CRYO_CONTINUITY_REPEAT,		/* the restored process printed a value twice */
	CRYO_CONTINUITY_RESET,		/* another nonce, and the count started over */
	CRYO_CONTINUITY_OTHER_PROCESS,	/* another nonce, though the count looks right */
	CRYO_CONTINUITY_NO_PROGRESS,	/* fewer than two values of its own */
	CRYO_CONTINUITY_DAMAGED,	/* it found its memory changed */
	CRYO_CONTINUITY_SOURCE_STOPPED, /* left running, the source printed nothing after the copy
					 */
	CRYO_CONTINUITY_SOURCE_ENDED,	/* the same, because it ended by itself right after the
					   dump */
	CRYO_CONTINUITY_SOURCE_BROKEN,	/* the source's own values are no steady count */
	CRYO_CONTINUITY_LOG_MISMATCH,	/* restored log, copy and source are not of one history */
	CRYO_CONTINUITY_NO_BASELINE,	/* no value of the source was known before the call */
	CRYO_CONTINUITY_NO_COPY,	/* the archive's container.log holds no value */
	CRYO_CONTINUITY_UNPARSABLE,	/* a damaged counter line */
};
/* "ok", "gap", "other-process" …: part of the JSON form, so they never change. */
const char *cryo_continuity_reason_name(enum cryo_continuity_reason r);

struct cryo_continuity_logs {
	const char *before;   /* source, API form, fetched before the call began; "" if none */
	const char *copy;     /* container.log of the archive, CRI form */
	const char *restored; /* restored pod, API form */
	const char *source;   /* source, API form, some time after the call; "" if none */
	bool left_running;    /* the source had to go on: `source` must show it */
	bool source_ended;    /* it is known that it did not */
	/* NULL: the counter's own lines. With another one nothing is known of nonce and pauses, and
	 * the verdict says so: that numbers go on does not prove that a process does. */
	const struct cryo_count_format *format;
};

struct cryo_continuity {
	enum cryo_continuity_reason reason;
	char nonce[CRYO_NONCE_LEN]; /* of the source; "": its lines have none */
	uint64_t last_before;	    /* L0 */
	uint64_t last_copied;	    /* L1 */
	uint64_t first, last;	    /* F and the newest own value, valid if own > 0 */
	uint64_t own;		    /* values behind the copy */
	uint64_t again;		    /* values of the copy it printed again: L1 + 1 - F */
	struct cryo_pauses pause;
	char text[256]; /* one sentence for people */
};

void cryo_continuity_judge(const struct cryo_continuity_logs *logs, struct cryo_continuity *out);
json_t *cryo_continuity_json(const struct cryo_continuity *c); /* new reference */

#endif
