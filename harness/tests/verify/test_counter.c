/* SPDX-License-Identifier: Apache-2.0 */
/* The counter program itself, as it runs in a container. */
#include "base/clock.h"
#include "source/data.h"
#include "sys/fs.h"
#include "verify/canary.h"
#include "verify/counterlog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct run {
	char *program;
	pid_t pid; /* 0: none */
	int out, err;
};

static int setup(void **state)
{
	struct run *r = cryo_alloc(sizeof(*r));
	struct cryo_err err;

	r->out = r->err = -1;
	*state = r;
	return cryo_data_path("libexec/counter", &r->program, &err);
}

static int teardown(void **state)
{
	struct run *r = *state;

	if (r->pid > 0) {
		kill(r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
	}
	cryo_fd_closep(&r->out);
	cryo_fd_closep(&r->err);
	free(r->program);
	free(r);
	return 0;
}

/* `args` and `env` end with NULL; args start behind argv[0]. */
static void start(struct run *r, const char *const *args, const char *const *env)
{
	char *argv[16] = { r->program };
	int out[2], err[2];

	for (size_t i = 0; args[i]; i++)
		argv[i + 1] = (char *)args[i];
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (r->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		execve(r->program, argv, (char *const *)env);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	r->out = out[0];
	r->err = err[0];
}

/* The exit code; -1 if it was a signal. */
static int wait_exit(struct run *r)
{
	int status = 0;

	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	r->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What one read(2) gives, within the time: "" if nothing came. */
static void read_some(int fd, int timeout_ms, char *buf, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = 0;

	if (poll(&p, 1, timeout_ms) > 0)
		n = read(fd, buf, size - 1);
	assert_true(n >= 0);
	buf[n] = '\0';
}

static const char *const none[] = { NULL };

/* Byte by byte, as the next line may be there already when we are late. */
static struct cryo_count next_line(struct run *r)
{
	struct pollfd p = { .fd = r->out, .events = POLLIN };
	struct cryo_count c = { 0 };
	char line[200] = "";
	size_t n = 0;

	while (n == 0 || line[n - 1] != '\n') {
		assert_true(n < sizeof(line) - 1);
		assert_int_equal(poll(&p, 1, 5000), 1);
		assert_int_equal(read(r->out, line + n++, 1), 1);
	}
	line[n - 1] = '\0';
	assert_int_equal(cryo_count_parse(line, &c), CRYO_LOGLINE_COUNT);
	return c;
}

static void counts_on_a_grid(void **state)
{
	static const char *const args[] = { "--interval", "100ms", NULL };
	struct cryo_count first, now;
	struct run *r = *state;

	start(r, args, none);
	first = next_line(r);
	assert_int_equal(first.count, 1);
	for (uint64_t i = 2; i <= 6; i++) {
		now = next_line(r);
		assert_int_equal(now.count, i);
		assert_string_equal(now.nonce, first.nonce);
		assert_false(now.damaged);
	}
	/* Never early; late at most by what a busy machine makes of it. */
	assert_in_range(now.mono_ns - first.mono_ns, 499000000, 3000000000);
}

static void another_nonce_each_time(void **state)
{
	struct run *r = *state;
	char first[CRYO_NONCE_LEN];

	start(r, none, none);
	strcpy(first, next_line(r).nonce);
	kill(r->pid, SIGKILL);
	wait_exit(r);
	cryo_fd_closep(&r->out);
	cryo_fd_closep(&r->err);
	start(r, none, none);
	assert_string_not_equal(next_line(r).nonce, first);
}

static void ends_when_told(void **state)
{
	static const int sig[] = { SIGTERM, SIGINT };
	struct run *r = *state;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(sig); i++) {
		static const char *const args[] = { "--interval=1h", NULL };
		int64_t from;

		start(r, args, none);
		next_line(r);
		from = cryo_now_ms();
		kill(r->pid, sig[i]);
		assert_int_equal(wait_exit(r), 0);
		assert_in_range(cryo_now_ms() - from, 0, 2000);
		cryo_fd_closep(&r->out);
		cryo_fd_closep(&r->err);
	}
}

/* Frozen for many intervals, it does not print the lines it missed. */
static void no_burst_after_a_freeze(void **state)
{
	static const char *const args[] = { "--interval", "100ms", NULL };
	struct run *r = *state;
	struct cryo_count before, after;

	start(r, args, none);
	next_line(r);
	before = next_line(r);
	kill(r->pid, SIGSTOP);
	usleep(1500000);
	kill(r->pid, SIGCONT);
	after = next_line(r);
	/* Lines may have come between the read and the stop. */
	while (after.mono_ns - before.mono_ns < 1000000000) {
		before = after;
		after = next_line(r);
	}
	assert_int_equal(after.count, before.count + 1);
	assert_true(after.mono_ns - before.mono_ns >= 1000000000);
	before = after;
	for (int i = 0; i < 3; i++)
		after = next_line(r);
	/* The one that was due at once, then the grid again. */
	assert_int_equal(after.count, before.count + 3);
	assert_true(after.mono_ns - before.mono_ns >= 200000000);
}

static void bad_options(void **state)
{
	static const struct {
		const char *args[3], *env[2];
	} row[] = {
		{ { "--interval", "0" }, { 0 } },
		{ { "--interval", "0ms" }, { 0 } },
		{ { "--interval", "5" }, { 0 } },
		{ { "--interval", "-1s" }, { 0 } },
		{ { "--interval", " 1s" }, { 0 } },
		{ { "--interval", "99999999999h" }, { 0 } },
		{ { "--interval" }, { 0 } },
		{ { "--ballast", "64MB" }, { 0 } },
		{ { "--ballast", "99999999999Gi" }, { 0 } },
		{ { "--ballast", "99999999999999999999" }, { 0 } },
		{ { "--ballast-kind", "pink" }, { 0 } },
		{ { "--marker-env", "NOT_THERE" }, { 0 } },
		{ { "--nonsense" }, { 0 } },
		{ { "word" }, { 0 } },
		{ { 0 }, { "COUNTER_INTERVAL=soon" } },
		{ { 0 }, { "COUNTER_BALLAST=much" } },
	};

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct run *r = *state;
		char text[4096];

		print_message("# %zu\n", i);
		start(r, row[i].args, row[i].env);
		assert_int_equal(wait_exit(r), 2);
		read_some(r->err, 0, text, sizeof(text));
		assert_true(strlen(text) > 0);
		read_some(r->out, 0, text, sizeof(text));
		assert_string_equal(text, "");
		cryo_fd_closep(&r->out);
		cryo_fd_closep(&r->err);
	}
}

static void arguments_win(void **state)
{
	static const char *const args[] = { "--interval", "50ms", NULL };
	static const char *const env[] = { "COUNTER_INTERVAL=1h", "COUNTER_BALLAST=", NULL };
	struct run *r = *state;

	start(r, args, env);
	next_line(r);
	next_line(r);
}

static void help(void **state)
{
	static const char *const args[] = { "--help", NULL };
	struct run *r = *state;
	char text[4096];

	start(r, args, none);
	assert_int_equal(wait_exit(r), 0);
	read_some(r->out, 0, text, sizeof(text));
	assert_non_null(strstr(text, "--ballast-kind"));
	assert_non_null(strstr(text, "$COUNTER_MARKER_ENV"));
}

struct area {
	uint64_t from, to;
};

/* The heap, or the largest mapping without a name. */
static struct area find_area(pid_t pid, bool heap)
{
	struct area best = { 0 };
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		struct area a;
		int used = 0;

		assert_int_equal(sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %*s %n", &a.from,
					&a.to, &used),
				 2);
		if (heap ? cryo_starts_with(line + used, "[heap]")
			 : !line[used] && a.to - a.from > best.to - best.from)
			best = a;
	}
	fclose(f);
	return best;
}

