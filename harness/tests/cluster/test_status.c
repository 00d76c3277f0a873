/* SPDX-License-Identifier: Apache-2.0 */
/* The status of a made-up kind: what it can do, and the two forms it is shown in. */
#include "cluster/kind.h"
#include "tests/scratch.h"

#include "cluster/status.h"
#include "conf/json.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What programs of the node print; NULL: they are not there. */
static const char *criu, *interposer, *sockets, *crictl;
static int dumps; /* that were tried */
static struct cryo_err err;

static int answer_exec(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		       const struct cryo_exec *x, struct cryo_proc_result *res, struct cryo_err *e)
{
	const char *out = NULL;

	(void)t;
	assert_string_equal(node->name, "n1");
	if (strcmp(x->argv[0], "crictl") == 0)
		out = crictl;
	else if (strcmp(x->argv[1], "--version") == 0)
		out = criu;
	else if (strcmp(x->argv[1], "--cryopod-version") == 0)
		out = interposer;
	else if (strcmp(x->argv[1], "--cryopod-probe-sockets") == 0)
		out = (dumps++, sockets);
	if (!out)
		return cryo_err_set(e, CRYO_E_CHILD, "'%s' failed", x->argv[0]);
	cryo_str_add(&res->out, out);
	return 0;
}

static int refuse_kube(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *e)
{
	(void)t;
	(void)out;
	return cryo_err_set(e, CRYO_E_REMOTE, "nobody answers");
}

static int refuse_socket(struct cryo_cluster *t, const struct cryo_cluster_node *node, char **path,
			 struct cryo_err *e)
{
	(void)t;
	(void)path;
	assert_string_equal(node->name, "n1");
	return cryo_err_set(e, CRYO_E_CHECK, "nobody knows it");
}

static int describe_made_up(struct cryo_cluster *t, struct cryo_cluster_status *s,
			    struct cryo_err *e)
{
	struct cryo_service_status *service;
	struct cryo_node_status *n;

	(void)e;
	s->state = "running";
	s->kubeconfig = cryo_strdup("/k");
	s->made = s->runs = true;
	s->stack = cryo_strdup("upstream");
	s->stamp = cryo_strdup("0123456789abcdef");
	s->created_ns = 1000000000;
	s->origin = "template";
	s->from = cryo_strdup("fedcba9876543210");
	s->criu_ms = 7;
	s->forwarder.there = true;
	s->forwarder.port = 6443;
	s->forwarder.pid = 12;
	s->memory = 4096;
	n = cryo_status_add_node(s, t->node);
	n->pid = 11;
	service = cryo_status_add_service(n, "kubelet");
	service->up = true;
	service->pid = 13;
	service->seconds = 60;
	service->version = cryo_strdup("v1.37.0");
	service->stamp = cryo_strdup("aaaabbbbccccdddd");
	cryo_status_add_service(n, "etcd");
	return 0;
}

static int fail_status(struct cryo_cluster *t, struct cryo_cluster_status *s, struct cryo_err *e)
{
	describe_made_up(t, s, e);
	return cryo_err_set(e, CRYO_E_CONFIG, "its record is damaged");
}

static const struct cryo_cluster_ops made_up = {
	.kind = "made-up",
	.size = sizeof(struct cryo_cluster),
	.status = describe_made_up,
	.kube = refuse_kube,
	.exec = answer_exec,
	.runtime_socket = refuse_socket,
};

static const struct cryo_cluster_ops out_of_reach = {
	.kind = "far",
	.size = sizeof(struct cryo_cluster),
	.status = describe_made_up,
	.kube = refuse_kube,
};

static const struct cryo_cluster_ops damaged = {
	.kind = "damaged",
	.size = sizeof(struct cryo_cluster),
	.status = fail_status,
};

static struct cryo_cluster *make_cluster(const struct cryo_cluster_ops *ops, size_t nodes)
{
	struct cryo_cluster_node node[] = { { .name = "n1" }, { .name = "n2" } };
	struct cryo_cluster *t = cryo_cluster_new(ops, "c");

	cryo_cluster_take_nodes(t, node, nodes);
	t->dir = cryo_strdup(scratch_dir);
	return t;
}

static int setup(void **state)
{
	criu = "Version: 4.2.1\nGitID: x\n";
	interposer = "cryopod-criu seal/1\n";
	sockets = "yes\n";
	crictl = NULL;
	dumps = 0;
	return scratch_setup(state);
}

