/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/kind/kindc.h"

#include "sys/fs.h"
#include "sys/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *kindc_private_dir(void)
{
	return cryo_state_path(CRYO_STATE_ENGINE);
}

int kindc_engine(const struct kindc *c, struct cryo_engine *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = kindc_private_dir();
	int rc;

	if (!c->private)
		return cryo_engine_find(c->engine, out, err);
	rc = cryo_private_find(dir, out, err);
	return rc == 1 ? cryo_cluster_not_running(&c->base, err) : rc;
}

void kindc_nodes_release(struct kindc_nodes *n)
{
	for (size_t i = 0; i < n->n; i++) {
		free(n->node[i].name);
		free(n->node[i].id);
		free(n->node[i].image);
	}
	free(n->node);
	*n = (struct kindc_nodes){ 0 };
}

/* The control plane, then workers by name: "-worker10" after "-worker2". */
static int compare_kind_nodes(const void *a, const void *b)
{
	const struct kindc_node *x = a, *y = b;

	if (x->control != y->control)
		return x->control ? -1 : 1;
	return strverscmp(x->name, y->name);
}

static int list_container_names(const struct kindc *c, const struct cryo_engine *e,
				struct cryo_strv *names, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *filter = cryo_asprintf("label=" KINDC_LABEL "=%s", c->kind_name);
	const char *const args[] = { "ps",	 "--all",      "--filter", filter,
				     "--format", "{{.Names}}", NULL };
	cryo_auto(cryo_free) char *answer = NULL;
	char *line, *rest;
	int rc = cryo_engine_ask(e, args, &answer, err);

	rest = answer;
	while (rc == 0 && (line = strsep(&rest, "\n")))
		if (*line)
			cryo_strv_add(names, line);
	return rc;
}

static void read_inspected(const json_t *one, struct kindc_node *out)
{
	const char *name = cryo_json_str(one, "Name"), *id = cryo_json_str(one, "Id");
	json_t *labels = cryo_json_at(one, "Config.Labels");
	const char *role = json_string_value(json_object_get(labels, KINDC_ROLE_LABEL));
	const json_t *ports = cryo_json_at(one, "NetworkSettings.Ports");
	const json_t *published = json_array_get(json_object_get(ports, KINDC_API_PORT "/tcp"), 0);
	const char *port = cryo_json_str(published, "HostPort");

	out->name = cryo_strdup(name ? name + (*name == '/') : "");
	out->id = cryo_strdup(id ? id : "");
	out->image = cryo_strdup(cryo_json_str(one, "Config.Image"));
	out->port = port ? (unsigned)strtoul(port, NULL, 10) : 0;
	out->control = cryo_streq(role, "control-plane");
	out->running = cryo_json_bool(one, "State.Running");
	out->pid = (pid_t)cryo_json_int(one, "State.Pid", 0);
}

int kindc_list_nodes(const struct kindc *c, const struct cryo_engine *e, struct kindc_nodes *out,
		     struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 }, args = { 0 };
	cryo_auto(cryo_json_decref) json_t *all = NULL;
	cryo_auto(cryo_free) char *answer = NULL;
	json_t *one;
	size_t i;
	int rc = list_container_names(c, e, &names, err);

	if (rc < 0 || names.n == 0)
		return rc;
	cryo_strv_addl(&args, "inspect", "--type", "container", NULL);
	cryo_strv_addv(&args, cryo_strv_get(&names));
	rc = cryo_engine_ask(e, cryo_strv_get(&args), &answer, err);
	if (rc == 0)
		rc = cryo_json_parse("answer of the engine", answer, strlen(answer), &all, err);
	if (rc < 0)
		return rc;
	out->node = cryo_alloc((json_array_size(all) + 1) * sizeof(*out->node));
	json_array_foreach(all, i, one)
		read_inspected(one, &out->node[out->n++]);
	qsort(out->node, out->n, sizeof(*out->node), compare_kind_nodes);
	return 0;
}

void kindc_take_nodes(struct kindc *c, const struct kindc_nodes *n)
{
	struct cryo_cluster_node *list = cryo_alloc((n->n + 1) * sizeof(*list));
	struct cryo_err ignored = CRYO_ERR_INIT;

	c->init = cryo_realloc(c->init, n->n + 1, sizeof(*c->init));
	for (size_t i = 0; i < n->n; i++) {
		list[i].name = n->node[i].name;
		list[i].role = n->node[i].control ? CRYO_NODE_CONTROL_PLANE : CRYO_NODE_WORKER;
		list[i].address = cryo_asprintf("%s:%s", c->engine, n->node[i].name);
		cryo_node_paths_default(&list[i].path);
		c->init[i] = (struct cryo_pid){ 0 };
		if (n->node[i].running)
			cryo_pid_of(n->node[i].pid, &c->init[i], &ignored);
	}
	cryo_cluster_take_nodes(&c->base, list, n->n);
	for (size_t i = 0; i < n->n; i++) {
		list[i].name = NULL;
		cryo_node_release(&list[i]);
	}
	free(list);
}
