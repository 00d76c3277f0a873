/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/checkpoint.h"
#include "tests/kube/fake_kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define DIRECT	    "POST /checkpoint/n/p/c "
#define PODS	    "POST /api/v1/namespaces/n/pods/p/checkpoint "
#define FAILED(why) "checkpointing of n/p/c failed (" why ")"

static void answers(void **state)
{
	static const struct {
		int code;
		const char *text;
		const char *path;    /* or NULL and … */
		const char *message; /* … what is behind "checkpoint of 'n/p/c': " */
	} row[] = {
		{ 200,
		  "{\"items\":[\"/var/lib/kubelet/checkpoints/checkpoint-p_n-c-T15:04:05Z.tar\"]}",
		  "/var/lib/kubelet/checkpoints/checkpoint-p_n-c-T15:04:05Z.tar", "" },
		{ 200, "{\"items\":[\"/a..b/c.tar\"]}", "/a..b/c.tar", "" },
		{ 200, "{\"items\":[\"relative.tar\"]}", NULL,
		  "the kubelet's answer does not name one archive" },
		{ 200, "{\"items\":[\"/a/../etc/x.tar\"]}", NULL, "the kubelet's answer does not" },
		{ 200, "{\"items\":[\"/../x.tar\"]}", NULL, "the kubelet's answer does not" },
		{ 200, "{\"items\":[\"/etc/shadow\"]}", NULL, "the kubelet's answer does not" },
		{ 200, "{\"items\":[\"/a\\nb.tar\"]}", NULL, "the kubelet's answer does not" },
		{ 200, "{\"items\":[\"/a\\u0000b.tar\"]}", NULL, "the server's answer: no JSON" },
		{ 200, "{\"items\":[\"/a.tar\",\"/b.tar\"]}", NULL,
		  "the kubelet's answer does not" },
		{ 200, "{\"items\":[]}", NULL, "the kubelet's answer does not" },
		{ 200, "{\"items\":\"/a.tar\"}", NULL, "the kubelet's answer does not" },
		{ 200, "[]", NULL, "the kubelet's answer does not" },
		{ 200, "<html>", NULL, "the server's answer: no JSON" },
		{ 401, "Unauthorized", NULL,
		  "the kubelet does not accept these credentials: Unauthorized" },
		{ 403, "Forbidden (user=u, verb=create, resource=nodes, subresource=checkpoint)",
		  NULL, "the kubelet does not allow checkpoints to this user: Forbidden (user=u" },
		{ 403, "{\"kind\":\"Status\",\"message\":\"nodes \\\"x\\\" is forbidden\"}", NULL,
		  "nodes \"x\" is forbidden" },
		{ 404, "404 page not found\n", NULL,
		  "the kubelet makes no checkpoints: its feature gate ContainerCheckpoint is off: "
		  "404" },
		{ 404, "pod does not exist", NULL, "no such pod on this node: pod does not exist" },
		{ 404, "container c404 does not exist", NULL,
		  "no such container in this pod: container c404" },
		{ 404, "{\"kind\":\"Status\",\"message\":\"nodes \\\"x\\\" not found\"}", NULL,
		  "nodes \"x\" not found" },
		{ 500,
		  FAILED(
		      "rpc error: code = Unimplemented desc = unknown method CheckpointContainer"),
		  NULL,
		  "the container runtime is too old (containerd before 2.0): checkpointing of" },
		{ 500, FAILED("method CheckpointContainer not implemented"), NULL,
		  "the container runtime is too old" },
		{ 500, FAILED("checkpoint/restore support not available"), NULL,
		  "the container runtime has CRIU support disabled" },
		{ 500,
		  FAILED(
		      "CRIU binary not found or too old (<31600). Failed to checkpoint container"),
		  NULL, "criu is missing on the node, or older than 3.16" },
		{ 500, FAILED("only CONTAINER_RUNNING containers can be checkpointed"), NULL,
		  "the container is not running" },
		{ 500, FAILED("criu failed: type NOTIFY errno 0\nlog file: /x"), NULL,
		  "CRIU could not dump the container, see its dump.log: checkpointing of n/p/c "
		  "failed (criu" },
		{ 500, FAILED("rpc error: code = DeadlineExceeded"), NULL,
		  "the container runtime did not finish in time" },
		{ 500, FAILED("no space left on device"), NULL,
		  "the server answered with code 500: checkpointing of n/p/c failed (no space" },
		{ 503, "", NULL, "the server answered with code 503" },
	};
	static const struct cryo_checkpoint_req req = {
		.form = CRYO_CHECKPOINT_KUBELET, .ns = "n", .pod = "p", .container = "c"
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const struct fake_step step = { DIRECT, row[i].code, row[i].text, false, 0 };
		cryo_auto(cryo_free) char *message =
		    cryo_asprintf("checkpoint of 'n/p/c': %s", row[i].message);
		struct fake_kube f = { 0 };
		cryo_auto(cryo_checkpoint_answer_release) struct cryo_checkpoint_answer a = { 0 };

		print_message("# %d %.60s\n", row[i].code, row[i].text);
		fake_kube_start(&f, &step, 1);
		assert_int_equal(cryo_checkpoint_call(f.k, &req, &a, &f.err),
				 row[i].path ? 0 : -CRYO_E_REMOTE);
		assert_true(cryo_streq(a.path, row[i].path));
		assert_true(row[i].path || cryo_starts_with(f.err.msg, message));
		assert_int_equal(f.err.http_code, row[i].path ? 0 : row[i].code);
		assert_true(fake_kube_stop(&f));
	}
}

