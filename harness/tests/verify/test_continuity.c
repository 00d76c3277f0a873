/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "verify/continuity.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * Logs in rows are written short: "5 6 7" are lines of process A; "b5" is one of
 * process B; "5!" found its ballast damaged; "~" is another line; "?" is a
 * damaged counter line. Stamps follow from the value and place: process time
 * 100 ms per value, plus 1 s behind a "|" (the dump).
 */
#define NONCE_A "aaaaaaaaaaaaaaaa"
#define NONCE_B "bbbbbbbbbbbbbbbb"

static void add_line(struct cryo_str *out, const char *word, bool cri, unsigned place, int64_t late)
{
	bool other = *word == 'b';
	unsigned long long v = strtoull(word + other, NULL, 10);

	cryo_str_addf(out, "2026-11-23T22:00:%02u.5Z %s", place % 60, cri ? "stdout F " : "");
	if (*word == '~')
		cryo_str_add(out, "warming up\n");
	else if (*word == '?')
		cryo_str_add(out, "count=zwölf\n");
	else
		cryo_str_addf(out, "count=%llu nonce=%s mono_ns=%llu%s\n", v,
			      other ? NONCE_B : NONCE_A,
			      v * 100000000ull + (unsigned long long)late,
			      strchr(word, '!') ? " ballast=damaged" : "");
}

