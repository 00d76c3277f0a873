/* SPDX-License-Identifier: Apache-2.0 */
/* What runs, and from which build: looked at, not remembered. */
#include "cluster/kind/kindc.h"

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
static void add_unit_status(struct kindc *c, size_t i, const char *unit, const char *component,
			    struct cryo_node_status *out)
{
	const char *const argv[] = { "systemctl",	   "show", "--value",
				     "--property=MainPID", unit,   NULL };
	cryo_auto(cryo_free) char *answer = ask_in_node(c, i, argv);
	const char *const age[] = { "ps", "-o", "etimes=", "-p", answer, NULL };
	const json_t *b = cryo_json_find(c->builds, "component", component);
	struct cryo_service_status *s = cryo_status_add_service(out, unit);
	long pid = answer ? strtol(answer, NULL, 10) : 0;

	s->version = cryo_strdup(cryo_json_str(b, "version"));
	s->stamp = cryo_strdup(cryo_json_str(b, "stamp"));
	s->up = pid > 0;
	if (pid > 0) {
		cryo_auto(cryo_free) char *seconds = ask_in_node(c, i, age);

		s->pid = pid;
		s->seconds = seconds ? strtol(seconds, NULL, 10) : 0;
	}
}

static void add_kind_nodes(struct kindc *c, struct cryo_cluster_status *s)
{
	for (size_t i = 0; i < c->base.nodes; i++) {
		struct cryo_node_status *n = cryo_status_add_node(s, &c->base.node[i]);

		n->pid = c->init[i].pid;
		add_unit_status(c, i, "containerd", "containerd", n);
		add_unit_status(c, i, "kubelet", "kubernetes", n);
	}
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

static void note_kind_record(const struct kindc *c, struct cryo_cluster_status *s)
{
	cryo_auto(cryo_free) char *private = kindc_private_dir();

	s->made = true;
	s->stack = cryo_strdup(c->stack);
	s->stamp = cryo_strdup(c->stamp);
	s->builds = json_incref(c->builds);
	s->created_ns = c->created_ns;
	s->kubeconfig = cryo_strdup(c->base.kubeconfig);
	s->engine.cluster = cryo_strdup(c->kind_name);
	s->engine.image = cryo_strdup(c->image);
	s->engine.name = cryo_strdup(c->engine);
	s->engine.private = c->private;
	s->forwarder.there = c->private;
	s->forwarder.port = c->port;
	if (c->private && cryo_pid_alive(&c->forwarder))
		s->forwarder.pid = c->forwarder.pid;
	if (c->private)
		s->engine.socket = cryo_private_socket(private);
}

int kindc_status(struct cryo_cluster *t, struct cryo_cluster_status *s, struct cryo_err *err)
{
	struct kindc *c = (struct kindc *)t;

	(void)err;
	s->state = kindc_state(t);
	if (!c->image)
		return 0;
	note_kind_record(c, s);
	s->runs = kindc_runs(c);
	if (!s->runs)
		return 0;
	s->memory = kindc_memory(t);
	add_kind_nodes(c, s);
	return 0;
}
