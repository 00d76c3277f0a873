/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/local/local.h"

#include "conf/json.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

static json_t *write_pid_json(const struct cryo_pid *p)
{
	return json_pack("{si sI}", "pid", (int)p->pid, "startTime", (json_int_t)p->start_time);
}

static struct cryo_pid read_pid_json(const json_t *j)
{
	return (struct cryo_pid){ (pid_t)cryo_json_int(j, "pid", 0),
				  (uint64_t)cryo_json_int(j, "startTime", 0) };
}

/* What all kinds have in common goes over to `out`. */
static void take_common_record(struct cryo_record *r, struct local_record *out)
{
	out->stack = cryo_steal(&r->stack);
	out->stamp = cryo_steal(&r->stamp);
	out->builds = json_is_array(r->builds) ? json_incref(r->builds) : NULL;
	out->created_ns = r->created_ns;
}

static void take_own_record(const json_t *j, struct local_record *out)
{
	cryo_auto(cryo_free) char *boot = cryo_boot_id();

	out->boot = cryo_strdup(cryo_json_str(j, "boot"));
	out->port = (unsigned)cryo_json_int(j, "port", 0);
	out->complete = cryo_json_bool(j, "complete");
	out->flags = json_is_array(json_object_get(j, "flags"))
			 ? json_incref(json_object_get(j, "flags"))
			 : NULL;
	out->from = cryo_strdup(cryo_json_str(j, "template"));
	out->copy_ms = cryo_json_int(j, "restored.copy", 0);
	out->criu_ms = cryo_json_int(j, "restored.criu", 0);
	out->ready_ms = cryo_json_int(j, "restored.ready", 0);
	out->dumping = cryo_json_bool(j, "dumping");
	out->saving = cryo_json_bool(j, "saving");
	if (!cryo_streq(boot, out->boot))
		return;
	out->init = read_pid_json(json_object_get(j, "init"));
	out->forwarder = read_pid_json(json_object_get(j, "forwarder"));
	for (size_t i = 0; i < CRYO_ARRAY_LEN(out->worker); i++)
		out->worker[i] = read_pid_json(json_array_get(json_object_get(j, "workers"), i));
}

int local_record_load(const struct local *l, struct local_record *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_record_path(NULL, l->base.name);
	cryo_auto(cryo_record_release) struct cryo_record r = { 0 };
	int rc = cryo_record_load(path, &r, err);

	*out = (struct local_record){ 0 };
	if (rc == 1)
		return 1;
	if (rc < 0)
		return cryo_err_wrap(err, rc,
				     "record of cluster '%s' (cryopod down --target local --name "
				     "%s removes it)",
				     l->base.name, l->base.name);
	take_common_record(&r, out);
	take_own_record(r.own, out);
	return 0;
}

/* As far as there are any. */
static json_t *write_workers_json(const struct local_record *r)
{
	json_t *list = json_array();
	size_t n = CRYO_ARRAY_LEN(r->worker);

	while (n > 0 && r->worker[n - 1].pid == 0)
		n--;
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, write_pid_json(&r->worker[i]));
	return list;
}

static json_t *make_own_record(const struct local_record *r)
{
	cryo_auto(cryo_free) char *boot = cryo_boot_id();

	return json_pack("{ss si sO* sb ss* sb sb so so so s{sI sI sI}}", "boot", boot, "port",
			 (int)r->port, "flags", r->flags, "complete", r->complete, "template",
			 r->from, "dumping", r->dumping, "saving", r->saving, "init",
			 write_pid_json(&r->init), "forwarder", write_pid_json(&r->forwarder),
			 "workers", write_workers_json(r), "restored", "copy",
			 (json_int_t)r->copy_ms, "criu", (json_int_t)r->criu_ms, "ready",
			 (json_int_t)r->ready_ms);
}

int local_record_save(const struct local *l, const struct local_record *r, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_record_path(NULL, l->base.name);
	cryo_auto(cryo_json_decref) json_t *own = make_own_record(r);
	const struct cryo_record all = { .kind = (char *)"local",
					 .stack = r->stack,
					 .stamp = r->stamp,
					 .builds = r->builds,
					 .created_ns = r->created_ns,
					 .node = l->base.node,
					 .nodes = l->base.nodes,
					 .own = own };

	return cryo_record_save(path, &all, err);
}

void local_record_release(struct local_record *r)
{
	free(r->boot);
	free(r->stack);
	free(r->stamp);
	free(r->from);
	json_decref(r->builds);
	json_decref(r->flags);
	*r = (struct local_record){ 0 };
}

bool local_record_running(const struct local_record *r)
{
	return r->init.pid > 0 && cryo_pid_alive(&r->init);
}

struct cryo_pid *local_record_init(struct local_record *r, size_t node)
{
	return node == 0 ? &r->init : &r->worker[node - 1];
}

const json_t *local_record_component(const struct local_record *r, const char *name)
{
	return cryo_json_find(r->builds, "component", name);
}

const char *local_record_rootfs(const struct local_record *r)
{
	return cryo_json_str(local_record_component(r, "node"), "dir");
}

bool local_has_services(const struct local_record *r)
{
	return local_record_component(r, "coredns") != NULL;
}

const char *local_record_criu(const struct local_record *r)
{
	return cryo_json_str(local_record_component(r, "criu"), "dir");
}

int local_running(const struct local *l, struct local_record *out, struct cryo_err *err)
{
	int rc = local_record_load(l, out, err);

	if (rc < 0)
		return rc;
	if (rc == 0 && local_record_running(out))
		return 0;
	local_record_release(out);
	return cryo_cluster_not_running(&l->base, err);
}

int local_node_init(const struct local *l, const struct local_node *n, struct cryo_pid *out,
		    struct cryo_err *err)
{
	cryo_auto(local_record_release) struct local_record r = { 0 };
	int rc = local_running(l, &r, err);

	if (rc < 0)
		return rc;
	*out = *local_record_init(&r, (size_t)(n - l->node));
	if (out->pid > 0 && cryo_pid_alive(out))
		return 0;
	return cryo_err_set(err, CRYO_E_CHECK,
			    "node '%s' is not running (start it: cryopod up --name %s)", n->name,
			    l->base.name);
}
