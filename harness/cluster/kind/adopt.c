/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster that somebody made with kind itself from a node image of ours. */
#include "cluster/kind/kindc.h"

#include "base/clock.h"
#include "base/event.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define ASK_MS	     10000
#define ADMIN_CONFIG "/etc/kubernetes/admin.conf"
#define MAX_CONFIG   (1024 * 1024)

bool kindc_read_image(const char *ref, char **stack, char **key)
{
	/* docker keeps the name as it was written: with or without its own registry before it. */
	static const char *const heads[] = { CRYO_NODEIMAGE_NAME ":", "cryopod/kind-node:" };
	const char *tag = NULL, *first, *last;

	for (size_t i = 0; ref && !tag && i < CRYO_ARRAY_LEN(heads); i++)
		if (cryo_starts_with(ref, heads[i]))
			tag = ref + strlen(heads[i]);
	first = tag ? strchr(tag, '-') : NULL;
	last = tag ? strrchr(tag, '-') : NULL;
	if (!first || first == last || last[1] == '\0')
		return false;
	*stack = cryo_strndup(first + 1, (size_t)(last - first - 1));
	*key = cryo_strndup(last + 1, strcspn(last + 1, "@"));
	return true;
}

static int list_kind_names(const struct cryo_engine *e, struct cryo_strv *names,
			   struct cryo_err *err)
{
	static const char *const args[] = { "ps",	"--all",
					    "--filter", "label=" KINDC_LABEL,
					    "--format", "{{.Label \"" KINDC_LABEL "\"}}",
					    NULL };
	cryo_auto(cryo_free) char *answer = NULL;
	char *line, *rest;
	int rc = cryo_engine_ask(e, args, &answer, err);

	rest = answer;
	while (rc == 0 && (line = strsep(&rest, "\n")))
		if (*line && !cryo_strv_has(names, line))
			cryo_strv_add(names, line);
	return rc;
}

/* Where its nodes are: in the private engine if that runs and has them, or in the user's own. */
static int find_its_engine(struct kindc *c, const char *name, struct cryo_engine *out,
			   struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = kindc_private_dir();
	cryo_auto(cryo_strv_release) struct cryo_strv there = { 0 };
	cryo_auto(cryo_free) char *list = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc;

	if (!name && cryo_private_find(dir, out, &ignored) == 0) {
		c->private = true;
		if (list_kind_names(out, &there, &ignored) == 0 &&
		    cryo_strv_has(&there, c->kind_name))
			return 0;
		cryo_engine_release(out);
	}
	c->private = false;
	rc = cryo_engine_find(name, out, err);
	if (rc == 0)
		rc = list_kind_names(out, &there, err);
	if (rc < 0 || cryo_strv_has(&there, c->kind_name))
		return rc;
	list = cryo_strv_join(&there, ", ");
	return cryo_err_set(err, CRYO_E_USAGE, "%s has no kind cluster '%s' (there %s: %s)",
			    out->name, c->kind_name, there.n == 1 ? "is" : "are",
			    there.n ? list : "none");
}

static int check_not_taken(const struct kindc *c, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *others = NULL;
	const char *name;
	json_t *own;
	int rc = kindc_list_others(c, &others, err);

	if (rc < 0)
		return rc;
	json_object_foreach(others, name, own)
		if (cryo_streq(cryo_json_str(own, "cluster"), c->kind_name))
			return cryo_err_set(err, CRYO_E_USAGE,
					    "kind cluster '%s' is cluster '%s' of cryopod already",
					    c->kind_name, name);
	return 0;
}

static int check_its_nodes(struct kindc *c, const struct kindc_nodes *nodes, struct cryo_err *err)
{
	const struct kindc_node *control = &nodes->node[0];

	for (size_t i = 0; i < nodes->n; i++) {
		cryo_auto(cryo_free) char *stack = NULL, *key = NULL;

		if (!kindc_read_image(nodes->node[i].image, &stack, &key))
			return cryo_err_set(err, CRYO_E_USAGE,
					    "node '%s' was made from image '%s', not from a node "
					    "image of cryopod (cryopod image node --for kind)",
					    nodes->node[i].name,
					    nodes->node[i].image ? nodes->node[i].image : "?");
		if (!nodes->node[i].running)
			return cryo_err_set(err, CRYO_E_USAGE,
					    "node '%s' does not run: start it first (%s start %s)",
					    nodes->node[i].name, c->engine, nodes->node[i].name);
	}
	if (!control->control || !control->port)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "kind cluster '%s' has no control plane with a published port",
				    c->kind_name);
	return 0;
}

int kindc_fetch_kubeconfig(struct kindc *c, struct cryo_err *err)
{
	static const char *const argv[] = { "cat", ADMIN_CONFIG, NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	const struct cryo_exec x = { .argv = argv,
				     .timeout_ms = ASK_MS,
				     .capture_max = MAX_CONFIG };
	int rc = kindc_exec(&c->base, &c->base.node[0], &x, &res, err);

	if (rc == 0)
		rc = cryo_fs_write(c->base.kubeconfig, res.out.p, res.out.len, 0600, err);
	if (res.out.p)
		explicit_bzero(res.out.p, res.out.len);
	return rc < 0 || c->private ? rc : kindc_point_kubeconfig(c, err);
}

static void describe_adopted(struct kindc *c, const struct kindc_nodes *nodes)
{
	c->image = cryo_strdup(nodes->node[0].image);
	kindc_read_image(c->image, &c->stack, &c->stamp);
	c->created_ns = cryo_wall_ns();
	c->adopted = true;
	c->port = c->private ? 0 : nodes->node[0].port;
	kindc_take_nodes(c, nodes);
}

int kindc_adopt(struct kindc *c, const char *name, const char *engine, struct cryo_err *err)
{
	cryo_auto(cryo_engine_release) struct cryo_engine e = { 0 };
	cryo_auto(kindc_nodes_release) struct kindc_nodes nodes = { 0 };
	int rc;

	free(c->kind_name);
	c->kind_name = cryo_strdup(name);
	cryo_step_begin("adopt kind cluster '%s'", name);
	rc = check_not_taken(c, err);
	if (rc == 0)
		rc = find_its_engine(c, engine, &e, err);
	if (rc == 0) {
		c->engine = cryo_strdup(e.name);
		rc = kindc_list_nodes(c, &e, &nodes, err);
	}
	if (rc == 0)
		rc = check_its_nodes(c, &nodes, err);
	if (rc == 0) {
		describe_adopted(c, &nodes);
		rc = kindc_save(c, err);
	}
	if (rc == 0)
		rc = kindc_fetch_kubeconfig(c, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("%zu node%s of %s", nodes.n, nodes.n == 1 ? "" : "s", c->image);
	return rc;
}