static void capabilities(void **state)
{
	static const struct {
		const char *criu, *interposer, *sockets;
		const char *want[5]; /* encryption, ip-sockets, criu, restore: value or reason */
	} row[] = {
		{ "Version: 4.2.1\n",
		  "cryopod-criu seal/1",
		  "yes",
		  { "seal", NULL, "4.2.1", "nobody knows it" } },
		{ "Version: 4.1\n",
		  "cryopod-criu seal/1",
		  "no\n(00.01) Error (criu/sk-inet.c:1): Can't get 1:16 opt: x\n",
		  { "seal", "Error (criu/sk-inet.c:1): Can't get", "4.1", "nobody knows it" } },
		{ "Version: 4.1\n",
		  NULL,
		  "yes",
		  { "no interposer (cryopod-criu) in the node", "no interposer in the node to try",
		    "4.1", "nobody knows it" } },
		{ "Version: 4.1\n",
		  "cryopod-criu seal/1",
		  NULL,
		  { "seal", "it could not be tried", "4.1", "nobody knows it" } },
		{ NULL,
		  "cryopod-criu seal/1",
		  "yes",
		  { "no interposer (cryopod-criu) in the node", "no criu in the node", NULL,
		    "no criu in the node" } },
	};
	static const enum cryo_capability of[] = { CRYO_CAN_ENCRYPT, CRYO_CAN_DUMP_SOCKETS,
						   CRYO_CAN_RUN_CRIU, CRYO_CAN_RESTORE };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_cluster_free) struct cryo_cluster *t = make_cluster(&made_up, 1);
		cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };

		print_message("# %zu\n", i);
		free(t->dir);
		t->dir = NULL;
		criu = row[i].criu;
		interposer = row[i].interposer;
		sockets = row[i].sockets;
		assert_int_equal(cryo_cluster_status(t, &s, &err), 0);
		assert_false(s.probed);
		cryo_cluster_probe(t, &s);
		assert_true(s.probed);
		for (size_t j = 0; j < CRYO_ARRAY_LEN(of); j++) {
			const struct cryo_ability *a = &s.can[of[j]];
			const char *got = a->there ? a->how : a->why_not;

			if (!row[i].want[j])
				assert_null(got);
			else if (!got || !cryo_starts_with(got, row[i].want[j]))
				fail_msg("%zu: '%s'", j, got);
		}
		assert_string_equal(s.can[CRYO_CAN_CHECKPOINT].why_not,
				    row[i].criu ? "nobody answers" : "no criu in the node");
	}
}

/* Who may not reach the runtime's socket asks by a program of the node. */
static void restore_by_crictl(void **state)
{
	static const struct {
		const char *answer, *how, *why_not;
	} row[] = {
		{ "{\"config\": {\"enableExperimentalRestoreViaCreate\": true}}", "image", NULL },
		{ "{\"config\": {\"enableExperimentalRestoreViaCreate\": false}}", NULL,
		  "containerd's configuration forbids it" },
		{ "{\"config\": {}}", NULL, "this containerd cannot restore from images" },
		{ "E1130 cannot connect", NULL, "nobody knows it" },
		{ NULL, NULL, "nobody knows it" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_cluster_free) struct cryo_cluster *t = make_cluster(&made_up, 1);
		cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };
		const struct cryo_ability *a = &s.can[CRYO_CAN_RESTORE];

		crictl = row[i].answer;
		assert_int_equal(cryo_cluster_status(t, &s, &err), 0);
		cryo_cluster_probe(t, &s);
		assert_true(cryo_streq(a->how, row[i].how));
		assert_true(row[i].why_not ? cryo_starts_with(a->why_not, row[i].why_not)
					   : !a->why_not);
	}
}

/* A dump for each build and boot, not for each look. */
static void sockets_are_tried_once(void **state)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = make_cluster(&made_up, 1);
	const char *const answers[] = { "no\nError (x.c:1): no way\n", "yes" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };

		sockets = answers[i > 0];
		assert_int_equal(cryo_cluster_status(t, &s, &err), 0);
		if (i == 2)
			s.stamp[0] = 'x';
		cryo_cluster_probe(t, &s);
		assert_int_equal(dumps, i < 2 ? 1 : 2);
		assert_int_equal(s.can[CRYO_CAN_DUMP_SOCKETS].there, i == 2);
	}
}

