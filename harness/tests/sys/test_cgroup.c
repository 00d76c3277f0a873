/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/cgroup.h"
#include "tests/scratch.h"

#include "sys/fs.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOT  "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
#define TMPFS "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
#define V1(id, dir, super)                                                                         \
#id " 31 0:" #id " / /sys/fs/cgroup/" dir " rw,nosuid - cgroup cgroup " super "\n"

static void hierarchies(void **state)
{
	static const struct {
		const char *name, *mountinfo;
		bool v2;
		const char *trees; /* mount=options … */
	} row[] = {
		{ "v1 and a unified tree beside it",
		  ROOT TMPFS V1(32, "cpu", "rw,cpu") V1(35, "memory", "rw,memory")
		      V1(40, "systemd", "rw,name=systemd") "41 31 0:38 / /sys/fs/cgroup/unified rw "
							   "- cgroup2 cgroup2 rw\n",
		  false,
		  "/sys/fs/cgroup/cpu=cpu /sys/fs/cgroup/memory=memory "
		  "/sys/fs/cgroup/systemd=none,name=systemd /sys/fs/cgroup/unified= " },
		{ "mounted together",
		  TMPFS V1(32, "cpu,cpuacct", "rw,cpu,cpuacct") V1(33, "memory", "rw,memory"),
		  false, "/sys/fs/cgroup/cpu,cpuacct=cpu,cpuacct /sys/fs/cgroup/memory=memory " },
		{ "flags of a mount are no controllers",
		  V1(32, "cpuset", "rw,cpuset,clone_children") V1(33, "memory", "ro,memory")
		      V1(34, "systemd", "rw,xattr,release_agent=/lib/agent,name=systemd"),
		  false,
		  "/sys/fs/cgroup/cpuset=cpuset /sys/fs/cgroup/memory=memory "
		  "/sys/fs/cgroup/systemd=none,name=systemd " },
		{ "optional fields before the dash",
		  "32 31 0:29 / /sys/fs/cgroup/memory rw,nosuid shared:9 master:2 - cgroup cgroup "
		  "rw,memory\n",
		  false, "/sys/fs/cgroup/memory=memory " },
		{ "v2 alone",
		  ROOT "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 "
		       "rw,nsdelegate\n",
		  true, "/sys/fs/cgroup= " },
		{ "systemd's hybrid: only named hierarchies",
		  TMPFS V1(32, "systemd",
			   "rw,xattr,name=systemd") "41 31 0:38 / /sys/fs/cgroup/unified rw - "
						    "cgroup2 cgroup2 rw\n",
		  true, "/sys/fs/cgroup/unified= " },
		{ "v2, seen twice",
		  "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
		  "99 23 0:26 / /mnt/again rw - cgroup2 cgroup2 rw\n",
		  true, "/sys/fs/cgroup= " },
		{ "no newline at the end", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 c rw", true,
		  "/sys/fs/cgroup= " },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
		cryo_auto(cryo_str_release) struct cryo_str trees = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %s\n", row[i].name);
		assert_int_equal(cryo_cgroups_parse(row[i].mountinfo, &cg, &err), 0);
		for (size_t j = 0; j < cg.n; j++)
			cryo_str_addf(&trees, "%s=%s ", cg.tree[j].mount, cg.tree[j].options);
		assert_int_equal(cg.v2, row[i].v2);
		assert_string_equal(cryo_str_get(&trees), row[i].trees);
	}
}

static void controlling(void **state)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups hybrid = { 0 }, v2 = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(
	    cryo_cgroups_parse("41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 c rw\n" V1(
				   35, "memory", "rw,memory"),
			       &hybrid, &err),
	    0);
	assert_true(hybrid.hybrid);
	assert_int_equal(hybrid.n, 2);
	assert_string_equal(hybrid.tree[1].options, "");
	assert_int_equal(cryo_cgroups_controlling(&hybrid).n, 1);
	assert_false(cryo_cgroups_controlling(&hybrid).hybrid);
	assert_int_equal(
	    cryo_cgroups_parse("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 c rw\n", &v2, &err), 0);
	assert_false(v2.hybrid);
	assert_int_equal(cryo_cgroups_controlling(&v2).n, 1);
}

