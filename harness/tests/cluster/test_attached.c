/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attached clusters. Called by the name of kubectl this program plays it, with the
 * API server behind its proxy.
 */
#include "checkpoint/checkpoint.h"
#include "cluster/attach.h"
#include "cluster/cluster.h"
#include "cluster/record.h"
#include "cluster/snapshot.h"
#include "cluster/status.h"
#include "tests/scratch.h"

#include "conf/json.h"
#include "sys/fs.h"
#include "tests/kube/fake_kubectl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/un.h>
#include <cmocka.h>

#define NODES                                                                                      \
	"{\"kind\":\"NodeList\",\"items\":["                                                       \
	"{\"metadata\":{\"name\":\"w\"},\"status\":{\"nodeInfo\":{\"kubeletVersion\":\"v1.35.4\"," \
	"\"containerRuntimeVersion\":\"containerd://2.2.1\"},\"conditions\":[{\"type\":\"Ready\"," \
	"\"status\":\"True\"}]}},"                                                                 \
	"{\"metadata\":{\"name\":\"c\",\"labels\":{\"node-role.kubernetes.io/control-plane\":"     \
	"\"\"}},\"status\":{}}]}"
#define POD                                                                                        \
	"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\"},"       \
	"\"spec\":{\"nodeName\":\"w\",\"containers\":[{\"name\":\"c\"}]},\"status\":{"             \
	"\"containerStatuses\":[{\"name\":\"c\",\"state\":{\"running\":{}}}]}}"
#define DISCOVERY                                                                                  \
	{                                                                                          \
		"GET /api/v1 ", 200,                                                               \
		    "{\"resources\":[{\"name\":\"pods/checkpoint\",\"verbs\":[\"create\"]}]}",     \
		    false, 0                                                                       \
	}
#define LIST                                                                                       \
	{                                                                                          \
		"GET /api/v1/nodes", 200, NODES, false, 0                                          \
	}

static const struct play {
	const char *how;
	struct fake_step step[4];
	size_t n;
} plays[] = {
	{ "nodes", { LIST }, 1 },
	{ "status", { LIST, DISCOVERY }, 2 },
	{ "checkpoint",
	  { DISCOVERY,
	    { "GET /api/v1/namespaces/n/pods/p ", 200, POD, false, 0 },
	    { "POST /api/v1/namespaces/n/pods/p/checkpoint ", 201,
	      "{\"kind\":\"Status\",\"status\":\"Success\",\"details\":{\"name\":\"w\",\"kind\":"
	      "\"/c/x.tar\"}}",
	      false, 0 } },
	  3 },
	{ "forbidden",
	  { { "GET /api/v1/nodes", 403, "{\"kind\":\"Status\",\"message\":\"not yours\"}", false,
	      0 } },
	  1 },
};

static char *config;
static struct cryo_err err;

static int serve(const char *path)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(plays); i++)
		if (strcmp(plays[i].how, getenv("FAKE")) == 0)
			return fake_kubectl_serve(path, plays[i].step, plays[i].n);
	return 9;
}

static int play_kubectl(char **argv)
{
	for (char **w = argv + 1; *w; w++) {
		if (strcmp(*w, "--context=nobody") == 0)
			return fprintf(stderr, "error: no such context\n"), 1;
		if (strcmp(*w, "current-context") == 0)
			return puts("ctx-a") == EOF;
		if (cryo_starts_with(*w, "--unix-socket="))
			return serve(*w + strlen("--unix-socket="));
	}
	return 0;
}

static int setup(void **state)
{
	cryo_auto(cryo_free) char *self = realpath("/proc/self/exe", NULL);
	cryo_auto(cryo_free) char *program = NULL, *path = NULL;

	if (!self || scratch_setup(state) < 0)
		return -1;
	program = scratch_path("kubectl");
	path = cryo_asprintf("%s:/usr/bin:/bin", scratch_dir);
	config = scratch_path("config");
	scratch_setenv("PATH", path);
	scratch_setenv_path("CRYOPOD_STATE_DIR", "state");
	scratch_setenv("CRYOPOD_RUN_DIR", scratch_dir);
	return symlink(self, program) < 0 ? -1 : cryo_fs_write(config, "x", 1, 0600, &err);
}

static int teardown(void **state)
{
	free(config);
	return scratch_teardown(state);
}

static void attach_demo(const char *context)
{
	const struct cryo_kubectl k = { .kubeconfig = config, .context = context };

	setenv("FAKE", "nodes", 1);
	if (cryo_cluster_attach("demo", &k, &err) < 0)
		fail_msg("%s", err.msg);
}

static void what_is_recorded(void **state)
{
	cryo_auto(cryo_free) char *path = cryo_record_path(NULL, "demo");
	cryo_auto(cryo_record_release) struct cryo_record r = { 0 };

	(void)state;
	attach_demo(NULL);
	assert_int_equal(cryo_record_load(path, &r, &err), 0);
	assert_string_equal(r.kind, "attached");
	assert_string_equal(cryo_json_str(r.config, "kubeconfig"), config);
	assert_string_equal(cryo_json_str(r.config, "context"), "ctx-a");
	assert_int_equal(r.nodes, 2);
	assert_string_equal(r.node[0].name, "c");
	assert_int_equal(r.node[0].role, CRYO_NODE_CONTROL_PLANE);
	assert_string_equal(r.node[1].name, "w");
	assert_int_equal(r.node[1].role, CRYO_NODE_WORKER);
	cryo_record_release(&r);
	attach_demo("ctx-b");
	assert_int_equal(cryo_record_load(path, &r, &err), 0);
	assert_string_equal(cryo_json_str(r.config, "context"), "ctx-b");
}

