/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/yaml.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct cryo_yaml *y, struct cryo_err *err)
{
	return cryo_yaml_parse("f.yaml", text, strlen(text), y, err);
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *message;
	} row[] = {
		{ "a: &x 1", "f.yaml:1: anchors are not accepted" },
		{ "a: 1\nb: &x {c: 1}", "f.yaml:2: anchors are not accepted" },
		{ "b: &x [1]", "f.yaml:1: anchors are not accepted" },
		{ "a: 1\nb: *a\n", "f.yaml:2: aliases are not accepted" },
		{ "*a", "f.yaml:1: aliases are not accepted" },
		{ "*a : 1", "f.yaml:1: a key must be plain text" },
		{ "a: !!str 1", "f.yaml:1: tags are not accepted" },
		{ "a: !x {}", "f.yaml:1: tags are not accepted" },
		{ "a: !x []", "f.yaml:1: tags are not accepted" },
		{ "&k a: 1", "f.yaml:1: anchors are not accepted" },
		{ "? [1, 2]\n: 3", "f.yaml:1: a key must be plain text" },
		{ "a: 1\nb: 2\na: 3", "f.yaml:3: duplicate key 'a' (first on line 1)" },
		{ "a: \"x\\0y\"", "f.yaml:1: the text contains a NUL byte" },
		{ "a: [1", "f.yaml:2: did not find expected" },
		{ "a: b: c", "f.yaml:1: mapping values are not allowed" },
		{ "a:\n\t- b", "f.yaml:2: " },
		{ "a: \"\xff\xfe\"", "f.yaml:1: " },
		{ "%YAML 9.1\n---\na", "f.yaml:1: " },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_yaml y = { 0 };

		print_message("# row %zu\n", i);
		assert_int_equal(parse(row[i].text, &y, &err), -CRYO_E_CONFIG);
		assert_memory_equal(err.msg, row[i].message, strlen(row[i].message));
		assert_int_equal(y.n, 0);
	}
}

static void limits(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_str s = { 0 };
	struct cryo_yaml y = { 0 };

	(void)state;
	for (int i = 0; i < 64; i++)
		cryo_str_add(&s, "[");
	for (int i = 0; i < 64; i++)
		cryo_str_add(&s, "]");
	assert_int_equal(parse(s.p, &y, &err), 0);
	cryo_yaml_release(&y);

	cryo_str_clear(&s);
	for (int i = 0; i < 100000; i++)
		cryo_str_add(&s, "[");
	assert_int_equal(parse(s.p, &y, &err), -CRYO_E_CONFIG);
	assert_string_equal(err.msg, "f.yaml:1: nested too deeply");

	cryo_str_clear(&s);
	for (int i = 0; i < 200001; i++)
		cryo_str_add(&s, "- 1\n");
	assert_int_equal(parse(s.p, &y, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "too many values"));

	cryo_str_clear(&s);
	for (int i = 0; i < 100000; i++)
		cryo_str_addf(&s, "k%d: 1\n", i);
	cryo_str_add(&s, "k7: 1\n");
	assert_int_equal(parse(s.p, &y, &err), -CRYO_E_CONFIG);
	assert_string_equal(err.msg, "f.yaml:100001: duplicate key 'k7' (first on line 8)");

	cryo_str_clear(&s);
	while (s.len <= 4u << 20)
		cryo_str_add(&s, "# a comment that is long enough to get there soon\n");
	assert_int_equal(parse(s.p, &y, &err), -CRYO_E_CONFIG);
	assert_string_equal(err.msg, "f.yaml: larger than 4 MiB");
	cryo_str_release(&s);
}

static void documents_and_lines(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_yaml y = { 0 };
	const struct cryo_node *b;

	(void)state;
	assert_int_equal(parse("", &y, &err), 0);
	assert_int_equal(y.n, 0);
	cryo_yaml_release(&y);
	assert_int_equal(parse("---\n# nothing\n---\na: 1\nb:\n  - x\n  - 'y'\n---\nz", &y, &err),
			 0);
	assert_int_equal(y.n, 2);
	b = cryo_node_get(y.doc[0], "b");
	assert_int_equal(b->kind, CRYO_NODE_SEQ);
	assert_int_equal(b->n, 2);
	assert_int_equal(b->child[1]->line, 7);
	assert_int_equal(y.doc[0]->key_line[1], 5);
	assert_true(b->child[0]->plain);
	assert_false(b->child[1]->plain);
	assert_null(cryo_node_get(y.doc[0], "c"));
	assert_null(cryo_node_get(y.doc[1], "c"));
	assert_null(cryo_node_get(NULL, "c"));
	assert_string_equal(y.doc[1]->text, "z");
	cryo_yaml_release(&y);
	cryo_yaml_release(&y);
}

struct sample {
	char *name;
	uint64_t count, size;
	bool on;
	int64_t wait;
	struct cryo_strv list;
	const struct cryo_node *rest;
};