static void none(void **state)
{
	static const char *const text[] = { "",
					    "\n\n",
					    ROOT TMPFS,
					    V1(32, "systemd", "rw,name=systemd"),
					    V1(32, "cpu", "rw,cpu"),
					    "cgroup2",
					    "1 2 - cgroup2 x rw\n",
					    "30 23 0:26 / /sys/fs/cgroup rw - cgroup2\n",
					    " - \n",
					    "- cgroup2 cgroup2 rw\n" };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(text); i++) {
		struct cryo_cgroups cg;
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %zu\n", i);
		assert_int_equal(cryo_cgroups_parse(text[i], &cg, &err), -CRYO_E_UNFIT);
		assert_int_equal(cg.n, 0);
		assert_null(cg.tree);
	}
}

/* Has a child as soon as `go` is closed. Nothing of it outlives us. */
static pid_t sleeper(int *go)
{
	int ends[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (read(ends[0], &c, 1) == 0 && fork() == 0)
			prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	close(ends[0]);
	*go = ends[1];
	return pid;
}

static void await_count(const struct cryo_cgroups *cg, const char *group, size_t n)
{
	for (int ms = 0; ms < 10000 && cryo_cgroup_signal(cg, group, 0) != n; ms += 10)
		usleep(10000);
	assert_int_equal(cryo_cgroup_signal(cg, group, 0), n);
}

static void a_real_group(void **state)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	cryo_auto(cryo_free) char *group = cryo_asprintf("/cryo-test-%d", getpid());
	cryo_auto(cryo_free) char *leaf = cryo_asprintf("%s/a/b", group);
	struct cryo_err err = CRYO_ERR_INIT;
	pid_t pid;
	int wstatus, go;

	(void)state;
	if (geteuid() != 0 || cryo_cgroups_find(&cg, &err) < 0 ||
	    access(cg.tree[0].mount, W_OK) < 0) {
		print_message("# skipped: needs root and a writable cgroup file system\n");
		skip();
	}
	assert_false(cryo_cgroup_exists(&cg, group));
	assert_int_equal(cryo_cgroup_remove(&cg, group, &err), 0);
	if (cryo_cgroup_make(&cg, leaf, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(cryo_cgroup_make(&cg, leaf, &err), 0); /* again: nothing to do */
	assert_true(cryo_cgroup_exists(&cg, leaf));
	assert_int_equal(cryo_cgroup_signal(&cg, group, 0), 0);
	pid = sleeper(&go);
	if (cryo_cgroup_enter(&cg, leaf, pid, &err) < 0) {
		kill(pid, SIGKILL);
		cryo_cgroup_remove(&cg, group, &(struct cryo_err){ 0 });
		fail_msg("%s", err.msg);
	}
	close(go);
	await_count(&cg, group, 2);
	assert_int_equal(cryo_cgroup_remove(&cg, group, &err), 0);
	assert_false(cryo_cgroup_exists(&cg, group));
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	assert_true(WIFSIGNALED(wstatus) && WTERMSIG(wstatus) == SIGKILL);
}

/* A directory with the files of a v2 group; `procs`: who is in it. */
static void fake_group(const char *root, const char *path, const char *procs)
{
	const char *const file[][2] = { { "cgroup.controllers", "cpu memory rdma\n" },
					{ "cgroup.type", "domain\n" },
					{ "cgroup.subtree_control", "" },
					{ "cgroup.procs", procs } };
	struct cryo_err err = CRYO_ERR_INIT;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(file); i++) {
		cryo_auto(cryo_free) char *at = cryo_asprintf("%s%s/%s", root, path, file[i][0]);

		assert_int_equal(cryo_fs_mkparents(at, 0755, &err), 0);
		assert_int_equal(cryo_fs_write(at, file[i][1], strlen(file[i][1]), 0644, &err), 0);
	}
}

static void assert_handed_down(const char *root, const char *path, const char *want)
{
	cryo_auto(cryo_free) char *at = cryo_asprintf("%s%s/cgroup.subtree_control", root, path);
	cryo_auto(cryo_str_release) struct cryo_str got = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_fs_read(at, 4096, &got, &err), 0);
	assert_string_equal(cryo_str_get(&got), want);
}

