/* SPDX-License-Identifier: Apache-2.0 */
/* The renderers that report.c hands events to. */
#ifndef CRYO_REPORT_SINK_H
#define CRYO_REPORT_SINK_H

#include "base/event.h"
#include "report/report.h"

/* Deepest step that is a line of its own at verbosity 0. */
#define CRYO_REPORT_DEPTH 1

/* Is the event worth a line that stays? */
bool cryo_report_wants(const struct cryo_report_opts *opts, const struct cryo_event *ev);
/* A terminal that moves its cursor. */
bool cryo_report_is_terminal(int fd);
void cryo_report_write(int fd, const char *text, size_t len);

struct cryo_plain;
struct cryo_plain *cryo_plain_new(const struct cryo_report_opts *opts);
void cryo_plain_event(struct cryo_plain *p, const struct cryo_event *ev);
void cryo_plain_free(struct cryo_plain *p);

struct cryo_live;
struct cryo_live *cryo_live_new(const struct cryo_report_opts *opts);
void cryo_live_event(struct cryo_live *l, const struct cryo_event *ev);
void cryo_live_free(struct cryo_live *l);

struct cryo_tap;
struct cryo_tap *cryo_tap_new(int fd);
void cryo_tap_event(struct cryo_tap *t, const struct cryo_event *ev);
void cryo_tap_free(struct cryo_tap *t, const char *bail);

struct cryo_jsonl;
struct cryo_jsonl *cryo_jsonl_new(int fd, bool verbose); /* free() frees it */
void cryo_jsonl_event(struct cryo_jsonl *j, const struct cryo_event *ev);

struct cryo_junit;
struct cryo_junit *cryo_junit_new(const char *suite);
void cryo_junit_event(struct cryo_junit *j, const struct cryo_event *ev);
/* Frees it; NULL is fine and gives nothing. */
void cryo_junit_end(struct cryo_junit *j, const char *bail, struct cryo_str *out);

/* What a renderer keeps for each lane: `size` bytes, zeroed at first. */
struct cryo_lanes {
	size_t size, n;
	void **v; /* v[lane], NULL for one that was never asked for */
};
void *cryo_lanes_get(struct cryo_lanes *l, unsigned lane);
/* Only the memory: what it holds is the caller's. */
void cryo_lanes_release(struct cryo_lanes *l);

#endif
