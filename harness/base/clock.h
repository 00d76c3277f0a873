/* SPDX-License-Identifier: Apache-2.0 */
/* Time and the units people write: durations (300ms, 5s, 2m, 1h30m, 7d) and sizes (64Mi, 1Gi). */
#ifndef CRYO_BASE_CLOCK_H
#define CRYO_BASE_CLOCK_H

#include "base/err.h"

int64_t cryo_now_ms(void);  /* monotonic, milliseconds */
int64_t cryo_wall_ns(void); /* nanoseconds since 1970, UTC */

/* "2026-11-23T22:00:00Z"; caller frees. */
char *cryo_rfc3339(int64_t wall_ns);
/* Parses RFC 3339 with up to nanoseconds, years 1678 to 2261. 0, or -CRYO_E_CONFIG. */
int cryo_rfc3339_parse(const char *text, int64_t *wall_ns, struct cryo_err *err);

/* Units ms s m h d, several in a row, a bare number is refused. 0, or -CRYO_E_CONFIG. */
int cryo_duration_parse(const char *text, int64_t *ms, struct cryo_err *err);
/* A time limit by default, longer where the machine is slow: times $CRYOPOD_TIMEOUT_FACTOR, a whole
 * number from 1 to 1000 (anything else counts as 1). */
int64_t cryo_limit_ms(int64_t ms);
/* For people: "340 ms", "4.1 s", "2 m 05 s"; caller frees. */
char *cryo_duration_show(int64_t ms);
/* How old something is, roughly: "5 min", "23 h", "9 d"; caller frees. */
char *cryo_age_show(int64_t s);

/* Kubernetes quantities that are whole bytes: 123, 64Ki, 64Mi, 1Gi, 5M. 0, or -CRYO_E_CONFIG. */
int cryo_size_parse(const char *text, uint64_t *bytes, struct cryo_err *err);
/* For people: "180 kB", "274 MB", "1.1 GB"; caller frees. */
char *cryo_size_show(uint64_t bytes);

#endif