static void hands_down(void **state)
{
	const char *root = scratch_dir;
	struct cryo_cgroup_tree tree = { (char *)root, (char *)"" };
	const struct cryo_cgroups v2 = { .v2 = true, .tree = &tree, .n = 1 },
				  v1 = { .tree = &tree, .n = 1 };
	cryo_auto(cryo_free) char *type = cryo_asprintf("%s/cgroup.type", root);
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	fake_group(root, "", "1\n2\n");
	fake_group(root, "/a", "");
	fake_group(root, "/a/b", "7\n");
	assert_int_equal(cryo_cgroup_delegate(&v1, "/a", &err), 0);
	assert_handed_down(root, "/a", "");
	assert_int_equal(cryo_cgroup_make(&v2, "/a/b/c", &err), -CRYO_E_UNFIT);
	assert_handed_down(root, "", "");
	assert_int_equal(unlink(type), 0);
	assert_int_equal(cryo_cgroup_make(&v2, "/a/b/c", &err), 0);
	assert_true(cryo_cgroup_exists(&v2, "/a/b/c"));
	/* The last of the words written; a file keeps what a kernel would have eaten. */
	assert_handed_down(root, "", "+memory");
	assert_handed_down(root, "/a", "+memory");
	assert_handed_down(root, "/a/b", "");
}

/* Each group counts its own; v1 has the word in one hierarchy, and others are there beside it. */
static void out_of_memory(void **state)
{
	const char *root = scratch_dir;
	cryo_auto(cryo_free) char *memory = cryo_asprintf("%s/memory", root);
	cryo_auto(cryo_free) char *cpu = cryo_asprintf("%s/cpu", root);
	struct cryo_cgroup_tree both[] = { { cpu, (char *)"cpu" }, { memory, (char *)"memory" } };
	const struct cryo_cgroups v1 = { .tree = both, .n = 2 },
				  v2 = { .v2 = true, .tree = &both[1], .n = 1 };

	(void)state;
	scratch_put_in(root, "cpu/a/tasks", "");
	scratch_put_in(root, "memory/a/memory.oom_control",
		       "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
	scratch_put_in(root, "memory/a/b/memory.oom_control",
		       "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	scratch_put_in(root, "memory/a/old/memory.oom_control",
		       "oom_kill_disable 0\nunder_oom 0\n");
	scratch_put_in(root, "memory/a/b/memory.events.local",
		       "low 0\noom 9\noom_kill 4\noom_group_kill 7\n");
	assert_int_equal(cryo_cgroup_oom_kills(&v1, "/a"), 3);
	assert_int_equal(cryo_cgroup_oom_kills(&v1, "/a/old"), 0);
	assert_int_equal(cryo_cgroup_oom_kills(&v2, "/a"), 4);
	assert_int_equal(cryo_cgroup_oom_kills(&v2, "/none"), 0);
}

static void settings(void **state)
{
	const char *root = scratch_dir;
	cryo_auto(cryo_free) char *memory = cryo_asprintf("%s/memory", root);
	cryo_auto(cryo_free) char *cpu = cryo_asprintf("%s/cpu", root);
	cryo_auto(cryo_free) char *shares = NULL;
	cryo_auto(cryo_free) char *limit = NULL;
	struct cryo_cgroup_tree both[] = { { cpu, (char *)"cpu" }, { memory, (char *)"memory" } };
	const struct cryo_cgroups cg = { .tree = both, .n = 2 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	scratch_put_in(root, "cpu/a/cpu.shares", "1024\nmore\n");
	scratch_put_in(root, "memory/a/memory.limit_in_bytes", "9999\n");
	shares = cryo_cgroup_get(&cg, "/a", "cpu.shares");
	assert_string_equal(shares, "1024");
	assert_null(cryo_cgroup_get(&cg, "/a", "pids.max"));
	assert_null(cryo_cgroup_get(&cg, "/b", "cpu.shares"));
	assert_int_equal(cryo_cgroup_set(&cg, "/a", "memory.limit_in_bytes", "4096", &err), 0);
	limit = cryo_cgroup_get(&cg, "/a", "memory.limit_in_bytes");
	assert_string_equal(limit, "4096");
	assert_int_equal(cryo_cgroup_set(&cg, "/a", "pids.max", "1", &err), -CRYO_E_CHECK);
	/* There, but no file that takes it. */
	assert_int_equal(cryo_cgroup_set(&cg, "", "a", "1", &err), -CRYO_E_SYSTEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hierarchies),
		cmocka_unit_test(controlling),
		cmocka_unit_test(none),
		cmocka_unit_test_setup_teardown(hands_down, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(out_of_memory, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(settings, scratch_setup, scratch_teardown),
		cmocka_unit_test(a_real_group)
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
