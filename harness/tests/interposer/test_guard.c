/* SPDX-License-Identifier: Apache-2.0 */
/* Who guards a dump: played are runc, CRIU and a container in a real group that is frozen. */
#include "interposer/guard.h"
#include "tests/scratch.h"

#include "base/clock.h"
#include "base/str.h"
#include "interposer/group.h"
#include "sys/cgroup.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ID	 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LIMIT_MS 15000

static struct {
	struct cryo_cgroups cg;
	char *group, *work, *dumps, *freezer;
	pid_t container, runc, criu;
	int64_t limit_ms;
	struct cryo_err err;
} world;

static pid_t start_sleeper(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent) /* it was killed before */
			_exit(0);
		for (;;)
			pause();
	}
	return pid;
}

static int setup(void **state)
{
	(void)state;
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* guards come to us */
	if (geteuid() != 0 || cryo_cgroups_find(&world.cg, &world.err) < 0 ||
	    access(world.cg.tree[0].mount, W_OK) < 0)
		return 0;
	world.limit_ms = LIMIT_MS;
	world.group = cryo_asprintf("/cryo-test-guard-%d", getpid());
	world.container = start_sleeper();
	world.runc = start_sleeper();
	if (cryo_cgroup_make(&world.cg, world.group, &world.err) < 0 ||
	    cryo_cgroup_enter(&world.cg, world.group, world.container, &world.err) < 0 ||
	    scratch_setup(state) < 0)
		return -1;
	world.freezer = cryo_group_freezer(world.container, "");
	world.work = scratch_path("work");
	world.dumps = scratch_path("dumps");
	return mkdir(world.work, 0700);
}

static int teardown(void **state)
{
	struct cryo_err ignored;

	(void)state;
	if (world.group) {
		kill(world.runc, SIGKILL);
		if (world.criu > 0)
			kill(world.criu, SIGKILL);
		cryo_cgroup_remove(&world.cg, world.group, &ignored);
		while (waitpid(-1, NULL, 0) > 0)
			;
	}
	free(world.group);
	free(world.work);
	free(world.dumps);
	free(world.freezer);
	cryo_cgroups_release(&world.cg);
	memset(&world, 0, sizeof(world));
	return scratch_teardown(state);
}

/* "CRIU", with a child of its own, and the container frozen as it is for a dump. */
static void begin_dump(void)
{
	int ready[2];
	char byte;

	if (!world.group) {
		print_message("# skipped: needs root and a writable cgroup file system\n");
		skip();
	}
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	cryo_group_freeze(world.freezer);
	world.criu = fork();
	if (world.criu == 0) {
		const struct cryo_guard_opts o = { .runc = world.runc,
						   .dumped = world.container,
						   .container = ID,
						   .work = open(world.work, O_RDONLY | O_DIRECTORY),
						   .dumps = world.dumps,
						   .limit_ms = world.limit_ms };

		if (cryo_guard_start(&o, &world.err) < 0)
			_exit(1);
		start_sleeper();
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

static bool await_state(enum cryo_group_state state)
{
	for (int ms = 0; ms < LIMIT_MS && cryo_group_look(world.freezer) != state; ms += 20)
		usleep(20000);
	return cryo_group_look(world.freezer) == state;
}

static void assert_criu_is_ended(void)
{
	int status;

	assert_int_equal(waitpid(world.criu, &status, 0), world.criu);
	assert_true(WIFSIGNALED(status));
	world.criu = 0;
}

static void runc_is_killed(void **state)
{
	(void)state;
	begin_dump();
	kill(world.runc, SIGKILL);
	waitpid(world.runc, NULL, 0);
	assert_criu_is_ended();
	assert_true(await_state(CRYO_GROUP_RUNS));
}

static void call_is_over(void **state)
{
	(void)state;
	begin_dump();
	assert_int_equal(rmdir(world.work), 0);
	assert_criu_is_ended();
	assert_true(await_state(CRYO_GROUP_RUNS));
	/* It waits for CRIU's end, and may hang. */
	assert_int_equal(waitpid(world.runc, NULL, 0), world.runc);
}

static int short_setup(void **state)
{
	int rc = setup(state);

	world.limit_ms = 100;
	return rc;
}

static void takes_too_long(void **state)
{
	(void)state;
	begin_dump();
	assert_criu_is_ended();
	assert_true(await_state(CRYO_GROUP_RUNS));
}

/* Who ends it by hand has the container for itself. */
static void ended_by_hand(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	begin_dump();
	assert_int_equal(cryo_guard_end(world.dumps, ID, LIMIT_MS, &err), 1);
	assert_criu_is_ended();
	assert_int_equal(cryo_group_look(world.freezer), CRYO_GROUP_FROZEN);
	assert_int_equal(cryo_guard_end(world.dumps, ID, LIMIT_MS, &err), 0);
}

/* As every dump that succeeds: containerd still reads the file system, and lets go then. */
static void criu_has_finished(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	begin_dump();
	kill(world.criu, SIGKILL);
	waitpid(world.criu, NULL, 0);
	kill(world.runc, SIGKILL);
	waitpid(world.runc, NULL, 0);
	usleep(1500000);
	assert_int_equal(cryo_group_look(world.freezer), CRYO_GROUP_FROZEN);
	cryo_group_thaw(world.freezer);
	for (int ms = 0; ms < LIMIT_MS && cryo_guard_end(world.dumps, ID, 0, &err) != 0; ms += 20)
		usleep(20000);
	cryo_group_freeze(world.freezer); /* the next dump's: nobody interferes any more */
	usleep(300000);
	assert_int_equal(cryo_group_look(world.freezer), CRYO_GROUP_FROZEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(runc_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(call_is_over, setup, teardown),
		cmocka_unit_test_setup_teardown(takes_too_long, short_setup, teardown),
		cmocka_unit_test_setup_teardown(ended_by_hand, setup, teardown),
		cmocka_unit_test_setup_teardown(criu_has_finished, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
