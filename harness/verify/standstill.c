/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/standstill.h"

#include "verify/counterlog.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Of one counter, own clock in ns. */
struct stop {
	uint64_t ran;	  /* its last value before it stopped */
	uint64_t stopped; /* it had stopped by then */
	uint64_t again;	  /* its next value */
};

static int compare_distances(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* What nine of ten distances of its values are at most: a busy machine delays some. */
static uint64_t measure_usual(const struct cryo_counterlog *log)
{
	cryo_auto(cryo_free) uint64_t *distance = cryo_alloc((log->n + 1) * sizeof(*distance));
	const struct cryo_count *last = NULL;
	size_t n = 0;

	for (size_t i = 0; i < log->n; i++) {
		const struct cryo_count *c = &log->line[i].c;

		if (log->line[i].kind != CRYO_LOGLINE_COUNT)
			continue;
		if (last && c->mono_ns >= last->mono_ns)
			distance[n++] = c->mono_ns - last->mono_ns;
		last = c;
	}
	qsort(distance, n, sizeof(*distance), compare_distances);
	return n ? distance[(n - 1) * 9 / 10] : 0;
}

/* The longest silence from the value `from` on. */
static bool find_stop(const struct cryo_counterlog *log, uint64_t from, struct stop *out)
{
	uint64_t usual = measure_usual(log);
	const struct cryo_count *last = NULL;

	*out = (struct stop){ 0 };
	for (size_t i = 0; i < log->n; i++) {
		const struct cryo_count *c = &log->line[i].c;

		if (log->line[i].kind != CRYO_LOGLINE_COUNT)
			continue;
		if (last && last->count >= from && c->mono_ns > last->mono_ns &&
		    c->mono_ns - last->mono_ns > out->again - out->ran)
			*out = (struct stop){ last->mono_ns, last->mono_ns + usual, c->mono_ns };
		last = c;
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
