/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JUnit's XML in the form that Jenkins, GitLab and others read: one suite,
 * outermost steps are its cases. Nothing is written before the end, because the
 * counts stand in front.
 */
#include "base/clock.h"
#include "base/text.h"
#include "report/sink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
	unsigned lane;
	char *name, *detail;
	enum cryo_event_kind end; /* CRYO_EVENT_BEGIN: it did not end */
	int64_t ms;
	struct cryo_str out; /* its steps and what they said, a line each */
};

struct cryo_junit {
	char *suite;
	int64_t begin_ms, begin_ns;
	struct test_case **v; /* in the order they began */
	size_t n;
	struct cryo_str out; /* what was said outside of cases */
};

struct cryo_junit *cryo_junit_new(const char *suite)
{
	struct cryo_junit *j = cryo_alloc(sizeof(*j));

	j->suite = cryo_strdup(suite);
	j->begin_ms = cryo_now_ms();
	j->begin_ns = cryo_wall_ns();
	return j;
}

/* The one that is open in that lane. */
static struct test_case *find_open_case(const struct cryo_junit *j, unsigned lane)
{
	for (size_t i = j->n; i > 0; i--)
		if (j->v[i - 1]->lane == lane)
			return j->v[i - 1]->end == CRYO_EVENT_BEGIN ? j->v[i - 1] : NULL;
	return NULL;
}

static void add_begun_case(struct cryo_junit *j, const struct cryo_event *ev)
{
	struct test_case *c = cryo_alloc(sizeof(*c));

	c->lane = ev->lane;
	c->name = cryo_strdup(ev->what);
	c->end = CRYO_EVENT_BEGIN;
	j->v = cryo_realloc(j->v, j->n + 1, sizeof(struct test_case *));
	j->v[j->n++] = c;
}

static void add_case_line(struct cryo_str *out, const struct cryo_event *ev)
{
	static const char *const mark[] = {
		[CRYO_EVENT_OK] = "ok    ",   [CRYO_EVENT_SAME] = "same  ",
		[CRYO_EVENT_FAIL] = "FAIL  ", [CRYO_EVENT_SKIP] = "skip  ",
		[CRYO_EVENT_INFO] = "      ", [CRYO_EVENT_WARN] = "WARN  ",
	};
	cryo_auto(cryo_free) char *time = cryo_duration_show(ev->ms);

	cryo_str_add(out, mark[ev->kind]);
	cryo_str_add(out, ev->what);
	cryo_str_addf(out, "%s%s", *ev->what && *ev->detail ? ": " : "", ev->detail);
	if (ev->kind == CRYO_EVENT_OK || ev->kind == CRYO_EVENT_FAIL)
		cryo_str_addf(out, " (%s)", time);
	cryo_str_add(out, "\n");
}

static void finish_open_case(struct test_case *c, const struct cryo_event *ev)
{
	c->end = ev->kind;
	c->ms = ev->ms;
	c->detail = cryo_strdup(ev->detail);
}

void cryo_junit_event(struct cryo_junit *j, const struct cryo_event *ev)
{
	struct test_case *c = find_open_case(j, ev->lane);
	bool line = ev->kind == CRYO_EVENT_INFO || ev->kind == CRYO_EVENT_WARN;

	if (ev->kind == CRYO_EVENT_BEGIN && ev->depth == 0)
		add_begun_case(j, ev);
	else if (cryo_event_ends(ev->kind) && ev->depth == 0 && c)
		finish_open_case(c, ev);
	else if (line || (cryo_event_ends(ev->kind) && ev->depth <= CRYO_REPORT_DEPTH))
		add_case_line(c ? &c->out : &j->out, ev);
}

/* XML 1.0 has no way to write most control characters, nor U+FFFE and U+FFFF. */
static void add_xml_escaped(struct cryo_str *out, const char *text)
{
	cryo_auto(cryo_str_release) struct cryo_str clean = { 0 };

	cryo_text_clean(&clean, text);
	for (const char *c = cryo_str_get(&clean); *c; c++) {
		if (*c == '&')
			cryo_str_add(out, "&amp;");
		else if (*c == '<')
			cryo_str_add(out, "&lt;");
		else if (*c == '>')
			cryo_str_add(out, "&gt;");
		else if (*c == '"')
			cryo_str_add(out, "&quot;");
		else if (strncmp(c, "\xef\xbf\xbe", 3) == 0 || strncmp(c, "\xef\xbf\xbf", 3) == 0)
			cryo_str_add(out, (c += 2, "?"));
		else
			cryo_str_addn(out, c, 1);
	}
}

static void add_xml_attribute(struct cryo_str *out, const char *name, const char *value)
{
	cryo_str_addf(out, " %s=\"", name);
	add_xml_escaped(out, value);
	cryo_str_add(out, "\"");
}

static void add_xml_time(struct cryo_str *out, int64_t ms)
{
	cryo_str_addf(out, " time=\"%" PRId64 ".%03d\"", ms / 1000, (int)(ms % 1000));
}

