/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program itself, with directories of its own: what it says to those who
 * call it wrongly, or without a cluster, and with which exit code.
 */
#include "sys/fs.h"
#include "sys/lock.h"
#include "sys/proc.h"
#include "tests/scratch.h"

#include <fcntl.h>
#include <libgen.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_MS 20000
#define MAX_ARGS 10
#define NOBODY	 65534

static char *program;
static struct cryo_err err;

/* A name beside us: build/tests/test_cli runs build/cryopod, build/asan/… that of build/asan. */
static char *beside(void)
{
	char self[4096] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return NULL;
	return cryo_asprintf("%s/cryopod", dirname(dirname(self)));
}

static int setup(void **state)
{
	program = beside();
	if (!program || scratch_setup(state) < 0)
		return -1;
	scratch_setenv_path("CRYOPOD_STATE_DIR", "state");
	scratch_setenv_path("CRYOPOD_CACHE_DIR", "cache");
	scratch_setenv_path("CRYOPOD_RUN_DIR", "run");
	unsetenv("CRYOPOD_NAME");
	scratch_put("key.yaml",
		    "apiVersion: cryopod.dev/v1alpha1\nkind: Stack\nmetadata:\n  name: x\n"
		    "spec:\n  components:\n    runc:\n      sauce: {dir: /}\n");
	scratch_put("good.yaml",
		    "apiVersion: cryopod.dev/v1alpha1\nkind: Scenario\nmetadata: {name: x}\n"
		    "spec: {steps: [delete: {pod: x}]}\n");
	scratch_put("text.tar", "this is no archive");
	scratch_put("empty.tar", "");
	scratch_put("state/damaged/cluster.json", "{\"boot\": ");
	return chdir(scratch_dir);
}

static int teardown(void **state)
{
	free(program);
	return chdir("/") | scratch_teardown(state);
}

/* Runs it with the words of `line`, '' is an empty one. */
static void call(const char *line, struct cryo_proc_result *res)
{
	cryo_auto(cryo_free) char *words = cryo_strdup(line);
	const char *argv[MAX_ARGS + 2] = { program };
	struct cryo_proc p = { .argv = argv, .timeout_ms = LIMIT_MS };
	char *save = NULL;
	size_t n = 1;

	for (char *w = strtok_r(words, " ", &save); w && n <= MAX_ARGS;
	     w = strtok_r(NULL, " ", &save))
		argv[n++] = strcmp(w, "''") == 0 ? "" : w;
	cryo_proc_run(&p, res, &err);
}

struct row {
	const char *line;
	int exit_code;
	const char *says; /* on stderr; "" for silence */
};

/* An error is one line, and nothing is on stdout that could be taken for a result. */
static void check_rows(const struct row *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };

		print_message("# cryopod %s\n", row[i].line);
		call(row[i].line, &res);
		if (res.exit_code != row[i].exit_code ||
		    !strstr(cryo_str_get(&res.err), row[i].says))
			print_message("# %s\n", cryo_str_get(&res.err));
		assert_int_equal(res.exit_code, row[i].exit_code);
		assert_non_null(strstr(cryo_str_get(&res.err), row[i].says));
		if (*row[i].says == '\0')
			assert_int_equal(res.err.len, 0);
	}
}

