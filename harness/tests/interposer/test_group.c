/* SPDX-License-Identifier: Apache-2.0 */
/* A real group with a process that counts: v1 or v2, as this machine has it (scripts/vm/test-vm:
 * v2).
 */
#include "interposer/group.h"

#include "base/str.h"
#include "sys/cgroup.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_MS 10000
#define STILL_MS 50

static struct {
	struct cryo_cgroups cg;
	char *group;
	pid_t pid;
	volatile unsigned *count; /* what the process counts in */
	struct cryo_err err;
} world;

static void count_on(void)
{
	for (;; (*world.count)++)
		usleep(1000);
}

static int setup(void **state)
{
	(void)state;
	if (geteuid() != 0 || cryo_cgroups_find(&world.cg, &world.err) < 0 ||
	    access(world.cg.tree[0].mount, W_OK) < 0)
		return 0;
	world.count = mmap(NULL, sizeof(*world.count), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	world.group = cryo_asprintf("/cryo-test-group-%d", getpid());
	world.pid = fork();
	if (world.pid == 0)
		count_on();
	return cryo_cgroup_make(&world.cg, world.group, &world.err) < 0 ||
		       cryo_cgroup_enter(&world.cg, world.group, world.pid, &world.err) < 0
		   ? -1
		   : 0;
}

static int teardown(void **state)
{
	(void)state;
	if (world.group) {
		cryo_cgroup_remove(&world.cg, world.group, &world.err);
		kill(world.pid, SIGKILL);
		waitpid(world.pid, NULL, 0);
		munmap((void *)world.count, sizeof(*world.count));
	}
	free(world.group);
	cryo_cgroups_release(&world.cg);
	return 0;
}

static void need_group(void)
{
	if (world.group)
		return;
	print_message("# skipped: needs root and a writable cgroup file system\n");
	skip();
}

static bool counts(void)
{
	unsigned before = *world.count;

	usleep(STILL_MS * 1000);
	return *world.count != before;
}

static void await(bool counting)
{
	for (int ms = 0; ms < LIMIT_MS && counts() != counting; ms += STILL_MS)
		;
	assert_int_equal(counts(), counting);
}

static void thaws(void **state)
{
	cryo_auto(cryo_free) char *dir = NULL;

	(void)state;
	need_group();
	dir = cryo_group_freezer(world.pid, "");
	assert_non_null(dir);
	assert_true(cryo_ends_with(dir, world.group));
	assert_int_equal(cryo_group_is_v1(dir), !world.cg.v2);
	await(true);
	assert_int_equal(cryo_group_look(dir), CRYO_GROUP_RUNS);
	cryo_group_freeze(dir);
	await(false);
	assert_int_equal(cryo_group_look(dir), CRYO_GROUP_FROZEN);
	cryo_group_thaw(dir);
	await(true);
	cryo_group_thaw(dir); /* is not frozen: no harm */
	await(true);
}

/* A container is found by any process of it, also one in a group of its own below. */
static void finds_container(void **state)
{
	static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	cryo_auto(cryo_free) char *below = cryo_asprintf("%s/%s/own", world.group, id);
	cryo_auto(cryo_free) char *end = cryo_asprintf("%s/%s", world.group, id);
	cryo_auto(cryo_free) char *dir = NULL;
	pid_t *pids;

	(void)state;
	need_group();
	if (world.cg.v2)
		skip(); /* the group above it has a process */
	assert_null(cryo_group_of_container(id));
	assert_int_equal(cryo_cgroup_make(&world.cg, below, &world.err), 0);
	assert_int_equal(cryo_cgroup_enter(&world.cg, below, world.pid, &world.err), 0);
	dir = cryo_group_of_container(id);
	assert_non_null(dir);
	assert_true(cryo_ends_with(dir, end));
	pids = cryo_group_pids(dir);
	assert_int_equal(pids[0], world.pid);
	assert_int_equal(pids[1], 0);
	free(pids);
}

/* Which group counts the memory of this process? Exit code: 0 if it is that of the test. */
static int memory_is_counted_there(void)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_free) char *line =
	    cryo_asprintf("%s:%s\n", world.cg.v2 ? "0:" : ":memory", world.group);

	cryo_group_join_memory(world.pid);
	return cryo_fs_read("/proc/self/cgroup", 65536, &text, &world.err) == 0 &&
		       strstr(cryo_str_get(&text), line)
		   ? 0
		   : 1;
}

static void joins(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	need_group();
	pid = fork();
	if (pid == 0)
		_exit(memory_is_counted_there());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Best effort: nothing happens, and nothing fails. */
static void nobody_there(void **state)
{
	(void)state;
	assert_null(cryo_group_freezer(0x7fffffff, ""));
	cryo_group_thaw("/sys/fs/cgroup/nowhere");
	assert_int_equal(cryo_group_look("/sys/fs/cgroup/nowhere"), CRYO_GROUP_GONE);
	cryo_group_join_memory(0x7fffffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(thaws, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_container, setup, teardown),
		cmocka_unit_test_setup_teardown(joins, setup, teardown),
		cmocka_unit_test(nobody_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
