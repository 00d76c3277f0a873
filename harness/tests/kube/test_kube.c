/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/json.h"
#include "base/event.h"
#include "sys/fs.h"
#include "tests/kube/fake_kube.h"
#include "tests/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define V1                                                                                         \
	"{\"kind\":\"APIResourceList\",\"resources\":["                                            \
	"{\"name\":\"pods/log\",\"kind\":\"Pod\",\"namespaced\":true},"                            \
	"{\"name\":\"pods\",\"kind\":\"Pod\",\"namespaced\":true},"                                \
	"{\"name\":\"secrets\",\"kind\":\"Secret\",\"namespaced\":true},"                          \
	"{\"name\":\"namespaces\",\"kind\":\"Namespace\",\"namespaced\":false}]}"
#define NOT_FOUND                                                                                  \
	"{\"kind\":\"Status\",\"message\":\"pods \\\"x\\\" not found\",\"reason\":\"NotFound\","   \
	"\"details\":{\"name\":\"x\",\"kind\":\"pods\"},\"code\":404}"
#define NO_KIND "{\"kind\":\"Status\",\"message\":\"no such resource\",\"details\":{},\"code\":404}"

static const struct cryo_kube_ref pod_x = { "pods", "default", "x" };

static json_t *object(const char *text)
{
	json_t *j = json_loads(text, 0, NULL);

	assert_non_null(j);
	return j;
}

