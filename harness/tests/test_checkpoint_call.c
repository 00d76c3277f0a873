/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/checkpoint.h"
#include "tests/fake_kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define DIRECT	    "POST /checkpoint/n/p/c "
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
		{ 401, "Unauthorized", NULL, "the kubelet does not know who asks: Unauthorized" },
		{ 403, "Forbidden (user=u, verb=create, resource=nodes, subresource=checkpoint)",
		  NULL, "the kubelet does not allow checkpoints to this user: Forbidden (user=u" },
		{ 403, "{\"kind\":\"Status\",\"message\":\"nodes \\\"x\\\" is forbidden\"}", NULL,
		  "nodes \"x\" is forbidden" },
		{ 404, "404 page not found\n", NULL,
		  "the kubelet takes no checkpoints: its feature gate ContainerCheckpoint is off: "
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
		  "the container runtime has its CRIU support switched off" },
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
	static const struct cryo_checkpoint_req req = { .ns = "n", .pod = "p", .container = "c" };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const struct fake_step step = { DIRECT, row[i].code, row[i].text, false, 0 };
		cryo_auto(cryo_free) char *message =
		    cryo_asprintf("checkpoint of 'n/p/c': %s", row[i].message);
		struct fake_kube f = { 0 };
		char *path = NULL;

		print_message("# %d %.60s\n", row[i].code, row[i].text);
		fake_kube_start(&f, &step, 1);
		assert_int_equal(cryo_checkpoint_call(f.k, &req, &path, &f.err),
				 row[i].path ? 0 : -CRYO_E_REMOTE);
		assert_true(cryo_streq(path, row[i].path));
		assert_true(row[i].path || cryo_starts_with(f.err.msg, message));
		assert_int_equal(f.err.sys_errno, row[i].path ? 0 : row[i].code);
		free(path);
		assert_true(fake_kube_stop(&f));
	}
}

static void requests(void **state)
{
	static const struct {
		struct cryo_checkpoint_req req;
		struct fake_step step;
		int rc;
	} row[] = {
		{ { "node-1", "n", "p", "c", 0 },
		  { "POST /api/v1/nodes/node-1/proxy/checkpoint/n/p/c ", 200,
		    "{\"items\":[\"/a.tar\"]}", false, 0 },
		  0 },
		{ { NULL, "n", "p", "c", 1001 },
		  { "POST /checkpoint/n/p/c?timeout=2 ", 200, "{\"items\":[\"/a.tar\"]}", false,
		    0 },
		  0 },
		{ { NULL, "n", "p", "c", 200 },
		  { "POST /checkpoint/n/p/c?timeout=1 ", 0, FAKE_STALL, false, 0 },
		  -CRYO_E_TIMEOUT },
		{ { "..", "n", "p", "c", 0 }, { 0 }, -CRYO_E_CONFIG },
		{ { NULL, "n", "p/../q", "c", 0 }, { 0 }, -CRYO_E_CONFIG },
		{ { NULL, "n", "p", "", 0 }, { 0 }, -CRYO_E_CONFIG },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct fake_kube f = { 0 };
		char *path = NULL;

		fake_kube_start(&f, &row[i].step, 1);
		assert_int_equal(cryo_checkpoint_call(f.k, &row[i].req, &path, &f.err), row[i].rc);
		free(path);
		assert_true(fake_kube_stop(&f));
	}
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
	assert_string_equal(cryo_checkpoint_form_name(CRYO_CHECKPOINT_PROXY), "proxy");
	assert_string_equal(cryo_checkpoint_form_name(CRYO_CHECKPOINT_KUBELET), "kubelet");
	assert_string_equal(cryo_checkpoint_form_name(CRYO_CHECKPOINT_NONE), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(requests),
		cmocka_unit_test(probes),
	};
	int n = cmocka_run_group_tests(tests, NULL, NULL);

	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}
