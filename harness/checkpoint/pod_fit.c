/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/pod_fit.h"

#include "checkpoint/pod_rules.h"

#include <stdlib.h>
#include <string.h>

/* As runc cleans it: one slash between parts, none at the end. Caller frees. */
static char *clean_mount_path(const char *path)
{
	struct cryo_str out = { 0 };

	while (*path) {
		size_t n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (n && !(n == 1 && *path == '.'))
			cryo_str_addf(&out, "/%.*s", (int)n, path);
		path += n;
	}
	return cryo_str_detach(&out);
}

static bool has_mount_path(const struct cryo_strv *list, const char *path)
{
	cryo_auto(cryo_free) char *wanted = clean_mount_path(path);

	for (size_t i = 0; i < list->n; i++) {
		cryo_auto(cryo_free) char *one = clean_mount_path(list->v[i]);

		if (strcmp(one, wanted) == 0)
			return true;
	}
	return false;
}

/* Every pod has these, also where a volume of its own hides them. */
static bool is_standard_mount(const json_t *container, const char *path)
{
	static const char *const known[] = { "/etc/hosts", "/etc/hostname", "/etc/resolv.conf",
					     "/dev/shm", "/dev/termination-log" };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(known); i++)
		if (strcmp(path, known[i]) == 0)
			return true;
	return cryo_streq(cryo_json_str(container, "terminationMessagePath"), path);
}

static int check_lost_volumes(const json_t *pod, const json_t *container,
			      const struct cryo_archive *a, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv now = { 0 };
	const json_t *m;
	size_t i;

	json_array_foreach(json_object_get(container, "volumeMounts"), i, m)
		if (cryo_json_str(m, "mountPath"))
			cryo_strv_add(&now, cryo_json_str(m, "mountPath"));
	for (i = 0; i < a->volumes.n; i++) {
		const char *at = a->volumes.v[i];
		bool token = strcmp(at, CRYO_TOKEN_MOUNT) == 0;

		if (has_mount_path(&now, at) || is_standard_mount(container, at))
			continue;
		/* Admission mounts it, unless it is told not to. */
		if (token && !json_is_false(cryo_json_at(pod, "spec.automountServiceAccountToken")))
			continue;
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "the source container had a volume at '%s', and the pod to "
				    "restore has none there%s",
				    at, token ? " (automountServiceAccountToken is false)" : "");
	}
	return 0;
}

static int check_new_volumes(const json_t *container, const struct cryo_archive *a,
			     struct cryo_err *err)
{
	const json_t *m;
	size_t i;

	json_array_foreach(json_object_get(container, "volumeMounts"), i, m) {
		const char *at = cryo_json_str(m, "mountPath");

		if (!at || has_mount_path(&a->volumes, at) || is_standard_mount(container, at))
			continue;
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "the pod to restore has a volume at '%s', which the source "
				    "container did not have: it would not be mounted",
				    at);
	}
	return 0;
}

/* Admission gives a token where the spec does not refuse it; the ServiceAccount may. */
static bool gets_token(const json_t *pod)
{
	return !json_is_false(cryo_json_at(pod, "spec.automountServiceAccountToken"));
}

/*
 * CRIU would not mount it in that container. The pod's own word settles it; the
 * process has lived without a token so far.
 */
static void drop_unknown_token(json_t *pod, const struct cryo_archive *a,
			       struct cryo_strv *warnings)
{
	const json_t *said = cryo_json_at(pod, "spec.automountServiceAccountToken");

	if (cryo_strv_has(&a->volumes, CRYO_TOKEN_MOUNT) || !gets_token(pod))
		return;
	json_object_set_new(json_object_get(pod, "spec"), "automountServiceAccountToken",
			    json_false());
	if (said)
		cryo_strv_add(warnings, "the source container had no token of its ServiceAccount: "
					"automountServiceAccountToken becomes false");
}

static int check_process_namespace(const json_t *pod, const struct cryo_archive *a,
				   struct cryo_err *err)
{
	bool host = cryo_json_bool(pod, "spec.hostPID");
	bool shared = cryo_json_bool(pod, "spec.shareProcessNamespace");
	const char *key = host != a->host_pid ? "hostPID" : "shareProcessNamespace";
	bool was = host != a->host_pid ? a->host_pid : a->shared_pid;

	if (host == a->host_pid && (host || shared == a->shared_pid))
		return 0;
	return cryo_err_set(err, CRYO_E_CONFIG,
			    "%s was %s for the source container, and is %s in the pod to restore: "
			    "its process IDs would not fit",
			    key, was ? "true" : "false", was ? "false" : "true");
}

