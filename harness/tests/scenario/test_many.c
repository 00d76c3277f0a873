/* SPDX-License-Identifier: Apache-2.0 */
/* Several clusters at once, each in a process of its own: a shell script plays that program. */
#include "scenario/many.h"
#include "tests/scratch.h"

#include "base/event.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define N 9

static char *program;
static struct cryo_err err;
static struct cryo_str said;

/* "--name CLUSTER --target KIND internal-cluster up|down …": what the fourth one does is in $odd.
 */
static const char script[] =
    "#!/bin/sh\n"
    "say() { echo \"{\\\"event\\\":\\\"$1\\\",\\\"depth\\\":0,\\\"what\\\":\\\"$2\\\","
    "\\\"detail\\\":\\\"$3\\\"}\"; }\n"
    "echo \"$*\" >>\"$dir/journal\"\n"
    "case $2 in *-4) ;; *) sleep 0.03; exit 0 ;; esac\n"
    "eval \"$odd\"\n";

static void on_event(const struct cryo_event *ev, void *arg)
{
	(void)arg;
	if (ev->kind == CRYO_EVENT_WARN)
		cryo_str_addf(&said, "warning %s\n", ev->detail);
	else if (ev->kind == CRYO_EVENT_INFO)
		cryo_str_addf(&said, "%.*s%s\n", (int)strcspn(ev->detail, ":"), ev->detail,
			      strstr(ev->detail, ", a cold start") ? " cold" : "");
}

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	program = scratch_path("program");
	scratch_setenv("dir", scratch_dir);
	setenv("odd", "", 1);
	scratch_setenv("CRYOPOD_STATE_DIR", scratch_dir);
	cryo_event_set_sink(on_event, NULL);
	cryo_str_clear(&said);
	err = (struct cryo_err)CRYO_ERR_INIT;
	return cryo_fs_write(program, script, strlen(script), 0755, &err);
}

static int teardown(void **state)
{
	cryo_event_set_sink(NULL, NULL);
	free(cryo_steal(&program));
	cryo_str_release(&said);
	return scratch_teardown(state);
}

static struct cryo_many *run(const struct cryo_up_opts *up, const char *odd, unsigned from,
			     int want)
{
	const struct cryo_many_run run = { .program = program, .up = up };
	struct cryo_many *all = cryo_many_names("demo", N);

	setenv("odd", odd, 1);
	cryo_str_clear(&said);
	err = (struct cryo_err)CRYO_ERR_INIT;
	assert_int_equal(cryo_many_run_all(&run, all, from, N, &err), want);
	return all;
}

/* Command lines of all of them, in the order in which they began. */
static void journal(struct cryo_str *out)
{
	cryo_auto(cryo_free) char *path = scratch_path("journal");

	assert_int_equal(cryo_fs_read(path, 65536, out, &err), 0);
}

static void names(void **state)
{
	struct cryo_many *all = cryo_many_names("ci", 12);

	(void)state;
	assert_string_equal(all[0].name, "ci-1");
	assert_string_equal(all[11].name, "ci-12");
	assert_true(all[11].memory == -1);
	cryo_many_free(all, 12);
	cryo_many_free(NULL, 0);
}

static void all_of_them(void **state)
{
	const struct cryo_up_opts up = CRYO_UP_OPTS_INIT;
	struct cryo_many *all = run(&up, "", 0, 0);
	cryo_auto(cryo_str_release) struct cryo_str lines = { 0 };

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		cryo_auto(cryo_free) char *line =
		    cryo_asprintf("--name demo-%u internal-cluster up\n", i + 1);

		assert_int_equal(all[i].rc, 0);
		assert_true(i == 3 || all[i].ms >= 25);
		cryo_str_clear(&lines);
		journal(&lines);
		assert_non_null(strstr(cryo_str_get(&lines), line));
	}
	assert_null(strstr(cryo_str_get(&said), "warning"));
	cryo_many_free(all, N);
}

static void what_up_is_told(void **state)
{
	const struct cryo_up_opts up = { .stack = "my stack.yaml",
					 .timeout_ms = 1500,
					 .no_build = true,
					 .template.cold = true,
					 .from = "shop" };
	cryo_auto(cryo_str_release) struct cryo_str lines = { 0 };

	(void)state;
	cryo_many_free(run(&up, "", N - 1, 0), N);
	cryo_many_free(run(NULL, "", N - 1, 0), N);
	journal(&lines);
	assert_string_equal(cryo_str_get(&lines),
			    "--name demo-9 internal-cluster up "
			    "--stack=my stack.yaml --timeout=1500ms --no-build --cold --from=shop\n"
			    "--name demo-9 internal-cluster down\n");
}

