/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Did several counters of one node stand still at one moment? By their own clock, which is
 * the same for all of them (CLOCK_MONOTONIC of the machine).
 *
 * A counter that printed a value at A and the next one at B, and prints one every P, ran at
 * A, had stopped before A + P, and ran again at B: from A + P to B it stood still for certain.
 * That all did so at one moment is certain if these times have one in common; that they were
 * stopped within D of each other, if D is the time from the first A to the last A + P.
 */
#ifndef CRYO_VERIFY_STANDSTILL_H
#define CRYO_VERIFY_STANDSTILL_H

#include "base/util.h"

struct cryo_standstill_log {
	const char *container;
	const char *before; /* API form, fetched before the call began */
	const char *after;  /* … and when it had gone on after the call */
};

struct cryo_standstill {
	bool together;
	int64_t apart_us;  /* at most so far apart they were stopped; valid if together */
	int64_t common_us; /* so long all stood still at least; valid if together */
	char text[256];	   /* one sentence for people */
};

/* Two logs or more. A log that does not show its stop is no proof of one. */
void cryo_standstill_judge(const struct cryo_standstill_log *log, size_t n,
			   struct cryo_standstill *out);

#endif
