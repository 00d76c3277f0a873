/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events (base/event.h) for people and for programs. People get one live line
 * per step on a terminal, plain lines with time stamps elsewhere. Beside that,
 * TAP, JSON and JUnit can be written while scenarios run. One report per process,
 * as there is one sink.
 *
 * Lanes: lines of what goes on at once are never mixed. A terminal shows one live
 * line for each; what stays of a lane comes as one block when it ends, on a
 * terminal only if something was wrong in it. TAP and JUnit come in the order of
 * the lanes.
 */
#ifndef CRYO_REPORT_REPORT_H
#define CRYO_REPORT_REPORT_H

#include "base/err.h"
#include "base/str.h"

enum cryo_color { CRYO_COLOR_AUTO, CRYO_COLOR_ALWAYS, CRYO_COLOR_NEVER };
struct cryo_report_opts {
	int fd; /* for people: 2 */
	enum cryo_color color;
	int verbosity; /* -1: failures and warnings; 0; 1: debug lines and steps of any depth too */
};

/* May `fd` get colours? Auto: a terminal that is not "dumb", and NO_COLOR is empty. */
bool cryo_report_colored(int fd, enum cryo_color color);

/* Becomes the event sink. */
void cryo_report_open(const struct cryo_report_opts *opts);
/*
 * The same from the command line, to stderr. `color` is auto, always or never.
 *   -CRYO_E_USAGE   it is none of them
 */
int cryo_report_start(const char *color, bool verbose, bool quiet, struct cryo_err *err);
/* May standard output get colours? As the start was told. */
bool cryo_report_colored_stdout(void);
/* Could something not be written to standard output? */
bool cryo_report_lost(void);
/* Takes the live line away and the sink with it. Harmless without a start. */
void cryo_report_stop(void);

/*
 * TAP version 14 on `fd` from now on: each outermost step is a test point, the
 * steps in it are its subtest. `bail` is why it ended early, or NULL.
 */
void cryo_report_tap_begin(int fd);
void cryo_report_tap_end(const char *bail);

/* Lines of JSON on `fd` (scenario/wire.h), from now on and also when people's report was stopped.
 */
void cryo_report_json_begin(int fd, bool verbose);
void cryo_report_json_end(void);

/*
 * JUnit's XML, as CI servers read it: each outermost step is a test case, the
 * steps in it and what was said are its output. `bail` is why it ended early, or
 * NULL; then it is an error there as well, so that nobody takes it for good.
 */
void cryo_report_junit_begin(const char *suite);
void cryo_report_junit_end(const char *bail, struct cryo_str *out);

#endif
