/* SPDX-License-Identifier: Apache-2.0 */
/* The two forms of a status: lines for people, JSON for programs. */
#include "cluster/status.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

static const struct capability_word {
	const char *name;
	bool with_how; /* its value is a word or null, not true or false */
	bool shown;    /* to people as well */
} capability_words[CRYO_CAPABILITIES] = {
	[CRYO_CAN_CHECKPOINT] = { "checkpoint", true, true },
	[CRYO_CAN_CHECKPOINT_PODS] = { "pods-checkpoint", false, false },
	[CRYO_CAN_POD_AT_ONCE] = { "pod-at-once", false, false },
	[CRYO_CAN_RESTORE] = { "restore", true, true },
	[CRYO_CAN_ENCRYPT] = { "encryption", true, true },
	[CRYO_CAN_DUMP_SOCKETS] = { "ip-sockets", false, true },
	[CRYO_CAN_RUN_CRIU] = { "criu", true, true },
	[CRYO_CAN_ACCESS_NODES] = { "node-access", false, false },
	[CRYO_CAN_SEVERAL_NODES] = { "several-nodes", false, false },
};

const struct cryo_ability *cryo_status_ability(const struct cryo_cluster_status *s,
					       const char *name)
{
	for (size_t i = 0; i < CRYO_CAPABILITIES; i++)
		if (strcmp(capability_words[i].name, name) == 0)
			return &s->can[i];
	return NULL;
}

static json_t *describe_service(const struct cryo_service_status *s)
{
	return json_pack("{ss sb sI sI ss? ss?}", "name", s->name, "up", s->up, "pid",
			 (json_int_t)s->pid, "seconds", (json_int_t)s->seconds, "version",
			 s->version, "stamp", s->stamp);
}

static json_t *describe_node(const struct cryo_node_status *n)
{
	json_t *services;

	if (n->api.only)
		return json_pack("{ss ss sb ss? ss?}", "name", n->name, "role",
				 cryo_node_role_name(n->role), "ready", n->api.ready, "version",
				 n->api.kubelet, "runtime", n->api.runtime);
	services = json_array();
	for (size_t i = 0; i < n->services; i++)
		json_array_append_new(services, describe_service(&n->service[i]));
	return json_pack("{ss ss sI so}", "name", n->name, "role", cryo_node_role_name(n->role),
			 "pid", (json_int_t)n->pid, "services", services);
}

static json_t *describe_ability(const struct cryo_ability *a, bool with_how)
{
	if (with_how)
		return a->there ? json_string(a->how) : json_null();
	return json_boolean(a->there);
}

static json_t *describe_abilities(const struct cryo_cluster_status *s)
{
	json_t *out = json_object(), *reasons = json_object();

	for (size_t i = 0; i < CRYO_CAPABILITIES; i++) {
		const struct capability_word *w = &capability_words[i];

		json_object_set_new(out, w->name, describe_ability(&s->can[i], w->with_how));
		if (s->can[i].why_not)
			json_object_set_new(reasons, w->name, json_string(s->can[i].why_not));
	}
	json_object_set_new(out, "reasons", reasons);
	return out;
}

static void describe_origin(const struct cryo_cluster_status *s, json_t *j)
{
	if (s->origin)
		json_object_set_new(j, "origin", json_string(s->origin));
	if (!s->from)
		return;
	json_object_set_new(j, s->origin, json_string(s->from));
	json_object_set_new(j, "restore",
			    json_pack("{sI sI sI}", "copy", (json_int_t)s->copy_ms, "criu",
				      (json_int_t)s->criu_ms, "ready", (json_int_t)s->ready_ms));
}

static void describe_made(const struct cryo_cluster_status *s, json_t *j)
{
	cryo_auto(cryo_free) char *created = cryo_rfc3339(s->created_ns);

	json_object_update_new(
	    j, json_pack("{ss? ss? ss}", "stack", s->stack, "stamp", s->stamp, "created", created));
	describe_origin(s, j);
	if (s->builds)
		json_object_set(j, "builds", s->builds);
}

static void describe_access(const struct cryo_cluster_status *s, json_t *j)
{
	if (s->kubeconfig)
		json_object_set_new(j, "kubeconfig", json_string(s->kubeconfig));
	if (s->context)
		json_object_set_new(j, "context", json_string(s->context));
	if (s->reason)
		json_object_set_new(j, "reason", json_string(s->reason));
	if (s->engine.cluster)
		json_object_update_new(
		    j, json_pack("{ss ss ss? sb ss*}", "cluster", s->engine.cluster, "image",
				 s->engine.image, "engine", s->engine.name, "privateEngine",
				 s->engine.private, "engineSocket", s->engine.socket));
	if (!s->forwarder.there)
		return;
	json_object_set_new(j, "port", json_integer(s->forwarder.port));
	json_object_set_new(j, "forwarder",
			    s->forwarder.pid ? json_integer(s->forwarder.pid) : json_null());
}

static void describe_running(const struct cryo_cluster_status *s, json_t *j)
{
	json_t *nodes = json_array();

	if (s->made) {
		int64_t ns = cryo_wall_ns() - s->created_ns;

		json_object_set_new(j, "seconds", json_integer(ns / 1000000000));
		json_object_set_new(j, "memory", json_integer(s->memory));
	}
	for (size_t i = 0; i < s->nodes; i++)
		json_array_append_new(nodes, describe_node(&s->node[i]));
	json_object_set_new(j, "nodes", nodes);
}