/* GET of one pod: what the answers become. */
static void answers(void **state)
{
	static const struct {
		const char *name;
		int code;
		const char *text;
		int rc, http_code;
		bool found;
		const char *message;
	} row[] = {
		{ "object", 200, "{\"kind\":\"Pod\"}", 0, 0, true, "" },
		{ "absent", 404, NOT_FOUND, 0, 0, false, "" },
		{ "no such kind", 404, NO_KIND, -CRYO_E_REMOTE, 404, false, "no such resource" },
		{ "text 404", 404, "404 page not found\n", -CRYO_E_REMOTE, 404, false,
		  "the server answered with code 404: 404 page not found" },
		{ "forbidden", 403,
		  "{\"kind\":\"Status\",\"message\":\"User \\\"u\\\"\\ncannot get\",\"code\":403}",
		  -CRYO_E_REMOTE, 403, false, "User \"u\" cannot get" },
		{ "no message", 409, "{\"kind\":\"Status\",\"reason\":\"Conflict\"}",
		  -CRYO_E_REMOTE, 409, false, "Conflict" },
		{ "message is not a text", 500, "{\"kind\":\"Status\",\"message\":7}",
		  -CRYO_E_REMOTE, 500, false, "the server answered with code 500" },
		{ "nothing said", 503, "", -CRYO_E_REMOTE, 503, false,
		  "the server answered with code 503" },
		{ "escape sequences", 502, "\n\n\033[2Jbad\rgateway\n<html>", -CRYO_E_REMOTE, 502,
		  false, "the server answered with code 502:  [2Jbad" },
		{ "garbage", 200, "{\"kind\":", -CRYO_E_REMOTE, 200, false,
		  "the server's answer: no JSON" },
		{ "empty", 200, "", -CRYO_E_REMOTE, 200, false, "the server's answer: no JSON" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const struct fake_step step = { "GET /api/v1/namespaces/default/pods/x ",
						row[i].code, row[i].text, false, 0 };
		struct fake_kube f = { 0 };
		json_t *out = NULL;

		print_message("# %s\n", row[i].name);
		fake_kube_start(&f, &step, 1);
		assert_int_equal(cryo_kube_get(f.k, &pod_x, &out, &f.err), row[i].rc);
		assert_int_equal(f.err.http_code, row[i].http_code);
		assert_true(cryo_starts_with(f.err.msg, row[i].message));
		assert_int_equal(out != NULL, row[i].found);
		json_decref(out);
		assert_true(fake_kube_stop(&f));
	}
}

static void names_that_lead_elsewhere(void **state)
{
	static const struct cryo_kube_ref row[] = {
		{ "pods", "default", ".." },  { "pods", "default", "" },    { "pods", "..", "x" },
		{ "pods", "default", "a/b" }, { "pods", "default", "%2e" }, { "..", NULL, "x" },
		{ "pods", "default", "." },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct fake_kube f = { 0 };

		fake_kube_start(&f, NULL, 0);
		assert_int_equal(cryo_kube_delete(f.k, &row[i], -1, 0, &f.err), -CRYO_E_CONFIG);
		assert_string_equal(cryo_str_get(&f.http.seen), "");
		fake_kube_stop(&f);
	}
}

static void lists(void **state)
{
	static const struct fake_step steps[] = {
		{ "GET /apis/apps ", 200, "{\"preferredVersion\":{\"version\":\"v1\"}}", false, 0 },
		{ "GET /apis/apps/v1/deployments?labelSelector=a%3Db%2Cc%20in%20%28d%29 ", 200,
		  "{\"kind\":\"DeploymentList\",\"apiVersion\":\"apps/"
		  "v1\",\"items\":[{\"metadata\":{}}]}",
		  true, 0 },
		{ "GET /apis/apps/v1/namespaces/n/deployments ", 200,
		  "{\"kind\":\"X\",\"items\":[]}", false, 0 },
	};
	struct fake_kube f = { 0 };
	json_t *items = NULL;

	(void)state;
	fake_kube_start(&f, steps, CRYO_ARRAY_LEN(steps));
	assert_int_equal(
	    cryo_kube_list(f.k, "deployments.apps", NULL, "a=b,c in (d)", &items, &f.err), 0);
	assert_int_equal(json_array_size(items), 1);
	assert_string_equal(cryo_json_str(items, "[0].kind"), "Deployment");
	assert_string_equal(cryo_json_str(items, "[0].apiVersion"), "apps/v1");
	json_decref(items);
	assert_int_equal(cryo_kube_list(f.k, "deployments.apps", "n", NULL, &items, &f.err),
			 -CRYO_E_REMOTE);
	assert_string_equal(f.err.msg, "the server's answer is not a list of deployments.apps");
	assert_true(fake_kube_stop(&f));
}

#define POD(version, more)                                                                         \
	"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"" version            \
	"\",\"managedFields\":[" version "]}" more "}"

static void applies(void **state)
{
	static const struct {
		const char *name;
		struct fake_step steps[3];
		int rc;
		enum cryo_kube_change change;
	} row[] = {
		{ "created",
		  { { "GET /api/v1 ", 200, V1, false, 0 },
		    { "GET /api/v1/namespaces/ns/pods/x ", 404, NOT_FOUND, false, 0 },
		    { "PATCH /api/v1/namespaces/ns/pods/x?fieldManager=cryopod&force=true ", 201,
		      POD("1", ""), false, 0 } },
		  0,
		  CRYO_KUBE_CREATED },
		{ "unchanged",
		  { { "GET /api/v1 ", 200, V1, false, 0 },
		    { "GET /api/v1/namespaces/ns/pods/x ", 200, POD("1", ""), false, 0 },
		    { "PATCH ", 200, POD("1", ""), false, 0 } },
		  0,
		  CRYO_KUBE_UNCHANGED },
		{ "bookkeeping",
		  { { "GET /api/v1 ", 200, V1, false, 0 },
		    { "GET ", 200, POD("1", ""), false, 0 },
		    { "PATCH ", 200, POD("2", ""), false, 0 } },
		  0,
		  CRYO_KUBE_UNCHANGED },
		{ "configured",
		  { { "GET /api/v1 ", 200, V1, false, 0 },
		    { "GET ", 200, POD("1", ""), false, 0 },
		    { "PATCH ", 200, POD("2", ",\"spec\":{}"), false, 0 } },
		  0,
		  CRYO_KUBE_CONFIGURED },
		{ "refused",
		  { { "GET /api/v1 ", 200, V1, false, 0 },
		    { "GET ", 200, POD("1", ""), false, 0 },
		    { "PATCH ", 422, "{\"kind\":\"Status\",\"message\":\"invalid\"}", false, 0 } },
		  -CRYO_E_REMOTE,
		  0 },
		{ "not allowed to look",
		  { { "GET /api/v1 ", 200, V1, false, 0 }, { "GET ", 403, "", false, 0 } },
		  -CRYO_E_REMOTE,
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_json_decref) json_t *o = object(
		    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"}}");
		enum cryo_kube_change change = 0;
		struct fake_kube f = { 0 };

		print_message("# %s\n", row[i].name);
		fake_kube_start(&f, row[i].steps, 3);
		assert_int_equal(cryo_kube_apply(f.k, o, "ns", &change, &f.err), row[i].rc);
		assert_int_equal(change, row[i].change);
		assert_true(row[i].rc ||
			    fake_kube_saw(&f, "Content-Type: application/apply-patch+yaml\r\n"));
		assert_true(fake_kube_stop(&f));
	}
}

static void where_objects_go(void **state)
{
	static const struct fake_step steps[] = {
		{ "GET /api/v1 ", 200, V1, false, 0 },
		{ "POST /api/v1/namespaces ", 201, "{}", false, 0 }, /* no namespace in it */
		{ "POST /api/v1/namespaces/own/pods ", 201, "{}", false, 0 },
		{ "POST /api/v1/namespaces/default/pods ", 409,
		  "{\"kind\":\"Status\",\"message\":\"pods \\\"x\\\" already exists\"}", false, 0 },
		{ "GET /api/v1 ", 200, V1, false, 0 }, /* asked again for a kind it did not know */
		{ "GET /apis/a%252Fb/..%2Fc ", 404, "", false, 0 },
	};
	static const struct {
		const char *object, *ns;
		int rc;
		const char *message;
	} row[] = {
		{ "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"x\"}}",
		  "ns", 0, "" },
		{ "{\"apiVersion\":\"v1\",\"kind\":\"Pod\","
		  "\"metadata\":{\"name\":\"x\",\"namespace\":\"own\"}}",
		  "ns", 0, "" },
		{ "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"}}", NULL,
		  -CRYO_E_REMOTE, "pods \"x\" already exists" },
		{ "{\"apiVersion\":\"v1\",\"kind\":\"Plod\",\"metadata\":{\"name\":\"x\"}}", NULL,
		  -CRYO_E_CONFIG, "the server has no kind 'Plod' in 'v1'" },
		{ "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"}}", NULL, -CRYO_E_CONFIG,
		  "the object has no apiVersion" },
		{ "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":3}}", NULL,
		  -CRYO_E_CONFIG, "the object has no metadata.name" },
		{ "{\"apiVersion\":\"a%2Fb/../c\",\"kind\":\"K\",\"metadata\":{\"name\":\"x\"}}",
		  NULL, -CRYO_E_REMOTE,
		  "apiVersion 'a%2Fb/../c': the server answered with code 404" },
	};
	struct fake_kube f = { 0 };

	(void)state;
	fake_kube_start(&f, steps, CRYO_ARRAY_LEN(steps));
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_json_decref) json_t *o = object(row[i].object);

		f.err.msg[0] = '\0';
		assert_int_equal(cryo_kube_create(f.k, o, row[i].ns, &f.err), row[i].rc);
		assert_true(cryo_starts_with(f.err.msg, row[i].message));
	}
	assert_true(fake_kube_stop(&f));
}