static bool area_holds(pid_t pid, struct area a, const char *text)
{
	size_t size = a.to - a.from;
	cryo_auto(cryo_free) char *copy = cryo_alloc(size);
	struct iovec to = { copy, size }, from = { (void *)(uintptr_t)a.from, size };

	assert_int_equal(process_vm_readv(pid, &to, 1, &from, 1, 0), size);
	return memmem(copy, size, text, strlen(text)) != NULL;
}

static void keeps_the_marker(void **state)
{
	static const char *const args[] = { "--marker-env", "SECRET", NULL };
	static const char *const env[] = { "SECRET=the-marker-in-memory", NULL };
	struct run *r = *state;

	start(r, args, env);
	next_line(r);
	assert_true(area_holds(r->pid, find_area(r->pid, true), "the-marker-in-memory"));
}

static bool file_holds(pid_t pid, const char *name, const char *text)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/%d/%s", (int)pid, name);
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_search s;

	cryo_search_begin(&s, text);
	assert_int_equal(cryo_search_file(&s, path, &err), 0);
	return s.hits > 0;
}

/* In the heap as /proc/PID/mem shows it, and in nothing that others see of the process. */
static void keeps_the_canary(void **state)
{
	static const char *const args[] = { "--interval", "20ms", NULL };
	struct run *r = *state;
	char canary[CRYO_CANARY_LEN], path[64], line[200];
	cryo_auto(cryo_free) char *copy = NULL;
	struct area heap;
	int fd;

	start(r, args, none);
	assert_true(cryo_canary_text(next_line(r).nonce, canary));
	heap = find_area(r->pid, true);
	copy = cryo_alloc(heap.to - heap.from);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)r->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, copy, heap.to - heap.from, (off_t)heap.from),
			 heap.to - heap.from);
	close(fd);
	assert_non_null(memmem(copy, heap.to - heap.from, canary, strlen(canary)));
	assert_false(file_holds(r->pid, "cmdline", canary));
	assert_false(file_holds(r->pid, "environ", canary));
	for (int i = 0; i < 20; i++) {
		read_some(r->out, 1000, line, sizeof(line));
		assert_null(strstr(line, canary));
	}
}

