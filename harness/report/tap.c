/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TAP version 14 (testanything.org): outermost steps are test points, the steps
 * in them their subtest. Deeper steps are not told.
 */
#include "base/text.h"
#include "report/sink.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

struct cryo_tap {
	int fd;
	size_t points;	 /* outermost ones so far */
	size_t children; /* of the open outermost step */
	char *open;	 /* its name */
};

static void say(const struct cryo_tap *t, const struct cryo_str *s)
{
	cryo_report_write(t->fd, cryo_str_get(s), s->len);
}

struct cryo_tap *cryo_tap_new(int fd)
{
	struct cryo_tap *t = cryo_alloc(sizeof(*t));

	t->fd = fd;
	cryo_report_write(fd, "TAP version 14\n", 15);
	return t;
}

/* '#' starts a directive and '\' escapes: both are escaped in a description. */
static void add_description(struct cryo_str *out, const char *text)
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
static void add_quoted(struct cryo_str *out, const char *text)
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

static void add_diagnostics(struct cryo_str *out, const struct cryo_event *ev, int indent)
{
	cryo_str_addf(out, "%*s---\n%*sduration_ms: %" PRId64 "\n", indent, "", indent, "", ev->ms);
	if (*ev->detail) {
		cryo_str_addf(out, "%*smessage: ", indent, "");
		add_quoted(out, ev->detail);
		cryo_str_add(out, "\n");
	}
	cryo_str_addf(out, "%*s...\n", indent, "");
}

static void add_point(struct cryo_str *out, const struct cryo_event *ev, size_t number)
{
	int indent = (int)ev->depth * 4;

	cryo_str_addf(out, "%*s%s %zu - ", indent, "",
		      ev->kind == CRYO_EVENT_FAIL ? "not ok" : "ok", number);
	add_description(out, ev->what);
	if (ev->kind == CRYO_EVENT_SKIP) {
		cryo_str_add(out, " # SKIP ");
		add_description(out, ev->detail);
		cryo_str_add(out, "\n");
		return;
	}
	cryo_str_add(out, "\n");
	add_diagnostics(out, ev, indent + 2);
}

static void on_end(struct cryo_tap *t, const struct cryo_event *ev)
{
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

	if (ev->depth == 1) {
		if (t->children == 0) {
			cryo_str_add(&out, "# Subtest: ");
			cryo_text_clean(&out, t->open);
			cryo_str_add(&out, "\n");
		}
		add_point(&out, ev, ++t->children);
	} else {
		if (t->children > 0)
			cryo_str_addf(&out, "    1..%zu\n", t->children);
		add_point(&out, ev, ++t->points);
	}
	say(t, &out);
}

static void on_comment(struct cryo_tap *t, const struct cryo_event *ev)
{
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

	/* Before the subtest's first point a comment there would stand in front of its title. */
	cryo_str_addf(&out, "%*s# ", t->children > 0 ? 4 : 0, "");
	cryo_text_clean(&out, ev->detail);
	cryo_str_add(&out, "\n");
	say(t, &out);
}

void cryo_tap_event(struct cryo_tap *t, const struct cryo_event *ev)
{
	switch (ev->kind) {
	case CRYO_EVENT_BEGIN:
		if (ev->depth > 0)
			break;
		free(t->open);
		t->open = cryo_strdup(ev->what);
		t->children = 0;
		break;
	case CRYO_EVENT_OK:
	case CRYO_EVENT_SAME:
	case CRYO_EVENT_FAIL:
	case CRYO_EVENT_SKIP:
		if (ev->depth <= 1)
			on_end(t, ev);
		break;
	case CRYO_EVENT_INFO:
	case CRYO_EVENT_WARN:
		on_comment(t, ev);
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
	if (bail) {
		cryo_str_add(&out, "Bail out! ");
		cryo_text_clean(&out, bail);
		cryo_str_add(&out, "\n");
	} else {
		cryo_str_addf(&out, "1..%zu\n", t->points);
	}
	say(t, &out);
	free(t->open);
	free(t);
}
