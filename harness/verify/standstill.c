/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/standstill.h"

#include "verify/counterlog.h"

#include <inttypes.h>
#include <stdio.h>

/* Of one counter, own clock in ns. */
struct stop {
	uint64_t ran;	  /* its last value before it stopped */
	uint64_t stopped; /* it had stopped by then */
	uint64_t again;	  /* its next value */
};

/* The longest silence from the value `from` on. */
static bool find_stop(const struct cryo_counterlog *log, uint64_t from, struct stop *out)
{
	cryo_auto(cryo_free) struct cryo_count_gap *gap = NULL;
	size_t n = cryo_counterlog_gaps(log, &gap);
	/* Of nine in ten: a busy machine delays some. */
	uint64_t usual = (uint64_t)cryo_count_gaps_usual(gap, n, 9);

	*out = (struct stop){ 0 };
	for (size_t i = 0; i < n; i++) {
		uint64_t ran = gap[i].from->mono_ns, ns = (uint64_t)gap[i].ns;

		if (gap[i].from->count >= from && ns > out->again - out->ran)
			*out = (struct stop){ ran, ran + usual, ran + ns };
	}
	return out->again > out->stopped;
}

static bool read_stop(const struct cryo_standstill_log *l, struct stop *out)
{
	cryo_auto(cryo_counterlog_release) struct cryo_counterlog before = { 0 }, after = { 0 };

	cryo_counterlog_parse(CRYO_LOG_API, NULL, l->before, &before);
	cryo_counterlog_parse(CRYO_LOG_API, NULL, l->after, &after);
	return cryo_counterlog_last(&before) &&
	       find_stop(&after, cryo_counterlog_last(&before)->count, out);
}

void cryo_standstill_judge(const struct cryo_standstill_log *log, size_t n,
			   struct cryo_standstill *out)
{
	uint64_t first_ran = UINT64_MAX, last_stopped = 0, first_again = UINT64_MAX;
	struct stop s;

	*out = (struct cryo_standstill){ 0 };
	for (size_t i = 0; i < n; i++) {
		if (!read_stop(&log[i], &s)) {
			snprintf(out->text, sizeof(out->text),
				 "the log of container '%.64s' does not show that it stood still",
				 log[i].container);
			return;
		}
		first_ran = s.ran < first_ran ? s.ran : first_ran;
		last_stopped = s.stopped > last_stopped ? s.stopped : last_stopped;
		first_again = s.again < first_again ? s.again : first_again;
	}
	out->together = n > 0 && last_stopped < first_again;
	if (!out->together) {
		snprintf(out->text, sizeof(out->text),
			 "not at one moment: one ran again %.3f ms before it is certain that "
			 "another one had stopped",
			 n ? (double)(last_stopped - first_again) / 1e6 : 0);
		return;
	}
	out->apart_us = (int64_t)((last_stopped - first_ran) / 1000);
	out->common_us = (int64_t)((first_again - last_stopped) / 1000);
	snprintf(out->text, sizeof(out->text),
		 "all %zu stood still at one moment, for %.1f ms; stopped within %.1f ms of each "
		 "other",
		 n, (double)out->common_us / 1e3, (double)out->apart_us / 1e3);
}
