/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/pause.h"

#include <stdlib.h>

/* Median distance of neighbouring stamps, and the largest one from the value `around` on. */
static bool measure_stamp_gaps(const struct cryo_counterlog *log, uint64_t around, int64_t *median,
			       int64_t *largest)
{
	cryo_auto(cryo_free) struct cryo_count_gap *gap = NULL;
	size_t n = cryo_counterlog_gaps(log, &gap);

	*largest = -1;
	for (size_t i = 0; i < n; i++)
		if (gap[i].from->count >= around && gap[i].ns > *largest)
			*largest = gap[i].ns;
	/* The lower one of two: with few lines the pause itself must not count as usual. */
	*median = cryo_count_gaps_usual(gap, n, 5);
	return n > 0;
}

static int64_t subtract_usual_gap(int64_t gap, int64_t usual)
{
	return gap <= usual ? 0 : (gap - usual) / 1000000;
}

/* The restored process between its last value before the dump and its first own one. */
static void measure_absence(const struct cryo_counterlog *restored, size_t copied, uint64_t value,
			    int64_t usual, struct cryo_pauses *out)
{
	const struct cryo_logline *dumped = NULL, *first = NULL;
	int64_t felt;

	for (size_t i = 0; i < restored->n; i++) {
		const struct cryo_logline *l = &restored->line[i];

		if (l->kind != CRYO_LOGLINE_COUNT)
			continue;
		if (i < copied && l->c.count == value - 1)
			dumped = l;
		if (i >= copied && !first)
			first = l;
	}
	if (!dumped || !first)
		return;
	felt = cryo_count_gap_ns(&dumped->c, &first->c);
	if (felt >= 0)
		out->felt_ms = subtract_usual_gap(felt, usual);
	if (dumped->ns > 0 && first->ns >= dumped->ns)
		out->away_ms = subtract_usual_gap(first->ns - dumped->ns, usual);
}

void cryo_pauses_measure(const struct cryo_counterlog *source,
			 const struct cryo_counterlog *restored, size_t copied, uint64_t known,
			 uint64_t first, struct cryo_pauses *out)
{
	const struct cryo_count *last = cryo_counterlog_last(source);
	int64_t usual, largest;

	*out = (struct cryo_pauses)CRYO_PAUSES_INIT;
	if (!measure_stamp_gaps(source, known, &usual, &largest))
		return;
	/* The source's pause lies before `first`: it must have gone so far. */
	if (largest >= 0 && last->count >= first)
		out->source_ms = subtract_usual_gap(largest, usual);
	measure_absence(restored, copied, first, usual, out);
}
