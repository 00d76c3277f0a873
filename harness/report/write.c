/* SPDX-License-Identifier: Apache-2.0 */
#include "report/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool stdout_lost;

bool cryo_report_is_terminal(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

bool cryo_report_colored(int fd, enum cryo_color color)
{
	const char *no = getenv("NO_COLOR");

	if (color != CRYO_COLOR_AUTO)
		return color == CRYO_COLOR_ALWAYS;
	return cryo_report_is_terminal(fd) && (!no || !*no);
}

bool cryo_report_wants(const struct cryo_report_opts *opts, const struct cryo_event *ev)
{
	switch (ev->kind) {
	case CRYO_EVENT_FAIL:
	case CRYO_EVENT_WARN:
		return true;
	case CRYO_EVENT_DEBUG:
		return opts->verbosity > 0;
	case CRYO_EVENT_INFO:
		return opts->verbosity >= 0;
	default:
		return opts->verbosity > 0 ||
		       (opts->verbosity == 0 && ev->depth <= CRYO_REPORT_DEPTH);
	}
}

void cryo_report_write(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		/* Nobody reads any more: the work goes on without being watched. */
		if (n <= 0) {
			stdout_lost |= fd == STDOUT_FILENO;
			return;
		}
		text += n;
		len -= (size_t)n;
	}
}

bool cryo_report_lost(void)
{
	return stdout_lost;
}
