/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint as a whole: a played API server, and a node whose programs are played too. */
#include "checkpoint/checkpoint.h"
#include "cluster/kind.h"
#include "tests/scratch.h"

#include "conf/json.h"
#include "sys/fs.h"
#include "tests/kube/fake_kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#define POD(containers, statuses)                                                                  \
	"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"default\",\"uid\":\"u-"    \
	"1\",\"resourceVersion\":\"3\"},"                                                          \
	"\"spec\":{\"nodeName\":\"n1\",\"containers\":[" containers "]},"                          \
	"\"status\":{\"phase\":\"Running\",\"containerStatuses\":[" statuses "]}}"
#define NAMED(c) "{\"name\":\"" c "\"}"
#define ID	 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define RUNNING(c)                                                                                 \
	"{\"name\":\"" c "\",\"containerID\":\"containerd://" ID "\",\"state\":{\"running\":{}}}"
#define ONE POD(NAMED("c"), RUNNING("c"))
#define TWO POD(NAMED("c") "," NAMED("c-2"), RUNNING("c") "," RUNNING("c-2"))
#define PENDING(more)                                                                              \
	"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"resourceVersion\":\"2\"},"               \
	"\"spec\":{\"containers\":[" NAMED("c") "]},\"status\":{\"phase\":\"Pending\"" more "}}"
#define WAITING(reason)                                                                            \
	PENDING(                                                                                   \
	    ",\"containerStatuses\":[{\"name\":\"c\",\"state\":{\"waiting\":{\"reason\":\"" reason \
	    "\"}}}]")
#define PATCHED                                                                                    \
	"{\"resources\":[{\"name\":\"pods\",\"verbs\":[\"get\"]},"                                 \
	"{\"name\":\"pods/checkpoint\",\"verbs\":[\"create\"]}]}"
#define STOCK	"{\"resources\":[{\"name\":\"pods\",\"verbs\":[\"get\"]}]}"
#define ARCHIVE "/c/checkpoint-p_default-c-2026.tar"
#define SUCCESS(node, path)                                                                        \
	"{\"kind\":\"Status\",\"status\":\"Success\",\"details\":{\"name\":\"" node                \
	"\",\"kind\":\"" path "\"},\"code\":201}"
#define REFUSED(code, text)                                                                        \
	"{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"" text "\",\"code\":" code "}"
#define ABSENT                                                                                     \
	"{\"kind\":\"Status\",\"status\":\"Failure\",\"details\":{\"name\":\"p\"},\"code\":404}"

#define DISCOVER(answer)                                                                           \
	{                                                                                          \
		"GET /api/v1 ", 200, answer, false, 0                                              \
	}
#define LOOK(pod)                                                                                  \
	{                                                                                          \
		"GET /api/v1/namespaces/default/pods/p ", 200, pod, false, 0                       \
	}
#define LIST(pod)                                                                                  \
	{                                                                                          \
		"GET /api/v1/namespaces/default/pods?fieldSelector", 200,                          \
		    "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"1\"},\"items\":"    \
		    "[" pod "]}",                                                                  \
		    false, 0                                                                       \
	}
#define EVENT(pod)                                                                                 \
	{                                                                                          \
		"GET /api/v1/namespaces/default/pods?fieldSelector", 200,                          \
		    "{\"type\":\"MODIFIED\",\"object\":" pod "}\n", false, 0                       \
	}
#define PODS(code, text)                                                                           \
	{                                                                                          \
		"POST /api/v1/namespaces/default/pods/p/checkpoint ", code, text, false, 0         \
	}
#define PROBE(code)                                                                                \
	{                                                                                          \
		"GET /api/v1/nodes/n1/proxy/checkpoint/probe/probe/probe ", code, "", false, 0     \
	}
#define PROXY(path)                                                                                \
	{                                                                                          \
		"POST /api/v1/nodes/n1/proxy/checkpoint/default/p/c ", 200,                        \
		    "{\"items\":[\"" path "\"]}", false, 0                                         \
	}
#define DELETE(code, text)                                                                         \
	{                                                                                          \
		"DELETE /api/v1/namespaces/default/pods/p ", code, text, false, 0                  \
	}

/* What the node's tar finds in the archive, and what was done there. */
static struct {
	const char *url, *member;
	struct cryo_str did;
} world;

static int fake_client(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err)
{
	struct cryo_http_opts opts = { .base_url = world.url, .netns_fd = -1, .direct = true };

	(void)t, (void)err;
	*out = cryo_kube_new(&opts);
	return 0;
}

