/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/local/node/pods.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "kube/cri.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KUBELET	    "/run/service/kubelet"
#define POLITE_MS   2000 /* what ignores SIGTERM for so long is killed */
#define SHIMS_MS    500
#define POLL_MS	    20
#define CLEAR_MS    10000
#define AGAIN_MS    50
#define EXEC_MS	    15000
#define MAX_MOUNTS  (8u << 20)
#define NAMES_SHOWN 3

static bool is_finished_pod(const json_t *pod)
{
	const char *phase = cryo_json_str(pod, "status.phase");

	return cryo_streq(phase, "Succeeded") || cryo_streq(phase, "Failed");
}

/* Other ids: other containers. */
static char *join_container_ids(const json_t *pod)
{
	struct cryo_str ids = { 0 };
	json_t *c;
	size_t i;

	json_array_foreach(cryo_json_at(pod, "status.containerStatuses"), i, c) {
		const char *id = cryo_json_str(c, "containerID");

		cryo_str_addf(&ids, "%s%s", i ? " " : "", id ? id : "");
	}
	return cryo_str_detach(&ids);
}

static bool is_ready_pod(const json_t *pod)
{
	char ready[] = "Ready";
	char *why = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	bool is = cryo_kube_test_condition(pod, ready, &why, &ignored) == 1;

	free(why);
	return is;
}

static int list_cluster_pods(struct local *l, struct cryo_kube **k, json_t **all,
			     struct cryo_err *err)
{
	int rc = local_kube(&l->base, k, err);

	return rc < 0 ? rc : cryo_kube_list(*k, "pods", NULL, NULL, all, err);
}

int snapshot_pods_list(struct local *l, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	cryo_auto(cryo_json_decref) json_t *all = NULL;
	int rc = list_cluster_pods(l, &k, &all, err);
	json_t *pod;
	size_t i;

	if (rc < 0)
		return rc;
	*out = json_array();
	json_array_foreach(all, i, pod) {
		cryo_auto(cryo_free) char *ids = join_container_ids(pod);

		if (is_finished_pod(pod) || !cryo_json_str(pod, "spec.nodeName"))
			continue;
		json_array_append_new(*out,
				      json_pack("{ss ss sb ss}", "namespace",
						cryo_json_str(pod, "metadata.namespace"), "name",
						cryo_json_str(pod, "metadata.name"), "ready",
						is_ready_pod(pod), "containers", ids ? ids : ""));
	}
	return 0;
}

static int run_pods_command(struct local *l, const char *const *argv, struct cryo_err *err)
{
	return local_run(l, l->node, argv, cryo_limit_ms(EXEC_MS), NULL, err);
}

/* As a shutdown would, but together: what listens to SIGTERM writes what it has to write. */
static int ask_pods_to_end(const struct local *l, struct cryo_err *err)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	cryo_auto(cryo_free) char *group = cryo_asprintf("%s/kubepods", l->node->cgroup);
	int64_t end = cryo_now_ms() + POLITE_MS;
	int rc = cryo_cgroups_find(&cg, err);

	if (rc == 0)
		cryo_cgroup_signal(&cg, group, SIGTERM);
	while (rc == 0 && cryo_cgroup_signal(&cg, group, 0) > 0 && cryo_now_ms() < end)
		rc = cryo_intr_sleep(POLL_MS, err);
	return rc;
}

static int remove_node_containers(const struct cryo_pid *init, size_t *n, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *socket =
	    cryo_asprintf("/proc/%d/root/run/containerd/containerd.sock", init->pid);

	return cryo_cri_remove_all(socket, n, err);
}

/* A file of /proc, "" if the process is gone. */
static void read_proc_file(const char *pid, const char *name, struct cryo_str *out)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/%s/%s", pid, name);
	struct cryo_err ignored = CRYO_ERR_INIT;

	cryo_fs_read(path, 4096, out, &ignored);
}

static bool shares_pid_namespace(const char *pid, const struct cryo_pid *init)
{
	cryo_auto(cryo_free) char *a = cryo_asprintf("/proc/%s/ns/pid", pid);
	cryo_auto(cryo_free) char *b = cryo_asprintf("/proc/%d/ns/pid", init->pid);
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_ino == y.st_ino;
}

/* Each container has one; how many there are in the node. */
static size_t signal_node_shims(const struct cryo_pid *init, int sig)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	size_t n = 0;

	while (dir && (e = readdir(dir))) {
		cryo_auto(cryo_str_release) struct cryo_str comm = { 0 };

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		read_proc_file(e->d_name, "comm", &comm);
		if (!cryo_starts_with(cryo_str_get(&comm), "containerd-shim") ||
		    !shares_pid_namespace(e->d_name, init))
			continue;
		n++;
		if (sig)
			kill(atoi(e->d_name), sig);
	}
	if (dir)
		closedir(dir);
	return n;
}

