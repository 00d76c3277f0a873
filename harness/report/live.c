/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal: finished steps stay, the deepest open one is the last line, drawn
 * again ten times a second with its time and note. Only that line is ever taken
 * back, so nothing depends on the screen's height.
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

struct cryo_live {
	struct cryo_report_opts opts;
	bool colored, utf8;
	pthread_t thread;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t stop_cond;
	bool stop, line; /* is there a line to take back? */
	struct open_step open[MAX_DEPTH];
	unsigned depth;
	char *last_fail; /* its reason, so that the steps around need not repeat it */
};

static bool speaks_utf8(void)
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

static size_t width(const struct cryo_live *l)
{
	struct winsize w = { 0 };

	/* The last column stays free: some terminals break the line there. */
	return ioctl(l->opts.fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? w.ws_col - 1u : 79;
}

static void add_colored(const struct cryo_live *l, struct cryo_str *out, const char *color,
			const char *text)
{
	if (l->colored && *color && *text)
		cryo_str_addf(out, "\033[%sm%s\033[0m", color, text);
	else
		cryo_str_add(out, text);
}

static void take_back(struct cryo_live *l, struct cryo_str *out)
{
	if (l->line)
		cryo_str_add(out, "\r\033[K");
	l->line = false;
}

static const char *spinner(const struct cryo_live *l, int64_t ms)
{
	static const char *const braille[] = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" };
	static const char *const ascii[] = { "|", "/", "-", "\\" };

	return l->utf8 ? braille[ms / TICK_MS % 10] : ascii[ms / TICK_MS % 4];
}

/* The line of the deepest open step. */
static void draw(struct cryo_live *l, struct cryo_str *out)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_free) char *time = NULL;
	const struct open_step *s = l->depth ? &l->open[l->depth - 1] : NULL;
	int64_t ms;

	if (!s || l->opts.verbosity < 0)
		return;
	ms = cryo_now_ms() - s->start;
	time = cryo_duration_show(ms);
	cryo_str_addf(&text, "%*s%s %s  %s", (int)(l->depth - 1) * 2, "", spinner(l, ms), s->what,
		      time);
	if (s->note && *s->note)
		cryo_str_addf(&text, "  %s", s->note);
	cryo_text_cut(out, cryo_str_get(&text), width(l));
	l->line = true;
}

static void *ticker(void *arg)
{
	struct cryo_live *l = arg;

	pthread_mutex_lock(&l->lock);
	while (!l->stop) {
		cryo_auto(cryo_str_release) struct cryo_str out = { 0 };
		int64_t at = cryo_now_ms() + TICK_MS;
		struct timespec until = { at / 1000, at % 1000 * 1000000 };

		pthread_cond_timedwait(&l->stop_cond, &l->lock, &until);
		if (l->stop || !l->line)
			continue;
		take_back(l, &out);
		draw(l, &out);
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
	l->utf8 = speaks_utf8();
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->stop_cond, &attr);
	pthread_condattr_destroy(&attr);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&l->thread, NULL, ticker, l) != 0)
		l->stop = true; /* the line is then only drawn at events */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return l;
}

static void close_step(struct open_step *s)
{
	free(s->what);
	free(s->note);
	*s = (struct open_step){ 0 };
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
	take_back(l, &out);
	cryo_report_write(l->opts.fd, cryo_str_get(&out), out.len);
	pthread_cond_signal(&l->stop_cond);
	pthread_mutex_unlock(&l->lock);
	if (running)
		pthread_join(l->thread, NULL);
	while (l->depth > 0)
		close_step(&l->open[--l->depth]);
	pthread_cond_destroy(&l->stop_cond);
	pthread_mutex_destroy(&l->lock);
	free(l->last_fail);
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
static const char *detail_of(struct cryo_live *l, const struct cryo_event *ev)
{
	bool told;

	if (ev->kind != CRYO_EVENT_FAIL)
		return ev->detail;
	told = l->last_fail && cryo_ends_with(ev->detail, l->last_fail);
	free(l->last_fail);
	l->last_fail = ev->depth > 0 ? cryo_strdup(ev->detail) : NULL;
	return told ? "" : ev->detail;
}

static void stay(struct cryo_live *l, const struct cryo_event *ev, struct cryo_str *out)
{
	cryo_auto(cryo_str_release) struct cryo_str what = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str detail = { 0 };
	bool line = !*ev->what; /* info, warning, debug: no step */

	cryo_text_clean(&what, ev->what);
	cryo_text_clean(&detail, detail_of(l, ev));
	cryo_str_addf(out, "%*s", (int)ev->depth * 2, "");
	add_colored(l, out, marks[ev->kind].color,
		    l->utf8 ? marks[ev->kind].utf8 : marks[ev->kind].ascii);
	cryo_str_addf(out, " %s", cryo_str_get(&what));
	if (detail.len > 0) {
		cryo_str_add(out, line ? "" : "  ");
		add_colored(l, out, ev->kind == CRYO_EVENT_FAIL || line ? "" : "2", detail.p);
	}
	if (ev->kind == CRYO_EVENT_OK || ev->kind == CRYO_EVENT_FAIL) {
		cryo_auto(cryo_free) char *time = cryo_duration_show(ev->ms);

		cryo_str_add(out, "  ");
		add_colored(l, out, "2", time);
	}
	cryo_str_add(out, "\n");
}

static void on_begin(struct cryo_live *l, const struct cryo_event *ev, struct cryo_str *out)
{
	struct open_step *parent = l->depth ? &l->open[l->depth - 1] : NULL;
	struct cryo_str what = { 0 };

	if (parent && !parent->shown && cryo_report_wants(&l->opts, ev)) {
		cryo_str_addf(out, "%*s", (int)(l->depth - 1) * 2, "");
		add_colored(l, out, "1", parent->what);
		cryo_str_add(out, "\n");
		parent->shown = true;
	}
	if (l->depth == MAX_DEPTH)
		return;
	cryo_text_clean(&what, ev->what);
	l->open[l->depth++] =
	    (struct open_step){ .what = cryo_str_detach(&what), .start = cryo_now_ms() };
}

static void on_note(struct cryo_live *l, const struct cryo_event *ev)
{
	struct cryo_str note = { 0 };

	if (l->depth == 0)
		return;
	cryo_text_clean(&note, ev->detail);
	free(l->open[l->depth - 1].note);
	l->open[l->depth - 1].note = cryo_str_detach(&note);
}

static bool ends_step(enum cryo_event_kind kind)
{
	return kind == CRYO_EVENT_OK || kind == CRYO_EVENT_SAME || kind == CRYO_EVENT_FAIL ||
	       kind == CRYO_EVENT_SKIP;
}

void cryo_live_event(struct cryo_live *l, const struct cryo_event *ev)
{
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

	pthread_mutex_lock(&l->lock);
	take_back(l, &out);
	if (ev->kind == CRYO_EVENT_BEGIN)
		on_begin(l, ev, &out);
	else if (ev->kind == CRYO_EVENT_NOTE)
		on_note(l, ev);
	else if (cryo_report_wants(&l->opts, ev))
		stay(l, ev, &out);
	if (ends_step(ev->kind) && l->depth > 0)
		close_step(&l->open[--l->depth]);
	draw(l, &out);
	cryo_report_write(l->opts.fd, cryo_str_get(&out), out.len);
	pthread_mutex_unlock(&l->lock);
}
