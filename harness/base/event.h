/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One way to say what is going on. Lower rooms emit events; report/ turns them
 * into a live terminal line, plain lines, TAP or JSON. Without a sink events go
 * nowhere, so libraries and tests stay silent.
 *
 * Steps nest: begin … note* … end. `what` of the end is that of the begin.
 *
 * What other processes emit is relayed. Several of them at once are told apart by
 * lanes, numbered from 1 in the order they are to be shown; steps nest in each
 * lane for itself, and a lane ends with its one outermost step.
 */
#ifndef CRYO_BASE_EVENT_H
#define CRYO_BASE_EVENT_H

#include "base/util.h"

enum cryo_event_kind {
	CRYO_EVENT_BEGIN, /* a step starts: what */
	CRYO_EVENT_NOTE,  /* progress inside the step, replaces the note before: detail */
	CRYO_EVENT_OK,	  /* the step ended well: what, detail (may be ""), ms */
	CRYO_EVENT_SAME,  /* ended well, nothing was to do */
	CRYO_EVENT_FAIL,  /* the step failed: what, detail = why, ms */
	CRYO_EVENT_SKIP,  /* not done: what, detail = why */
	CRYO_EVENT_INFO,  /* a line for people, outside of steps: detail */
	CRYO_EVENT_WARN,  /* a line people should read: detail */
	CRYO_EVENT_DEBUG, /* shown with -v: detail */
};

struct cryo_event {
	enum cryo_event_kind kind;
	const char *what;   /* borrowed for the call; "" where there is none */
	const char *detail; /* borrowed for the call; "" where there is none */
	int64_t ms;	    /* duration at OK, SAME and FAIL */
	unsigned depth;	    /* 0 = outermost step */
	unsigned lane;	    /* 0: of this process; else of one that runs beside others (relayed) */
};

typedef void (*cryo_event_sink)(const struct cryo_event *ev, void *arg);

/* One sink per process; NULL turns events off. `arg` is borrowed. */
void cryo_event_set_sink(cryo_event_sink sink, void *arg);

/* Hands an event of another process to the sink as it is. */
void cryo_event_relay(const struct cryo_event *ev);

/* Does it end a step? */
bool cryo_event_ends(enum cryo_event_kind kind);

/* Starts a step. Ends with exactly one of step_ok/same/fail/skip. */
void cryo_step_begin(const char *fmt, ...) CRYO_PRINTF(1, 2);
void cryo_step_note(const char *fmt, ...) CRYO_PRINTF(1, 2);
void cryo_step_ok(const char *fmt, ...) CRYO_PRINTF(1, 2); /* "" is fine */
void cryo_step_same(const char *fmt, ...) CRYO_PRINTF(1, 2);
void cryo_step_fail(const char *fmt, ...) CRYO_PRINTF(1, 2);
void cryo_step_skip(const char *fmt, ...) CRYO_PRINTF(1, 2);

void cryo_info(const char *fmt, ...) CRYO_PRINTF(1, 2);
void cryo_warn(const char *fmt, ...) CRYO_PRINTF(1, 2);
void cryo_debug(const char *fmt, ...) CRYO_PRINTF(1, 2);

#endif
