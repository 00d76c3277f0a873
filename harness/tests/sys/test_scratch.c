/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scratch.h"

#include <sys/stat.h>
#include <sys/wait.h>

static void is_private(void **state)
{
	struct stat st;

	(void)state;
	scratch_put("a/b", "text");
	assert_int_equal(stat(scratch_dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_true(cryo_fs_exists(scratch_at("a/b")));
}

static void variables_come_back(void **state)
{
	setenv("CRYO_KEPT", "old", 1);
	unsetenv("CRYO_NEW");
	assert_int_equal(scratch_setup(state), 0);
	scratch_setenv("CRYO_KEPT", "1");
	scratch_setenv("CRYO_KEPT", "2");
	scratch_setenv_path("CRYO_NEW", "x");
	assert_string_equal(getenv("CRYO_KEPT"), "2");
	assert_int_equal(scratch_teardown(state), 0);
	assert_null(scratch_dir);
	assert_string_equal(getenv("CRYO_KEPT"), "old");
	assert_null(getenv("CRYO_NEW"));
}

/* A program that ends without a teardown, as after a setup that failed. */
static void end_early(int to, bool with_child)
{
	pid_t pid;

	if (scratch_setup(NULL) < 0 || write(to, scratch_dir, strlen(scratch_dir)) < 0)
		_exit(2);
	scratch_put("a/b", "text");
	if (!with_child)
		exit(3);
	pid = fork();
	if (pid == 0)
		exit(0);
	waitpid(pid, NULL, 0);
	_exit(cryo_fs_exists(scratch_dir) ? 3 : 4);
}

static void how_it_ends(void **state)
{
	static const bool with_child[] = { false, true };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(with_child); i++) {
		char path[256] = "";
		struct cryo_err err;
		int pipes[2], status;
		pid_t pid;

		assert_int_equal(pipe(pipes), 0);
		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			scratch.pid = 0; /* a program of its own: nothing is inherited */
			end_early(pipes[1], with_child[i]);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WEXITSTATUS(status), 3);
		assert_true(read(pipes[0], path, sizeof(path) - 1) > 0);
		assert_int_equal(cryo_fs_exists(path), with_child[i]);
		assert_int_equal(cryo_fs_rmtree(path, &err), 0);
		close(pipes[0]);
		close(pipes[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_private, scratch_setup, scratch_teardown),
		cmocka_unit_test(variables_come_back),
		cmocka_unit_test(how_it_ends),
	};

	return cmocka_run_group_tests_name("scratch", tests, NULL, NULL) ? EXIT_FAILURE
									 : EXIT_SUCCESS;
}
