/* SPDX-License-Identifier: Apache-2.0 */
/* What every way to a cluster needs: what it is made from, room for it, and a clean place. */
#include "cluster/local/up/up.h"

#include "base/clock.h"
#include "sys/fs.h"

#include <stdlib.h>

#define NODE_BYTES (400ull * 1000 * 1000)

void up_describe(struct up *u)
{
	char stamp[CRYO_HASH_HEX];

	cryo_build_stamp(&u->build, stamp);
	free(u->record.stamp);
	free(u->record.stack);
	json_decref(u->record.builds);
	u->record.stamp = cryo_strdup(stamp);
	u->record.stack = cryo_strdup(u->stack.name);
	u->record.builds = json_array();
	for (size_t i = 0; i < u->build.n; i++) {
		const struct cryo_built *b = &u->build.item[i];
		cryo_auto(cryo_free) char *source = cryo_source_show(&b->component->source);

		json_array_append_new(u->record.builds,
				      json_pack("{ss ss ss* ss ss}", "component",
						b->component->name, "source", source, "version",
						b->component->source.version, "stamp", b->stamp,
						"dir", b->dir));
	}
}

/* What an init of before left behind (its cgroups hold what is left of its processes). */
int up_clear(struct up *u, struct cryo_err *err)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	int rc = cryo_cgroups_find(&cg, err);

	return rc < 0 ? rc : cryo_cgroup_remove(&cg, u->l->cgroup, err);
}

int up_forget(struct up *u, struct cryo_err *err)
{
	int rc = up_clear(u, err);

	u->record.init = u->record.forwarder = (struct cryo_pid){ 0 };
	u->record.complete = u->record.dumping = u->record.saving = false;
	free(cryo_steal(&u->record.from));
	return rc < 0 ? rc : cryo_fs_rmtree(u->l->base.dir, err);
}

/* etcd alone preallocates 64 MB twice; without space it dies with words that tell nobody why. */
int up_check_space(const struct up *u, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *have = NULL;
	cryo_auto(cryo_free) char *need = cryo_size_show(NODE_BYTES);
	uint64_t bytes;
	int rc = cryo_fs_free_bytes(u->l->base.dir, &bytes, err);

	if (rc < 0 || bytes >= NODE_BYTES)
		return rc;
	have = cryo_size_show(bytes);
	return cryo_err_set(err, CRYO_E_UNFIT, "'%s' has %s free, a node needs %s", u->l->base.dir,
			    have, need);
}
