/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/proc.h"
#include "tests/scratch.h"

#include "base/clock.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct cryo_err err;
static struct cryo_proc_result res;
static struct cryo_strv lines;

static int teardown(void **state)
{
	cryo_proc_result_release(&res);
	cryo_strv_release(&lines);
	return scratch_teardown(state);
}

/* Only the tests use a shell: what it can do to us is what they are about. */
static int run_sh(struct cryo_proc *p, const char *script)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	int rc;

	p->argv = argv;
	cryo_proc_result_release(&res);
	rc = cryo_proc_run(p, &res, &err);
	p->argv = NULL;
	return rc;
}

static int sh(const char *script)
{
	struct cryo_proc p = CRYO_PROC_INIT;

	return run_sh(&p, script);
}

static void need_root(void)
{
	if (geteuid() != 0) {
		print_message("# skipped: namespaces need root\n");
		skip();
	}
}

/* The pid that stands alone in the output; 0 if none does. */
static struct cryo_pid printed_pid(void)
{
	struct cryo_pid pid = { 0 };

	cryo_pid_of(atoi(cryo_str_get(&res.out)), &pid, &err);
	return pid;
}

static bool gone_within(const struct cryo_pid *pid, int64_t ms)
{
	int64_t end = cryo_now_ms() + ms;

	while (cryo_pid_alive(pid) && cryo_now_ms() < end)
		usleep(2000);
	return !cryo_pid_alive(pid);
}