static void warn_other_namespaces(const json_t *pod, const struct cryo_archive *a,
				  struct cryo_strv *warnings)
{
	const struct {
		const char *key, *path;
		bool was;
	} row[] = { { "hostNetwork", "spec.hostNetwork", a->host_network },
		    { "hostIPC", "spec.hostIPC", a->host_ipc } };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		if (cryo_json_bool(pod, row[i].path) != row[i].was)
			cryo_strv_addf(warnings, "%s was %s for the source pod and is %s now",
				       row[i].key, row[i].was ? "true" : "false",
				       row[i].was ? "false" : "true");
}

int cryo_pod_fit_check(json_t *pod, const struct cryo_archive *a, struct cryo_strv *warnings,
		       struct cryo_err *err)
{
	const json_t *container = cryo_pod_container(pod, a->container);
	int rc = check_lost_volumes(pod, container, a, err);

	if (rc == 0)
		rc = check_new_volumes(container, a, err);
	if (rc == 0)
		rc = check_process_namespace(pod, a, err);
	if (rc < 0)
		return rc;
	drop_unknown_token(pod, a, warnings);
	warn_other_namespaces(pod, a, warnings);
	return 0;
}

static const struct volume_kind {
	const char *key, *says;
} volume_kind[] = {
	{ "emptyDir", "starts empty in each pod" },
	{ "ephemeral", "starts empty in each pod" },
	{ "configMap", "is written again for each pod" },
	{ "secret", "is written again for each pod" },
	{ "projected", "is written again for each pod" },
	{ "downwardAPI", "is written again for each pod" },
	{ "hostPath", "is as it is on the node now" },
	{ "persistentVolumeClaim", "is as it is now" },
};

static const struct volume_kind *find_volume_kind(const json_t *pod, const char *name)
{
	const json_t *v;
	size_t i;

	json_array_foreach(cryo_json_at(pod, "spec.volumes"), i, v) {
		if (!cryo_streq(cryo_json_str(v, "name"), name))
			continue;
		for (size_t k = 0; k < CRYO_ARRAY_LEN(volume_kind); k++)
			if (json_object_get(v, volume_kind[k].key))
				return &volume_kind[k];
	}
	return NULL;
}

static bool is_below_path(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || !path[n]);
}

/* The file in CRIU's words, absolute; NULL if it says none. Caller frees. */
static char *find_failed_file(const char *text)
{
	static const struct {
		const char *before, *after;
	} phrase[] = { { "Can't open file ", " on restore" },
		       { "File ", " has bad " },
		       { "Can't create dir/file ", ":" },
		       { "Can't open ", ":" } };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(phrase); i++) {
		const char *begin = strstr(text, phrase[i].before), *end;

		begin = begin ? begin + strlen(phrase[i].before) : NULL;
		end = begin ? strstr(begin, phrase[i].after) : NULL;
		if (end)
			return cryo_asprintf("/%.*s", (int)(end - begin), begin + (*begin == '/'));
	}
	return NULL;
}

/* Of mounts in mounts the inner one. */
static const json_t *find_mount_of_file(const json_t *container, const char *file)
{
	const json_t *m, *best = NULL;
	size_t i, best_len = 0;

	json_array_foreach(json_object_get(container, "volumeMounts"), i, m) {
		const char *at = cryo_json_str(m, "mountPath");
		cryo_auto(cryo_free) char *path = clean_mount_path(at ? at : "");

		if (*path && is_below_path(file, path) && strlen(path) > best_len) {
			best = m;
			best_len = strlen(path);
		}
	}
	return best;
}

void cryo_pod_fit_explain(const json_t *pod, const char *container, struct cryo_err *err)
{
	const json_t *c = cryo_pod_container(pod, container);
	cryo_auto(cryo_free) char *file = find_failed_file(err->msg);
	const json_t *mount = file ? find_mount_of_file(c, file) : NULL;
	const char *name = cryo_json_str(mount, "name");
	const struct volume_kind *kind = name ? find_volume_kind(pod, name) : NULL;

	if (!file)
		return;
	if (kind)
		cryo_err_wrap(err, -(int)err->status,
			      "'%.300s' was in use on volume '%s' (%s), which %s", file, name,
			      kind->key, kind->says);
	else if (is_below_path(file, "/dev/shm"))
		cryo_err_wrap(
		    err, -(int)err->status,
		    "'%.300s' was in use in shared memory, which starts empty in each pod", file);
	else if (is_below_path(file, CRYO_TOKEN_MOUNT) ||
		 is_below_path(file, "/run/secrets/kubernetes.io/serviceaccount"))
		cryo_err_wrap(err, -(int)err->status,
			      "'%.300s' was in use: the token of the ServiceAccount is written "
			      "again for each pod",
			      file);
}