static int fake_exec(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		     const struct cryo_exec *p, struct cryo_proc_result *res, struct cryo_err *err)
{
	const char *last = NULL;

	(void)t, (void)err;
	for (size_t i = 0; p->argv[i]; i++)
		last = p->argv[i];
	cryo_str_addf(&world.did, "%s %s on %s\n", p->argv[0], last, node->name);
	if (strcmp(p->argv[0], "tar") == 0)
		p->on_line(world.member, 1, p->on_line_arg);
	if (res)
		*res = (struct cryo_proc_result){ 0 };
	if (res && strcmp(p->argv[0], "stat") == 0)
		cryo_str_add(&res->out, "4096\n");
	return 0;
}

static int fake_get(struct cryo_cluster *t, const struct cryo_cluster_node *node, const char *from,
		    int to, struct cryo_err *err)
{
	(void)t, (void)err, (void)to;
	cryo_str_addf(&world.did, "get %s on %s\n", from, node->name);
	return 0;
}

static const struct cryo_cluster_ops near = { .kube = fake_client,
					      .exec = fake_exec,
					      .get = fake_get };
static const struct cryo_cluster_ops far = { .kube = fake_client };
static struct cryo_cluster_node n1;

struct story {
	struct cryo_checkpoint_opts opts;
	struct fake_step step[6];
	bool far;
	const char *member; /* in the archive */
	int rc, code;	    /* of the failure */
	const char *says;   /* the message holds this; on success: JSON text of the result */
	const char *asked;  /* the requests hold this */
	const char *did;    /* on the node */
};

#define P .pod = "p"

