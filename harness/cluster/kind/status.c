/* SPDX-License-Identifier: Apache-2.0 */
/* What runs, from which build, and what it can do: looked at, not remembered. */
#include "cluster/kind/kindc.h"

#include "base/clock.h"
#include "kube/checkpoint.h"
#include "sys/cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS 10000

/* First line that a program of a node prints; NULL if it failed. Caller frees. */
static char *ask_in_node(struct kindc *c, size_t i, const char *const *argv)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	const struct cryo_exec x = { .argv = argv, .timeout_ms = ASK_MS };
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *out;

	if (kindc_exec(&c->base, &c->base.node[i], &x, &res, &ignored) < 0)
		return NULL;
	out = cryo_str_detach(&res.out);
	out[strcspn(out, "\n")] = '\0';
	return out;
}

/* Its process, and for how many seconds it has run. */
static json_t *describe_unit(struct kindc *c, size_t i, const char *unit, const char *component)
{
	const char *const argv[] = { "systemctl",	   "show", "--value",
				     "--property=MainPID", unit,   NULL };
	const char *const age[] = { "ps", "-o", "etimes=", "-p", NULL, NULL };
	cryo_auto(cryo_free) char *answer = ask_in_node(c, i, argv);
	cryo_auto(cryo_free) char *seconds = NULL;
	const json_t *b = cryo_json_find(c->builds, "component", component);
	long pid = answer ? strtol(answer, NULL, 10) : 0;

	if (pid > 0) {
		const char *ask[CRYO_ARRAY_LEN(age)];

		memcpy(ask, age, sizeof(age));
		ask[CRYO_ARRAY_LEN(age) - 2] = answer;
		seconds = ask_in_node(c, i, ask);
	}
	return json_pack("{ss sb sI sI ss? ss?}", "name", unit, "up", pid > 0, "pid",
			 pid > 0 ? (json_int_t)pid : (json_int_t)-1, "seconds",
			 (json_int_t)(seconds ? strtol(seconds, NULL, 10) : 0), "version",
			 cryo_json_str(b, "version"), "stamp", cryo_json_str(b, "stamp"));
}

static json_t *describe_kind_nodes(struct kindc *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->base.nodes; i++) {
		json_t *services = json_array();

		json_array_append_new(services, describe_unit(c, i, "containerd", "containerd"));
		json_array_append_new(services, describe_unit(c, i, "kubelet", "kubernetes"));
		json_array_append_new(list,
				      json_pack("{ss ss si so}", "name", c->base.node[i].name,
						"role", cryo_node_role_name(c->base.node[i].role),
						"pid", (int)c->init[i].pid, "services", services));
	}
	return list;
}

static enum cryo_checkpoint_form probe_kind_form(struct kindc *c, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	bool there = false;

	if (kindc_kube(&c->base, &k, err) < 0)
		return CRYO_CHECKPOINT_NONE;
	if (cryo_checkpoint_probe_pods(k, &there, err) == 0 && there)
		return CRYO_CHECKPOINT_PODS;
	if (cryo_checkpoint_probe(k, c->base.node[0].name, &there, err) == 0 && there)
		return CRYO_CHECKPOINT_PROXY;
	return CRYO_CHECKPOINT_NONE;
}

/* "criu --version" → "4.1.1". Caller frees. */
static char *find_criu_version(struct kindc *c)
{
	static const char *const argv[] = { "criu", "--version", NULL };
	cryo_auto(cryo_free) char *answer = ask_in_node(c, 0, argv);

	return answer && cryo_starts_with(answer, "Version: ") ? cryo_strdup(answer + 9) : NULL;
}

static bool has_kind_interposer(struct kindc *c)
{
	static const char *const argv[] = { "criu", "--cryopod-version", NULL };
	cryo_auto(cryo_free) char *answer = ask_in_node(c, 0, argv);

	return answer && cryo_starts_with(answer, "cryopod-criu seal/");
}

static bool can_dump_sockets(struct kindc *c)
{
	static const char *const argv[] = { "criu", "--cryopod-probe-sockets", NULL };
	cryo_auto(cryo_free) char *answer = ask_in_node(c, 0, argv);

	return answer && cryo_starts_with(answer, "yes");
}

/* containerd restores in CreateContainer from 2.1 on. */
static bool can_restore_images(struct kindc *c, char **version)
{
	static const char *const argv[] = { "containerd", "--version", NULL };
	cryo_auto(cryo_free) char *answer = ask_in_node(c, 0, argv);
	const char *v = answer ? strstr(answer, " v") : NULL;
	unsigned major = 0, minor = 0;

	*version = v ? cryo_strndup(v + 2, strcspn(v + 2, " ")) : NULL;
	if (!*version || sscanf(*version, "%u.%u", &major, &minor) != 2)
		return false;
	return major == 2 && minor >= 1 && minor <= 3;
}

