/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/json.h"
#include "tests/kube/fake_kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define LOOK  "GET /api/v1/namespaces/n/pods?fieldSelector=metadata.name%3Dx "
#define WATCH "GET /api/v1/namespaces/n/pods?fieldSelector=metadata.name%3Dx&watch=true&"
#define FROM(version)                                                                              \
	WATCH "allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=" version " "

#define LIST(version, items)                                                                       \
	"{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"" version \
	"\"},\"items\":[" items "]}"
#define POD(version, ready)                                                                        \
	"{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"" version                             \
	"\"},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"" ready "\"}]}}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define MARK(version)	    EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"" version "\"}}")
#define OTHER		    EVENT("MODIFIED", "{\"metadata\":{\"name\":\"y\",\"resourceVersion\":\"6\"}}")
#define TOO_OLD		    EVENT("ERROR", "{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}")

static const struct cryo_kube_ref pod_x = { "pods", "n", "x" };

struct row {
	const char *name;
	struct fake_step steps[4];
	int rc;
	const char *message; /* part of it */
	int64_t timeout_ms;
};

static void play(const struct row *row, size_t n, cryo_kube_test test, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		int64_t limit = row[i].timeout_ms ? row[i].timeout_ms : 10000;
		struct fake_kube f = { 0 };
		json_t *last = NULL;

		print_message("# %s\n", row[i].name);
		fake_kube_start(&f, row[i].steps, CRYO_ARRAY_LEN(row[i].steps));
		assert_int_equal(cryo_kube_wait(f.k, &pod_x, test, arg, limit, &last, &f.err),
				 row[i].rc);
		assert_non_null(strstr(f.err.msg, row[i].message));
		json_decref(last);
		assert_true(fake_kube_stop(&f));
	}
}

