/* SPDX-License-Identifier: Apache-2.0 */
/* The guard against states that CRIU hangs on, by a /proc that is made up: no CRIU is asked. */
#include "interposer/states.h"

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

static void put_thread(const char *proc, int pid, int tid, const char *wchan, const char *name)
{
	cryo_auto(cryo_free) char *state = cryo_asprintf("%s/%d/task/%d/wchan", proc, pid, tid);
	cryo_auto(cryo_free) char *comm = cryo_asprintf("%s/%d/task/%d/comm", proc, pid, tid);
	struct cryo_err err;

	assert_int_equal(cryo_fs_mkparents(state, 0700, &err), 0);
	assert_int_equal(cryo_fs_write(state, wchan, strlen(wchan), 0600, &err), 0);
	assert_int_equal(cryo_fs_write(comm, name, strlen(name), 0600, &err), 0);
}

static void all_threads(void **state)
{
	static const pid_t fine[] = { 10, 999, 0 }, stopped[] = { 10, 11, 0 }, forks[] = { 12, 0 };
	cryo_auto(cryo_free) char *proc = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_fs_tmpdir("/tmp", "test-states-", &proc, &err), 0);
	put_thread(proc, 10, 10, "hrtimer_nanosleep", "app\n");
	put_thread(proc, 10, 14, "futex_do_wait", "app\n");
	put_thread(proc, 11, 11, "do_signal_stop", "job\n");
	put_thread(proc, 12, 12, "futex_do_wait", "launcher\n");
	put_thread(proc, 12, 13, "kernel_clone", "launcher\n");
	assert_int_equal(cryo_states_check(proc, fine, true, &err), 0);
	assert_int_equal(cryo_states_check(proc, stopped, false, &err), 0);
	assert_int_equal(cryo_states_check(proc, stopped, true, &err), -CRYO_E_CHECK);
	assert_string_equal(err.msg,
			    "process 11 ('job') is stopped (SIGSTOP): let it go on with SIGCONT: "
			    "CRIU would wait for it for ever");
	assert_int_equal(cryo_states_check(proc, forks, false, &err), -CRYO_E_CHECK);
	assert_string_equal(err.msg, "process 12 ('launcher') waits in vfork() for its child (most "
				     "do so for a moment only: try again): CRIU would "
				     "wait for it for ever");
	assert_int_equal(cryo_fs_rmtree(proc, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(all_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
