/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/kube/fake_kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define LOG "GET /api/v1/namespaces/n/pods/p/log"

struct taken {
	struct cryo_str text; /* lines, each with a bar behind it */
	size_t longest, n, stop_at;
};

static int take(const char *line, void *arg)
{
	struct taken *t = arg;
	size_t n = strlen(line);

	t->longest = n > t->longest ? n : t->longest;
	cryo_str_addf(&t->text, "%.20s|", line);
	return ++t->n == t->stop_at;
}

static void lines(void **state)
{
	static const struct {
		const char *name;
		struct fake_step step;
		size_t stop_at;
		int rc;
		const char *text, *message;
		size_t longest;
	} row[] = {
		{ "whole", { LOG " ", 200, "a\nbb\n\nc\n", false, 0 }, 0, 0, "a|bb||c|", "", 2 },
		{ "split anywhere",
		  { LOG " ", 200, "a" FAKE_PIECE "b\nc" FAKE_PIECE FAKE_PIECE "\n" FAKE_PIECE "\nd",
		    true, 0 },
		  0,
		  0,
		  "ab|c||d|",
		  "",
		  2 },
		{ "nothing", { LOG " ", 200, "", false, 0 }, 0, 0, "", "", 0 },
		{ "very long",
		  { LOG " ", 200, "0123456789abcdef", true, 6000 },
		  0,
		  0,
		  "0123456789abcdef0123|",
		  "",
		  65536 },
		{ "enough",
		  { LOG " ", 200, "1\n2\n3\n4\n" FAKE_STALL, true, 0 },
		  2,
		  0,
		  "1|2|",
		  "",
		  1 },
		{ "cut",
		  { LOG " ", 200, "1\n2" FAKE_CUT, true, 0 },
		  0,
		  -CRYO_E_REMOTE,
		  "1|",
		  "log of pod 'p': request to",
		  1 },
		{ "silent",
		  { LOG " ", 200, "1\n" FAKE_STALL, true, 0 },
		  0,
		  -CRYO_E_TIMEOUT,
		  "1|",
		  "log of pod 'p': no complete answer",
		  1 },
		{ "refused",
		  { LOG " ", 400,
		    "{\"kind\":\"Status\",\"message\":\"container is waiting to start\"}", false,
		    0 },
		  0,
		  -CRYO_E_REMOTE,
		  "",
		  "log of pod 'p': container is waiting to start",
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct taken t = { .stop_at = row[i].stop_at };
		const struct cryo_kube_log_opts opts = {
			.ns = "n", .pod = "p", .timeout_ms = 300, .on_line = take, .arg = &t
		};
		struct fake_kube f = { 0 };

		print_message("# %s\n", row[i].name);
		fake_kube_start(&f, &row[i].step, 1);
		assert_int_equal(cryo_kube_logs(f.k, &opts, &f.err), row[i].rc);
		assert_string_equal(cryo_str_get(&t.text), row[i].text);
		assert_int_equal(t.longest, row[i].longest);
		assert_true(cryo_starts_with(f.err.msg, row[i].message));
		cryo_str_release(&t.text);
		assert_true(fake_kube_stop(&f));
	}
}

static void options(void **state)
{
	static const struct fake_step step = {
		LOG "?container=c%20d&follow=true&timestamps=true&previous=true&tailLines=7 ", 200,
		"", false, 0
	};
	struct taken t = { 0 };
	const struct cryo_kube_log_opts opts = { .ns = "n",
						 .pod = "p",
						 .container = "c d",
						 .follow = true,
						 .timestamps = true,
						 .previous = true,
						 .tail = 7,
						 .on_line = take,
						 .arg = &t };
	struct fake_kube f = { 0 };

	(void)state;
	fake_kube_start(&f, &step, 1);
	assert_int_equal(cryo_kube_logs(f.k, &opts, &f.err), 0);
	assert_true(fake_kube_stop(&f));
}

#define EVENT(time, reason, more)                                                                  \
	"{\"type\":\"Warning\",\"reason\":\"" reason "\",\"message\":\"m\\nx\"," time more "}"

static void events(void **state)
{
	static const struct {
		const char *ns;
		struct fake_step step;
		const char *text;
	} row[] = {
		{ "n",
		  { "GET /api/v1/namespaces/n/events?fieldSelector="
		    "involvedObject.kind%3DPod%2CinvolvedObject.name%3Dp ",
		    200,
		    "{\"items\":[" EVENT(
			"\"lastTimestamp\":\"2026-01-01T00:00:09Z\"", "C",
			",\"count\":3") "," EVENT("\"eventTime\":\"2026-01-01T00:00:01.5Z\"", "A",
						  ",\"lastTimestamp\":null") ","
									     "{\"reason\":7,"
									     "\"metadata\":{"
									     "\"creationTimestamp\""
									     ":\"2026-01-01T00:00:"
									     "02Z\"}}]}",
		    false, 0 },
		  "Warning A: m\nEvent ?: \nWarning C: m (3 times)" },
		{ NULL,
		  { "GET /api/v1/namespaces/default/events?", 200, "{\"items\":[]}", false, 0 },
		  "" },
		{ "n", { "GET ", 403, "no", false, 0 }, "" },
		{ "n", { "GET ", 200, "{\"items\":{}}", false, 0 }, "" },
		{ "n", { "GET ", 200, "[", false, 0 }, "" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct fake_kube f = { 0 };
		char *text;

		fake_kube_start(&f, &row[i].step, 1);
		text = cryo_kube_events(f.k, row[i].ns, "Pod", "p");
		assert_string_equal(text, row[i].text);
		free(text);
		assert_true(fake_kube_stop(&f));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(options),
		cmocka_unit_test(events),
	};
	int n = cmocka_run_group_tests(tests, NULL, NULL);

	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}
