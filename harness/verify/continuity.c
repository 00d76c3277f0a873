/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/continuity.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct judge {
	struct cryo_counterlog before, copy, restored, source;
	bool left_running, source_ended;
	bool bare; /* numbers and nothing else */
	struct cryo_continuity *out;
};

static void judge_release(struct judge *j)
{
	cryo_counterlog_release(&j->before);
	cryo_counterlog_release(&j->copy);
	cryo_counterlog_release(&j->restored);
	cryo_counterlog_release(&j->source);
}
#define judge_releasep judge_release

static const char *const reason_names[] = {
	[CRYO_CONTINUITY_OK] = "ok",
	[CRYO_CONTINUITY_GAP] = "gap",
	[CRYO_CONTINUITY_REWIND] = "rewind",
	[CRYO_CONTINUITY_REPEAT] = "repeat",
	[CRYO_CONTINUITY_RESET] = "reset",
	[CRYO_CONTINUITY_OTHER_PROCESS] = "other-process",
	[CRYO_CONTINUITY_NO_PROGRESS] = "no-progress",
	[CRYO_CONTINUITY_DAMAGED] = "damaged",
	[CRYO_CONTINUITY_SOURCE_STOPPED] = "source-stopped",
	[CRYO_CONTINUITY_SOURCE_ENDED] = "source-ended",
	[CRYO_CONTINUITY_SOURCE_BROKEN] = "source-broken",
	[CRYO_CONTINUITY_LOG_MISMATCH] = "log-mismatch",
	[CRYO_CONTINUITY_NO_BASELINE] = "no-baseline",
	[CRYO_CONTINUITY_NO_COPY] = "no-copy",
	[CRYO_CONTINUITY_UNPARSABLE] = "unparsable",
};

const char *cryo_continuity_reason_name(enum cryo_continuity_reason r)
{
	return reason_names[r];
}

/* The verdict; a check that says no ends the judging, so it is given once. */
CRYO_PRINTF(3, 4)
static bool set_continuity_verdict(struct judge *j, enum cryo_continuity_reason reason,
				   const char *fmt, ...)
{
	va_list ap;

	j->out->reason = reason;
	va_start(ap, fmt);
	vsnprintf(j->out->text, sizeof(j->out->text), fmt, ap);
	va_end(ap);
	return reason == CRYO_CONTINUITY_OK;
}

static bool check_parsable(struct judge *j)
{
	const struct {
		const char *name;
		const struct cryo_counterlog *log;
	} part[] = {
		{ "the source's log before the checkpoint", &j->before },
		{ "the archive's container.log", &j->copy },
		{ "the restored pod's log", &j->restored },
		{ "the source's log after the checkpoint", &j->source },
	};

	for (size_t p = 0; p < CRYO_ARRAY_LEN(part); p++)
		for (size_t i = 0; i < part[p].log->n; i++)
			if (part[p].log->line[i].kind == CRYO_LOGLINE_BROKEN)
				return set_continuity_verdict(j, CRYO_CONTINUITY_UNPARSABLE,
							      "line %zu of %s is damaged", i + 1,
							      part[p].name);
	return true;
}

/* All counter lines of a log of the source: its nonce, each the one before plus one. */
static bool check_log_steady(struct judge *j, const struct cryo_counterlog *log, const char *name)
{
	const struct cryo_count *last = NULL;

	for (size_t i = 0; i < log->n; i++) {
		const struct cryo_count *c = &log->line[i].c;

		if (log->line[i].kind != CRYO_LOGLINE_COUNT)
			continue;
		if (strcmp(c->nonce, j->out->nonce) != 0)
			return set_continuity_verdict(j, CRYO_CONTINUITY_LOG_MISMATCH,
						      "%s shows process %s, expected %s", name,
						      c->nonce, j->out->nonce);
		if (c->damaged)
			return set_continuity_verdict(
			    j, CRYO_CONTINUITY_DAMAGED,
			    "the source found its memory changed at %" PRIu64, c->count);
		if (last && (c->count <= last->count || c->count - last->count != 1))
			return set_continuity_verdict(j, CRYO_CONTINUITY_SOURCE_BROKEN,
						      "%s goes from %" PRIu64 " to %" PRIu64, name,
						      last->count, c->count);
		last = c;
	}
	return true;
}

static bool check_baseline(struct judge *j)
{
	const struct cryo_count *known = cryo_counterlog_last(&j->before);

	if (!known)
		return set_continuity_verdict(
		    j, CRYO_CONTINUITY_NO_BASELINE,
		    "the source had not counted when the checkpoint began");
	j->out->last_before = known->count;
	memcpy(j->out->nonce, known->nonce, sizeof(j->out->nonce));
	return check_log_steady(j, &j->before, "the source's log before the checkpoint");
}