#define STATUS(rest)  "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{}," rest "}"
#define SUCCESS(rest) STATUS("\"status\":\"Success\",\"message\":\"done\"," rest)
#define FAILURE(code, reason, message, details)                                                    \
	STATUS("\"status\":\"Failure\",\"message\":\"" message "\",\"reason\":\"" reason           \
	       "\",\"details\":" details ",\"code\":" code)
#define DETAILS(node, path) "\"details\":{\"name\":\"" node "\",\"kind\":\"" path "\"}"
#define ARCHIVE		    "/var/lib/kubelet/checkpoints/checkpoint-p_n-c-2026-11-23T18:43:27Z.tar"
#define NO_ARCHIVE	    "the server's answer does not name an archive and its node"

/* What decides is the Status: the forks answer 201 whatever happened. */
static void pods_answers(void **state)
{
	static const struct {
		int code;
		const char *text;
		const char *path; /* or NULL and … */
		const char *message;
		int err_code;
	} row[] = {
		{ 201, SUCCESS(DETAILS("n1", ARCHIVE) ",\"code\":201"), ARCHIVE, "", 0 },
		{ 200, SUCCESS(DETAILS("n1.example", ARCHIVE)), ARCHIVE, "", 0 },
		/* The fork's failures, and the same with true codes. */
		{ 201, FAILURE("400", "BadRequest", "encryptionSecret must be provided", "{}"),
		  NULL, "encryptionSecret must be provided", 400 },
		{ 400, FAILURE("400", "BadRequest", "encryptionSecret must be provided", "{}"),
		  NULL, "encryptionSecret must be provided", 400 },
		{ 201, FAILURE("404", "", "Secret x not found", "{}"), NULL, "Secret x not found",
		  404 },
		{ 404,
		  FAILURE("404", "NotFound", "secrets \\\"x\\\" not found",
			  "{\"name\":\"x\",\"kind\":\"secrets\"}"),
		  NULL, "secrets \"x\" not found", 404 },
		{ 201,
		  FAILURE("500", "", "checkpoint failed (CRIU binary not found or too old)", "{}"),
		  NULL, "criu is missing on the node, or older than 3.16: checkpoint failed (CRIU",
		  500 },
		{ 500, FAILURE("500", "InternalError", "checkpoint failed (x)", "{}"), NULL,
		  "checkpoint failed (x)", 500 },
		{ 403,
		  FAILURE("403", "Forbidden", "secrets \\\"enc\\\" is forbidden: user \\\"bob\\\"",
			  "{\"name\":\"enc\",\"kind\":\"secrets\"}"),
		  NULL, "secrets \"enc\" is forbidden: user \"bob\"", 403 },
		{ 504, FAILURE("504", "Timeout", "request did not complete", "{}"), NULL,
		  "request did not complete", 504 },
		/* A stock API server. */
		{ 404,
		  FAILURE("404", "NotFound", "the server could not find the requested resource",
			  "{}"),
		  NULL, "the server could not find the requested resource", 404 },
		/* Failures that do not say how. */
		{ 201, STATUS("\"status\":\"Failure\""), NULL, "the server answered with code 500",
		  500 },
		{ 201, FAILURE("0", "", "x", "{}"), NULL, "x", 500 },
		{ 201, FAILURE("-1", "", "x", "{}"), NULL, "x", 500 },
		{ 201, FAILURE("\"404\"", "", "x", "{}"), NULL, "x", 500 },
		{ 409, FAILURE("99999999999", "", "x", "{}"), NULL, "x", 409 },
		{ 201, FAILURE("400", "", "two\\nlines\\u001b[2J", "{}"), NULL, "two", 400 },
		/* Success that is none. */
		{ 500, SUCCESS(DETAILS("n1", ARCHIVE)), NULL, "the server's answer contradicts",
		  500 },
		{ 201, SUCCESS(DETAILS("n1", ARCHIVE) ",\"code\":404"), NULL,
		  "the server's answer contradicts", 404 },
		{ 201, SUCCESS("\"code\":201"), NULL, NO_ARCHIVE, 201 },
		{ 201, SUCCESS("\"details\":\"x\""), NULL, NO_ARCHIVE, 201 },
		{ 201, SUCCESS(DETAILS("", ARCHIVE)), NULL, NO_ARCHIVE, 201 },
		{ 201, SUCCESS(DETAILS("../n1", ARCHIVE)), NULL, NO_ARCHIVE, 201 },
		{ 201, SUCCESS(DETAILS("-n1", ARCHIVE)), NULL, NO_ARCHIVE, 201 },
		{ 201, SUCCESS(DETAILS("n1\\n", ARCHIVE)), NULL, NO_ARCHIVE, 201 },
		{ 201, SUCCESS(DETAILS("n1", "/a/../../etc/x.tar")), NULL, NO_ARCHIVE, 201 },
		{ 201, SUCCESS(DETAILS("n1", "x.tar")), NULL, NO_ARCHIVE, 201 },
		{ 201, SUCCESS(DETAILS("n1", "/etc/shadow")), NULL, NO_ARCHIVE, 201 },
		{ 201, SUCCESS(DETAILS("n1", "/a\\u0001.tar")), NULL, NO_ARCHIVE, 201 },
		{ 201, "{\"items\":[\"" ARCHIVE "\"]}", NULL,
		  "the server's answer (application/json) ", 201 },
		{ 201, STATUS("\"status\":\"Maybe\""), NULL,
		  "the server's answer (application/json)", 201 },
		{ 201, "{\"kind\":\"Status\",\"status\":", NULL,
		  "the server's answer (application/", 201 },
		{ 201, "", NULL, "the server's answer (application/json) is not a Status", 201 },
		{ 200, "<html><h1>Sign in</h1></html>", NULL,
		  "the server's answer (application/json)", 200 },
		{ 502, "<html><h1>Bad Gateway</h1></html>", NULL,
		  "the server answered with code 502: <html>", 502 },
		{ 302, "", NULL, "the server answered with code 302", 302 },
		/* Other content types: whole answers, header and all. */
		{ 0,
		  "HTTP/1.1 201 Created\r\nContent-Type: application/yaml\r\nContent-Length: "
		  "33\r\n\r\n"
		  "kind: Status\nstatus: Success\nx: y\n",
		  NULL, "the server's answer (application/yaml) is not a Status: kind: Status",
		  201 },
		{ 0,
		  "HTTP/1.1 201 Created\r\nContent-Type: application/vnd.kubernetes.protobuf\r\n"
		  "Content-Length: 8\r\n\r\nk8s\n\x0a\x0b\x12\x04",
		  NULL, "the server's answer (application/vnd.kubernetes.protobuf) is not a Status",
		  201 },
	};
	static const struct cryo_checkpoint_req req = {
		.form = CRYO_CHECKPOINT_PODS, .ns = "n", .pod = "p", .container = "c"
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_checkpoint_answer_release) struct cryo_checkpoint_answer a = { 0 };
		const struct fake_step step = { PODS, row[i].code, row[i].text, false, 0 };
		cryo_auto(cryo_free) char *message =
		    cryo_asprintf("checkpoint of 'n/p/c': %s", row[i].message);
		struct fake_kube f = { 0 };

		print_message("# row %zu\n", i);
		fake_kube_start(&f, &step, 1);
		assert_int_equal(cryo_checkpoint_call(f.k, &req, &a, &f.err),
				 row[i].path		  ? 0
				 : row[i].err_code == 504 ? -CRYO_E_TIMEOUT
							  : -CRYO_E_REMOTE);
		assert_true(cryo_streq(a.path, row[i].path));
		assert_int_equal(a.node != NULL, row[i].path != NULL);
		if (!row[i].path && !cryo_starts_with(f.err.msg, message))
			print_message("# said: %s\n", f.err.msg);
		assert_true(row[i].path || cryo_starts_with(f.err.msg, message));
		assert_null(strpbrk(f.err.msg, "\n\x1b"));
		assert_int_equal(f.err.http_code, row[i].err_code);
		assert_true(fake_kube_stop(&f));
	}
}

