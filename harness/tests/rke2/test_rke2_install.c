/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/rke2/rke2_world.h"

#include "sys/proc.h"

#include <sched.h>
#include <sys/mount.h>

#define POD_A "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/a"

static const char *const methods[] = { CRYO_RKE2_RUNTIME_IMAGE, CRYO_RKE2_SWAP };

static void must_install(void)
{
	int rc = node_install();

	if (rc != 0)
		fail_msg("install: %d %s", rc, node.err.msg);
}

static void must_roll_back(void)
{
	int rc = node_roll_back();

	if (rc != 0)
		fail_msg("rollback: %d %s", rc, node.err.msg);
}

static void assert_program(const char *name, const char *text)
{
	cryo_auto(cryo_free) char *now = node_program(name);

	assert_non_null(now);
	assert_string_equal(now, text);
}

static void assert_state(const char *want)
{
	cryo_auto(cryo_json_decref) json_t *s = NULL;

	assert_int_equal(cryo_rke2_status(node.dir, &s, &node.err), 0);
	assert_string_equal(cryo_json_str(s, "state"), want);
}

static void install_and_back(const char *method)
{
	cryo_auto(cryo_free) char *before = node_picture();
	cryo_auto(cryo_free) char *after = NULL;

	node.opts.method = method;
	assert_state("original");
	must_install();
	assert_program("kubelet", "kubelet of ours 1\n");
	assert_program("criu", "criu of ours 1\n");
	assert_program("crictl", "crictl of " RELEASE "\n");
	assert_state("installed");
	assert_int_equal(node_install(), 1);
	must_roll_back();
	after = node_picture();
	node_assert_same(before, after, __func__);
	assert_state("original");
	assert_int_equal(node_roll_back(), 1);
}

static void both_methods_go_back_exactly(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(methods); i++)
		install_and_back(methods[i]);
}

static void original_survives_its_removal_by_rke2(void **state)
{
	cryo_auto(cryo_free) char *before = NULL, *after = NULL, *picture = NULL;

	(void)state;
	/* As on a node without an archive of the release, and without a network. */
	node_remove("var/lib/rancher/rke2/agent/images");
	before = node_picture();
	must_install();
	node_run_pod("a");
	node_start();
	picture = node_picture();
	assert_null(strstr(picture, "data/" ORIGINAL));
	must_roll_back();
	assert_program("kubelet", "kubelet of " RELEASE "\n");
	assert_state("original");
	/* Ours stays as long as a pod runs from it, then RKE2 removes it. */
	node_remove(POD_A);
	node_start();
	node_remove("run");
	after = node_picture();
	node_assert_same(before, after, __func__);
}

static void another_build_replaces_the_first(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(methods); i++) {
		cryo_auto(cryo_free) char *before = node_picture(), *after = NULL;

		node.opts.method = methods[i];
		must_install();
		node_make_build("2");
		must_install();
		assert_program("runc", "runc of ours 2\n");
		must_roll_back();
		after = node_picture();
		node_assert_same(before, after, __func__);
		node_make_build("1");
	}
}

static void a_node_that_does_not_come_back_is_rolled_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(methods); i++) {
		cryo_auto(cryo_free) char *before = node_picture(), *after = NULL;
		cryo_auto(cryo_free) char *log = node_path("state/rke2/logs/journal.log");

		node.opts.method = methods[i];
		node.never_ready = true;
		assert_int_equal(node_install(), -CRYO_E_TIMEOUT);
		assert_non_null(strstr(node.err.msg, "rolled back"));
		assert_true(cryo_fs_exists(log));
		after = node_picture();
		node_assert_same(before, after, __func__);
		assert_state("original");
		node.never_ready = false;
	}
}

static void kept_for_a_look_if_wanted(void **state)
{
	(void)state;
	node.never_ready = node.opts.keep = true;
	assert_int_equal(node_install(), -CRYO_E_TIMEOUT);
	assert_program("kubelet", "kubelet of ours 1\n");
	assert_state("installing");
	must_roll_back();
	assert_state("original");
}