static bool check_copied_log(struct judge *j)
{
	const struct cryo_count *first = cryo_counterlog_first(&j->copy);
	const struct cryo_count *last = cryo_counterlog_last(&j->copy);
	uint64_t known = j->out->last_before;

	if (!first)
		return set_continuity_verdict(j, CRYO_CONTINUITY_NO_COPY,
					      "the archive's container.log holds no counter line");
	if (!check_log_steady(j, &j->copy, "the archive's container.log"))
		return false;
	if (known < first->count || known > last->count)
		return set_continuity_verdict(j, CRYO_CONTINUITY_LOG_MISMATCH,
					      "the archive's log holds %" PRIu64 "…%" PRIu64
					      ", but not %" PRIu64
					      ", printed before the checkpoint",
					      first->count, last->count, known);
	j->out->last_copied = last->count;
	return true;
}

static bool check_prefix(struct judge *j)
{
	const struct cryo_counterlog *copy = &j->copy, *restored = &j->restored;

	for (size_t i = 0; i < copy->n; i++) {
		const struct cryo_logline *a = &copy->line[i];
		const struct cryo_logline *b = i < restored->n ? &restored->line[i] : NULL;

		if (!b)
			return set_continuity_verdict(
			    j, CRYO_CONTINUITY_LOG_MISMATCH,
			    "the restored pod's log ends after %zu of %zu copied lines", i,
			    copy->n);
		if (a->ns != b->ns || strcmp(a->text, b->text) != 0)
			return set_continuity_verdict(
			    j, CRYO_CONTINUITY_LOG_MISMATCH,
			    "line %zu of the restored pod's log is not that of the "
			    "archive's copy",
			    i + 1);
	}
	return true;
}

static bool check_count_nonce(struct judge *j, const struct cryo_count *c)
{
	const struct cryo_continuity *o = j->out;

	if (strcmp(c->nonce, o->nonce) == 0)
		return true;
	if (c->count <= o->last_before)
		return set_continuity_verdict(j, CRYO_CONTINUITY_RESET,
					      "process %s counts %" PRIu64 ", expected %s to go on",
					      c->nonce, c->count, o->nonce);
	return set_continuity_verdict(j, CRYO_CONTINUITY_OTHER_PROCESS,
				      "nonce %s at %" PRIu64 ", expected %s", c->nonce, c->count,
				      o->nonce);
}

static bool check_first_value(struct judge *j, const struct cryo_count *c)
{
	struct cryo_continuity *o = j->out;

	if (!check_count_nonce(j, c))
		return false;
	if (c->count <= o->last_before)
		return set_continuity_verdict(j, CRYO_CONTINUITY_REWIND,
					      "first value %" PRIu64 ", but %" PRIu64
					      " was printed before the checkpoint",
					      c->count, o->last_before);
	/* Here count > last_before >= 0, so the subtraction is safe and an addition is not. */
	if (c->count - 1 > o->last_copied)
		return set_continuity_verdict(j, CRYO_CONTINUITY_GAP,
					      "first value %" PRIu64 ", but %" PRIu64
					      " was the last one printed around the dump",
					      c->count, o->last_copied);
	o->again = o->last_copied - (c->count - 1);
	return true;
}

static bool check_next_value(struct judge *j, const struct cryo_count *last,
			     const struct cryo_count *c)
{
	if (!check_count_nonce(j, c))
		return false;
	if (c->count == last->count)
		return set_continuity_verdict(j, CRYO_CONTINUITY_REPEAT,
					      "the restored process printed %" PRIu64 " twice",
					      c->count);
	if (c->count < last->count)
		return set_continuity_verdict(j, CRYO_CONTINUITY_REWIND,
					      "the restored process went back from %" PRIu64
					      " to %" PRIu64,
					      last->count, c->count);
	if (c->count - last->count != 1)
		return set_continuity_verdict(j, CRYO_CONTINUITY_GAP,
					      "the restored process jumped from %" PRIu64
					      " to %" PRIu64,
					      last->count, c->count);
	return true;
}

static bool check_own_values(struct judge *j)
{
	struct cryo_continuity *o = j->out;
	const struct cryo_count *last = NULL;

	for (size_t i = j->copy.n; i < j->restored.n; i++) {
		const struct cryo_count *c = &j->restored.line[i].c;

		if (j->restored.line[i].kind != CRYO_LOGLINE_COUNT)
			continue;
		if (o->own++ == 0)
			o->first = c->count;
		o->last = c->count;
		if (!(last ? check_next_value(j, last, c) : check_first_value(j, c)))
			return false;
		if (c->damaged)
			return set_continuity_verdict(
			    j, CRYO_CONTINUITY_DAMAGED,
			    "the restored process found its memory changed at %" PRIu64, c->count);
		last = c;
	}
	if (o->own < 2)
		return set_continuity_verdict(j, CRYO_CONTINUITY_NO_PROGRESS,
					      "the restored process printed %" PRIu64
					      " values of its own, at least 2 are needed",
					      o->own);
	return true;
}

