/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/wire.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cryo_err err;

/* Without the newline, as a reader of lines gets it. */
static char *line_of(struct cryo_str *out)
{
	assert_true(cryo_ends_with(cryo_str_get(out), "\n"));
	assert_ptr_equal(strchr(out->p, '\n'), out->p + out->len - 1);
	out->p[out->len - 1] = '\0';
	return out->p;
}

static void events(void **state)
{
	static const struct {
		struct cryo_event ev;
		const char *line;
	} row[] = {
		{ { CRYO_EVENT_BEGIN, "counter", "", 0, 0, 0 },
		  "{\"event\":\"begin\",\"depth\":0,\"what\":\"counter\"}" },
		{ { CRYO_EVENT_OK, "apply", "a \"b\" \\", 12, 1, 3 },
		  "{\"event\":\"ok\",\"lane\":3,\"depth\":1,\"what\":\"apply\",\"detail\":\"a "
		  "\\\"b\\\" "
		  "\\\\\",\"ms\":12}" },
		{ { CRYO_EVENT_SKIP, "x", "no luck", 0, 0, 1 },
		  "{\"event\":\"skip\",\"lane\":1,\"depth\":0,\"what\":\"x\",\"detail\":\"no "
		  "luck\"}" },
		{ { CRYO_EVENT_INFO, "", "größer", 0, 2, 0 },
		  "{\"event\":\"info\",\"depth\":2,\"detail\":\"größer\"}" },
		{ { CRYO_EVENT_DEBUG, "", "", 0, 0, 0 }, "{\"event\":\"debug\",\"depth\":0}" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str out = { 0 };
		cryo_auto(cryo_wire_release) struct cryo_wire w = { 0 };

		cryo_wire_event(&row[i].ev, &out);
		assert_string_equal(line_of(&out), row[i].line);
		assert_int_equal(cryo_wire_read(out.p, &w, &err), 0);
		assert_false(w.is_result);
		assert_int_equal(w.event.kind, row[i].ev.kind);
		assert_string_equal(w.event.what, row[i].ev.what);
		assert_string_equal(w.event.detail, row[i].ev.detail);
		assert_int_equal(w.event.ms, row[i].ev.ms);
		assert_int_equal(w.event.depth, row[i].ev.depth);
		assert_int_equal(w.event.lane, row[i].ev.lane);
	}
}

/* A container may log anything: it is one line all the same, and not longer than one may be. */
static void hostile_texts(void **state)
{
	char longest[70000];
	const char *text[] = { "a\nb\x1b[2J\xff\xc3\r", longest };

	(void)state;
	memset(longest, '"', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i < CRYO_ARRAY_LEN(text); i++) {
		struct cryo_event ev = { .kind = CRYO_EVENT_INFO, .what = "", .detail = text[i] };
		cryo_auto(cryo_str_release) struct cryo_str out = { 0 };
		cryo_auto(cryo_wire_release) struct cryo_wire w = { 0 };

		cryo_wire_event(&ev, &out);
		assert_in_range(out.len, 1, 65535);
		assert_int_equal(cryo_wire_read(line_of(&out), &w, &err), 0);
		assert_true(i > 0 || strcmp(w.event.detail, "a?b?[2J???") == 0);
	}
}

static void result(void **state)
{
	struct cryo_scenario_result r = {
		.name = (char *)"memory[ballast=64Mi]",
		.outcome = CRYO_FAILED,
		.err = { .status = CRYO_E_TIMEOUT, .http_code = 504, .msg = "the time is up" },
		.ms = 8100,
		.steps = 5,
		.kept = (char *)"/var/tmp/x",
		.cluster = (char *)"a-f1-2",
		.up_ms = 500,
		.checkpoint_ms = 400,
		.restore_ms = -1,
		.node = (char *)"node1",
		.archive = (char *)"/a.tar",
		.archive_bytes = 5000000000,
		.secrecy = { true, true, 2, 23, true, true },
		.judged = true,
		.continuity = { .reason = CRYO_CONTINUITY_GAP,
				.nonce = "5f3ac0ffee123456",
				.text = "70 → 72" },
	};
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 }, again = { 0 };
	cryo_auto(cryo_wire_release) struct cryo_wire w = { 0 };

	(void)state;
	cryo_wire_result(&r, &out);
	assert_int_equal(cryo_wire_read(line_of(&out), &w, &err), 0);
	assert_true(w.is_result);
	assert_string_equal(w.result.name, r.name);
	assert_int_equal(w.result.outcome, CRYO_FAILED);
	assert_int_equal(w.result.err.status, CRYO_E_TIMEOUT);
	assert_int_equal(w.result.err.http_code, 504);
	assert_string_equal(w.result.err.msg, "the time is up");
	assert_string_equal(w.result.cluster, "a-f1-2");
	assert_int_equal(w.result.restore_ms, -1);
	assert_int_equal(w.result.archive_bytes, 5000000000);
	assert_int_equal(w.result.secrecy.images, 23);
	assert_true(w.result.secrecy.opened);
	assert_int_equal(w.result.continuity.reason, CRYO_CONTINUITY_GAP);
	assert_string_equal(w.result.continuity.text, "70 → 72");
	/* Nothing that is written gets lost on the way. */
	cryo_wire_result(&w.result, &again);
	assert_string_equal(line_of(&again), out.p);
}

static void what_is_none(void **state)
{
	static const char *const row[] = {
		"",
		"AddressSanitizer: heap-use-after-free",
		"[]",
		"{}",
		"{\"event\":\"nothing\",\"depth\":0}",
		"{\"event\":5,\"depth\":0}",
		"{\"event\":\"ok\"}",
		"{\"event\":\"ok\",\"depth\":-1}",
		"{\"event\":\"ok\",\"depth\":101}",
		"{\"event\":\"ok\",\"depth\":0,\"ms\":-5}",
		"{\"event\":\"ok\",\"depth\":0,\"lane\":99999999999}",
		"{\"result\":5}",
		"{\"result\":{\"outcome\":\"passed\"}}",
		"{\"result\":{\"outcome\":\"maybe\",\"name\":\"x\"}}",
		"{\"event\":\"ok\",\"depth\":0",
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_wire w;

		print_message("# %s\n", row[i]);
		assert_int_equal(cryo_wire_read(row[i], &w, &err), -CRYO_E_CONFIG);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(events),
		cmocka_unit_test(hostile_texts),
		cmocka_unit_test(result),
		cmocka_unit_test(what_is_none),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