/* What somebody changes between install and rollback, below the node's directory. */
static void changes_of_others_are_not_destroyed(void **state)
{
	static const char *const file[] = { "etc/rancher/rke2/config.yaml.d/99-cryopod.yaml",
					    "etc/cryopod/criu.conf", "%s/runc", "%s/helper" };
	cryo_auto(cryo_free) char *before = node_picture(), *after = NULL;

	(void)state;
	for (size_t m = 0; m < CRYO_ARRAY_LEN(methods); m++) {
		for (size_t i = 0; i < CRYO_ARRAY_LEN(file); i++) {
			cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };
			cryo_auto(cryo_str_release) struct cryo_str path = { 0 };

			/* A swap leaves what is added to `bin` in its place. */
			if (m == 1 && i == 3)
				continue;
			node.opts.method = methods[m];
			node.opts.force = false;
			must_install();
			assert_int_equal(cryo_rke2_node_look(node.dir, &n, &node.err), 0);
			if (file[i][0] == '%')
				cryo_str_addf(&path, "%s%s", n.bin + strlen(node.dir) + 1,
					      file[i] + 2);
			else
				cryo_str_add(&path, file[i]);
			node_write(cryo_str_get(&path), "# by hand\n", 0755);
			assert_int_equal(node_roll_back(), -CRYO_E_UNFIT);
			assert_non_null(strstr(node.err.msg, cryo_str_get(&path)));
			assert_state("drifted");
			node.opts.force = true;
			must_roll_back();
			after = node_picture();
			node_assert_same(before, after, __func__);
			free(after);
			after = NULL;
		}
	}
}

static void what_was_there_before_comes_back(void **state)
{
	cryo_auto(cryo_free) char *before = NULL, *after = NULL, *words = NULL;
	cryo_auto(cryo_free) char *conf = node_path("etc/cryopod/criu.conf");

	(void)state;
	node_write("etc/cryopod/criu.conf", "encrypt\nrun /old\ncriu /usr/sbin/criu\n", 0640);
	node_write("etc/rancher/rke2/config.yaml.d/99-cryopod.yaml", "cni: cilium\n", 0644);
	before = node_picture();
	must_install();
	words = node_read(conf);
	assert_non_null(strstr(words, "encrypt\n"));
	assert_null(strstr(words, "/usr/sbin/criu"));
	assert_non_null(strstr(words, "\nrun /run/cryopod-node\n"));
	assert_null(strstr(words, "/old"));
	must_roll_back();
	after = node_picture();
	node_assert_same(before, after, __func__);
}

static void upgrade_of_rke2_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(methods); i++) {
		node.opts.method = methods[i];
		must_install();
		node_write("usr/local/bin/rke2",
			   "#!/bin/sh\necho 'rke2 version v1.33.9+rke2r1 (0123abc)'\n", 0755);
		node_write_release("v1.33.9+rke2r1", "rke2-images-new.tar");
		node.standin.release = "v1.33.9+rke2r1";
		node_start();
		assert_state("drifted");
		must_install();
		assert_program("kubelet", "kubelet of ours 1\n");
		assert_program("crictl", "crictl of v1.33.9+rke2r1\n");
		assert_state("installed");
		must_roll_back();
		assert_program("kubelet", "kubelet of v1.33.9+rke2r1\n");
		node_write("usr/local/bin/rke2",
			   "#!/bin/sh\necho 'rke2 version " RELEASE " (0123abc)'\n", 0755);
		node.standin.release = RELEASE;
		node_start();
	}
}

/* After an upgrade without an install in between, too. */
static void rollback_after_an_upgrade(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(methods); i++) {
		node.opts.method = methods[i];
		must_install();
		node_write("usr/local/bin/rke2",
			   "#!/bin/sh\necho 'rke2 version v1.33.9+rke2r1 (0123abc)'\n", 0755);
		node_write_release("v1.33.9+rke2r1", "rke2-images-new.tar");
		node.standin.release = "v1.33.9+rke2r1";
		node_run_pod("a");
		node_start();
		must_roll_back();
		assert_program("kubelet", "kubelet of v1.33.9+rke2r1\n");
		node_remove(POD_A);
		node_write("usr/local/bin/rke2",
			   "#!/bin/sh\necho 'rke2 version " RELEASE " (0123abc)'\n", 0755);
		node.standin.release = RELEASE;
		node_start();
	}
}

