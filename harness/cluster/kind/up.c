/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `up`: each step looks first whether it has been done. What is half made (killed
 * while kind was at work) is taken away and made again.
 */
#include "cluster/kind/kindc.h"

#include "base/clock.h"
#include "base/event.h"
#include "recipe/users.h"
#include "sys/cgroup.h"
#include "sys/fs.h"
#include "sys/lock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_UP_MS  300000
#define START_NODES_MS 60000

struct kind_up {
	struct kindc *c;
	const struct cryo_up_opts *opts;
	struct cryo_engine engine;
	struct cryo_nodeimage image;
	int64_t deadline;
};

static void release_kind_up(struct kind_up *u)
{
	cryo_engine_release(&u->engine);
	cryo_nodeimage_release(&u->image);
}
#define release_kind_upp release_kind_up

/* The user's engine as it is, or the private one where that cannot do it. */
static int choose_engine(struct kind_up *u, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = kindc_private_dir();
	int rc;

	cryo_step_begin("container engine");
	rc = cryo_engine_find(u->opts->kind.engine, &u->engine, err);
	u->c->private = rc == 0 && !cryo_engine_is_full(&u->engine);
	if (u->c->private) {
		cryo_engine_release(&u->engine);
		cryo_step_note("starting a private one");
		rc = cryo_private_start(dir, &u->engine, err);
	}
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		return rc;
	}
	free(u->c->engine);
	u->c->engine = cryo_strdup(u->engine.name);
	cryo_step_ok("%s %s%s", u->engine.name, u->engine.version,
		     u->c->private ? ", a private one: the machine's lacks CAP_SYS_RESOURCE" : "");
	return 0;
}

static int build_programs(struct kind_up *u, struct cryo_err *err)
{
	struct cryo_fetch_opts fetch = { .offline = u->opts->offline, .mirrors = u->opts->mirrors };
	int rc = cryo_nodeimage_plan(u->opts->stack, NULL, &u->image, err);
	size_t missing = rc == 0 ? cryo_nodeimage_missing(&u->image) : 0;

	if (rc < 0)
		return rc;
	if (missing > 0 && u->opts->no_build)
		return cryo_err_set(err, CRYO_E_PROVISION,
				    "%zu components of stack '%s' and of its node image are not "
				    "built (cryopod image node --for kind)",
				    missing, u->image.stack.name);
	if (missing > 0 && u->opts->build)
		rc = u->opts->build(&u->image.stack, &u->image.build, &fetch, u->opts->build_arg,
				    err);
	return rc < 0 ? rc : cryo_nodeimage_build(&u->image, &fetch, err);
}

static int load_node_image(struct kind_up *u, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = NULL;
	cryo_auto(cryo_fd_close) int hold = -1;
	int rc = cryo_engine_has_image(&u->engine, u->image.ref, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = cryo_nodeimage_make(&u->image, &path, &hold, err);
	if (rc < 0)
		return rc;
	cryo_step_begin("load node image");
	u->c->loaded = true;
	rc = kindc_save(u->c, err);
	if (rc == 0)
		rc = cryo_engine_load(&u->engine, path, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("%s", u->image.ref);
	return rc;
}

static void describe_build(json_t *list, const struct cryo_build *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct cryo_built *one = &b->item[i];
		cryo_auto(cryo_free) char *source = cryo_source_show(&one->component->source);

		json_array_append_new(list, json_pack("{ss ss ss* ss ss}", "component",
						      one->component->name, "source", source,
						      "version", one->component->source.version,
						      "stamp", one->stamp, "dir", one->dir));
	}
}

/* Before kind is called: what it makes can be found by this. */
static int describe_cluster(struct kind_up *u, struct cryo_err *err)
{
	struct kindc *c = u->c;

	free(c->stack);
	free(c->stamp);
	free(c->image);
	json_decref(c->builds);
	json_decref(c->config);
	c->stack = cryo_strdup(u->image.stack.name);
	c->stamp = cryo_strdup(u->image.key);
	c->image = cryo_strdup(u->image.ref);
	c->builds = json_array();
	describe_build(c->builds, &u->image.build);
	describe_build(c->builds, &u->image.more);
	c->config =
	    json_pack("{ss* si}", "file", u->opts->kind.config, "nodes", (int)u->opts->nodes);
	c->created_ns = cryo_wall_ns();
	c->complete = false;
	return kindc_save(c, err);
}

static int write_config(struct kind_up *u, char **path, struct cryo_err *err)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct kindc_wish wish = { .name = u->c->kind_name,
				   .file = u->opts->kind.config,
				   .nodes = u->opts->nodes,
				   .kubernetes = u->image.version,
				   .port = u->c->private ? 0 : u->opts->local.port,
				   .restrict_oom = u->c->private };
	int rc = cryo_cgroups_find(&cg, err);

	if (rc < 0)
		return rc;
	wish.cgroup_v1 = !cg.v2;
	rc = kindc_config(&wish, &text, err);
	if (rc < 0)
		return rc;
	*path = cryo_asprintf("%s/kind.yaml", u->c->base.dir);
	return cryo_fs_write(*path, text.p, text.len, 0600, err);
}

