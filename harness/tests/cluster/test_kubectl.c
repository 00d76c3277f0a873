/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster behind kubectl. Called by the name of kubectl this program plays it:
 * the API server behind its proxy, and what goes wrong with it.
 */
#include "checkpoint/checkpoint.h"
#include "cluster/attach.h"
#include "cluster/cluster.h"
#include "tests/scratch.h"

#include "sys/fs.h"
#include "tests/kube/fake_kubectl.h"

#include <libgen.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/un.h>
#include <cmocka.h>

#define POD                                                                                        \
	"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\"},"       \
	"\"spec\":{\"nodeName\":\"n1\",\"containers\":[{\"name\":\"c\"}]},\"status\":{"            \
	"\"containerStatuses\":[{\"name\":\"c\",\"state\":{\"running\":{}}}]}}"

static const struct fake_step server[] = {
	{ "GET /api/v1 ", 200,
	  "{\"resources\":[{\"name\":\"pods/checkpoint\",\"verbs\":[\"create\"]}]}", false, 0 },
	{ "GET /api/v1/namespaces/n/pods/p ", 200, POD, false, 0 },
	{ "POST /api/v1/namespaces/n/pods/p/checkpoint ", 201,
	  "{\"kind\":\"Status\",\"status\":\"Success\",\"details\":{\"name\":\"n1\",\"kind\":"
	  "\"/c/x.tar\"}}",
	  false, 0 },
};

static char *program;
static struct cryo_err err;

static void log_words(char **argv)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/words", getenv("FAKE_DIR"));
	FILE *f = fopen(path, "w");

	for (char **w = argv + 1; f && *w; w++)
		fprintf(f, "%s\n", *w);
	if (f)
		fprintf(f, "pid %d\n", getpid());
	if (f)
		fclose(f);
}

static int play_kubectl(char **argv)
{
	const char *how = getenv("FAKE");

	log_words(argv);
	if (strcmp(how, "dies") == 0) {
		fprintf(stderr, "error: no such context\n");
		return 1;
	}
	if (strcmp(how, "no namespace") == 0)
		return 0;
	for (char **w = argv + 1; *w; w++) {
		if (cryo_starts_with(*w, "--unix-socket="))
			return fake_kubectl_serve(*w + strlen("--unix-socket="), server,
						  CRYO_ARRAY_LEN(server));
		if (cryo_starts_with(*w, "--output="))
			printf("team-a");
	}
	return 0;
}

static int setup(void **state)
{
	cryo_auto(cryo_free) char *self = realpath("/proc/self/exe", NULL);

	if (!self || scratch_setup(state) < 0)
		return -1;
	program = scratch_path("kubectl");
	scratch_setenv("FAKE_DIR", scratch_dir);
	return symlink(self, program);
}

static int teardown(void **state)
{
	free(program);
	return scratch_teardown(state);
}

/* What the last one was called with. */
static char *words(void)
{
	cryo_auto(cryo_free) char *path = scratch_path("words");
	struct cryo_str text = { 0 };

	assert_int_equal(cryo_fs_read(path, 65536, &text, &err), 0);
	return cryo_str_detach(&text);
}

static void namespaces(void **state)
{
	static const struct {
		const char *how;
		int rc;
		const char *result; /* or message */
	} row[] = {
		{ "serves", 0, "team-a" },
		{ "no namespace", 0, "default" },
		{ "dies", -CRYO_E_CHILD, "error: no such context" },
	};
	struct cryo_kubectl k = { program, "/some/config", "some-context" };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *called = NULL;
		cryo_auto(cryo_free) char *ns = NULL;

		setenv("FAKE", row[i].how, 1);
		assert_int_equal(cryo_kubectl_namespace(&k, &ns, &err), row[i].rc);
		assert_non_null(strstr(ns ? ns : err.msg, row[i].result));
		called = words();
		assert_true(cryo_starts_with(
		    called, "--kubeconfig=/some/config\n--context=some-context\nconfig\nview\n"
			    "--minify\n"));
	}
}

static void checkpoint_through_it(void **state)
{
	const struct cryo_checkpoint_opts opts = { .ns = "n", .pod = "p" };
	struct cryo_kubectl k = { .program = program };
	struct cryo_cluster *t = NULL;
	struct cryo_checkpoint c;
	cryo_auto(cryo_free) char *called = NULL;
	cryo_auto(cryo_free) char *socket_path = NULL;
	const char *pid;

	(void)state;
	setenv("FAKE", "serves", 1);
	cryo_cluster_attach_once(&k, &t);
	assert_int_equal(cryo_checkpoint_run(t, &opts, &c, &err), 0);
	assert_string_equal(c.archive, "/c/x.tar");
	assert_string_equal(c.node, "n1");
	assert_int_equal(c.form, CRYO_CHECKPOINT_PODS);
	cryo_checkpoint_release(&c);
	called = words();
	assert_true(cryo_starts_with(called, "proxy\n--unix-socket=/tmp/cryopod-kubectl-"));
	socket_path =
	    cryo_strndup(called + strlen("proxy\n--unix-socket="),
			 strcspn(called + strlen("proxy\n"), "\n") - strlen("--unix-socket="));
	pid = strstr(called, "\npid ");
	assert_non_null(pid);
	assert_true(cryo_fs_exists(socket_path));
	cryo_cluster_free(t);
	/* It has ended, and its directory is gone. */
	assert_int_equal(kill((pid_t)strtol(pid + 5, NULL, 10), 0), -1);
	assert_false(cryo_fs_exists(dirname(socket_path)));
}

static void it_does_not_start(void **state)
{
	static const struct {
		const char *how, *program, *message;
		int rc;
	} row[] = {
		{ "dies", NULL, "failed with exit code 1: error: no such context", -CRYO_E_CHILD },
		{ "no namespace", NULL, "ended early", -CRYO_E_CHILD },
		{ "", "/nowhere/kubectl", "no program '/nowhere/kubectl'", -CRYO_E_UNFIT },
	};
	const struct cryo_checkpoint_opts opts = { .ns = "n", .pod = "p" };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_kubectl k = { .program = row[i].program ? row[i].program : program };
		struct cryo_cluster *t = NULL;
		struct cryo_checkpoint c;

		setenv("FAKE", row[i].how, 1);
		cryo_cluster_attach_once(&k, &t);
		assert_int_equal(cryo_checkpoint_run(t, &opts, &c, &err), row[i].rc);
		assert_non_null(strstr(err.msg, row[i].message));
		cryo_cluster_free(t);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(namespaces, setup, teardown),
		cmocka_unit_test_setup_teardown(checkpoint_through_it, setup, teardown),
		cmocka_unit_test_setup_teardown(it_does_not_start, setup, teardown),
	};

	if (argc > 0 && cryo_ends_with(argv[0], "/kubectl"))
		return play_kubectl(argv);
	return cmocka_run_group_tests_name("kubectl", tests, NULL, NULL) ? EXIT_FAILURE
									 : EXIT_SUCCESS;
}
