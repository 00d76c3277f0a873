/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/lock.h"
#include "tests/scratch.h"

#include "base/clock.h"
#include "base/event.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char *path;
static pid_t holder;
static struct cryo_err err;

static int setup(void **state)
{
	int rc = scratch_setup(state);

	path = scratch_path("run/lock");
	holder = 0;
	return rc;
}

static void end_holder(void)
{
	if (holder > 0) {
		kill(holder, SIGKILL);
		waitpid(holder, NULL, 0);
	}
	holder = 0;
}

static int teardown(void **state)
{
	end_holder();
	free(path);
	return scratch_teardown(state);
}

/* Another process takes the lock, keeps it for `ms`, then removes or releases it. */
static void start_holder(int64_t ms, bool remove)
{
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	holder = fork();
	if (holder == 0) {
		int fd = -1;

		if (cryo_lock_take(path, 0, &fd, &err) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		usleep((useconds_t)ms * 1000);
		if (remove)
			cryo_lock_remove(path, &fd);
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
}

static void take_and_release(void **state)
{
	cryo_auto(cryo_fd_close) int fd = -1;
	struct stat st;

	(void)state;
	assert_true(cryo_lock_is_free(path));
	assert_false(cryo_fs_exists(path));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(cryo_lock_take(path, 0, &fd, &err), 0);
		assert_false(cryo_lock_is_free(path));
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		cryo_fd_closep(&fd);
		assert_true(cryo_lock_is_free(path));
	}
}

static void second_taker_is_told_who(void **state)
{
	cryo_auto(cryo_free) char *who = NULL;
	int64_t begin = cryo_now_ms();
	int fd = -1;

	(void)state;
	start_holder(60000, false);
	who = cryo_asprintf("(pid %d)", holder);
	assert_int_equal(cryo_lock_take(path, 0, &fd, &err), -CRYO_E_TIMEOUT);
	assert_non_null(strstr(err.msg, who));
	assert_non_null(strstr(err.msg, path));
	assert_int_equal(cryo_lock_take(path, 120, &fd, &err), -CRYO_E_TIMEOUT);
	assert_true(cryo_now_ms() - begin >= 120);
	assert_int_equal(fd, -1);
	assert_false(cryo_lock_is_free(path));
}

static void killed_holder_holds_nothing(void **state)
{
	cryo_auto(cryo_fd_close) int fd = -1;

	(void)state;
	start_holder(60000, false);
	end_holder();
	assert_true(cryo_lock_is_free(path));
	assert_int_equal(cryo_lock_take(path, 0, &fd, &err), 0);
}

static void keep_note(const struct cryo_event *ev, void *arg)
{
	char **note = arg;

	if (ev->kind == CRYO_EVENT_NOTE && !*note)
		*note = cryo_strdup(ev->detail);
}

static void says_whom_it_waits_for(void **state)
{
	cryo_auto(cryo_free) char *note = NULL, *who = NULL;
	cryo_auto(cryo_fd_close) int fd = -1;

	(void)state;
	cryo_event_set_sink(keep_note, &note);
	assert_int_equal(cryo_lock_wait(path, 0, &fd, &err), 0);
	assert_null(note);
	cryo_fd_closep(&fd);
	start_holder(500, false);
	who = cryo_asprintf("(pid %d)", holder);
	assert_int_equal(cryo_lock_wait(path, 10000, &fd, &err), 0);
	cryo_event_set_sink(NULL, NULL);
	assert_non_null(note);
	assert_true(cryo_starts_with(note, "waiting: "));
	assert_non_null(strstr(note, who));
}

static void waits_for_the_release(void **state)
{
	(void)state;
	for (int remove = 0; remove <= 1; remove++) {
		cryo_auto(cryo_fd_close) int fd = -1;

		start_holder(200, remove);
		assert_int_equal(cryo_lock_take(path, 10000, &fd, &err), 0);
		/* the lock that it has is the one that others see */
		assert_false(cryo_lock_is_free(path));
		end_holder();
		assert_false(cryo_lock_is_free(path));
	}
}

static void remove_leaves_nothing(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(cryo_lock_take(path, 0, &fd, &err), 0);
	cryo_lock_remove(path, &fd);
	assert_int_equal(fd, -1);
	assert_false(cryo_fs_exists(path));
	assert_true(cryo_lock_is_free(path));
}

static void many_hold_or_one_has_it_alone(void **state)
{
	cryo_auto(cryo_fd_close) int a = -1, b = -1, alone = -1;

	(void)state;
	assert_int_equal(cryo_lock_join(path, 0, &a, &err), 0);
	assert_int_equal(cryo_lock_join(path, 0, &b, &err), 0);
	cryo_fd_closep(&a);
	assert_int_equal(cryo_lock_take(path, 0, &alone, &err), -CRYO_E_TIMEOUT);
	assert_true(cryo_ends_with(err.msg, "is held by another cryopod"));
	cryo_fd_closep(&b);
	assert_int_equal(cryo_lock_take(path, 0, &alone, &err), 0);
	assert_int_equal(cryo_lock_join(path, 0, &a, &err), -CRYO_E_TIMEOUT);
	assert_int_equal(a, -1);
}

static void directories(void **state)
{
	cryo_auto(cryo_free) char *was = scratch_path("was");
	cryo_auto(cryo_free) char *link = scratch_path("link");
	cryo_auto(cryo_fd_close) int a = -1, b = -1, alone = -1;

	(void)state;
	assert_int_equal(cryo_lock_hold_dir(path), -1);
	assert_int_equal(cryo_lock_only_dir(path), -1);
	assert_int_equal(cryo_fs_mkdirs(path, 0755, &err), 0);
	a = cryo_lock_hold_dir(path);
	b = cryo_lock_hold_dir(path);
	assert_true(a >= 0 && b >= 0);
	cryo_fd_closep(&a);
	assert_int_equal(cryo_lock_only_dir(path), -1);
	cryo_fd_closep(&b);
	alone = cryo_lock_only_dir(path);
	assert_true(alone >= 0);
	assert_int_equal(cryo_lock_hold_dir(path), -1);
	/* Renamed away, it is not what has the name next. */
	assert_int_equal(rename(path, was), 0);
	assert_int_equal(cryo_lock_hold_dir(path), -1);
	assert_int_equal(cryo_fs_mkdirs(path, 0755, &err), 0);
	a = cryo_lock_hold_dir(path);
	assert_true(a >= 0);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(cryo_lock_hold_dir(link), -1);
}

static void bad_places(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(cryo_lock_take(scratch_dir, 0, &fd, &err), -CRYO_E_SYSTEM);
	assert_int_equal(cryo_lock_take("/proc/none/lock", 0, &fd, &err), -CRYO_E_SYSTEM);
	assert_int_equal(fd, -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(take_and_release),
		TEST(second_taker_is_told_who),
		TEST(killed_holder_holds_nothing),
		TEST(says_whom_it_waits_for),
		TEST(waits_for_the_release),
		TEST(remove_leaves_nothing),
		TEST(many_hold_or_one_has_it_alone),
		TEST(directories),
		TEST(bad_places),
	};

	return cmocka_run_group_tests_name("lock", tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
