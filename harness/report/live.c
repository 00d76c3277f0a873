/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal: finished steps stay, the deepest open one is the last line, drawn
 * again ten times a second with its time and note. Only that line is ever taken
 * back. Lanes have a line each, as many as fit on the screen; what is in a lane
 * stays when it ends, and only if something was wrong in it (or with -v).
 */
#include "base/clock.h"
#include "base/text.h"
#include "report/sink.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define TICK_MS	  100
#define MAX_DEPTH 8

struct open_step {
	char *what, *note;
	int64_t start;
	bool shown; /* its title stays on the screen above its children */
};

struct live_lane {
	struct open_step open[MAX_DEPTH];
	unsigned depth;
	char *last_fail; /* its reason, so that the steps around need not repeat it */
	/* Not of lane 0: lines that wait for the end, and whether they are worth being shown. */
	struct cryo_str block;
	bool told;
};

struct cryo_live {
	struct cryo_report_opts opts;
	bool colored, utf8;
	pthread_t thread;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t stop_cond;
	bool stop;
	unsigned lines; /* to take back */
	struct cryo_lanes lanes;
};

static bool is_utf8_locale(void)
{
	static const char *const name[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	/* sudo often clears all three: then the terminal is taken for a usual one. */
	for (size_t i = 0; i < CRYO_ARRAY_LEN(name); i++) {
		const char *v = getenv(name[i]);

		if (v && *v)
			return strcasestr(v, "utf-8") || strcasestr(v, "utf8");
	}
	return true;
}

static void read_terminal_size(const struct cryo_live *l, size_t *columns, unsigned *rows)
{
	struct winsize w = { 0 };

	if (ioctl(l->opts.fd, TIOCGWINSZ, &w) < 0)
		w = (struct winsize){ 0 };
	/* The last column stays free: some terminals break the line there. */
	*columns = w.ws_col > 1 ? w.ws_col - 1u : 79;
	*rows = w.ws_row > 1 ? w.ws_row - 1u : 23;
}

static void add_colored_text(const struct cryo_live *l, struct cryo_str *out, const char *color,
			     const char *text)
{
	if (l->colored && *color && *text)
		cryo_str_addf(out, "\033[%sm%s\033[0m", color, text);
	else
		cryo_str_add(out, text);
}

static void erase_live_lines(struct cryo_live *l, struct cryo_str *out)
{
	for (; l->lines > 0; l->lines--)
		cryo_str_add(out, l->lines > 1 ? "\r\033[K\033[A" : "\r\033[K");
}

static const char *choose_spinner_frame(const struct cryo_live *l, int64_t ms)
{
	static const char *const braille[] = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" };
	static const char *const ascii[] = { "|", "/", "-", "\\" };

	return l->utf8 ? braille[ms / TICK_MS % 10] : ascii[ms / TICK_MS % 4];
}

/* The line of the deepest open step; other lanes' begin with what they are. */
static void draw_lane_line(struct cryo_live *l, const struct live_lane *lane, bool own,
			   struct cryo_str *text)
{
	const struct open_step *s = &lane->open[lane->depth - 1];
	int64_t ms = cryo_now_ms() - (own ? s->start : lane->open[0].start);
	cryo_auto(cryo_free) char *time = cryo_duration_show(ms);

	cryo_str_addf(text, "%*s%s ", own ? (int)(lane->depth - 1) * 2 : 0, "",
		      choose_spinner_frame(l, ms));
	if (own)
		cryo_str_addf(text, "%s  %s", s->what, time);
	else
		cryo_str_addf(text, "%s  %s%s%s", lane->open[0].what, time,
			      lane->depth > 1 ? "  " : "", lane->depth > 1 ? s->what : "");
	if (s->note && *s->note)
		cryo_str_addf(text, "  %s", s->note);
}

static void add_cut_line(struct cryo_live *l, const char *text, size_t columns,
			 struct cryo_str *out)
{
	if (l->lines > 0)
		cryo_str_add(out, "\n");
	cryo_text_cut(out, text, columns);
	l->lines++;
}

static void draw_live_lines(struct cryo_live *l, struct cryo_str *out)
{
	unsigned rows, hidden = 0, open = 0;
	size_t columns;

	if (l->opts.verbosity < 0)
		return;
	read_terminal_size(l, &columns, &rows);
	for (unsigned i = 0; i < l->lanes.n; i++)
		open += ((struct live_lane *)cryo_lanes_get(&l->lanes, i))->depth > 0;
	for (unsigned i = 0; i < l->lanes.n; i++) {
		const struct live_lane *lane = cryo_lanes_get(&l->lanes, i);
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

		if (lane->depth == 0)
			continue;
		/* The last line may have to stand for all that do not fit. */
		if (l->lines + 1 == rows && open > rows) {
			hidden = open - l->lines;
			break;
		}
		draw_lane_line(l, lane, i == 0, &text);
		add_cut_line(l, cryo_str_get(&text), columns, out);
	}
	if (hidden > 0) {
		cryo_auto(cryo_free) char *text = cryo_asprintf("  and %u more", hidden);

		add_cut_line(l, text, columns, out);
	}
}

static void *run_redraw_ticker(void *arg)
{
	struct cryo_live *l = arg;

	pthread_mutex_lock(&l->lock);
	while (!l->stop) {
		cryo_auto(cryo_str_release) struct cryo_str out = { 0 };
		int64_t at = cryo_now_ms() + TICK_MS;
		struct timespec until = { at / 1000, at % 1000 * 1000000 };

		pthread_cond_timedwait(&l->stop_cond, &l->lock, &until);
		if (l->stop || l->lines == 0)
			continue;
		erase_live_lines(l, &out);
		draw_live_lines(l, &out);
		cryo_report_write(l->opts.fd, cryo_str_get(&out), out.len);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

struct cryo_live *cryo_live_new(const struct cryo_report_opts *opts)
{
	struct cryo_live *l = cryo_alloc(sizeof(*l));
	pthread_condattr_t attr;
	sigset_t all, old;

	l->opts = *opts;
	l->colored = cryo_report_colored(opts->fd, opts->color);
	l->utf8 = is_utf8_locale();
	l->lanes.size = sizeof(struct live_lane);
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->stop_cond, &attr);
	pthread_condattr_destroy(&attr);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&l->thread, NULL, run_redraw_ticker, l) != 0)
		l->stop = true; /* the line is then only drawn at events */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return l;
}

