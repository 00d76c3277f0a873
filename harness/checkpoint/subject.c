/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/subject.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"

#include <string.h>

static int report_not_found(struct cryo_err *err, const char *what, const char *name,
			    const char *more)
{
	cryo_err_set(err, CRYO_E_REMOTE, "no %s '%s'%s", what, name, more);
	err->http_code = 404;
	return -(int)CRYO_E_REMOTE;
}

static void add_container_names(const json_t *pod, const char *list, struct cryo_strv *names)
{
	json_t *c;
	size_t i;

	json_array_foreach(cryo_json_at(pod, list), i, c)
		if (cryo_json_str(c, "name"))
			cryo_strv_add(names, cryo_json_str(c, "name"));
}

/* Of all kinds: the kubelet dumps any that runs. */
static int check_pod_container(const json_t *pod, const char *pod_name, const char *wanted,
			       struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	cryo_auto(cryo_free) char *list = NULL;
	cryo_auto(cryo_free) char *more = NULL;

	add_container_names(pod, "spec.containers", &names);
	add_container_names(pod, "spec.initContainers", &names);
	add_container_names(pod, "spec.ephemeralContainers", &names);
	if (cryo_strv_has(&names, wanted))
		return 0;
	list = cryo_strv_join(&names, ", ");
	more = cryo_asprintf(" in pod '%s' (valid values: %s)", pod_name, list);
	return report_not_found(err, "container", wanted, more);
}

static int choose_container(const json_t *pod, const char *pod_name, const char *wanted,
			    const char **out, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	cryo_auto(cryo_free) char *list = NULL;

	*out = wanted;
	if (wanted)
		return check_pod_container(pod, pod_name, wanted, err);
	add_container_names(pod, "spec.containers", &names);
	list = cryo_strv_join(&names, ", ");
	if (names.n != 1)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "pod '%s' has several containers: %s; name one (-c)", pod_name,
				    list);
	*out = cryo_json_str(pod, "spec.containers[0].name");
	return 0;
}

static const json_t *find_container_status(const json_t *pod, const char *name)
{
	static const char *const list[] = { "status.containerStatuses",
					    "status.initContainerStatuses",
					    "status.ephemeralContainerStatuses" };
	const json_t *s = NULL;

	for (size_t l = 0; !s && l < CRYO_ARRAY_LEN(list); l++)
		s = cryo_json_find(cryo_json_at(pod, list[l]), "name", name);
	return s;
}

/* Only what runs can be dumped; the state's own words say why it does not. */
static int check_container_running(const json_t *pod, const char *name, const char *container,
				   struct cryo_err *err)
{
	const json_t *status = find_container_status(pod, container);
	const char *phase = cryo_json_str(pod, "status.phase");
	const char *reason = cryo_json_str(status, "state.waiting.reason");

	if (cryo_json_at(status, "state.running"))
		return 0;
	if (!reason)
		reason = cryo_json_str(status, "state.terminated.reason");
	if (!reason)
		reason = cryo_json_str(pod, "status.conditions[0].reason");
	return cryo_err_set(
	    err, CRYO_E_CHECK, "container '%s' of pod '%s' is not running (pod is %s%s%s)",
	    container, name, phase ? phase : "unknown", reason ? ": " : "", reason ? reason : "");
}

/* On its way: nothing has gone wrong, and nobody is needed for it to run. */
static bool is_container_starting(const json_t *pod, const char *container)
{
	const json_t *status = find_container_status(pod, container);
	const char *reason = cryo_json_str(status, "state.waiting.reason");

	if (!cryo_streq(cryo_json_str(pod, "status.phase"), "Pending"))
		return false;
	if (status)
		return cryo_streq(reason, "ContainerCreating") ||
		       cryo_streq(reason, "PodInitializing");
	return !cryo_json_str(pod, "status.conditions[0].reason");
}

struct start {
	const char *pod, *container;
};

static int has_container_started(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	const struct start *s = arg;
	int rc;

	if (!object)
		return report_not_found(err, "pod", s->pod, ": it is gone");
	rc = check_container_running(object, s->pod, s->container, err);
	if (rc == 0)
		return 1;
	if (!is_container_starting(object, s->container))
		return rc;
	*why = cryo_strdup(err->msg);
	*err = (struct cryo_err)CRYO_ERR_INIT;
	return 0;
}

/* The container's name is of the pod that is let go. */
static void take_subject_pod(struct cryo_subject *s, json_t *pod, const char *container)
{
	json_decref(s->pod);
	s->pod = pod;
	s->container = container;
}

static int wait_subject_running(struct cryo_kube *k, const struct cryo_kube_ref *ref,
				const char *wanted, int64_t wait_ms, struct cryo_subject *out,
				struct cryo_err *err)
{
	struct start start = { ref->name, out->container };
	int64_t begin = cryo_now_ms();
	json_t *last = NULL;
	const char *container;
	int rc;

	cryo_step_begin("wait until container %s of %s runs", out->container, ref->name);
	rc = cryo_kube_wait(k, ref, has_container_started, &start, wait_ms, &last, err);
	if (rc == 0)
		rc = choose_container(last, ref->name, wanted, &container, err);
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		json_decref(last);
		return rc;
	}
	cryo_step_ok("%s", "");
	take_subject_pod(out, last, container);
	out->waited_ms = cryo_now_ms() - begin;
	return 0;
}

int cryo_subject_look(struct cryo_kube *k, const char *ns, const char *pod, const char *container,
		      int64_t wait_ms, struct cryo_subject *out, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", ns, pod };
	cryo_auto(cryo_free) char *more = cryo_asprintf(" in namespace '%s'", ns);
	int rc = cryo_kube_get(k, &ref, &out->pod, err);

	if (rc < 0)
		return rc;
	if (!out->pod)
		return report_not_found(err, "pod", pod, more);
	rc = choose_container(out->pod, pod, container, &out->container, err);
	if (rc == 0 && wait_ms > 0 && is_container_starting(out->pod, out->container))
		rc = wait_subject_running(k, &ref, container, wait_ms, out, err);
	return rc < 0 ? rc : check_container_running(out->pod, pod, out->container, err);
}

void cryo_subject_release(struct cryo_subject *s)
{
	json_decref(s->pod);
	*s = (struct cryo_subject){ 0 };
}

const char *cryo_subject_node(const struct cryo_subject *s)
{
	return cryo_json_str(s->pod, "spec.nodeName");
}

const char *cryo_subject_runtime_id(const struct cryo_subject *s)
{
	const char *id = cryo_json_str(find_container_status(s->pod, s->container), "containerID");
	const char *slashes = id ? strstr(id, "://") : NULL;

	return slashes ? slashes + 3 : "";
}

/* "checkpoint-POD_NS-CONTAINER-TIME.tar": of names that begin alike the longest is meant. */
const char *cryo_subject_of_archive(const struct cryo_subject *s, const char *archive)
{
	const char *slash = strrchr(archive, '/'), *best = NULL;
	const char *pod = cryo_json_str(s->pod, "metadata.name");
	const char *ns = cryo_json_str(s->pod, "metadata.namespace");
	json_t *c;
	size_t i;

	json_array_foreach(cryo_json_at(s->pod, "spec.containers"), i, c) {
		const char *name = cryo_json_str(c, "name");
		cryo_auto(cryo_free) char *start =
		    cryo_asprintf("checkpoint-%s_%s-%s-", pod ? pod : "", ns ? ns : "", name);

		if (name && cryo_starts_with(slash ? slash + 1 : archive, start) &&
		    (!best || strlen(name) > strlen(best)))
			best = name;
	}
	return best;
}
