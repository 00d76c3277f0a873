/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several scenarios at once, each in a process of its own: a shell script plays
 * that program. What it says for a scenario is what the file NAME.sh holds.
 */
#include "scenario/fresh.h"
#include "tests/scratch.h"

#include "base/event.h"
#include "base/str.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char *program, *journal;
static struct cryo_str events;
static struct cryo_err err;

/* "--name CLUSTER … internal-scenario … -- FILE" and "--name CLUSTER … down". */
static const char script[] =
    "#!/bin/sh\n"
    "for last; do case $prev in --name) cluster=$last ;; esac; prev=$last; done\n"
    "say() { echo "
    "\"{\\\"event\\\":\\\"$1\\\",\\\"depth\\\":$2,\\\"what\\\":\\\"$3\\\",\\\"detail\\\":\\\"$"
    "4\\\"}\"; }\n"
    "begin() { say begin 0 \"$1\"; say begin 1 cluster; }\n"
    "up() { say ok 1 cluster; }\n"
    "result() { echo "
    "\"{\\\"result\\\":{\\\"name\\\":\\\"$1\\\",\\\"outcome\\\":\\\"$2\\\",\\\"upMs\\\":5,"
    "\\\"failure\\\":"
    "{\\\"status\\\":\\\"${3:-ok}\\\",\\\"message\\\":\\\"$4\\\"}}}\"; }\n"
    "note() { echo \"$1\" >>\"$dir/journal\"; }\n"
    "case $last in\n"
    "down) note \"down ${cluster%-*}\"; rm -rf \"$CRYOPOD_STATE_DIR/$cluster\" ;;\n"
    "*) note \"start $(basename $last .yaml)\"; . \"${last%.yaml}.sh\" ;;\n"
    "esac\n";

static void on_event(const struct cryo_event *ev, void *arg)
{
	static const char *const kind[] = { "begin", NULL,   "ok",   "same", "FAIL",
					    "skip",  "info", "warn", NULL };

	(void)arg;
	if (kind[ev->kind])
		cryo_str_addf(&events, "%u%*s %s %s%s%s\n", ev->lane, (int)ev->depth * 2, "",
			      kind[ev->kind], ev->what, *ev->detail ? ": " : "", ev->detail);
}

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	program = scratch_path("program");
	journal = scratch_path("journal");
	scratch_setenv_path("CRYOPOD_STATE_DIR", "state");
	scratch_setenv("dir", scratch_dir);
	scratch_put_program("program", script);
	cryo_event_set_sink(on_event, NULL);
	return 0;
}

static int teardown(void **state)
{
	cryo_event_set_sink(NULL, NULL);
	cryo_str_release(&events);
	free(program);
	free(journal);
	return scratch_teardown(state);
}

/* Runs scenarios of these names; what each says was put before. */
static int run(const char *const *names, unsigned jobs, struct cryo_scenario_totals *out)
{
	const struct cryo_fresh_opts opts = { .program = program, .name = "t", .jobs = jobs };
	cryo_auto(cryo_strv_release) struct cryo_strv files = { 0 };

	for (; *names; names++) {
		cryo_auto(cryo_free) char *name = cryo_asprintf("%s.yaml", *names);
		cryo_auto(cryo_free) char *text = cryo_asprintf(
		    "apiVersion: cryopod.dev/v1alpha1\nkind: Scenario\nmetadata: {name: %s}\n"
		    "spec: {steps: [delete: {pod: p}]}\n",
		    *names);

		scratch_put(name, text);
		cryo_strv_addf(&files, "%s/%s", scratch_dir, name);
	}
	return cryo_fresh_run(&opts, cryo_strv_get(&files), out, &err);
}

static void journal_is(const char *want)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	cryo_fs_read(journal, 65536, &text, &err);
	assert_string_equal(cryo_str_get(&text), want);
}

#define PASS(name) "begin " name "; up; say ok 0 " name "; result " name " passed\n"