/* They end with their containers. One that was forgotten by a containerd that was killed would
 * stand in CRIU's way for ever: its pipes have no reader. */
static int end_node_shims(const struct cryo_pid *init, struct cryo_err *err)
{
	int64_t kill_at = cryo_now_ms() + SHIMS_MS, end = kill_at + SHIMS_MS;
	int rc = 0;

	while (rc == 0 && signal_node_shims(init, cryo_now_ms() < kill_at ? 0 : SIGKILL) > 0 &&
	       cryo_now_ms() < end)
		rc = cryo_intr_sleep(POLL_MS, err);
	return rc;
}

static bool is_pod_mount(const char *mount)
{
	static const char *const below[] = { LOCAL_STATE "/kubelet/pods/",
					     LOCAL_STATE "/kubelet/plugins/", "/run/netns/",
					     "/run/containerd/" };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(below); i++)
		if (cryo_starts_with(mount, below[i]))
			return true;
	return false;
}

/* "36 35 98:0 /mnt1 /mnt/parent rw …": the fifth word of each line, the last mount first. */
static void collect_pod_mounts(char *text, struct cryo_strv *out)
{
	cryo_auto(cryo_strv_release) struct cryo_strv found = { 0 };
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char at[4096];

		if (sscanf(line, "%*s %*s %*s %*s %4095s", at) == 1 && is_pod_mount(at))
			cryo_strv_add(&found, at);
	}
	for (size_t i = found.n; i > 0; i--)
		cryo_strv_add(out, found.v[i - 1]);
}

/* The kubelet mounts volumes again, as it does after a reboot. *n: how many mounts there were. */
static int unmount_pod_volumes(struct local *l, const struct cryo_pid *init, size_t *n,
			       struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/%d/mountinfo", init->pid);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 }, mounts = { 0 };
	int rc = cryo_fs_read(path, MAX_MOUNTS, &text, err);

	if (rc < 0)
		return rc;
	collect_pod_mounts(text.p, &mounts);
	*n = mounts.n;
	if (mounts.n == 0)
		return 0;
	cryo_strv_addl(&argv, "umount", "--lazy", "--", NULL);
	cryo_strv_addv(&argv, cryo_strv_get(&mounts));
	return run_pods_command(l, cryo_strv_get(&argv), err);
}

/* Nothing was there any more: *quiet. *n grows by the pods that were. */
static int clear_pods_once(struct local *l, const struct cryo_pid *init, size_t *n, bool *quiet,
			   struct cryo_err *err)
{
	size_t pods = 0, mounts = 0;
	int rc = remove_node_containers(init, &pods, err);

	*n += pods;
	if (rc == 0)
		rc = end_node_shims(init, err);
	if (rc == 0)
		rc = unmount_pod_volumes(l, init, &mounts, err);
	*quiet = rc == 0 && pods == 0 && mounts == 0 && signal_node_shims(init, 0) == 0;
	return rc;
}

/*
 * What containerd was doing for the kubelet goes on without it: a pod that is made is not listed
 * yet, a container that is started can be neither stopped nor removed, a network goes by itself.
 */
static int clear_node_pods(struct local *l, const struct cryo_pid *init, size_t *n,
			   struct cryo_err *err)
{
	int64_t end = cryo_now_ms() + cryo_limit_ms(CLEAR_MS);
	bool quiet = false;
	int rc = 0;

