/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t read_clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t cryo_now_ms(void)
{
	return read_clock_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t cryo_wall_ns(void)
{
	return read_clock_ns(CLOCK_REALTIME);
}

char *cryo_rfc3339(int64_t wall_ns)
{
	time_t t = (time_t)(wall_ns / 1000000000);
	char buf[32];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return cryo_strdup(buf);
}

/* Does `s` begin like `shape`, in which 0 stands for any digit? */
static bool matches_digit_shape(const char *s, const char *shape)
{
	for (; *shape; s++, shape++)
		if (*shape == '0' ? *s < '0' || *s > '9' : *s != *shape)
			return false;
	return true;
}

/* Digits after the point, as nanoseconds; `*s` ends behind them. */
static int64_t parse_fraction_ns(const char **s)
{
	int64_t ns = 0, unit = 100000000;

	if (!matches_digit_shape(*s, ".0"))
		return 0;
	for ((*s)++; **s >= '0' && **s <= '9'; (*s)++, unit /= 10)
		ns += (**s - '0') * unit;
	return ns;
}

/* "Z" or "+hh:mm" up to the end of the text, in seconds. */
static bool parse_zone_seconds(const char *s, int64_t *seconds)
{
	int hours, minutes;

	*seconds = 0;
	if (strcmp(s, "Z") == 0)
		return true;
	if ((*s != '+' && *s != '-') || !matches_digit_shape(s + 1, "00:00") || s[6])
		return false;
	hours = atoi(s + 1);
	minutes = atoi(s + 4);
	*seconds = (int64_t)(hours * 60 + minutes) * 60 * (*s == '-' ? -1 : 1);
	return hours < 24 && minutes < 60;
}

/* Up to the seconds; false for what is no date, and for years that nanoseconds do not reach. */
static bool parse_date_seconds(const char *text, int64_t *seconds)
{
	struct tm tm = { 0 };
	int day;

	if (!matches_digit_shape(text, "0000-00-00T00:00:00") ||
	    !strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
		return false;
	day = tm.tm_mday;
	*seconds = timegm(&tm);
	/* timegm makes the 31st of November the 1st of December */
	return tm.tm_mday == day && tm.tm_year >= 1678 - 1900 && tm.tm_year < 2262 - 1900;
}

int cryo_rfc3339_parse(const char *text, int64_t *wall_ns, struct cryo_err *err)
{
	int64_t seconds, zone, ns;
	const char *rest;

	if (!parse_date_seconds(text, &seconds))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not an RFC 3339 time", text);
	rest = text + strlen("0000-00-00T00:00:00");
	ns = parse_fraction_ns(&rest);
	if (!parse_zone_seconds(rest, &zone))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not an RFC 3339 time", text);
	*wall_ns = (seconds - zone) * 1000000000 + ns;
	return 0;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* The longest name in a table that `s` starts with. */
static const struct unit *find_unit_prefix(const struct unit *table, const char *s)
{
	for (; table->name; table++)
		if (cryo_starts_with(s, table->name))
			return table;
	return NULL;
}

/* 1140 years: whatever is added up stays far from the end of an int64_t. */
#define MAX_MS (10000000 * INT64_C(3600000))

int cryo_duration_parse(const char *text, int64_t *ms, struct cryo_err *err)
{
	static const struct unit units[] = {
		{ "ms", 1 },	  { "s", 1000 },     { "m", 60000 },
		{ "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
	};
	const char *s = text;
	int64_t sum = 0;

	do {
		const struct unit *u;
		char *end;
		double value;

		if ((*s < '0' || *s > '9') && *s != '.')
			break;
		value = strtod(s, &end);
		u = find_unit_prefix(units, end);
		/* strtod also reads 1e3 and 0x10, which nobody writes for a time */
		if (!u || end != s + strspn(s, "0123456789.") || value > 1e7)
			break;
		sum += (int64_t)(value * (double)u->factor + 0.5);
		if (sum > MAX_MS)
			break;
		s = end + strlen(u->name);
	} while (*s);
	if (*s || !*text)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "'%s' is not a duration (write 300ms, 5s, 2m, 1h30m or 7d)",
				    text);
	*ms = sum;
	return 0;
}

int64_t cryo_limit_ms(int64_t ms)
{
	const char *text = getenv("CRYOPOD_TIMEOUT_FACTOR");
	char *end;
	unsigned long factor = text ? strtoul(text, &end, 10) : 1;

	return text && (*end || factor < 1 || factor > 1000) ? ms : ms * (int64_t)factor;
}

char *cryo_duration_show(int64_t ms)
{
	if (ms < 1000)
		return cryo_asprintf("%" PRId64 " ms", ms);
	if (ms < 60000)
		return cryo_asprintf("%" PRId64 ".%" PRId64 " s", ms / 1000, ms % 1000 / 100);
	return cryo_asprintf("%" PRId64 " m %02" PRId64 " s", ms / 60000, ms % 60000 / 1000);
}

char *cryo_age_show(int64_t s)
{
	if (s < 3600)
		return cryo_asprintf("%" PRId64 " min", s < 0 ? 0 : s / 60);
	if (s < 48 * 3600)
		return cryo_asprintf("%" PRId64 " h", s / 3600);
	return cryo_asprintf("%" PRId64 " d", s / 86400);
}

int cryo_size_parse(const char *text, uint64_t *bytes, struct cryo_err *err)
{
	static const struct unit units[] = {
		{ "Ki", 1ull << 10 },
		{ "Mi", 1ull << 20 },
		{ "Gi", 1ull << 30 },
		{ "k", 1000 },
		{ "M", 1000000 },
		{ "G", 1000000000 },
		{ "", 1 },
		{ NULL, 0 },
	};
	const struct unit *u;
	char *end;
	uint64_t value;

	if (*text < '0' || *text > '9')
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a size (write 64Mi or 1Gi)",
				    text);
	value = strtoull(text, &end, 10);
	u = find_unit_prefix(units, end);
	if (end[strlen(u->name)] || value > (1ull << 53) / u->factor)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a size (write 64Mi or 1Gi)",
				    text);
	*bytes = value * u->factor;
	return 0;
}

char *cryo_size_show(uint64_t bytes)
{
	if (bytes < 1000)
		return cryo_asprintf("%" PRIu64 " B", bytes);
	if (bytes < 1000000)
		return cryo_asprintf("%" PRIu64 " kB", bytes / 1000);
	if (bytes < 1000000000)
		return cryo_asprintf("%" PRIu64 " MB", bytes / 1000000);
	return cryo_asprintf("%" PRIu64 ".%" PRIu64 " GB", bytes / 1000000000,
			     bytes % 1000000000 / 100000000);
}
