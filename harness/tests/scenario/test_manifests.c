/* SPDX-License-Identifier: Apache-2.0 */
/* Each manifest that ships is YAML as we read it, says what it is, and does so under its own name.
 */
#include "conf/yaml.h"
#include "source/data.h"

#include <glob.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *text_of(const struct cryo_node *n, const char *key)
{
	const struct cryo_node *child = cryo_node_get(n, key);

	return child && child->kind == CRYO_NODE_SCALAR ? child->text : "";
}

/* kind's own file has its name at the top. */
static const char *name_of(const struct cryo_node *n)
{
	if (cryo_starts_with(text_of(n, "apiVersion"), "kind.x-k8s.io/"))
		return text_of(n, "name");
	return text_of(cryo_node_get(n, "metadata"), "name");
}

static char *manifests(const char *pattern)
{
	cryo_auto(cryo_free) char *dir = NULL;
	struct cryo_err err;

	if (cryo_data_path("kube-deployments", &dir, &err) < 0)
		fail_msg("%s", err.msg);
	return cryo_asprintf("%s/%s", dir, pattern);
}

static void say_what_they_are(void **state)
{
	cryo_auto(cryo_free) char *pattern = manifests("*.yaml");
	glob_t found;

	(void)state;
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		cryo_auto(cryo_yaml_release) struct cryo_yaml y = { 0 };
		struct cryo_err err;

		print_message("# %s\n", strrchr(found.gl_pathv[i], '/') + 1);
		if (cryo_yaml_load(found.gl_pathv[i], &y, &err) < 0)
			fail_msg("%s", err.msg);
		assert_true(y.n > 0);
		for (size_t d = 0; d < y.n; d++) {
			assert_string_not_equal(text_of(y.doc[d], "apiVersion"), "");
			assert_string_not_equal(text_of(y.doc[d], "kind"), "");
			assert_string_not_equal(name_of(y.doc[d]), "");
		}
	}
	globfree(&found);
}

/* What scenarios, documentation and habits rely on. */
static void pods_by_name(void **state)
{
	static const struct {
		const char *file, *pod, *container, *image;
	} row[] = {
		{ "counter-pod.yaml", "counter", "counter-container", "counter:latest" },
		{ "counter-two-pod.yaml", "counter2", "counter-container", "counter:latest" },
		{ "stress-pod.yaml", "stress", "stress-container", "counter:latest" },
		{ "db-client-pod.yaml", "db-client", "db-client", "mysql:8.0" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *path = manifests(row[i].file);
		cryo_auto(cryo_yaml_release) struct cryo_yaml y = { 0 };
		const struct cryo_node *list, *spec;
		struct cryo_err err;

		print_message("# %s\n", row[i].file);
		assert_int_equal(cryo_yaml_load(path, &y, &err), 0);
		assert_int_equal(y.n, 1);
		assert_string_equal(text_of(y.doc[0], "kind"), "Pod");
		assert_string_equal(name_of(y.doc[0]), row[i].pod);
		spec = cryo_node_get(y.doc[0], "spec");
		assert_string_equal(text_of(spec, "restartPolicy"), "Never");
		assert_string_equal(text_of(spec, "terminationGracePeriodSeconds"), "1");
		list = cryo_node_get(spec, "containers");
		assert_true(list && list->kind == CRYO_NODE_SEQ && list->n >= 1);
		assert_string_equal(text_of(list->child[0], "name"), row[i].container);
		assert_string_equal(text_of(list->child[0], "image"), row[i].image);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(say_what_they_are),
		cmocka_unit_test(pods_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