static void ready(void **state)
{
	static const struct row row[] = {
		{ "already so",
		  { { LOOK, 200, LIST("5", POD("5", "True")), false, 0 } },
		  0,
		  "",
		  0 },
		{ "event in pieces",
		  { { LOOK, 200, LIST("5", POD("5", "False")), false, 0 },
		    { FROM("5"), 200,
		      "{\"type\":\"MODI" FAKE_PIECE "FIED\"," FAKE_PIECE "\"object\":" POD(
			  "6", "Tr" FAKE_PIECE "ue") FAKE_PIECE "}" FAKE_PIECE "\n" FAKE_STALL,
		      true, 0 } },
		  0,
		  "",
		  0 },
		{ "made later",
		  { { LOOK, 200, LIST("5", ""), false, 0 },
		    { FROM("5"), 200,
		      OTHER EVENT("ADDED", POD("6", "False")) EVENT("MODIFIED", POD("7", "True"))
			  FAKE_STALL,
		      true, 0 } },
		  0,
		  "",
		  0 },
		{ "watch ends, goes on from the bookmark",
		  { { LOOK, 200, LIST("5", ""), false, 0 },
		    { FROM("5"), 200, MARK("9"), true, 0 },
		    { FROM("9"), 200, EVENT("ADDED", POD("10", "True")) FAKE_STALL, true, 0 } },
		  0,
		  "",
		  0 },
		{ "cut in the middle of an event",
		  { { LOOK, 200, LIST("5", ""), false, 0 },
		    { FROM("5"), 200, "{\"type\":\"ADDED\",\"ob" FAKE_CUT, true, 0 },
		    { LOOK, 200, LIST("8", POD("7", "True")), false, 0 } },
		  0,
		  "",
		  0 },
		{ "version too old, in the watch",
		  { { LOOK, 200, LIST("5", ""), false, 0 },
		    { FROM("5"), 200, TOO_OLD FAKE_STALL, true, 0 },
		    { LOOK, 200, LIST("8", POD("7", "True")), false, 0 } },
		  0,
		  "",
		  0 },
		{ "version too old, as the answer",
		  { { LOOK, 200, LIST("5", ""), false, 0 },
		    { FROM("5"), 410, "{\"kind\":\"Status\",\"message\":\"Expired\",\"code\":410}",
		      false, 0 },
		    { LOOK, 200, LIST("8", POD("7", "True")), false, 0 } },
		  0,
		  "",
		  0 },
		{ "server restarts",
		  { { LOOK, 200, LIST("5", ""), false, 0 },
		    { FROM("5"), 0, FAKE_CUT, false, 0 },
		    { LOOK, 503, "later", false, 0 },
		    { LOOK, 200, LIST("8", POD("7", "True")), false, 0 } },
		  0,
		  "",
		  0 },
		{ "not in time",
		  { { LOOK, 200, LIST("5", POD("5", "False")), false, 0 },
		    { FROM("5"), 200, FAKE_STALL, true, 0 } },
		  -CRYO_E_TIMEOUT,
		  "waited 300 ms for pod 'x': condition Ready is False",
		  300 },
		{ "deleted meanwhile",
		  { { LOOK, 200, LIST("5", POD("5", "False")), false, 0 },
		    { FROM("5"), 200, EVENT("DELETED", POD("6", "False")) FAKE_STALL, true, 0 } },
		  -CRYO_E_TIMEOUT,
		  "waited 300 ms for pod 'x': it does not exist",
		  300 },
		{ "the last trouble is told",
		  { { LOOK, 200, LIST("5", ""), false, 0 },
		    { FROM("5"), 500, "etcd is gone", false, 0 } },
		  -CRYO_E_TIMEOUT,
		  "pod 'x': the server answered with code 500: etcd is gone",
		  190 } /* less than the pause before it would ask again */,
		{ "no time at all",
		  { { LOOK, 200, LIST("5", ""), false, 0 } },
		  -CRYO_E_TIMEOUT,
		  "it does not exist",
		  -1 },
		{ "garbage",
		  { { LOOK, 200, LIST("5", ""), false, 0 },
		    { FROM("5"), 200, "<html>\n", true, 0 } },
		  -CRYO_E_REMOTE,
		  "the server's watch of pods is not JSON",
		  0 },
		{ "event of the wrong shape",
		  { { LOOK, 200, LIST("5", ""), false, 0 }, { FROM("5"), 200, "[]\n", true, 0 } },
		  -CRYO_E_REMOTE,
		  "the server's watch of pods is not JSON",
		  0 },
		{ "endless event",
		  { { LOOK, 200, LIST("5", ""), false, 0 },
		    { FROM("5"), 200,
		      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", false,
		      140000 } },
		  -CRYO_E_REMOTE,
		  "too large",
		  0 },
		{ "not allowed", { { LOOK, 403, "", false, 0 } }, -CRYO_E_REMOTE, "code 403", 0 },
		{ "first look fails",
		  { { LOOK, 0, FAKE_CUT, false, 0 } },
		  -CRYO_E_REMOTE,
		  "failed",
		  0 },
		{ "watch not allowed",
		  { { LOOK, 200, LIST("5", ""), false, 0 }, { FROM("5"), 403, "no", false, 0 } },
		  -CRYO_E_REMOTE,
		  "code 403: no",
		  0 },
		{ "no list",
		  { { LOOK, 200, "{\"items\":7}", false, 0 } },
		  -CRYO_E_REMOTE,
		  "the server's answer is not a list of pods",
		  0 },
	};

	(void)state;
	play(row, CRYO_ARRAY_LEN(row), cryo_kube_test_condition, (void *)"Ready");
}

static void gone(void **state)
{
	static const struct row row[] = {
		{ "was not there", { { LOOK, 200, LIST("5", ""), false, 0 } }, 0, "", 0 },
		{ "goes",
		  { { LOOK, 200, LIST("5", POD("5", "True")), false, 0 },
		    { FROM("5"), 200, EVENT("DELETED", POD("6", "True")) FAKE_STALL, true, 0 } },
		  0,
		  "",
		  0 },
		{ "stays",
		  { { LOOK, 200, LIST("5", POD("5", "True")), false, 0 },
		    { FROM("5"), 200, MARK("6") FAKE_STALL, true, 0 } },
		  -CRYO_E_TIMEOUT,
		  "it still exists",
		  200 },
	};

	(void)state;
	play(row, CRYO_ARRAY_LEN(row), cryo_kube_test_gone, NULL);
}