static void a_stopped_service_is_not_started(void **state)
{
	(void)state;
	node.runs = false;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(methods); i++) {
		cryo_auto(cryo_free) char *before = node_picture(), *after = NULL;
		unsigned restarts = node.restarts;

		node.opts.method = methods[i];
		must_install();
		assert_int_equal(node_install(), 1);
		node_start();
		assert_program("kubelet", "kubelet of ours 1\n");
		must_roll_back();
		assert_int_equal(node.restarts, restarts);
		after = node_picture();
		node_assert_same(before, after, __func__);
	}
}

/* A shim's process as /proc shows it; `exe` may not be there any more. */
static void run_shim(const char *id, const char *exe)
{
	cryo_auto(cryo_free) char *dir = node_path("proc/88"), *file = node_path("proc/88/cmdline");
	cryo_auto(cryo_free) char *link = node_path("proc/88/exe");
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	cryo_str_addn(&text, exe, strcspn(exe, " "));
	cryo_str_addn(&text, "\0-namespace\0k8s.io\0-id\0", 23);
	cryo_str_addn(&text, id, strlen(id) + 1);
	node_remove("proc/88");
	assert_int_equal(cryo_fs_mkdirs(dir, 0755, &node.err), 0);
	assert_int_equal(cryo_fs_write(file, text.p, text.len, 0644, &node.err), 0);
	assert_int_equal(symlink(exe, link), 0);
}

static bool status_names(const char *pod)
{
	cryo_auto(cryo_json_decref) json_t *s = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	assert_int_equal(cryo_rke2_status(node.dir, &s, &node.err), 0);
	cryo_json_dump(json_object_get(s, "notes"), &text);
	return strstr(cryo_str_get(&text), pod) != NULL;
}

/* After a swap the path of an old shim is that of a new one. */
static void pods_of_before_are_named(void **state)
{
	cryo_auto(cryo_free) char *shim = NULL, *gone = NULL;
	cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };

	(void)state;
	assert_int_equal(cryo_rke2_node_look(node.dir, &n, &node.err), 0);
	shim = cryo_asprintf("%s/containerd-shim-runc-v2", n.bin);
	gone = cryo_asprintf("%s (deleted)", shim);
	node_run_pod("a");
	run_shim("a", shim);
	node.opts.method = CRYO_RKE2_SWAP;
	assert_false(status_names("default/a"));
	must_install();
	assert_false(status_names("default/a"));
	run_shim("a", gone);
	assert_true(status_names("default/a"));
	must_roll_back();
	node.opts.method = CRYO_RKE2_RUNTIME_IMAGE;
	run_shim("a", shim);
	must_install();
	assert_true(status_names("default/a"));
	must_roll_back();
	assert_false(status_names("default/a"));
}

static void assert_conf(const char *rel, const char *want)
{
	cryo_auto(cryo_free) char *path =
	    cryo_asprintf("%s/agent/etc/containerd/%s", node.data, rel);
	cryo_auto(cryo_free) char *text = node_read(path);

	if (!text || !strstr(text, want))
		fail_msg("%s: %s", rel, text ? text : "is not there");
}

/* What a release configures containerd with, and the file of ours that it reads then. */
static const struct {
	const char *base;
	bool no_imports;
	const char *file, *text;
} runtime_rows[] = {
	{ "version = 3\n", false, "config-v3.toml.d/99-cryopod.toml", "restore_via_create = true" },
	{ "version = 3\n", true, "config-v3.toml.tmpl", "{{ template \"base\" . }}" },
	{ "version = 2\n", true, "config.toml.tmpl", "{{ template \"base\" . }}" },
};

static void containerd_is_told_to_restore(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(runtime_rows); i++) {
		cryo_auto(cryo_free) char *before = NULL, *after = NULL;

		node.standin.base = runtime_rows[i].base;
		node.standin.no_imports = runtime_rows[i].no_imports;
		node_start();
		before = node_picture();
		must_install();
		assert_conf(runtime_rows[i].file, runtime_rows[i].text);
		assert_conf("config.toml", runtime_rows[i].no_imports
					       ? "/etc/cryopod/containerd.toml\"]"
					       : "config-v3.toml.d/*.toml");
		assert_state("installed");
		must_roll_back();
		after = node_picture();
		node_assert_same(before, after, runtime_rows[i].file);
	}
}

