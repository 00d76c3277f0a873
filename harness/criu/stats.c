/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/stats.h"

#include "base/str.h"
#include "criu/stats.pb-c.h"
#include "image/tar.h"

#include <stdio.h>
#include <string.h>

/* CRIU's image files: two magic numbers, the length of the message, the message; little endian. */
#define MAGIC	  "\x40\x59\x10\x55\x06\x33\x09\x57"
#define MAGIC_LEN 8
#define HEAD_LEN  (MAGIC_LEN + 4)
#define MAX_STATS 65536
#define MAX_LOG	  (64u << 20)

static uint32_t read_little_endian32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void read_dump_stats(const CriuDumpStats *d, struct cryo_criu_stats *out)
{
	out->freezing_us = d->has_freezing_time ? d->freezing_time : 0;
	out->frozen_us = d->has_frozen_time ? d->frozen_time : 0;
	out->memdump_us = d->has_memdump_time ? d->memdump_time : 0;
	out->memwrite_us = d->has_memwrite_time ? d->memwrite_time : 0;
	out->pages_written = d->has_pages_written ? d->pages_written : 0;
}

int cryo_criu_stats_parse(const void *data, size_t n, struct cryo_criu_stats *out,
			  struct cryo_err *err)
{
	const unsigned char *p = data;
	CriuStats *stats = NULL;

	if (n >= HEAD_LEN && n <= MAX_STATS && memcmp(p, MAGIC, MAGIC_LEN) == 0 &&
	    read_little_endian32(p + MAGIC_LEN) == n - HEAD_LEN)
		stats = criu_stats__unpack(NULL, n - HEAD_LEN, p + HEAD_LEN);
	if (!stats || !stats->dump) {
		if (stats)
			criu_stats__free_unpacked(stats, NULL);
		return cryo_err_set(err, CRYO_E_CONFIG, "%zu bytes are not CRIU's statistics", n);
	}
	read_dump_stats(stats->dump, out);
	criu_stats__free_unpacked(stats, NULL);
	return 0;
}

void cryo_criu_stats_log(const char *log, struct cryo_criu_stats *out)
{
	const char *said = strstr(log, "(cryopod-criu): sealed ");
	const char *rest = said ? strstr(said, ", the rest in ") : NULL;
	const char *end = said ? strchrnul(said, '\n') : NULL;
	long long ms = -1, kb = -1;

	if (rest && rest < end)
		sscanf(rest, ", the rest in %9lld ms, with at most %12lld kB", &ms, &kb);
	out->rest_ms = ms < 0 ? -1 : ms;
	out->peak_kb = kb < 0 ? -1 : kb;
}

struct members {
	struct cryo_str stats, log;
};

static int stats_on_member(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
			   struct cryo_err *err)
{
	struct members *m = arg;
	bool stats = cryo_streq(e->name, "stats-dump"), log = cryo_streq(e->name, "dump.log");
	struct cryo_str *to = stats ? &m->stats : &m->log;

	if (!stats && !log)
		return 0;
	if (e->size > (stats ? MAX_STATS : MAX_LOG))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is too large", e->name);
	cryo_tar_read_all(r, to);
	return 0;
}

int cryo_criu_stats_load(const char *archive, struct cryo_criu_stats *out, struct cryo_err *err)
{
	struct members m = { 0 };
	int rc = cryo_tar_walk(archive, stats_on_member, &m, err);

	*out = (struct cryo_criu_stats){ .rest_ms = -1, .peak_kb = -1 };
	if (rc == 0)
		rc = cryo_criu_stats_parse(cryo_str_get(&m.stats), m.stats.len, out, err);
	if (rc == 0)
		cryo_criu_stats_log(cryo_str_get(&m.log), out);
	cryo_str_release(&m.stats);
	cryo_str_release(&m.log);
	return cryo_err_wrap(err, rc, "'%s'", archive);
}