static void usage(void **state)
{
	static const struct row rows[] = {
		{ "", 2, "cryopod: no command given\n" },
		{ "foo", 2, "cryopod: no command 'foo' (see cryopod --help)\n" },
		{ "statu", 2, "did you mean 'status'?" },
		{ "fo\xc2\x9b"
		  "2J\x7f",
		  2, "cryopod: no command 'fo?2J?'" },
		{ "internal-forwar", 2, "see cryopod --help" },
		{ "--help", 0, "" },
		{ "help", 0, "" },
		{ "help up", 0, "" },
		{ "help foo", 2, "no command 'foo'" },
		{ "help doctr", 2, "did you mean 'doctor'?" },
		{ "version", 0, "" },
		{ "version x", 2, "unexpected argument 'x': cryopod version\n" },
		{ "-x", 2, "no option '-x' (see cryopod --help)\n" },
		{ "up -qz", 2, "no option '-z' (see cryopod up --help)\n" },
		{ "up --prot 1", 2, "no option '--prot' (did you mean '--port'?)\n" },
		{ "up --port", 2, "--port needs a value (PORT)" },
		{ "up --port=", 2, "--port: '' is not a number" },
		{ "up --port x", 2, "--port: 'x' is not a number" },
		{ "up --port -1", 2, "--port: '-1' is not a number" },
		{ "up --port 65536", 2, "--port: 65536 is above 65535" },
		{ "up --timeout 5", 2, "--timeout: '5' is not a duration (write 300ms" },
		{ "up --no-build=1", 2, "--no-build takes no value" },
		{ "up x", 2, "unexpected argument" },
		{ "--color sometimes version", 2,
		  "--color: 'sometimes' is not valid (valid values: auto" },
		{ "--target kine up", 2,
		  "unknown kind of cluster 'kine' (valid values: local, attached, kind)" },
		{ "up --engine docker", 3, "a cluster of kind 'local' has no container engine" },
		{ "up --config x.yaml", 3, "a cluster of kind 'local' has no configuration" },
		{ "up --nodes 17", 2, "--nodes: at most 16" },
		{ "up --target kind --config /no/such.yaml", 2, "/no/such.yaml" },
		{ "up --target kind --config x --nodes 2", 2,
		  "--config and --nodes exclude each other" },
		{ "up --target kind --nodes 99", 2, "--nodes: at most 16" },
		{ "image node", 2, "a node image is for a kind of cluster: --for kind" },
		{ "image --load", 2, "--load needs a file" },
		{ "--name Bad_Name up", 2, "bad cluster name 'Bad_Name' (a-z, 0-9" },
		{ "--name .. status", 2, "bad cluster name '..'" },
		{ "--name '' status", 2, "bad cluster name ''" },
		{ "status -o xml", 2,
		  "--output: 'xml' is not valid (valid values: table, json, yaml)" },
		{ "doctor -o xml", 2, "--output: 'xml' is not valid (valid values: table" },
		{ "checkpoint", 2, "an argument is missing: cryopod checkpoint POD\n" },
		{ "checkpoint a b", 2, "unexpected argument 'b'" },
		{ "checkpoint a --leave-running", 2, "--leave-running needs a value (BOOL)" },
		{ "checkpoint a --leave-running=no", 2,
		  "--leave-running: 'no' is neither true nor false" },
		{ "checkpoint a --form fork", 2,
		  "--form: 'fork' is not a valid form (valid values: pods, proxy, kubelet)" },
		{ "checkpoint a --encrypt", 2, "belong together" },
		{ "checkpoint a --encryption-secret x", 2, "belong together" },
		{ "checkpoint a --kubeconfig nope.yaml", 2,
		  "--kubeconfig: cannot open 'nope.yaml': No such file or directory\n" },
		{ "checkpoint a --dry-run --to x", 2, "--dry-run and --to exclude each other" },
		{ "checkpoint a/b --dry-run --form pods", 2,
		  "no curl line: 'a/b' is not a valid pod name" },
		{ "-q checkpoint a --dry-run --form pods", 0, "" },
		{ "proxy --port 65536", 2, "--port: 65536 is not a port" },
		{ "proxy x", 2, "unexpected argument" },
		{ "restore", 2, "an argument is missing: cryopod restore ARCHIVE|DIR\n" },
		{ "restore x.tar", 2, "the new pod needs a name: --pod NAME" },
		{ "kubectl", 2, "an argument is missing" },
		{ "image foo", 2, "no image 'foo' (valid values: counter, pause, faces, web)" },
		{ "up --count 65", 2, "--count: at most 64" },
		{ "up --count 2 --port 5", 2, "--port and --count exclude each other" },
		{ "up --count 2 -o xml", 2, "--output: 'xml' is not valid (valid values: table" },
		{ "down --count 65", 2, "--count: at most 64" },
		{ "template", 2, "an argument is missing: cryopod template list|make|rm [KEY]" },
		{ "template mak", 2, "no 'template mak' (did you mean 'make'?)" },
		{ "template xyz", 2, "no 'template xyz' (valid values: list, make, rm)" },
		{ "template list x", 2, "template list: unexpected argument 'x'" },
		{ "snapshot", 2,
		  "an argument is missing: cryopod snapshot save|list|rm [SNAPSHOT]" },
		{ "snapshot sav", 2, "no 'snapshot sav' (did you mean 'save'?)" },
		{ "up --from a --stack b", 2, "neither --stack nor --cold" },
		{ "up --from a --minimal", 2, "neither --stack nor --cold" },
		{ "up --from a --set etcd.v=1", 2, "neither --stack nor --cold" },
		{ "up --from a --cold", 2, "neither --stack nor --cold" },
		{ "template list -o xml", 2, "--output: 'xml' is not valid (valid values: table" },
		{ "build -j 0", 2, "--jobs: " },
		{ "internal-build --stack nope x", 2, "no stack 'nope'" },
		{ "cache", 2, "an argument is missing: cryopod cache list|prune" },
		{ "cache prun", 2, "no 'cache prun' (did you mean 'prune'?)" },
		{ "cache list x", 2, "cache list: unexpected argument 'x'" },
		{ "cache list -o xml", 2, "--output: 'xml' is not valid (valid values: table" },
		{ "cache list --all", 2, "are for 'cache prune'" },
		{ "cache prune --older-than 7", 2, "--older-than: '7' is not a duration" },
		{ "build --mirror x", 2, "mirror 'x' is not PREFIX=PATH-or-URL" },
		{ "up --mirror x=", 2, "mirror 'x=' is not PREFIX=PATH-or-URL" },
		{ "sources sync --mirror =x", 2, "mirror '=x' is not PREFIX=PATH-or-URL" },
		{ "sources patch --mirror x kubernetes", 2, "mirror 'x' is not" },
		{ "sources --mirror x=y", 2, "sources status asks no server: --mirror is for" },
		{ "sources refresh --mirror x=y", 2, "sources refresh asks no server" },
		{ "test", 2, "an argument is missing" },
	};

	(void)state;
	check_rows(rows, CRYO_ARRAY_LEN(rows));
}