static void from_the_second(void **state)
{
	struct cryo_many *all = run(NULL, "", 1, 0);

	(void)state;
	assert_true(all[0].ms == 0 && all[1].ms > 0 && all[N - 1].ms > 0);
	cryo_many_free(all, N);
}

/* One that fails, is killed or ends without a word stops no other one. */
static void one_goes_wrong(void **state)
{
	static const struct {
		const char *odd;
		int rc;
		const char *says;
	} row[] = {
		{ "echo cryopod: it cannot >&2; exit 4", -CRYO_E_PROVISION, "it cannot" },
		{ "echo cryopod: no >&2; echo cryopod: space >&2; exit 3", -CRYO_E_UNFIT, "space" },
		{ "printf 'cryopod: half' >&2; exit 5", -CRYO_E_TIMEOUT, "half" },
		{ "echo cryopod: odd >&2; exit 99", -CRYO_E_CHILD, "odd" },
		{ "kill -9 $$", -CRYO_E_CHILD, "its process was killed by signal 9 (Killed)" },
		{ "exit 1", -CRYO_E_CHILD,
		  "its process ended with exit code 1 and without a result" },
		{ "echo no cryopod: here >&2; exit 1", -CRYO_E_CHILD,
		  "its process ended with exit code 1 and without a result" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_many *all = run(NULL, row[i].odd, 0, row[i].rc);
		cryo_auto(cryo_free) char *line =
		    cryo_asprintf("warning demo-4: %s\n", row[i].says);

		print_message("# %s\n", row[i].odd);
		assert_string_equal(err.msg, row[i].says);
		for (unsigned k = 0; k < N; k++)
			assert_int_equal(all[k].rc, k == 3 ? row[i].rc : 0);
		assert_non_null(strstr(cryo_str_get(&said), line));
		cryo_many_free(all, N);
	}
}

/* Nobody sees the steps of the others, but a cold start that nobody asked for must not pass for a
 * slow machine. */
static void cold_starts_are_said(void **state)
{
	static const char odd[] = "say begin 'restored from template'; say fail 'restored from "
				  "template' why; say warn '' 'a cold start follows'; "
				  "say begin prepare; say ok prepare; echo junk; echo '{}'";
	struct cryo_up_opts up = CRYO_UP_OPTS_INIT;

	(void)state;
	cryo_many_free(run(&up, odd, 0, 0), N);
	assert_non_null(strstr(cryo_str_get(&said), "warning demo-4: a cold start follows\n"));
	assert_non_null(strstr(cryo_str_get(&said), "\ndemo-4 cold\n"));
	assert_non_null(strstr(cryo_str_get(&said), "demo-5\n"));
	/* Asked for, or running already. */
	up.template.cold = true;
	cryo_many_free(run(&up, "say begin prepare; say ok prepare", 0, 0), N);
	assert_null(strstr(cryo_str_get(&said), "demo-4 cold\n"));
	up.template.cold = false;
	cryo_many_free(run(&up, "say begin 'API server'; say ok 'API server'", 0, 0), N);
	assert_null(strstr(cryo_str_get(&said), "cold"));
}

/* SIGTERM reaches those that run, which end in their own way; no more begin. */
static void interrupted(void **state)
{
	static const char odd[] = "trap 'echo took it back >>$dir/journal; exit 143' TERM; "
				  "kill -TERM $PPID; while :; do sleep 0.01; done";
	cryo_auto(cryo_str_release) struct cryo_str lines = { 0 };
	const struct cryo_many_run how = { .program = program };
	struct cryo_many *all = cryo_many_names("demo", N);
	pid_t pid;
	int wstatus;

	(void)state;
	setenv("odd", odd, 1);
	pid = fork();
	if (pid == 0) {
		cryo_intr_install();
		_exit(cryo_many_run_all(&how, all, 3, N, &err) == -CRYO_E_INTERRUPTED ? 0 : 1);
	}
	assert_true(waitpid(pid, &wstatus, 0) == pid);
	assert_int_equal(wstatus, 0);
	journal(&lines);
	assert_non_null(strstr(cryo_str_get(&lines), "took it back\n"));
	cryo_many_free(all, N);
}

static void no_program(void **state)
{
	struct cryo_many *all = cryo_many_names("demo", 2);
	const struct cryo_many_run how = { .program = "/nonexistent/cryopod" };

	(void)state;
	assert_int_equal(cryo_many_run_all(&how, all, 0, 2, &err), -CRYO_E_UNFIT);
	cryo_many_free(all, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names),	       TEST(all_of_them),    TEST(what_up_is_told),
		TEST(from_the_second), TEST(one_goes_wrong), TEST(cold_starts_are_said),
		TEST(interrupted),     TEST(no_program),
	};

	return cmocka_run_group_tests_name("many", tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