static void close_open_step(struct open_step *s)
{
	free(s->what);
	free(s->note);
	*s = (struct open_step){ 0 };
}

static void release_live_lanes(struct cryo_live *l)
{
	for (unsigned i = 0; i < l->lanes.n; i++) {
		struct live_lane *lane = cryo_lanes_get(&l->lanes, i);

		while (lane->depth > 0)
			close_open_step(&lane->open[--lane->depth]);
		cryo_str_release(&lane->block);
		free(lane->last_fail);
	}
	cryo_lanes_release(&l->lanes);
}

void cryo_live_free(struct cryo_live *l)
{
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };
	bool running;

	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	running = !l->stop;
	l->stop = true;
	erase_live_lines(l, &out);
	cryo_report_write(l->opts.fd, cryo_str_get(&out), out.len);
	pthread_cond_signal(&l->stop_cond);
	pthread_mutex_unlock(&l->lock);
	if (running)
		pthread_join(l->thread, NULL);
	release_live_lanes(l);
	pthread_cond_destroy(&l->stop_cond);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static const struct {
	const char *utf8, *ascii, *color;
} marks[] = {
	[CRYO_EVENT_OK] = { "✓", "ok", "32" },	     [CRYO_EVENT_SAME] = { "✓", "ok", "32" },
	[CRYO_EVENT_FAIL] = { "✗", "FAILED", "31" }, [CRYO_EVENT_SKIP] = { "–", "skipped", "33" },
	[CRYO_EVENT_INFO] = { " ", " ", "" },	     [CRYO_EVENT_WARN] = { "!", "warning:", "33" },
	[CRYO_EVENT_DEBUG] = { " ", " ", "" },
};

/* What is said behind the title; an outer step does not repeat the reason of the inner one. */
static const char *choose_event_detail(struct live_lane *l, const struct cryo_event *ev)
{
	bool told;

	if (ev->kind != CRYO_EVENT_FAIL)
		return ev->detail;
	told = l->last_fail && cryo_ends_with(ev->detail, l->last_fail);
	free(l->last_fail);
	l->last_fail = ev->depth > 0 ? cryo_strdup(ev->detail) : NULL;
	return told ? "" : ev->detail;
}

