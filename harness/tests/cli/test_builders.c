/* SPDX-License-Identifier: Apache-2.0 */
/* Components at once, each in a process of its own: a shell script plays that program. */
#include "cli/builders.h"
#include "tests/scratch.h"

#include "base/clock.h"
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

#define OTHERS                                                                                     \
	"apiVersion: cryopod.dev/v1alpha1\nkind: Stack\nmetadata: {name: t}\nspec:\n"              \
	"  components:\n    d: {recipe: runc, source: {module: x.y/d, version: v1.0.0}}\n"         \
	"    e: {recipe: runc, source: {module: x.y/e, version: v1.0.0}}\n"

static char *program;
static struct cryo_err err;
static struct cryo_str said;
static struct cryo_stack stack;
static struct cryo_build b;

/*
 * "internal-build --stack=FILE … -- COMPONENT": says that it builds, does what $odd says, and
 * makes all that is asked for in any stamp's directory. begin-X and end-X tell the order.
 */
static const char script[] =
    "#!/bin/sh\n"
    "for c; do :; done\n"
    "say() { echo \"{\\\"event\\\":\\\"$1\\\",\\\"depth\\\":$2,\\\"what\\\":\\\"$3\\\"}\"; }\n"
    "echo \"$*\" >>\"$dir/journal\"\n"
    "say begin 0 \"build $c\"; say begin 1 inner\n"
    "echo $c >>\"$dir/running\"\n"
    "eval \"$odd\"\n"
    "made=$(cat \"$dir/dir-$c\"); mkdir -p \"$made\"; cp \"$0\" \"$made/runc\"\n"
    "say ok 1 inner; say ok 0 \"build $c\"\n";

static void on_event(const struct cryo_event *ev, void *arg)
{
	static const char *const name[] = { [CRYO_EVENT_BEGIN] = "begin",
					    [CRYO_EVENT_OK] = "ok",
					    [CRYO_EVENT_SAME] = "same",
					    [CRYO_EVENT_FAIL] = "fail" };

	(void)arg;
	if (ev->kind == CRYO_EVENT_INFO)
		cryo_str_addf(&said, "info %s\n", ev->detail);
	if (ev->depth == 0 && ev->kind < CRYO_ARRAY_LEN(name) && name[ev->kind])
		cryo_str_addf(&said, "%u %s %s\n", ev->lane, name[ev->kind], ev->what);
}

static char *get(const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", scratch_dir, name);
	struct cryo_err ignored;
	struct cryo_str s = { 0 };

	cryo_fs_read(path, 65536, &s, &ignored);
	return cryo_str_detach(&s);
}

static void plan(void)
{
	cryo_auto(cryo_free) char *path = scratch_path("stack.yaml");

	assert_int_equal(cryo_stack_load(path, &stack, &err), 0);
	assert_int_equal(cryo_build_plan(&stack, NULL, &b, &err), 0);
	for (size_t i = 0; i < b.n; i++) {
		cryo_auto(cryo_free) char *name =
		    cryo_asprintf("dir-%s", b.item[i].component->name);

		scratch_put(name, b.item[i].dir);
	}
}

/* Components of 768 MiB each. */
static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	program = scratch_path("program");
	scratch_setenv_path("CRYOPOD_CACHE_DIR", "cache");
	scratch_add_to_path("bin");
	scratch_setenv("dir", scratch_dir);
	setenv("odd", "", 1);
	scratch_put_program("program", script);
	scratch_put_program("bin/go",
			    "#!/bin/sh\necho '{\"GOVERSION\": \"go1.26.8\", \"GOCACHE\": \"/tmp\", "
			    "\"GOMODCACHE\": \"/tmp\", \"GOENV\": \"/tmp/e\"}'\n");
	scratch_put_program("bin/gcc", "#!/bin/sh\necho /lib/12\n");
	scratch_put_program("bin/pkg-config", "#!/bin/sh\necho 2.5\n");
	scratch_put("stack.yaml",
		    "apiVersion: cryopod.dev/v1alpha1\nkind: Stack\nmetadata: {name: t}\n"
		    "spec:\n  components:\n"
		    "    a: {recipe: runc, source: {module: x.y/a, version: v1.0.0}}\n"
		    "    b: {recipe: runc, source: {module: x.y/b, version: v1.0.0}}\n"
		    "    c: {recipe: runc, source: {module: x.y/c, version: v1.0.0}}\n");
	cryo_event_set_sink(on_event, NULL);
	cryo_str_clear(&said);
	err = (struct cryo_err)CRYO_ERR_INIT;
	plan();
	return 0;
}

