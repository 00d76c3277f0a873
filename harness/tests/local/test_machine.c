/* SPDX-License-Identifier: Apache-2.0 */
/* doctor's checks in a small world: a /proc, modules, keys and programs of our own. */
#include "cluster/machine.h"
#include "tests/scratch.h"

#include "sys/fs.h"
#include "cluster/local/doctor/doctor.h"

#include <linux/magic.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ALL_CAPS  "CapBnd:\t000001ffffffffff\n"
#define NO_RES	  "CapBnd:\t000001fffeffffff\n"
#define NO_ADMIN  "CapBnd:\t000001ffffdfefff\n"
#define CONTAINER "CapBnd:\t00000000a80425fb\n"

#define STACK                                                                                      \
	"apiVersion: cryopod.dev/v1alpha1\nkind: Stack\nmetadata: {name: small}\n"                 \
	"spec: {components: {node: {recipe: debian, source: {debian: {suite: trixie, "             \
	"packages: [criu]}}}}}\n"

static char *proc, *modules, *keyring, *stack;

static void drop(const char *name)
{
	cryo_auto(cryo_free) char *path = scratch_path(name);

	assert_int_equal(unlink(path), 0);
}

/* v1 hierarchies with these options, mounted below our own world. */
static void put_v1(const char *const *options)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	for (; *options; options++)
		cryo_str_addf(&text, "1 2 0:3 / %s/cg/%s rw - cgroup cgroup rw,%s\n", scratch_dir,
			      *options, *options);
	scratch_put_program("proc/self/mountinfo", cryo_str_get(&text));
}

static void put_v2(const char *controllers)
{
	cryo_auto(cryo_free) char *text =
	    cryo_asprintf("1 2 0:3 / %s/cg2 rw - cgroup2 cgroup2 rw\n", scratch_dir);

	scratch_put_program("proc/self/mountinfo", text);
	scratch_put_program("cg2/cgroup.controllers", controllers);
}

/* A machine without fault. */
static void put_world(void)
{
	static const char *const ns[] = { "mnt", "pid", "net", "uts", "ipc", "cgroup" };

	scratch_put_program("proc/sys/kernel/osrelease", "6.1.0-40-amd64\n");
	scratch_put_program("proc/filesystems", "nodev\tproc\nnodev\toverlay\n\text4\n");
	scratch_put_program("proc/self/uid_map", "         0          0 4294967295\n");
	scratch_put_program("proc/self/status", "Name:\tx\n" ALL_CAPS "Seccomp:\t0\n");
	scratch_put_program("proc/meminfo",
			    "MemTotal: 9 kB\nMemAvailable:    8000000 kB\nSwapFree: 0 kB\n");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(ns); i++) {
		cryo_auto(cryo_free) char *name = cryo_asprintf("proc/self/ns/%s", ns[i]);

		scratch_put_program(name, "");
	}
	put_v2("cpuset cpu io memory pids\n");
	scratch_put_program("keyring", "");
	scratch_put_program("bin/mmdebstrap", "#!/bin/sh\n");
	scratch_put_program("bin/git", "#!/bin/sh\necho git version 2.39.5\n");
	scratch_put_program("bin/go",
			    "#!/bin/sh\necho '{\"GOVERSION\": \"go1.26.8\", \"GOCACHE\": \"/tmp\", "
			    "\"GOMODCACHE\": \"/tmp\", \"GOENV\": \"/tmp/none\"}'\n");
	scratch_put_program(
	    "bin/gcc",
	    "#!/bin/sh\ncase $1 in -dumpfullversion) echo 14.2.0;; *) echo /l.a;; esac\n");
	scratch_put_program("bin/pkg-config", "#!/bin/sh\necho 2.6.0\n");
	scratch_put_program("data/libexec/counter", "");
	scratch_put_program("data/libexec/pause", "");
	scratch_put_program("stack.yaml", STACK);
}

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	proc = scratch_path("proc");
	modules = scratch_path("modules");
	keyring = scratch_path("keyring");
	stack = scratch_path("stack.yaml");
	scratch_setenv_path("PATH", "bin");
	scratch_setenv_path("CRYOPOD_STATE_DIR", "var/state");
	scratch_setenv_path("CRYOPOD_CACHE_DIR", "var/cache");
	scratch_setenv_path("CRYOPOD_DATA", "data");
	unsetenv("SUDO_UID");
	put_world();
	return 0;
}

