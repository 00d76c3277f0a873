/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/kind/kindc.h"
#include "tests/scratch.h"

#include "conf/yaml.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *file;

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	file = scratch_path("cluster.yaml");
	return 0;
}

static int teardown(void **state)
{
	free(file);
	return scratch_teardown(state);
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

static void names_of_images(void **state)
{
	static const struct {
		const char *ref, *stack, *key;
	} row[] = {
		{ "docker.io/cryopod/kind-node:v1.37.2-upstream-0123456789ab", "upstream",
		  "0123456789ab" },
		{ "cryopod/kind-node:v1.31.4-forks-encrypting-0123456789ab", "forks-encrypting",
		  "0123456789ab" },
		{ "docker.io/cryopod/kind-node:v1.37.2-stock-0123456789ab@sha256:77", "stock",
		  "0123456789ab" },
		{ "kindest/node:v1.37.2", NULL, NULL },
		{ "docker.io/cryopod/kind-node:v1.37.2", NULL, NULL },
		{ "docker.io/cryopod/kind-node:v1.37.2-upstream", NULL, NULL },
		{ "else.where/cryopod/kind-node:v1.37.2-upstream-0123456789ab", NULL, NULL },
		{ NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *stack = NULL, *key = NULL;

		print_message("# %s\n", row[i].ref ? row[i].ref : "none");
		assert_int_equal(kindc_read_image(row[i].ref, &stack, &key), row[i].stack != NULL);
		assert_true(cryo_streq(stack, row[i].stack) || !row[i].stack);
		assert_true(cryo_streq(key, row[i].key) || !row[i].key);
	}
}

/* An engine with the kind cluster "mine": what docker 20.10 prints for the two calls. */
#define ENGINE                                                                                     \
	"#!/bin/sh\n"                                                                              \
	"case \"$*\" in\n"                                                                         \
	"version*) echo 20.10.24 ;;\n"                                                             \
	"*label=io.x-k8s.kind.cluster=mine*) echo mine-control-plane ;;\n"                         \
	"ps*) echo mine; echo other ;;\n"                                                          \
	"inspect*) cat \"${0%/*}/inspected\" ;;\n"                                                 \
	"esac\n"
#define INSPECTED(image, running, role, ports)                                                     \
	"[{\"Name\": \"/mine-control-plane\", \"Id\": \"ab\", \"Config\": {\"Image\": \"" image    \
	"\", \"Labels\": {\"io.x-k8s.kind.role\": \"" role                                         \
	"\"}}, \"State\": {\"Running\": " running                                                  \
	", \"Pid\": 0}, \"NetworkSettings\": {\"Ports\": " ports "}}]"
#define OURS  "docker.io/cryopod/kind-node:v1.37.2-upstream-0123456789ab"
#define PORTS "{\"6443/tcp\": [{\"HostIp\": \"127.0.0.1\", \"HostPort\": \"33001\"}]}"

/* What cannot be taken over is refused before anything is recorded. */
static void not_adopted(void **state)
{
	static const struct {
		const char *name, *inspected, *says;
	} row[] = {
		{ "none", "[]", "docker has no kind cluster 'none' (there are: mine, other)" },
		{ "mine", INSPECTED("kindest/node:v1.37.2", "true", "control-plane", PORTS),
		  "from image 'kindest/node:v1.37.2', not from a node image of cryopod" },
		{ "mine", INSPECTED(OURS, "false", "control-plane", PORTS),
		  "'mine-control-plane' does not run: start it first (docker start "
		  "mine-control-plane)" },
		{ "mine", INSPECTED(OURS, "true", "worker", PORTS), "no control plane" },
		{ "mine", INSPECTED(OURS, "true", "control-plane", "{}"), "published port" },
	};
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	scratch_put_program("bin/docker", ENGINE);
	scratch_add_to_path("bin");
	scratch_setenv_path("CRYOPOD_STATE_DIR", "state");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;

		print_message("# %s\n", row[i].says);
		scratch_put("bin/inspected", row[i].inspected);
		assert_int_equal(cryo_cluster_open("kind", "adopted", &t, &err), 0);
		assert_int_equal(kindc_adopt((struct kindc *)t, row[i].name, NULL, &err),
				 -CRYO_E_USAGE);
		assert_non_null(strstr(err.msg, row[i].says));
		assert_false(cryo_fs_exists(t->dir));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file),
		cmocka_unit_test_setup_teardown(with_a_file, setup, teardown),
		cmocka_unit_test(cgroup_v1),
		cmocka_unit_test_setup_teardown(bad_files, setup, teardown),
		cmocka_unit_test(names_of_images),
		cmocka_unit_test_setup_teardown(not_adopted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
