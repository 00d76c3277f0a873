/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a checkpoint and a restore took as the counter saw it: the distance
 * of two of its lines beyond the usual (the median). By its own clock, which
 * CRIU may have stopped while the process was away, and by the wall clock of the
 * log's stamps. -1: the logs do not show it.
 */
#ifndef CRYO_VERIFY_PAUSE_H
#define CRYO_VERIFY_PAUSE_H

#include "verify/counterlog.h"

struct cryo_pauses {
	int64_t source_ms; /* the source around the dump, own clock */
	int64_t felt_ms;   /* the restored process since the dump, own clock */
	int64_t away_ms;   /* … wall clock */
};
#define CRYO_PAUSES_INIT                                                                           \
	{                                                                                          \
		-1, -1, -1                                                                         \
	}

/*
 * `source` is a steady log of the source, `restored` one that begins with
 * `copied` lines of it and goes on with value `first`. `known` is a value from
 * before the dump.
 */
void cryo_pauses_measure(const struct cryo_counterlog *source,
			 const struct cryo_counterlog *restored, size_t copied, uint64_t known,
			 uint64_t first, struct cryo_pauses *out);

#endif