static const struct cryo_field sample_rows[] = {
	{ "name", CRYO_FIELD_STR, offsetof(struct sample, name), true },
	{ "count", CRYO_FIELD_UINT, offsetof(struct sample, count), false },
	{ "size", CRYO_FIELD_SIZE, offsetof(struct sample, size), false },
	{ "enabled", CRYO_FIELD_BOOL, offsetof(struct sample, on), false },
	{ "wait", CRYO_FIELD_DURATION, offsetof(struct sample, wait), false },
	{ "list", CRYO_FIELD_STRV, offsetof(struct sample, list), false },
	{ "rest", CRYO_FIELD_NODE, offsetof(struct sample, rest), false },
	{ 0 },
};

static void sample_release(struct sample *s)
{
	free(s->name);
	cryo_strv_release(&s->list);
}

static void decodes(void **state)
{
	struct sample s = { .name = cryo_strdup("default"), .count = 7 };
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_yaml y = { 0 };

	(void)state;
	assert_int_equal(parse("name: 1.10\nsize: 64Mi\nenabled: true\nwait: 1m30s\n"
			       "list: [a, 2, 'c']\nrest: {x: 1}\n",
			       &y, &err),
			 0);
	assert_int_equal(cryo_node_decode(y.doc[0], sample_rows, &s, &err), 0);
	assert_string_equal(s.name, "1.10");
	assert_int_equal(s.count, 7);
	assert_int_equal(s.size, 64 << 20);
	assert_true(s.on);
	assert_int_equal(s.wait, 90000);
	assert_int_equal(s.list.n, 3);
	assert_string_equal(s.list.v[1], "2");
	assert_ptr_equal(s.rest, cryo_node_get(y.doc[0], "rest"));
	cryo_yaml_release(&y);
	sample_release(&s);
}

static void decode_refuses(void **state)
{
	static const struct {
		const char *text, *message;
	} row[] = {
		{ "- a", "f.yaml:1: expected a map of keys and values" },
		{ "count: 1", "f.yaml:1: 'name' is missing" },
		{ "name: x\ncout: 1", "f.yaml:2: unknown key 'cout', did you mean 'count'?" },
		{ "name: x\nzzzzzz:\n  - 1",
		  "f.yaml:2: unknown key 'zzzzzz' (valid values: name, count, " },
		{ "name:", "f.yaml:1: 'name' must be text" },
		{ "name: [a]", "f.yaml:1: 'name' must be text" },
		{ "name: x\ncount: -1", "f.yaml:2: 'count': '-1' is not a whole number" },
		{ "name: x\ncount: \"1\"", "f.yaml:2: 'count': '1' is not a whole number" },
		{ "name: x\ncount: 99999999999999999999", "f.yaml:2: 'count': " },
		{ "name: x\ncount: {}", "f.yaml:2: 'count' must be a whole number" },
		{ "name: x\nenabled: yes", "f.yaml:2: 'enabled': 'yes' is neither true nor" },
		{ "name: x\nwait: 5", "f.yaml:2: 'wait': " },
		{ "name: x\nsize: big", "f.yaml:2: 'size': " },
		{ "name: x\nlist: a", "f.yaml:2: 'list' must be a list" },
		{ "name: x\nlist: [a, [b]]", "f.yaml:2: 'list': item 2 is not a string" },
		{ "name: x\nlist: [a, ~]", "f.yaml:2: 'list': item 2 is not a string" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_yaml y = { 0 };
		struct sample s = { 0 };

		print_message("# row %zu\n", i);
		assert_int_equal(parse(row[i].text, &y, &err), 0);
		assert_int_equal(cryo_node_decode(y.doc[0], sample_rows, &s, &err), -CRYO_E_CONFIG);
		assert_memory_equal(err.msg, row[i].message, strlen(row[i].message));
		sample_release(&s);
		cryo_yaml_release(&y);
	}
}

static char *to_json(const char *yaml)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_yaml y = { 0 };
	json_t *j;
	char *text;

	assert_int_equal(parse(yaml, &y, &err), 0);
	j = cryo_node_to_json(y.doc[0]);
	text = json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT);
	json_decref(j);
	cryo_yaml_release(&y);
	return text;
}