/* A pod that no scheduler takes gets its node as by one. */
static void binding(void **state)
{
	static const struct fake_step steps[] = {
		{ "POST /api/v1/namespaces/ns/pods/p/binding ", 201, "{}", false, 0 },
		{ "POST /api/v1/namespaces/ns/pods/p/binding ", 409,
		  "{\"kind\":\"Status\",\"message\":\"already assigned\"}", false, 0 },
	};
	struct fake_kube f = { 0 };

	(void)state;
	fake_kube_start(&f, steps, CRYO_ARRAY_LEN(steps));
	assert_int_equal(cryo_kube_bind(f.k, "ns", "p", "node1", &f.err), 0);
	assert_int_equal(cryo_kube_bind(f.k, "ns", "p", "node1", &f.err), -CRYO_E_REMOTE);
	assert_non_null(strstr(f.err.msg, "already assigned"));
	assert_int_equal(cryo_kube_bind(f.k, "ns", "../x", "node1", &f.err), -CRYO_E_CONFIG);
	assert_true(fake_kube_saw(&f, "\"target\""));
	assert_true(fake_kube_stop(&f));
}

static void note_event(const struct cryo_event *ev, void *arg)
{
	cryo_str_addf(arg, "%s\n", ev->detail);
}

static void manifest_files(void **state)
{
	static const struct fake_step steps[] = {
		{ "GET /api/v1 ", 200, V1, false, 0 },
		{ "GET /api/v1/namespaces/one ", 404, NOT_FOUND, false, 0 },
		{ "PATCH /api/v1/namespaces/one?", 201, "{}", false, 0 },
		{ "GET /api/v1/namespaces/ns/pods/x ", 404, NOT_FOUND, false, 0 },
		{ "PATCH /api/v1/namespaces/ns/pods/x?", 403,
		  "{\"kind\":\"Status\",\"message\":\"no account\"}", false, 0 },
	};
	static const char text[] = "apiVersion: v1\nkind: Namespace\nmetadata: {name: one}\n---\n"
				   "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n---\n"
				   "apiVersion: v1\nkind: Pod\nmetadata: {name: never}\n";
	cryo_auto(cryo_str_release) struct cryo_str events = { 0 };
	cryo_auto(cryo_free) char *file = NULL;
	cryo_auto(cryo_free) char *want = NULL;
	struct fake_kube f = { 0 };

	(void)state;
	file = scratch_path("m.yaml");
	want = cryo_asprintf("%s:5: no account", file);
	assert_int_equal(cryo_fs_write(file, text, strlen(text), 0600, &f.err), 0);
	fake_kube_start(&f, steps, CRYO_ARRAY_LEN(steps));
	cryo_event_set_sink(note_event, &events);
	assert_int_equal(cryo_kube_apply_file(f.k, file, "ns", &f.err), -CRYO_E_REMOTE);
	cryo_event_set_sink(NULL, NULL);
	assert_string_equal(f.err.msg, want);
	assert_int_equal(f.err.http_code, 403);
	assert_string_equal(cryo_str_get(&events), "namespace/one created\n");
	assert_int_equal(cryo_fs_write(file, "---\n", 4, 0600, &f.err), 0);
	assert_int_equal(cryo_kube_apply_file(f.k, file, "ns", &f.err), -CRYO_E_CONFIG);
	assert_true(fake_kube_stop(&f));
}

