/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/kind/kindc.h"

#include "conf/yaml.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *dir, *file;

static int setup(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	if (cryo_fs_tmpdir("/tmp", "test-kindc-", &dir, &err) < 0)
		return -1;
	file = cryo_asprintf("%s/cluster.yaml", dir);
	return 0;
}

static int teardown(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	cryo_fs_rmtree(dir, &err);
	free(dir);
	free(file);
	return 0;
}

static json_t *merged(const struct kindc_wish *w)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_yaml_release) struct cryo_yaml y = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(kindc_config(w, &text, &err), 0);
	assert_int_equal(cryo_yaml_parse("merged", text.p, text.len, &y, &err), 0);
	return cryo_node_to_json(y.doc[0]);
}

static void put_file(const char *text)
{
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_fs_write(file, text, strlen(text), 0600, &err), 0);
}

#define HEAD "apiVersion: kind.x-k8s.io/v1alpha4\nkind: Cluster\n"

static void without_a_file(void **state)
{
	const struct kindc_wish w = { .name = "cryopod-a", .nodes = 3 };
	cryo_auto(cryo_json_decref) json_t *j = merged(&w);

	(void)state;
	assert_string_equal(cryo_json_str(j, "name"), "cryopod-a");
	assert_int_equal(json_array_size(json_object_get(j, "nodes")), 3);
	assert_string_equal(cryo_json_str(j, "nodes[0].role"), "control-plane");
	assert_string_equal(cryo_json_str(j, "nodes[2].role"), "worker");
	assert_true(cryo_json_bool(j, "featureGates.ContainerCheckpoint"));
	assert_null(json_object_get(j, "containerdConfigPatches"));
	assert_null(json_object_get(j, "kubeadmConfigPatches"));
}

/* What the user wrote stays, what is needed is added behind it. */
static void with_a_file(void **state)
{
	const struct kindc_wish w = { .name = "cryopod-a", .file = file, .restrict_oom = true };
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	const char *patch;

	(void)state;
	put_file(HEAD "name: mine\nfeatureGates: {PodLevelResources: true}\n"
		      "containerdConfigPatches: ['first']\nnetworking: {podSubnet: 10.9.0.0/16}\n");
	j = merged(&w);
	assert_string_equal(cryo_json_str(j, "name"), "cryopod-a");
	assert_true(cryo_json_bool(j, "featureGates.PodLevelResources"));
	assert_true(cryo_json_bool(j, "featureGates.ContainerCheckpoint"));
	assert_string_equal(cryo_json_str(j, "networking.podSubnet"), "10.9.0.0/16");
	assert_string_equal(cryo_json_str(j, "containerdConfigPatches[0]"), "first");
	patch = cryo_json_str(j, "containerdConfigPatches[1]");
	/* Tables of version 2: kind skips a patch of another version without a word. */
	assert_non_null(strstr(patch, "[plugins.\"io.containerd.grpc.v1.cri\"]"));
	assert_null(strstr(patch, "version"));
}

/* The kubelet refuses cgroup v1 from Kubernetes 1.35 on unless it is told not to. */
static void cgroup_v1(void **state)
{
	static const struct {
		const char *version;
		bool v1, patched;
	} row[] = {
		{ "v1.33.13", true, false }, { "v1.34.9", true, false },  { "v1.35.4", true, true },
		{ "v1.37.2", true, true },   { "v1.37.2", false, false }, { "v2.0.0", true, true },
		{ NULL, true, false },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const struct kindc_wish w = { .name = "a",
					      .kubernetes = row[i].version,
					      .cgroup_v1 = row[i].v1 };
		cryo_auto(cryo_json_decref) json_t *j = merged(&w);
		const char *patch = cryo_json_str(j, "kubeadmConfigPatches[0]");

		print_message("# %s\n", row[i].version ? row[i].version : "unknown");
		assert_int_equal(patch && strstr(patch, "failCgroupV1: false"), row[i].patched);
	}
}

static void bad_files(void **state)
{
	static const struct {
		const char *text, *says;
	} row[] = {
		{ "- a\n", ":1: not a configuration of a kind cluster" },
		{ "kind: Pod\napiVersion: v1\n", ":1: kind is not 'Cluster'" },
		{ "kind: Cluster\napiVersion: v1\n", ":2: apiVersion is not 'kind.x-k8s.io" },
		{ HEAD "nodes: 3\n", ":3: 'nodes' is not a list" },
		{ HEAD "nodes:\n  - role: master\n", ":4: unknown role 'master'" },
		{ HEAD "nodes:\n  - role: control-plane\n  - role: control-plane\n",
		  ":5: more than one control plane is not supported" },
		{ HEAD "nodes: [\n", ".yaml:" },
		{ HEAD "---\n" HEAD, "holds 2 documents, not one" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const struct kindc_wish w = { .name = "a", .file = file };
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;

		put_file(row[i].text);
		assert_int_equal(kindc_config(&w, &text, &err), -CRYO_E_CONFIG);
		print_message("# %s\n", err.msg);
		assert_non_null(strstr(err.msg, row[i].says));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file),
		cmocka_unit_test_setup_teardown(with_a_file, setup, teardown),
		cmocka_unit_test(cgroup_v1),
		cmocka_unit_test_setup_teardown(bad_files, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
