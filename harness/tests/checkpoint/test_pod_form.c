/* SPDX-License-Identifier: Apache-2.0 */
/* From what people have to the pod that is restored. */
#include "checkpoint/pod_fit.h"
#include "checkpoint/pod_checkpoint.h"
#include "checkpoint/pod_form.h"
#include "checkpoint/pod_rules.h"
#include "sys/fs.h"
#include "tests/scratch.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define C    "containers: [{name: app, image: i}]"
#define META "\"metadata\":{\"name\":\"web-0\",\"uid\":\"u\",\"resourceVersion\":\"5\""
#define APP  "{\"name\":\"app\",\"image\":\"i\"}"

static char *file;
static struct cryo_archive archive;

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	file = scratch_path("pod.yaml");
	archive = (struct cryo_archive){ .container = (char *)"app", .pod = (char *)"web-0" };
	return 0;
}

static int teardown(void **state)
{
	cryo_strv_release(&archive.volumes);
	free(file);
	return scratch_teardown(state);
}

static int make_form(const char *text, const struct cryo_pod_form_opts *more,
		     struct cryo_pod_form *f, struct cryo_err *err)
{
	struct cryo_pod_form_opts o = more ? *more : (struct cryo_pod_form_opts){ 0 };

	o.archive = o.archive ? o.archive : &archive;
	o.manifest = text ? file : NULL;
	if (text)
		assert_int_equal(cryo_fs_write(file, text, strlen(text), 0600, err), 0);
	return cryo_pod_form_make(&o, f, err);
}

static const char *spec_text(const struct cryo_pod_form *f, const char *path)
{
	const char *text = cryo_json_str(f->pod, path);

	return text ? text : "";
}