static int teardown(void **state)
{
	free(proc);
	free(modules);
	free(keyring);
	free(stack);
	return scratch_teardown(state);
}

static void look(struct cryo_machine *m)
{
	struct cryo_err err = CRYO_ERR_INIT;

	*m = (struct cryo_machine){
		.stack = stack, .proc = proc, .modules = modules, .keyring = keyring
	};
	if (cryo_machine_check(m, &err) < 0)
		fail_msg("%s", err.msg);
}

/* From here on all is built, and how much room building takes is no question. Caller frees. */
static char *build_node(void)
{
	cryo_auto(cryo_build_release) struct cryo_build b = { 0 };
	cryo_auto(cryo_stack_release) struct cryo_stack s = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_stack_load(stack, &s, &err) < 0 || cryo_build_plan(&s, NULL, &b, &err) < 0 ||
	    cryo_fs_mkdirs(b.item[0].dir, 0755, &err) < 0)
		fail_msg("%s", err.msg);
	return cryo_strdup(b.item[0].dir);
}

/* But for what depends on the machine that runs this test. */
static size_t failures(const struct cryo_machine *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++) {
		const struct cryo_finding *f = &m->finding[i];

		print_message("# %s %s: %s\n", cryo_verdict_name(f->verdict), f->check, f->detail);
		n += f->verdict == CRYO_VERDICT_FAIL && strcmp(f->check, "state") != 0 &&
		     strcmp(f->check, "loopback") != 0 && strcmp(f->check, "inotify") != 0;
	}
	return n;
}

static const struct cryo_finding *find(const struct cryo_machine *m, const char *check)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->finding[i].check, check) == 0)
			return &m->finding[i];
	fail_msg("no check '%s'", check);
	return NULL;
}

/* Exactly this verdict, words of its detail, and a way out of every failure. */
static void expect(const char *check, enum cryo_verdict verdict, const char *detail)
{
	cryo_auto(cryo_machine_release) struct cryo_machine m;
	const struct cryo_finding *f;

	look(&m);
	f = find(&m, check);
	print_message("# %s: %s\n", f->check, f->detail);
	assert_int_equal(f->verdict, verdict);
	assert_non_null(strstr(f->detail, detail));
	assert_null(strchr(f->detail, '\n'));
	if (verdict == CRYO_VERDICT_FAIL)
		assert_non_null(f->fix);
}

static void without_fault(void **state)
{
	cryo_auto(cryo_machine_release) struct cryo_machine m;
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	cryo_auto(cryo_free) char *node = build_node();
	cryo_auto(cryo_free) char *var = scratch_path("var/state");

	(void)state;
	look(&m);
	assert_int_equal(failures(&m), 0);
	assert_null(find(&m, "go")->fix);
	assert_false(cryo_fs_exists(var)); /* it only looked */
	j = cryo_machine_json(&m);
	assert_int_equal(cryo_json_bool(j, "fit"), cryo_machine_count(&m, CRYO_VERDICT_FAIL) == 0);
	assert_string_equal(cryo_json_str(j, "checks[0].verdict"), "ok");
	assert_int_equal(json_array_size(json_object_get(j, "checks")), m.n);
}

