/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "conf/json.h"
#include "scenario/model.h"
#include "scenario/step.h"
#include "sys/fs.h"
#include "tests/scratch.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD                                                                                       \
	"apiVersion: cryopod.dev/v1alpha1\n"                                                       \
	"kind: Scenario\n"                                                                         \
	"metadata: {name: x}\n"
#define STEPS HEAD "spec:\n  steps:\n"

static char *file;

static int setup(void **state)
{
	static const char pod[] = "kind: Pod\nmetadata: {name: p}\nspec: {containers: [{}]}\n";
	static const char two[] = "kind: Pod\n---\nkind: Pod\n";
	cryo_auto(cryo_free) char *one_path = NULL, *two_path = NULL, *none_path = NULL;
	struct cryo_err err;

	if (scratch_setup(state) < 0)
		return -1;
	file = scratch_path("s.yaml");
	one_path = scratch_path("pod.yaml");
	two_path = scratch_path("two.yaml");
	none_path = scratch_path("none.yaml");
	return cryo_fs_write(one_path, pod, strlen(pod), 0600, &err) |
	       cryo_fs_write(two_path, two, strlen(two), 0600, &err) |
	       cryo_fs_write(none_path, "# nothing\n", 10, 0600, &err);
}

static int teardown(void **state)
{
	free(file);
	return scratch_teardown(state);
}

static void complete(void **state)
{
	static const char text[] =
	    "apiVersion: cryopod.dev/v1alpha1\n"
	    "kind: Scenario\n"
	    "metadata:\n"
	    "  name: counter\n"
	    "  labels: {set: smoke}\n"
	    "spec:\n"
	    "  needs: [checkpoint, restore]\n"
	    "  timeout: 2m\n"
	    "  steps:\n"
	    "    - apply:\n"
	    "        file: pod.yaml\n"
	    "        set: {\"spec.containers[0].args\": [\"--ballast\", \"1\"]}\n"
	    "    - wait: {pod: p, condition: Ready}\n"
	    "      timeout: 7s\n"
	    "    - wait: {pod: p, counter: {atLeast: 5}}\n"
	    "      name: let it count\n"
	    "    - checkpoint: {pod: p, container: c}\n"
	    "      as: cp\n"
	    "    - delete: {pod: p}\n"
	    "    - restore: {archive: \"${cp.archive}\", pod: q}\n"
	    "    - continuity: {from: p, to: q, checkpoint: \"${cp}\", leftRunning: true}\n"
	    "    - checkpoint: {pod: nobody}\n"
	    "      expect: {error: {code: 404, contains: nobody}}\n"
	    "  catch:\n"
	    "    - logs: {pod: p, tail: 5}\n";
	cryo_auto(cryo_scenario_release) struct cryo_scenario s = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_scenario_parse(file, 0, text, strlen(text), &s, &err), 0);
	assert_string_equal(s.name, "counter");
	assert_string_equal(s.title, "counter");
	assert_int_equal(s.rows, 1);
	assert_string_equal(s.dir, scratch_dir);
	assert_int_equal(s.timeout_ms, 120000);
	assert_int_equal(s.needs.n, 2);
	assert_int_equal(s.steps.n, 8);
	assert_int_equal(s.catch.n, 1);
	assert_ptr_equal(s.steps.v[0].kind, &cryo_step_apply);
	assert_string_equal(s.steps.v[0].title, "apply pod.yaml");
	assert_int_equal(s.steps.v[1].timeout_ms, 7000);
	assert_string_equal(s.steps.v[1].title, "wait until p is Ready");
	assert_string_equal(s.steps.v[2].title, "let it count");
	assert_int_equal(s.steps.v[2].timeout_ms, 60000);
	assert_string_equal(s.steps.v[3].as, "cp");
	assert_string_equal(s.steps.v[3].title, "checkpoint p/c");
	assert_true(s.steps.v[7].expect.error);
	assert_int_equal(s.steps.v[7].expect.code, 404);
	assert_string_equal(s.steps.v[7].expect.contains, "nobody");
	assert_string_equal(s.catch.v[0].title, "logs of p");
}