static int teardown(void **state)
{
	cryo_event_set_sink(NULL, NULL);
	cryo_build_release(&b);
	cryo_stack_release(&stack);
	free(program);
	cryo_str_release(&said);
	return scratch_teardown(state);
}

static int run(const char *odd, unsigned jobs, uint64_t memory_mib)
{
	static const char *const mirrors[] = { "x=y", NULL };
	const struct cryo_fetch_opts fetch = { .offline = true, .mirrors = mirrors };
	const struct cryo_builders o = {
		.program = program, .fetch = &fetch, .jobs = jobs, .memory_mib = memory_mib
	};

	setenv("odd", odd, 1);
	err = (struct cryo_err)CRYO_ERR_INIT;
	return cryo_builders_run(&o, &stack, NULL, &b, &err);
}

static void has_said(const char *line)
{
	if (!strstr(cryo_str_get(&said), line))
		fail_msg("no '%s' in:\n%s", line, cryo_str_get(&said));
}

static void all_of_them(void **state)
{
	cryo_auto(cryo_free) char *journal = NULL, *first = NULL;

	(void)state;
	assert_int_equal(run("", 3, 100000), 0);
	assert_int_equal(b.n, 3);
	for (size_t i = 0; i < b.n; i++) {
		assert_true(b.item[i].up_to_date);
		assert_true(b.item[i].hold >= 0);
	}
	journal = get("journal");
	first = cryo_asprintf("internal-build --stack=%s/stack.yaml --offline --mirror=x=y -- a\n",
			      scratch_dir);
	assert_non_null(strstr(journal, first));
	has_said("1 begin build a\n");
	has_said("3 ok build c\n");
	/* Now there is nothing to do, and this process says so itself. */
	cryo_str_clear(&said);
	assert_int_equal(run("exit 1", 3, 100000), 0);
	has_said("0 same build a\n");
	has_said("0 same build c\n");
}

static void tells_how_far_it_is(void **state)
{
	const struct cryo_builders o = { .program = program, .jobs = 3, .every_ms = 1 };

	(void)state;
	setenv("odd", "sleep 0.05; echo '{\"event\":\"note\",\"depth\":2,\"detail\":\"7 of 9\"}'",
	       1);
	assert_int_equal(cryo_builders_run(&o, &stack, NULL, &b, &err), 0);
	has_said("info a: 7 of 9\n");
	/* As a rule not as often. */
	cryo_str_clear(&said);
	cryo_build_release(&b);
	cryo_stack_release(&stack);
	scratch_put("stack.yaml", OTHERS);
	plan();
	assert_int_equal(run(getenv("odd"), 3, 100000), 0);
	assert_null(strstr(cryo_str_get(&said), "info"));
}

/* What is there is not made again. */
static void only_what_is_missing(void **state)
{
	(void)state;
	scratch_put("cache/builds/b/x", "");
	assert_int_equal(cryo_fs_mkdirs(b.item[1].dir, 0755, &err), 0);
	assert_int_equal(run("[ $c != c ] || exit 4", 3, 100000), -CRYO_E_CHILD);
	assert_string_equal(err.msg,
			    "build c: its process ended with exit code 4 and without a result");
	cryo_build_release(&b);
	cryo_stack_release(&stack);
	plan();
	assert_true(b.item[0].up_to_date);
	assert_false(b.item[2].up_to_date);
	cryo_str_clear(&said);
	/* A single one needs no process: the program would fail. */
	assert_true(run("exit 4", 3, 100000) < 0);
	has_said("0 same build a\n");
	has_said("0 fail build c\n");
}

