/* SPDX-License-Identifier: Apache-2.0 */
/* From a node whose services run to a cluster that can be used: what is waited for, and what is
 * said when it does not come. */
#include "cluster/local/up/up.h"

#include "base/clock.h"
#include "base/event.h"
#include "image/builtin.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_MS	   30
#define TAIL_LINES 6

static bool exists_in_node(const struct up *u, const char *path)
{
	cryo_auto(cryo_free) char *full =
	    cryo_asprintf("/proc/%d/root%s", u->record.init.pid, path);

	return cryo_fs_exists(full);
}

/* The last lines of a service's log, as warnings: why something never became ready. */
static void show_service_log(const struct up *u, const char *service)
{
	cryo_auto(cryo_free) char *path =
	    cryo_asprintf("%s/log/%s/current", u->l->node->state, service);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	const char *at;
	int lines = 0;

	if (cryo_fs_read(path, 16 << 20, &text, &ignored) < 0 || text.len == 0)
		return;
	for (at = text.p + text.len - 1; at > text.p && lines < TAIL_LINES; at--)
		lines += at[-1] == '\n';
	cryo_warn("%s said last:", service);
	while (at < text.p + text.len) {
		size_t n = strcspn(at, "\n");

		cryo_warn("  %.*s", (int)n, at);
		at += n + 1;
	}
}

/* Between two looks: interrupted, node dead, out of time? `what`, `why`: for the message. */
static int pause_and_check(struct up *u, const char *what, const char *why, struct cryo_err *err)
{
	int rc = cryo_intr_sleep(POLL_MS, err);

	if (rc < 0)
		return rc;
	if (!cryo_pid_alive(&u->record.init))
		return cryo_err_set(err, CRYO_E_PROVISION, "the node died while waiting for %s",
				    what);
	if (cryo_now_ms() >= u->deadline)
		return cryo_err_set(err, CRYO_E_TIMEOUT, "%s is not ready: %s", what, why);
	return 0;
}

static int load_node_images(struct up *u, struct cryo_err *err)
{
	static const char *const socket_path = "/run/containerd/containerd.sock";
	int rc = 0;

	if (u->record.complete || u->record.from)
		return 0;
	cryo_step_begin("load images");
	while (rc == 0 && !exists_in_node(u, socket_path))
		rc = pause_and_check(u, "containerd", "its socket does not exist", err);
	for (const struct cryo_builtin *b = cryo_builtins; rc == 0 && b->name; b++) {
		cryo_auto(cryo_free) char *tar =
		    cryo_asprintf("%s/%s.tar", u->l->base.dir, b->name);

		if (b->for_tests)
			continue;
		cryo_step_note("%s", b->name);
		rc = cryo_image_builtin(b->name, tar, err);
		if (rc == 0)
			rc = cryo_cluster_load_image(&u->l->base, u->l->base.node, tar, err);
		unlink(tar);
	}
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		show_service_log(u, "containerd");
	} else {
		cryo_step_ok("pause, counter");
	}
	return rc;
}

static int wait_for_api(struct up *u, struct cryo_kube *k, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *why = NULL;
	int rc;

	cryo_step_begin("API server");
	while ((rc = cryo_kube_ready(k, &why, err)) == 1) {
		cryo_step_note("%s", why ? why : "");
		rc = pause_and_check(u, "the API server", why ? why : "no answer", err);
		if (rc < 0)
			break;
		free(cryo_steal(&why));
	}
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		show_service_log(u, "etcd");
		show_service_log(u, "kube-apiserver");
	} else {
		cryo_step_ok("ready");
	}
	return rc;
}

static int look_at_node(struct up *u, struct cryo_kube *k, struct cryo_err *err)
{
	const struct cryo_kube_ref node = { "nodes", NULL, u->l->node->name };
	const struct cryo_kube_ref account = { "serviceaccounts", "default", "default" };
	char ready[] = "Ready";
	int rc = cryo_kube_wait(k, &node, cryo_kube_test_condition, ready,
				u->deadline - cryo_now_ms(), NULL, err);
	/* Without it the first pod of somebody who is quick is refused. */
	if (rc == 0)
		rc = cryo_kube_wait(k, &account, cryo_kube_test_exists, NULL,
				    u->deadline - cryo_now_ms(), NULL, err);
	return rc;
}

