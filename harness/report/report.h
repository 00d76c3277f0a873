/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events (base/event.h) for people and for programs. People get one live line
 * per step on a terminal, plain lines with time stamps elsewhere. Beside that,
 * TAP can be written while scenarios run. One report per process, as there is
 * one sink.
 */
#ifndef CRYO_REPORT_REPORT_H
#define CRYO_REPORT_REPORT_H

#include "base/err.h"

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
/* Takes the live line away and the sink with it. Harmless without a start. */
void cryo_report_stop(void);

/*
 * TAP version 14 on `fd` from now on: each outermost step is a test point, the
 * steps in it are its subtest. `bail` is why it ended early, or NULL.
 */
void cryo_report_tap_begin(int fd);
void cryo_report_tap_end(const char *bail);

#endif
