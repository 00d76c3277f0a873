/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/local/template/template.h"

#include "base/clock.h"
#include "base/event.h"
#include "sys/fs.h"
#include "sys/places.h"
#include "cluster/local/node/criu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEMPLATE_BYTES (700ull * 1000 * 1000) /* images, disk, and some air */

static int copy_tree_below(const char *from, const char *to, const char *name, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *src = cryo_asprintf("%s/%s", from, name);
	cryo_auto(cryo_free) char *dst = cryo_asprintf("%s/%s", to, name);

	return cryo_fs_copy_tree(src, dst, err);
}

/* Logs outlive the directories they were written into, one of each kind. */
static void keep_criu_log(const char *work, const char *log)
{
	cryo_auto(cryo_free) char *from = cryo_asprintf("%s/%s", work, log);
	cryo_auto(cryo_free) char *to = cryo_cache_path(CRYO_CACHE_LOGS "/template-%s", log);
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_fs_mkparents(to, 0755, &ignored) == 0)
		cryo_fs_copy(from, to, 0600, &ignored);
}

int template_space(const char *key, uint64_t bytes, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *store = template_store(!template_is_key(key));
	cryo_auto(cryo_free) char *need = cryo_size_show(bytes);
	cryo_auto(cryo_free) char *have = NULL;
	uint64_t free_bytes;
	int rc = cryo_fs_mkdirs(store, 0700, err);

	if (rc == 0)
		rc = cryo_fs_free_bytes(store, &free_bytes, err);
	if (rc < 0 || free_bytes >= bytes)
		return rc;
	have = cryo_size_show(free_bytes);
	return cryo_err_set(err, CRYO_E_UNFIT, "'%s' has %s free, a %s needs %s", store, have,
			    template_is_key(key) ? "template" : "snapshot", need);
}

/* 0; 1: CRIU could not, the node goes on. */
static int dump_template_memory(const struct local *l, const struct local_record *r,
				struct template *t, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *images = cryo_asprintf("%s/images", t->dir);
	cryo_auto(cryo_free) char *work = cryo_asprintf("%s/criu", l->base.dir);
	cryo_auto(cryo_free) char *group = cryo_asprintf("%s/host", l->cgroup);
	const struct local_room room = {
		.node = l->node, .group = group, .record = r, .images = images, .work = work
	};
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = cryo_fs_mkdirs(images, 0700, err);

	if (rc == 0)
		rc = local_room_dump(&room, &r->init, err);
	if (rc < 0)
		keep_criu_log(work, "dump.log");
	cryo_fs_rmtree(work, &ignored);
	return rc == -(int)CRYO_E_CHILD || rc == -(int)CRYO_E_UNFIT ? 1 : rc;
}

/* The tree is dead, and nothing of it ran after its memory was written. */
static int copy_node_disk(const struct local *l, struct template *t, struct cryo_err *err)
{
	int rc = copy_tree_below(l->node->dir, t->dir, "state", err);

	if (rc == 0)
		rc = copy_tree_below(l->node->dir, t->dir, "upper", err);
	return rc < 0 ? rc : copy_tree_below(l->base.dir, t->dir, "pki", err);
}

int template_take(const struct local *l, const struct local_record *r, const char *key,
		  struct template *t, char **why, struct cryo_err *err)
{
	int rc = template_begin(key, t, err);

	if (rc != 0) {
		*why = cryo_strdup(rc == 1 ? "another cryopod is making it" : err->msg);
		return 1;
	}
	rc = local_rules_put_away(l, err) < 0 ? 1 : dump_template_memory(l, r, t, err);
	if (rc == 1) {
		*why = cryo_strdup(err->msg);
		local_rules_bring_back(l);
	}
	if (rc == 0)
		rc = copy_node_disk(l, t, err);
	if (rc != 0)
		template_abandon(t);
	return rc;
}

int template_make(const struct local *l, const struct local_record *r, const char *key,
		  const json_t *inputs, char **why, struct cryo_err *err)
{
	struct template t = TEMPLATE_INIT;
	int rc = template_space(key, TEMPLATE_BYTES, err);

	if (rc < 0) {
		*why = cryo_strdup(err->msg);
		return 1;
	}
	rc = template_take(l, r, key, &t, why, err);
	if (rc == 0)
		rc = template_publish(&t, inputs, r, err);
	if (rc == 0)
		template_prune(key);
	template_abandon(&t);
	template_release(&t);
	return rc;
}

static int copy_template_to_node(const struct local *l, const struct template *t,
				 struct cryo_err *err)
{
	cryo_auto(cryo_free) char *work = cryo_asprintf("%s/work", l->node->dir);
	int rc = cryo_fs_mkdirs(l->base.dir, 0700, err);

	if (rc == 0)
		rc = cryo_fs_mkdirs(work, 0755, err);
	if (rc == 0)
		rc = copy_tree_below(t->dir, l->node->dir, "upper", err);
	if (rc == 0)
		rc = copy_tree_below(t->dir, l->node->dir, "state", err);
	return rc < 0 ? rc : copy_tree_below(t->dir, l->base.dir, "pki", err);
}

int template_resume(const struct local *l, const struct template *t, const struct local_record *r,
		    struct cryo_pid *init, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *images = cryo_asprintf("%s/images", t->dir);
	cryo_auto(cryo_free) char *work = cryo_asprintf("%s/criu", l->base.dir);
	const struct local_room room = {
		.node = l->node, .record = r, .images = images, .work = work
	};
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = local_room_restore(&room, init, err);

	if (rc < 0)
		keep_criu_log(work, "restore.log");
	else
		cryo_fs_rmtree(work, &ignored);
	return rc;
}

int template_restore(const struct local *l, const struct template *t, const struct local_record *r,
		     struct cryo_pid *init, struct template_times *times, struct cryo_err *err)
{
	int64_t begin = cryo_now_ms(), copied;
	int rc = copy_template_to_node(l, t, err);

	copied = cryo_now_ms();
	times->copy = copied - begin;
	if (rc == 0)
		rc = template_resume(l, t, r, init, err);
	times->criu = cryo_now_ms() - copied;
	return rc;
}
