/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TAP version 14 (testanything.org): outermost steps are test points, the steps
 * in them their subtest. Deeper steps are not told. Lanes come one after the
 * other: what the later ones say waits for the end of those before them.
 */
#include "base/text.h"
#include "report/sink.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

struct tap_lane {
	size_t children; /* of the open outermost step */
	char *open;	 /* its name */
	struct cryo_str waiting;
	bool ended;
};

struct cryo_tap {
	int fd;
	size_t points; /* outermost ones so far */
	struct cryo_lanes lanes;
	unsigned front; /* the lane whose turn it is */
};

struct cryo_tap *cryo_tap_new(int fd)
{
	struct cryo_tap *t = cryo_alloc(sizeof(*t));

	t->fd = fd;
	t->front = 1;
	t->lanes.size = sizeof(struct tap_lane);
	cryo_report_write(fd, "TAP version 14\n", 15);
	return t;
}

static void flush_tap_lane(const struct cryo_tap *t, struct tap_lane *l)
{
	cryo_report_write(t->fd, cryo_str_get(&l->waiting), l->waiting.len);
	cryo_str_clear(&l->waiting);
}

static void queue_tap_text(struct cryo_tap *t, unsigned lane, const struct cryo_str *s)
{
	struct tap_lane *l = cryo_lanes_get(&t->lanes, lane);

	cryo_str_addn(&l->waiting, cryo_str_get(s), s->len);
	if (lane == 0)
		flush_tap_lane(t, l);
	for (l = cryo_lanes_get(&t->lanes, t->front); l->waiting.len > 0 || l->ended;
	     l = cryo_lanes_get(&t->lanes, t->front)) {
		flush_tap_lane(t, l);
		if (!l->ended)
			return;
		t->front++;
	}
}

/* '#' starts a directive and '\' escapes: both are escaped in a description. */
static void add_tap_description(struct cryo_str *out, const char *text)
{
	cryo_auto(cryo_str_release) struct cryo_str clean = { 0 };

	cryo_text_clean(&clean, text);
	for (const char *c = cryo_str_get(&clean); *c; c++) {
		if (*c == '#' || *c == '\\')
			cryo_str_add(out, "\\");
		cryo_str_addn(out, c, 1);
	}
}

/* A JSON string is a double-quoted YAML string. */
static void add_quoted_string(struct cryo_str *out, const char *text)
{
	cryo_auto(cryo_str_release) struct cryo_str clean = { 0 };
	json_t *s;
	char *quoted;

	cryo_text_clean(&clean, text);
	s = json_string(cryo_str_get(&clean));
	quoted = json_dumps(s, JSON_ENCODE_ANY);
	cryo_str_add(out, quoted);
	free(quoted);
	json_decref(s);
}

static void add_tap_diagnostics(struct cryo_str *out, const struct cryo_event *ev, int indent)
{
	cryo_str_addf(out, "%*s---\n%*sduration_ms: %" PRId64 "\n", indent, "", indent, "", ev->ms);
	if (*ev->detail) {
		cryo_str_addf(out, "%*smessage: ", indent, "");
		add_quoted_string(out, ev->detail);
		cryo_str_add(out, "\n");
	}
	cryo_str_addf(out, "%*s...\n", indent, "");
}

static void add_test_point(struct cryo_str *out, const struct cryo_event *ev, size_t number)
{
	int indent = (int)ev->depth * 4;

	cryo_str_addf(out, "%*s%s %zu - ", indent, "",
		      ev->kind == CRYO_EVENT_FAIL ? "not ok" : "ok", number);
	add_tap_description(out, ev->what);
	if (ev->kind == CRYO_EVENT_SKIP) {
		cryo_str_add(out, " # SKIP ");
		add_tap_description(out, ev->detail);
		cryo_str_add(out, "\n");
		return;
	}
	cryo_str_add(out, "\n");
	add_tap_diagnostics(out, ev, indent + 2);
}

static void tap_on_event_end(struct cryo_tap *t, const struct cryo_event *ev)
{
	struct tap_lane *l = cryo_lanes_get(&t->lanes, ev->lane);
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

	if (ev->depth == 1) {
		if (l->children == 0) {
			cryo_str_add(&out, "# Subtest: ");
			cryo_text_clean(&out, l->open ? l->open : "");
			cryo_str_add(&out, "\n");
		}
		add_test_point(&out, ev, ++l->children);
	} else {
		if (l->children > 0)
			cryo_str_addf(&out, "    1..%zu\n", l->children);
		t->points++;
		add_test_point(&out, ev, ev->lane ? ev->lane : t->points);
		l->ended = ev->lane > 0;
	}
	queue_tap_text(t, ev->lane, &out);
}

static void tap_on_comment(struct cryo_tap *t, const struct cryo_event *ev)
{
	const struct tap_lane *l = cryo_lanes_get(&t->lanes, ev->lane);
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

	/* Before the subtest's first point a comment there would stand in front of its title. */
	cryo_str_addf(&out, "%*s# ", l->children > 0 ? 4 : 0, "");
	cryo_text_clean(&out, ev->detail);
	cryo_str_add(&out, "\n");
	queue_tap_text(t, ev->lane, &out);
}

static void tap_on_event_begin(struct cryo_tap *t, const struct cryo_event *ev)
{
	struct tap_lane *l = cryo_lanes_get(&t->lanes, ev->lane);

	if (ev->depth > 0)
		return;
	free(l->open);
	l->open = cryo_strdup(ev->what);
	l->children = 0;
}

void cryo_tap_event(struct cryo_tap *t, const struct cryo_event *ev)
{
	switch (ev->kind) {
	case CRYO_EVENT_BEGIN:
		tap_on_event_begin(t, ev);
		break;
	case CRYO_EVENT_OK:
	case CRYO_EVENT_SAME:
	case CRYO_EVENT_FAIL:
	case CRYO_EVENT_SKIP:
		if (ev->depth <= 1)
			tap_on_event_end(t, ev);
		break;
	case CRYO_EVENT_INFO:
	case CRYO_EVENT_WARN:
		tap_on_comment(t, ev);
		break;
	case CRYO_EVENT_NOTE:
	case CRYO_EVENT_DEBUG:
		break;
	}
}

void cryo_tap_free(struct cryo_tap *t, const char *bail)
{
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

	if (!t)
		return;
	/* After an early end some wait for others that never came. */
	for (unsigned i = t->front; i < t->lanes.n; i++)
		flush_tap_lane(t, cryo_lanes_get(&t->lanes, i));
	if (bail) {
		cryo_str_add(&out, "Bail out! ");
		cryo_text_clean(&out, bail);
		cryo_str_add(&out, "\n");
	} else {
		cryo_str_addf(&out, "1..%zu\n", t->points);
	}
	cryo_report_write(t->fd, cryo_str_get(&out), out.len);
	for (unsigned i = 0; i < t->lanes.n; i++) {
		struct tap_lane *l = cryo_lanes_get(&t->lanes, i);

		free(l->open);
		cryo_str_release(&l->waiting);
	}
	cryo_lanes_release(&t->lanes);
	free(t);
}
