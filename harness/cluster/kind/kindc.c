/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/kind/kindc.h"

#include "sys/fs.h"
#include "sys/hash.h"

#include <stdlib.h>
#include <string.h>

static char *name_kind_group(const char *name)
{
	char hex[CRYO_HASH_HEX];

	cryo_hash_bytes(cryo_dir_state(), strlen(cryo_dir_state()), hex);
	return cryo_asprintf("/cryopod/kind-%s-%.8s", name, hex);
}

static json_t *pid_json(const struct cryo_pid *p)
{
	return json_pack("{si sI}", "pid", (int)p->pid, "startTime", (json_int_t)p->start_time);
}

static struct cryo_pid json_pid(const json_t *j)
{
	return (struct cryo_pid){ (pid_t)cryo_json_int(j, "pid", 0),
				  (uint64_t)cryo_json_int(j, "startTime", 0) };
}

static void read_own_words(struct kindc *c, const json_t *own)
{
	const json_t *pids = json_object_get(own, "pids");

	free(c->kind_name);
	c->kind_name = cryo_strdup(cryo_json_str(own, "cluster"));
	c->image = cryo_strdup(cryo_json_str(own, "image"));
	c->engine = cryo_strdup(cryo_json_str(own, "engine"));
	c->private = cryo_json_bool(own, "private");
	c->complete = cryo_json_bool(own, "complete");
	c->adopted = cryo_json_bool(own, "adopted");
	c->loaded = cryo_json_bool(own, "loaded");
	c->port = (unsigned)cryo_json_int(own, "port", 0);
	/* A pid of another boot has another start time. */
	c->forwarder = json_pid(json_object_get(own, "forwarder"));
	for (size_t i = 0; i < c->base.nodes; i++)
		c->init[i] = json_pid(json_array_get(pids, i));
}

int kindc_open(const struct cryo_record *r, struct cryo_cluster *t, struct cryo_err *err)
{
	struct kindc *c = (struct kindc *)t;

	(void)err;
	t->kubeconfig = cryo_record_kubeconfig(t->name);
	c->lock = cryo_record_lock(t->name);
	c->group = name_kind_group(t->name);
	c->kind_name = cryo_asprintf("cryopod-%s", t->name);
	if (!r)
		return 0;
	c->stack = cryo_strdup(r->stack);
	c->stamp = cryo_strdup(r->stamp);
	c->builds = json_incref(r->builds);
	c->config = json_incref(r->config);
	c->created_ns = r->created_ns;
	cryo_cluster_take_nodes(t, r->node, r->nodes);
	c->init = cryo_alloc((r->nodes + 1) * sizeof(*c->init));
	if (cryo_json_str(r->own, "cluster"))
		read_own_words(c, r->own);
	return 0;
}

void kindc_release(struct cryo_cluster *t)
{
	struct kindc *c = (struct kindc *)t;

	free(c->lock);
	free(c->group);
	free(c->kind_name);
	free(c->stack);
	free(c->stamp);
	free(c->image);
	free(c->engine);
	free(c->init);
	json_decref(c->builds);
	json_decref(c->config);
}

int kindc_save(const struct kindc *c, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_record_path(NULL, c->base.name);
	json_t *pids = json_array();
	cryo_auto(cryo_json_decref) json_t *own =
	    json_pack("{ss ss* ss* sb sb sb sb si so so}", "cluster", c->kind_name, "image",
		      c->image, "engine", c->engine, "private", c->private, "complete", c->complete,
		      "adopted", c->adopted, "loaded", c->loaded, "port", (int)c->port, "forwarder",
		      pid_json(&c->forwarder), "pids", pids);
	const struct cryo_record all = { .kind = (char *)"kind",
					 .stack = c->stack,
					 .stamp = c->stamp,
					 .builds = c->builds,
					 .created_ns = c->created_ns,
					 .node = c->base.node,
					 .nodes = c->base.nodes,
					 .config = c->config,
					 .own = own };
	int rc = cryo_fs_mkdirs(c->base.dir, 0700, err);

	for (size_t i = 0; i < c->base.nodes; i++)
		json_array_append_new(pids, pid_json(&c->init[i]));
	return rc < 0 ? rc : cryo_record_save(path, &all, err);
}

int kindc_list_others(const struct kindc *c, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	int rc = cryo_cluster_list(&names, err);

	if (rc < 0)
		return rc;
	*out = json_object();
	for (size_t i = 0; i < names.n; i++) {
		cryo_auto(cryo_record_release) struct cryo_record r = { 0 };
		cryo_auto(cryo_free) char *path = cryo_record_path(NULL, names.v[i]);
		struct cryo_err ignored = CRYO_ERR_INIT;

		if (strcmp(names.v[i], c->base.name) != 0 &&
		    cryo_record_load(path, &r, &ignored) == 0 && cryo_streq(r.kind, "kind"))
			json_object_set(*out, names.v[i], r.own);
	}
	return 0;
}

bool kindc_runs(const struct kindc *c)
{
	for (size_t i = 0; i < c->base.nodes; i++)
		if (c->init[i].pid <= 0 || !cryo_pid_alive(&c->init[i]))
			return false;
	return c->base.nodes > 0;
}

const char *kindc_state(struct cryo_cluster *t)
{
	const struct kindc *c = (const struct kindc *)t;

	if (!c->image)
		return "absent";
	if (!kindc_runs(c))
		return "stopped";
	return c->complete ? "running" : "starting";
}