static int refuse(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	(void)arg;
	*why = cryo_strdup("dropped");
	return object ? cryo_err_set(err, CRYO_E_CHECK, "hopeless") : 0;
}

static void test_gives_up(void **state)
{
	static const struct row row[] = {
		{ "at once",
		  { { LOOK, 200, LIST("5", POD("5", "True")), false, 0 } },
		  -CRYO_E_CHECK,
		  "hopeless",
		  0 },
		{ "later",
		  { { LOOK, 200, LIST("5", ""), false, 0 },
		    { FROM("5"), 200, EVENT("ADDED", POD("6", "True")) FAKE_STALL, true, 0 } },
		  -CRYO_E_CHECK,
		  "hopeless",
		  0 },
	};

	(void)state;
	play(row, CRYO_ARRAY_LEN(row), refuse, NULL);
}

static void last_object(void **state)
{
	static const struct fake_step step = { LOOK, 200, LIST("5", POD("5", "True")), false, 0 };
	struct fake_kube f = { 0 };
	json_t *last = NULL;

	(void)state;
	fake_kube_start(&f, &step, 1);
	assert_int_equal(
	    cryo_kube_wait(f.k, &pod_x, cryo_kube_test_exists, NULL, 1000, &last, &f.err), 0);
	assert_string_equal(cryo_json_str(last, "kind"), "Pod");
	assert_string_equal(cryo_json_str(last, "apiVersion"), "v1");
	json_decref(last);
	fake_kube_stop(&f);
}

#define UID(uid) "{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"5\",\"uid\":\"" uid "\"}}"

static void deletes(void **state)
{
	static const struct {
		const char *name;
		struct fake_step steps[3];
		int grace;
		int64_t wait_ms;
		int rc;
		const char *sent;
	} row[] = {
		{ "asked for",
		  { { "DELETE /api/v1/namespaces/n/pods/x ", 200, UID("a"), false, 0 } },
		  3,
		  0,
		  0,
		  "\"gracePeriodSeconds\":3" },
		{ "was not there",
		  { { "DELETE ", 404, "{\"kind\":\"Status\",\"details\":{\"name\":\"x\"}}", false,
		      0 } },
		  -1,
		  1000,
		  1,
		  "DELETE" },
		{ "no such kind",
		  { { "DELETE ", 404, "{\"kind\":\"Status\",\"details\":{}}", false, 0 } },
		  -1,
		  1000,
		  -CRYO_E_REMOTE,
		  "DELETE" },
		{ "gone",
		  { { "DELETE ", 200, UID("a"), false, 0 },
		    { LOOK, 200, LIST("5", UID("a")), false, 0 },
		    { FROM("5"), 200, EVENT("DELETED", UID("a")) FAKE_STALL, true, 0 } },
		  -1,
		  5000,
		  0,
		  "DELETE" },
		{ "another in its place",
		  { { "DELETE ", 200, "{\"kind\":\"Status\",\"details\":{\"uid\":\"a\"}}", false,
		      0 },
		    { LOOK, 200, LIST("5", UID("b")), false, 0 } },
		  -1,
		  5000,
		  0,
		  "DELETE" },
		{ "does not go",
		  { { "DELETE ", 200, UID("a"), false, 0 },
		    { LOOK, 200, LIST("5", UID("a")), false, 0 },
		    { FROM("5"), 200, FAKE_STALL, true, 0 } },
		  -1,
		  200,
		  -CRYO_E_TIMEOUT,
		  "DELETE" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct fake_kube f = { 0 };

		print_message("# %s\n", row[i].name);
		fake_kube_start(&f, row[i].steps, 3);
		assert_int_equal(
		    cryo_kube_delete(f.k, &pod_x, row[i].grace, row[i].wait_ms, &f.err), row[i].rc);
		assert_true(fake_kube_saw(&f, row[i].sent));
		assert_int_equal(fake_kube_saw(&f, "gracePeriodSeconds"), row[i].grace >= 0);
		assert_true(fake_kube_stop(&f));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ready),	 cmocka_unit_test(gone),
		cmocka_unit_test(test_gives_up), cmocka_unit_test(last_object),
		cmocka_unit_test(deletes),
	};
	int n = cmocka_run_group_tests(tests, NULL, NULL);

	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}