	*n = 0;
	while (!quiet) {
		struct cryo_err why = CRYO_ERR_INIT;
		int once = clear_pods_once(l, init, n, &quiet, &why);

		if (cryo_now_ms() >= end && once < 0) {
			*err = why;
			return once;
		}
		if (cryo_now_ms() >= end && !quiet)
			return cryo_err_set(err, CRYO_E_SYSTEM, "containers did not stop");
		if (!quiet)
			rc = cryo_intr_sleep(AGAIN_MS, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static json_t *filter_ended_statuses(const json_t *statuses)
{
	json_t *kept = json_array(), *s;
	size_t i;

	json_array_foreach((json_t *)statuses, i, s)
		if (cryo_json_at(s, "state.terminated"))
			json_array_append(kept, s);
	return kept;
}

/* As it was before anything of it ran; what has ended may not be changed. */
static int mark_pod_not_started(struct cryo_kube *k, json_t *pod, struct cryo_err *err)
{
	json_t *status = json_object_get(pod, "status");
	cryo_auto(cryo_free) char *path = cryo_asprintf("/api/v1/namespaces/%s/pods/%s/status",
							cryo_json_str(pod, "metadata.namespace"),
							cryo_json_str(pod, "metadata.name"));

	json_object_set_new(status, "phase", json_string("Pending"));
	json_object_set_new(status, "containerStatuses",
			    filter_ended_statuses(json_object_get(status, "containerStatuses")));
	return cryo_kube_raw(k, "PUT", path, pod, 0, NULL, err);
}

/*
 * A container that is said to run and is not there has failed, finds the kubelet, and with
 * `restartPolicy: Never` so has the pod. Of one that never ran it makes the first.
 */
static int forget_pod_containers(struct local *l, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	cryo_auto(cryo_json_decref) json_t *all = NULL;
	int rc = list_cluster_pods(l, &k, &all, err);
	json_t *pod;
	size_t i;

	for (i = 0; rc == 0 && i < json_array_size(all); i++) {
		pod = json_array_get(all, i);
		if (cryo_json_str(pod, "spec.nodeName") && !is_finished_pod(pod) &&
		    cryo_streq(cryo_json_str(pod, "spec.restartPolicy"), "Never"))
			rc = mark_pod_not_started(k, pod, err);
	}
	return rc;
}

int snapshot_pods_stop(struct local *l, const struct cryo_pid *init, size_t *n,
		       struct cryo_err *err)
{
	static const char *const down[] = { "s6-svc", "-wD", "-T", "10000", "-d", KUBELET, NULL };
	int rc = run_pods_command(l, down, err);

	if (rc == 0)
		rc = forget_pod_containers(l, err);
	if (rc == 0)
		rc = ask_pods_to_end(l, err);
	return rc < 0 ? rc : clear_node_pods(l, init, n, err);
}

int snapshot_pods_start(struct local *l, struct cryo_err *err)
{
	static const char *const up[] = { "s6-svc", "-u", KUBELET, NULL };

	return run_pods_command(l, up, err);
}

/* One that is gone is nobody's concern any more. */
static int test_pod_ready_again(const json_t *pod, void *arg, char **why, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *ids = join_container_ids(pod);
	char ready[] = "Ready";

	if (!pod)
		return 1;
	if (is_finished_pod(pod))
		return cryo_err_set(err, CRYO_E_CHECK, "it is over");
	if (!ids || !*ids || cryo_streq(ids, arg)) {
		*why = cryo_strdup("not started again");
		return 0;
	}
	return cryo_kube_test_condition(pod, ready, why, err);
}

static int wait_one_pod(struct cryo_kube *k, const json_t *pod, int64_t deadline,
			struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", cryo_json_str(pod, "namespace"),
					   cryo_json_str(pod, "name") };
	const char *ids = cryo_json_str(pod, "containers");
	int64_t left = deadline - cryo_now_ms();

	if (!ref.ns || !ref.name || !ids)
		return 0;
	cryo_step_note("%s/%s", ref.ns, ref.name);
	return cryo_kube_wait(k, &ref, test_pod_ready_again, (void *)ids, left > 0 ? left : 1, NULL,
			      err);
}

/* "default/a, default/b and 3 more" */
static void add_shown_pod_name(struct cryo_str *names, const json_t *pod, size_t n)
{
	if (n < NAMES_SHOWN)
		cryo_str_addf(names, "%s%s/%s", n ? ", " : "", cryo_json_str(pod, "namespace"),
			      cryo_json_str(pod, "name"));
}

static void end_pods_step(size_t ready, size_t late, struct cryo_str *names)
{
	if (ready + late > NAMES_SHOWN && (late ? late : ready) > NAMES_SHOWN)
		cryo_str_addf(names, " and %zu more", (late ? late : ready) - NAMES_SHOWN);
	if (late == 0) {
		cryo_step_ok("%zu Ready again: %s", ready, cryo_str_get(names));
		return;
	}
	cryo_step_skip("%zu Ready again, %zu not", ready, late);
	cryo_warn("not Ready again: %s", cryo_str_get(names));
}

int snapshot_pods_wait(struct local *l, const json_t *pods, int64_t deadline, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	cryo_auto(cryo_str_release) struct cryo_str good = { 0 }, bad = { 0 };
	size_t i, ready = 0, late = 0;
	int rc = local_kube(&l->base, &k, err);
	json_t *pod;

	if (rc < 0 || json_array_size(pods) == 0)
		return rc;
	cryo_step_begin("pods");
	json_array_foreach((json_t *)pods, i, pod) {
		if (!cryo_json_bool(pod, "ready"))
			continue;
		rc = wait_one_pod(k, pod, deadline, err);
		if (rc == -(int)CRYO_E_INTERRUPTED)
			break;
		if (rc < 0)
			add_shown_pod_name(&bad, pod, late++);
		else
			add_shown_pod_name(&good, pod, ready++);
	}
	if (rc == -(int)CRYO_E_INTERRUPTED) {
		cryo_step_fail("%s", err->msg);
		return rc;
	}
	*err = (struct cryo_err)CRYO_ERR_INIT;
	end_pods_step(ready, late, late ? &bad : &good);
	return 0;
}