static const struct story stories[] = {
	/* The best form there is. */
	{ .opts = { P },
	  .step = { DISCOVER(PATCHED), LOOK(ONE), PODS(201, SUCCESS("n1", ARCHIVE)) },
	  .says = "\"archive\":\"" ARCHIVE "\",\"copy\":null,\"bytes\":4096",
	  .asked = "\r\n\r\n{\"encrypt\":false}",
	  .did = "stat " ARCHIVE " on n1\n" },
	{ .opts = { P },
	  .step = { DISCOVER(STOCK), LOOK(ONE), PROBE(405), PROXY(ARCHIVE) },
	  .says = "\"form\":\"proxy\",\"sealed\":false,\"deleted\":false" },
	/* Forced: nothing is probed. */
	{ .opts = { P, .form = CRYO_CHECKPOINT_PROXY },
	  .step = { LOOK(ONE), PROXY(ARCHIVE) },
	  .says = "\"form\":\"proxy\"" },
	{ .opts = { P, .form = CRYO_CHECKPOINT_PODS, .to = "/tmp/cryo-checkpoint-x.tar" },
	  .step = { LOOK(ONE), PODS(201, SUCCESS("n1", ARCHIVE)) },
	  .says = "\"form\":\"pods\"",
	  .did = "get " ARCHIVE " on n1\n" },
	/* What is no container, and which one. */
	{ .opts = { P },
	  .step = { DISCOVER(PATCHED), LOOK(TWO) },
	  .rc = -CRYO_E_USAGE,
	  .says = "has several containers: c, c-2; name one (-c)" },
	{ .opts = { P, .container = "c-2" },
	  .step = { DISCOVER(PATCHED), LOOK(TWO), PODS(201, SUCCESS("n1", ARCHIVE)) },
	  .says = "\"container\":\"c-2\"",
	  .asked = "{\"container\":\"c-2\",\"encrypt\":false}" },
	{ .opts = { P, .container = "d" },
	  .step = { DISCOVER(PATCHED), LOOK(TWO) },
	  .rc = -CRYO_E_REMOTE,
	  .code = 404,
	  .says = "no container 'd' in pod 'p' (valid values: c, c-2)" },
	{ .opts = { P },
	  .step = { DISCOVER(PATCHED),
		    LOOK(POD(NAMED("c"), "{\"name\":\"c\",\"state\":{\"waiting\":"
					 "{\"reason\":\"ErrImageNeverPull\"}}}")) },
	  .rc = -CRYO_E_CHECK,
	  .says = "is not running (pod is Running: ErrImageNeverPull)" },
	/* One that is on its way is waited for, one that needs somebody is not. */
	{ .opts = { P },
	  .step = { DISCOVER(PATCHED), LOOK(PENDING("")), LIST(WAITING("PodInitializing")),
		    EVENT(WAITING("ContainerCreating")), EVENT(ONE),
		    PODS(201, SUCCESS("n1", ARCHIVE)) },
	  .says = "\"node\":\"n1\",\"namespace\":\"default\",\"pod\":\"p\",\"container\":\"c\"" },
	{ .opts = { P },
	  .step = { DISCOVER(PATCHED), LOOK(WAITING("ContainerCreating")),
		    LIST(WAITING("ContainerCreating")), EVENT(WAITING("ErrImagePull")) },
	  .rc = -CRYO_E_CHECK,
	  .says = "is not running (pod is Pending: ErrImagePull)" },
	{ .opts = { P },
	  .step = { DISCOVER(PATCHED),
		    LOOK(PENDING(",\"conditions\":[{\"reason\":\"Unschedulable\"}]")) },
	  .rc = -CRYO_E_CHECK,
	  .says = "is not running (pod is Pending: Unschedulable)" },
	{ .opts = { P },
	  .step = { DISCOVER(PATCHED), LOOK(WAITING("ContainerCreating")), LIST("") },
	  .rc = -CRYO_E_REMOTE,
	  .code = 404,
	  .says = "no pod 'p': it is gone" },
	{ .opts = { P, .timeout_ms = 1 },
	  .step = { DISCOVER(PATCHED), LOOK(WAITING("ContainerCreating")),
		    LIST(WAITING("ContainerCreating")) },
	  .rc = -CRYO_E_TIMEOUT,
	  .says = "waited 1 ms for pod 'p': container 'c' of pod 'p' is not running (pod is "
		  "Pending: ContainerCreating)" },
	{ .opts = { P },
	  .step = { DISCOVER(PATCHED),
		    { "GET /api/v1/namespaces/default/pods/p ", 404, ABSENT, false, 0 } },
	  .rc = -CRYO_E_REMOTE,
	  .code = 404,
	  .says = "no pod 'p' in namespace 'default'" },
	/* The right to checkpoint is enough, the right to look is not needed; but for the proxy. */
	{ .opts = { P },
	  .step = { DISCOVER(PATCHED),
		    { "GET /api/v1/namespaces/default/pods/p ", 403, REFUSED("403", "no"), false,
		      0 },
		    PODS(201, SUCCESS("n1", ARCHIVE)) },
	  .says = "\"node\":\"n1\",\"namespace\":\"default\",\"pod\":\"p\",\"container\":\"\"" },
	{ .opts = { P },
	  .step = { DISCOVER(STOCK),
		    { "GET /api/v1/namespaces/default/pods/p ", 403, REFUSED("403", "no"), false,
		      0 } },
	  .rc = -CRYO_E_REMOTE,
	  .code = 403,
	  .says = "no" },
	/* An answer that cannot be. */
	{ .opts = { P },
	  .step = { DISCOVER(PATCHED), LOOK(ONE), PODS(201, SUCCESS("n2", ARCHIVE)) },
	  .rc = -CRYO_E_REMOTE,
	  .says = "the answer came from node 'n2', but the pod is on 'n1'" },
	{ .opts = { P },
	  .step = { DISCOVER(PATCHED), LOOK(ONE), PODS(201, REFUSED("400", "bad wish")) },
	  .rc = -CRYO_E_REMOTE,
	  .code = 400,
	  .says = "checkpoint of pod 'p': checkpoint of 'default/p': bad wish",
	  .did = "" },
	/* Options for CRIU go with the call. */
	{ .opts = { P, .criu = { .tcp_close = true, .ghost_limit = "2Mi" } },
	  .step = { DISCOVER(PATCHED), LOOK(ONE), PODS(201, SUCCESS("n1", ARCHIVE)) },
	  .says = "\"form\":\"pods\"",
	  .did = "/calls/" ID },
	{ .opts = { P, .criu = { .tcp_close = true } },
	  .far = true,
	  .step = { DISCOVER(PATCHED), LOOK(ONE) },
	  .rc = -CRYO_E_UNFIT,
	  .says = "options for CRIU need a cryopod cluster" },
	{ .opts = { P, .criu = { .tcp_close = true, .tcp_established = true } },
	  .step = { DISCOVER(PATCHED), LOOK(ONE) },
	  .rc = -CRYO_E_USAGE,
	  .says = "closed or kept, not both" },
	/* Which 404 it is, is not read from its text. */
	{ .opts = { P, .form = CRYO_CHECKPOINT_PODS },
	  .step = { LOOK(ONE), PODS(404, REFUSED("404", "no such thing")), DISCOVER(STOCK) },
	  .rc = -CRYO_E_REMOTE,
	  .code = 404,
	  .says = "checkpoint of pod 'p': this API server has no pods/checkpoint: ",
	  .did = "" },
	{ .opts = { P, .form = CRYO_CHECKPOINT_PODS },
	  .step = { LOOK(ONE), PODS(404, REFUSED("404", "no such thing")), DISCOVER(PATCHED) },
	  .rc = -CRYO_E_REMOTE,
	  .code = 404,
	  .says = "checkpoint of pod 'p': checkpoint of 'default/p': no such thing" },
	{ .opts = { P },
	  .step = { DISCOVER(PATCHED), LOOK(ONE), PODS(504, REFUSED("504", "it goes on")) },
	  .rc = -CRYO_E_TIMEOUT,
	  .code = 504,
	  .says = "it goes on",
	  /* Nobody waits for it any more. */
	  .did = "criu " ID " on n1\n" },
	{ .opts = { P },
	  .step = { DISCOVER(PATCHED), LOOK(ONE), PODS(500, REFUSED("500", "criu failed: x")) },
	  .rc = -CRYO_E_REMOTE,
	  .code = 500,
	  .says = "CRIU could not dump the container",
	  .did = "find " },
	/* Encryption: asked for in the body, and looked for in the archive. */
	{ .opts = { P, .encryption_secret = "enc" },
	  .step = { DISCOVER(PATCHED), LOOK(ONE), PODS(201, SUCCESS("n1", ARCHIVE)) },
	  .member = "checkpoint/seal.cms",
	  .says = "\"sealed\":true",
	  .asked = "{\"encrypt\":true,\"encryptionSecret\":\"enc\"}" },
	{ .opts = { P, .encryption_secret = "enc" },
	  .step = { DISCOVER(PATCHED), LOOK(ONE), PODS(201, SUCCESS("n1", ARCHIVE)) },
	  .member = "checkpoint/cipher.img",
	  .says = "\"sealed\":true" },
	{ .opts = { P, .encryption_secret = "enc" },
	  .step = { DISCOVER(PATCHED), LOOK(ONE), PODS(201, SUCCESS("n1", ARCHIVE)) },
	  .member = "checkpoint/pages-1.img",
	  .rc = -CRYO_E_TAMPER,
	  .says = "the archive is not encrypted",
	  .did = "rm " ARCHIVE " on n1\n" },
	/* Stopped: by the server where it can, else by us, and only this very pod. */
	{ .opts = { P, .leave = CRYO_LEAVE_STOPPED },
	  .step = { DISCOVER(PATCHED), LOOK(ONE), PODS(201, SUCCESS("n1", ARCHIVE)) },
	  .says = "\"deleted\":true",
	  .asked = "{\"leaveRunning\":false,\"encrypt\":false}" },
	{ .opts = { P, .leave = CRYO_LEAVE_STOPPED },
	  .step = { DISCOVER(STOCK), LOOK(ONE), PROBE(405), PROXY(ARCHIVE),
		    DELETE(200, "{\"metadata\":{\"uid\":\"u-1\"}}") },
	  .says = "\"deleted\":true",
	  .asked = "\"preconditions\":{\"uid\":\"u-1\"}" },
	{ .opts = { P, .leave = CRYO_LEAVE_STOPPED },
	  .step = { DISCOVER(STOCK), LOOK(ONE), PROBE(405), PROXY(ARCHIVE), DELETE(404, ABSENT) },
	  .says = "\"deleted\":true" },
	{ .opts = { P, .leave = CRYO_LEAVE_STOPPED },
	  .step = { DISCOVER(STOCK), LOOK(ONE), PROBE(405), PROXY(ARCHIVE),
		    DELETE(409, REFUSED("409", "the UID is another")) },
	  .rc = -CRYO_E_REMOTE,
	  .code = 409,
	  .says = "the archive exists ('" ARCHIVE "'), but the pod is still running: the UID" },
	{ .opts = { P, .leave = CRYO_LEAVE_RUNNING },
	  .step = { DISCOVER(STOCK), LOOK(ONE), PROBE(405), PROXY(ARCHIVE) },
	  .says = "\"deleted\":false" },
	/* Limits. */
	{ .opts = { P, .timeout_ms = 1500, .limit_ms = 5000 },
	  .step = { DISCOVER(PATCHED), LOOK(ONE), PODS(201, SUCCESS("n1", ARCHIVE)) },
	  .says = "\"form\":\"pods\"",
	  .asked = "{\"timeout\":2,\"encrypt\":false}" },
	{ .opts = { P, .limit_ms = 5000 },
	  .step = { DISCOVER(STOCK),
		    LOOK(ONE),
		    PROBE(405),
		    { "POST /api/v1/nodes/n1/proxy/checkpoint/default/p/c?timeout=5 ", 200,
		      "{\"items\":[\"" ARCHIVE "\"]}", false, 0 } },
	  .says = "\"form\":\"proxy\"" },
	/* Any body, and nothing is checked before it is sent. */
	{ .opts = { P, .form = CRYO_CHECKPOINT_PODS, .body = "{}", .user = "bob" },
	  .step = { LOOK(TWO), PODS(201, REFUSED("400", "encryptionSecret must be provided")) },
	  .rc = -CRYO_E_REMOTE,
	  .code = 400,
	  .says = "encryptionSecret must be provided",
	  .asked = "Impersonate-User: bob\r\n" },
	{ .opts = { P, .form = CRYO_CHECKPOINT_PODS, .body = "{\"encrypt\":false}" },
	  .step = { LOOK(TWO), PODS(201, SUCCESS("n1", "/c/checkpoint-p_default-c-2-2026.tar")) },
	  .says = "\"container\":\"c-2\"" },
	/* A cluster of which only the API is known. */
	{ .opts = { P, .encryption_secret = "enc" },
	  .far = true,
	  .step = { DISCOVER(PATCHED), LOOK(ONE), PODS(201, SUCCESS("n1", ARCHIVE)) },
	  .says = "\"bytes\":null,",
	  .did = "" },
	{ .opts = { P, .encryption_secret = "enc" },
	  .far = true,
	  .step = { DISCOVER(STOCK), LOOK(ONE), PROBE(405) },
	  .rc = -CRYO_E_UNFIT,
	  .says = "encryption needs an API server with pods/checkpoint" },
	{ .opts = { P },
	  .far = true,
	  .step = { DISCOVER(STOCK), LOOK(ONE), PROBE(404) },
	  .rc = -CRYO_E_UNFIT,
	  .says =
	      "the API server has no checkpoint route, and the kubelet of 'n1' cannot be reached" },
	{ .opts = { P, .form = CRYO_CHECKPOINT_KUBELET },
	  .far = true,
	  .step = { LOOK(ONE) },
	  .rc = -CRYO_E_UNFIT,
	  .says = "checkpoint of pod 'p': the kubelet of 'n1' cannot be reached" },
	{ .opts = { P, .to = "x.tar" },
	  .far = true,
	  .rc = -CRYO_E_USAGE,
	  .says = "--to: the archive stays on its node" },
};

