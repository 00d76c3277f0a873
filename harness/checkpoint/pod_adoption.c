/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/pod_adoption.h"

#include "conf/json.h"

#include <stdlib.h>
#include <string.h>

static const struct adopter {
	const char *resource, *kind;
	bool by_name; /* takes only pods that are called as its own */
} adopter[] = {
	{ "replicasets.apps", "ReplicaSet", false },
	{ "replicationcontrollers", "ReplicationController", false },
	{ "daemonsets.apps", "DaemonSet", false },
	{ "statefulsets.apps", "StatefulSet", true },
	{ "jobs.batch", "Job", false },
};

static bool has_json_text(const json_t *list, const char *text)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (cryo_streq(json_string_value(one), text))
			return true;
	return false;
}

static bool is_expression_met(const json_t *e, const json_t *labels)
{
	const char *key = cryo_json_str(e, "key"), *op = cryo_json_str(e, "operator");
	const char *value = key ? json_string_value(json_object_get(labels, key)) : NULL;
	bool listed = value && has_json_text(json_object_get(e, "values"), value);

	if (cryo_streq(op, "In"))
		return listed;
	if (cryo_streq(op, "NotIn"))
		return !listed;
	if (cryo_streq(op, "Exists"))
		return value != NULL;
	return cryo_streq(op, "DoesNotExist") && !value;
}

/* A ReplicationController's selector is the labels themselves. */
static const json_t *get_wanted_labels(const json_t *selector)
{
	const json_t *labels = json_object_get(selector, "matchLabels");

	if (labels || json_object_get(selector, "matchExpressions"))
		return labels;
	return selector;
}

static bool is_selector_met(const json_t *selector, const json_t *labels)
{
	json_t *wanted = (json_t *)get_wanted_labels(selector), *value, *e;
	const json_t *expressions = json_object_get(selector, "matchExpressions");
	const char *key;
	size_t i;

	if (json_object_size(wanted) == 0 && json_array_size(expressions) == 0)
		return false;
	json_object_foreach(wanted, key, value)
		if (!json_equal(json_object_get(labels, key), value))
			return false;
	json_array_foreach(expressions, i, e)
		if (!is_expression_met(e, labels))
			return false;
	return true;
}

/* The label without which the selector does not fit; Services often select by the others, too, so
 * one is enough. NULL: there is none. */
static const char *choose_label_to_drop(const json_t *selector, const json_t *labels)
{
	json_t *value, *e, *wanted = (json_t *)get_wanted_labels(selector);
	const char *key;
	size_t i;

	json_object_foreach(wanted, key, value)
		return key;
	json_array_foreach(json_object_get(selector, "matchExpressions"), i, e) {
		key = cryo_json_str(e, "key");
		if (key && json_object_get(labels, key) &&
		    (cryo_streq(cryo_json_str(e, "operator"), "In") ||
		     cryo_streq(cryo_json_str(e, "operator"), "Exists")))
			return key;
	}
	return NULL;
}

/* "web-0" is a pod of the StatefulSet "web". */
static bool is_called_as_member(const char *pod, const char *set)
{
	size_t n = strlen(set);

	return strncmp(pod, set, n) == 0 && pod[n] == '-' && pod[n + 1] &&
	       strspn(pod + n + 1, "0123456789") == strlen(pod + n + 1);
}

static void avoid_one_adopter(const struct adopter *by, const json_t *owner, const char *pod_name,
			      json_t *labels, struct cryo_strv *notes)
{
	const json_t *selector = cryo_json_at(owner, "spec.selector");
	const char *name = cryo_json_str(owner, "metadata.name");
	const char *key;

	if (!name || (by->by_name && !is_called_as_member(pod_name, name)) ||
	    !is_selector_met(selector, labels))
		return;
	key = choose_label_to_drop(selector, labels);
	if (!key)
		return;
	cryo_strv_addf(notes, "label '%s' is dropped: %s '%s' would adopt the pod", key, by->kind,
		       name);
	json_object_del(labels, key);
}

void cryo_pod_adoption_avoid(struct cryo_kube *k, const char *ns, const char *name, json_t *pod,
			     struct cryo_strv *notes)
{
	json_t *labels = cryo_json_at(pod, "metadata.labels"), *item;
	size_t i;

	for (size_t a = 0; a < CRYO_ARRAY_LEN(adopter) && json_object_size(labels) > 0; a++) {
		cryo_auto(cryo_json_decref) json_t *items = NULL;
		struct cryo_err ignored = CRYO_ERR_INIT;

		if (cryo_kube_list(k, adopter[a].resource, ns, NULL, &items, &ignored) < 0)
			continue;
		json_array_foreach(items, i, item)
			avoid_one_adopter(&adopter[a], item, name, labels, notes);
	}
}

static void remember_pod_owner(struct cryo_pod_adoption *a, const json_t *pod)
{
	const char *kind = cryo_json_str(pod, "metadata.ownerReferences[0].kind");
	const char *name = cryo_json_str(pod, "metadata.ownerReferences[0].name");

	a->seen = true;
	if (!kind || !name || a->owner)
		return;
	a->owner = cryo_asprintf("%s '%s'", kind, name);
}

int cryo_pod_adoption_test(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	struct cryo_pod_adoption *a = arg;

	if (object)
		remember_pod_owner(a, object);
	if (object && !cryo_json_str(object, "metadata.deletionTimestamp"))
		return cryo_kube_test_pod_running(object, NULL, why, err);
	if (a->owner)
		return cryo_err_set(err, CRYO_E_CHECK, "the new pod is deleted: %s adopted it",
				    a->owner);
	return cryo_err_set(err, CRYO_E_CHECK, "the new pod is deleted, not by cryopod");
}