static void secrets(void **state)
{
	static const struct fake_step steps[] = {
		{ "GET /api/v1 ", 200, V1, false, 0 },
		{ "POST /api/v1/namespaces/ns/secrets ", 201, "{}", false, 0 },
	};
	static const struct cryo_kube_datum data[] = {
		{ "empty", "", 0 },	   { "f", "f", 1 },	  { "fo", "fo", 2 },
		{ "foo", "foo", 3 },	   { "foob", "foob", 4 }, { "zero", "\0\xff\0", 3 },
		{ "edge", "\xfb\xff", 2 },
	};
	static const char want[] =
	    "\"data\":{\"empty\":\"\",\"f\":\"Zg==\",\"fo\":\"Zm8=\",\"foo\":"
	    "\"Zm9v\",\"foob\":\"Zm9vYg==\",\"zero\":\"AP8A\","
	    "\"edge\":\"+/8=\"}";
	struct fake_kube f = { 0 };

	(void)state;
	fake_kube_start(&f, steps, CRYO_ARRAY_LEN(steps));
	assert_int_equal(cryo_kube_create_secret(f.k, "ns", "s", "kubernetes.io/tls", data,
						 CRYO_ARRAY_LEN(data), &f.err),
			 0);
	assert_true(fake_kube_saw(&f, want));
	assert_true(fake_kube_saw(&f, "\"type\":\"kubernetes.io/tls\""));
	assert_true(fake_kube_stop(&f));
}

static void readiness(void **state)
{
	static const struct {
		int code;
		const char *text;
		int rc;
		const char *why;
	} row[] = {
		{ 200, "ok", 0, NULL },
		{ 500, "[+]ping ok\n[-]etcd failed: reason withheld\n[-]informer-sync failed: x\n",
		  1, "etcd, informer-sync" },
		{ 503, "starting\nup", 1, "starting" },
		{ 401, "{\"kind\":\"Status\",\"message\":\"Unauthorized\"}", -CRYO_E_REMOTE, NULL },
		{ 0, FAKE_CUT, -CRYO_E_REMOTE, NULL },
	};
	const struct cryo_http_opts nowhere = { .base_url = "http://127.0.0.1:1",
						.netns_fd = -1,
						.direct = true };
	cryo_auto(cryo_kube_free) struct cryo_kube *k = cryo_kube_new(&nowhere);
	struct cryo_err err = CRYO_ERR_INIT;
	char *why;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const struct fake_step step = { "GET /readyz ", row[i].code, row[i].text, false,
						0 };
		struct fake_kube f = { 0 };

		fake_kube_start(&f, &step, 1);
		assert_int_equal(cryo_kube_ready(f.k, &why, &f.err), row[i].rc);
		assert_true(cryo_streq(why, row[i].why));
		free(why);
		fake_kube_stop(&f);
	}
	assert_int_equal(cryo_kube_ready(k, &why, &err), 1);
	assert_true(cryo_starts_with(why, "cannot connect to"));
	free(why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(names_that_lead_elsewhere),
		cmocka_unit_test(lists),
		cmocka_unit_test(applies),
		cmocka_unit_test(where_objects_go),
		cmocka_unit_test(binding),
		cmocka_unit_test_setup_teardown(manifest_files, scratch_setup, scratch_teardown),
		cmocka_unit_test(secrets),
		cmocka_unit_test(readiness),
	};
	int n = cmocka_run_group_tests(tests, NULL, NULL);

	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}
