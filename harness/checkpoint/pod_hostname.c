/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/pod_hostname.h"

#include "checkpoint/subject.h"
#include "conf/json.h"

#include <string.h>

#define ASK_MS	 10000
#define HEX	 "0123456789abcdef"
#define UTS_NAME "/proc/sys/kernel/hostname"
#define MAX_PID	 64
#define MAX_SPEC (8u << 20)
#define MAX_NAME 64 /* Linux (__NEW_UTS_LEN) */

static bool is_container_id(const char *text)
{
	return text && *text && strspn(text, HEX) == strlen(text);
}

int cryo_pod_hostname_sandbox(const char *files, char **pid, char **sandbox, struct cryo_err *err)
{
	size_t n = strspn(files, "0123456789");
	const char *json = files + n;
	cryo_auto(cryo_json_decref) json_t *config = NULL;
	const char *id;
	int rc;

	if (n == 0)
		return cryo_err_set(err, CRYO_E_REMOTE, "the container has no process ID");
	rc = cryo_json_parse("config.json", json, strlen(json), &config, err);
	if (rc < 0)
		return cryo_err_as(err, rc, CRYO_E_REMOTE);
	id = json_string_value(json_object_get(json_object_get(config, "annotations"),
					       "io.kubernetes.cri.sandbox-id"));
	if (!is_container_id(id))
		return cryo_err_set(err, CRYO_E_REMOTE, "the container names no sandbox");
	*pid = cryo_strndup(files, n);
	*sandbox = cryo_strdup(id);
	return 0;
}

int cryo_pod_hostname_told(const char *sandbox, char **name, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *config = NULL;
	int rc = cryo_json_parse("config.json", sandbox, strlen(sandbox), &config, err);
	const char *told = rc == 0 ? cryo_json_str(config, "hostname") : NULL;

	if (rc < 0)
		return cryo_err_as(err, rc, CRYO_E_REMOTE);
	if (told && strlen(told) > MAX_NAME)
		return cryo_err_set(err, CRYO_E_REMOTE, "'%.80s…' is not a host name", told);
	*name = told && *told ? cryo_strdup(told) : NULL;
	return 0;
}

/* A file of a container or sandbox as its shim keeps them, appended. */
static int read_runtime_file(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			     const char *id, const char *name, size_t max, struct cryo_str *out,
			     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf(
	    "%s/io.containerd.runtime.v2.task/k8s.io/%s/%s", node->path.state, id, name);

	if (!is_container_id(id))
		return cryo_err_set(err, CRYO_E_REMOTE, "'%.80s' is not a container ID", id);
	return cryo_cluster_read(t, node, path, max, out, err);
}

static int read_told_name(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			  const char *id, char **pid, char **name, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str own = { 0 }, its = { 0 };
	cryo_auto(cryo_free) char *sandbox = NULL;
	int rc = read_runtime_file(t, node, id, "init.pid", MAX_PID, &own, err);

	if (rc == 0)
		rc = read_runtime_file(t, node, id, "config.json", MAX_SPEC, &own, err);
	if (rc == 0)
		rc = cryo_pod_hostname_sandbox(cryo_str_get(&own), pid, &sandbox, err);
	if (rc == 0)
		rc = read_runtime_file(t, node, sandbox, "config.json", MAX_SPEC, &its, err);
	return rc < 0 ? rc : cryo_pod_hostname_told(cryo_str_get(&its), name, err);
}

int cryo_pod_hostname_restore(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			      const json_t *pod, const char *container, struct cryo_err *err)
{
	const struct cryo_subject s = { .pod = (json_t *)pod, .container = container };
	cryo_auto(cryo_free) char *name = NULL;
	cryo_auto(cryo_free) char *pid = NULL;
	int rc;

	/* Its host is the node. */
	if (cryo_json_bool(pod, "spec.hostNetwork"))
		return 0;
	rc = read_told_name(t, node, cryo_subject_runtime_id(&s), &pid, &name, err);
	if (rc == 0 && name) {
		/* Not by hostname(1): it refuses what the kubelet makes without a cluster domain.
		 */
		const char *const argv[] = { "nsenter", "-t", pid, "--uts", "tee", UTS_NAME, NULL };
		const struct cryo_exec x = { .argv = argv, .input = name, .timeout_ms = ASK_MS };

		rc = cryo_cluster_exec(t, node, &x, NULL, err);
	}
	return rc;
}
