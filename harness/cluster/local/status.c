/* SPDX-License-Identifier: Apache-2.0 */
/* What runs, since when, from which build, and what it can do: looked at, not remembered. */
#include "cluster/local/template/template.h"

#include "base/clock.h"
#include "conf/json.h"
#include "criu/log.h"
#include "kube/checkpoint.h"
#include "kube/cri.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS 10000

/* Output of a program in a node, its last newline cut; NULL if it failed. Caller frees. */
static char *read_output_in(struct local *l, const struct local_node *n, const char *const *argv)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *out;

	if (local_run(l, n, argv, ASK_MS, &res, &ignored) < 0)
		return NULL;
	out = cryo_str_detach(&res.out);
	out[strcspn(out, "\n")] = '\0';
	return out;
}

static char *read_node_output(struct local *l, const char *const *argv)
{
	return read_output_in(l, l->node, argv);
}

/* "etcd-server 3.5.16-4" of the list beside the root file system. */
char *local_package_version(const char *rootfs, const char *package)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s.packages", rootfs);
	cryo_auto(cryo_free) char *start = cryo_asprintf("\n%s ", package);
	cryo_auto(cryo_str_release) struct cryo_str list = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	const char *at;

	cryo_str_add(&list, "\n");
	if (cryo_fs_read(path, 1 << 20, &list, &ignored) < 0)
		return NULL;
	at = strstr(list.p, start);
	if (!at)
		return NULL;
	at += strlen(start);
	return cryo_strndup(at, strcspn(at, "\n"));
}

static json_t *read_service_status(struct local *l, const struct local_node *n,
				   const struct local_record *r, const struct local_service *s)
{
	cryo_auto(cryo_free) char *dir = cryo_asprintf("/run/service/%s", s->name);
	const char *const argv[] = { "s6-svstat", "-o", "up,pid,updownfor", dir, NULL };
	cryo_auto(cryo_free) char *answer = read_output_in(l, n, argv);
	const json_t *b = local_record_component(r, s->component);
	const char *rootfs = cryo_json_str(b, "dir");
	cryo_auto(cryo_free) char *package =
	    s->package && rootfs ? local_package_version(rootfs, s->package) : NULL;
	const char *version = s->package ? package : cryo_json_str(b, "version");
	char up[8] = "false";
	long pid = -1, seconds = 0;

	if (answer && sscanf(answer, "%7s %ld %ld", up, &pid, &seconds) != 3)
		snprintf(up, sizeof(up), "false");
	return json_pack("{ss sb sI sI ss? ss?}", "name", s->name, "up", strcmp(up, "true") == 0,
			 "pid", (json_int_t)pid, "seconds", (json_int_t)seconds, "version", version,
			 "stamp", cryo_json_str(b, "stamp"));
}

static json_t *read_node_status(struct local *l, size_t i, struct local_record *r)
{
	const struct local_node *n = &l->node[i];
	const struct cryo_pid *init = local_record_init(r, i);
	json_t *list = json_array();

	for (const struct local_service *s = local_services; s->name; s++)
		if (local_service_is_in(s, n->control, local_has_services(r)))
			json_array_append_new(list, read_service_status(l, n, r, s));
	return json_pack(
	    "{ss ss si so}", "name", n->name, "role", cryo_node_role_name(l->base.node[i].role),
	    "pid", init->pid > 0 && cryo_pid_alive(init) ? (int)init->pid : 0, "services", list);
}

/* "criu --version" → "4.1.1"; NULL without CRIU. Caller frees. */
static char *read_criu_version(struct local *l)
{
	static const char *const argv[] = { "criu", "--version", NULL };
	cryo_auto(cryo_free) char *answer = read_node_output(l, argv);

	return answer && cryo_starts_with(answer, "Version: ") ? cryo_strdup(answer + 9) : NULL;
}

char *local_criu_version(bool built, const char *version, const char *rootfs)
{
	if (!built)
		return rootfs ? local_package_version(rootfs, "criu") : NULL;
	return version ? cryo_strdup(version + (*version == 'v')) : NULL;
}

static bool has_node_interposer(struct local *l)
{
	static const char *const argv[] = { "criu", "--cryopod-version", NULL };
	cryo_auto(cryo_free) char *answer = read_node_output(l, argv);

	return answer && cryo_starts_with(answer, "cryopod-criu seal/");
}

/* "<boot> <stamp> yes", or why not. NULL: not known yet. Caller frees. */
static char *read_known_sockets(const char *file, const char *head)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (!cryo_fs_exists(file) || cryo_fs_read(file, 4096, &text, &ignored) < 0 ||
	    !cryo_starts_with(cryo_str_get(&text), head))
		return NULL;
	return cryo_strdup(text.p + strlen(head));
}