/* An answer that never ends, or ends too early. */
static void pods_broken(void **state)
{
	static const struct fake_step step[] = {
		{ PODS, 201, "                                                                ",
		  false, (4 << 20) / 64 },
		{ PODS, 201, "{\"kind\":\"Status\"," FAKE_CUT "\"status\":\"Success\"}", false, 0 },
		{ PODS, 0, FAKE_CUT, false, 0 },
	};
	static const struct cryo_checkpoint_req req = { .form = CRYO_CHECKPOINT_PODS,
							.ns = "n",
							.pod = "p" };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(step); i++) {
		cryo_auto(cryo_checkpoint_answer_release) struct cryo_checkpoint_answer a = { 0 };
		struct fake_kube f = { 0 };

		fake_kube_start(&f, &step[i], 1);
		assert_int_equal(cryo_checkpoint_call(f.k, &req, &a, &f.err), -CRYO_E_REMOTE);
		assert_true(cryo_starts_with(f.err.msg, "checkpoint of 'n/p': "));
		assert_int_equal(f.err.http_code, 0);
		assert_null(a.path);
		assert_true(fake_kube_stop(&f));
	}
}

#define IN(form_) .form = CRYO_CHECKPOINT_##form_, .ns = "n", .pod = "p"
#define ITEMS	  200, "{\"items\":[\"/a.tar\"]}", false, 0
#define DONE	  201, SUCCESS(DETAILS("n1", ARCHIVE)), false, 0

