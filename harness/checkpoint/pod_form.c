/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/pod_form.h"

#include "checkpoint/pod_fit.h"
#include "checkpoint/pod_rules.h"
#include "checkpoint/pod_source.h"

#include <stdlib.h>
#include <string.h>

/*
 * A pod that nothing is known of but the archive. It needs the same mounts as the
 * source had: the token of its ServiceAccount can be had, other volumes cannot.
 */
static int make_pod_from_archive(const struct cryo_pod_form_opts *o, struct cryo_pod_form *f,
				 struct cryo_err *err)
{
	const struct cryo_archive *a = o->archive;
	const struct {
		const char *key;
		bool set, of_node;
	} row[] = { { "hostNetwork", a->host_network, true },
		    { "hostPID", a->host_pid, true },
		    { "hostIPC", a->host_ipc, true },
		    { "shareProcessNamespace", a->shared_pid, false } };
	bool token = cryo_strv_has(&a->volumes, CRYO_TOKEN_MOUNT);
	json_t *spec;

	for (size_t i = 0; i < a->volumes.n; i++)
		if (strcmp(a->volumes.v[i], CRYO_TOKEN_MOUNT) != 0)
			return cryo_err_set(err, CRYO_E_USAGE,
					    "the source pod had a volume at '%s': give its "
					    "manifest (-f FILE)",
					    a->volumes.v[i]);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		if (row[i].set && row[i].of_node && !o->host_namespaces)
			return cryo_err_set(err, CRYO_E_USAGE,
					    "the source pod had %s, or so its archive says: give "
					    "its manifest (-f FILE), or --allow-privileges",
					    row[i].key);
	spec = json_pack("{ss sb si s[{ss}]}", "restartPolicy", "Never",
			 "automountServiceAccountToken", token, "terminationGracePeriodSeconds", 1,
			 "containers", "name", a->container);
	f->pod = json_pack("{ss ss s{} so}", "apiVersion", "v1", "kind", "Pod", "metadata", "spec",
			   spec);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		if (!row[i].set)
			continue;
		json_object_set_new(spec, row[i].key, json_true());
		cryo_strv_addf(&f->warnings, "the pod gets %s, as the source had", row[i].key);
	}
	if (a->read_only_root)
		json_object_set_new(cryo_json_at(spec, "containers[0]"), "securityContext",
				    json_pack("{sb}", "readOnlyRootFilesystem", true));
	return 0;
}

static void drop_json_item(json_t *list, const json_t *item)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one) {
		if (one != item)
			continue;
		json_array_remove(list, i);
		return;
	}
}

/* A restored one is an ordinary container: a pod cannot be created with another kind. */
static void promote_ephemeral(json_t *spec, const char *name, struct cryo_strv *notes)
{
	json_t *list = json_object_get(spec, "ephemeralContainers"), *c, *found = NULL;
	size_t i;

	json_array_foreach(list, i, c) {
		if (cryo_streq(cryo_json_str(c, "name"), name))
			found = c;
		else if (cryo_json_str(c, "name"))
			cryo_strv_addf(notes, "ephemeral container '%s' is dropped",
				       cryo_json_str(c, "name"));
	}
	if (found) {
		json_object_del(found, "targetContainerName");
		json_array_append(json_object_get(spec, "containers"), found);
		cryo_strv_addf(notes, "ephemeral container '%s' becomes an ordinary one", name);
	}
	json_object_del(spec, "ephemeralContainers");
}

static bool is_sidecar(const json_t *container)
{
	return cryo_streq(cryo_json_str(container, "restartPolicy"), "Always");
}

static size_t count_archives(const struct cryo_pod_form_opts *o)
{
	return o->archives ? o->archives : 1;
}

static bool is_restored(const struct cryo_pod_form_opts *o, const char *name)
{
	for (size_t i = 0; i < count_archives(o); i++)
		if (cryo_streq(name, o->archive[i].container))
			return true;
	return false;
}

/* What they did is in the checkpoint; in a volume that begins empty it is not. */
static void choose_init_containers(json_t *spec, const struct cryo_pod_form_opts *o,
				   struct cryo_strv *notes)
{
	json_t *list = json_object_get(spec, "initContainers");

	for (size_t i = 0; i < json_array_size(list);) {
		json_t *c = json_array_get(list, i);
		const char *name = cryo_json_str(c, "name");

		if (is_sidecar(c) || o->run_init || is_restored(o, name)) {
			if (!is_sidecar(c) && name && o->run_init)
				cryo_strv_addf(notes, "init container '%s' runs again", name);
			i++;
			continue;
		}
		if (name)
			cryo_strv_addf(notes, "init container '%s' is not run again", name);
		drop_json_item(list, c);
	}
	if (list && json_array_size(list) == 0)
		json_object_del(spec, "initContainers");
}