static bool check_source_log(struct judge *j)
{
	const struct cryo_count *last = cryo_counterlog_last(&j->source);

	if (!check_log_steady(j, &j->source, "the source's log after the checkpoint"))
		return false;
	if (j->left_running && j->source_ended)
		return set_continuity_verdict(
		    j, CRYO_CONTINUITY_SOURCE_ENDED,
		    "the source was left running but ended by itself right after the dump");
	if (j->left_running && (!last || last->count <= j->out->last_copied))
		return set_continuity_verdict(
		    j, CRYO_CONTINUITY_SOURCE_STOPPED,
		    "the source was left running but printed nothing after %" PRIu64,
		    j->out->last_copied);
	return true;
}

/* Times are read off only when the history holds, so each value stands where it should. */
static void measure_pauses(struct judge *j)
{
	const struct cryo_continuity *o = j->out;
	const struct cryo_count *last = cryo_counterlog_last(&j->source);
	bool longer = last && last->count > o->last_copied;

	cryo_pauses_measure(longer ? &j->source : &j->copy, &j->restored, j->copy.n, o->last_before,
			    o->first, &j->out->pause);
}

static void add_pause_words(struct cryo_str *s, const char *words, int64_t ms)
{
	cryo_auto(cryo_free) char *time = cryo_duration_show(ms);

	if (ms >= 0)
		cryo_str_addf(s, "%s %s", words, time);
}

/* A program that keeps its number in a file would print the same. */
static void conclude_numbers(struct judge *j)
{
	const struct cryo_continuity *o = j->out;

	set_continuity_verdict(j, CRYO_CONTINUITY_OK,
			       "the numbers went on: %" PRIu64 " → %" PRIu64 "…%" PRIu64
			       " (not proved: that it is the same process, as its lines have no "
			       "nonce, and that its memory is intact)",
			       o->first - 1, o->first, o->last);
}

static void conclude_continuity(struct judge *j)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };
	const struct cryo_continuity *o = j->out;

	cryo_str_addf(&s, "the same process went on: %" PRIu64 " → %" PRIu64 "…%" PRIu64,
		      o->first - 1, o->first, o->last);
	add_pause_words(&s, ", the dump delayed it by", o->pause.source_ms);
	add_pause_words(&s, ", it was away for", o->pause.away_ms);
	if (o->pause.away_ms >= 0)
		add_pause_words(&s, " and felt", o->pause.felt_ms);
	set_continuity_verdict(j, CRYO_CONTINUITY_OK, "%s", cryo_str_get(&s));
}

void cryo_continuity_judge(const struct cryo_continuity_logs *logs, struct cryo_continuity *out)
{
	cryo_auto(judge_release) struct judge j = { .out = out,
						    .left_running = logs->left_running,
						    .source_ended = logs->source_ended,
						    .bare = logs->format != NULL };

	*out = (struct cryo_continuity){ .pause = CRYO_PAUSES_INIT };
	cryo_counterlog_parse(CRYO_LOG_API, logs->format, logs->before, &j.before);
	cryo_counterlog_parse(CRYO_LOG_CRI, logs->format, logs->copy, &j.copy);
	cryo_counterlog_parse(CRYO_LOG_API, logs->format, logs->restored, &j.restored);
	cryo_counterlog_parse(CRYO_LOG_API, logs->format, logs->source, &j.source);
	if (!check_parsable(&j) || !check_baseline(&j) || !check_copied_log(&j) ||
	    !check_prefix(&j) || !check_own_values(&j) || !check_source_log(&j))
		return;
	if (j.bare) {
		conclude_numbers(&j);
		return;
	}
	measure_pauses(&j);
	conclude_continuity(&j);
}

static json_t *convert_time_to_json(int64_t ms)
{
	return ms < 0 ? json_null() : json_integer(ms);
}

json_t *cryo_continuity_json(const struct cryo_continuity *c)
{
	json_t *j = json_object();

	json_object_set_new(j, "reason", json_string(cryo_continuity_reason_name(c->reason)));
	json_object_set_new(j, "ok", json_boolean(c->reason == CRYO_CONTINUITY_OK));
	json_object_set_new(j, "nonce", json_string(c->nonce));
	json_object_set_new(j, "lastBefore", json_integer((json_int_t)c->last_before));
	json_object_set_new(j, "lastCopied", json_integer((json_int_t)c->last_copied));
	json_object_set_new(j, "first", json_integer((json_int_t)c->first));
	json_object_set_new(j, "last", json_integer((json_int_t)c->last));
	json_object_set_new(j, "own", json_integer((json_int_t)c->own));
	json_object_set_new(j, "again", json_integer((json_int_t)c->again));
	json_object_set_new(j, "pauseMs", convert_time_to_json(c->pause.source_ms));
	json_object_set_new(j, "feltMs", convert_time_to_json(c->pause.felt_ms));
	json_object_set_new(j, "awayMs", convert_time_to_json(c->pause.away_ms));
	json_object_set_new(j, "text", json_string(c->text));
	return j;
}