static int find_nodes(struct kind_up *u, struct kindc_nodes *nodes, struct cryo_err *err)
{
	int rc = kindc_list_nodes(u->c, &u->engine, nodes, err);

	if (rc == 0 && nodes->n > 0)
		kindc_take_nodes(u->c, nodes);
	return rc;
}

static int create_cluster(struct kind_up *u, struct cryo_err *err)
{
	cryo_auto(kindc_nodes_release) struct kindc_nodes nodes = { 0 };
	cryo_auto(cryo_free) char *kind = cryo_nodeimage_program(&u->image, "kind", "kind");
	cryo_auto(cryo_free) char *config = NULL;
	int rc = describe_cluster(u, err);

	if (rc == 0)
		rc = write_config(u, &config, err);
	if (rc < 0)
		return rc;
	cryo_step_begin("kind create cluster");
	rc = kind ? kindc_create(u->c, &u->engine, kind, config, u->deadline - cryo_now_ms(), err)
		  : cryo_err_set(err, CRYO_E_PROVISION, "component 'kind' has no program 'kind'");
	if (rc == 0)
		rc = find_nodes(u, &nodes, err);
	if (rc == 0)
		rc = kindc_save(u->c, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("%zu node%s", nodes.n, nodes.n == 1 ? "" : "s");
	return rc;
}

static int start_stopped_nodes(struct kind_up *u, struct kindc_nodes *nodes, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv args = { 0 };
	int rc;

	cryo_strv_add(&args, "start");
	for (size_t i = 0; i < nodes->n; i++)
		if (!nodes->node[i].running)
			cryo_strv_add(&args, nodes->node[i].name);
	/* One that was restarted by others has another process. */
	if (args.n == 1)
		return kindc_save(u->c, err);
	cryo_step_begin("start nodes");
	rc = cryo_engine_call(&u->engine, cryo_strv_get(&args), START_NODES_MS, NULL, err);
	kindc_nodes_release(nodes);
	if (rc == 0)
		rc = find_nodes(u, nodes, err);
	if (rc == 0)
		rc = kindc_save(u->c, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("%zu", args.n - 1);
	return rc;
}

static int check_same_stack(const struct kind_up *u, struct cryo_err *err)
{
	const struct kindc *c = u->c;

	if (cryo_streq(c->stamp, u->image.key))
		return 0;
	return cryo_err_set(err, CRYO_E_PROVISION,
			    "cluster '%s' was made from another build (stack '%s', %.12s, not "
			    "%.12s): take it down first (cryopod down --name %s)",
			    c->base.name, c->stack ? c->stack : "?", c->stamp ? c->stamp : "?",
			    u->image.key, c->base.name);
}

/* What there is of it goes on; what was never finished is nobody's and is made anew. */
static int reach_cluster(struct kind_up *u, struct cryo_err *err)
{
	cryo_auto(kindc_nodes_release) struct kindc_nodes nodes = { 0 };
	bool recorded = u->c->image != NULL;
	int rc = find_nodes(u, &nodes, err);

	if (rc < 0)
		return rc;
	if (nodes.n > 0 && !recorded)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "kind cluster '%s' exists and was not made by cryopod: choose "
				    "another name (--name)",
				    u->c->kind_name);
	if (nodes.n > 0 && u->c->complete) {
		rc = check_same_stack(u, err);
		return rc < 0 ? rc : start_stopped_nodes(u, &nodes, err);
	}
	if (nodes.n > 0)
		rc = kindc_delete(u->c, &u->engine, err);
	if (rc == 0)
		rc = load_node_image(u, err);
	return rc < 0 ? rc : create_cluster(u, err);
}

/* Nothing of a running cluster changes, and little is asked. */
static bool is_all_there(const struct kind_up *u)
{
	const struct kindc *c = u->c;

	return c->complete && kindc_runs(c) && cryo_fs_exists(c->base.kubeconfig) &&
	       (!c->private || (c->forwarder.pid > 0 && cryo_pid_alive(&c->forwarder)));
}

/* From nodes in which kubeadm has been to a cluster that is used. */
static int finish_cluster(struct kind_up *u, struct cryo_err *err)
{
	int rc = kindc_open_way_in(u->c, &u->engine, err);

	if (rc == 0)
		rc = kindc_settle(u->c, u->deadline, err);
	if (rc < 0 || u->c->complete)
		return rc;
	u->c->complete = true;
	return kindc_save(u->c, err);
}

static int own_cluster_up(struct kind_up *u, struct cryo_err *err)
{
	int rc = build_programs(u, err);

	if (rc < 0)
		return rc;
	if (is_all_there(u)) {
		rc = check_same_stack(u, err);
		return rc < 0 ? rc : kindc_settle(u->c, u->deadline, err);
	}
	rc = choose_engine(u, err);
	if (rc == 0)
		rc = reach_cluster(u, err);
	return rc < 0 ? rc : finish_cluster(u, err);
}

static int start_adopted_nodes(struct kind_up *u, struct cryo_err *err)
{
	cryo_auto(kindc_nodes_release) struct kindc_nodes nodes = { 0 };
	int rc = kindc_engine(u->c, &u->engine, err);

	if (rc == 0)
		rc = find_nodes(u, &nodes, err);
	if (rc == 0 && nodes.n == 0)
		return cryo_err_set(err, CRYO_E_PROVISION,
				    "kind cluster '%s' is gone: forget it (cryopod down --name %s)",
				    u->c->kind_name, u->c->base.name);
	if (rc == 0)
		rc = start_stopped_nodes(u, &nodes, err);
	/* It may have been killed between the record and the kubeconfig. */
	return rc < 0 || cryo_fs_exists(u->c->base.kubeconfig) ? rc
							       : kindc_fetch_kubeconfig(u->c, err);
}

/* Nothing is built for it: its programs came with its image. */
static int adopted_cluster_up(struct kind_up *u, struct cryo_err *err)
{
	const char *wanted = u->opts->kind.adopt;
	struct kindc *c = u->c;
	int rc;

	if (c->image && wanted && (!c->adopted || !cryo_streq(c->kind_name, wanted)))
		return cryo_err_set(err, CRYO_E_USAGE,
				    "cluster '%s' is kind cluster '%s' already: take another name "
				    "(--name)",
				    c->base.name, c->kind_name);
	if (!c->image)
		rc = kindc_adopt(c, wanted, u->opts->kind.engine, err);
	else
		rc = is_all_there(u) ? 0 : start_adopted_nodes(u, err);
	return rc < 0 ? rc : finish_cluster(u, err);
}

static int kind_up_locked(struct kind_up *u, struct cryo_err *err)
{
	if (u->opts->kind.adopt || u->c->adopted)
		return adopted_cluster_up(u, err);
	return own_cluster_up(u, err);
}

/* Before anything is made: a file that cannot be used should not cost minutes. */
static int check_wish(const struct cryo_up_opts *o, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str ignored = { 0 };
	const struct kindc_wish wish = { .name = "x", .file = o->kind.config, .nodes = o->nodes };

	if (o->kind.adopt && (o->kind.config || o->nodes || o->stack))
		return cryo_err_set(err, CRYO_E_USAGE,
				    "--adopt takes a cluster as it is: neither --config nor "
				    "--nodes, --stack");
	return kindc_config(&wish, &ignored, err);
}

int kindc_up(struct cryo_cluster *t, const struct cryo_up_opts *opts, struct cryo_err *err)
{
	cryo_auto(release_kind_up) struct kind_up u = { .c = (struct kindc *)t, .opts = opts };
	cryo_auto(cryo_fd_close) int lock = -1;
	int rc = check_wish(opts, err);

	if (rc == 0)
		rc = cryo_lock_take(u.c->lock, CRYO_LOCK_CLUSTER_MS, &lock, err);
	if (rc < 0)
		return rc;
	cryo_users_note_state();
	u.deadline =
	    cryo_now_ms() + (opts->timeout_ms ? opts->timeout_ms : cryo_limit_ms(DEFAULT_UP_MS));
	rc = kind_up_locked(&u, err);
	if (rc < 0 && (err->status == CRYO_E_SYSTEM || err->status == CRYO_E_CHILD ||
		       err->status == CRYO_E_REMOTE))
		return cryo_err_as(err, rc, CRYO_E_PROVISION);
	return rc;
}
