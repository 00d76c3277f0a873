/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/pod_rules.h"

#include "checkpoint/pod_fit.h"

#include <string.h>

enum rule_when {
	ALWAYS,
	SERVED, /* only in an object that a server gave: there it is the server's value */
};

/*
 * What is dropped; the rest of labels, annotations and spec is kept. Of the other
 * metadata nothing is kept: name and namespace are chosen anew, the rest is the
 * server's. A key that ends in '*' stands for all that begin so.
 */
static const struct form_rule {
	const char *at, *key;
	enum rule_when when;
	const char *why; /* said; NULL: quietly, as it comes again by itself */
} rule[] = {
	{ "metadata", "finalizers", ALWAYS, "its controller does not know the new pod" },
	{ "metadata.labels", "pod-template-hash", ALWAYS, "a ReplicaSet would adopt the pod" },
	{ "metadata.labels", "controller-revision-hash", ALWAYS, "it is a controller's" },
	{ "metadata.labels", "pod-template-generation", ALWAYS, "it is a controller's" },
	{ "metadata.labels", "statefulset.kubernetes.io/pod-name", ALWAYS, "it is the old name" },
	{ "metadata.labels", "apps.kubernetes.io/pod-index", ALWAYS, "it is a controller's" },
	{ "metadata.labels", "controller-uid", ALWAYS, "a Job would adopt the pod" },
	{ "metadata.labels", "job-name", ALWAYS, "a Job would count the pod" },
	{ "metadata.labels", "batch.kubernetes.io/*", ALWAYS, "a Job would adopt the pod" },
	{ "metadata.annotations", "kubectl.kubernetes.io/last-applied-configuration", ALWAYS,
	  NULL },
	{ "metadata.annotations", "kubernetes.io/config.*", ALWAYS, NULL },
	{ "metadata.annotations", "kubernetes.io/limit-ranger", ALWAYS, NULL },
	{ "metadata.annotations", "batch.kubernetes.io/*", ALWAYS, NULL },
	{ "metadata.annotations", "k8s.v1.cni.cncf.io/network-status", ALWAYS, NULL },
	{ "metadata.annotations", "k8s.v1.cni.cncf.io/networks-status", ALWAYS, NULL },
	{ "metadata.annotations", "cni.projectcalico.org/*", ALWAYS, NULL },
	{ "spec", "nodeName", SERVED, NULL },
	{ "spec", "serviceAccount", ALWAYS, NULL }, /* the old word for serviceAccountName */
	{ "spec", "priority", SERVED, NULL },
	{ "spec", "preemptionPolicy", SERVED, NULL },
	{ "spec", "overhead", SERVED, NULL },
	{ "spec", "schedulingGates", ALWAYS, "the pod runs at once" },
};

static bool is_key_of_rule(const char *pattern, const char *key)
{
	size_t n = strlen(pattern) - 1;

	return pattern[n] == '*' ? strncmp(pattern, key, n) == 0 : strcmp(pattern, key) == 0;
}

static void drop_by_rule(const struct form_rule *r, json_t *object, struct cryo_strv *notes)
{
	const char *noun = strcmp(r->at, "metadata.labels") == 0 ? "label " : "";
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(object, next, key, value)
	{
		if (!is_key_of_rule(r->key, key))
			continue;
		if (r->why)
			cryo_strv_addf(notes, "%s'%s' is dropped: %s", noun, key, r->why);
		json_object_del(object, key);
	}
}

/* The server has seen it; what an author writes has none of these. */
static bool is_served_object(const json_t *object)
{
	return cryo_json_str(object, "metadata.uid") ||
	       cryo_json_str(object, "metadata.resourceVersion") ||
	       json_object_get(object, "status");
}

/* "kube-api-access-x7k2p", or "default-token-x7k2p" up to Kubernetes 1.20. */
static bool is_token_name(const char *name)
{
	const char *dash = name ? strrchr(name, '-') : NULL;

	if (!dash || strlen(dash) != 6)
		return false;
	return cryo_starts_with(name, "kube-api-access-") ||
	       (dash - name > 6 && strncmp(dash - 6, "-token", 6) == 0);
}

static bool is_token_mount(const json_t *mount)
{
	return cryo_streq(cryo_json_str(mount, "mountPath"), CRYO_TOKEN_MOUNT) &&
	       is_token_name(cryo_json_str(mount, "name"));
}

