/* SPDX-License-Identifier: Apache-2.0 */
/* Lines with time stamps, for logs and for people without a terminal. */
#include "base/clock.h"
#include "base/text.h"
#include "report/sink.h"

#include <stdlib.h>
#include <time.h>

/* Notes of a step come in quick succession: one now and then is enough in a log. */
#define NOTE_EVERY_MS 10000

struct cryo_plain {
	struct cryo_report_opts opts;
	int64_t last_ms; /* when something was written last */
};

struct cryo_plain *cryo_plain_new(const struct cryo_report_opts *opts)
{
	struct cryo_plain *p = cryo_alloc(sizeof(*p));

	p->opts = *opts;
	return p;
}

void cryo_plain_free(struct cryo_plain *p)
{
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

static void add_stamp(struct cryo_str *out)
{
	time_t now = time(NULL);
	char text[16];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	cryo_str_add(out, text);
}

static void add_mark(const struct cryo_plain *p, enum cryo_event_kind kind, struct cryo_str *out)
{
	bool colored = p->opts.color == CRYO_COLOR_ALWAYS && *kinds[kind].color;

	if (colored)
		cryo_str_addf(out, " \033[%sm%s\033[0m ", kinds[kind].color, kinds[kind].mark);
	else
		cryo_str_addf(out, " %s ", kinds[kind].mark);
}

static bool has_duration(const struct cryo_event *ev)
{
	return ev->kind == CRYO_EVENT_OK || ev->kind == CRYO_EVENT_FAIL;
}

void cryo_plain_event(struct cryo_plain *p, const struct cryo_event *ev)
{
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };
	int64_t now = cryo_now_ms();

	if (!cryo_report_wants(&p->opts, ev) ||
	    (ev->kind == CRYO_EVENT_NOTE && now - p->last_ms < NOTE_EVERY_MS))
		return;
	p->last_ms = now;
	add_stamp(&out);
	add_mark(p, ev->kind, &out);
	cryo_str_addf(&out, "%*s", (int)ev->depth * 2, "");
	cryo_text_clean(&out, ev->what);
	if (*ev->what && *ev->detail)
		cryo_str_add(&out, ": ");
	cryo_text_clean(&out, ev->detail);
	if (has_duration(ev)) {
		cryo_auto(cryo_free) char *time = cryo_duration_show(ev->ms);

		cryo_str_addf(&out, " (%s)", time);
	}
	cryo_str_add(&out, "\n");
	cryo_report_write(p->opts.fd, out.p, out.len);
}