static void requests(void **state)
{
	static const struct {
		struct cryo_checkpoint_req req;
		struct fake_step step;
		int rc;
		const char *sent; /* end of the request; NULL: whatever */
	} row[] = {
		{ { IN(PROXY), .node = "node-1", .container = "c" },
		  { "POST /api/v1/nodes/node-1/proxy/checkpoint/n/p/c ", ITEMS },
		  0,
		  "\r\n\r\n" },
		{ { IN(KUBELET), .container = "c", .timeout_ms = 1001 },
		  { "POST /checkpoint/n/p/c?timeout=2 ", ITEMS },
		  0,
		  "\r\n\r\n" },
		{ { IN(KUBELET), .container = "c", .timeout_ms = 200 },
		  { "POST /checkpoint/n/p/c?timeout=1 ", 0, FAKE_STALL, false, 0 },
		  -CRYO_E_TIMEOUT,
		  NULL },
		{ { IN(KUBELET), .container = "c", .limit_ms = 200 },
		  { "POST /checkpoint/n/p/c ", 0, FAKE_STALL, false, 0 },
		  -CRYO_E_TIMEOUT,
		  NULL },
		{ { IN(PROXY), .node = "..", .container = "c" }, { 0 }, -CRYO_E_CONFIG, NULL },
		{ { .form = CRYO_CHECKPOINT_KUBELET, .ns = "n", .pod = "p/../q", .container = "c" },
		  { 0 },
		  -CRYO_E_CONFIG,
		  NULL },
		{ { IN(KUBELET), .container = "" }, { 0 }, -CRYO_E_CONFIG, NULL },
		/* What the kubelet has no word for. */
		{ { IN(KUBELET) }, { 0 }, -CRYO_E_CONFIG, NULL },
		{ { IN(PROXY), .node = "n", .container = "c", .encryption_secret = "s" },
		  { 0 },
		  -CRYO_E_CONFIG,
		  NULL },
		{ { IN(PROXY), .node = "n", .container = "c", .leave = CRYO_LEAVE_STOPPED },
		  { 0 },
		  -CRYO_E_CONFIG,
		  NULL },
		{ { IN(PROXY), .node = "n", .container = "c", .leave = CRYO_LEAVE_RUNNING },
		  { "POST ", ITEMS },
		  0,
		  NULL },
		{ { IN(KUBELET), .container = "c", .body = "{}" }, { 0 }, -CRYO_E_CONFIG, NULL },
		/* pods/checkpoint: only what was said, and that it is plain. */
		{ { IN(PODS) }, { PODS, DONE }, 0, "\r\n\r\n{\"encrypt\":false}" },
		{ { IN(PODS), .container = "c", .timeout_ms = 61001, .leave = CRYO_LEAVE_STOPPED,
		    .encryption_secret = "enc" },
		  { PODS, DONE },
		  0,
		  "{\"container\":\"c\",\"timeout\":62,\"leaveRunning\":false,\"encrypt\":true,"
		  "\"encryptionSecret\":\"enc\"}" },
		{ { IN(PODS), .leave = CRYO_LEAVE_RUNNING },
		  { PODS, DONE },
		  0,
		  "\r\n\r\n{\"leaveRunning\":true,\"encrypt\":false}" },
		{ { IN(PODS), .encryption_secret = "a\"b" },
		  { PODS, DONE },
		  0,
		  "\"encryptionSecret\":\"a\\\"b\"}" },
		{ { IN(PODS), .encryption_secret = "\xff" }, { 0 }, -CRYO_E_CONFIG, NULL },
		{ { IN(PODS), .body = "{}" }, { PODS, DONE }, 0, "\r\n\r\n{}" },
		{ { IN(PODS), .body = "" }, { PODS, DONE }, 0, "\r\n\r\n" },
		{ { IN(PODS), .body = "xx" }, { PODS, DONE }, 0, "\r\n\r\nxx" },
		{ { IN(PODS), .limit_ms = 200 },
		  { PODS, 0, FAKE_STALL, false, 0 },
		  -CRYO_E_TIMEOUT,
		  NULL },
		{ { IN(PODS), .user = "a\r\nX: y" }, { 0 }, -CRYO_E_CONFIG, NULL },
		{ { .form = CRYO_CHECKPOINT_PODS, .ns = "n/..", .pod = "p" },
		  { 0 },
		  -CRYO_E_CONFIG,
		  NULL },
		{ { .form = CRYO_CHECKPOINT_PODS, .ns = "n", .pod = ".." },
		  { 0 },
		  -CRYO_E_CONFIG,
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_checkpoint_answer_release) struct cryo_checkpoint_answer a = { 0 };
		struct fake_kube f = { 0 };

		print_message("# row %zu\n", i);
		fake_kube_start(&f, &row[i].step, 1);
		assert_int_equal(cryo_checkpoint_call(f.k, &row[i].req, &a, &f.err), row[i].rc);
		if (row[i].sent)
			assert_true(cryo_ends_with(f.http.seen.p, row[i].sent));
		assert_true(fake_kube_stop(&f));
	}
}