static void input_files(void **state)
{
	static const struct row rows[] = {
		{ "build foo", 2, "stack 'upstream' has no component 'foo' (it has: kubernetes," },
		{ "build kubernets", 2, "did you mean 'kubernetes'?" },
		{ "build --stack nope", 2,
		  "no stack 'nope' ships with cryopod (a path has a slash)" },
		{ "build --stack upstrean", 2, "did you mean 'upstream'?" },
		{ "build --stack ./nope.yaml", 2, "no stack file './nope.yaml'" },
		{ "build --stack key.yaml", 2,
		  "key.yaml:8: unknown key 'sauce' (valid values: source," },
		{ "doctor --stack key.yaml", 2, "key.yaml:8: unknown key 'sauce'" },
		{ "doctor --stack nope", 2, "no stack 'nope'" },
		{ "test nope.yaml", 2, "nope.yaml': No such file" },
		{ "test --lint key.yaml", 2, "key.yaml:" },
		{ "test --fresh --up x.yaml", 2, "exclude each other" },
		{ "test -j 2 x.yaml", 2, "--jobs needs --fresh" },
		{ "test --keep-failed x.yaml", 2, "--keep-failed needs --fresh" },
		{ "test -o xml x.yaml", 2,
		  "'xml' is not valid (valid values: summary, tap, junit, json)" },
		{ "test -o junit --report r.xml x.yaml", 2, "exclude each other" },
		{ "test --report nowhere/r.xml good.yaml", 1, "--report: " },
		{ "internal-scenario --row 3 nope.yaml", 2, "nope.yaml': No such file" },
		{ "internal-cluster sideways", 2, "neither up nor down" },
		{ "restore nope.tar --pod x", 2, "cannot open 'nope.tar': No such file" },
		{ "restore text.tar --pod x", 2, "is not a tar archive" },
		{ "inspect nope.tar", 2, "cannot open 'nope.tar': No such file" },
		{ "inspect text.tar", 2, "is not a tar archive" },
		{ "inspect empty.tar", 2, "'empty.tar' is empty" },
		{ "restore empty.tar --pod x", 2, "'empty.tar' is empty" },
		{ "restore /dev/null --pod x", 2, "'/dev/null' is not a regular file" },
		{ "seal nope.tar x --cert c", 2, "cannot open 'nope.tar': No such file" },
		{ "seal text.tar x --cert c", 2,
		  "'text.tar' is not a tar archive (--any seals it anyway)\n" },
		{ "seal empty.tar x --cert c", 2, "'empty.tar' is empty (--any" },
		{ "seal . x --cert c", 2, "'.' is not a checkpoint: there is no 'inventory.img'" },
		{ "seal --any text.tar x --cert c", 1, "cannot open 'c'" },
		{ "--name damaged status", 2,
		  "(cryopod down --target KIND --name damaged removes it): " },
	};

	(void)state;
	check_rows(rows, CRYO_ARRAY_LEN(rows));
}