static void ends(void **state)
{
	static const struct {
		const char *script;
		int rc, exit_code, signal;
		const char *msg;
	} row[] = {
		{ "exit 0", 0, 0, 0, NULL },
		{ "exit 3", -CRYO_E_CHILD, 3, 0, "'sh' failed with exit code 3" },
		{ "echo out; exit 1", -CRYO_E_CHILD, 1, 0, "exit code 1: out" },
		{ "echo out; echo first >&2; echo 'why ' >&2; exit 255", -CRYO_E_CHILD, 255, 0,
		  "exit code 255: why" },
		{ "kill -9 $$", -CRYO_E_CHILD, 137, 9, "was killed by signal 9 (Killed)" },
		{ "echo e >&2; kill -TERM $$", -CRYO_E_CHILD, 143, 15,
		  "signal 15 (Terminated): e" },
		{ "exec /no/such/program", -CRYO_E_CHILD, 127, 0, "exit code 127" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		print_message("# %s\n", row[i].script);
		assert_int_equal(sh(row[i].script), row[i].rc);
		assert_int_equal(res.exit_code, row[i].exit_code);
		assert_int_equal(res.signal, row[i].signal);
		if (row[i].msg)
			assert_non_null(strstr(err.msg, row[i].msg));
	}
}

static void cannot_be_run(void **state)
{
	static const struct {
		const char *program, *cwd;
		int rc;
		const char *msg;
	} row[] = {
		{ "no-such-program", NULL, -CRYO_E_UNFIT, "no program 'no-such-program'" },
		{ "/no/such", NULL, -CRYO_E_UNFIT, "'/no/such'" },
		{ "/etc/passwd", NULL, -CRYO_E_UNFIT, "'/etc/passwd'" },
		{ "true", "/no/such/dir", -CRYO_E_UNFIT, "'/no/such/dir'" },
		{ "%s/not-a-program", NULL, -CRYO_E_SYSTEM, "Exec format error" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *program =
		    cryo_asprintf("%s%s", *row[i].program == '%' ? scratch_dir : "",
				  row[i].program + (*row[i].program == '%' ? 2 : 0));
		const char *const argv[] = { program, NULL };
		struct cryo_proc p = { .argv = argv, .cwd = row[i].cwd };

		print_message("# %s\n", program);
		if (*row[i].program == '%')
			assert_int_equal(cryo_fs_write(program,
						       "\x7f"
						       "ELF",
						       4, 0755, &err),
					 0);
		assert_int_equal(cryo_proc_run(&p, &res, &err), row[i].rc);
		assert_int_equal(res.exit_code, 127);
		assert_non_null(strstr(err.msg, row[i].msg));
		cryo_proc_result_release(&res);
	}
}

static void no_word_is_special(void **state)
{
	const char *const argv[] = { "printf", "%s|", "a b", "$(id)", "*", "", ";", NULL };
	struct cryo_proc p = { .argv = argv };

	(void)state;
	assert_int_equal(cryo_proc_run(&p, &res, &err), 0);
	assert_string_equal(cryo_str_get(&res.out), "a b|$(id)|*||;|");
}

static void output_of_a_program(void **state)
{
	static const char *const good[] = { "printf", "two\\nlines\\n\\n", NULL };
	static const char *const bad[] = { "false", NULL };
	char *out = NULL;

	(void)state;
	assert_int_equal(cryo_proc_output(good, 10000, &out, &err), 0);
	assert_string_equal(out, "two\nlines");
	free(out);
	out = NULL;
	assert_int_equal(cryo_proc_output(bad, 10000, &out, &err), -CRYO_E_CHILD);
	assert_null(out);
}

static void note_line(const char *line, int stream, void *arg)
{
	(void)arg;
	cryo_strv_addf(&lines, "%d:%s", stream, line);
}

static void lines_come_whole(void **state)
{
	struct cryo_proc p = { .on_line = note_line };
	cryo_auto(cryo_free) char *joined = NULL;

	(void)state;
	assert_int_equal(run_sh(&p, "printf 'par'; sleep 0.05; printf 'tial\\n\\nb\\000c\\n';"
				    "sleep 0.05; echo e >&2; sleep 0.05; printf 'no end'"),
			 0);
	joined = cryo_strv_join(&lines, "|");
	/* a line ends at a NUL; the captured text keeps it */
	assert_string_equal(joined, "1:partial|1:|1:b|2:e|1:no end");
	assert_int_equal(res.out.len, strlen("partial\n\nb.c\nno end"));
	assert_memory_equal(res.out.p, "partial\n\nb\0c\nno end", res.out.len);
	assert_string_equal(cryo_str_get(&res.err), "e\n");
}

static void progress_comes_line_by_line(void **state)
{
	struct cryo_proc p = { .on_line = note_line, .cr_ends_line = true };
	cryo_auto(cryo_free) char *joined = NULL;

	(void)state;
	assert_int_equal(run_sh(&p, "printf '1%%\\r2%%\\rdone\\nnext\\r'"), 0);
	joined = cryo_strv_join(&lines, "|");
	assert_string_equal(joined, "1:1%|1:2%|1:done|1:next");
}

/* Talking it may go on for ever; silent it may not. */
static void silence_is_limited(void **state)
{
	/* Far more than a sleep of 0.2 s takes on a busy machine, and less than nine of them. */
	struct cryo_proc p = { .quiet_ms = 1500 };

	(void)state;
	assert_int_equal(run_sh(&p, "for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.2; done"), 0);
	assert_int_equal(run_sh(&p, "echo 1; sleep 60"), -CRYO_E_TIMEOUT);
	assert_string_equal(err.msg, "'sh' said nothing for 1.5 s");
}

static void endless_lines_are_cut(void **state)
{
	struct cryo_proc p = { .on_line = note_line };
	size_t sum = 0;

	(void)state;
	assert_int_equal(run_sh(&p, "head -c 300000 /dev/zero | tr '\\000' x"), 0);
	for (size_t i = 0; i < lines.n; i++) {
		assert_true(strlen(lines.v[i]) < 100000);
		sum += strlen(lines.v[i]) - 2;
	}
	assert_int_equal(sum, 300000);
	assert_int_equal(res.out.len, 300000);
}

static void capture_keeps_the_tail(void **state)
{
	static const struct {
		size_t max, lines, kept;
	} row[] = { { 100, 5, 35 }, { 100, 14, 98 }, { 100, 20, 100 }, { 100, 20000, 100 } };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_proc p = { .capture_max = row[i].max };
		cryo_auto(cryo_free) char *script = cryo_asprintf(
		    "seq -f %%06.0f %zu; seq -f %%06.0f %zu >&2", row[i].lines, row[i].lines);
		cryo_auto(cryo_free) char *last = cryo_asprintf("%06zu\n", row[i].lines);

		assert_int_equal(run_sh(&p, script), 0);
		assert_int_equal(res.out.len, row[i].kept);
		assert_int_equal(strlen(res.out.p), row[i].kept);
		assert_true(cryo_ends_with(res.out.p, last));
		assert_int_equal(res.err.len, row[i].kept);
	}
}

static void input_is_fed(void **state)
{
	struct cryo_proc p = { .input = "typed\n" };
	cryo_auto(cryo_free) char *large = cryo_alloc(1000001);

	(void)state;
	assert_int_equal(run_sh(&p, "cat; echo end"), 0);
	assert_string_equal(cryo_str_get(&res.out), "typed\nend\n");
	p.input = "";
	assert_int_equal(run_sh(&p, "cat; echo end"), 0);
	assert_string_equal(cryo_str_get(&res.out), "end\n");
	p.input = NULL;
	assert_int_equal(run_sh(&p, "cat; echo end"), 0);
	assert_string_equal(cryo_str_get(&res.out), "end\n");
	memset(large, 'x', 1000000);
	p.input = large;
	assert_int_equal(run_sh(&p, "cat"), 0);
	assert_int_equal(res.out.len, 1000000);
	/* who does not read it all is not our failure */
	assert_int_equal(run_sh(&p, "head -c 3"), 0);
	assert_string_equal(cryo_str_get(&res.out), "xxx");
}

/* Between us and it there is one more process, which must not hold the far end of its input. */
static void input_in_node_ends(void **state)
{
	struct cryo_proc p = { .input = "typed\n", .enter_pid = getpid(), .timeout_ms = 20000 };

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: needs root\n");
		skip();
	}
	assert_int_equal(run_sh(&p, "cat; echo end"), 0);
	assert_string_equal(cryo_str_get(&res.out), "typed\nend\n");
}