static void print_lasting_line(const struct cryo_live *l, struct live_lane *lane,
			       const struct cryo_event *ev, struct cryo_str *out)
{
	cryo_auto(cryo_str_release) struct cryo_str what = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str detail = { 0 };
	bool line = !*ev->what; /* info, warning, debug: no step */

	cryo_text_clean(&what, ev->what);
	cryo_text_clean(&detail, choose_event_detail(lane, ev));
	cryo_str_addf(out, "%*s", (int)ev->depth * 2, "");
	add_colored_text(l, out, marks[ev->kind].color,
			 l->utf8 ? marks[ev->kind].utf8 : marks[ev->kind].ascii);
	cryo_str_addf(out, " %s", cryo_str_get(&what));
	if (detail.len > 0) {
		cryo_str_add(out, line ? "" : "  ");
		add_colored_text(l, out, ev->kind == CRYO_EVENT_FAIL || line ? "" : "2", detail.p);
	}
	if (ev->kind == CRYO_EVENT_OK || ev->kind == CRYO_EVENT_FAIL) {
		cryo_auto(cryo_free) char *time = cryo_duration_show(ev->ms);

		cryo_str_add(out, "  ");
		add_colored_text(l, out, "2", time);
	}
	cryo_str_add(out, "\n");
}

static void live_on_begin(const struct cryo_live *l, struct live_lane *lane,
			  const struct cryo_event *ev, struct cryo_str *out)
{
	struct open_step *parent = lane->depth ? &lane->open[lane->depth - 1] : NULL;
	struct cryo_str what = { 0 };

	if (parent && !parent->shown && cryo_report_wants(&l->opts, ev)) {
		cryo_str_addf(out, "%*s", (int)(lane->depth - 1) * 2, "");
		add_colored_text(l, out, "1", parent->what);
		cryo_str_add(out, "\n");
		parent->shown = true;
	}
	if (lane->depth == MAX_DEPTH)
		return;
	cryo_text_clean(&what, ev->what);
	lane->open[lane->depth++] =
	    (struct open_step){ .what = cryo_str_detach(&what), .start = cryo_now_ms() };
}

static void live_on_note(struct live_lane *lane, const struct cryo_event *ev)
{
	struct cryo_str note = { 0 };

	if (lane->depth == 0)
		return;
	cryo_text_clean(&note, ev->detail);
	free(lane->open[lane->depth - 1].note);
	lane->open[lane->depth - 1].note = cryo_str_detach(&note);
}

static void handle_live_event(struct cryo_live *l, struct live_lane *lane,
			      const struct cryo_event *ev, struct cryo_str *out)
{
	if (ev->kind == CRYO_EVENT_BEGIN)
		live_on_begin(l, lane, ev, out);
	else if (ev->kind == CRYO_EVENT_NOTE)
		live_on_note(lane, ev);
	else if (cryo_report_wants(&l->opts, ev))
		print_lasting_line(l, lane, ev, out);
	if (cryo_event_ends(ev->kind) && lane->depth > 0)
		close_open_step(&lane->open[--lane->depth]);
}

/* Of a lane that ended well the last line is enough. */
static void handle_live_lane(struct cryo_live *l, struct live_lane *lane,
			     const struct cryo_event *ev, struct cryo_str *out)
{
	bool last = cryo_event_ends(ev->kind) && ev->depth == 0;

	if (ev->kind == CRYO_EVENT_WARN || (last && ev->kind == CRYO_EVENT_FAIL))
		lane->told = true;
	if (last && !lane->told && l->opts.verbosity <= 0)
		cryo_str_clear(&lane->block);
	handle_live_event(l, lane, ev, &lane->block);
	if (!last)
		return;
	cryo_str_add(out, cryo_str_get(&lane->block));
	cryo_str_clear(&lane->block);
}

void cryo_live_event(struct cryo_live *l, const struct cryo_event *ev)
{
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };
	struct live_lane *lane;

	pthread_mutex_lock(&l->lock);
	lane = cryo_lanes_get(&l->lanes, ev->lane);
	erase_live_lines(l, &out);
	if (ev->lane == 0)
		handle_live_event(l, lane, ev, &out);
	else
		handle_live_lane(l, lane, ev, &out);
	draw_live_lines(l, &out);
	cryo_report_write(l->opts.fd, cryo_str_get(&out), out.len);
	pthread_mutex_unlock(&l->lock);
}
