/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/restore_pod.h"

#include "base/event.h"
#include "conf/json.h"
#include "checkpoint/pod_adoption.h"
#include "checkpoint/pod_rules.h"

#include <stdlib.h>
#include <string.h>

#define ASK_MS	    10000
#define CRIU_CONFIG "org.criu.config"
#define SCHEDULER   "cryopod"

/* The object of that key, made where there is none. Borrowed. */
static json_t *make_json_object(json_t *parent, const char *key)
{
	if (!json_is_object(json_object_get(parent, key)))
		json_object_set_new(parent, key, json_object());
	return json_object_get(parent, key);
}

void cryo_restore_pod_adapt(json_t *pod, const struct cryo_restore *r, const char *criu_config)
{
	json_t *meta = make_json_object(pod, "metadata");

	json_object_set_new(meta, "name", json_string(r->pod));
	json_object_set_new(meta, "namespace", json_string(r->ns));
	json_object_set_new(make_json_object(pod, "spec"), "nodeName", json_string(r->node));
	json_object_set_new(make_json_object(meta, "annotations"), CRIU_CONFIG,
			    json_string(criu_config));
	for (size_t i = 0; i < r->containers.n; i++) {
		json_t *c = cryo_pod_container(pod, r->containers.v[i]);

		json_object_set_new(c, "image", json_string(r->images.v[i]));
		json_object_set_new(c, "imagePullPolicy", json_string("Never"));
	}
}

/* Leave nothing half-restored; its traces are in err by then. */
static void discard_restored_pod(struct cryo_kube *k, const struct cryo_restore *r)
{
	const struct cryo_kube_ref ref = { "pods", r->ns, r->pod };
	struct cryo_err ignored = CRYO_ERR_INIT;

	cryo_kube_delete(k, &ref, 0, ASK_MS, &ignored);
}

static void show_pod_events(struct cryo_kube *k, const struct cryo_restore *r)
{
	cryo_auto(cryo_free) char *events = cryo_kube_events(k, r->ns, "Pod", r->pod);

	for (char *save, *line = strtok_r(events, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		cryo_debug("%s: %s", r->pod, line);
}

/* What is lent for this restore is for this very pod before any of it can run. */
static int bind_to_node(struct cryo_kube *k, const json_t *created, const struct cryo_restore *r,
			struct cryo_sealing_key *key, size_t keys, struct cryo_err *err)
{
	const char *uid = cryo_json_str(created, "metadata.uid");
	int rc = 0;

	if (!uid)
		return cryo_err_set(err, CRYO_E_REMOTE, "the new pod has no uid");
	for (size_t i = 0; rc == 0 && i < keys; i++)
		rc = cryo_sealing_key_bind(&key[i], uid, err);
	return rc < 0 ? rc
		      : cryo_err_wrap(err, cryo_kube_bind(k, r->ns, r->pod, r->node, err),
				      "pod '%s' to node '%s'", r->pod, r->node);
}

static int create_pod(struct cryo_kube *k, json_t *pod, const struct cryo_restore *r,
		      struct cryo_sealing_key *key, size_t keys, bool *created,
		      struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *answer = NULL;
	json_t *spec = json_object_get(pod, "spec");
	bool bound = key[0].key != NULL;
	int rc;

	if (bound) {
		json_object_del(spec, "nodeName");
		json_object_set_new(spec, "schedulerName", json_string(SCHEDULER));
	}
	rc = cryo_kube_create_get(k, pod, r->ns, &answer, err);
	*created = rc == 0;
	return rc == 0 && bound ? bind_to_node(k, answer, r, key, keys, err) : rc;
}

int cryo_restore_pod_run(struct cryo_kube *k, json_t *pod, const struct cryo_restore *r,
			 struct cryo_sealing_key *key, size_t keys, int64_t limit, json_t **last,
			 struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", r->ns, r->pod };
	struct cryo_pod_adoption adoption = { 0 };
	bool created;
	int rc = create_pod(k, pod, r, key, keys, &created, err);

	if (rc == 0)
		rc = cryo_kube_wait(k, &ref, cryo_pod_adoption_test, &adoption, limit, last, err);
	free(adoption.owner);
	if (rc == 0 || !created)
		return rc;
	show_pod_events(k, r);
	discard_restored_pod(k, r);
	return rc;
}