static void environment(void **state)
{
	static const char *const env[] = { "CRYO_A=1 2", "CRYO_B", "CRYO_C=", NULL };
	struct cryo_proc p = { .env = env };

	(void)state;
	setenv("CRYO_A", "old", 1);
	setenv("CRYO_B", "old", 1);
	setenv("CRYO_D", "kept", 1);
	assert_int_equal(run_sh(&p, "echo \"$CRYO_A,${CRYO_B-unset},${CRYO_C-unset},$CRYO_D\""), 0);
	assert_string_equal(cryo_str_get(&res.out), "1 2,unset,,kept\n");
	assert_string_equal(getenv("CRYO_A"), "old");
	assert_string_equal(getenv("CRYO_B"), "old");
}

/* What a child would inherit from us by the system's rules; a terminal or CI may have left some. */
static int open_for_children(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) == 0;
	return n;
}

static void directory_and_streams(void **state)
{
	struct cryo_proc p = { .cwd = scratch_dir };
	cryo_auto(cryo_free) char *expected = cryo_asprintf("%s\n", scratch_dir);

	(void)state;
	assert_int_equal(run_sh(&p, "pwd"), 0);
	assert_string_equal(cryo_str_get(&res.out), expected);
	/* none of our pipes is open there; one more is the directory that ls reads */
	assert_int_equal(run_sh(&p, "ls /proc/self/fd | wc -l"), 0);
	assert_int_equal(atoi(cryo_str_get(&res.out)), open_for_children() + 1);
}