/* {template, is there an obstacle} of an administrator. */
static const struct {
	const char *text;
	bool refused;
} own_rows[] = {
	{ "version = 3\n", true },
	{ "imports = [\"/etc/cryopod/containerd.toml\"]\nversion = 3\n", false },
	{ "version = 3\n[x]\nenable_experimental_restore_via_create = true\n", false },
};

static void a_template_that_drops_our_settings_is_refused(void **state)
{
	(void)state;
	node.standin.no_imports = true;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(own_rows); i++) {
		node_write("var/lib/rancher/rke2/agent/etc/containerd/config-v3.toml.tmpl",
			   own_rows[i].text, 0600);
		node_start();
		node.opts.force = false;
		assert_int_equal(node_install(), own_rows[i].refused ? -CRYO_E_UNFIT : 0);
		if (own_rows[i].refused) {
			assert_non_null(strstr(node.err.msg, "drops our settings"));
			node.opts.force = true;
			must_install();
		}
		must_roll_back();
		assert_conf("config-v3.toml.tmpl", own_rows[i].text);
	}
}

/* RKE2_CONFIG_FILE and data-dir: everything of ours goes where the service looks. */
static void another_config_file_and_data_dir(void **state)
{
	cryo_auto(cryo_free) char *before = NULL, *after = NULL, *text = NULL;
	cryo_auto(cryo_free) char *env =
	    cryo_asprintf("RKE2_CONFIG_FILE=%s/opt/my.yaml\n", node.dir);
	cryo_auto(cryo_free) char *words = cryo_asprintf("data-dir: %s/srv/rke2\n", node.dir);
	cryo_auto(cryo_free) char *old = node.data, *config = node.config;
	cryo_auto(cryo_free) char *srv = node_path("srv");

	(void)state;
	node.data = node_path("srv/rke2");
	node.config = node_path("opt/my.yaml");
	node.standin.data_dir = node.data;
	node.standin.config_file = node.config;
	assert_int_equal(cryo_fs_mkdirs(srv, 0755, &node.err), 0);
	assert_int_equal(rename(old, node.data), 0);
	node_write("opt/my.yaml", words, 0600);
	node_write("etc/default/rke2-server", env, 0644);
	node_start();
	for (size_t i = 0; i < CRYO_ARRAY_LEN(methods); i++) {
		node.opts.method = methods[i];
		free(before);
		before = node_picture();
		must_install();
		assert_program("kubelet", "kubelet of ours 1\n");
		free(text);
		text = node_picture();
		assert_non_null(strstr(text, "/opt/my.yaml.d/99-cryopod.yaml"));
		assert_null(strstr(text, "/etc/rancher/rke2/config.yaml.d"));
		must_roll_back();
		free(after);
		after = node_picture();
		node_assert_same(before, after, methods[i]);
	}
}

/* Programs of ours, and a state directory that knows nothing of them. */
static void an_install_of_another_state_directory_is_refused(void **state)
{
	cryo_auto(cryo_free) char *other = node_path("elsewhere");

	(void)state;
	must_install();
	assert_int_equal(rename(node.state, other), 0);
	assert_int_equal(node_install(), -CRYO_E_UNFIT);
	assert_non_null(strstr(node.err.msg, "records no install"));
	node_remove("state");
	assert_int_equal(rename(other, node.state), 0);
	must_roll_back();
}

static int copy_into(const char *from, const char *to)
{
	static const char *const part[] = { "data", "bin", "agent", "server" };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(part); i++) {
		cryo_auto(cryo_free) char *a = cryo_asprintf("%s/%s", from, part[i]);
		cryo_auto(cryo_free) char *b = cryo_asprintf("%s/%s", to, part[i]);
		const char *const argv[] = { "cp", "-a", "--", a, b, NULL };
		struct cryo_proc p = { .argv = argv, .timeout_ms = 60000 };

		rc = cryo_proc_run(&p, NULL, &node.err);
	}
	return rc;
}

/* {options of the mount, what is said} */
static const struct {
	const char *options, *word;
	unsigned long flags;
} mount_rows[] = {
	{ NULL, "mounted read-only", MS_RDONLY },
	{ NULL, "mounted noexec", MS_NOEXEC },
	{ "size=128k", "too little space", 0 },
};

