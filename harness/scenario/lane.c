/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/lane.h"

#include "base/clock.h"

#include <stdlib.h>

/* What a lane says by itself, not its process. */
static void relay_lane_event(struct cryo_lane *l, enum cryo_event_kind kind, unsigned depth,
			     const char *what, const char *detail)
{
	struct cryo_event ev = {
		.kind = kind, .what = what, .detail = detail, .depth = depth, .lane = l->number
	};

	if (cryo_event_ends(kind))
		ev.ms = cryo_now_ms() - l->start;
	cryo_event_relay(&ev);
}

static bool is_event_nested(struct cryo_lane *l, const struct cryo_event *ev)
{
	if (ev->kind == CRYO_EVENT_BEGIN) {
		if (ev->depth != l->depth || l->depth == CRYO_LANE_DEPTH)
			return false;
		l->open[l->depth++] = cryo_strdup(ev->what);
		return true;
	}
	if (!cryo_event_ends(ev->kind))
		return true;
	if (l->depth == 0 || ev->depth != l->depth - 1)
		return false;
	free(cryo_steal(&l->open[--l->depth]));
	l->ended = l->depth == 0;
	return true;
}

bool cryo_lane_relay(struct cryo_lane *l, const struct cryo_event *ev)
{
	struct cryo_event mine = *ev;

	if (l->ended || !is_event_nested(l, ev))
		return false;
	mine.lane = l->number;
	cryo_event_relay(&mine);
	return true;
}

void cryo_lane_warn(struct cryo_lane *l, const char *text)
{
	if (*text && !l->ended)
		relay_lane_event(l, CRYO_EVENT_WARN, l->depth, "", text);
}

void cryo_lane_begin(struct cryo_lane *l, const char *what)
{
	if (l->ended || l->depth > 0)
		return;
	l->open[l->depth++] = cryo_strdup(what);
	relay_lane_event(l, CRYO_EVENT_BEGIN, 0, what, "");
}

void cryo_lane_fail(struct cryo_lane *l, const char *why)
{
	while (l->depth > 0) {
		cryo_auto(cryo_free) char *what = cryo_steal(&l->open[--l->depth]);

		relay_lane_event(l, CRYO_EVENT_FAIL, l->depth, what, why);
	}
	l->ended = true;
}

void cryo_lane_release(struct cryo_lane *l)
{
	while (l->depth > 0)
		free(cryo_steal(&l->open[--l->depth]));
}
