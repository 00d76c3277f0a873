/* SPDX-License-Identifier: Apache-2.0 */
/* `node install --restart-pods`: our shim is that of a new pod only. */
#include "cli/node_cmd.h"

#include "base/event.h"
#include "conf/json.h"
#include "sys/proc.h"

#include <string.h>

#define KUBECTL_MS 120000
#define MAX_PODS   (64u << 20)

/* Something starts it again: a controller, but not the kubelet from a file, whose pod is a mirror.
 */
static bool is_replaced(const json_t *pod)
{
	json_t *owner;
	size_t i;

	json_array_foreach(cryo_json_at(pod, "metadata.ownerReferences"), i, owner)
		if (cryo_json_bool(owner, "controller"))
			return !cryo_streq(cryo_json_str(owner, "kind"), "Node");
	return false;
}

static int run_kubectl(const struct cryo_rke2_node *n, const char *const *words, char **out,
		       struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_proc p = { .timeout_ms = KUBECTL_MS, .capture_max = MAX_PODS };
	int rc;

	cryo_strv_addf(&argv, "%s/bin/kubectl", n->data_dir);
	cryo_strv_addl(&argv, "--kubeconfig", "/etc/rancher/rke2/rke2.yaml", NULL);
	cryo_strv_addv(&argv, words);
	p.argv = cryo_strv_get(&argv);
	rc = cryo_proc_run(&p, &res, err);
	if (rc == 0 && out)
		*out = cryo_str_detach(&res.out);
	return rc;
}

static int list_pods(const struct cryo_rke2_node *n, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *selector = cryo_asprintf("spec.nodeName=%s", n->name);
	const char *const words[] = {
		"get", "pods", "--all-namespaces", "--field-selector", selector, "-o", "json", NULL
	};
	cryo_auto(cryo_free) char *text = NULL;
	int rc = run_kubectl(n, words, &text, err);

	return rc < 0 ? rc : cryo_json_parse("list of pods", text, strlen(text), out, err);
}

static int delete_pod(const struct cryo_rke2_node *n, const char *ns, const char *name,
		      struct cryo_err *err)
{
	const char *const words[] = { "delete", "pod",		"--namespace",
				      ns,	"--wait=false", "--ignore-not-found",
				      "--",	name,		NULL };

	return run_kubectl(n, words, NULL, err);
}

static int restart_each(const struct cryo_rke2_node *n, const json_t *list, struct cryo_strv *alone,
			size_t *count, struct cryo_err *err)
{
	json_t *pod;
	size_t i;
	int rc = 0;

	json_array_foreach(json_object_get(list, "items"), i, pod) {
		const char *ns = cryo_json_str(pod, "metadata.namespace");
		const char *name = cryo_json_str(pod, "metadata.name");

		if (rc < 0 || !ns || !name)
			continue;
		if (!is_replaced(pod)) {
			cryo_strv_addf(alone, "%s/%s", ns, name);
			continue;
		}
		rc = delete_pod(n, ns, name, err);
		*count += rc == 0;
	}
	return rc;
}

int node_pods_restart(struct cryo_err *err)
{
	cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };
	cryo_auto(cryo_strv_release) struct cryo_strv alone = { 0 };
	cryo_auto(cryo_json_decref) json_t *list = NULL;
	cryo_auto(cryo_free) char *names = NULL;
	size_t count = 0;
	int rc = cryo_rke2_node_look("", &n, err);

	if (rc < 0)
		return rc;
	if (n.role[0] != 's')
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "an agent cannot delete pods: drain '%s' from a server",
				    n.name);
	cryo_step_begin("restart of pods");
	rc = list_pods(&n, &list, err);
	if (rc == 0)
		rc = restart_each(&n, list, &alone, &count, err);
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		return rc;
	}
	cryo_step_ok("%zu deleted, their controllers start them again", count);
	names = cryo_strv_join(&alone, ", ");
	if (alone.n)
		cryo_info("not deleted, because nothing would start them again: %s", names);
	return 0;
}