/* What the interposer found out by a dump: "yes", or CRIU's reason. Caller frees. */
static char *try_socket_dump(struct local *l)
{
	static const char *const argv[] = { "criu", "--cryopod-probe-sockets", NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	char *line;

	if (local_run(l, l->node, argv, ASK_MS, &res, &err) < 0)
		return NULL;
	if (cryo_starts_with(cryo_str_get(&res.out), "yes"))
		return cryo_strdup("yes");
	line = cryo_criu_log_decisive(cryo_str_get(&res.out));
	return line ? line : cryo_strdup("a process with one cannot be dumped");
}

/*
 * NULL: they can be dumped; else why not. Tried once for each boot and build:
 * it is a dump, after all. Caller frees.
 */
static char *explain_no_sockets(struct local *l)
{
	cryo_auto(local_record_release) struct local_record r = { 0 };
	cryo_auto(cryo_free) char *file = cryo_asprintf("%s/ip-sockets", l->node->dir);
	cryo_auto(cryo_free) char *head = NULL;
	cryo_auto(cryo_free) char *answer = NULL;
	cryo_auto(cryo_free) char *text = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (local_record_load(l, &r, &ignored) != 0)
		return cryo_strdup("the cluster does not run");
	head = cryo_asprintf("%s %s ", r.boot, r.stamp ? r.stamp : "?");
	answer = read_known_sockets(file, head);
	if (!answer) {
		answer = try_socket_dump(l);
		if (!answer)
			return cryo_strdup("it could not be tried");
		text = cryo_asprintf("%s%s", head, answer);
		cryo_fs_write(file, text, strlen(text), 0600, &ignored);
	}
	return strcmp(answer, "yes") == 0 ? NULL : cryo_steal(&answer);
}

static enum cryo_checkpoint_form probe_checkpoint_form(struct local *l, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *api = NULL, *kubelet = NULL;
	bool there = false;

	if (local_kube(&l->base, &api, err) < 0)
		return CRYO_CHECKPOINT_NONE;
	if (cryo_checkpoint_probe_pods(api, &there, err) == 0 && there)
		return CRYO_CHECKPOINT_PODS;
	if (cryo_checkpoint_probe(api, l->node->name, &there, err) == 0 && there)
		return CRYO_CHECKPOINT_PROXY;
	if (local_kubelet(&l->base, l->base.node, &kubelet, err) == 0 &&
	    cryo_checkpoint_probe(kubelet, NULL, &there, err) == 0 && there)
		return CRYO_CHECKPOINT_KUBELET;
	return CRYO_CHECKPOINT_NONE;
}

/* NULL: it restores from images; else why not. Caller frees. */
static char *explain_no_restore(struct local *l)
{
	cryo_auto(cryo_free) char *socket = NULL;
	enum cryo_cri_restore ability;
	struct cryo_err err = CRYO_ERR_INIT;

	if (local_runtime_socket(&l->base, l->base.node, &socket, &err) < 0)
		return cryo_strdup(err.msg);
	if (cryo_cri_restore_ability(socket, &ability, &err) < 0)
		return cryo_strdup(err.msg);
	if (ability == CRYO_CRI_RESTORE_ON)
		return NULL;
	return cryo_strdup(ability == CRYO_CRI_RESTORE_OFF
			       ? "containerd's configuration forbids it "
				 "(enable_experimental_restore_via_create)"
			       : "this containerd cannot restore from images");
}

/* NULL: it checkpoints a pod at one moment; else why not. Caller frees. */
static char *explain_no_pod_at_once(struct local *l)
{
	cryo_auto(cryo_free) char *socket = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	bool there = false;

	if (local_runtime_socket(&l->base, l->base.node, &socket, &err) < 0 ||
	    cryo_cri_has_pod_checkpoint(socket, &there, &err) < 0)
		return cryo_strdup(err.msg);
	return there ? NULL : cryo_strdup("this containerd has no CheckpointPod");
}

json_t *local_capabilities(struct local *l)
{
	cryo_auto(cryo_free) char *not_at_once = explain_no_pod_at_once(l);
	cryo_auto(cryo_free) char *criu = read_criu_version(l);
	cryo_auto(cryo_free) char *no_image = criu ? explain_no_restore(l)
						   : cryo_strdup("no criu in the node");
	struct cryo_err err = CRYO_ERR_INIT;
	enum cryo_checkpoint_form form = criu ? probe_checkpoint_form(l, &err)
					      : CRYO_CHECKPOINT_NONE;
	json_t *reasons = json_object();
	bool seal = criu && has_node_interposer(l);
	cryo_auto(cryo_free) char *no_sockets =
	    seal
		? explain_no_sockets(l)
		: cryo_strdup(criu ? "no interposer in the node to try it" : "no criu in the node");

	if (!criu)
		json_object_set_new(reasons, "checkpoint", json_string("no criu in the node"));
	else if (form == CRYO_CHECKPOINT_NONE)
		json_object_set_new(
		    reasons, "checkpoint",
		    json_string(*err.msg ? err.msg : "no checkpoint route answers"));
	if (form != CRYO_CHECKPOINT_PODS)
		json_object_set_new(
		    reasons, "pods-checkpoint",
		    json_string(criu ? "its API server has no pods/checkpoint (stock Kubernetes)"
				     : "no criu in the node"));
	if (not_at_once)
		json_object_set_new(reasons, "pod-at-once", json_string(not_at_once));
	if (no_image)
		json_object_set_new(reasons, "restore", json_string(no_image));
	if (no_sockets)
		json_object_set_new(reasons, "ip-sockets", json_string(no_sockets));
	if (!seal)
		json_object_set_new(reasons, "encryption",
				    json_string("no interposer (cryopod-criu) in the node"));
	return json_pack("{ss? sb sb ss? ss? sb ss? sb so}", "checkpoint",
			 form == CRYO_CHECKPOINT_NONE ? NULL : cryo_checkpoint_form_name(form),
			 "pods-checkpoint", form == CRYO_CHECKPOINT_PODS, "pod-at-once",
			 criu && !not_at_once, "restore", no_image ? NULL : "image", "encryption",
			 seal ? "seal" : NULL, "ip-sockets", !no_sockets, "criu", criu,
			 "node-access", 1, "reasons", reasons);
}

int64_t local_memory(struct cryo_cluster *t)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_cgroups_find(&cg, &ignored) < 0)
		return -1;
	return cryo_cgroup_memory(&cg, ((struct local *)t)->cgroup);
}