static void resolves(void **state)
{
	static const struct {
		const char *yaml, *json;
	} row[] = {
		{ "[null, ~, Null, '~', nil]", "[null,null,null,\"~\",\"nil\"]" },
		{ "a:\nb: ''", "{\"a\":null,\"b\":\"\"}" },
		/* As kubectl has them (sigs.k8s.io/yaml 1.6, YAML 1.1). */
		{ "[true, False, yes, no, on, 'true']", "[true,false,true,false,true,\"true\"]" },
		{ "[y, N, Yes, NO, On, OFF, 'yes', yEs]",
		  "[true,false,true,false,true,false,\"yes\",\"yEs\"]" },
		{ "{y: no, on: off}", "{\"y\":false,\"on\":false}" },
		{ "[0, -7, +7, 0x1F, 0o17, 0644, 089, '5']", "[0,-7,7,31,15,420,89,\"5\"]" },
		{ "[9223372036854775807, -9223372036854775808, 0x, 0o, '-', +, 12a, 0o8]",
		  "[9223372036854775807,-9223372036854775808,\"0x\",\"0o\",\"-\",\"+\",\"12a\","
		  "\"0o8\"]" },
		{ "[1.5, .5, 1., 1e3, -2.5E-1, 1e, 1.2.3, ., 1_000, .inf, .nan]",
		  "[1.5,0.5,1.0,1000.0,-0.25,\"1e\",\"1.2.3\",\".\",\"1_000\",\".inf\",\".nan\"]" },
		{ "[1e999, 2026-11-23, 12:30, 1.33.13, v1]",
		  "[\"1e999\",\"2026-11-23\",\"12:30\",\"1.33.13\",\"v1\"]" },
		{ "18446744073709551615", "1.8446744073709552e19" },
		{ "- a: {b: [c]}\n  <<: x\n", "[{\"a\":{\"b\":[\"c\"]},\"<<\":\"x\"}]" },
		{ "|\n  two\n  lines\n", "\"two\\nlines\\n\"" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *json = to_json(row[i].yaml);

		assert_string_equal(json, row[i].json);
	}
}

static void emits(void **state)
{
	struct cryo_str out = { 0 };
	json_t *j = json_pack("{s:s, s:{s:i, s:s, s:s}, s:[s,b,n], s:[], s:{}}", "kind", "Pod",
			      "metadata", "count", 5, "version", "5", "text", "a\nb\n", "list",
			      "yes", 1, "none", "object");

	(void)state;
	cryo_yaml_emit(j, &out);
	assert_string_equal(cryo_str_get(&out), "kind: Pod\n"
						"metadata:\n"
						"  count: 5\n"
						"  version: \"5\"\n"
						"  text: |\n"
						"    a\n"
						"    b\n"
						"list:\n"
						"- \"yes\"\n"
						"- true\n"
						"- null\n"
						"none: []\n"
						"object: {}\n");
	cryo_str_release(&out);
	json_decref(j);
}

static void emitted_text_comes_back(void **state)
{
	static const char *const text[] = {
		"",
		" ",
		"a",
		"a b",
		" a",
		"a ",
		"a\n",
		"a\n\n",
		"\n",
		"\n\n",
		"\na",
		" a\nb",
		"a\n b",
		"a \nb",
		"a\n ",
		"\ta",
		"a\tb\nc",
		"\t\n",
		"a\r\nb",
		"a\rb",
		"#a",
		"a #b",
		"a: b",
		"a:",
		":a",
		"- a",
		"-",
		"---",
		"--- a",
		"...",
		"? a",
		"[a]",
		"{a: b}",
		"a, b",
		"*a",
		"&a",
		"!a",
		"!!str a",
		"%a",
		"@a",
		"`a",
		"'a'",
		"\"a\"",
		"a'b",
		"a\"b\\c",
		"|",
		">",
		"true",
		"True",
		"null",
		"~",
		"no",
		"12",
		"0x1f",
		"0o17",
		"1e3",
		".5",
		".inf",
		"2026-11-23",
		"12:30",
		"<<",
		"\x01",
		"a\x7f",
		"\xc3\xa4",
		"\xc2\x85",
		"a\xe2\x80\xa8"
		"b",
		"\xef\xbb\xbf"
		"a",
		"\xf0\x9f\x98\x80",
		"a\n---\nb",
		"a\n...\n",
		"#!/bin/sh\nx\n",
		"\n  a\n b\n",
		"a\n#b",
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(text); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_str out = { 0 };
		struct cryo_yaml y = { 0 };
		json_t *j = json_pack("{s:s, s:[s], s:{s:s}}", text[i], "key", "seq", text[i],
				      "map", "v", text[i]);
		json_t *again;

		cryo_yaml_emit(j, &out);
		assert_int_equal(parse(cryo_str_get(&out), &y, &err), 0);
		again = cryo_node_to_json(y.doc[0]);
		if (!json_equal(j, again))
			fail_msg("'%s' became\n%s", text[i], cryo_str_get(&out));
		json_decref(again);
		json_decref(j);
		cryo_yaml_release(&y);
		cryo_str_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(limits),
		cmocka_unit_test(documents_and_lines),
		cmocka_unit_test(decodes),
		cmocka_unit_test(decode_refuses),
		cmocka_unit_test(resolves),
		cmocka_unit_test(emits),
		cmocka_unit_test(emitted_text_comes_back),
	};

	return cmocka_run_group_tests_name("yaml", tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