static void as_another(void **state)
{
	static const struct fake_step step = { PODS, DONE };
	static const struct cryo_checkpoint_req req = { IN(PODS),
							.user = "system:serviceaccount:n:bob" };
	cryo_auto(cryo_checkpoint_answer_release) struct cryo_checkpoint_answer a = { 0 };
	struct fake_kube f = { 0 };

	(void)state;
	fake_kube_start(&f, &step, 1);
	assert_int_equal(cryo_checkpoint_call(f.k, &req, &a, &f.err), 0);
	assert_true(fake_kube_saw(&f, "\r\nImpersonate-User: system:serviceaccount:n:bob\r\n"));
	assert_string_equal(a.node, "n1");
	assert_true(fake_kube_stop(&f));
}

/* Discovery tells, no error text. */
static void pods_probe(void **state)
{
	static const struct {
		int code;
		const char *text;
		int rc;
		bool there;
	} row[] = {
		{ 200,
		  "{\"resources\":[{\"name\":\"pods\",\"verbs\":[\"create\"]},"
		  "{\"name\":\"pods/checkpoint\",\"verbs\":[\"create\"]}]}",
		  0, true },
		/* The forks' first versions took a GET. */
		{ 200, "{\"resources\":[{\"name\":\"pods/checkpoint\",\"verbs\":[\"get\"]}]}", 0,
		  false },
		{ 200, "{\"resources\":[{\"name\":\"pods/checkpoint\"}]}", 0, false },
		{ 200, "{\"resources\":[{\"name\":\"pods/log\",\"verbs\":[\"get\"]}]}", 0, false },
		{ 200, "{\"resources\":[]}", 0, false },
		{ 200, "{}", -CRYO_E_REMOTE, false },
		{ 200, "<html>", -CRYO_E_REMOTE, false },
		{ 403, STATUS("\"message\":\"no\""), -CRYO_E_REMOTE, false },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const struct fake_step step = { "GET /api/v1 ", row[i].code, row[i].text, false,
						0 };
		struct fake_kube f = { 0 };
		bool there = false;

		print_message("# %s\n", row[i].text);
		fake_kube_start(&f, &step, 1);
		assert_int_equal(cryo_checkpoint_probe_pods(f.k, &there, &f.err), row[i].rc);
		assert_int_equal(there, row[i].there);
		/* Once is enough. */
		if (row[i].rc == 0)
			assert_int_equal(cryo_checkpoint_probe_pods(f.k, &there, &f.err), 0);
		assert_true(fake_kube_stop(&f));
	}
}