static void status(void **state)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };

	(void)state;
	attach_demo(NULL);
	setenv("FAKE", "status", 1);
	assert_int_equal(cryo_cluster_open(NULL, "demo", &t, &err), 0);
	assert_int_equal(cryo_cluster_status(t, &s, &err), 0);
	cryo_cluster_probe(t, &s);
	assert_string_equal(s.state, "running");
	assert_string_equal(s.kind, "attached");
	assert_string_equal(s.node[1].api.kubelet, "v1.35.4");
	assert_true(s.node[1].api.ready);
	assert_false(s.node[0].api.ready);
	assert_string_equal(s.can[CRYO_CAN_CHECKPOINT].how, "pods");
	assert_false(s.can[CRYO_CAN_ACCESS_NODES].there);
	assert_string_equal(s.can[CRYO_CAN_RESTORE].why_not,
			    "a cluster of kind 'attached' has no access to its nodes");
}

/* A cluster that cannot be asked is still a cluster that is known. */
static void unreachable(void **state)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };

	(void)state;
	attach_demo(NULL);
	assert_int_equal(unlink(config), 0);
	assert_int_equal(cryo_cluster_open(NULL, "demo", &t, &err), 0);
	assert_int_equal(cryo_cluster_status(t, &s, &err), 0);
	assert_string_equal(s.state, "unreachable");
	assert_non_null(strstr(s.reason, "cannot open"));
}

static void checkpoint(void **state)
{
	const struct cryo_checkpoint_opts opts = { .ns = "n", .pod = "p" };
	cryo_auto(cryo_checkpoint_release) struct cryo_checkpoint c = { 0 };
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;

	(void)state;
	attach_demo(NULL);
	setenv("FAKE", "checkpoint", 1);
	assert_int_equal(cryo_cluster_open(NULL, "demo", &t, &err), 0);
	if (cryo_checkpoint_run(t, &opts, &c, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(c.archive, "/c/x.tar");
	assert_string_equal(c.node, "w");
}

/* Each thing it cannot do is refused, in one way. */
static void what_it_lacks(void **state)
{
	static const char *const ls[] = { "ls", NULL };
	const struct cryo_exec x = { .argv = ls };
	const struct cryo_up_opts up = CRYO_UP_OPTS_INIT;
	const struct cryo_snapshot_opts save = { 0 };
	const struct cryo_cluster_node *node;
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;

	(void)state;
	attach_demo(NULL);
	assert_int_equal(cryo_cluster_open(NULL, "demo", &t, &err), 0);
	assert_false(cryo_cluster_reaches_nodes(t));
	assert_int_equal(cryo_cluster_find_node(t, "w", &node, &err), -CRYO_E_UNFIT);
	assert_string_equal(err.msg, "a cluster of kind 'attached' has no access to its nodes");
	assert_int_equal(cryo_cluster_exec(t, t->node, &x, NULL, &err), -CRYO_E_UNFIT);
	assert_int_equal(cryo_cluster_load_image(t, NULL, config, &err), -CRYO_E_UNFIT);
	assert_int_equal(cryo_cluster_up(t, &up, &err), -CRYO_E_UNFIT);
	assert_int_equal(cryo_snapshot_save(t, "s", &save, &err), -CRYO_E_UNFIT);
	assert_string_equal(err.msg, "a cluster of kind 'attached' has no snapshots");
	assert_false(cryo_cluster_prepared(t, &up));
	assert_int_equal(cryo_cluster_memory(t), -1);
}

static void down_forgets(void **state)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;

	(void)state;
	attach_demo(NULL);
	assert_int_equal(cryo_cluster_open(NULL, "demo", &t, &err), 0);
	assert_int_equal(cryo_cluster_down(t, &err), 0);
	assert_false(cryo_fs_exists(t->dir));
	assert_true(cryo_fs_exists(config));
	assert_int_equal(cryo_cluster_down(t, &err), 0);
}

/* What fails leaves no record. */
static void refused(void **state)
{
	static const struct {
		const char *how, *context, *says;
	} row[] = {
		{ "nodes", "nobody", "no such context" },
		{ "forbidden", NULL, "not yours" },
	};
	cryo_auto(cryo_free) char *path = cryo_record_path(NULL, "demo");
	struct cryo_kubectl k = { .kubeconfig = "/nowhere/config" };

	(void)state;
	assert_int_equal(cryo_cluster_attach("demo", &k, &err), -CRYO_E_USAGE);
	assert_int_equal(cryo_cluster_attach("No Name", &k, &err), -CRYO_E_USAGE);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		setenv("FAKE", row[i].how, 1);
		k = (struct cryo_kubectl){ .kubeconfig = config, .context = row[i].context };
		assert_true(cryo_cluster_attach("demo", &k, &err) < 0);
		print_message("# %s\n", err.msg);
		assert_non_null(strstr(err.msg, row[i].says));
		assert_false(cryo_fs_exists(path));
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_recorded, setup, teardown),
		cmocka_unit_test_setup_teardown(status, setup, teardown),
		cmocka_unit_test_setup_teardown(unreachable, setup, teardown),
		cmocka_unit_test_setup_teardown(checkpoint, setup, teardown),
		cmocka_unit_test_setup_teardown(what_it_lacks, setup, teardown),
		cmocka_unit_test_setup_teardown(down_forgets, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
	};

	if (argc > 0 && cryo_ends_with(argv[0], "kubectl"))
		return play_kubectl(argv);
	return cmocka_run_group_tests_name("attached", tests, NULL, NULL) ? EXIT_FAILURE
									  : EXIT_SUCCESS;
}