static json_t *describe_pages(const struct cryo_cluster_status *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->nodes; i++) {
		const struct cryo_node_status *n = &s->node[i];

		if (n->pages.files > 0)
			json_array_append_new(list,
					      json_pack("{ss sI sI sI}", "node", n->name, "files",
							(json_int_t)n->pages.files, "bytes",
							(json_int_t)n->pages.bytes, "copied",
							(json_int_t)n->pages.copied));
	}
	return list;
}

json_t *cryo_status_to_json(const struct cryo_cluster_status *s)
{
	json_t *j = json_pack("{ss ss ss}", "name", s->name, "target", s->kind, "state", s->state);

	if (s->made)
		describe_made(s, j);
	describe_access(s, j);
	if (s->runs)
		describe_running(s, j);
	if (s->counted)
		json_object_set_new(j, "pages", describe_pages(s));
	if (s->probed)
		json_object_set_new(j, "capabilities", describe_abilities(s));
	return j;
}

static void show_ability(const struct cryo_cluster_status *s, size_t i, struct cryo_str *out)
{
	const struct cryo_ability *a = &s->can[i];

	cryo_str_addf(out, "  %-12s %s", capability_words[i].name,
		      !a->there ? "no"
		      : a->how	? a->how
				: "yes");
	if (a->why_not)
		cryo_str_addf(out, " (%s)", a->why_not);
	cryo_str_add(out, "\n");
}

static void show_abilities(const struct cryo_cluster_status *s, struct cryo_str *out)
{
	cryo_str_add(out, "\ncapabilities\n");
	for (size_t i = 0; i < CRYO_CAPABILITIES; i++)
		if (capability_words[i].shown)
			show_ability(s, i, out);
}

static void show_service(const struct cryo_service_status *s, struct cryo_str *out)
{
	cryo_auto(cryo_free) char *since = cryo_duration_show(1000 * s->seconds);

	cryo_str_addf(out, "  %-24s %-5s %6ld  %-10s  %-16s %.12s\n", s->name,
		      s->up ? "up" : "DOWN", (long)s->pid, since, s->version ? s->version : "?",
		      s->stamp ? s->stamp : "");
}

static void show_node(const struct cryo_node_status *n, struct cryo_str *out)
{
	if (n->api.only) {
		cryo_str_addf(out, "\nnode %s (%s): %s, kubelet %s, %s\n", n->name,
			      cryo_node_role_name(n->role), n->api.ready ? "Ready" : "NOT READY",
			      n->api.kubelet ? n->api.kubelet : "?",
			      n->api.runtime ? n->api.runtime : "?");
		return;
	}
	cryo_str_addf(out, "\nnode %s (pid %ld)\n  %-24s %-5s %6s  %-10s  %-16s %s\n", n->name,
		      (long)n->pid, "SERVICE", "STATE", "PID", "FOR", "VERSION", "BUILD");
	for (size_t i = 0; i < n->services; i++)
		show_service(&n->service[i], out);
}

static void show_origin(const struct cryo_cluster_status *s, struct cryo_str *out)
{
	cryo_auto(cryo_free) char *created = cryo_rfc3339(s->created_ns);

	cryo_str_addf(out, "  stack       %s (%.12s), since %s\n", s->stack,
		      s->stamp ? s->stamp : "", created);
	if (!s->origin)
		return;
	if (!s->from)
		cryo_str_addf(out, "  origin      %s\n", s->origin);
	else if (strcmp(s->origin, "template") == 0)
		cryo_str_addf(out, "  origin      template %.12s\n", s->from);
	else
		cryo_str_addf(out, "  origin      %s '%s'\n", s->origin, s->from);
}

static void show_access(const struct cryo_cluster_status *s, struct cryo_str *out)
{
	if (s->kubeconfig)
		cryo_str_addf(out, "  kubeconfig  %s\n", s->kubeconfig);
	if (s->context)
		cryo_str_addf(out, "  context     %s\n", s->context);
	if (s->reason)
		cryo_str_addf(out, "  API server  %s\n", s->reason);
	if (!s->forwarder.there)
		return;
	if (s->forwarder.pid)
		cryo_str_addf(out, "  API server  https://127.0.0.1:%u\n", s->forwarder.port);
	else
		cryo_str_add(out, "  API server  cannot be reached (cryopod up)\n");
}

static void show_pages(const struct cryo_cluster_status *s, struct cryo_str *out)
{
	bool head = false;

	for (size_t i = 0; i < s->nodes; i++) {
		const struct cryo_node_status *n = &s->node[i];
		cryo_auto(cryo_free) char *all = cryo_size_show((uint64_t)n->pages.bytes);
		cryo_auto(cryo_free) char *own = cryo_size_show((uint64_t)n->pages.copied);

		if (n->pages.files == 0)
			continue;
		cryo_str_add(out, head ? "" : "\nkept for restored pods\n");
		cryo_str_addf(out, "  %-12s %ld archives, %s, of which %s are nowhere else\n",
			      n->name, (long)n->pages.files, all, own);
		head = true;
	}
}

void cryo_status_to_text(const struct cryo_cluster_status *s, struct cryo_str *out)
{
	bool usual = strcmp(s->kind, "local") == 0;

	cryo_str_addf(out, "cluster %s: %s%s%s\n", s->name, s->state, usual ? "" : ", ",
		      usual ? "" : s->kind);
	if (s->made && s->stack)
		show_origin(s, out);
	show_access(s, out);
	for (size_t i = 0; i < s->nodes; i++)
		show_node(&s->node[i], out);
	show_pages(s, out);
	if (s->probed)
		show_abilities(s, out);
}