static json_t *explain_capabilities(const char *criu, enum cryo_checkpoint_form form, bool restore,
				    bool seal, bool sockets, const char *why)
{
	json_t *reasons = json_object();

	if (!criu)
		json_object_set_new(reasons, "checkpoint", json_string("no criu in the node"));
	else if (form == CRYO_CHECKPOINT_NONE)
		json_object_set_new(reasons, "checkpoint",
				    json_string(*why ? why : "no checkpoint route answers"));
	if (form != CRYO_CHECKPOINT_PODS)
		json_object_set_new(
		    reasons, "pods-checkpoint",
		    json_string("its API server has no pods/checkpoint (stock Kubernetes)"));
	json_object_set_new(reasons, "pod-at-once",
			    json_string("its container runtime is not asked directly"));
	if (!restore)
		json_object_set_new(reasons, "restore",
				    json_string(criu ? "its containerd does not restore from images"
						     : "no criu in the node"));
	if (!seal)
		json_object_set_new(reasons, "encryption",
				    json_string("no interposer (cryopod-criu) in the node"));
	if (!sockets)
		json_object_set_new(reasons, "ip-sockets",
				    json_string("a process with one cannot be dumped there"));
	return reasons;
}

static json_t *describe_kind_capabilities(struct kindc *c)
{
	cryo_auto(cryo_free) char *criu = find_criu_version(c);
	cryo_auto(cryo_free) char *containerd = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	enum cryo_checkpoint_form form = criu ? probe_kind_form(c, &err) : CRYO_CHECKPOINT_NONE;
	bool restore = can_restore_images(c, &containerd) && criu;
	bool seal = criu && has_kind_interposer(c);
	bool sockets = seal && can_dump_sockets(c);

	return json_pack("{ss? sb sb ss? ss? sb ss? sb so}", "checkpoint",
			 form == CRYO_CHECKPOINT_NONE ? NULL : cryo_checkpoint_form_name(form),
			 "pods-checkpoint", form == CRYO_CHECKPOINT_PODS, "pod-at-once", 0,
			 "restore", restore ? "image" : NULL, "encryption", seal ? "seal" : NULL,
			 "ip-sockets", sockets, "criu", criu, "node-access", 1, "reasons",
			 explain_capabilities(criu, form, restore, seal, sockets, err.msg));
}

/* Of every process that descends from the nodes: the engine's own group has them all. */
int64_t kindc_memory(struct cryo_cluster *t)
{
	const struct kindc *c = (const struct kindc *)t;
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	int64_t sum = 0;

	if (!kindc_runs(c) || cryo_cgroups_find(&cg, &ignored) < 0)
		return -1;
	for (size_t i = 0; i < c->base.nodes; i++) {
		cryo_auto(cryo_free) char *group = cryo_cgroup_of(&cg, c->init[i].pid);
		int64_t one = group ? cryo_cgroup_memory(&cg, group) : -1;

		if (one < 0)
			return -1;
		sum += one;
	}
	return sum;
}

/* Its socket is what other programs need to see the nodes: DOCKER_HOST=unix://… */
static json_t *describe_private_engine(const struct kindc *c)
{
	cryo_auto(cryo_engine_release) struct cryo_engine e = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	bool runs = kindc_engine(c, &e, &ignored) == 0;
	bool forwards = cryo_pid_alive(&c->forwarder);

	return json_pack("{si sI ss*}", "port", (int)c->port, "forwarder",
			 forwards ? (json_int_t)c->forwarder.pid : (json_int_t)0, "engineSocket",
			 runs ? e.socket : NULL);
}

int kindc_status(struct cryo_cluster *t, json_t **out, struct cryo_err *err)
{
	struct kindc *c = (struct kindc *)t;
	cryo_auto(cryo_free) char *created = NULL;

	(void)err;
	*out = json_pack("{ss ss ss}", "name", t->name, "target", "kind", "state", kindc_state(t));
	if (!c->image)
		return 0;
	created = cryo_rfc3339(c->created_ns);
	json_object_update_new(*out,
			       json_pack("{ss? ss? ss ss ss ss? ss sb}", "stack", c->stack, "stamp",
					 c->stamp, "created", created, "kubeconfig", t->kubeconfig,
					 "cluster", c->kind_name, "image", c->image, "engine",
					 c->engine, "privateEngine", c->private));
	if (c->private)
		json_object_update_new(*out, describe_private_engine(c));
	if (c->builds)
		json_object_set(*out, "builds", c->builds);
	if (!kindc_runs(c))
		return 0;
	json_object_set_new(*out, "seconds",
			    json_integer((cryo_wall_ns() - c->created_ns) / 1000000000));
	json_object_set_new(*out, "memory", json_integer(kindc_memory(t)));
	json_object_set_new(*out, "nodes", describe_kind_nodes(c));
	json_object_set_new(*out, "capabilities", describe_kind_capabilities(c));
	return 0;
}