/* Those beside which there is no memory for one more wait; one alone always begins. */
static void as_memory_allows(void **state)
{
	static const struct {
		uint64_t mib;
		unsigned jobs;
		const char *most; /* at once */
	} row[] = {
		{ 100000, 3, "3" },	 { 100000, 2, "2" }, { 2 * 768, 3, "2" },
		{ 2 * 768 - 1, 3, "1" }, { 1, 3, "1" },
	};
	/* Each looks how many are there, when as many are as should be; the last may be alone. */
	static const char odd[] =
	    "echo x >\"$dir/at-$c\"; i=0\n"
	    "there() { ls \"$dir\"/at-* | wc -l; }\n"
	    "while [ \"$(there)\" -lt $most ] && [ $i -lt 200 ] && [ $c$most != c2 ]; do\n"
	    "	sleep 0.05; i=$((i + 1)); done\n"
	    "sleep 0.2; there >>\"$dir/counts\"; sleep 0.2; rm \"$dir/at-$c\"";

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *counts = NULL;
		cryo_auto(cryo_free) char *path = scratch_path("counts");
		cryo_auto(cryo_free) char *builds = scratch_path("cache/builds");
		const char *most = "0";

		unlink(path);
		setenv("most", row[i].most, 1);
		assert_int_equal(run(odd, row[i].jobs, row[i].mib), 0);
		counts = get("counts");
		print_message("# %zu MiB, %u jobs: %s\n", (size_t)row[i].mib, row[i].jobs, counts);
		for (char *save, *n = strtok_r(counts, "\n ", &save); n;
		     n = strtok_r(NULL, "\n ", &save))
			most = strcmp(n, most) > 0 ? n : most;
		assert_string_equal(most, row[i].most);
		cryo_build_release(&b);
		cryo_stack_release(&stack);
		assert_int_equal(cryo_fs_rmtree(builds, &err), 0);
		plan();
	}
}

/* As with make: no other is begun, and what is at work is not thrown away. */
static void one_fails(void **state)
{
	cryo_auto(cryo_free) char *journal = NULL;

	(void)state;
	assert_int_equal(run("[ $c != a ] || { say fail 1 inner; say fail 0 'build a'; echo "
			     "'cryopod: build a: no such thing (log: /l/a.log)' >&2; exit 4; }; "
			     "sleep 0.3",
			     2, 100000),
			 -CRYO_E_PROVISION);
	assert_string_equal(err.msg, "build a: no such thing (log: /l/a.log)");
	has_said("1 fail build a\n");
	has_said("2 ok build b\n");
	assert_null(strstr(cryo_str_get(&said), "build c"));
	journal = get("journal");
	assert_null(strstr(journal, "-- c"));
}

/* Its steps end in its place. */
static void one_is_killed(void **state)
{
	(void)state;
	assert_true(run("[ $c != b ] || kill -9 $$", 3, 100000) < 0);
	assert_string_equal(err.msg, "build b: its process was killed by signal 9 (Killed)");
	has_said("2 fail build b\n");
	has_said("1 ok build a\n");
}

static void one_that_says_nothing(void **state)
{
	(void)state;
	scratch_put_program("program", "#!/bin/sh\necho 'cryopod: no memory' >&2\nexit 3\n");
	assert_int_equal(run("", 3, 100000), -CRYO_E_UNFIT);
	assert_non_null(strstr(err.msg, ": no memory"));
	has_said("1 begin build a\n1 fail build a\n");
}

/* All end, and nothing they started stays. */
static void interrupted(void **state)
{
	cryo_auto(cryo_free) char *pids = NULL;
	int64_t start = cryo_now_ms();
	pid_t pid;
	int status;

	(void)state;
	pid = fork();
	if (pid == 0) {
		cryo_intr_install();
		_exit(run("echo $$ >>\"$dir/pids\"; exec sleep 60", 3, 100000) ==
			      -CRYO_E_INTERRUPTED
			  ? 0
			  : 1);
	}
	do {
		free(pids);
		usleep(20000);
		pids = get("pids");
	} while ((!*pids || strchr(strchr(pids, '\n') + 1, '\n') == strrchr(pids, '\n')) &&
		 cryo_now_ms() - start < 10000);
	usleep(200000);
	assert_int_equal(kill(pid, SIGINT), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	free(pids);
	pids = get("pids");
	for (char *save, *p = strtok_r(pids, "\n", &save); p; p = strtok_r(NULL, "\n", &save))
		assert_int_equal(kill((pid_t)atoi(p), 0), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_of_them),	     TEST(tells_how_far_it_is), TEST(only_what_is_missing),
		TEST(as_memory_allows),	     TEST(one_fails),		TEST(one_is_killed),
		TEST(one_that_says_nothing), TEST(interrupted),
	};

	return cmocka_run_group_tests_name("builders", tests, NULL, NULL) ? EXIT_FAILURE
									  : EXIT_SUCCESS;
}
