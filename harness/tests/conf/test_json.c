/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/json.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *parsed(const char *text)
{
	struct cryo_err err = CRYO_ERR_INIT;
	json_t *j = NULL;

	assert_int_equal(cryo_json_parse("test", text, strlen(text), &j, &err), 0);
	return j;
}

static void parse_refuses(void **state)
{
	static const struct {
		const char *text, *message;
	} row[] = {
		{ "", "answer: no JSON: line 1: " },
		{ "{", "answer: no JSON: line 1: " },
		{ "{\"a\":\n1,}", "answer: no JSON: line 2: " },
		{ "{} x", "answer: no JSON: line 1: " },
		{ "\"\xff\"", "answer: no JSON: line 1: " },
		{ "{\"a\": 99999999999999999999}", "answer: no JSON: line 1: " },
		{ "{\"a\": 18446744073709551616}", "answer: no JSON: line 1: " },
		{ "{\"a\": -9223372036854775809}", "answer: no JSON: line 1: " },
		{ "{\"a\": 1e999, \"b\": 18446744073709551615}", "answer: no JSON: line 1: " },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		json_t *j = NULL;

		assert_int_equal(
		    cryo_json_parse("answer", row[i].text, strlen(row[i].text), &j, &err),
		    -CRYO_E_CONFIG);
		assert_memory_equal(err.msg, row[i].message, strlen(row[i].message));
		assert_null(j);
	}
}

/* OCI specs say "no limit" with 2^64 - 1 (RLIM_INFINITY); jansson holds nothing above 2^63 - 1. */
static void unsigned_64_bits(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} row[] = {
		{ "[9223372036854775807]", INT64_MAX },
		{ "[9223372036854775808]", INT64_MAX },
		{ "[18446744073709551615]", INT64_MAX },
		{ "[18446744073709551615 ,-1]", INT64_MAX },
		{ "[ 18446744073709551615,18446744073709551614\n]", INT64_MAX },
		{ "[7, \"18446744073709551615\", 18446744073709551615]", 7 },
		{ "[-9223372036854775808, \"\\\"18446744073709551615\", 18446744073709551615]",
		  INT64_MIN },
	};
	cryo_auto(cryo_json_decref) json_t *s = NULL;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_json_decref) json_t *j = parsed(row[i].text);

		assert_true(cryo_json_int(j, "[0]", -5) == row[i].value);
	}
	s = parsed("{\"18446744073709551615\": \"\\\\ 18446744073709551615\", \"n\": "
		   "18446744073709551615}");
	assert_string_equal(cryo_json_str(s, "18446744073709551615"), "\\ 18446744073709551615");
	assert_true(cryo_json_int(s, "n", -5) == INT64_MAX);
}

static void deep_text_is_refused(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_str s = { 0 };
	json_t *j = NULL;

	(void)state;
	for (int i = 0; i < 100000; i++)
		cryo_str_add(&s, "[");
	assert_int_equal(cryo_json_parse("deep", s.p, s.len, &j, &err), -CRYO_E_CONFIG);
	cryo_str_release(&s);
}

static void finds(void **state)
{
	cryo_auto(cryo_json_decref)
	    json_t *j = parsed("{\"a\": {\"b\": [{\"c\": \"x\"}, 7, true]}, \"n\": null}");

	(void)state;
	assert_string_equal(cryo_json_str(j, "a.b[0].c"), "x");
	assert_int_equal(cryo_json_int(j, "a.b[1]", -1), 7);
	assert_true(cryo_json_bool(j, "a.b[2]"));
	assert_ptr_equal(cryo_json_at(j, ""), j);
	assert_true(json_is_null(cryo_json_at(j, "n")));
	assert_int_equal(cryo_json_int(j, "a.b[0].c", -1), -1);
	assert_null(cryo_json_str(j, "a.b[1]"));
	assert_false(cryo_json_bool(j, "a.b[1]"));
	assert_null(cryo_json_str(NULL, "a"));
}