static void note_fresh_containers(const json_t *spec, const struct cryo_pod_form_opts *o,
				  struct cryo_strv *notes)
{
	static const char *const list[] = { "containers", "initContainers" };
	json_t *c;
	size_t i;

	for (size_t l = 0; l < CRYO_ARRAY_LEN(list); l++)
		json_array_foreach(json_object_get(spec, list[l]), i, c) {
			const char *name = cryo_json_str(c, "name");

			if (name && !is_restored(o, name) && (l == 0 || is_sidecar(c)))
				cryo_strv_addf(notes, "container '%s' starts from the beginning",
					       name);
		}
}

static int check_form_container(const json_t *pod, const char *name, struct cryo_err *err)
{
	json_t *c;
	size_t i;

	json_array_foreach(cryo_json_at(pod, "spec.containers"), i, c)
		if (cryo_streq(cryo_json_str(c, "name"), name))
			return 0;
	json_array_foreach(cryo_json_at(pod, "spec.initContainers"), i, c) {
		if (!cryo_streq(cryo_json_str(c, "name"), name))
			continue;
		if (is_sidecar(c))
			return 0;
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "'%s' is an init container of the pod: only ordinary "
				    "containers and sidecars can be restored",
				    name);
	}
	return cryo_err_set(err, CRYO_E_CONFIG,
			    "the pod has no container '%s', which the archive is of", name);
}

/* Of the restored container: a sidecar has a policy of its own. */
static void warn_restart_policy(const json_t *pod, const struct cryo_pod_form_opts *o,
				struct cryo_pod_form *f)
{
	const json_t *c = cryo_pod_container(pod, o->archive->container);
	const char *policy = cryo_json_str(c, "restartPolicy");

	if (!policy)
		policy = cryo_json_str(pod, "spec.restartPolicy");
	if (!policy)
		policy = "Always";
	if (strcmp(policy, "Never") == 0)
		return;
	if (o->sealed)
		cryo_strv_addf(&f->warnings,
			       "restartPolicy is %s, but the container cannot be restarted: the "
			       "key is gone after the restore (--restart-policy Never)",
			       policy);
	else
		cryo_strv_addf(&f->notes,
			       "restartPolicy is %s: a restart begins at the checkpoint again",
			       policy);
}

static int read_form_source(const struct cryo_pod_form_opts *o, json_t **out,
			    struct cryo_pod_form *f, struct cryo_err *err)
{
	cryo_auto(cryo_pod_source_release) struct cryo_pod_source s = { 0 };
	int rc;

	if (!o->manifest)
		return cryo_json_parse("source pod", o->source, strlen(o->source), out, err);
	rc = cryo_pod_source_read(o->manifest, o->archive, &s, err);
	if (rc < 0)
		return rc;
	if (s.from)
		cryo_strv_addf(&f->notes, "the pod is made from the %s", s.from);
	*out = cryo_steal(&s.pod);
	return 0;
}

static int make_pod_from_object(const struct cryo_pod_form_opts *o, struct cryo_pod_form *f,
				struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *object = NULL;
	json_t *spec;
	int rc = read_form_source(o, &object, f, err);

	if (rc < 0)
		return rc;
	f->pod = cryo_pod_rules_apply(object, &f->notes);
	f->node = cryo_strdup(cryo_json_str(object, "spec.nodeName"));
	spec = json_object_get(f->pod, "spec");
	promote_ephemeral(spec, o->archive->container, &f->notes);
	for (size_t i = 0; rc == 0 && i < count_archives(o); i++)
		rc = check_form_container(f->pod, o->archive[i].container, err);
	if (rc < 0)
		return rc;
	choose_init_containers(spec, o, &f->notes);
	note_fresh_containers(spec, o, &f->notes);
	return 0;
}

int cryo_pod_form_make(const struct cryo_pod_form_opts *o, struct cryo_pod_form *f,
		       struct cryo_err *err)
{
	bool alone = !o->manifest && !o->source;
	int rc;

	if (alone && count_archives(o) > 1)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "archives of several containers do not tell what the pod was: "
				    "give its manifest (-f FILE)");
	rc = alone ? make_pod_from_archive(o, f, err) : make_pod_from_object(o, f, err);

	if (rc < 0)
		return rc;
	if (o->restart_policy)
		json_object_set_new(json_object_get(f->pod, "spec"), "restartPolicy",
				    json_string(o->restart_policy));
	warn_restart_policy(f->pod, o, f);
	for (size_t i = 0; rc == 0 && i < count_archives(o); i++)
		rc = cryo_pod_fit_check(f->pod, &o->archive[i], &f->warnings, err);
	return rc;
}

void cryo_pod_form_release(struct cryo_pod_form *f)
{
	json_decref(f->pod);
	free(f->node);
	cryo_strv_release(&f->notes);
	cryo_strv_release(&f->warnings);
	*f = (struct cryo_pod_form){ 0 };
}