/* What one component cost is not lost because another one failed. */
static void a_build_that_fails_is_remembered(void **state)
{
	static const struct row rows[] = {
		{ "build --stack git.yaml --offline", 4, "--offline forbids to fetch it" },
	};
	cryo_auto(cryo_free) char *users = scratch_path("cache/builds/.users");

	(void)state;
	scratch_put("git.yaml",
		    "apiVersion: cryopod.dev/v1alpha1\nkind: Stack\nmetadata: {name: x}\n"
		    "spec: {components: {criu: {source: {git: /nowhere, ref: main}}}}\n");
	check_rows(rows, CRYO_ARRAY_LEN(rows));
	assert_true(cryo_fs_is_dir(users));
	assert_int_equal(rmdir(users), -1); /* something is in it */
}

/* Both files or none: a second try finds nothing in its way. */
static void keygen(void **state)
{
	static const struct row failed[] = {
		{ "keygen --ec P-256 --cert none/k.crt --key k.key", 1, "No such file" },
	};
	static const struct row made[] = {
		{ "keygen --ec P-256 --cert k.crt --key k.key", 0, "" },
		{ "keygen --ec P-256 --cert k.crt --key k.key", 2, "'k.key' already exists" },
	};
	cryo_auto(cryo_free) char *key = scratch_path("k.key");
	struct stat st;

	(void)state;
	check_rows(failed, CRYO_ARRAY_LEN(failed));
	assert_false(cryo_fs_exists(key));
	check_rows(made, CRYO_ARRAY_LEN(made));
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void no_cluster(void **state)
{
	static const struct row rows[] = {
		{ "status", 1, "" },
		{ "status -o json", 1, "" },
		{ "checkpoint a", 1,
		  "cluster 'default' is not running (start it: cryopod up --name" },
		{ "--name b logs", 1,
		  "cluster 'b' is not running (start it: cryopod up --name b)\n" },
		{ "logs kubelet", 1, "is not running" },
		{ "shell", 1, "is not running" },
		{ "shell -- ls -l", 1, "is not running" },
		{ "kubectl get pods", 1, "is not running" },
		{ "proxy", 1, "is not running" },
		{ "kubectl -n kube-system get pods", 1, "is not running" },
		{ "up --no-build", 4, "6 components of stack 'upstream' are not built" },
		{ "down --name nothing", 0, "nothing to remove" },
		{ "-q down --name nothing", 0, "" },
	};

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: needs root\n");
		skip();
	}
	check_rows(rows, CRYO_ARRAY_LEN(rows));
}

/* By this name it is kubectl's plugin: one command, and the cluster of kubectl. */
static void as_plugin(void **state)
{
	static const struct row rows[] = {
		{ "", 2, "an argument is missing: kubectl checkpoint POD\n" },
		{ "a b", 2, "unexpected argument 'b': kubectl checkpoint POD\n" },
		{ "a --dry", 2, "no option '--dry'" },
		{ "--help", 0, "" },
		{ "a --to x -n y", 2, "the archive stays on its node" },
		{ "a -n y", 3, "no program 'kubectl' in PATH" },
		{ "a", 3, "no program 'kubectl' in PATH" },
		{ "-q a -n y --dry-run --form pods", 0, "" },
	};
	char *real = program;
	cryo_auto(cryo_free) char *path = cryo_strdup(getenv("PATH"));
	cryo_auto(cryo_free) char *plugin = scratch_path("kubectl-checkpoint");

	(void)state;
	assert_int_equal(symlink(real, plugin), 0);
	setenv("PATH", scratch_dir, 1);
	program = plugin;
	check_rows(rows, CRYO_ARRAY_LEN(rows));
	program = real;
	setenv("PATH", path, 1);
}

/* Its wait status, and what it says on stderr. */
static int run_as_nobody(const char *command, char *text, size_t size)
{
	ssize_t n, len = 0;
	int out[2], wstatus;
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		close(out[0]);
		if (geteuid() != 0 || setresuid(NOBODY, NOBODY, NOBODY) == 0)
			execl(program, "cryopod", command, NULL);
		_exit(99);
	}
	close(out[1]);
	while ((n = read(out[0], text + len, size - 1 - (size_t)len)) > 0)
		len += n;
	text[len] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	return wstatus;
}

