/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines with time stamps, for logs and for people without a terminal. What a lane
 * has to say comes as one block when it ends; that it began is said at once.
 */
#include "base/clock.h"
#include "base/text.h"
#include "report/sink.h"

#include <stdlib.h>
#include <time.h>

/* Notes of a step come in quick succession: one now and then is enough in a log. */
#define NOTE_EVERY_MS 10000

struct plain_lane {
	struct cryo_str block;
	size_t title; /* length of its first line, which was written when it began */
};

struct cryo_plain {
	struct cryo_report_opts opts;
	int64_t last_ms; /* when something was written last */
	unsigned last;	 /* whose line was written last */
	struct cryo_lanes lanes;
};

struct cryo_plain *cryo_plain_new(const struct cryo_report_opts *opts)
{
	struct cryo_plain *p = cryo_alloc(sizeof(*p));

	p->opts = *opts;
	p->lanes.size = sizeof(struct plain_lane);
	return p;
}

/* The title once more, if others stand between it and what belongs to it. */
static void flush_plain_block(struct cryo_plain *p, unsigned lane)
{
	struct plain_lane *l = cryo_lanes_get(&p->lanes, lane);
	size_t skip = p->last == lane ? l->title : 0;

	if (l->block.len > l->title)
		cryo_report_write(p->opts.fd, l->block.p + skip, l->block.len - skip);
	cryo_str_clear(&l->block);
	l->title = 0;
	p->last = lane;
}

void cryo_plain_free(struct cryo_plain *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->lanes.n; i++) {
		struct plain_lane *l = cryo_lanes_get(&p->lanes, i);

		flush_plain_block(p, i);
		cryo_str_release(&l->block);
	}
	cryo_lanes_release(&p->lanes);
	free(p);
}

static const struct {
	const char *mark, *color;
} kinds[] = {
	[CRYO_EVENT_BEGIN] = { "....", "" },  [CRYO_EVENT_NOTE] = { "....", "" },
	[CRYO_EVENT_OK] = { "ok  ", "32" },   [CRYO_EVENT_SAME] = { "same", "32" },
	[CRYO_EVENT_FAIL] = { "FAIL", "31" }, [CRYO_EVENT_SKIP] = { "skip", "33" },
	[CRYO_EVENT_INFO] = { "    ", "" },   [CRYO_EVENT_WARN] = { "WARN", "33" },
	[CRYO_EVENT_DEBUG] = { "    ", "2" },
};

static void add_plain_stamp(struct cryo_str *out)
{
	time_t now = time(NULL);
	char text[16];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	cryo_str_add(out, text);
}

static void add_event_mark(const struct cryo_plain *p, enum cryo_event_kind kind,
			   struct cryo_str *out)
{
	bool colored = p->opts.color == CRYO_COLOR_ALWAYS && *kinds[kind].color;

	if (colored)
		cryo_str_addf(out, " \033[%sm%s\033[0m ", kinds[kind].color, kinds[kind].mark);
	else
		cryo_str_addf(out, " %s ", kinds[kind].mark);
}

static bool has_event_duration(const struct cryo_event *ev)
{
	return ev->kind == CRYO_EVENT_OK || ev->kind == CRYO_EVENT_FAIL;
}

/* A block is not read while it grows: nobody wants to know what was going on then. */
static bool is_wanted_event(const struct cryo_plain *p, const struct cryo_event *ev)
{
	if (!cryo_report_wants(&p->opts, ev))
		return false;
	if (ev->kind == CRYO_EVENT_NOTE)
		return ev->lane == 0 && cryo_now_ms() - p->last_ms >= NOTE_EVERY_MS;
	return ev->lane == 0 || ev->kind != CRYO_EVENT_BEGIN || ev->depth == 0;
}

void cryo_plain_event(struct cryo_plain *p, const struct cryo_event *ev)
{
	struct plain_lane *l = cryo_lanes_get(&p->lanes, ev->lane);
	struct cryo_str *out = &l->block;

	if (!is_wanted_event(p, ev))
		return;
	p->last_ms = cryo_now_ms();
	add_plain_stamp(out);
	add_event_mark(p, ev->kind, out);
	cryo_str_addf(out, "%*s", (int)ev->depth * 2, "");
	cryo_text_clean(out, ev->what);
	if (*ev->what && *ev->detail)
		cryo_str_add(out, ": ");
	cryo_text_clean(out, ev->detail);
	if (has_event_duration(ev)) {
		cryo_auto(cryo_free) char *time = cryo_duration_show(ev->ms);

		cryo_str_addf(out, " (%s)", time);
	}
	cryo_str_add(out, "\n");
	if (ev->lane > 0 && ev->depth > 0)
		return;
	if (ev->lane == 0 || ev->kind != CRYO_EVENT_BEGIN) {
		flush_plain_block(p, ev->lane);
		return;
	}
	cryo_report_write(p->opts.fd, out->p, out->len);
	l->title = out->len;
	p->last = ev->lane;
}