static void a_data_directory_that_cannot_be_used(void **state)
{
	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		print_message("# skipped: no mount namespace of our own\n");
		skip();
	}
	for (size_t i = 0; i < CRYO_ARRAY_LEN(mount_rows); i++) {
		cryo_auto(cryo_free) char *copy = node_path("copy");
		unsigned long flags = mount_rows[i].flags;
		int rc;

		assert_int_equal(cryo_fs_copy_tree(node.data, copy, &node.err), 0);
		assert_int_equal(mount("tmpfs", node.data, "tmpfs", 0, mount_rows[i].options), 0);
		assert_int_equal(copy_into(copy, node.data), 0);
		assert_int_equal(mount(NULL, node.data, NULL, MS_REMOUNT | MS_BIND | flags, NULL),
				 0);
		rc = node_install();
		assert_int_equal(umount(node.data), 0);
		if (rc != -CRYO_E_UNFIT || !strstr(node.err.msg, mount_rows[i].word))
			fail_msg("row %zu: %d %s", i, rc, node.err.msg);
		node_remove("copy");
	}
}

static void one_at_a_time(void **state)
{
	cryo_auto(cryo_fd_close) int fd = -1;
	cryo_auto(cryo_free) char *lock = node_path("state/rke2/lock");

	(void)state;
	assert_int_equal(cryo_lock_take(lock, 0, &fd, &node.err), 0);
	assert_int_equal(node_install(), -CRYO_E_TIMEOUT);
	assert_non_null(strstr(node.err.msg, "another cryopod"));
}

static void a_torn_line_of_the_journal_does_not_count(void **state)
{
	cryo_auto(cryo_rke2_journal_release) struct cryo_rke2_journal j = { 0 };
	cryo_auto(cryo_free) char *path = node_path("state/rke2/journal.jsonl");
	FILE *f;

	(void)state;
	must_install();
	f = fopen(path, "a");
	assert_non_null(f);
	fputs("{\"state\": \"orig", f);
	fclose(f);
	assert_int_equal(cryo_rke2_journal_load(&j, &node.err), 0);
	assert_int_equal(j.state, CRYO_RKE2_INSTALLED);
	must_roll_back();
}

static void a_damaged_journal_is_refused(void **state)
{
	cryo_auto(cryo_free) char *path = node_path("state/rke2/journal.jsonl");
	FILE *f;

	(void)state;
	must_install();
	f = fopen(path, "a");
	assert_non_null(f);
	fputs("nonsense\n", f);
	fclose(f);
	assert_int_equal(node_roll_back(), -CRYO_E_CONFIG);
	assert_non_null(strstr(node.err.msg, "damaged in line"));
}

static void a_missing_program_fails_and_leaves_nothing(void **state)
{
	cryo_auto(cryo_free) char *before = node_picture(), *after = NULL;

	(void)state;
	node_write("build/kubelet", "changed after the plan\n", 0755);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(methods); i++) {
		node.opts.method = methods[i];
		assert_int_equal(node_install(), -CRYO_E_CONFIG);
		assert_non_null(strstr(node.err.msg, "has changed"));
		after = node_picture();
		node_assert_same(before, after, __func__);
		free(after);
		after = NULL;
	}
	assert_int_equal(node.restarts, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, node_setup, node_teardown)
	const struct CMUnitTest tests[] = {
		T(both_methods_go_back_exactly),
		T(original_survives_its_removal_by_rke2),
		T(another_build_replaces_the_first),
		T(a_node_that_does_not_come_back_is_rolled_back),
		T(kept_for_a_look_if_wanted),
		T(changes_of_others_are_not_destroyed),
		T(what_was_there_before_comes_back),
		T(upgrade_of_rke2_is_told),
		T(rollback_after_an_upgrade),
		T(a_stopped_service_is_not_started),
		T(pods_of_before_are_named),
		T(containerd_is_told_to_restore),
		T(a_template_that_drops_our_settings_is_refused),
		T(another_config_file_and_data_dir),
		T(an_install_of_another_state_directory_is_refused),
		T(a_data_directory_that_cannot_be_used),
		T(one_at_a_time),
		T(a_torn_line_of_the_journal_does_not_count),
		T(a_damaged_journal_is_refused),
		T(a_missing_program_fails_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
