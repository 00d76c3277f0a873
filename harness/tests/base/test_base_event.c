/* SPDX-License-Identifier: Apache-2.0 */
#include "base/event.h"

#include "base/str.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Writes down every event: "1 OK inner|detail". */
static void record(const struct cryo_event *ev, void *arg)
{
	static const char *const kinds[] = { "BEGIN", "NOTE", "OK",   "SAME", "FAIL",
					     "SKIP",  "INFO", "WARN", "DEBUG" };

	assert_true(ev->ms >= 0 && ev->ms < 1000);
	cryo_str_addf(arg, "%u %s %s|%s\n", ev->depth, kinds[ev->kind], ev->what, ev->detail);
}

static int silent(void **state)
{
	(void)state;
	cryo_event_set_sink(NULL, NULL);
	return 0;
}

static void steps_nest(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str log = { 0 };

	(void)state;
	cryo_event_set_sink(record, &log);
	cryo_info("before");
	cryo_step_begin("outer %d", 1);
	cryo_step_note("half");
	cryo_step_begin("inner");
	cryo_step_note("%s", "deep");
	cryo_debug("pid %d", 7);
	cryo_step_fail("no space");
	cryo_warn("hm");
	cryo_step_begin("again");
	cryo_step_same("unchanged");
	cryo_step_begin("not here");
	cryo_step_skip("needs root");
	cryo_step_ok("");
	assert_string_equal(cryo_str_get(&log), "0 INFO |before\n"
						"0 BEGIN outer 1|\n"
						"0 NOTE outer 1|half\n"
						"1 BEGIN inner|\n"
						"1 NOTE inner|deep\n"
						"2 DEBUG |pid 7\n"
						"1 FAIL inner|no space\n"
						"1 WARN |hm\n"
						"1 BEGIN again|\n"
						"1 SAME again|unchanged\n"
						"1 BEGIN not here|\n"
						"1 SKIP not here|needs root\n"
						"0 OK outer 1|\n");
}

static void note_outside_of_steps(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str log = { 0 };

	(void)state;
	cryo_event_set_sink(record, &log);
	cryo_step_note("alone");
	assert_string_equal(cryo_str_get(&log), "0 NOTE |alone\n");
}

static void silent_without_sink(void **state)
{
	(void)state;
	cryo_step_begin("nobody listens");
	cryo_info("x");
	cryo_step_ok("fine");
}

static void keep_ms(const struct cryo_event *ev, void *arg)
{
	if (ev->kind == CRYO_EVENT_OK)
		*(int64_t *)arg = ev->ms;
}

static void ends_tell_the_time(void **state)
{
	int64_t ms = -1;

	(void)state;
	cryo_event_set_sink(keep_ms, &ms);
	cryo_step_begin("sleep");
	usleep(20000);
	cryo_step_ok("");
	assert_true(ms >= 19 && ms < 2000);
}

/* An end without a begin, and begins without end, are bugs that must not pass unseen. */
static void unbalanced_steps_abort(void **state)
{
	int status;

	(void)state;
	for (int begins = 0; begins <= 100; begins += 100) {
		pid_t pid = fork();

		if (pid == 0) {
			signal(SIGABRT, SIG_DFL);
			for (int i = 0; i < begins; i++)
				cryo_step_begin("deeper");
			cryo_step_ok("");
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGABRT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(steps_nest, silent),
		cmocka_unit_test_setup(note_outside_of_steps, silent),
		cmocka_unit_test_setup(silent_without_sink, silent),
		cmocka_unit_test_setup(ends_tell_the_time, silent),
		cmocka_unit_test_setup(unbalanced_steps_abort, silent),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL) ? EXIT_FAILURE
								       : EXIT_SUCCESS;
}
