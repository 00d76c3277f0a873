/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/crew.h"
#include "tests/scratch.h"

#include "base/event.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_MS 60000

/* What became of the jobs: "+0 +1 -0 …" in their order. */
static struct {
	const char *const *script; /* of each job */
	struct cryo_proc proc[8];
	const char *argv[8][5];
	struct cryo_str log;
	unsigned at_work, most;
	bool open; /* the first one said so */
	char *fifo;
} w;
static struct cryo_err err;

static int setup(void **state)
{
	memset(&w, 0, sizeof(w));
	err = (struct cryo_err)CRYO_ERR_INIT;
	if (scratch_setup(state) < 0)
		return -1;
	w.fifo = scratch_path("fifo");
	return mkfifo(w.fifo, 0600);
}

static int teardown(void **state)
{
	free(w.fifo);
	cryo_str_release(&w.log);
	cryo_event_set_sink(NULL, NULL);
	return scratch_teardown(state);
}

static void open_on_line(const char *line, int stream, void *arg)
{
	(void)stream, (void)arg;
	w.open = w.open || strcmp(line, "open") == 0;
}

static int start_job(void *arg, size_t i, struct cryo_child **out, struct cryo_err *e)
{
	const char *const argv[] = { "sh", "-c", w.script[i], w.fifo, NULL };

	(void)arg;
	if (!*w.script[i])
		return cryo_err_set(e, CRYO_E_UNFIT, "job %zu cannot start", i);
	memcpy(w.argv[i], argv, sizeof(argv));
	w.proc[i] = (struct cryo_proc){ .argv = w.argv[i],
					.on_line = open_on_line,
					.timeout_ms = LIMIT_MS };
	if (++w.at_work > w.most)
		w.most = w.at_work;
	cryo_str_addf(&w.log, "+%zu ", i);
	return cryo_child_start(&w.proc[i], out, e);
}

static int finish_job(void *arg, size_t i, struct cryo_child *child, struct cryo_err *e)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	int rc = cryo_child_finish(child, &res, e);

	(void)arg;
	w.at_work--;
	cryo_str_addf(&w.log, "-%zu ", i);
	return cryo_err_wrap(e, rc, "job %zu", i);
}

static bool is_open(void *arg, size_t i)
{
	(void)arg, (void)i;
	return w.open;
}

static int run(const char *const *script, unsigned most, bool (*fits)(void *, size_t))
{
	struct cryo_crew crew = { .most = most,
				  .start = start_job,
				  .finish = finish_job,
				  .fits = fits,
				  .interrupted = "all end" };

	w.script = script;
	while (script[crew.jobs])
		crew.jobs++;
	return cryo_crew_run(&crew, &err);
}

static void no_more_than_that_at_once(void **state)
{
	static const char *const script[] = { ":", "sleep 0.02", ":", ":", "sleep 0.01", NULL };

	(void)state;
	assert_int_equal(run(script, 1, NULL), 0);
	assert_string_equal(cryo_str_get(&w.log), "+0 -0 +1 -1 +2 -2 +3 -3 +4 -4 ");
	assert_int_equal(w.most, 1);
	cryo_str_clear(&w.log);
	assert_int_equal(run(script, 3, NULL), 0);
	assert_int_equal(w.most, 3);
	assert_true(cryo_starts_with(cryo_str_get(&w.log), "+0 +1 +2 -"));
	assert_int_equal(w.at_work, 0);
}

static void nothing_to_do(void **state)
{
	static const char *const none[] = { NULL };

	(void)state;
	assert_int_equal(run(none, 2, NULL), 0);
}

/* Those at work end in their own time; the first failure is told. */
static void a_failure_ends_it(void **state)
{
	static const char *const script[] = { "read x <$0; exit 4", "echo >$0; exit 3", ":", NULL };
	static const char *const unfit[] = { "sleep 0.02", "", ":", NULL };

	(void)state;
	assert_int_equal(run(script, 2, NULL), -CRYO_E_CHILD);
	assert_true(cryo_starts_with(err.msg, "job "));
	assert_null(strstr(cryo_str_get(&w.log), "+2"));
	assert_non_null(strstr(cryo_str_get(&w.log), "-0"));
	assert_non_null(strstr(cryo_str_get(&w.log), "-1"));
	cryo_str_clear(&w.log);
	assert_int_equal(run(unfit, 3, NULL), -CRYO_E_UNFIT);
	assert_string_equal(err.msg, "job 1 cannot start");
	assert_string_equal(cryo_str_get(&w.log), "+0 -0 ");
}

/* The second ends only after the first did, and fails as well. */
static void the_first_failure_is_told(void **state)
{
	static const char *const script[] = { "exec 3>$0; exit 3", "cat $0; sleep 0.05; exit 4",
					      NULL };

	(void)state;
	assert_int_equal(run(script, 2, NULL), -CRYO_E_CHILD);
	assert_true(cryo_starts_with(err.msg, "job 0: "));
	assert_string_equal(cryo_str_get(&w.log), "+0 +1 -0 -1 ");
}

/* Asked again when the first one says something, while it still is at work. */
static void one_that_does_not_fit_waits(void **state)
{
	static const char *const script[] = { "echo open; read x <$0", "echo >$0", NULL };
	static const char *const alone[] = { ":", ":", NULL };

	(void)state;
	assert_int_equal(run(script, 2, is_open), 0);
	assert_int_equal(w.most, 2);
	w.open = false;
	w.most = 0;
	assert_int_equal(run(alone, 2, is_open), 0);
	assert_int_equal(w.most, 1);
}

static void count_event(const struct cryo_event *ev, void *arg)
{
	*(int *)arg += ev->kind == CRYO_EVENT_INFO && strcmp(ev->detail, "all end") == 0;
}

static void an_interrupt_ends_it(void **state)
{
	static const char *const script[] = { "kill -TERM $PPID; while :; do sleep 0.01; done", ":",
					      NULL };
	int wstatus, said = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		cryo_intr_install();
		cryo_event_set_sink(count_event, &said);
		if (run(script, 1, NULL) != -CRYO_E_INTERRUPTED)
			_exit(1);
		_exit(said == 1 && strcmp(cryo_str_get(&w.log), "+0 -0 ") == 0 ? 0 : 2);
	}
	assert_true(waitpid(pid, &wstatus, 0) == pid);
	assert_int_equal(wstatus, 0);
}

static void processors(void **state)
{
	cpu_set_t all, one;
	int cpu = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(cryo_processors(), CPU_COUNT(&all));
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(cryo_processors(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_more_than_that_at_once),
		TEST(nothing_to_do),
		TEST(a_failure_ends_it),
		TEST(the_first_failure_is_told),
		TEST(one_that_does_not_fit_waits),
		TEST(an_interrupt_ends_it),
		TEST(processors),
	};

	return cmocka_run_group_tests_name("crew", tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