static void one_after_the_other(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };

	(void)state;
	scratch_put("a.sh", PASS("a"));
	scratch_put(
	    "b.sh",
	    "begin b; up; say FAIL 0 b; say fail 0 b 'it broke'; result b failed remote 'it "
	    "broke'\n");
	scratch_put("c.sh", "begin c; up; say skip 0 c 'no luck'; result c skipped ok 'no luck'\n");
	assert_int_equal(run((const char *const[]){ "a", "b", "c", NULL }, 1, &t), 0);
	assert_string_equal(
	    cryo_str_get(&events),
	    "1 begin a\n1   begin cluster\n1   ok cluster\n1 ok a\n"
	    "2 begin b\n2   begin cluster\n2   ok cluster\n"
	    "2   warn : {\"event\":\"FAIL\",\"depth\":0,\"what\":\"b\",\"detail\":\"\"}\n"
	    "2 FAIL b: it broke\n"
	    "3 begin c\n3   begin cluster\n3   ok cluster\n3 skip c: no luck\n");
	journal_is("start a\nstart b\nstart c\n");
	assert_int_equal(t.n, 3);
	assert_int_equal(t.passed, 1);
	assert_int_equal(t.failed, 1);
	assert_int_equal(t.skipped, 1);
	assert_string_equal(t.result[1].name, "b");
	assert_string_equal(t.result[1].err.msg, "it broke");
	assert_int_equal(cryo_scenario_exit_code(&t), 1);
}

#define WAIT_FOR(file) "until [ -e \"$dir/" file "\" ]; do sleep 0.01; done\n"

/* None ends before the others have begun; results come in order all the same. */
static void at_once(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };

	(void)state;
	scratch_put("a.sh",
		    "begin a; up; touch $dir/a\n" WAIT_FOR("c") "say ok 0 a; result a passed\n");
	scratch_put("b.sh", "begin b; up; touch $dir/b\n" WAIT_FOR("a")
				WAIT_FOR("c") "say ok 0 b; result b passed\n");
	scratch_put("c.sh", WAIT_FOR("b") "touch $dir/c\n" PASS("c"));
	assert_int_equal(run((const char *const[]){ "a", "b", "c", NULL }, 3, &t), 0);
	assert_int_equal(t.passed, 3);
	assert_string_equal(t.result[0].name, "a");
	assert_string_equal(t.result[2].name, "c");
}

/* What all need is made by the first: the second starts when the first's cluster is up. */
static void first_alone(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };

	(void)state;
	scratch_put("a.sh", "begin a; sleep 0.2; note up; up\n" WAIT_FOR(
				"b") "say ok 0 a; result a passed\n");
	scratch_put("b.sh", "touch $dir/b\n" PASS("b"));
	assert_int_equal(run((const char *const[]){ "a", "b", NULL }, 2, &t), 0);
	assert_int_equal(t.passed, 2);
	journal_is("start a\nup\nstart b\n");
}

static void no_cluster(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };

	(void)state;
	scratch_put("a.sh", "begin a; say fail 1 cluster 'no root'; say fail 0 a 'no root'\n"
			    "result a failed unfit 'no root' | sed 's/\"upMs\":5,//'\n");
	scratch_put("b.sh", PASS("b"));
	assert_int_equal(run((const char *const[]){ "a", "b", NULL }, 2, &t), -CRYO_E_UNFIT);
	assert_string_equal(err.msg, "no root");
	assert_int_equal(t.n, 1);
	journal_is("start a\n");
}