/* Each form that people have leads to the same container. */
static void forms(void **state)
{
	static const struct {
		const char *text, *note;
	} row[] = {
		{ "kind: Pod\nspec: {" C "}\n", "restartPolicy" },
		{ "\t {\"kind\":\"Pod\",\"spec\":{\"containers\":[" APP "]}}", "restartPolicy" },
		{ "kind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {" C "}}}\n",
		  "template of Deployment 'web'" },
		{ "kind: StatefulSet\nmetadata: {name: s}\nspec: {template: {spec: {" C "}}}\n",
		  "template of StatefulSet 's'" },
		{ "kind: DaemonSet\nspec: {template: {spec: {" C "}}}\n", "template of DaemonSet" },
		{ "kind: ReplicaSet\nspec: {template: {spec: {" C "}}}\n", "of ReplicaSet" },
		{ "kind: Job\nspec: {template: {spec: {" C "}}}\n", "template of Job" },
		{ "kind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: {" C "}}}}}\n",
		  "template of CronJob" },
		{ "kind: List\nitems:\n- {kind: Service}\n- {kind: Pod, spec: {" C "}}\n",
		  "restartPolicy" },
		{ "{\"kind\":\"PodList\",\"items\":[{\"kind\":\"Pod\",\"spec\":{\"containers\":"
		  "[{\"name\":\"other\"}]}},{\"kind\":\"Pod\",\"spec\":{\"containers\":[" APP
		  "]}}]}",
		  "restartPolicy" },
		/* the one with that name, and else the one whose name its name begins with */
		{ "kind: Pod\nmetadata: {name: x}\nspec: {" C "}\n---\nkind: Pod\n"
		  "metadata: {name: web-0, labels: {a: b}}\nspec: {" C "}\n",
		  "restartPolicy" },
		{ "kind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {" C "}}}\n---\n"
		  "kind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {" C "}}}\n",
		  "template of Deployment 'web'" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_pod_form_release) struct cryo_pod_form f = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;
		cryo_auto(cryo_free) char *notes = NULL;

		print_message("# %s\n", row[i].text);
		if (make_form(row[i].text, NULL, &f, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(spec_text(&f, "kind"), "Pod");
		assert_string_equal(spec_text(&f, "apiVersion"), "v1");
		assert_non_null(cryo_pod_container(f.pod, "app"));
		notes = cryo_strv_join(&f.notes, "; ");
		assert_non_null(strstr(notes, row[i].note));
	}
}

/* What is dropped, kept and said. */
static void rules(void **state)
{
	static const struct {
		const char *text, *absent, *there, *note;
	} row[] = {
		{ "{\"kind\":\"Pod\"," META ",\"generateName\":\"web-\",\"ownerReferences\":[]},"
		  "\"spec\":{\"containers\":[" APP "]},\"status\":{}}",
		  "metadata.resourceVersion", NULL, NULL },
		{ "{\"kind\":\"Pod\"," META "},\"spec\":{\"nodeName\":\"n\",\"containers\":[" APP
		  "]}}",
		  "spec.nodeName", NULL, NULL },
		{ "kind: Pod\nspec: {nodeName: n, " C "}\n", NULL, "spec.nodeName", NULL },
		{ "{\"kind\":\"Pod\"," META "},\"spec\":{\"priority\":0,\"containers\":[" APP "]}}",
		  "spec.priority", NULL, NULL },
		{ "kind: Pod\nmetadata: {finalizers: [a]}\nspec: {" C "}\n", "metadata.finalizers",
		  NULL, "'finalizers' is dropped" },
		{ "kind: Pod\nmetadata: {labels: {pod-template-hash: x, app: y}}\nspec: {" C "}\n",
		  "metadata.labels.pod-template-hash", "metadata.labels.app",
		  "label 'pod-template-hash' is dropped: a ReplicaSet would adopt" },
		{ "kind: Pod\nmetadata: {labels: {controller-uid: x}}\nspec: {" C "}\n",
		  "metadata.labels.controller-uid", NULL, "a Job would adopt the pod" },
		{ "{\"kind\":\"Pod\"," META
		  "},\"spec\":{\"hostname\":\"web-0\",\"containers\":[" APP "]}}",
		  "spec.hostname", NULL, "host name 'web-0' is dropped" },
		{ "kind: Pod\nmetadata: {name: web-0}\nspec: {hostname: chosen, " C "}\n", NULL,
		  "spec.hostname", NULL },
		{ "kind: Pod\nspec: {" C ", ephemeralContainers: [{name: debug}]}\n",
		  "spec.ephemeralContainers", NULL, "ephemeral container 'debug' is dropped" },
		{ "kind: Pod\nspec: {" C ", initContainers: [{name: i}]}\n", "spec.initContainers",
		  NULL, "init container 'i' is not run again" },
		{ "kind: Pod\nspec: {" C ", initContainers: [{name: i}, {name: s, restartPolicy: "
		  "Always}]}\n",
		  "spec.initContainers[1]", "spec.initContainers[0]",
		  "container 's' starts from the beginning" },
		{ "kind: Pod\nspec: {containers: [{name: app}, {name: log}]}\n", NULL,
		  "spec.containers[1]", "container 'log' starts from the beginning" },
		{ "kind: Pod\nspec: {containers: [], ephemeralContainers: [{name: app}]}\n",
		  "spec.ephemeralContainers", "spec.containers[0]",
		  "ephemeral container 'app' becomes an ordinary one" },
		{ "{\"kind\":\"Pod\"," META "},\"spec\":{\"tolerations\":[{\"key\":"
		  "\"node.kubernetes.io/"
		  "not-ready\",\"tolerationSeconds\":300}],\"containers\":[" APP "]}}",
		  "spec.tolerations", NULL, NULL },
		{ "{\"kind\":\"Pod\"," META "},\"spec\":{\"volumes\":[{\"name\":"
		  "\"kube-api-access-x7k2p\"}],\"initContainers\":[{\"name\":\"s\","
		  "\"restartPolicy\":\"Always\",\"volumeMounts\":[{\"name\":"
		  "\"kube-api-access-x7k2p\",\"mountPath\":\"" CRYO_TOKEN_MOUNT "\"}]}],"
		  "\"containers\":[" APP "]}}",
		  "spec.initContainers[0].volumeMounts[0]", "spec.initContainers[0]", NULL },
		{ "kind: StatefulSet\nmetadata: {name: web}\nspec:\n  volumeClaimTemplates: "
		  "[{metadata: {name: data}}]\n  template: {spec: {" C "}}\n",
		  NULL, "spec.volumes[0].persistentVolumeClaim", NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_pod_form_release) struct cryo_pod_form f = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;
		cryo_auto(cryo_free) char *notes = NULL;

		print_message("# %s\n", row[i].text);
		if (make_form(row[i].text, NULL, &f, &err) < 0)
			fail_msg("%s", err.msg);
		if (row[i].absent && cryo_json_at(f.pod, row[i].absent))
			fail_msg("there is %s", row[i].absent);
		if (row[i].there && !cryo_json_at(f.pod, row[i].there))
			fail_msg("there is no %s", row[i].there);
		notes = cryo_strv_join(&f.notes, "; ");
		if (row[i].note && !strstr(notes, row[i].note))
			fail_msg("nobody said %s: %s", row[i].note, notes);
	}
}

/* Compared before anything is created: `was` is where the source had volumes. */
static void fit(void **state)
{
	static const struct {
		const char *was, *text, *says;
	} row[] = {
		{ "/e",
		  "kind: Pod\nspec: {containers: [{name: app, volumeMounts: [{name: e, "
		  "mountPath: /e/}]}]}\n",
		  NULL },
		{ "/über alles",
		  "kind: Pod\nspec: {containers: [{name: app, volumeMounts: [{name: "
		  "e, mountPath: \"/über alles\"}]}]}\n",
		  NULL },
		{ "/e", "kind: Pod\nspec: {" C "}\n", "had a volume at '/e'" },
		{ NULL,
		  "kind: Pod\nspec: {containers: [{name: app, volumeMounts: [{name: e, mountPath: "
		  "/new}]}]}\n",
		  "has a volume at '/new'" },
		{ NULL,
		  "kind: Pod\nspec: {containers: [{name: app, terminationMessagePath: /m, "
		  "volumeMounts: [{name: e, mountPath: /m}]}]}\n",
		  NULL },
		{ CRYO_TOKEN_MOUNT, "kind: Pod\nspec: {" C "}\n", NULL },
		{ CRYO_TOKEN_MOUNT,
		  "kind: Pod\nspec: {automountServiceAccountToken: false, " C "}\n",
		  "automountServiceAccountToken is false" },
		{ NULL, "kind: Pod\nspec: {hostPID: true, " C "}\n",
		  "hostPID was false for the source container" },
		{ NULL, "kind: Pod\nspec: {shareProcessNamespace: true, " C "}\n",
		  "shareProcessNamespace was false" },
		{ NULL,
		  "kind: Pod\nspec: {containers: [{name: x}], initContainers: [{name: app}]}\n",
		  "is an init container" },
		{ NULL, "kind: Pod\nspec: {containers: [{name: x}]}\n", "has no container 'app'" },
		{ NULL, "kind: Pod\nspec: {" C "}\n---\nkind: Pod\nspec: {" C "}\n",
		  "contains several pods" },
		{ NULL, "kind: Service\n", "contains neither a Pod nor a workload" },
		{ NULL, "{\"kind\":\"Pod\"", "pod.yaml" },
		{ "/data", NULL, "give its manifest (-f FILE)" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_pod_form_release) struct cryo_pod_form f = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;
		int rc;

		print_message("# %zu %s\n", i, row[i].text ? row[i].text : "");
		cryo_strv_release(&archive.volumes);
		if (row[i].was)
			cryo_strv_add(&archive.volumes, row[i].was);
		rc = make_form(row[i].text, NULL, &f, &err);
		if (!row[i].says && rc < 0)
			fail_msg("%s", err.msg);
		if (row[i].says && (rc == 0 || !strstr(err.msg, row[i].says)))
			fail_msg("not '%s': %s", row[i].says, err.msg);
	}
}

/* Of the archive alone: whose namespaces it had. */
static void archive_alone(void **state)
{
	const struct cryo_pod_form_opts node = { .host_namespaces = true };
	cryo_auto(cryo_pod_form_release) struct cryo_pod_form f = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	archive.host_network = archive.shared_pid = archive.read_only_root = true;
	assert_int_equal(make_form(NULL, NULL, &f, &err), -CRYO_E_USAGE);
	assert_non_null(strstr(err.msg, "had hostNetwork, or so its archive says"));
	if (make_form(NULL, &node, &f, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(cryo_json_bool(f.pod, "spec.hostNetwork"));
	assert_true(cryo_json_bool(f.pod, "spec.shareProcessNamespace"));
	assert_false(cryo_json_bool(f.pod, "spec.hostPID"));
	assert_true(
	    cryo_json_bool(f.pod, "spec.containers[0].securityContext.readOnlyRootFilesystem"));
	assert_int_equal(f.warnings.n, 2);
	assert_string_equal(spec_text(&f, "spec.restartPolicy"), "Never");
}

/* All containers of a pod, each from its own archive. */
static void several_archives(void **state)
{
	static const char text[] =
	    "kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: counter}, "
	    "{name: other}, {name: third}]}\n";
	struct cryo_archive both[2] = { archive, archive };
	const struct cryo_pod_form_opts o = { .archive = both, .archives = 2 };
	cryo_auto(cryo_pod_form_release) struct cryo_pod_form f = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *notes = NULL;

	(void)state;
	both[0].container = "counter";
	both[1].container = "other";
	assert_int_equal(make_form(text, &o, &f, &err), 0);
	notes = cryo_strv_join(&f.notes, "; ");
	assert_non_null(strstr(notes, "'third' starts from the beginning"));
	assert_null(strstr(notes, "'other' starts from the beginning"));
	assert_null(strstr(notes, "'counter' starts from the beginning"));
	cryo_pod_form_release(&f);

	both[1].container = "absent";
	assert_int_equal(make_form(text, &o, &f, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "no container 'absent'"));
	cryo_pod_form_release(&f);
	err = (struct cryo_err)CRYO_ERR_INIT;
	assert_int_equal(make_form(NULL, &o, &f, &err), -CRYO_E_USAGE);
	assert_non_null(strstr(err.msg, "give its manifest"));
}

/* What has ended cannot be dumped, what only prepares a pod need not. */
static void names_of_a_pod(void **state)
{
	static const char text[] =
	    "{\"spec\": {\"initContainers\": [{\"name\": \"init\"}, {\"name\": \"sidecar\", "
	    "\"restartPolicy\": \"Always\"}], \"containers\": [{\"name\": \"a\"}, {\"name\": "
	    "\"done\"}, {\"name\": \"b\"}, {}]}, \"status\": {\"containerStatuses\": [{\"name\": "
	    "\"done\", \"state\": {\"terminated\": {}}}, {\"name\": \"b\", \"state\": "
	    "{\"running\": {}}}]}}";
	cryo_auto(cryo_json_decref) json_t *pod = NULL;
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	cryo_auto(cryo_free) char *all = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_json_parse("pod", text, sizeof(text) - 1, &pod, &err), 0);
	cryo_pod_checkpoint_names(pod, &names);
	all = cryo_strv_join(&names, " ");
	assert_string_equal(all, "sidecar a b");
}

static void restart_policies(void **state)
{
	static const struct {
		const char *asked;
		bool sealed;
		const char *policy;
		size_t notes, warnings;
	} row[] = {
		{ NULL, false, "", 1, 0 },	     { "Never", false, "Never", 0, 0 },
		{ "Always", false, "Always", 1, 0 }, { NULL, true, "", 0, 1 },
		{ "Never", true, "Never", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const struct cryo_pod_form_opts o = { .restart_policy = row[i].asked,
						      .sealed = row[i].sealed };
		cryo_auto(cryo_pod_form_release) struct cryo_pod_form f = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;

		if (make_form("kind: Pod\nspec: {" C "}\n", &o, &f, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(spec_text(&f, "spec.restartPolicy"), row[i].policy);
		assert_int_equal(f.notes.n, row[i].notes);
		assert_int_equal(f.warnings.n, row[i].warnings);
	}
}

/* CRIU names the file, people know the volume. */
static void explanations(void **state)
{
	static const struct {
		const char *text, *says;
	} row[] = {
		{ "CRIU: Error (criu/files-reg.c:2143): Can't open file e/log on restore",
		  "'/e/log' was in use on volume 'v' (emptyDir), which starts empty in each pod" },
		{ "Can't open file e/in/x on restore", "on volume 'inner' (configMap), which is" },
		{ "Can't open file dev/shm/state on restore", "shared memory, which starts empty" },
		{ "File e/log has bad size 9 (expect 7)", "on volume 'v' (emptyDir)" },
		{ "Can't open file etc/passwd on restore", NULL },
		{ "Can't open file elsewhere on restore", NULL },
		{ "anything", NULL },
	};
	cryo_auto(cryo_json_decref) json_t *pod = json_pack(
	    "{s{s[{sss[{ssss}{ssss}]}]s[{sss{}}{sss{}}]}}", "spec", "containers", "name", "app",
	    "volumeMounts", "name", "v", "mountPath", "/e", "name", "inner", "mountPath", "/e/in",
	    "volumes", "name", "v", "emptyDir", "name", "inner", "configMap");

	(void)state;
	assert_non_null(pod);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;

		cryo_err_set(&err, CRYO_E_CHECK, "%s", row[i].text);
		cryo_pod_fit_explain(pod, "app", &err);
		if (row[i].says ? !strstr(err.msg, row[i].says) : strcmp(err.msg, row[i].text) != 0)
			fail_msg("%s", err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(forms, setup, teardown),
		cmocka_unit_test_setup_teardown(rules, setup, teardown),
		cmocka_unit_test_setup_teardown(fit, setup, teardown),
		cmocka_unit_test_setup_teardown(archive_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(several_archives, setup, teardown),
		cmocka_unit_test(names_of_a_pod),
		cmocka_unit_test_setup_teardown(restart_policies, setup, teardown),
		cmocka_unit_test_setup_teardown(explanations, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