static void log_file(void **state)
{
	cryo_auto(cryo_free) char *path = scratch_path("log");
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };
	struct cryo_proc p = { .log_path = path, .capture_max = 2 };
	struct stat st;

	(void)state;
	assert_int_equal(run_sh(&p, "echo first"), 0);
	assert_int_equal(run_sh(&p, "echo second >&2; exit 1"), -CRYO_E_CHILD);
	assert_int_equal(cryo_fs_read(path, 1000, &s, &err), 0);
	assert_string_equal(cryo_str_get(&s), "first\nsecond\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

struct heard {
	bool ready;
	size_t lines;
};

static void hear(const char *line, int stream, void *arg)
{
	struct heard *h = arg;

	h->lines++;
	h->ready = h->ready || (stream == 1 && strcmp(line, "ready") == 0);
}

/* Its whole group, after it said what it is awaited for. */
static void child_in_the_background(void **state)
{
	cryo_auto(cryo_free) char *script = cryo_asprintf(
	    "echo first; sleep 1000 & echo $! >%s/pid; echo ready; wait", scratch_dir);
	cryo_auto(cryo_free) char *path = scratch_path("pid");
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	const char *argv[] = { "sh", "-c", script, NULL };
	struct heard h = { 0 };
	const struct cryo_proc p = { .argv = argv, .on_line = hear, .on_line_arg = &h };
	struct cryo_child *c = NULL;
	pid_t pid;

	(void)state;
	assert_int_equal(cryo_child_start(&p, &c, &err), 0);
	assert_int_equal(cryo_child_await(c, &h.ready, 20000, &err), 0);
	assert_int_equal(h.lines, 2);
	assert_int_equal(cryo_fs_read(path, 100, &text, &err), 0);
	pid = (pid_t)strtol(text.p, NULL, 10);
	assert_int_equal(kill(pid, 0), 0);
	cryo_child_end(c);
	/* It may be a zombie of init's for a moment. */
	for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
		usleep(10000);
	assert_int_equal(kill(pid, 0), -1);
	cryo_child_end(NULL);
}

static void child_that_is_not_ready(void **state)
{
	static const struct {
		const char *script;
		int64_t limit_ms;
		int rc;
		const char *message;
	} row[] = {
		{ "echo no >&2; exit 3", 20000, -CRYO_E_CHILD, "'sh' failed with exit code 3: no" },
		{ "exit 0", 20000, -CRYO_E_CHILD, "'sh' ended early" },
		{ "echo ready >&2; sleep 1000", 100, -CRYO_E_TIMEOUT,
		  "'sh' took longer than 100 ms" },
		{ "kill -9 $$", 20000, -CRYO_E_CHILD, "'sh' was killed by signal 9 (Killed)" },
		/* Said and ended at once is said. */
		{ "echo ready", 20000, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const char *argv[] = { "sh", "-c", row[i].script, NULL };
		struct heard h = { 0 };
		const struct cryo_proc p = { .argv = argv, .on_line = hear, .on_line_arg = &h };
		struct cryo_child *c = NULL;

		print_message("# %s\n", row[i].script);
		err = (struct cryo_err)CRYO_ERR_INIT;
		assert_int_equal(cryo_child_start(&p, &c, &err), 0);
		assert_int_equal(cryo_child_await(c, &h.ready, row[i].limit_ms, &err), row[i].rc);
		assert_string_equal(err.msg, row[i].message);
		cryo_child_end(c);
	}
}

static void child_that_is_not_there(void **state)
{
	const char *argv[] = { "/nowhere/program", NULL };
	const struct cryo_proc p = { .argv = argv };
	struct cryo_child *c = NULL;

	(void)state;
	assert_int_equal(cryo_child_start(&p, &c, &err), -CRYO_E_UNFIT);
	assert_null(c);
}

static void background_is_not_waited_for(void **state)
{
	struct cryo_proc p = { .timeout_ms = 20000 };
	struct cryo_pid left;

	(void)state;
	assert_int_equal(run_sh(&p, "sleep 60 & echo $!"), 0);
	assert_true(res.ms < 5000);
	left = printed_pid();
	assert_true(cryo_pid_alive(&left));
	assert_int_equal(cryo_pid_end(&left, 1000, &err), 0);
}

/* Rows: who obeys SIGTERM. What does not is killed, the leader after its time of grace. */
static void time_limit_ends_the_group(void **state)
{
	static const struct {
		const char *name, *script;
		int64_t least, most;
	} row[] = {
		{ "both obey", "sleep 60 & echo $!; wait", 0, 4000 },
		{ "leader obeys", "trap '' TERM; sleep 60 & echo $!; trap - TERM; wait", 0, 4000 },
		{ "nobody", "trap '' TERM; sleep 60 & echo $!; wait", 5000, 20000 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_proc p = { .timeout_ms = 300 };
		int64_t begin = cryo_now_ms(), ms;
		struct cryo_pid left;

		print_message("# %s\n", row[i].name);
		assert_int_equal(run_sh(&p, row[i].script), -CRYO_E_TIMEOUT);
		ms = cryo_now_ms() - begin;
		assert_string_equal(err.msg, "'sh' took longer than 300 ms");
		left = printed_pid();
		assert_true(gone_within(&left, 2000));
		assert_true(ms >= row[i].least && ms < row[i].most);
	}
}

/* In a forked child an assertion would run the rest of the tests twice: exit with a number. */
#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			_exit(__LINE__ % 250 + 1);                                                 \
	} while (0)

static int status_of(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void interrupt_us(const char *line, int stream, void *arg)
{
	(void)stream;
	(void)arg;
	if (strcmp(line, "ready") != 0)
		return;
	raise(SIGTERM);
	raise(SIGTERM); /* told twice, as by timeout(1) */
}

static void interrupted_child(void)
{
	struct cryo_proc p = { .on_line = interrupt_us };

	cryo_intr_install();
	CHECK(cryo_intr_check(&err) == 0);
	CHECK(run_sh(&p, "echo ready; exec sleep 60") == -CRYO_E_INTERRUPTED);
	CHECK(err.signal == SIGTERM && cryo_err_exit_code(&err) == 143);
	CHECK(res.signal == SIGTERM && res.ms < 4000);
	CHECK(cryo_intr_sleep(10000, &err) == -CRYO_E_INTERRUPTED);
	/* the next program is ended too, unless it is there to clean up */
	CHECK(sh("sleep 60") == -CRYO_E_INTERRUPTED);
	cryo_intr_hold();
	CHECK(cryo_intr_check(&err) == 0 && cryo_intr_fd() == -1);
	CHECK(sh("echo clean") == 0);
	CHECK(strcmp(cryo_str_get(&res.out), "clean\n") == 0);
	CHECK(cryo_intr_sleep(1, &err) == 0);
	cryo_intr_release();
	CHECK(cryo_intr_check(&err) == -CRYO_E_INTERRUPTED);
	usleep(400 * 1000);
	raise(SIGINT); /* the second one is now */
	_exit(99);
}

static void interrupts(void **state)
{
	int64_t begin = cryo_now_ms();
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		interrupted_child();
	assert_int_equal(status_of(pid), (128 + SIGINT) << 8);
	assert_true(cryo_now_ms() - begin < 10000);
}

static void tell_line(const char *line, int stream, void *arg)
{
	(void)stream;
	if (write(*(int *)arg, line, strlen(line) + 1) < 0)
		_exit(1);
}

/* Forks a cryopod that runs `script`; gives its pid and the first line the script says. */
static pid_t start_helper(const char *script, bool isolate, char line[64])
{
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct cryo_proc p = { .on_line = tell_line,
				       .on_line_arg = &fds[1],
				       .isolate = isolate };

		close(fds[0]);
		run_sh(&p, script);
		_exit(0);
	}
	close(fds[1]);
	memset(line, 0, 64);
	assert_true(read(fds[0], line, 63) > 0);
	close(fds[0]);
	return pid;
}

static void dies_with_us(void **state)
{
	struct cryo_pid pid = { 0 };
	char line[64];
	pid_t helper = start_helper("echo $$; exec sleep 60", false, line);

	(void)state;
	assert_int_equal(cryo_pid_of(atoi(line), &pid, &err), 0);
	assert_true(cryo_pid_alive(&pid));
	kill(helper, SIGKILL);
	status_of(helper);
	assert_true(gone_within(&pid, 5000));
}

/* The only child of a process, as seen from here. */
static pid_t child_of(pid_t pid)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/%d/task/%d/children", pid, pid);
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

	assert_int_equal(cryo_fs_read(path, 100, &s, &err), 0);
	return atoi(cryo_str_get(&s));
}

static int ready(void *arg, struct cryo_err *e)
{
	const char *word = arg;

	if (strcmp(word, "errno") == 0)
		return cryo_err_sys(e, ENOENT, "no room");
	if (strcmp(word, "text") == 0)
		return cryo_err_set(e, CRYO_E_CONFIG, "not this way");
	return setenv("WORD", word, 1);
}

/* In the child, after its environment is there; what it says is why the start failed. */
static void gets_ready(void **state)
{
	struct cryo_proc p = { .prepare = ready, .prepare_arg = "hello", .timeout_ms = 10000 };

	(void)state;
	unsetenv("WORD");
	assert_int_equal(run_sh(&p, "echo $WORD"), 0);
	assert_string_equal(cryo_str_get(&res.out), "hello\n");
	assert_null(getenv("WORD"));
	p.prepare_arg = "text";
	assert_int_equal(run_sh(&p, "echo no"), -CRYO_E_SYSTEM);
	assert_string_equal(err.msg, "not this way");
	p.prepare_arg = "errno";
	assert_int_equal(run_sh(&p, "echo no"), -CRYO_E_SYSTEM);
	assert_string_equal(err.msg, "no room: No such file or directory");
	assert_int_equal(res.out.len, 0);
}

static void isolated(void **state)
{
	cryo_auto(cryo_free) char *script = cryo_asprintf(
	    "mount -t tmpfs t %s; touch %s/inside; ls %s; echo $$; ls -d /proc/[0-9]*", scratch_dir,
	    scratch_dir, scratch_dir);
	cryo_auto(cryo_free) char *inside = scratch_path("inside");
	struct cryo_proc p = { .isolate = true, .timeout_ms = 10000 };

	(void)state;
	need_root();
	assert_int_equal(run_sh(&p, script), 0);
	assert_true(cryo_starts_with(cryo_str_get(&res.out), "inside\n1\n/proc/1\n"));
	assert_false(cryo_fs_exists(inside));
	assert_int_equal(run_sh(&p, "exit 7"), -CRYO_E_CHILD);
	assert_int_equal(res.exit_code, 7);
	p.timeout_ms = 200;
	assert_int_equal(run_sh(&p, "trap '' TERM; sleep 60"), -CRYO_E_TIMEOUT);
	assert_true(res.ms < 4000);
}

static void isolated_leaves_no_process(void **state)
{
	struct cryo_pid sh_pid = { 0 }, sleep_pid = { 0 };
	char line[64];
	pid_t helper;

	(void)state;
	need_root();
	helper = start_helper("setsid sleep 60 & sleep 0.2; echo ready; sleep 60", true, line);
	assert_int_equal(cryo_pid_of(child_of(helper), &sh_pid, &err), 0);
	assert_int_equal(cryo_pid_of(child_of(sh_pid.pid), &sleep_pid, &err), 0);
	assert_true(cryo_pid_alive(&sleep_pid));
	kill(helper, SIGKILL);
	status_of(helper);
	assert_true(gone_within(&sh_pid, 5000));
	assert_true(gone_within(&sleep_pid, 5000));
}

static void other_root(void **state)
{
	static const char *const binds[] = { "/usr", "/bin",	       "/lib", "/lib64",
					     "/etc", "/no/such/place", NULL };
	cryo_auto(cryo_free) char *proc = scratch_path("proc");
	cryo_auto(cryo_free) char *link = scratch_path("etc");
	struct cryo_proc p = { .isolate = true, .chroot = scratch_dir, .binds = binds };

	(void)state;
	need_root();
	assert_int_equal(cryo_fs_mkdirs(proc, 0755, &err), 0);
	/* a link in the root leads nowhere outside of it */
	assert_int_equal(symlink("/tmp", link), 0);
	assert_int_equal(run_sh(&p, "pwd; echo /[a-z]*; test -e /etc/passwd && echo $$"), 0);
	assert_string_equal(cryo_str_get(&res.out),
			    cryo_fs_exists("/lib64")
				? "/\n/bin /dev /etc /lib /lib64 /proc /sys /usr\n1\n"
				: "/\n/bin /dev /etc /lib /proc /sys /usr\n1\n");
	p.argv = (const char *const[]){ "no-such-program", NULL };
	cryo_proc_result_release(&res);
	assert_int_equal(cryo_proc_run(&p, &res, &err), -CRYO_E_UNFIT);
	assert_int_equal(res.exit_code, 127);
}

static void enter_a_node(void **state)
{
	cryo_auto(cryo_free) char *script = cryo_asprintf(
	    "mount -t tmpfs t %s; touch %s/inside; echo ready; sleep 60", scratch_dir, scratch_dir);
	cryo_auto(cryo_free) char *look =
	    cryo_asprintf("ls %s; test $$ != 1 && ls -d /proc/1", scratch_dir);
	struct cryo_proc p = { .timeout_ms = 10000, .cwd = scratch_dir };
	struct cryo_pid node = { 0 };
	char line[64];
	pid_t helper;

	(void)state;
	need_root();
	helper = start_helper(script, true, line);
	p.enter_pid = child_of(helper);
	assert_int_equal(cryo_pid_of(p.enter_pid, &node, &err), 0);
	assert_int_equal(run_sh(&p, look), 0);
	assert_string_equal(cryo_str_get(&res.out), "inside\n/proc/1\n");
	assert_int_equal(run_sh(&p, "exit 9"), -CRYO_E_CHILD);
	assert_int_equal(res.exit_code, 9);
	assert_int_equal(run_sh(&p, "kill -9 $$"), -CRYO_E_CHILD);
	assert_int_equal(res.signal, 9);
	p.timeout_ms = 200;
	assert_int_equal(run_sh(&p, "trap '' TERM; echo deaf; while :; do sleep 0.05; done"),
			 -CRYO_E_TIMEOUT);
	p.timeout_ms = 10000;
	/* nobody of it is left in there soon: only init, its sleep, and the shell that looks */
	assert_int_equal(run_sh(&p, "for i in $(seq 100); do n=0; for p in /proc/[0-9]*; do "
				    "read a b s c <$p/stat; [ $s = Z ] || n=$((n + 1)); done; "
				    "[ $n = 3 ] && exit 0; sleep 0.05; done; exit 1"),
			 0);
	kill(helper, SIGKILL);
	status_of(helper);
	assert_true(gone_within(&node, 5000));
	assert_int_equal(run_sh(&p, "true"), -CRYO_E_UNFIT);
}

static void foreground_inherits(void **state)
{
	struct cryo_proc p = { .foreground = true };

	(void)state;
	assert_int_equal(
	    run_sh(&p, "read a b c d group rest </proc/$$/stat; exit $((group == $PPID))"),
	    getpgrp() == getpid() ? -CRYO_E_CHILD : 0);
	assert_int_equal(run_sh(&p, "exit 4"), -CRYO_E_CHILD);
	assert_int_equal(res.exit_code, 4);
	assert_int_equal(res.out.len, 0);
}

/* Ctrl-C goes to all of the terminal's foreground: here to the group of a helper. */
static void ctrl_c_helper(pid_t enter_pid)
{
	struct cryo_proc p = { .foreground = true, .enter_pid = enter_pid };

	CHECK(setpgid(0, 0) == 0);
	cryo_intr_install();
	CHECK(run_sh(&p, "trap 'n=$((n + 1))' INT; kill -INT 0; kill -INT 0; exit $((n + 5))") ==
	      -CRYO_E_CHILD);
	CHECK(res.exit_code == 7);
	CHECK(cryo_intr_check(&err) == 0);
	raise(SIGINT); /* and now it is ours again */
	CHECK(cryo_intr_check(&err) == -CRYO_E_INTERRUPTED);
	_exit(0);
}

static void ctrl_c_is_the_foregrounds(void **state)
{
	bool root = geteuid() == 0;
	char line[64];
	pid_t node = root ? start_helper("echo ready; sleep 60", true, line) : 0;

	(void)state;
	for (int inside = 0; inside <= root; inside++) {
		pid_t pid = fork();

		if (pid == 0)
			ctrl_c_helper(inside ? child_of(node) : 0);
		assert_int_equal(status_of(pid), 0);
	}
	if (node > 0) {
		kill(node, SIGKILL);
		status_of(node);
	}
}

static void other_processes(void **state)
{
	struct cryo_pid self, pid, reused;
	pid_t child;

	(void)state;
	assert_int_equal(cryo_pid_of(getpid(), &self, &err), 0);
	assert_true(self.start_time > 0 && cryo_pid_alive(&self));
	assert_int_equal(cryo_pid_of(0, &pid, &err), -CRYO_E_SYSTEM);
	assert_int_equal(err.sys_errno, ESRCH);
	child = fork();
	if (child == 0) {
		signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	}
	usleep(20000);
	assert_int_equal(cryo_pid_of(child, &pid, &err), 0);
	reused = pid;
	reused.start_time--;
	assert_false(cryo_pid_alive(&reused));
	assert_int_equal(cryo_pid_end(&reused, 0, &err), 0);
	assert_true(cryo_pid_alive(&pid));
	assert_int_equal(cryo_pid_end(&pid, 50, &err), 0);
	assert_false(cryo_pid_alive(&pid)); /* a zombie of ours */
	assert_int_equal(status_of(child), SIGKILL);
	assert_int_equal(cryo_pid_end(&pid, 50, &err), 0);
	assert_int_equal(cryo_pid_of(child, &pid, &err), -CRYO_E_SYSTEM);
}

static void collect(const char *line, int stream, void *arg)
{
	cryo_strv_addf(&lines, "%s%d %s", (const char *)arg, stream, line);
}

/* One thread serves them all: what each says comes as it is said, each has its own end. */
static void several(void **state)
{
	cryo_auto(cryo_free) char *fifo = scratch_path("fifo");
	cryo_auto(cryo_free) char *waits = cryo_asprintf("read x <'%s'; echo late; exit 3", fifo);
	const char *argv[][4] = { { "sh", "-c", waits, NULL },
				  { "sh", "-c", "echo bad >&2", NULL },
				  { "sh", "-c",
				    "trap '' TERM; echo deaf; while :; do sleep 60; done", NULL } };
	static const char *const tag[] = { "a", "b", "c" };
	struct cryo_child *child[3] = { NULL };
	struct cryo_proc p[3];
	int fd;

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDWR | O_CLOEXEC);
	for (size_t i = 0; i < 3; i++) {
		p[i] = (struct cryo_proc){ .argv = argv[i],
					   .on_line = collect,
					   .on_line_arg = (void *)tag[i],
					   .grace_ms = 100 };
		assert_int_equal(cryo_child_start(&p[i], &child[i], &err), 0);
	}
	while (!cryo_child_done(child[1]) || !cryo_strv_has(&lines, "c1 deaf"))
		cryo_child_serve(child, 3);
	assert_int_equal(cryo_child_finish(cryo_steal(&child[1]), NULL, &err), 0);
	assert_int_equal(write(fd, "x\n", 2), 2);
	while (!cryo_child_done(child[0]))
		cryo_child_serve(child, 3);
	assert_int_equal(cryo_child_finish(cryo_steal(&child[0]), &res, &err), -CRYO_E_CHILD);
	assert_int_equal(res.exit_code, 3);
	cryo_proc_result_release(&res);
	cryo_child_limit(child[2], 1);
	assert_int_equal(cryo_child_finish(child[2], &res, &err), -CRYO_E_TIMEOUT);
	assert_string_equal(err.msg, "'sh' took longer than 1 ms");
	assert_int_equal(res.signal, SIGKILL);
	assert_int_equal(lines.n, 3);
	assert_true(cryo_strv_has(&lines, "b2 bad"));
	assert_string_equal(lines.v[2], "a1 late");
	close(fd);
}

