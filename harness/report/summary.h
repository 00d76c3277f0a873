/* SPDX-License-Identifier: Apache-2.0 */
/* The last words of `cryopod test` to people: what ran, what came out, where to go next. */
#ifndef CRYO_REPORT_SUMMARY_H
#define CRYO_REPORT_SUMMARY_H

#include "base/str.h"
#include "scenario/runner.h"

struct cryo_summary_opts {
	const char *program; /* as it was called */
	const char *cluster; /* its name, for the commands to try next; NULL: each had its own */
	int64_t up_ms;	     /* starting it took so long; -1: it was not started now */
	int64_t all_ms;	     /* of clusters of their own: from the first to the last; else 0 */
	bool colored;
};

void cryo_summary(const struct cryo_scenario_totals *t, const struct cryo_summary_opts *opts,
		  struct cryo_str *out);

#endif
