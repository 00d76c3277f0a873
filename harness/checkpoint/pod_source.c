/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/pod_source.h"

#include "checkpoint/pod_rules.h"
#include "conf/yaml.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FILE  (4u << 20)
#define MAX_DEPTH 4 /* of Lists in Lists */

/* Where each kind has its pod: "" is the object itself. */
static const struct {
	const char *kind, *at;
} pod_place[] = {
	{ "Pod", "" },
	{ "Deployment", "spec.template" },
	{ "StatefulSet", "spec.template" },
	{ "DaemonSet", "spec.template" },
	{ "ReplicaSet", "spec.template" },
	{ "ReplicationController", "spec.template" },
	{ "Job", "spec.template" },
	{ "CronJob", "spec.jobTemplate.spec.template" },
	{ "PodTemplate", "template" },
};

struct pod_search {
	const struct cryo_archive *archive;
	const json_t *object; /* the best so far, borrowed from `documents` */
	json_t *pod;
	unsigned score, equals;	 /* how many have that score */
	struct cryo_strv found;	 /* "Deployment 'web'", for the message */
	struct cryo_strv others; /* kinds that hold no pod */
};

static void pod_search_releasep(struct pod_search *s)
{
	cryo_strv_release(&s->found);
	cryo_strv_release(&s->others);
}

static const char *get_object_name(const json_t *object)
{
	const char *name = cryo_json_str(object, "metadata.name");

	return name ? name : cryo_json_str(object, "metadata.generateName");
}

/* The container counts most: without it nothing can be restored into that pod. */
static unsigned score_candidate(const struct cryo_archive *a, const json_t *object,
				const json_t *pod)
{
	const char *name = get_object_name(object);
	unsigned score = 1;

	if (cryo_pod_container(pod, a->container))
		score += 4;
	if (name && a->pod && cryo_starts_with(a->pod, name))
		score += strcmp(a->pod, name) == 0 ? 2 : 1;
	return score;
}

static void add_candidate(struct pod_search *s, const json_t *object, json_t *pod)
{
	unsigned score = score_candidate(s->archive, object, pod);
	const char *name = get_object_name(object);

	cryo_strv_addf(&s->found, "%s '%s'", cryo_json_str(object, "kind"), name ? name : "");
	if (score == s->score)
		s->equals++;
	if (score <= s->score)
		return;
	s->score = score;
	s->equals = 1;
	s->object = object;
	s->pod = pod;
}

static void search_object(struct pod_search *s, json_t *object, unsigned depth)
{
	const char *kind = cryo_json_str(object, "kind");
	json_t *item, *items = json_object_get(object, "items");
	size_t i;

	if (json_is_array(items) && depth < MAX_DEPTH) {
		json_array_foreach(items, i, item)
			search_object(s, item, depth + 1);
		return;
	}
	for (i = 0; i < CRYO_ARRAY_LEN(pod_place); i++) {
		json_t *pod = *pod_place[i].at ? cryo_json_at(object, pod_place[i].at) : object;

		if (!cryo_streq(kind, pod_place[i].kind))
			continue;
		if (json_is_object(json_object_get(pod, "spec")))
			add_candidate(s, object, pod);
		return;
	}
	if (kind && !cryo_strv_has(&s->others, kind))
		cryo_strv_add(&s->others, kind);
}

static int check_search_result(const char *path, const struct pod_search *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *found = cryo_strv_join(&s->found, ", ");
	cryo_auto(cryo_free) char *others = cryo_strv_join(&s->others, ", ");

	if (!s->pod)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "%s: contains neither a Pod nor a workload with a pod "
				    "template%s%s",
				    path, *others ? ", only " : "", others);
	if (s->equals > 1)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "%s: contains several pods that the archive may be of: %.600s",
				    path, found);
	return 0;
}

/* The claims that a StatefulSet makes are called CLAIM-POD. */
static void add_claimed_volumes(const json_t *object, const char *pod_name, json_t *pod)
{
	json_t *spec = json_object_get(pod, "spec"), *t;
	size_t i;

	json_array_foreach(cryo_json_at(object, "spec.volumeClaimTemplates"), i, t) {
		const char *name = cryo_json_str(t, "metadata.name");
		cryo_auto(cryo_free) char *claim = NULL;

		if (!name || cryo_json_find(json_object_get(spec, "volumes"), "name", name))
			continue;
		claim = cryo_asprintf("%s-%s", name, pod_name);
		if (!json_is_array(json_object_get(spec, "volumes")))
			json_object_set_new(spec, "volumes", json_array());
		json_array_append_new(json_object_get(spec, "volumes"),
				      json_pack("{ss s{ss}}", "name", name, "persistentVolumeClaim",
						"claimName", claim));
	}
}

static void take_search_result(const struct pod_search *s, struct cryo_pod_source *out)
{
	const char *kind = cryo_json_str(s->object, "kind"), *name = get_object_name(s->object);

	out->pod = json_deep_copy(s->pod);
	if (s->pod == s->object)
		return;
	out->from = cryo_asprintf("template of %s '%s'", kind, name ? name : "");
	add_claimed_volumes(s->object, s->archive->pod, out->pod);
}

/* JSON is YAML only nearly: its escapes are not. */
static int read_documents(const char *path, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_yaml_release) struct cryo_yaml y = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = cryo_fs_read(path, MAX_FILE, &text, err);
	const char *begin = cryo_str_get(&text);
	json_t *j = NULL;

	if (rc < 0)
		return rc;
	*out = json_array();
	if (begin[strspn(begin, " \t\r\n")] == '{') {
		rc = cryo_json_parse(path, begin, text.len, &j, err);
		if (rc == 0)
			json_array_append_new(*out, j);
		return rc;
	}
	rc = cryo_yaml_parse(path, begin, text.len, &y, err);
	for (size_t i = 0; rc == 0 && i < y.n; i++)
		json_array_append_new(*out, cryo_node_to_json(y.doc[i]));
	return rc;
}

int cryo_pod_source_read(const char *path, const struct cryo_archive *a,
			 struct cryo_pod_source *out, struct cryo_err *err)
{
	cryo_auto(pod_search_release) struct pod_search s = { .archive = a };
	cryo_auto(cryo_json_decref) json_t *documents = NULL;
	json_t *document;
	size_t i;
	int rc = read_documents(path, &documents, err);

	if (rc < 0)
		return rc;
	json_array_foreach(documents, i, document)
		search_object(&s, document, 0);
	rc = check_search_result(path, &s, err);
	if (rc == 0)
		take_search_result(&s, out);
	return rc;
}

void cryo_pod_source_release(struct cryo_pod_source *s)
{
	json_decref(s->pod);
	free(s->from);
	*s = (struct cryo_pod_source){ 0 };
}
