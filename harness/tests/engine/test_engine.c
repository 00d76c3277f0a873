/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/private.h"
#include "tests/scratch.h"

#include "conf/json.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* What an engine says, and what people read of it. */
static void engines(void **state)
{
	static const struct {
		const char *name, *docker, *wanted;
		int rc;
		const char *says;
	} row[] = {
		{ "good", "echo 24.0.7", NULL, 0, NULL },
		{ "the oldest one", "echo 20.10.0", "docker", 0, NULL },
		{ "too old", "echo 19.03.13", NULL, -CRYO_E_UNFIT, "docker 19.03.13 is too old" },
		{ "no right", "echo 'dial unix: connect: permission denied' >&2; exit 1", NULL,
		  -CRYO_E_UNFIT, "no permission to talk to docker" },
		{ "no server", "echo 'Cannot connect to the Docker daemon' >&2; exit 1", NULL,
		  -CRYO_E_UNFIT, "docker does not answer" },
		{ "not asked for", "echo 24.0.7", "nerdctl", -CRYO_E_USAGE,
		  "unknown engine 'nerdctl' (valid values: docker, podman)" },
		{ "none", NULL, NULL, -CRYO_E_UNFIT, "no container engine: install docker" },
		{ "none of that name", NULL, "docker", -CRYO_E_UNFIT, "no program 'docker'" },
	};

	(void)state;
	scratch_setenv("PATH", scratch_dir);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_engine_release) struct cryo_engine e = { 0 };
		cryo_auto(cryo_free) char *path = scratch_path("docker");
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %s\n", row[i].name);
		remove(path);
		if (row[i].docker)
			scratch_put_script("docker", row[i].docker);
		assert_int_equal(cryo_engine_find(row[i].wanted, &e, &err), row[i].rc);
		if (row[i].says)
			assert_non_null(strstr(err.msg, row[i].says));
		else
			assert_string_equal(e.name, "docker");
	}
}

static void versions(void **state)
{
	(void)state;
	assert_true(cryo_engine_version_at_least("20.10.24+dfsg1", 20, 10));
	assert_true(cryo_engine_version_at_least("28.0", 20, 10));
	assert_false(cryo_engine_version_at_least("20.9", 20, 10));
	assert_false(cryo_engine_version_at_least("", 1, 0));
	assert_false(cryo_engine_version_at_least(NULL, 1, 0));
}

/* The five lists, the limits and the score: all that CAP_SYS_RESOURCE would be needed for. */
static void descriptions(void **state)
{
	static const struct {
		const char *before, *after;
		bool changed;
	} row[] = {
		{ "{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_SYS_RESOURCE\"]"
		  ","
		  "\"effective\":[\"CAP_SYS_RESOURCE\"],\"permitted\":[],\"inheritable\":"
		  "[\"CAP_SYS_RESOURCE\"],\"ambient\":[\"CAP_SYS_RESOURCE\",\"CAP_CHOWN\"]}}}",
		  "{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"effective\":[],"
		  "\"permitted\":[],\"inheritable\":[],\"ambient\":[\"CAP_CHOWN\"]}}}",
		  true },
		/* of `exec --process`: the process itself */
		{ "{\"args\":[\"true\"],\"capabilities\":{\"bounding\":[\"CAP_SYS_RESOURCE\"]}}",
		  "{\"args\":[\"true\"],\"capabilities\":{\"bounding\":[]}}", true },
		{ "{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\"}],\"oomScoreAdj\":-998}}",
		  "{\"process\":{\"oomScoreAdj\":0}}", true },
		{ "{\"process\":{\"oomScoreAdj\":500}}", "{\"process\":{\"oomScoreAdj\":500}}",
		  false },
		{ "{\"process\":{\"args\":[\"CAP_SYS_RESOURCE\"]}}",
		  "{\"process\":{\"args\":[\"CAP_SYS_RESOURCE\"]}}", false },
		{ "{}", "{}", false },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_json_decref) json_t *j = NULL;
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;

		assert_int_equal(
		    cryo_json_parse("row", row[i].before, strlen(row[i].before), &j, &err), 0);
		assert_int_equal(cryo_private_edit(j), row[i].changed);
		cryo_json_dump(j, &text);
		assert_string_equal(cryo_str_get(&text), row[i].after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(engines, scratch_setup, scratch_teardown),
		cmocka_unit_test(versions),
		cmocka_unit_test(descriptions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
