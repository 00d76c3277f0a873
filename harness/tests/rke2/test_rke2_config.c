/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration as RKE2 reads it: files in order, key+, types of YAML 1.1. */
#include "tests/rke2/rke2_world.h"

/* Up to four files, as they are read; "config" is the file itself. */
static const struct {
	const char *what;
	const char *file[4][2];
	const char *key, *want; /* JSON */
} config_rows[] = {
	{ "no file", { { 0 } }, "cni", NULL },
	{ "the file", { { "config.yaml", "cni: canal\n" } }, "cni", "\"canal\"" },
	{ "a drop-in wins",
	  { { "config.yaml", "cni: canal\n" }, { "config.yaml.d/10.yaml", "cni: none\n" } },
	  "cni",
	  "\"none\"" },
	{ "by name",
	  { { "config.yaml.d/20.yaml", "cni: b\n" }, { "config.yaml.d/10.yaml", "cni: a\n" } },
	  "cni",
	  "\"b\"" },
	{ "upper case before lower case",
	  { { "config.yaml.d/a.yaml", "cni: a\n" }, { "config.yaml.d/B.yaml", "cni: b\n" } },
	  "cni",
	  "\"a\"" },
	{ "yml, any case",
	  { { "config.yaml.d/10.YML", "cni: a\n" }, { "config.yaml.d/20.conf", "cni: b\n" } },
	  "cni",
	  "\"a\"" },
	{ "a list is replaced",
	  { { "config.yaml", "disable: [a, b]\n" }, { "config.yaml.d/1.yaml", "disable: [c]\n" } },
	  "disable",
	  "[\"c\"]" },
	{ "key+ appends",
	  { { "config.yaml", "disable: [a]\n" }, { "config.yaml.d/1.yaml", "disable+: [b, c]\n" } },
	  "disable",
	  "[\"a\",\"b\",\"c\"]" },
	{ "key+ makes a list of a text",
	  { { "config.yaml", "disable: a\n" }, { "config.yaml.d/1.yaml", "disable+: b\n" } },
	  "disable",
	  "[\"a\",\"b\"]" },
	{ "key+ with nothing before it sets",
	  { { "config.yaml.d/1.yaml", "disable+: [b]\n" } },
	  "disable",
	  "[\"b\"]" },
	{ "a plain key throws away what was appended",
	  { { "config.yaml", "disable: [a]\n" },
	    { "config.yaml.d/1.yaml", "disable+: [b]\n" },
	    { "config.yaml.d/2.yaml", "disable: [c]\n" } },
	  "disable",
	  "[\"c\"]" },
	{ "an empty value empties",
	  { { "config.yaml", "runtime-image: x/y:v1\n" },
	    { "config.yaml.d/1.yaml", "runtime-image: \"\"\n" } },
	  "runtime-image",
	  "\"\"" },
	{ "no value empties, too",
	  { { "config.yaml", "cni: a\n" }, { "config.yaml.d/1.yaml", "cni:\n" } },
	  "cni",
	  "\"\"" },
	{ "octal", { { "config.yaml", "m: 0644\n" } }, "m", "\"420\"" },
	{ "octal in quotes", { { "config.yaml", "m: \"0644\"\n" } }, "m", "\"0644\"" },
	{ "hexadecimal", { { "config.yaml", "m: 0x1F\n" } }, "m", "\"31\"" },
	{ "underscores", { { "config.yaml", "m: 1_000\n" } }, "m", "\"1000\"" },
	{ "yes", { { "config.yaml", "selinux: yes\n" } }, "selinux", "\"true\"" },
	{ "off", { { "config.yaml", "selinux: off\n" } }, "selinux", "\"false\"" },
	{ "\"yes\"", { { "config.yaml", "selinux: \"yes\"\n" } }, "selinux", "\"yes\"" },
	{ "a number that is none", { { "config.yaml", "m: 10m\n" } }, "m", "\"10m\"" },
	{ "an empty file", { { "config.yaml", "# nothing\n" } }, "m", NULL },
};

static void read_as_rke2_reads_it(void **state)
{
	(void)state;
	node_remove("etc/rancher");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(config_rows); i++) {
		cryo_auto(cryo_rke2_config_release) struct cryo_rke2_config c = { 0 };
		cryo_auto(cryo_free) char *got = NULL;
		json_t *value;

		for (size_t k = 0; k < 4 && config_rows[i].file[k][0]; k++) {
			cryo_auto(cryo_free) char *name =
			    cryo_asprintf("etc/rancher/rke2/%s", config_rows[i].file[k][0]);

			node_write(name, config_rows[i].file[k][1], 0600);
		}
		if (cryo_rke2_config_load(node.config, NULL, &c, &node.err) < 0)
			fail_msg("%s: %s", config_rows[i].what, node.err.msg);
		value = json_object_get(c.values, config_rows[i].key);
		got = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
		if (!cryo_streq(got, config_rows[i].want))
			fail_msg("%s: %s", config_rows[i].what, got ? got : "nothing");
		node_remove("etc/rancher");
	}
}