static void add_running_status(struct local *l, struct local_record *r, json_t *j)
{
	int64_t seconds = (cryo_wall_ns() - r->created_ns) / 1000000000;
	json_t *nodes = json_array();

	for (size_t i = 0; i < l->base.nodes; i++)
		json_array_append_new(nodes, read_node_status(l, i, r));
	json_object_set_new(j, "seconds", json_integer(seconds));
	json_object_set_new(j, "memory", json_integer(local_memory(&l->base)));
	json_object_set_new(j, "nodes", nodes);
	json_object_set_new(j, "capabilities", local_capabilities(l));
}

/* null when it does not run */
static json_t *read_forwarder_pid(const struct local_record *r)
{
	bool alive = r->forwarder.pid > 0 && cryo_pid_alive(&r->forwarder);

	return alive ? json_integer(r->forwarder.pid) : json_null();
}

static void add_restore_status(const struct local_record *r, json_t *j)
{
	json_object_set_new(j, template_is_key(r->from) ? "template" : "snapshot",
			    json_string(r->from));
	json_object_set_new(j, "restore",
			    json_pack("{sI sI sI}", "copy", (json_int_t)r->copy_ms, "criu",
				      (json_int_t)r->criu_ms, "ready", (json_int_t)r->ready_ms));
}

/* "absent" where there is no record. */
static const char *name_local_state(int loaded, const struct local_record *r)
{
	if (loaded < 0)
		return "damaged";
	if (loaded == 1)
		return "absent";
	if (!local_record_running(r))
		return "stopped";
	return r->complete ? "running" : "starting";
}

const char *local_state(struct cryo_cluster *t)
{
	cryo_auto(local_record_release) struct local_record r = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = local_record_load((struct local *)t, &r, &ignored);

	return name_local_state(rc, &r);
}

int local_status(struct cryo_cluster *t, json_t **out, struct cryo_err *err)
{
	cryo_auto(local_record_release) struct local_record r = { 0 };
	struct local *l = (struct local *)t;
	int rc = local_record_load(l, &r, err);
	bool running = rc == 0 && local_record_running(&r);
	cryo_auto(cryo_free) char *created = NULL;

	if (rc < 0)
		return rc;
	*out = json_pack("{ss ss ss}", "name", t->name, "target", "local", "state",
			 name_local_state(rc, &r));
	if (rc == 1)
		return 0;
	created = cryo_rfc3339(r.created_ns);
	json_object_update_new(*out,
			       json_pack("{ss? ss? ss ss si so}", "stack", r.stack, "stamp",
					 r.stamp, "created", created, "kubeconfig", t->kubeconfig,
					 "port", (int)r.port, "forwarder", read_forwarder_pid(&r)));
	json_object_set_new(*out, "origin",
			    json_string(!r.from			  ? "cold"
					: template_is_key(r.from) ? "template"
								  : "snapshot"));
	if (r.from)
		add_restore_status(&r, *out);
	if (r.builds)
		json_object_set(*out, "builds", r.builds);
	if (running)
		add_running_status(l, &r, *out);
	return 0;
}