static void finds_by_member(void **state)
{
	cryo_auto(cryo_json_decref)
	    json_t *j = json_pack("[{ss},s,{ss s{ss}},{ss}]", "name", "a", "b", "name", "b", "in",
				  "kind", "x", "name", "b");

	(void)state;
	assert_ptr_equal(cryo_json_find(j, "name", "b"), json_array_get(j, 2));
	assert_ptr_equal(cryo_json_find(j, "in.kind", "x"), json_array_get(j, 2));
	assert_null(cryo_json_find(j, "name", "c"));
	assert_null(cryo_json_find(json_array_get(j, 0), "name", "a"));
	assert_null(cryo_json_find(NULL, "name", "a"));
}

static void finds_nothing(void **state)
{
	static const char *const path[] = { "x",     "a.x",	   "a.b[3]",
					    "a.b.c", "a[0]",	   "a.",
					    ".a",    "a..b",	   "a.b[",
					    "a.b[]", "a.b[x]",	   "a.b[-1]",
					    "n.x",   "a.b[0].c.d", "a.b[99999999999999999999999]" };
	cryo_auto(cryo_json_decref)
	    json_t *j = parsed("{\"a\": {\"b\": [{\"c\": \"x\"}, 7, true]}, \"n\": null}");

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(path); i++)
		assert_null(cryo_json_at(j, path[i]));
}

static void sets(void **state)
{
	static const struct {
		const char *path, *result;
	} row[] = {
		{ "x", "{\"a\":{\"b\":[1]},\"n\":null,\"x\":5}" },
		{ "a", "{\"a\":5,\"n\":null}" },
		{ "a.b[0]", "{\"a\":{\"b\":[5]},\"n\":null}" },
		{ "a.b[1]", "{\"a\":{\"b\":[1,5]},\"n\":null}" },
		{ "a.b[3]", "{\"a\":{\"b\":[1,null,null,5]},\"n\":null}" },
		{ "a.b[1].c", "{\"a\":{\"b\":[1,{\"c\":5}]},\"n\":null}" },
		{ "n.m[0].o", "{\"a\":{\"b\":[1]},\"n\":{\"m\":[{\"o\":5}]}}" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_json_decref) json_t *j = parsed("{\"a\":{\"b\":[1]},\"n\":null}");
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_str s = { 0 };

		assert_int_equal(cryo_json_set(j, row[i].path, json_integer(5), &err), 0);
		cryo_json_dump(j, &s);
		assert_string_equal(cryo_str_get(&s), row[i].result);
		cryo_str_release(&s);
	}
}

static void set_refuses(void **state)
{
	static const char *const path[] = { "",	      "a[0]",	      "a.b.c", "a.b[0].c",
					    "a.b[x]", "a.b[1000000]", "a..b",  "a.b[0]." };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(path); i++) {
		cryo_auto(cryo_json_decref) json_t *j = parsed("{\"a\":{\"b\":[1]}}");
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# '%s'\n", path[i]);
		assert_int_equal(cryo_json_set(j, path[i], json_integer(5), &err), -CRYO_E_CONFIG);
	}
}

static void missing_file(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	json_t *j = NULL;

	(void)state;
	assert_int_equal(cryo_json_load("/nonexistent/x.json", 100, &j, &err), -CRYO_E_SYSTEM);
	assert_null(j);
}

static void pretty(void **state)
{
	cryo_auto(cryo_json_decref) json_t *j = parsed("{\"z\":1,\"a\":[]}");
	struct cryo_str s = { 0 };

	(void)state;
	cryo_json_dump_pretty(j, &s);
	assert_string_equal(cryo_str_get(&s), "{\n  \"z\": 1,\n  \"a\": []\n}");
	cryo_str_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_refuses),
		cmocka_unit_test(unsigned_64_bits),
		cmocka_unit_test(deep_text_is_refused),
		cmocka_unit_test(finds),
		cmocka_unit_test(finds_by_member),
		cmocka_unit_test(finds_nothing),
		cmocka_unit_test(sets),
		cmocka_unit_test(set_refuses),
		cmocka_unit_test(missing_file),
		cmocka_unit_test(pretty),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