/* Messages are exact, "@" stands for the file's path. */
static void bad_files(void **state)
{
	static const struct {
		const char *text, *msg;
	} row[] = {
		{ "", "@:1: expected one scenario, found 0" },
		{ STEPS "    - delete: {pod: p}\n---\na: b\n",
		  "@:1: expected one scenario, found 2" },
		{ "[]\n", "@:1: expected a map of keys and values" },
		{ "kind: Scenario\n", "@:1: 'apiVersion' is missing" },
		{ "apiVersion: v1\nkind: Pod\nmetadata: {}\nspec: {}\n",
		  "@:1: apiVersion 'v1', expected 'cryopod.dev/v1alpha1'" },
		{ "apiVersion: cryopod.dev/v1alpha1\nkind: Stack\nmetadata: {}\nspec: {}\n",
		  "@:2: kind 'Stack', expected 'Scenario'" },
		{ HEAD "spek: {}\n", "@:4: unknown key 'spek', did you mean 'spec'?" },
		{ HEAD "spec: {}\n", "@:4: 'steps' is missing" },
		{ HEAD "spec: {steps: {}}\n", "@:4: expected a list of steps" },
		{ HEAD "spec: {steps: []}\n", "@:4: expected a list of steps" },
		{ HEAD "spec:\n  stepps: []\n",
		  "@:5: unknown key 'stepps', did you mean 'steps'?" },
		{ HEAD "spec:\n  timeout: 5\n  steps: []\n",
		  "@:5: 'timeout': '5' is not a duration (write 300ms, 5s, 2m, 1h30m or 7d)" },
		{ HEAD "spec:\n  needs: [restroe]\n  steps: []\n",
		  "@:5: unknown need 'restroe', did you mean 'restore'?" },
		{ HEAD "spec:\n  needs: [luck]\n  steps: []\n", "@:5: unknown need 'luck'" },
		{ "apiVersion: cryopod.dev/v1alpha1\nkind: Scenario\nmetadata: {name: A b}\nspec: "
		  "{}\n",
		  "@:3: 'A b' is not a name (small letters, digits, '-', at most 40)" },
		{ STEPS "    - wait\n", "@:6: a step is a map with the key of its kind" },
		{ STEPS "    - name: x\n",
		  "@:6: a step needs one of: apply, checkpoint, checkpoint-pod, ciphertext, "
		  "continuity, create-secret, delete, drain, logs, migrate, restore, standstill, "
		  "wait" },
		{ STEPS "    - aply: {}\n", "@:6: unknown step 'aply', did you mean 'apply'?" },
		{ STEPS "    - frobnicate: {}\n",
		  "@:6: unknown step 'frobnicate' (valid values: apply, checkpoint, "
		  "checkpoint-pod, "
		  "ciphertext, continuity, create-secret, delete, drain, logs, migrate, restore, "
		  "standstill, wait)" },
		{ STEPS "    - delete: {pod: p}\n      timeuot: 5s\n",
		  "@:7: unknown step 'timeuot', did you mean 'timeout'?" },
		{ STEPS "    - delete: {pod: p}\n      wait: {pod: p}\n",
		  "@:6: 'delete' and 'wait' in one step" },
		{ STEPS "    - delete: {}\n", "@:6: 'pod' is missing" },
		{ STEPS "    - delete: p\n", "@:6: expected a map of keys and values" },
		{ STEPS "    - delete: {pod: [p]}\n", "@:6: 'pod' must be text" },
		{ STEPS "    - delete: {pods: p}\n",
		  "@:6: unknown key 'pods', did you mean 'pod'?" },
		{ STEPS "    - delete: {pod: p}\n      as: d\n",
		  "@:6: 'as': a step 'delete' has no result to name" },
		{ STEPS "    - checkpoint: {pod: p}\n      as: C.P\n",
		  "@:6: 'as': 'C.P' is not a name (small letters, digits, '-')" },
		{ STEPS "    - checkpoint: {pod: p}\n      as: c\n"
			"    - checkpoint: {pod: p}\n      as: c\n",
		  "@:8: 'as': 'c' is already taken" },
		{ STEPS
		  "    - checkpoint: {pod: p}\n      as: c\n      expect: {error: {code: 404}}\n",
		  "@:6: 'as': a step that is expected to fail has no result to name" },
		{ STEPS "    - delete: {pod: p}\n      expect: {}\n", "@:7: 'error' is missing" },
		{ STEPS "    - delete: {pod: p}\n      expect: {error: {code: x}}\n",
		  "@:7: 'code': 'x' is not a whole number" },
		{ STEPS "    - delete: {pod: p}\n      expect: {error: 404}\n",
		  "@:7: expected a map of keys and values" },
		{ STEPS "    - wait: {pod: p}\n",
		  "@:6: 'wait' needs one of 'condition', 'counter' and 'gone: true'" },
		{ STEPS "    - wait: {pod: p, condition: Ready, counter: {atLeast: 1}}\n",
		  "@:6: 'wait' needs one of 'condition', 'counter' and 'gone: true'" },
		{ STEPS "    - wait: {pod: p, container: c, condition: Ready}\n",
		  "@:6: 'condition' is of the whole pod, without 'container'" },
		{ STEPS "    - wait: {pod: p, counter: {atleast: 1}}\n",
		  "@:6: unknown key 'atleast', did you mean 'atLeast'?" },
		{ STEPS "    - wait: {pod: p, counter: 5}\n",
		  "@:6: expected a map of keys and values" },
		{ STEPS "    - restore: {archive: \"${cp.archive}\", pod: q}\n",
		  "@:6: unknown variable 'cp.archive': no step before this one is named so (as: "
		  "…)" },
		{ STEPS "    - checkpoint: {pod: p}\n      as: cp\n"
			"    - restore: {archive: \"${cp.archvie}\", pod: q}\n",
		  "@:8: unknown variable 'cp.archvie', did you mean 'cp.archive'?" },
		{ STEPS "    - delete: {pod: \"${p\"}\n", "@:6: '${' without '}' in '${p'" },
		{ STEPS "    - checkpoint: {pod: p}\n      as: cp\n"
			"    - continuity: {from: p, to: q, checkpoint: cp}\n",
		  "@:8: 'checkpoint' must be \"${NAME}\" of a checkpoint step" },
		{ STEPS "    - checkpoint: {pod: p}\n      as: cp\n"
			"    - continuity: {from: p, to: q, checkpoint: \"${cp.archive}\"}\n",
		  "@:8: 'checkpoint' must be \"${NAME}\" of a checkpoint step" },
		{ STEPS "    - ciphertext: {checkpoint: cp}\n",
		  "@:6: 'checkpoint' must be \"${NAME}\" of a checkpoint step" },
		{ STEPS "    - ciphertext: {checkpoint: \"${cp}\"}\n",
		  "@:6: unknown variable 'cp': no step before this one is named so (as: …)" },
		{ STEPS "    - checkpoint: {pod: p, leaveRunning: maybe}\n",
		  "@:6: 'leaveRunning' must be true or false" },
		{ STEPS "    - checkpoint: {pod: p, leaveRunning: \"true\"}\n",
		  "@:6: 'leaveRunning' must be true or false" },
		{ STEPS "    - checkpoint: {pod: p, leaveRunning: {}}\n",
		  "@:6: 'leaveRunning' must be true or false" },
		{ STEPS "    - checkpoint: {pod: p, timeout: 3000000000}\n",
		  "@:6: 'timeout' is too large (seconds)" },
		{ STEPS "    - checkpoint: {pod: p, timeout: 5s}\n",
		  "@:6: 'timeout': '5s' is not a whole number" },
		{ STEPS "    - checkpoint: {pod: p, form: fork}\n",
		  "@:6: 'form': 'fork' is not valid (valid values: pods, proxy, kubelet)" },
		{ STEPS "    - checkpoint: {pod: p, form: proxy, body: {}}\n",
		  "@:6: 'body' is for 'form: pods'" },
		{ STEPS "    - checkpoint: {pod: p, form: kubelet, serviceAccount: a}\n",
		  "@:6: 'serviceAccount' is for 'form: pods'" },
		{ STEPS "    - checkpoint: {pod: p, container: c, body: {}}\n",
		  "@:6: 'body' and 'container': the body is sent as it is" },
		{ STEPS "    - checkpoint: {pod: p, leaveRunning: true, body: {}}\n",
		  "@:6: 'body' and 'leaveRunning': the body is sent as it is" },
		{ STEPS "    - wait: {pod: p, gone: true, condition: Ready}\n",
		  "@:6: 'wait' needs one of 'condition', 'counter' and 'gone: true'" },
		{ STEPS "    - wait: {pod: p, gone: false}\n",
		  "@:6: 'wait' needs one of 'condition', 'counter' and 'gone: true'" },
		{ STEPS "    - wait: {pod: p, gone: true, container: c}\n",
		  "@:6: 'gone' is of the whole pod, without 'container'" },
		{ STEPS "    - checkpoint: {pod: p, encrypt: true}\n",
		  "@:6: 'encrypt' needs 'encryptionSecret', the Secret to encrypt for" },
		{ STEPS "    - checkpoint: {pod: p, encryptionSecret: s}\n",
		  "@:6: 'encryptionSecret' without 'encrypt: true'" },
		{ STEPS "    - checkpoint: {pod: p, encrypt: false, encryptionSecret: s}\n",
		  "@:6: 'encryptionSecret' without 'encrypt: true'" },
		{ STEPS "    - create-secret: {name: s}\n", "@:6: 'tls' is missing" },
		{ STEPS "    - create-secret: {name: s, tls: rsa}\n",
		  "@:6: expected a map of keys and values" },
		{ STEPS "    - create-secret: {name: s, tls: {bits: 2048}}\n",
		  "@:6: 'key' is missing" },
		{ STEPS "    - create-secret: {name: s, tls: {key: dsa}}\n",
		  "@:6: 'key': 'dsa' is neither rsa nor ec" },
		{ STEPS "    - create-secret: {name: s, tls: {key: ec, bits: 256}}\n",
		  "@:6: 'bits' is for 'key: rsa'" },
		{ STEPS "    - create-secret: {name: s, tls: {key: rsa, bits: 1024}}\n",
		  "@:6: 'bits' must be 2048 to 8192" },
		{ STEPS "    - create-secret: {name: s, tls: {key: rsa, bits: 0}}\n",
		  "@:6: 'bits' must be 2048 to 8192" },
		{ STEPS "    - create-secret: {name: s, tls: {key: rsa, bits: 4294969344}}\n",
		  "@:6: 'bits' must be 2048 to 8192" },
		{ STEPS
		  "    - continuity: {from: p, to: q, checkpoint: \"${cp}\", leftRunning: 1}\n",
		  "@:6: 'leftRunning': '1' is neither true nor false" },
		{ STEPS "    - apply: {file: none.yaml}\n",
		  "@:6: 'none.yaml' holds 0 documents, nothing to apply" },
		{ STEPS "    - apply: {file: two.yaml, set: {a: 1}}\n",
		  "@:6: 'two.yaml' holds 2 documents, 'set' needs exactly one" },
		{ STEPS "    - apply: {file: pod.yaml, set: [a]}\n",
		  "@:6: 'set' must be a map of paths and values" },
		{ STEPS "    - wait: {pod: p, gone: true}\n      as: w\n",
		  "@:6: 'as' is for a 'condition'" },
		{ STEPS "    - migrate: {toNode: n}\n", "@:6: 'pod' is missing" },
		{ STEPS "    - drain: {}\n", "@:6: 'node' is missing" },
		{ STEPS "    - delete: {pod: p}\n  catch:\n    - logs: {}\n",
		  "@:8: 'pod' is missing" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const char *rest = row[i].msg + 1;
		cryo_auto(cryo_free) char *want = cryo_asprintf("%s%s", file, rest);
		struct cryo_scenario s;
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %s\n", row[i].msg);
		assert_int_equal(
		    cryo_scenario_parse(file, 0, row[i].text, strlen(row[i].text), &s, &err),
		    -CRYO_E_CONFIG);
		assert_string_equal(err.msg, want);
	}
}

#define MATRIX(m) HEAD "spec:\n  matrix: " m "\n  steps:\n"

static void bad_matrices(void **state)
{
	static const struct {
		const char *text, *msg;
	} row[] = {
		{ MATRIX("[a]"), "@:5: 'matrix' must be a map of names and lists" },
		{ MATRIX("{}"), "@:5: 'matrix' must be a map of names and lists" },
		{ MATRIX(""), "@:5: 'matrix' must be a map of names and lists" },
		{ MATRIX("{a: 1}"), "@:5: matrix 'a' must be a list of values" },
		{ MATRIX("{a: []}"), "@:5: matrix 'a' must be a list of values" },
		{ MATRIX("\n    a: [1]\n    A b: [1]"),
		  "@:7: matrix: 'A b' is not a name (small letters, digits, '-')" },
		{ MATRIX("{a: [1, [2]]}"),
		  "@:5: matrix 'a': a list or map is not a value (1 to 63 letters, digits, "
		  "'._:/@+-')" },
		{ MATRIX("{a: ['x y']}"),
		  "@:5: matrix 'a': 'x y' is not a value (1 to 63 letters, digits, '._:/@+-')" },
		{ MATRIX("{a: ['']}"),
		  "@:5: matrix 'a': '' is not a value (1 to 63 letters, digits, '._:/@+-')" },
		{ MATRIX("{a: ['${cp}']}"),
		  "@:5: matrix 'a': '${cp}' is not a value (1 to 63 letters, digits, '._:/@+-')" },
		{ MATRIX("\n    a:\n      - 1\n      - 2\n      - 1"),
		  "@:9: matrix 'a': '1' appears twice" },
		{ MATRIX(
		      "{a: [1], b: [1], c: [1], d: [1], e: [1], f: [1], g: [1], h: [1], i: [1]}"),
		  "@:5: more than 8 keys in 'matrix'" },
		{ MATRIX("{a: [1, 2, 3, 4, 5, 6, 7, 8], b: [1, 2, 3, 4, 5, 6, 7, 8], c: [1, 2]}"),
		  "@:5: 'matrix' has more than 64 combinations" },
		{ MATRIX("{ballast: [1]}") "    - delete: {pod: \"${matrix.balast}\"}\n",
		  "@:7: unknown variable 'matrix.balast', did you mean 'matrix.ballast'?" },
		{ MATRIX("{ballast: [1]}") "    - delete: {pod: \"${matrix.other}\"}\n",
		  "@:7: unknown variable 'matrix.other': 'matrix' has no such key" },
		{ MATRIX("{ballast: [1]}") "    - delete: {pod: \"${matrix.ballast\"}\n",
		  "@:7: '${' without '}' in '${matrix.ballast'" },
		{ STEPS "    - delete: {pod: \"${matrix.a}\"}\n",
		  "@:6: unknown variable 'matrix.a': the scenario has no 'matrix'" },
		/* Not only the first row is looked at. */
		{ MATRIX("{key: [rsa, dsa]}") "    - create-secret: {name: s, tls: {key: "
					      "\"${matrix.key}\"}}\n",
		  "@:7: 'key': 'dsa' is neither rsa nor ec" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *want = cryo_asprintf("%s%s", file, row[i].msg + 1);
		const char *const files[] = { file, NULL };
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_scenarios all;

		print_message("# %s\n", row[i].msg);
		assert_int_equal(cryo_fs_write(file, row[i].text, strlen(row[i].text), 0600, &err),
				 0);
		assert_int_equal(cryo_scenarios_load(files, &all, &err), -CRYO_E_CONFIG);
		assert_string_equal(err.msg, want);
	}
}

/* Each combination is a scenario of its own, in the order they are written. */
static void matrix(void **state)
{
	static const char text[] = MATRIX(
	    "{n: [5, 7], key: [rsa, ec]}") "    - wait: {pod: \"p-${matrix.key}-${matrix.n}\", "
					   "counter: {atLeast: \"${matrix.n}\"}}\n"
					   "      timeout: ${matrix.n}s\n"
					   "    - create-secret: {name: s, tls: {key: "
					   "\"${matrix.key}\"}}\n"
					   "      name: a key of ${matrix.key}\n"
					   "    - apply:\n        file: pod.yaml\n"
					   "        set:\n          a: ${matrix.n}\n";
	static const struct {
		const char *title, *step;
		int64_t limit;
	} want[] = { { "x[n=5,key=rsa]", "wait until p-rsa-5 counts to 5", 5000 },
		     { "x[n=5,key=ec]", "wait until p-ec-5 counts to 5", 5000 },
		     { "x[n=7,key=rsa]", "wait until p-rsa-7 counts to 7", 7000 },
		     { "x[n=7,key=ec]", "wait until p-ec-7 counts to 7", 7000 } };
	const char *const files[] = { file, file, NULL };
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_scenarios all;

	(void)state;
	assert_int_equal(cryo_fs_write(file, text, strlen(text), 0600, &err), 0);
	if (cryo_scenarios_load(files, &all, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(all.n, 8);
	for (size_t i = 0; i < all.n; i++) {
		const struct cryo_scenario *s = &all.v[i];

		assert_string_equal(s->name, "x");
		assert_string_equal(s->title, want[i % 4].title);
		assert_int_equal(s->row, i % 4);
		assert_int_equal(s->rows, 4);
		assert_string_equal(s->steps.v[0].title, want[i % 4].step);
		assert_int_equal(s->steps.v[0].timeout_ms, want[i % 4].limit);
	}
	assert_string_equal(all.v[1].steps.v[1].title, "a key of ec");
	cryo_scenarios_release(&all);
	assert_int_equal(cryo_scenario_load(file, 4, &(struct cryo_scenario){ 0 }, &err),
			 -CRYO_E_CONFIG);
	assert_true(cryo_ends_with(err.msg, ":1: there is no row 4 in 'matrix'"));
}

static void missing_manifest(void **state)
{
	static const char text[] = STEPS "    - apply: {file: nowhere.yaml}\n";
	cryo_auto(cryo_free) char *start = cryo_asprintf("%s:6: ", file);
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_scenario s;

	(void)state;
	assert_int_equal(cryo_scenario_parse(file, 0, text, strlen(text), &s, &err),
			 -CRYO_E_CONFIG);
	assert_true(cryo_starts_with(err.msg, start));
	assert_non_null(strstr(err.msg, "nowhere.yaml"));
	assert_true(cryo_scenario_load("/nowhere/s.yaml", 0, &s, &err) < 0);
}

static void bad_set_path(void **state)
{
	static const char text[] = STEPS "    - apply:\n        file: pod.yaml\n        set:\n"
					 "          \"spec.containers[x]\": 1\n";
	cryo_auto(cryo_free) char *start = cryo_asprintf("%s:9: ", file);
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_scenario s;

	(void)state;
	assert_int_equal(cryo_scenario_parse(file, 0, text, strlen(text), &s, &err),
			 -CRYO_E_CONFIG);
	assert_true(cryo_starts_with(err.msg, start));
}

/* The editor's schema knows the same steps and keys as the tables. */
static void schema_is_complete(void **state)
{
	cryo_auto(cryo_json_decref) json_t *schema = NULL;
	const json_t *steps;
	struct cryo_err err;

	(void)state;
	assert_int_equal(cryo_json_load("scenarios/schema.json", 1 << 20, &schema, &err), 0);
	steps = cryo_json_at(schema, "$defs.step.properties");
	for (size_t i = 0; cryo_step_kinds[i]; i++) {
		const struct cryo_step_kind *k = cryo_step_kinds[i];
		const json_t *step = json_object_get(steps, k->name), *keys;
		size_t n = 0;

		print_message("# %s\n", k->name);
		keys = json_object_get(step, "properties");
		for (const struct cryo_field *f = k->fields; f->name; f++, n++)
			assert_non_null(json_object_get(keys, f->name));
		assert_int_equal(json_object_size(keys), n);
	}
	assert_int_equal(json_object_size(cryo_json_at(schema, "properties.spec.properties")), 5);
	/* And as, expect, name, timeout. */
	assert_int_equal(json_object_size(steps), 13 + 4);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(complete),	      cmocka_unit_test(bad_files),
		cmocka_unit_test(bad_matrices),	      cmocka_unit_test(matrix),
		cmocka_unit_test(missing_manifest),   cmocka_unit_test(bad_set_path),
		cmocka_unit_test(schema_is_complete),
	};

	return cmocka_run_group_tests_name("scenario_model", tests, setup, teardown) ? EXIT_FAILURE
										     : EXIT_SUCCESS;
}
