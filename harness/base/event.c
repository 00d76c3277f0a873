/* SPDX-License-Identifier: Apache-2.0 */
#include "base/event.h"

#include "base/clock.h"
#include "base/mask.h"

#include <stdlib.h>

#define MAX_DEPTH 8

static struct {
	cryo_event_sink sink;
	void *arg;
	unsigned depth;
	struct {
		char *what;
		int64_t start;
	} step[MAX_DEPTH];
} state;

void cryo_event_set_sink(cryo_event_sink sink, void *arg)
{
	state.sink = sink;
	state.arg = arg;
}

void cryo_event_relay(const struct cryo_event *ev)
{
	if (state.sink)
		state.sink(ev, state.arg);
}

bool cryo_event_ends(enum cryo_event_kind kind)
{
	return kind == CRYO_EVENT_OK || kind == CRYO_EVENT_SAME || kind == CRYO_EVENT_FAIL ||
	       kind == CRYO_EVENT_SKIP;
}

static void emit_event_text(enum cryo_event_kind kind, unsigned depth, const char *what, int64_t ms,
			    const char *detail)
{
	struct cryo_event ev = {
		.kind = kind, .what = what, .detail = detail, .ms = ms, .depth = depth
	};

	cryo_event_relay(&ev);
}

static void emit_event_format(enum cryo_event_kind kind, unsigned depth, const char *what,
			      int64_t ms, const char *fmt, va_list ap)
{
	cryo_auto(cryo_free) char *detail = cryo_vasprintf(fmt, ap);

	cryo_mask_addresses(detail);
	emit_event_text(kind, depth, what, ms, detail);
}

void cryo_step_begin(const char *fmt, ...)
{
	va_list ap;

	/* Deeper than any caller goes: a begin without an end. */
	if (state.depth == MAX_DEPTH)
		abort();
	va_start(ap, fmt);
	state.step[state.depth].what = cryo_vasprintf(fmt, ap);
	va_end(ap);
	state.step[state.depth].start = cryo_now_ms();
	emit_event_text(CRYO_EVENT_BEGIN, state.depth, state.step[state.depth].what, 0, "");
	state.depth++;
}

static void end_current_step(enum cryo_event_kind kind, const char *fmt, va_list ap)
{
	char *what;

	if (state.depth == 0)
		abort();
	state.depth--;
	what = state.step[state.depth].what;
	emit_event_format(kind, state.depth, what, cryo_now_ms() - state.step[state.depth].start,
			  fmt, ap);
	free(what);
}

void cryo_step_note(const char *fmt, ...)
{
	unsigned depth = state.depth ? state.depth - 1 : 0;
	va_list ap;

	va_start(ap, fmt);
	emit_event_format(CRYO_EVENT_NOTE, depth, state.depth ? state.step[depth].what : "", 0, fmt,
			  ap);
	va_end(ap);
}

#define DEFINE_END(name, kind)                                                                     \
	void name(const char *fmt, ...)                                                            \
	{                                                                                          \
		va_list ap;                                                                        \
		va_start(ap, fmt);                                                                 \
		end_current_step(kind, fmt, ap);                                                   \
		va_end(ap);                                                                        \
	}

#define DEFINE_LINE(name, kind)                                                                    \
	void name(const char *fmt, ...)                                                            \
	{                                                                                          \
		va_list ap;                                                                        \
		va_start(ap, fmt);                                                                 \
		emit_event_format(kind, state.depth, "", 0, fmt, ap);                              \
		va_end(ap);                                                                        \
	}

DEFINE_END(cryo_step_ok, CRYO_EVENT_OK)
DEFINE_END(cryo_step_same, CRYO_EVENT_SAME)
DEFINE_END(cryo_step_fail, CRYO_EVENT_FAIL)
DEFINE_END(cryo_step_skip, CRYO_EVENT_SKIP)
DEFINE_LINE(cryo_info, CRYO_EVENT_INFO)
DEFINE_LINE(cryo_warn, CRYO_EVENT_WARN)
DEFINE_LINE(cryo_debug, CRYO_EVENT_DEBUG)