static void out_of_reach_nodes(void **state)
{
	static const char why[] = "a cluster of kind 'far' has no access to its nodes";
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = make_cluster(&out_of_reach, 2);
	cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };

	(void)state;
	assert_int_equal(cryo_cluster_status(t, &s, &err), 0);
	cryo_cluster_probe(t, &s);
	assert_true(s.can[CRYO_CAN_SEVERAL_NODES].there);
	assert_string_equal(s.can[CRYO_CAN_CHECKPOINT].why_not, "nobody answers");
	assert_string_equal(cryo_status_ability(&s, "restore")->why_not, why);
	assert_string_equal(cryo_status_ability(&s, "node-access")->why_not, why);
	assert_null(cryo_status_ability(&s, "flying"));
}

static void text(void **state)
{
	static const char want[] =
	    "cluster c: running, made-up\n"
	    "  stack       upstream (0123456789ab), since 1970-01-01T00:00:01Z\n"
	    "  origin      template fedcba987654\n"
	    "  kubeconfig  /k\n"
	    "  API server  https://127.0.0.1:6443\n"
	    "\nnode n1 (pid 11)\n"
	    "  SERVICE                  STATE    PID  FOR         VERSION          BUILD\n"
	    "  kubelet                  up        13  1 m 00 s    v1.37.0          aaaabbbbcccc\n"
	    "  etcd                     DOWN      -1  0 ms        ?                \n"
	    "\ncapabilities\n"
	    "  checkpoint   no (nobody answers)\n"
	    "  restore      no (nobody knows it)\n"
	    "  encryption   seal\n"
	    "  ip-sockets   yes\n"
	    "  criu         4.2.1\n";
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = make_cluster(&made_up, 1);
	cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

	(void)state;
	assert_int_equal(cryo_cluster_status(t, &s, &err), 0);
	cryo_cluster_probe(t, &s);
	cryo_status_to_text(&s, &out);
	assert_string_equal(cryo_str_get(&out), want);
}

static void json(void **state)
{
	static const char want[] =
	    "{'name':'c','target':'made-up','state':'running','stack':'upstream',"
	    "'stamp':'0123456789abcdef','created':'1970-01-01T00:00:01Z','origin':'template',"
	    "'template':'fedcba9876543210','restore':{'copy':0,'criu':7,'ready':0},"
	    "'kubeconfig':'/k','port':6443,'forwarder':12,'memory':4096,"
	    "'nodes':[{'name':'n1','role':'control-plane','pid':11,'services':["
	    "{'name':'kubelet','up':true,'pid':13,'seconds':60,'version':'v1.37.0',"
	    "'stamp':'aaaabbbbccccdddd'},"
	    "{'name':'etcd','up':false,'pid':-1,'seconds':0,'version':null,'stamp':null}]}],"
	    "'capabilities':{'checkpoint':null,'pods-checkpoint':false,'pod-at-once':false,"
	    "'restore':null,'encryption':'seal','ip-sockets':true,'criu':'4.2.1',"
	    "'node-access':true,'several-nodes':false,'reasons':{'checkpoint':'nobody answers',"
	    "'pods-checkpoint':'its API server has no pods/checkpoint (stock Kubernetes)',"
	    "'pod-at-once':'nobody knows it','restore':'nobody knows it',"
	    "'several-nodes':'it has one node'}}}";
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = make_cluster(&made_up, 1);
	cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

	(void)state;
	assert_int_equal(cryo_cluster_status(t, &s, &err), 0);
	cryo_cluster_probe(t, &s);
	j = cryo_status_to_json(&s);
	assert_true(cryo_json_int(j, "seconds", 0) > 1000);
	json_object_del(j, "seconds");
	cryo_json_dump(j, &out);
	for (char *p = out.p; *p; p++)
		if (*p == '"')
			*p = '\'';
	assert_string_equal(cryo_str_get(&out), want);
}

/* Nothing of what the kind had said stays behind. */
static void damaged_record(void **state)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = make_cluster(&damaged, 1);
	struct cryo_cluster_status s;

	(void)state;
	assert_int_equal(cryo_cluster_status(t, &s, &err), -CRYO_E_CONFIG);
	assert_null(s.name);
	assert_int_equal(s.nodes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(capabilities, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(restore_by_crictl, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(sockets_are_tried_once, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(out_of_reach_nodes, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(text, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(json, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(damaged_record, setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