/* However its process ends: the steps end, its cluster goes, the others run. */
static void no_result(void **state)
{
	static const struct {
		const char *name, *text, *events, *msg;
	} row[] = {
		{ "killed in a step", "begin a; up; say begin 1 apply; kill -SEGV $$\n",
		  "1 begin a\n1   begin cluster\n1   ok cluster\n1   begin apply\n1   FAIL apply: "
		  "@\n"
		  "1 FAIL a: @\n",
		  "the process that ran it was killed by signal 11 (Segmentation fault)" },
		{ "said nothing", "begin a; up >/dev/null; exit 0\n",
		  "1 begin a\n1   begin cluster\n1   FAIL cluster: @\n1 FAIL a: @\n",
		  "the process that ran it ended with exit code 0 and without a result" },
		{ "not even a step", "echo 'no library' >&2; exit 127\n",
		  "1 warn : no library\n1 begin a\n1 FAIL a: @\n",
		  "the process that ran it ended with exit code 127 and without a result" },
		{ "no last word", "begin a; up; say ok 0 a\n",
		  "1 begin a\n1   begin cluster\n1   ok cluster\n1 ok a\n",
		  "the process that ran it ended with exit code 0 and without a result" },
		{ "a result too early", "begin a; up; result a passed; exit 3\n",
		  "1 begin a\n1   begin cluster\n1   ok cluster\n1 FAIL a: @\n",
		  "the process that ran it ended with exit code 3 and without a result" },
		{ "steps that do not fit",
		  "begin a; up; say ok 7 x; say begin 5 y; say ok 1 z; say ok 0 a; say ok 0 a; "
		  "kill -9 $$\n",
		  "1 begin a\n1   begin cluster\n1   ok cluster\n1 ok a\n",
		  "the process that ran it was killed by signal 9 (Killed)" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
		cryo_auto(cryo_str_release) struct cryo_str want = { 0 };

		print_message("# %s\n", row[i].name);
		cryo_str_clear(&events);
		unlink(journal);
		scratch_put("a.sh", row[i].text);
		run((const char *const[]){ "a", NULL }, 1, &t);
		for (const char *c = row[i].events; *c; c++)
			cryo_str_addn(&want, *c == '@' ? row[i].msg : c,
				      *c == '@' ? strlen(row[i].msg) : 1);
		assert_string_equal(cryo_str_get(&events), cryo_str_get(&want));
		assert_int_equal(t.failed, 1);
		assert_string_equal(t.result[0].err.msg, row[i].msg);
		journal_is("start a\ndown t-f1\n");
	}
}

static void crash_is_alone(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };

	(void)state;
	scratch_put("a.sh", "begin a; up; kill -SEGV $$\n");
	scratch_put("b.sh", PASS("b"));
	assert_int_equal(run((const char *const[]){ "a", "b", NULL }, 1, &t), 0);
	assert_int_equal(t.failed, 1);
	assert_int_equal(t.passed, 1);
}

static void remains(void **state)
{
	static const char *const there[] = {
		"t-f1-99999999", "t-f2-99999999/kept", "t-f3-1",
		"t-f1",		 "t2-f1-99999999",     "t-f1-99999999x"
	};
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(there); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("state/%s/file", there[i]);

		scratch_put(path, "");
	}
	scratch_put("a.sh", PASS("a"));
	assert_int_equal(run((const char *const[]){ "a", NULL }, 1, &t), 0);
	journal_is("down t-f1\nstart a\n");
	assert_true(cryo_starts_with(
	    cryo_str_get(&events),
	    "0 info : cluster 't-f1-99999999' of a run that was killed is removed\n"));
}

static void owners(void **state)
{
	static const struct {
		const char *cluster;
		pid_t owner;
	} row[] = {
		{ "ci-f1-42", 42 }, { "ci-f12-4194304", 4194304 },
		{ "ci-f1", 0 },	    { "ci-f1-", 0 },
		{ "ci-f-42", 0 },   { "ci-1-42", 0 },
		{ "ci", 0 },	    { "ci-f1-42-1", 0 },
		{ "ci-f1-4x", 0 },  { "c-f1-42", 0 },
		{ "ci2-f1-42", 0 }, { "ci-f1-0", 0 },
		{ "", 0 },	    { "ci-f1-99999999999", 0 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		print_message("# %s\n", row[i].cluster);
		assert_int_equal(cryo_fresh_owner("ci", row[i].cluster), row[i].owner);
	}
}

static void limits(void **state)
{
	const struct cryo_fresh_opts opts = { .program = program,
					      .name = "a-name-that-has-thirty-five-letters" };
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	const char *const none[] = { "/nowhere/x.yaml", NULL };
	cryo_auto(cryo_free) char *file = scratch_path("a.yaml");
	const char *const one[] = { file, NULL };

	(void)state;
	assert_int_equal(cryo_fresh_run(&opts, none, &t, &err), -CRYO_E_CONFIG);
	scratch_put("a.sh", PASS("a"));
	assert_int_equal(run((const char *const[]){ "a", NULL }, 1, &t), 0);
	cryo_scenario_totals_release(&t);
	assert_int_equal(cryo_fresh_run(&opts, one, &t, &err), -CRYO_E_USAGE);
	assert_true(cryo_starts_with(err.msg, "--name '"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(one_after_the_other),
		TEST(at_once),
		TEST(first_alone),
		TEST(no_cluster),
		TEST(no_result),
		TEST(crash_is_alone),
		TEST(remains),
		TEST(owners),
		TEST(limits),
	};

	return cmocka_run_group_tests_name("fresh", tests, NULL, NULL) ? EXIT_FAILURE
								       : EXIT_SUCCESS;
}
