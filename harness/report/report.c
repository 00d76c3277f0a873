/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report.h"

#include "report/sink.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	struct cryo_plain *plain;
	struct cryo_live *live;
	struct cryo_tap *tap;
	struct cryo_jsonl *jsonl;
	struct cryo_junit *junit;
	pid_t owner;
	enum cryo_color color;
} state;

static int parse_color_mode(const char *text, enum cryo_color *out, struct cryo_err *err)
{
	static const char *const name[] = { "auto", "always", "never" };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(name); i++) {
		if (strcmp(text, name[i]) == 0) {
			*out = (enum cryo_color)i;
			return 0;
		}
	}
	return cryo_err_set(err, CRYO_E_USAGE,
			    "--color: '%s' is not valid (valid values: auto, always, never)", text);
}

static void report_on_event(const struct cryo_event *ev, void *arg)
{
	(void)arg;
	/* A forked child has neither the drawing thread nor the right to the line. */
	if (getpid() != state.owner)
		return;
	if (state.live)
		cryo_live_event(state.live, ev);
	if (state.plain)
		cryo_plain_event(state.plain, ev);
	if (state.tap)
		cryo_tap_event(state.tap, ev);
	if (state.jsonl)
		cryo_jsonl_event(state.jsonl, ev);
	if (state.junit)
		cryo_junit_event(state.junit, ev);
}

void cryo_report_open(const struct cryo_report_opts *opts)
{
	cryo_report_stop();
	state.color = opts->color;
	state.owner = getpid();
	if (cryo_report_is_terminal(opts->fd))
		state.live = cryo_live_new(opts);
	else
		state.plain = cryo_plain_new(opts);
	cryo_event_set_sink(report_on_event, NULL);
}

int cryo_report_start(const char *color, bool verbose, bool quiet, struct cryo_err *err)
{
	struct cryo_report_opts opts = { .fd = STDERR_FILENO,
					 .verbosity = verbose ? 1
						      : quiet ? -1
							      : 0 };
	int rc = parse_color_mode(color, &opts.color, err);

	if (rc == 0)
		cryo_report_open(&opts);
	return rc;
}

bool cryo_report_colored_stdout(void)
{
	return cryo_report_colored(STDOUT_FILENO, state.color);
}

void cryo_report_stop(void)
{
	cryo_event_set_sink(NULL, NULL);
	cryo_live_free(state.live);
	cryo_plain_free(state.plain);
	state.live = NULL;
	state.plain = NULL;
}

void cryo_report_tap_begin(int fd)
{
	state.tap = cryo_tap_new(fd);
}

void cryo_report_tap_end(const char *bail)
{
	cryo_tap_free(state.tap, bail);
	state.tap = NULL;
}

void cryo_report_json_begin(int fd, bool verbose)
{
	state.jsonl = cryo_jsonl_new(fd, verbose);
	state.owner = getpid();
	cryo_event_set_sink(report_on_event, NULL);
}

void cryo_report_json_end(void)
{
	free(state.jsonl);
	state.jsonl = NULL;
}

void cryo_report_junit_begin(const char *suite)
{
	state.junit = cryo_junit_new(suite);
}

void cryo_report_junit_end(const char *bail, struct cryo_str *out)
{
	cryo_junit_end(state.junit, bail, out);
	state.junit = NULL;
}