/* Put there by admission, and again for the new pod; the names are kept in `volumes`. */
static void drop_token_mounts(json_t *containers, struct cryo_strv *volumes)
{
	json_t *c;
	size_t i;

	json_array_foreach(containers, i, c) {
		json_t *mounts = json_object_get(c, "volumeMounts");

		for (size_t m = json_array_size(mounts); m-- > 0;) {
			const json_t *mount = json_array_get(mounts, m);

			if (!is_token_mount(mount))
				continue;
			cryo_strv_add(volumes, cryo_json_str(mount, "name"));
			json_array_remove(mounts, m);
		}
	}
}

static void drop_token_volumes(json_t *spec)
{
	static const char *const list[] = { "containers", "initContainers", "ephemeralContainers" };
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	json_t *volumes = json_object_get(spec, "volumes");

	for (size_t l = 0; l < CRYO_ARRAY_LEN(list); l++)
		drop_token_mounts(json_object_get(spec, list[l]), &names);
	for (size_t i = json_array_size(volumes); i-- > 0;) {
		const char *name = cryo_json_str(json_array_get(volumes, i), "name");

		if (name && cryo_strv_has(&names, name))
			json_array_remove(volumes, i);
	}
}

/* Those that admission gives to every pod; a DaemonSet's and the author's stay. */
static void drop_default_tolerations(json_t *spec)
{
	json_t *list = json_object_get(spec, "tolerations");

	for (size_t i = json_array_size(list); i-- > 0;) {
		const json_t *t = json_array_get(list, i);
		const char *key = cryo_json_str(t, "key");

		if ((cryo_streq(key, "node.kubernetes.io/not-ready") ||
		     cryo_streq(key, "node.kubernetes.io/unreachable")) &&
		    cryo_json_int(t, "tolerationSeconds", -1) == 300)
			json_array_remove(list, i);
	}
	if (list && json_array_size(list) == 0)
		json_object_del(spec, "tolerations");
}

static bool names_one_node(const json_t *term)
{
	return cryo_json_find(json_object_get(term, "matchFields"), "key", "metadata.name");
}

/* How a DaemonSet ties each pod to its node. */
static void drop_pinned_node(json_t *spec, struct cryo_strv *notes)
{
	static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
	json_t *affinity = cryo_json_at(spec, "affinity.nodeAffinity");
	const json_t *terms =
	    json_object_get(json_object_get(affinity, required), "nodeSelectorTerms");
	const json_t *term;
	size_t i;

	json_array_foreach(terms, i, term) {
		if (!names_one_node(term))
			continue;
		json_object_del(affinity, required);
		cryo_strv_add(notes, "the affinity that ties the pod to one node is dropped");
		return;
	}
}

/* A StatefulSet calls the host as the pod; who chose another name keeps it. */
static void drop_generated_host_name(const json_t *object, json_t *spec, struct cryo_strv *notes)
{
	const char *host = cryo_json_str(spec, "hostname");

	if (!host || !cryo_streq(host, cryo_json_str(object, "metadata.name")))
		return;
	cryo_strv_addf(notes, "host name '%s' is dropped: it is the old pod's name", host);
	json_object_del(spec, "hostname");
}

json_t *cryo_pod_container(const json_t *pod, const char *name)
{
	static const char *const list[] = { "spec.containers", "spec.initContainers",
					    "spec.ephemeralContainers" };
	json_t *c = NULL;

	for (size_t l = 0; !c && l < CRYO_ARRAY_LEN(list); l++)
		c = cryo_json_find(cryo_json_at(pod, list[l]), "name", name);
	return c;
}

json_t *cryo_pod_rules_apply(const json_t *object, struct cryo_strv *notes)
{
	static const char *const kept[] = { "labels", "annotations", "finalizers" };
	bool served = is_served_object(object);
	json_t *meta = json_object(), *spec = json_deep_copy(json_object_get(object, "spec"));
	json_t *pod = json_pack("{ss ss so so}", "apiVersion", "v1", "kind", "Pod", "metadata",
				meta, "spec", spec);

	for (size_t i = 0; i < CRYO_ARRAY_LEN(kept); i++) {
		json_t *part = json_object_get(json_object_get(object, "metadata"), kept[i]);

		if (part && !json_is_null(part))
			json_object_set_new(meta, kept[i], json_deep_copy(part));
	}
	for (size_t i = 0; i < CRYO_ARRAY_LEN(rule); i++)
		if (rule[i].when == ALWAYS || served)
			drop_by_rule(&rule[i], cryo_json_at(pod, rule[i].at), notes);
	drop_token_volumes(spec);
	if (!served)
		return pod;
	drop_default_tolerations(spec);
	drop_pinned_node(spec, notes);
	drop_generated_host_name(object, spec, notes);
	return pod;
}