static void forms(void **state)
{
	enum cryo_checkpoint_form form = CRYO_CHECKPOINT_NONE;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	for (int f = CRYO_CHECKPOINT_PODS; f <= CRYO_CHECKPOINT_KUBELET; f++) {
		const char *name = cryo_checkpoint_form_name((enum cryo_checkpoint_form)f);

		assert_int_equal(cryo_checkpoint_form_parse(name, &form, &err), 0);
		assert_int_equal(form, f);
	}
	assert_int_equal(cryo_checkpoint_form_parse("none", &form, &err), -CRYO_E_USAGE);
	assert_int_equal(cryo_checkpoint_form_parse("", &form, &err), -CRYO_E_USAGE);
	assert_string_equal(cryo_checkpoint_form_name(CRYO_CHECKPOINT_NONE), "none");
}

static void probes(void **state)
{
	static const struct {
		const char *node;
		struct fake_step step;
		int rc;
		bool there;
	} row[] = {
		{ NULL,
		  { "GET /checkpoint/probe/probe/probe ", 405, "405: Method Not Allowed", false,
		    0 },
		  0,
		  true },
		{ NULL, { "GET ", 404, "404 page not found\n", false, 0 }, 0, false },
		{ "n1",
		  { "GET /api/v1/nodes/n1/proxy/checkpoint/probe/probe/probe ", 405, "", false, 0 },
		  0,
		  true },
		{ "n1",
		  { "GET ", 404, "{\"kind\":\"Status\",\"message\":\"no node\"}", false, 0 },
		  -CRYO_E_REMOTE,
		  false },
		{ NULL, { "GET ", 403, "Forbidden", false, 0 }, -CRYO_E_REMOTE, false },
		{ "n1",
		  { "GET ", 503, "error trying to reach service", false, 0 },
		  -CRYO_E_REMOTE,
		  false },
		{ NULL, { "GET ", 0, FAKE_CUT, false, 0 }, -CRYO_E_REMOTE, false },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct fake_kube f = { 0 };
		bool there = false;

		fake_kube_start(&f, &row[i].step, 1);
		assert_int_equal(cryo_checkpoint_probe(f.k, row[i].node, &there, &f.err),
				 row[i].rc);
		assert_int_equal(there, row[i].there);
		assert_true(fake_kube_stop(&f));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),     cmocka_unit_test(pods_answers),
		cmocka_unit_test(pods_broken), cmocka_unit_test(requests),
		cmocka_unit_test(as_another),  cmocka_unit_test(probes),
		cmocka_unit_test(pods_probe),  cmocka_unit_test(forms),
	};
	int n = cmocka_run_group_tests(tests, NULL, NULL);

	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}