static void not_root(void **state)
{
	static const struct row rows[] = {
		{ "up", 3, "a local cluster needs root" },
		{ "down", 3, "a local cluster needs root (sudo cryopod down)" },
		{ "logs", 3, "clusters are root's (sudo cryopod)" },
		{ "shell", 3, "clusters are root's" },
		{ "status", 1, "sudo cryopod status" },
		{ "doctor", 3, "" },
	};
	char text[4096];

	(void)state;
	assert_int_equal(chmod(scratch_dir, 0755), 0);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(rows); i++) {
		int wstatus = run_as_nobody(rows[i].line, text, sizeof(text));

		if (WEXITSTATUS(wstatus) == 99) {
			print_message("# skipped: '%s' is not for everybody\n", program);
			skip();
		}
		print_message("# cryopod %s\n", rows[i].line);
		assert_true(WIFEXITED(wstatus));
		assert_int_equal(WEXITSTATUS(wstatus), rows[i].exit_code);
		assert_non_null(strstr(text, rows[i].says));
	}
}

/* A result that did not arrive is a failure, and never lands in another file. */
static void stdout_is_gone(void **state)
{
	static const char *const command[] = { "version", "help", "status", "doctor" };
	cryo_auto(cryo_fd_close) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < 2 * CRYO_ARRAY_LEN(command); i++) {
		pid_t pid = fork();
		int wstatus;

		if (pid == 0) {
			close(STDERR_FILENO);
			close(STDOUT_FILENO);
			if (i % 2)
				dup2(full, STDOUT_FILENO);
			execl(program, "cryopod", command[i / 2], NULL);
			_exit(99);
		}
		assert_int_equal(waitpid(pid, &wstatus, 0), pid);
		print_message("# %s %s\n", command[i / 2], i % 2 ? "full" : "closed");
		assert_true(WIFEXITED(wstatus));
		assert_true(WEXITSTATUS(wstatus) == 1 || WEXITSTATUS(wstatus) == 3);
	}
}

/* Before it has its handlers, a signal would simply end it. */
static void await_handler(pid_t pid, int sig)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/%d/status", pid);

	for (int ms = 0; ms < LIMIT_MS; ms += 10) {
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
		const char *caught;

		assert_int_equal(cryo_fs_read(path, 65536, &text, &err), 0);
		caught = strstr(cryo_str_get(&text), "SigCgt:");
		assert_non_null(caught);
		if (strtoull(caught + strlen("SigCgt:"), NULL, 16) >> (sig - 1) & 1)
			return;
		usleep(10000);
	}
	fail_msg("no handler of signal %d", sig);
}

/* It waits for a lock that we hold. */
static void signals(void **state)
{
	static const int sig[] = { SIGINT, SIGTERM };
	cryo_auto(cryo_free) char *path = scratch_path("run/held.lock");
	cryo_auto(cryo_fd_close) int lock = -1;

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: needs root\n");
		skip();
	}
	assert_int_equal(cryo_lock_take(path, 0, &lock, &err), 0);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(sig); i++) {
		pid_t pid = fork();
		int wstatus;

		if (pid == 0) {
			close(STDERR_FILENO);
			execl(program, "cryopod", "--name", "held", "down", NULL);
			_exit(99);
		}
		await_handler(pid, sig[i]);
		assert_int_equal(kill(pid, sig[i]), 0);
		assert_int_equal(waitpid(pid, &wstatus, 0), pid);
		assert_true(WIFEXITED(wstatus));
		assert_int_equal(WEXITSTATUS(wstatus), 128 + sig[i]);
	}
	cryo_lock_remove(path, &lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(usage),
		cmocka_unit_test(input_files),
		cmocka_unit_test(a_build_that_fails_is_remembered),
		cmocka_unit_test(keygen),
		cmocka_unit_test(no_cluster),
		cmocka_unit_test(as_plugin),
		cmocka_unit_test(not_root),
		cmocka_unit_test(stdout_is_gone),
		cmocka_unit_test(signals),
	};

	return cmocka_run_group_tests(tests, setup, teardown) ? EXIT_FAILURE : EXIT_SUCCESS;
}