static void a_dropin_that_is_not_there_yet(void **state)
{
	const struct cryo_rke2_dropin d = { CRYO_RKE2_DROPIN, "kubelet-arg+:\n  - a=b\n" };
	cryo_auto(cryo_rke2_config_release) struct cryo_rke2_config c = { 0 };

	(void)state;
	assert_int_equal(cryo_rke2_config_load(node.config, &d, &c, &node.err), 0);
	assert_true(cryo_rke2_config_has(&c, "kubelet-arg", "max-pods=50"));
	assert_true(cryo_rke2_config_has(&c, "kubelet-arg", "a=b"));
	assert_string_equal(cryo_rke2_config_text(&c, "kubelet-arg"), "a=b");
}

static void bad_files_are_named(void **state)
{
	cryo_auto(cryo_rke2_config_release) struct cryo_rke2_config c = { 0 };

	(void)state;
	node_write("etc/rancher/rke2/config.yaml.d/50.yaml", "a: [\n", 0600);
	assert_int_equal(cryo_rke2_config_load(node.config, NULL, &c, &node.err), -CRYO_E_CONFIG);
	assert_non_null(strstr(node.err.msg, "50.yaml:"));
}

static void assert_look(const char *data_dir, const char *role)
{
	cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };

	if (cryo_rke2_node_look(node.dir, &n, &node.err) < 0)
		fail_msg("%s", node.err.msg);
	assert_string_equal(n.data_dir, data_dir);
	assert_string_equal(n.role, role);
	assert_string_equal(n.release, RELEASE);
}

/* RKE2_CONFIG_FILE is the service's, in the file beside its unit. */
static void another_config_file_and_data_dir(void **state)
{
	cryo_auto(cryo_free) char *env = NULL, *config = node_path("opt/my.yaml");

	(void)state;
	assert_look(node.data, "server");
	node_write("opt/my.yaml", "cni: none\n", 0600);
	node_write("opt/my.yaml.d/1.yaml", "data-dir: /srv/rke2/\n", 0600);
	env = cryo_asprintf("RKE2_CONFIG_FILE=\"%s\"\n", config);
	node_write("etc/default/rke2-server", env, 0644);
	assert_look("/srv/rke2", "server");
	node_write("etc/default/rke2-server", "RKE2_DATA_DIR=/srv/env\n", 0644);
	assert_look("/srv/env", "server");
}

/* Words of a running service: they win over everything. */
static void a_running_service_is_asked(void **state)
{
	static const char cmdline[] = "/usr/local/bin/rke2\0agent\0--data-dir=/srv/words";
	static const char environ_[] = "PATH=/bin\0RKE2_DATA_DIR=/srv/env\0RKE2_NODE_NAME=Worker";
	cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };
	cryo_auto(cryo_free) char *dir = node_path("proc/77"), *a = node_path("proc/77/cmdline");
	cryo_auto(cryo_free) char *b = node_path("proc/77/environ"),
				  *exe = node_path("proc/77/exe");
	cryo_auto(cryo_free) char *program = node_path("usr/local/bin/rke2");

	(void)state;
	assert_int_equal(cryo_fs_mkdirs(dir, 0755, &node.err), 0);
	assert_int_equal(cryo_fs_write(a, cmdline, sizeof(cmdline), 0644, &node.err), 0);
	assert_int_equal(cryo_fs_write(b, environ_, sizeof(environ_), 0644, &node.err), 0);
	assert_int_equal(symlink(program, exe), 0);
	assert_int_equal(cryo_rke2_node_look(node.dir, &n, &node.err), 0);
	assert_string_equal(n.role, "agent");
	assert_string_equal(n.unit, "rke2-agent");
	assert_string_equal(n.data_dir, "/srv/words");
	assert_string_equal(n.name, "worker");
	assert_int_equal(n.pid, 77);
}

static void others_are_told_apart(void **state)
{
	cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 }, m = { 0 };

	(void)state;
	node_remove("etc/systemd");
	node_remove("var/lib/rancher");
	node_remove("usr");
	assert_int_equal(cryo_rke2_node_look(node.dir, &n, &node.err), -CRYO_E_UNFIT);
	assert_non_null(strstr(node.err.msg, "not an RKE2 node"));
	node_write("usr/local/bin/k3s", "", 0755);
	assert_int_equal(cryo_rke2_node_look(node.dir, &m, &node.err), -CRYO_E_UNFIT);
	assert_non_null(strstr(node.err.msg, "k3s"));
}

