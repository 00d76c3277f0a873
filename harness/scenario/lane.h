/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process among several whose events are relayed (base/event.h): they are held
 * to nest, and what it left open when it died is ended in its place.
 */
#ifndef CRYO_SCENARIO_LANE_H
#define CRYO_SCENARIO_LANE_H

#include "base/event.h"

#define CRYO_LANE_DEPTH 8

struct cryo_lane {
	unsigned number;	     /* from 1 */
	int64_t start;		     /* cryo_now_ms() */
	char *open[CRYO_LANE_DEPTH]; /* steps that have begun and not ended */
	unsigned depth;
	bool ended; /* nothing is to come any more */
};

/* Relay an event; false: it does not fit, and is dropped. */
bool cryo_lane_relay(struct cryo_lane *l, const struct cryo_event *ev);
/* A line that the process should not have said, or that is about it. */
void cryo_lane_warn(struct cryo_lane *l, const char *text);
/* It did not even begin: then its outermost step does so here. */
void cryo_lane_begin(struct cryo_lane *l, const char *what);
/* Every step that is open fails. */
void cryo_lane_fail(struct cryo_lane *l, const char *why);
void cryo_lane_release(struct cryo_lane *l);

#endif
