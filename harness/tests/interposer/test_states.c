/* SPDX-License-Identifier: Apache-2.0 */
/* The guard against states that CRIU hangs on, by a /proc that is made up: no CRIU is asked. */
#include "interposer/states.h"
#include "tests/scratch.h"

#include "base/str.h"
#include "base/util.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void words(void **state)
{
	static const struct {
		const char *wchan;
		const char *v1, *v2; /* begin of the words */
	} row[] = {
		{ "kernel_clone", "waits in vfork", "waits in vfork" },
		{ "_do_fork", "waits in vfork", "waits in vfork" },
		{ "do_signal_stop", "is stopped", NULL },
		{ "do_jobctl_trap", "is stopped", NULL },
		{ "hrtimer_nanosleep", NULL, NULL },
		{ "__refrigerator", NULL, NULL },
		{ "0", NULL, NULL },
		{ "", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const char *v1 = cryo_states_explain(row[i].wchan, true);
		const char *v2 = cryo_states_explain(row[i].wchan, false);

		print_message("# %s\n", row[i].wchan);
		assert_int_equal(!v1, !row[i].v1);
		assert_int_equal(!v2, !row[i].v2);
		assert_true(!v1 || cryo_starts_with(v1, row[i].v1));
		assert_true(!v2 || cryo_starts_with(v2, row[i].v2));
	}
}

static void put_thread(int pid, int tid, const char *wchan, const char *name)
{
	cryo_auto(cryo_free) char *state = cryo_asprintf("%d/task/%d/wchan", pid, tid);
	cryo_auto(cryo_free) char *comm = cryo_asprintf("%d/task/%d/comm", pid, tid);

	scratch_put(state, wchan);
	scratch_put(comm, name);
}

static void all_threads(void **state)
{
	static const pid_t fine[] = { 10, 999, 0 }, stopped[] = { 10, 11, 0 }, forks[] = { 12, 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	put_thread(10, 10, "hrtimer_nanosleep", "app\n");
	put_thread(10, 14, "futex_do_wait", "app\n");
	put_thread(11, 11, "do_signal_stop", "job\n");
	put_thread(12, 12, "futex_do_wait", "launcher\n");
	put_thread(12, 13, "kernel_clone", "launcher\n");
	assert_int_equal(cryo_states_check(scratch_dir, fine, true, &err), 0);
	assert_int_equal(cryo_states_check(scratch_dir, stopped, false, &err), 0);
	assert_int_equal(cryo_states_check(scratch_dir, stopped, true, &err), -CRYO_E_CHECK);
	assert_string_equal(err.msg, "process 11 ('job') is stopped (SIGSTOP): continue it with "
				     "SIGCONT: CRIU would wait for it forever");
	assert_int_equal(cryo_states_check(scratch_dir, forks, false, &err), -CRYO_E_CHECK);
	assert_string_equal(err.msg,
			    "process 12 ('launcher') waits in vfork() for its child (usually only "
			    "for a moment: try again): CRIU would wait for it forever");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test_setup_teardown(all_threads, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
