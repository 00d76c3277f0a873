/* SPDX-License-Identifier: Apache-2.0 */
/* How long a dump took: CRIU's own statistics, and what the interposer says in CRIU's log. */
#ifndef CRYO_CRIU_STATS_H
#define CRYO_CRIU_STATS_H

#include "base/err.h"

struct cryo_criu_stats {
	/* of CRIU, microseconds; 0 where it does not say */
	uint32_t freezing_us, frozen_us, memdump_us, memwrite_us;
	uint64_t pages_written;
	/* of the interposer; -1 where it says nothing: a plain dump */
	int64_t rest_ms; /* sealing that was left when CRIU had finished */
	int64_t peak_kb; /* memory that sealing took: plain images and the helper */
};

/* The bytes of stats-dump. -CRYO_E_CONFIG: they are none. Sets what is CRIU's. */
int cryo_criu_stats_parse(const void *data, size_t n, struct cryo_criu_stats *out,
			  struct cryo_err *err);
/* CRIU's log. Sets what is the interposer's. */
void cryo_criu_stats_log(const char *log, struct cryo_criu_stats *out);
/* Both, from a checkpoint archive. -CRYO_E_CONFIG: no archive, or one without statistics. */
int cryo_criu_stats_load(const char *archive, struct cryo_criu_stats *out, struct cryo_err *err);

#endif