static uint64_t resident(pid_t pid)
{
	char path[64];
	unsigned long pages = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*u %lu", &pages), 1);
	fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void ballast_is_resident(void **state)
{
	static const char *const kind[] = { "random", "zero", "repeat" };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(kind); i++) {
		const char *const args[] = { "--ballast", "16Mi", "--ballast-kind", kind[i], NULL };
		struct run *r = *state;

		start(r, args, none);
		assert_false(next_line(r).damaged);
		assert_true(resident(r->pid) >= 16 << 20);
		kill(r->pid, SIGKILL);
		wait_exit(r);
		cryo_fd_closep(&r->out);
		cryo_fd_closep(&r->err);
	}
}

/* One changed byte near the end of 3 MiB is seen within three or four lines, and from then on. */
static void damage_is_noticed(void **state)
{
	static const char *const args[] = { "--interval", "20ms", "--ballast", "3Mi", NULL };
	struct run *r = *state;
	struct area a;
	struct iovec to, from = { (char *)"!!", 2 };
	int clean = 0;

	start(r, args, none);
	next_line(r);
	a = find_area(r->pid, false);
	assert_true(a.to - a.from >= 3 << 20);
	to = (struct iovec){ (void *)(uintptr_t)(a.from + (3 << 20) - 5000), 2 };
	assert_int_equal(process_vm_writev(r->pid, &from, 1, &to, 1, 0), 2);
	while (!next_line(r).damaged)
		assert_true(++clean < 20);
	for (int i = 0; i < 5; i++)
		assert_true(next_line(r).damaged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts_on_a_grid, setup, teardown),
		cmocka_unit_test_setup_teardown(another_nonce_each_time, setup, teardown),
		cmocka_unit_test_setup_teardown(ends_when_told, setup, teardown),
		cmocka_unit_test_setup_teardown(no_burst_after_a_freeze, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_options, setup, teardown),
		cmocka_unit_test_setup_teardown(arguments_win, setup, teardown),
		cmocka_unit_test_setup_teardown(help, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_the_marker, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_the_canary, setup, teardown),
		cmocka_unit_test_setup_teardown(ballast_is_resident, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_noticed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
