/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/pod_hostname.h"

#include "checkpoint/subject.h"
#include "conf/json.h"

#include <string.h>

#define ASK_MS	 10000
#define MAX_HOST 63 /* as the kubelet cuts it */

char *cryo_pod_hostname(const json_t *pod)
{
	const char *name = cryo_json_str(pod, "spec.hostnameOverride");
	size_t n;

	if (cryo_json_bool(pod, "spec.hostNetwork"))
		return NULL;
	if (name && *name)
		return cryo_strdup(name);
	if (cryo_json_bool(pod, "spec.setHostnameAsFQDN") && cryo_json_str(pod, "spec.subdomain"))
		return NULL;
	name = cryo_json_str(pod, "spec.hostname");
	if (!name || !*name)
		name = cryo_json_str(pod, "metadata.name");
	if (!name)
		return NULL;
	n = strnlen(name, MAX_HOST);
	while (n > 0 && strchr("-.", name[n - 1]))
		n--;
	return cryo_strndup(name, n);
}

/* The container's first process, as its node counts; the shim keeps it in a file. */
static int read_init_pid(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			 const char *id, char **pid, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf(
	    "%s/io.containerd.runtime.v2.task/k8s.io/%s/init.pid", node->path.state, id);
	const char *const argv[] = { "cat", "--", path, NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	const struct cryo_exec x = { .argv = argv, .timeout_ms = ASK_MS };
	int rc = strspn(id, "0123456789abcdef") == strlen(id)
		     ? cryo_cluster_exec(t, node, &x, &res, err)
		     : cryo_err_set(err, CRYO_E_REMOTE, "'%.80s' is not a container ID", id);
	const char *text = cryo_str_get(&res.out);
	size_t n = strspn(text, "0123456789");

	if (rc == 0 && n == 0)
		return cryo_err_set(err, CRYO_E_REMOTE, "'%s' has no process ID", path);
	if (rc == 0)
		*pid = cryo_strndup(text, n);
	return rc;
}

int cryo_pod_hostname_restore(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			      const json_t *pod, const char *container, struct cryo_err *err)
{
	const struct cryo_subject s = { .pod = (json_t *)pod, .container = container };
	cryo_auto(cryo_free) char *name = cryo_pod_hostname(pod);
	cryo_auto(cryo_free) char *pid = NULL;
	int rc = name ? read_init_pid(t, node, cryo_subject_runtime_id(&s), &pid, err) : 0;
	const char *const argv[] = { "nsenter", "-t", pid, "--uts", "hostname", "--", name, NULL };
	const struct cryo_exec x = { .argv = argv, .timeout_ms = ASK_MS };

	if (rc < 0 || !name)
		return rc;
	return cryo_cluster_exec(t, node, &x, NULL, err);
}