static void several_need_a_program(void **state)
{
	const char *argv[] = { "/nowhere/x", NULL };
	struct cryo_proc p = { .argv = argv };
	struct cryo_child *child;

	(void)state;
	assert_int_equal(cryo_child_start(&p, &child, &err), -CRYO_E_UNFIT);
	assert_null(child);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ends),
		TEST(cannot_be_run),
		TEST(no_word_is_special),
		TEST(output_of_a_program),
		TEST(lines_come_whole),
		TEST(progress_comes_line_by_line),
		TEST(silence_is_limited),
		TEST(endless_lines_are_cut),
		TEST(capture_keeps_the_tail),
		TEST(input_is_fed),
		TEST(input_in_node_ends),
		TEST(environment),
		TEST(directory_and_streams),
		TEST(log_file),
		TEST(child_in_the_background),
		TEST(child_that_is_not_ready),
		TEST(child_that_is_not_there),
		TEST(background_is_not_waited_for),
		TEST(time_limit_ends_the_group),
		TEST(interrupts),
		TEST(several),
		TEST(several_need_a_program),
		TEST(dies_with_us),
		TEST(gets_ready),
		TEST(isolated),
		TEST(isolated_leaves_no_process),
		TEST(other_root),
		TEST(enter_a_node),
		TEST(foreground_inherits),
		TEST(ctrl_c_is_the_foregrounds),
		TEST(other_processes),
	};

	signal(SIGPIPE, SIG_IGN); /* as cryo_intr_install does */
	return cmocka_run_group_tests_name("proc", tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