/* {what is written where, word of the obstacle, can be overruled} */
static const struct {
	const char *file, *text, *word;
	bool force;
} obstacle_rows[] = {
	{ "etc/rancher/rke2/config.yaml.d/zz.yaml", "runtime-image: other/image:v1\n",
	  "overrides ours", false },
	{ "etc/rancher/rke2/config.yaml.d/zz.yaml", "kubelet-arg: [x=y]\n", "overrides ours",
	  false },
	{ "etc/rancher/rke2/config.yaml.d/zz.yaml", "kubelet-path: /opt/kubelet\n",
	  "'kubelet-path' is set", false },
	{ "etc/rancher/rke2/config.yaml.d/zz.yaml",
	  "container-runtime-endpoint: /run/containerd/containerd.sock\n",
	  "'container-runtime-endpoint' is set", false },
	{ "etc/default/rke2-server", "RKE2_RUNTIME_IMAGE=other/image:v1\n", "command line", false },
	{ "var/lib/rancher/rke2/agent/etc/containerd/config-v3.toml.tmpl",
	  "BinaryName = \"/usr/bin/runc\"\n", "names a runc of its own", true },
	{ "usr/local/bin/rke2", "#!/bin/sh\necho 'rke2 version v1.32.2+rke2r1 (a)'\n",
	  "newer than the release", true },
	{ "usr/local/bin/rke2", "#!/bin/sh\necho 'rke2 version v1.34.1+rke2r1 (a)'\n",
	  "older than the controller manager", true },
	{ "var/lib/rancher/rke2/bin", NULL, "points to no release", false },
};

static void obstacles_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(obstacle_rows); i++) {
		cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };
		cryo_auto(cryo_json_decref) json_t *plan = NULL;

		node_teardown(NULL);
		node_setup(NULL);
		if (obstacle_rows[i].text)
			node_write(obstacle_rows[i].file, obstacle_rows[i].text, 0755);
		else
			node_remove(obstacle_rows[i].file);
		assert_int_equal(cryo_rke2_node_look(node.dir, &n, &node.err), 0);
		assert_int_equal(
		    cryo_rke2_plan(&n, &node.build, CRYO_RKE2_RUNTIME_IMAGE, &plan, &node.err), 0);
		if (cryo_rke2_plan_check(plan, false, &node.err) != -CRYO_E_UNFIT ||
		    !strstr(node.err.msg, obstacle_rows[i].word))
			fail_msg("row %zu: %s", i, node.err.msg);
		assert_int_equal(cryo_rke2_plan_check(plan, true, &node.err) == 0,
				 obstacle_rows[i].force);
		assert_int_equal(node_install(), -CRYO_E_UNFIT);
	}
}

static void too_little_disk_is_an_obstacle(void **state)
{
	cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };
	cryo_auto(cryo_json_decref) json_t *plan = NULL;

	(void)state;
	node.build.product[0].bytes = (uint64_t)1 << 50;
	assert_int_equal(cryo_rke2_node_look(node.dir, &n, &node.err), 0);
	assert_int_equal(cryo_rke2_plan(&n, &node.build, CRYO_RKE2_SWAP, &plan, &node.err), 0);
	assert_int_equal(cryo_rke2_plan_check(plan, true, &node.err), -CRYO_E_UNFIT);
	assert_non_null(strstr(node.err.msg, "too little space"));
}

static void the_plan_tells_all(void **state)
{
	static const char *const words[] = { "runtime-image, Kubernetes v1.33.13",
					     "create",
					     "99-cryopod.yaml",
					     "restart rke2-server",
					     "kubelet-arg+:",
					     "keep",
					     "cryopod-kept-v1.33.5-rke2r1",
					     "note: running pods keep the shim",
					     "default/a",
					     "kube-apiserver",
					     "disk: " };
	cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };
	cryo_auto(cryo_json_decref) json_t *plan = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	(void)state;
	node_run_pod("a");
	assert_int_equal(cryo_rke2_node_look(node.dir, &n, &node.err), 0);
	assert_int_equal(cryo_rke2_plan(&n, &node.build, CRYO_RKE2_RUNTIME_IMAGE, &plan, &node.err),
			 0);
	cryo_rke2_plan_show(plan, &text);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(words); i++)
		if (!strstr(cryo_str_get(&text), words[i]))
			fail_msg("no '%s' in: %s", words[i], cryo_str_get(&text));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, node_setup, node_teardown)
	const struct CMUnitTest tests[] = {
		T(read_as_rke2_reads_it),      T(a_dropin_that_is_not_there_yet),
		T(bad_files_are_named),	       T(another_config_file_and_data_dir),
		T(a_running_service_is_asked), T(others_are_told_apart),
		T(obstacles_are_found),	       T(too_little_disk_is_an_obstacle),
		T(the_plan_tells_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