static void play(const struct story *s)
{
	cryo_auto(cryo_checkpoint_release) struct cryo_checkpoint c = { 0 };
	struct cryo_cluster t = { .ops = s->far ? &far : &near,
				  .name = (char *)"x",
				  .dir = scratch_dir,
				  .node = &n1,
				  .nodes = 1 };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	struct fake_kube f = { 0 };
	int rc;

	fake_kube_start(&f, s->step, CRYO_ARRAY_LEN(s->step));
	world.url = f.http.url;
	world.member = s->member ? s->member : "config.dump";
	cryo_str_clear(&world.did);
	rc = cryo_checkpoint_run(&t, &s->opts, &c, &f.err);
	if (rc == 0) {
		j = cryo_checkpoint_json(&c);
		assert_non_null(j);
		cryo_json_dump(j, &text);
	}
	if (rc != s->rc || !strstr(rc ? f.err.msg : text.p, s->says))
		print_message("# %d %s\n", rc, rc ? f.err.msg : text.p);
	assert_int_equal(rc, s->rc);
	assert_non_null(strstr(rc ? f.err.msg : text.p, s->says));
	assert_int_equal(f.err.http_code, s->code);
	assert_true(!s->asked || fake_kube_saw(&f, s->asked));
	if (s->did && *s->did)
		assert_non_null(strstr(cryo_str_get(&world.did), s->did));
	else if (s->did)
		assert_string_equal(cryo_str_get(&world.did), "");
	assert_true(fake_kube_stop(&f));
}

