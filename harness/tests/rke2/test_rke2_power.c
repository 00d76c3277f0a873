/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts. A child installs or rolls back and dies at the nth point after which something is on
 * the disk; then RKE2 may or may not start, and `install` or `rollback` is run. Whatever was cut, a
 * start finds programs of one kind, and what follows ends in exactly the new or the old state.
 * What a cut does below the file system has a test of its own (test_rke2_blocks.c).
 */
#include "tests/rke2/rke2_power.h"

#include <sys/wait.h>

static char *saved;
static long point_left;

static void die_at_point(const char *what, void *arg)
{
	(void)what;
	(void)arg;
	if (point_left-- == 0)
		_exit(9);
}

static void copy_world(const char *from, const char *to)
{
	assert_int_equal(cryo_fs_rmtree(to, &node.err), 0);
	if (cryo_fs_copy_tree(from, to, &node.err) < 0)
		fail_msg("%s", node.err.msg);
}

/* Back to what was saved: paths are absolute, so it has to be the same directory. */
static void restore_world(void)
{
	copy_world(saved, node.dir);
}

/* 1: the child was cut at that point; 0: it came to its end before. */
static int run_until(int (*work)(void), long point)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		point_left = point;
		cryo_rke2_set_hook(die_at_point, NULL);
		_exit(work() == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 1)
		fail_msg("the work failed before point %ld", point);
	return WEXITSTATUS(status) == 9;
}

static char *crashed_path(void)
{
	return cryo_asprintf("%s.crashed", node.dir);
}

/* Every point of `work`, each followed by every way on. */
static void cut_everywhere(int (*work)(void))
{
	cryo_auto(cryo_free) char *crashed = crashed_path();

	for (long point = 0;; point++) {
		restore_world();
		if (!run_until(work, point))
			break;
		copy_world(node.dir, crashed);
		for (int way = 0; way < 4; way++) {
			if (way)
				copy_world(crashed, node.dir);
			recover(point, way & 1, way & 2);
		}
	}
	assert_int_equal(cryo_fs_rmtree(crashed, &node.err), 0);
}

static void cut_install_and_rollback(const char *method)
{
	node.opts.method = method;
	saved = cryo_asprintf("%s.saved", node.dir);
	picture_old = node_picture();
	copy_world(node.dir, saved);
	must_be_done(node_install());
	picture_new = node_picture();
	cut_everywhere(node_install);
	restore_world();
	must_be_done(node_install());
	copy_world(node.dir, saved);
	cut_everywhere(node_roll_back);
	assert_int_equal(cryo_fs_rmtree(saved, &node.err), 0);
	print_message("# %s: %u cuts, 0 mixed states\n", method, points_cut);
	assert_true(points_cut >= 100);
	points_cut = 0;
	free(saved);
	free(picture_old);
	free(picture_new);
}

static void runtime_image_survives_every_cut(void **state)
{
	(void)state;
	cut_install_and_rollback(CRYO_RKE2_RUNTIME_IMAGE);
}

static void swap_survives_every_cut(void **state)
{
	(void)state;
	cut_install_and_rollback(CRYO_RKE2_SWAP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(runtime_image_survives_every_cut, node_setup,
						node_teardown),
		cmocka_unit_test_setup_teardown(swap_survives_every_cut, node_setup, node_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