static void add_case_output(struct cryo_str *out, const char *indent, const char *tag,
			    const struct cryo_str *text)
{
	cryo_auto(cryo_free) char *copy = cryo_strdup(cryo_str_get(text));
	char *save = NULL;

	if (text->len == 0)
		return;
	cryo_str_addf(out, "%s<%s>", indent, tag);
	for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		add_xml_escaped(out, l);
		cryo_str_add(out, "\n");
	}
	cryo_str_addf(out, "</%s>\n", tag);
}

static void add_case_outcome(struct cryo_str *out, const char *tag, const char *message)
{
	cryo_str_addf(out, "      <%s", tag);
	add_xml_attribute(out, "message", message);
	if (strcmp(tag, "skipped") == 0) {
		cryo_str_add(out, "/>\n");
		return;
	}
	add_xml_attribute(out, "type", tag);
	/* Some show only the text, some only the attribute. */
	cryo_str_add(out, ">");
	add_xml_escaped(out, message);
	cryo_str_addf(out, "</%s>\n", tag);
}

/* Rows of a matrix are of one class: memory[ballast=1Mi] is of "memory". */
static void render_test_case(struct cryo_str *out, const struct test_case *c)
{
	cryo_auto(cryo_free) char *class = cryo_strndup(c->name, strcspn(c->name, "["));

	cryo_str_add(out, "    <testcase");
	add_xml_attribute(out, "classname", class);
	add_xml_attribute(out, "name", c->name);
	add_xml_time(out, c->ms);
	cryo_str_add(out, ">\n");
	if (c->end == CRYO_EVENT_FAIL)
		add_case_outcome(out, "failure", c->detail);
	else if (c->end == CRYO_EVENT_SKIP)
		add_case_outcome(out, "skipped", c->detail);
	else if (c->end == CRYO_EVENT_BEGIN)
		add_case_outcome(out, "error", "it did not finish");
	add_case_output(out, "      ", "system-out", &c->out);
	cryo_str_add(out, "    </testcase>\n");
}

static size_t count_ended_cases(const struct cryo_junit *j, enum cryo_event_kind end)
{
	size_t n = 0;

	for (size_t i = 0; i < j->n; i++)
		n += j->v[i]->end == end;
	return n;
}

static void add_suite_counts(struct cryo_str *out, const struct cryo_junit *j, bool bail)
{
	cryo_str_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"",
		      j->n + bail, count_ended_cases(j, CRYO_EVENT_FAIL),
		      count_ended_cases(j, CRYO_EVENT_BEGIN) + bail,
		      count_ended_cases(j, CRYO_EVENT_SKIP));
	add_xml_time(out, cryo_now_ms() - j->begin_ms);
}

/* By lane; those of one lane stay as they began. */
static void sort_cases_by_lane(struct cryo_junit *j)
{
	for (size_t i = 1; i < j->n; i++)
		for (size_t k = i; k > 0 && j->v[k]->lane < j->v[k - 1]->lane; k--) {
			struct test_case *c = j->v[k];

			j->v[k] = j->v[k - 1];
			j->v[k - 1] = c;
		}
}

static void add_bail_case(struct cryo_str *out, const struct cryo_junit *j, const char *bail)
{
	cryo_str_add(out, "    <testcase");
	add_xml_attribute(out, "classname", j->suite);
	add_xml_attribute(out, "name", "the whole run");
	add_xml_time(out, 0);
	cryo_str_add(out, ">\n");
	add_case_outcome(out, "error", bail);
	cryo_str_add(out, "    </testcase>\n");
}

static void render_junit_report(struct cryo_junit *j, const char *bail, struct cryo_str *out)
{
	/* Without a zone: the schema that many validate against knows none. */
	cryo_auto(cryo_free) char *stamp = cryo_rfc3339(j->begin_ns);

	stamp[strcspn(stamp, ".Z")] = '\0';
	cryo_str_add(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
	add_suite_counts(out, j, bail != NULL);
	cryo_str_add(out, ">\n  <testsuite");
	add_xml_attribute(out, "name", j->suite);
	add_suite_counts(out, j, bail != NULL);
	add_xml_attribute(out, "timestamp", stamp);
	cryo_str_add(out, ">\n");
	for (size_t i = 0; i < j->n; i++)
		render_test_case(out, j->v[i]);
	if (bail)
		add_bail_case(out, j, bail);
	add_case_output(out, "    ", "system-out", &j->out);
	cryo_str_add(out, "  </testsuite>\n</testsuites>\n");
}

void cryo_junit_end(struct cryo_junit *j, const char *bail, struct cryo_str *out)
{
	if (!j)
		return;
	sort_cases_by_lane(j);
	render_junit_report(j, bail, out);
	for (size_t i = 0; i < j->n; i++) {
		free(j->v[i]->name);
		free(j->v[i]->detail);
		cryo_str_release(&j->v[i]->out);
		free(j->v[i]);
	}
	free(j->v);
	free(j->suite);
	cryo_str_release(&j->out);
	free(j);
}