static void whole_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(stories); i++) {
		print_message("# story %zu: %s\n", i, stories[i].says);
		play(&stories[i]);
	}
	unlink("/tmp/cryo-checkpoint-x.tar");
	cryo_str_release(&world.did);
}

/* As it is printed it works in a shell; where one line is not all there is to do, there is none. */
static void curl_lines(void **state)
{
	static const struct {
		struct cryo_checkpoint_opts opts;
		struct fake_step step[4];
		int rc;
		const char *line; /* or the message */
	} row[] = {
		{ { P, .form = CRYO_CHECKPOINT_PODS },
		  { { 0 } },
		  0,
		  "curl --unix-socket /s/c/proxy.sock "
		  "http://localhost/api/v1/namespaces/default/pods/p/checkpoint -X POST "
		  "-H 'Content-type: application/json' -d '{\"encrypt\":false}'" },
		{ { P, .ns = "n", .form = CRYO_CHECKPOINT_PODS, .container = "c",
		    .timeout_ms = 5000, .leave = CRYO_LEAVE_RUNNING, .encryption_secret = "it's" },
		  { { 0 } },
		  0,
		  "curl --unix-socket /s/c/proxy.sock "
		  "http://localhost/api/v1/namespaces/n/pods/p/checkpoint -X POST -H "
		  "'Content-type: application/json' -d '{\"container\":\"c\",\"timeout\":5,"
		  "\"leaveRunning\":true,\"encrypt\":true,\"encryptionSecret\":\"it'\\''s\"}'" },
		{ { .pod = "$(id)", .form = CRYO_CHECKPOINT_PODS },
		  { { 0 } },
		  0,
		  "curl "
		  "--unix-socket /s/c/proxy.sock "
		  "http://localhost/api/v1/namespaces/default/pods/%24%28id%29/checkpoint "
		  "-X POST -H 'Content-type: application/json' -d '{\"encrypt\":false}'" },
		{ { .pod = "a/b", .form = CRYO_CHECKPOINT_PODS },
		  { { 0 } },
		  -CRYO_E_USAGE,
		  "no curl line: 'a/b' is not a valid pod name" },
		{ { P, .timeout_ms = 5000 },
		  { DISCOVER(STOCK), LOOK(ONE), PROBE(405) },
		  0,
		  "curl "
		  "--unix-socket /s/c/proxy.sock "
		  "'http://localhost/api/v1/nodes/n1/proxy/checkpoint/default/p/c?timeout=5'"
		  " -X POST" },
		{ { P, .encryption_secret = "enc" },
		  { DISCOVER(STOCK), LOOK(ONE), PROBE(405) },
		  -CRYO_E_USAGE,
		  "no curl line: the form proxy has no word for encryption" },
		{ { P, .leave = CRYO_LEAVE_STOPPED },
		  { DISCOVER(STOCK), LOOK(ONE), PROBE(405) },
		  -CRYO_E_USAGE,
		  "no curl line: the form proxy has no word for leaveRunning=false" },
		{ { P },
		  { DISCOVER(STOCK), LOOK(ONE), PROBE(404) },
		  -CRYO_E_USAGE,
		  "no curl line: the kubelet can only be reached from inside its cluster" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str line = { 0 };
		struct cryo_cluster t = {
			.ops = &near, .dir = (char *)"/s/c", .node = &n1, .nodes = 1
		};
		struct fake_kube f = { 0 };

		print_message("# %s\n", row[i].line);
		fake_kube_start(&f, row[i].step, CRYO_ARRAY_LEN(row[i].step));
		world.url = f.http.url;
		assert_int_equal(cryo_checkpoint_curl(&t, &row[i].opts, &line, &f.err), row[i].rc);
		assert_string_equal(row[i].rc ? f.err.msg : line.p, row[i].line);
		assert_true(fake_kube_stop(&f));
	}
}

/* Of a cluster that is known by its kubeconfig only: as for kubectl's own proxy. */
static void curl_line_without_a_directory(void **state)
{
	const struct cryo_checkpoint_opts opts = { P, .form = CRYO_CHECKPOINT_PODS };
	cryo_auto(cryo_str_release) struct cryo_str line = { 0 };
	struct cryo_cluster t = { .ops = &near, .node = &n1, .nodes = 1 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_checkpoint_curl(&t, &opts, &line, &err), 0);
	assert_true(cryo_starts_with(line.p, "curl http://127.0.0.1:8001/api/v1/namespaces/"));
}

int main(void)
{
	static char name[] = "n1";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole_calls, scratch_setup, scratch_teardown),
		cmocka_unit_test(curl_lines),
		cmocka_unit_test(curl_line_without_a_directory),
	};

	n1.name = name;
	cryo_node_paths_default(&n1.path);
	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