/* Lines are numbered, so a copy and the log that begins with it have the same stamps. */
static char *log_of(const char *words, bool cri)
{
	struct cryo_str out = { 0 };
	cryo_auto(cryo_free) char *list = cryo_strdup(words);
	char *save = NULL;
	unsigned place = 0;
	int64_t late = 0;

	for (char *w = strtok_r(list, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		if (*w == '|')
			late += 1000000000;
		else
			add_line(&out, w, cri, place++, late);
	}
	return cryo_str_detach(&out);
}

static void judge(const char *before, const char *copy, const char *restored, const char *source,
		  bool left_running, struct cryo_continuity *c)
{
	cryo_auto(cryo_free) char *b = log_of(before, false);
	cryo_auto(cryo_free) char *k = log_of(copy, true);
	cryo_auto(cryo_free) char *r = log_of(restored, false);
	cryo_auto(cryo_free) char *s = log_of(source, false);
	struct cryo_continuity_logs logs = { b, k, r, s, left_running, false, NULL };

	cryo_continuity_judge(&logs, c);
}

static void verdicts(void **state)
{
	static const struct {
		const char *name, *before, *copy, *restored, *source, *reason;
		bool left_running;
	} row[] = {
		{ "plain", "3 4 5", "3 4 5", "3 4 5 6 7", "", "ok", false },
		{ "one value printed again", "3 4", "3 4 5", "3 4 5 5 6", "", "ok", false },
		{ "dump right after the last known", "3 4", "3 4 5 6", "3 4 5 6 5 6", "", "ok",
		  false },
		{ "dump after the last copied", "3 4", "3 4 5 6", "3 4 5 6 7 8", "", "ok", false },
		{ "other lines do not count", "~ 3 ~ 4", "~ 3 ~ 4 ~", "~ 3 ~ 4 ~ ~ 5 ~ 6", "", "ok",
		  false },
		{ "from zero", "0", "0", "0 1 2", "", "ok", false },
		{ "source went on", "3 4", "3 4 5", "3 4 5 5 6", "3 4 5 6", "ok", true },
		{ "source not asked for", "3 4", "3 4 5", "3 4 5 5 6", "3 4 5", "ok", false },
		{ "one too far", "3 4", "3 4 5", "3 4 5 7 8", "", "gap", false },
		{ "gap later", "3 4", "3 4 5", "3 4 5 6 8", "", "gap", false },
		{ "far too far", "3 4", "3 4", "3 4 900 901", "", "gap", false },
		{ "one too low", "3 4", "3 4 5", "3 4 5 4 5", "", "rewind", false },
		{ "back to zero, same process", "3 4", "3 4", "3 4 0 1", "", "rewind", false },
		{ "rewind later", "3 4", "3 4", "3 4 5 6 5", "", "rewind", false },
		{ "wrap around", "3 4", "3 4", "3 4 5 18446744073709551615", "", "gap", false },
		{ "same value twice", "3 4", "3 4", "3 4 5 5", "", "repeat", false },
		{ "new process from zero", "3 4", "3 4", "3 4 b0 b1", "", "reset", false },
		{ "new process, last known value", "3 4", "3 4", "3 4 b4 b5", "", "reset", false },
		{ "new process, right value", "3 4", "3 4", "3 4 b5 b6", "", "other-process",
		  false },
		{ "process changes later", "3 4", "3 4", "3 4 5 b6", "", "other-process", false },
		{ "nothing of its own", "3 4", "3 4", "3 4", "", "no-progress", false },
		{ "only talk of its own", "3 4", "3 4", "3 4 ~ ~", "", "no-progress", false },
		{ "a single value", "3 4", "3 4", "3 4 5", "", "no-progress", false },
		{ "damaged after the restore", "3 4", "3 4", "3 4 5 6!", "", "damaged", false },
		{ "damaged before", "3 4!", "3 4!", "3 4! 5 6", "", "damaged", false },
		{ "source stopped", "3 4", "3 4 5", "3 4 5 5 6", "3 4 5", "source-stopped", true },
		{ "source gone", "3 4", "3 4 5", "3 4 5 5 6", "", "source-stopped", true },
		{ "source skips", "3 4", "3 4", "3 4 5 6", "3 4 6", "source-broken", true },
		{ "source skips in the copy", "5", "3 5", "3 5 6 7", "", "source-broken", false },
		{ "source repeats in the copy", "5", "5 5", "5 5 6 7", "", "source-broken", false },
		{ "source restarted", "3 4", "3 4", "3 4 5 6", "b0 b1", "log-mismatch", true },
		{ "copy of another process", "3 4", "b3 b4", "b3 b4 5 6", "", "log-mismatch",
		  false },
		{ "copy too old", "3 4 5", "3 4", "3 4 5 6", "", "log-mismatch", false },
		{ "copy too young", "3", "4 5", "4 5 6 7", "", "log-mismatch", false },
		{ "copy is not the beginning", "3 4", "3 4", "2 3 4 5", "", "log-mismatch", false },
		{ "talk missing", "3 4", "~ 3 4", "3 4 5 6", "", "log-mismatch", false },
		{ "ends inside the copy", "3 4", "3 4 5", "3 4", "", "log-mismatch", false },
		{ "restored log empty", "3 4", "3 4", "", "", "log-mismatch", false },
		{ "not counted before", "", "3 4", "3 4 5 6", "", "no-baseline", false },
		{ "only talk before", "~", "3 4", "3 4 5 6", "", "no-baseline", false },
		{ "copy empty", "3 4", "", "5 6", "", "no-copy", false },
		{ "broken before", "3 ?", "3 4", "3 4 5 6", "", "unparsable", false },
		{ "broken in the copy", "3 4", "3 4 ?", "3 4 ? 5 6", "", "unparsable", false },
		{ "broken behind the copy", "3 4", "3 4", "3 4 5 ?", "", "unparsable", false },
		{ "broken source", "3 4", "3 4", "3 4 5 6", "3 4 ?", "unparsable", false },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_continuity c;

		print_message("# %s\n", row[i].name);
		judge(row[i].before, row[i].copy, row[i].restored, row[i].source,
		      row[i].left_running, &c);
		assert_string_equal(cryo_continuity_reason_name(c.reason), row[i].reason);
		assert_true(c.text[0] != '\0');
	}
}

/* Why it printed nothing more is known then. */
static void source_ended(void **state)
{
	cryo_auto(cryo_free) char *api = log_of("3 4 5", false), *cri = log_of("3 4 5", true);
	cryo_auto(cryo_free) char *restored = log_of("3 4 5 6 7", false);
	struct cryo_continuity_logs logs = { .before = api,
					     .copy = cri,
					     .restored = restored,
					     .source = api,
					     .source_ended = true };
	struct cryo_continuity c;

	(void)state;
	cryo_continuity_judge(&logs, &c);
	assert_string_equal(cryo_continuity_reason_name(c.reason), "ok");
	logs.left_running = true;
	cryo_continuity_judge(&logs, &c);
	assert_string_equal(cryo_continuity_reason_name(c.reason), "source-ended");
	assert_non_null(strstr(c.text, "ended by itself"));
}

static void numbers(void **state)
{
	struct cryo_continuity c;

	(void)state;
	/* The source pauses 1 s between 5 and 6; the restored process is away for 2 s. */
	judge("3 4 5", "3 4 5 | 6 7", "3 4 5 | 6 7 | 6 7 8", "3 4 5 | 6 7 8", true, &c);
	assert_string_equal(cryo_continuity_reason_name(c.reason), "ok");
	assert_int_equal(c.last_before, 5);
	assert_int_equal(c.last_copied, 7);
	assert_int_equal(c.first, 6);
	assert_int_equal(c.last, 8);
	assert_int_equal(c.own, 3);
	assert_int_equal(c.again, 2);
	assert_int_equal(c.pause.source_ms, 1000);
	assert_int_equal(c.pause.felt_ms, 2000);
	/* Stamps are a second apart for each line, and so is the usual distance 100 ms. */
	assert_int_equal(c.pause.away_ms, 2900);
	assert_string_equal(c.nonce, NONCE_A);
	assert_string_equal(c.text, "the same process went on: 5 → 6…8, the dump delayed it by "
				    "1.0 s, it was away for 2.9 s and felt 2.0 s");
}

static void pause_not_visible(void **state)
{
	struct cryo_continuity c;

	(void)state;
	/* Neither the copy nor the source's log holds a value from after the dump. */
	judge("3 4 5", "3 4 5", "3 4 5 | 6 7", "", false, &c);
	assert_int_equal(c.reason, CRYO_CONTINUITY_OK);
	assert_int_equal(c.pause.source_ms, -1);
	assert_int_equal(c.pause.felt_ms, 1000);
}

static void pause_of_a_short_log(void **state)
{
	struct cryo_continuity c;

	(void)state;
	judge("4 5", "4 5 | 6", "4 5 | 6 | 6 7", "", false, &c);
	assert_int_equal(c.reason, CRYO_CONTINUITY_OK);
	assert_int_equal(c.pause.source_ms, 1000);
}

static void clock_of_another_boot(void **state)
{
	struct cryo_continuity_logs logs = {
		.before = "x count=5 nonce=" NONCE_A " mono_ns=900\n",
		.copy = "2026-11-23T22:00:00Z stdout F count=5 nonce=" NONCE_A " mono_ns=900\n",
		.restored = "2026-11-23T22:00:00Z count=5 nonce=" NONCE_A " mono_ns=900\n"
			    "2026-11-23T22:00:01Z count=6 nonce=" NONCE_A " mono_ns=100\n"
			    "2026-11-23T22:00:02Z count=7 nonce=" NONCE_A " mono_ns=200\n",
		.source = "",
	};
	struct cryo_continuity c;

	(void)state;
	cryo_continuity_judge(&logs, &c);
	/* A stamp that is none leaves the line as it is: no counter line, so nothing known. */
	assert_int_equal(c.reason, CRYO_CONTINUITY_NO_BASELINE);
	logs.before = "2026-11-23T22:00:00Z count=5 nonce=" NONCE_A " mono_ns=900\n";
	cryo_continuity_judge(&logs, &c);
	assert_int_equal(c.reason, CRYO_CONTINUITY_OK);
	assert_int_equal(c.pause.felt_ms, -1);
}

static void json_form(void **state)
{
	struct cryo_continuity c;
	json_t *j;

	(void)state;
	judge("3 4", "3 4 5", "3 4 5 7 8", "", false, &c);
	j = cryo_continuity_json(&c);
	assert_string_equal(json_string_value(json_object_get(j, "reason")), "gap");
	assert_false(json_is_true(json_object_get(j, "ok")));
	assert_int_equal(json_integer_value(json_object_get(j, "first")), 7);
	assert_true(json_is_null(json_object_get(j, "pauseMs")));
	json_decref(j);
}

static void counter_lines(void **state)
{
	static const struct {
		const char *line;
		enum cryo_logline_kind kind;
	} row[] = {
		{ "count=17 nonce=5f3ac0ffee123456 mono_ns=123456789012", CRYO_LOGLINE_COUNT },
		{ "count=0 nonce=5f3ac0ffee123456 mono_ns=0", CRYO_LOGLINE_COUNT },
		{ "count=18446744073709551615 nonce=5f3ac0ffee123456 mono_ns=1",
		  CRYO_LOGLINE_COUNT },
		{ "count=1 nonce=5f3ac0ffee123456 mono_ns=1 ballast=ok a=", CRYO_LOGLINE_COUNT },
		{ "", CRYO_LOGLINE_OTHER },
		{ "counter: cannot read", CRYO_LOGLINE_OTHER },
		{ " count=1 nonce=5f3ac0ffee123456 mono_ns=1", CRYO_LOGLINE_OTHER },
		{ "count=", CRYO_LOGLINE_BROKEN },
		{ "count=-1 nonce=5f3ac0ffee123456 mono_ns=1", CRYO_LOGLINE_BROKEN },
		{ "count=01 nonce=5f3ac0ffee123456 mono_ns=1", CRYO_LOGLINE_BROKEN },
		{ "count=18446744073709551616 nonce=5f3ac0ffee123456 mono_ns=1",
		  CRYO_LOGLINE_BROKEN },
		{ "count=1 nonce=5f3ac0ffee12345 mono_ns=1", CRYO_LOGLINE_BROKEN },
		{ "count=1 nonce=5f3ac0ffee1234567 mono_ns=1", CRYO_LOGLINE_BROKEN },
		{ "count=1 nonce=5F3AC0FFEE123456 mono_ns=1", CRYO_LOGLINE_BROKEN },
		{ "count=1 mono_ns=1", CRYO_LOGLINE_BROKEN },
		{ "count=1 nonce=5f3ac0ffee123456", CRYO_LOGLINE_BROKEN },
		{ "count=1 nonce=5f3ac0ffee123456 mono_ns=1 ", CRYO_LOGLINE_BROKEN },
		{ "count=1 nonce=5f3ac0ffee123456 mono_ns=1x", CRYO_LOGLINE_BROKEN },
		{ "count=1 nonce=5f3ac0ffee123456 mono_ns=1 word", CRYO_LOGLINE_BROKEN },
		{ "count=1 nonce=5f3ac0ffee123456 mono_ns=1 =v", CRYO_LOGLINE_BROKEN },
		{ "count=1 nonce=5f3ac0ffee123456 mono_ns=1 k=\x1b[2J", CRYO_LOGLINE_BROKEN },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_count c;

		print_message("# %s\n", row[i].line);
		assert_int_equal(cryo_count_parse(row[i].line, &c), row[i].kind);
	}
}

static void cri_lines(void **state)
{
	cryo_auto(cryo_counterlog_release) struct cryo_counterlog l = { 0 };

	(void)state;
	cryo_counterlog_parse(CRYO_LOG_CRI, NULL,
			      "2026-11-23T22:00:00.123456789Z stdout P count=1 nonce=5f3a\n"
			      "2026-11-23T22:00:00.2+02:00 stdout F c0ffee123456 mono_ns=5\n"
			      "2026-11-23T22:00:00Z stderr F:x talk\n"
			      "2026-11-23T22:00:00Z stdin F talk\n"
			      "2026-11-23T22:00:00Z stdout X talk\n"
			      "yesterday stdout F talk\n"
			      "\n"
			      "2026-11-23T22:00:00Z stdout F half a li",
			      &l);
	assert_int_equal(l.n, 6);
	assert_int_equal(l.line[0].kind, CRYO_LOGLINE_COUNT);
	assert_int_equal(l.line[0].c.mono_ns, 5);
	assert_int_equal(l.line[0].ns % 1000000000, 200000000);
	assert_int_equal(l.line[1].kind, CRYO_LOGLINE_OTHER);
	assert_string_equal(l.line[1].text, "talk");
	for (size_t i = 2; i < 6; i++)
		assert_int_equal(l.line[i].kind, CRYO_LOGLINE_BROKEN);
}

/* A shell loop that prints a bare number each second. */
static void bare_numbers(void **state)
{
#define API(n, s) "2026-11-23T22:00:0" #s ".5Z " n "\n"
#define CRI(n, s) "2026-11-23T22:00:0" #s ".5Z stdout F " n "\n"
	static const struct {
		const char *format, *before, *copy, *restored;
		enum cryo_continuity_reason reason;
	} row[] = {
		{ "number", API("5", 1), CRI("5", 1) CRI("6", 2),
		  API("5", 1) API("6", 2) API("6", 3) API("7", 4), CRYO_CONTINUITY_OK },
		{ "number", API("5", 1), CRI("5", 1), API("5", 1) API("1", 3) API("2", 4),
		  CRYO_CONTINUITY_REWIND },
		{ "number", API("5", 1), CRI("5", 1), API("5", 1) API("8", 3) API("9", 4),
		  CRYO_CONTINUITY_GAP },
		{ "number", API("x 5", 1), CRI("5", 1), API("5", 1), CRYO_CONTINUITY_NO_BASELINE },
		{ "number", API("5", 1), CRI("99999999999999999999999", 1), API("5", 1),
		  CRYO_CONTINUITY_UNPARSABLE },
		{ "^tick ([0-9]+) ", API("tick 5 a", 1), CRI("tick 5 a", 1),
		  API("tick 5 a", 1) API("tock 1 b", 2) API("tick 6 c", 3) API("tick 7 d", 4),
		  CRYO_CONTINUITY_OK },
		/* Its own form is nothing special then. */
		{ "number", API("5", 1), CRI("5", 1) CRI("count=x", 1),
		  API("5", 1) API("count=x", 1) API("6", 3) API("7", 4), CRYO_CONTINUITY_OK },
		{ "(a*)", API("5", 1), CRI("5", 1), API("5", 1), CRYO_CONTINUITY_UNPARSABLE },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_count_format_free) struct cryo_count_format *f = NULL;
		struct cryo_continuity_logs logs = { .before = row[i].before,
						     .copy = row[i].copy,
						     .restored = row[i].restored,
						     .source = "" };
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_continuity c;

		print_message("# %zu\n", i);
		assert_int_equal(cryo_count_format_new(row[i].format, &f, &err), 0);
		logs.format = f;
		cryo_continuity_judge(&logs, &c);
		if (c.reason != row[i].reason)
			fail_msg("%s: %s", cryo_continuity_reason_name(c.reason), c.text);
		if (c.reason == CRYO_CONTINUITY_OK) {
			assert_non_null(strstr(c.text, "not proved"));
			assert_null(strstr(c.text, "the same process went on"));
		}
	}
}

static void no_format(void **state)
{
	static const char *const row[] = { "", "numbers", "[0-9]+", "(a)(b)", "(", "[" };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_count_format *f = NULL;
		struct cryo_err err = CRYO_ERR_INIT;

		assert_int_equal(cryo_count_format_new(row[i], &f, &err), -CRYO_E_CONFIG);
		assert_null(f);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bare_numbers),
		cmocka_unit_test(no_format),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(source_ended),
		cmocka_unit_test(numbers),
		cmocka_unit_test(json_form),
		cmocka_unit_test(pause_not_visible),
		cmocka_unit_test(counter_lines),
		cmocka_unit_test(clock_of_another_boot),
		cmocka_unit_test(cri_lines),
		cmocka_unit_test(pause_of_a_short_log),
	};

	return cmocka_run_group_tests_name("continuity", tests, NULL, NULL) ? EXIT_FAILURE
									    : EXIT_SUCCESS;
}
