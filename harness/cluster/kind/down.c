/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `down`: containers with their volumes, the image that we loaded, the network and
 * the directories that nobody uses any more, the private daemon with the last
 * cluster in it. Other clusters of kind are not touched. Then it looks.
 */
#include "cluster/kind/kindc.h"

#include "base/event.h"
#include "sys/cgroup.h"
#include "sys/fs.h"
#include "sys/lock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REMOVE_MS 120000
#define NETWORK	  "kind"
/* For kind's bind mount, where the machine had none; empty then. */
#define MADE_BY_ENGINE "/lib/modules"

/* Does another cluster of this machine's records run in the private daemon, or use the image? */
static int find_other_users(const struct kindc *c, bool *engine, bool *image, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *others = NULL;
	const char *name;
	json_t *own;
	int rc = kindc_list_others(c, &others, err);

	*engine = *image = false;
	if (rc < 0)
		return rc;
	json_object_foreach(others, name, own) {
		*engine = *engine || cryo_json_bool(own, "private");
		*image = *image || cryo_streq(cryo_json_str(own, "image"), c->image);
	}
	return 0;
}

/* Fails where somebody uses it, which is right. */
static void remove_network(const struct cryo_engine *e)
{
	const char *const args[] = { "network", "rm", NETWORK, NULL };
	struct cryo_err ignored = CRYO_ERR_INIT;

	cryo_engine_call(e, args, 0, NULL, &ignored);
	rmdir(MADE_BY_ENGINE);
}

static int remove_image(const struct kindc *c, const struct cryo_engine *e, struct cryo_err *err)
{
	const char *const args[] = { "image", "rm", c->image, NULL };
	int rc = cryo_engine_has_image(e, c->image, err);

	return rc <= 0 ? rc : cryo_engine_call(e, args, REMOVE_MS, NULL, err);
}

static bool has_kind_containers(const struct cryo_engine *e)
{
	static const char *const args[] = {
		"ps", "--all", "--quiet", "--filter", "label=" KINDC_LABEL, NULL
	};
	cryo_auto(cryo_free) char *answer = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	return cryo_engine_ask(e, args, &answer, &ignored) < 0 || *answer;
}

/* `ends`: all that the engine has goes with it, and only what runs must end before. */
static int clear_engine(struct kindc *c, const struct cryo_engine *e, bool ends, bool image_used,
			struct cryo_err *err)
{
	bool keep = c->base.keep_image || image_used || !c->loaded || c->adopted;
	int rc = kindc_delete(c, e, err);

	if (ends) {
		rmdir(MADE_BY_ENGINE);
		return rc;
	}
	if (rc == 0 && !keep && c->image)
		rc = remove_image(c, e, err);
	if (rc == 0 && !has_kind_containers(e))
		remove_network(e);
	return rc;
}

static int end_private_engine(bool keep, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = kindc_private_dir();

	return cryo_private_end(dir, keep, err);
}

/* The engine need not run: what a private one held goes with its data. */
static int remove_from_engine(struct kindc *c, struct cryo_err *err)
{
	cryo_auto(cryo_engine_release) struct cryo_engine e = { 0 };
	bool engine_used, image_used, ends;
	int rc = find_other_users(c, &engine_used, &image_used, err);

	if (rc < 0)
		return rc;
	ends = c->private && !engine_used && !c->base.keep_image;
	rc = kindc_engine(c, &e, err);
	if (rc == 0)
		rc = clear_engine(c, &e, ends, image_used, err);
	else if (c->private)
		rc = 0;
	if (rc == 0 && c->private && !engine_used)
		rc = end_private_engine(c->base.keep_image, err);
	return rc;
}

static int look_for_leftovers(const struct kindc *c, const struct cryo_cgroups *cg,
			      struct cryo_err *err)
{
	if (c->forwarder.pid > 0 && cryo_pid_alive(&c->forwarder))
		return cryo_err_set(err, CRYO_E_SYSTEM,
				    "a process of cluster '%s' is still running", c->base.name);
	if (cryo_cgroup_exists(cg, c->group))
		return cryo_err_set(err, CRYO_E_SYSTEM, "cgroup '%s' is left", c->group);
	if (cryo_fs_exists(c->base.dir))
		return cryo_err_set(err, CRYO_E_SYSTEM, "'%s' is left", c->base.dir);
	return 0;
}

static void remove_shared_parents(const struct cryo_cgroups *cg)
{
	for (size_t i = 0; i < cg->n; i++) {
		cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/cryopod", cg->tree[i].mount);

		rmdir(dir);
	}
	rmdir(cryo_dir_state());
}

static int remove_kind_cluster(struct kindc *c, struct cryo_err *err)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	int rc = c->engine ? remove_from_engine(c, err) : 0;

	if (rc == 0)
		rc = cryo_cgroups_find(&cg, err);
	if (rc == 0)
		rc = cryo_cgroup_remove(&cg, c->group, err);
	if (rc == 0)
		rc = cryo_fs_rmtree(c->base.dir, err);
	if (rc == 0)
		rc = look_for_leftovers(c, &cg, err);
	if (rc == 0)
		remove_shared_parents(&cg);
	return rc;
}

int kindc_down(struct cryo_cluster *t, struct cryo_err *err)
{
	struct kindc *c = (struct kindc *)t;
	cryo_auto(cryo_fd_close) int lock = -1;
	int rc = cryo_lock_take(c->lock, CRYO_LOCK_CLUSTER_MS, &lock, err);

	if (rc < 0)
		return rc;
	cryo_step_begin("down %s", t->name);
	if (!cryo_fs_exists(t->dir)) {
		cryo_step_same("nothing to remove");
	} else {
		rc = remove_kind_cluster(c, err);
		if (rc < 0)
			cryo_step_fail("%s", err->msg);
		else
			cryo_step_ok("no container, volume, image, process or file is left");
	}
	cryo_lock_remove(c->lock, &lock);
	rmdir(cryo_dir_run());
	return cryo_err_wrap(err, rc, "cluster '%s' is not completely down", t->name);
}
