/* SPDX-License-Identifier: Apache-2.0 */
/* What runs, since when, and from which build: looked at, not remembered. */
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
static char *read_node_output(struct local *l, const struct local_node *n, const char *const *argv)
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

static void add_service_status(struct local *l, const struct local_node *n,
			       const struct local_record *r, const struct local_service *known,
			       struct cryo_node_status *out)
{
	cryo_auto(cryo_free) char *dir = cryo_asprintf("/run/service/%s", known->name);
	const char *const argv[] = { "s6-svstat", "-o", "up,pid,updownfor", dir, NULL };
	cryo_auto(cryo_free) char *answer = read_node_output(l, n, argv);
	const json_t *b = local_record_component(r, known->component);
	struct cryo_service_status *s = cryo_status_add_service(out, known->name);
	const char *rootfs = cryo_json_str(b, "dir");
	char up[8] = "false";
	long pid = -1, seconds = 0;

	if (answer && sscanf(answer, "%7s %ld %ld", up, &pid, &seconds) != 3)
		snprintf(up, sizeof(up), "false");
	s->up = strcmp(up, "true") == 0;
	s->pid = pid;
	s->seconds = seconds;
	if (!known->package)
		s->version = cryo_strdup(cryo_json_str(b, "version"));
	else if (rootfs)
		s->version = local_package_version(rootfs, known->package);
	s->stamp = cryo_strdup(cryo_json_str(b, "stamp"));
}

static void add_node_status(struct local *l, size_t i, struct local_record *r,
			    struct cryo_cluster_status *s)
{
	const struct local_node *n = &l->node[i];
	const struct cryo_pid *init = local_record_init(r, i);
	struct cryo_node_status *out = cryo_status_add_node(s, &l->base.node[i]);

	out->pid = init->pid > 0 && cryo_pid_alive(init) ? init->pid : 0;
	for (const struct local_service *known = local_services; known->name; known++)
		if (local_service_is_in(known, n->control, local_has_services(r)))
			add_service_status(l, n, r, known, out);
}

char *local_criu_version(bool built, const char *version, const char *rootfs)
{
	if (!built)
		return rootfs ? local_package_version(rootfs, "criu") : NULL;
	return version ? cryo_strdup(version + (*version == 'v')) : NULL;
}

int64_t local_memory(struct cryo_cluster *t)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_cgroups_find(&cg, &ignored) < 0)
		return -1;
	return cryo_cgroup_memory(&cg, ((struct local *)t)->cgroup);
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

static void note_local_origin(const struct local_record *r, struct cryo_cluster_status *s)
{
	s->origin = "cold";
	if (!r->from)
		return;
	s->origin = template_is_key(r->from) ? "template" : "snapshot";
	s->from = cryo_strdup(r->from);
	s->copy_ms = r->copy_ms;
	s->criu_ms = r->criu_ms;
	s->ready_ms = r->ready_ms;
}

static void note_local_record(const struct local_record *r, struct cryo_cluster_status *s)
{
	s->made = true;
	s->stack = cryo_strdup(r->stack);
	s->stamp = cryo_strdup(r->stamp);
	s->builds = json_incref(r->builds);
	s->created_ns = r->created_ns;
	note_local_origin(r, s);
	s->forwarder.there = true;
	s->forwarder.port = r->port;
	if (r->forwarder.pid > 0 && cryo_pid_alive(&r->forwarder))
		s->forwarder.pid = r->forwarder.pid;
}

int local_status(struct cryo_cluster *t, struct cryo_cluster_status *s, struct cryo_err *err)
{
	cryo_auto(local_record_release) struct local_record r = { 0 };
	struct local *l = (struct local *)t;
	int rc = local_record_load(l, &r, err);

	if (rc < 0)
		return rc;
	s->state = name_local_state(rc, &r);
	if (rc == 1)
		return 0;
	note_local_record(&r, s);
	s->kubeconfig = cryo_strdup(t->kubeconfig);
	s->runs = local_record_running(&r);
	if (!s->runs)
		return 0;
	s->memory = local_memory(t);
	for (size_t i = 0; i < t->nodes; i++)
		add_node_status(l, i, &r, s);
	return 0;
}