static void files_of_the_kernel(void **state)
{
	static const struct {
		const char *file, *text, *check;
		enum cryo_verdict verdict;
		const char *detail;
	} row[] = {
		{ "proc/self/uid_map", "0 1000 1\n", "root", CRYO_VERDICT_FAIL, "user namespace" },
		{ "proc/self/uid_map", "", "root", CRYO_VERDICT_OK, "" },
		{ "proc/sys/kernel/osrelease", "5.9.0\n", "kernel", CRYO_VERDICT_OK, "5.9.0" },
		{ "proc/sys/kernel/osrelease", "5.8.18-x\n", "kernel", CRYO_VERDICT_FAIL,
		  "5.8.18-x is older than 5.9" },
		{ "proc/sys/kernel/osrelease", "", "kernel", CRYO_VERDICT_FAIL, "" },
		{ "proc/sys/kernel/osrelease", "10.1\n", "kernel", CRYO_VERDICT_OK, "" },
		{ "proc/filesystems", "nodev\tproc\n", "overlayfs", CRYO_VERDICT_FAIL,
		  "no overlay" },
		{ "proc/filesystems", "nodev\tnooverlay\n", "overlayfs", CRYO_VERDICT_FAIL, "" },
		{ "proc/self/status", NO_RES, "capabilities", CRYO_VERDICT_NOTE,
		  "higher hard limits" },
		{ "proc/self/status", NO_ADMIN, "capabilities", CRYO_VERDICT_FAIL,
		  "net_admin, sys_admin" },
		{ "proc/self/status", CONTAINER, "capabilities", CRYO_VERDICT_FAIL, "sys_admin" },
		{ "proc/self/status", "", "capabilities", CRYO_VERDICT_FAIL, "" },
		{ "proc/meminfo", "MemAvailable: 900000 kB\nSwapFree: 100000 kB\n", "memory",
		  CRYO_VERDICT_NOTE, "a build" },
		{ "proc/meminfo", "MemAvailable: 900000 kB\nSwapFree: 4000000 kB\n", "memory",
		  CRYO_VERDICT_OK, "" },
		{ "proc/meminfo", "", "memory", CRYO_VERDICT_NOTE, "" },
		{ "proc/self/mountinfo", "", "cgroups", CRYO_VERDICT_FAIL, "no cgroup" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		put_world();
		scratch_put_program(row[i].file, row[i].text);
		expect(row[i].check, row[i].verdict, row[i].detail);
	}
}

static void control_groups(void **state)
{
	static const char *const apart[] = { "cpu",	"cpuacct", "cpuset", "memory", "pids",
					     "devices", "freezer", "blkio",  NULL };
	static const char *const together[] = { "cpu,cpuacct", "cpuset",  "memory", "pids",
						"devices",     "freezer", NULL };
	static const char *const some[] = { "cpuacct", "cpuset", "memory", "devices", NULL };

	(void)state;
	put_v1(apart);
	expect("cgroups", CRYO_VERDICT_OK, "v1, with all");
	put_v1(together);
	expect("cgroups", CRYO_VERDICT_OK, "v1, with all");
	put_v1(some);
	expect("cgroups", CRYO_VERDICT_FAIL, "without the controllers: cpu, pids, freezer");
	put_v2("cpuset cpu io memory pids\n");
	expect("cgroups", CRYO_VERDICT_OK, "v2, with all");
	put_v2("cpuset io pids\n");
	expect("cgroups", CRYO_VERDICT_FAIL, "v2, but without the controllers: cpu, memory");
}

static void overlay_module(void **state)
{
	(void)state;
	scratch_put_program("proc/filesystems", "nodev\tproc\n");
	scratch_put_program("modules/6.1.0-40-amd64/modules.dep",
			    "kernel/fs/overlayfs/overlay.ko.xz:\n");
	expect("overlayfs", CRYO_VERDICT_OK, "a module");
	scratch_put_program("modules/6.1.0-40-amd64/modules.dep", "kernel/fs/ext4/ext4.ko.xz:\n");
	expect("overlayfs", CRYO_VERDICT_FAIL, "");
	put_world();
	drop("proc/self/ns/cgroup");
	drop("proc/self/ns/uts");
	expect("namespaces", CRYO_VERDICT_FAIL, "for: uts, cgroup");
}

static void programs(void **state)
{
	cryo_auto(cryo_free) char *node = NULL;

	(void)state;
	expect("built", CRYO_VERDICT_NOTE, "stack 'small': missing node");
	drop("keyring");
	expect("mmdebstrap", CRYO_VERDICT_FAIL, "keys of the Debian archive");
	drop("bin/mmdebstrap");
	expect("mmdebstrap", CRYO_VERDICT_FAIL, "not installed");
	/* what is needed only to build is no fault once all is built */
	node = build_node();
	expect("built", CRYO_VERDICT_OK, "stack 'small': node");
	expect("mmdebstrap", CRYO_VERDICT_NOTE, "not needed now");
}

#define GIT_STACK                                                                                  \
	"apiVersion: cryopod.dev/v1alpha1\nkind: Stack\nmetadata: {name: small}\n"                 \
	"spec: {components: {runc: {source: {git: /nowhere, commit: "                              \
	"1111111111111111111111111111111111111111}}}}\n"

static void git_for_sources(void **state)
{
	static const struct {
		const char *said, *detail;
		enum cryo_verdict verdict, unneeded;
	} row[] = {
		{ "git version 2.39.5", "git version 2.39.5", CRYO_VERDICT_OK, CRYO_VERDICT_OK },
		{ "git version 2.34.0", "2.34.0", CRYO_VERDICT_OK, CRYO_VERDICT_OK },
		{ "git version 3.0", "3.0", CRYO_VERDICT_OK, CRYO_VERDICT_OK },
		{ "git version 2.33.8", "is older than 2.34", CRYO_VERDICT_FAIL,
		  CRYO_VERDICT_NOTE },
		{ "something else", "is older than 2.34", CRYO_VERDICT_FAIL, CRYO_VERDICT_NOTE },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *script =
		    cryo_asprintf("#!/bin/sh\necho '%s'\n", row[i].said);

		scratch_put_program("bin/git", script);
		scratch_put_program("stack.yaml", STACK);
		expect("git", row[i].unneeded, row[i].detail);
		scratch_put_program("stack.yaml", GIT_STACK);
		expect("git", row[i].verdict, row[i].detail);
	}
	drop("bin/git");
	expect("git", CRYO_VERDICT_FAIL, "cannot fetch repositories");
}

/* Without a Go of the host root gets a build root, others are told. */
static void go(void **state)
{
	cryo_auto(cryo_free) char *node = build_node();
	bool root = geteuid() == 0;
	enum cryo_verdict verdict = root ? CRYO_VERDICT_OK : CRYO_VERDICT_NOTE;

	(void)state;
	expect("go", CRYO_VERDICT_OK, "go1.26.8 of this machine");
	expect("go with cgo", CRYO_VERDICT_OK, "gcc 14.2.0 libseccomp 2.6.0");
	drop("bin/gcc");
	expect("go", CRYO_VERDICT_OK, "of this machine");
	expect("go with cgo", verdict, root ? "cryopod's own build root" : "only root can");
	drop("bin/go");
	expect("go", verdict, "Go is not installed");
}

static void directories(void **state)
{
	(void)state;
	scratch_setenv_path("CRYOPOD_STATE_DIR", "with,comma");
	expect("state", CRYO_VERDICT_FAIL, "contains a comma");
	setenv("CRYOPOD_STATE_DIR", "relative", 1);
	expect("state", CRYO_VERDICT_FAIL, "is not an absolute path");
	scratch_setenv_path("CRYOPOD_CACHE_DIR", "with:colon");
	expect("cache", CRYO_VERDICT_FAIL, "contains a comma, colon");
	setenv("CRYOPOD_CACHE_DIR", "/proc/none", 1);
	expect("cache", CRYO_VERDICT_FAIL, "/proc");
	setenv("CRYOPOD_STATE_DIR", "/proc/none", 1);
	expect("state", CRYO_VERDICT_FAIL, "/proc");
}

static void file_systems(void **state)
{
	static const struct {
		unsigned long type;
		enum cryo_verdict verdict;
		const char *name;
	} row[] = {
		{ EXT4_SUPER_MAGIC, CRYO_VERDICT_OK, "ext4" },
		{ TMPFS_MAGIC, CRYO_VERDICT_OK, "tmpfs" },
		/* as a signed type of 32 bits comes out of statfs(2) */
		{ ~0ul << 32 | BTRFS_SUPER_MAGIC, CRYO_VERDICT_OK, "btrfs" },
		{ OVERLAYFS_SUPER_MAGIC, CRYO_VERDICT_FAIL, "overlayfs" },
		{ NFS_SUPER_MAGIC, CRYO_VERDICT_FAIL, "nfs" },
		{ 0x12345678, CRYO_VERDICT_NOTE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		enum cryo_verdict verdict;

		assert_true(cryo_streq(machine_fs_name(row[i].type, &verdict), row[i].name));
		assert_int_equal(verdict, row[i].verdict);
	}
}

static void nearest(void **state)
{
	static const char *const row[][2] = {
		{ "/", "/" },	      { "/none/at/all", "/" },	 { "/tmp/none/at/all", "/tmp" },
		{ "/tmp/", "/tmp/" }, { "/dev/null/x", "/dev" }, { "//none", "/" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *dir = machine_nearest_dir(row[i][0]);

		assert_string_equal(dir, row[i][1]);
	}
}

static void clusters(void **state)
{
	(void)state;
	expect("clusters", CRYO_VERDICT_OK, "none");
	scratch_put_program("var/state/demo/cluster.json", "{}");
	expect("clusters", CRYO_VERDICT_OK, "demo (stopped)");
	scratch_put_program("var/state/demo/cluster.json", "{");
	expect("clusters", CRYO_VERDICT_OK, "demo (damaged)");
}

static void wrong_stack(void **state)
{
	struct cryo_machine m = { .stack = stack, .proc = proc };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	scratch_put_program("stack.yaml", "kind: Stack\n");
	assert_int_equal(cryo_machine_check(&m, &err), -CRYO_E_CONFIG);
	assert_int_equal(m.n, 0);
	scratch_put_program("stack.yaml",
			    "apiVersion: cryopod.dev/v1alpha1\nkind: Stack\nmetadata: {name: x}\n"
			    "spec: {components: {foo: {source: {dir: /tmp}}}}\n");
	assert_int_equal(cryo_machine_check(&m, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "stack.yaml:4"));
}

static void not_root(void **state)
{
	struct cryo_machine m = {
		.stack = stack, .uid = 1000, .proc = proc, .modules = modules, .keyring = keyring
	};
	cryo_auto(cryo_free) char *node = build_node();
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_machine_check(&m, &err), 0);
	assert_int_equal(find(&m, "root")->verdict, CRYO_VERDICT_FAIL);
	assert_non_null(strstr(find(&m, "root")->fix, "sudo"));
	assert_int_equal(failures(&m), 1);
	cryo_machine_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_fault, setup, teardown),
		cmocka_unit_test_setup_teardown(files_of_the_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(control_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(overlay_module, setup, teardown),
		cmocka_unit_test_setup_teardown(programs, setup, teardown),
		cmocka_unit_test_setup_teardown(git_for_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(go, setup, teardown),
		cmocka_unit_test_setup_teardown(directories, setup, teardown),
		cmocka_unit_test(file_systems),
		cmocka_unit_test(nearest),
		cmocka_unit_test_setup_teardown(clusters, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_stack, setup, teardown),
		cmocka_unit_test_setup_teardown(not_root, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