/* Before kube-proxy and CoreDNS start: they would be refused, and wait for a second. */
static int tell_api_of_dns(struct up *u, struct cryo_kube *k, struct cryo_err *err)
{
	int rc;

	while ((rc = local_net_objects(u->l, k, err)) == 1) {
		rc = pause_and_check(u, "DNS", "there is no namespace kube-system", err);
		if (rc < 0)
			break;
	}
	return rc;
}

/* From end to end: kube-proxy's rules, CoreDNS, and what both know of the API. */
static int look_at_dns(struct up *u, struct cryo_err *err)
{
	const char *why = NULL;
	int rc = 0;

	while (rc == 0 && local_has_services(&u->record) &&
	       (rc = local_dns_ask(&u->record.init, &why, err)) == 1)
		rc = pause_and_check(u, "DNS", why, err);
	return rc;
}

static int wait_for_services(struct up *u, struct cryo_err *err)
{
	int rc;

	if (!local_has_services(&u->record))
		return 0;
	cryo_step_begin("Services and DNS");
	rc = look_at_dns(u, err);
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		show_service_log(u, "kube-proxy");
		show_service_log(u, "coredns");
	} else {
		cryo_step_ok("ready");
	}
	return rc;
}

static int start_waiting_services(struct up *u, struct cryo_kube *k, struct cryo_err *err)
{
	bool services = local_has_services(&u->record);
	int rc = services ? tell_api_of_dns(u, k, err) : 0;

	return rc < 0 ? rc : local_services_release(u->l, services, err);
}

static int wait_for_ready_node(struct up *u, struct cryo_kube *k, struct cryo_err *err)
{
	int rc;

	cryo_step_begin("%s Ready", u->l->node->name);
	rc = look_at_node(u, k, err);
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		show_service_log(u, "kubelet");
	} else {
		cryo_step_ok("");
	}
	return rc;
}

int up_settle(struct up *u, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	int rc = load_node_images(u, err);

	if (rc == 0)
		rc = local_kube(&u->l->base, &k, err);
	if (rc == 0)
		rc = wait_for_api(u, k, err);
	/* One that came from a template has them running. */
	if (rc == 0 && !u->record.complete && !u->record.from)
		rc = start_waiting_services(u, k, err);
	if (rc == 0)
		rc = wait_for_ready_node(u, k, err);
	return rc < 0 ? rc : wait_for_services(u, err);
}
/* /healthz of the kubelet as the API server sees it: both ends, and what is between them. */
static int ask_kubelet_health(struct up *u, struct cryo_kube *k, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path =
	    cryo_asprintf("/api/v1/nodes/%s/proxy/healthz", u->l->node->name);
	struct cryo_err why = CRYO_ERR_INIT;
	int rc = 0;

	while (rc == 0 && cryo_kube_raw(k, "GET", path, NULL, 0, NULL, &why) < 0)
		rc = pause_and_check(u, "the kubelet", why.msg, err);
	return rc;
}

int up_wait_quietly(struct up *u, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	cryo_auto(cryo_free) char *why = NULL;
	int rc = local_kube(&u->l->base, &k, err);

	while (rc == 0 && (rc = cryo_kube_ready(k, &why, err)) == 1) {
		rc = pause_and_check(u, "the API server", why ? why : "no answer", err);
		free(cryo_steal(&why));
	}
	if (rc == 0)
		rc = ask_kubelet_health(u, k, err);
	if (rc == 0)
		rc = look_at_node(u, k, err);
	if (rc == 0)
		rc = look_at_dns(u, err);
	return local_blame_memory(u->l->node, rc, err);
}
