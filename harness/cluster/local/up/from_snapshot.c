/* SPDX-License-Identifier: Apache-2.0 */
/* `up --from`: as from a template, but there is no other way to the same cluster. */
#include "cluster/local/node/pods.h"
#include "cluster/local/template/template.h"
#include "cluster/local/up/up.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <stdlib.h>
#include <string.h>

/* What the cluster is made from is written in the snapshot. */
static void describe_snapshot_origin(struct up *u, const json_t *meta)
{
	struct local_record *r = &u->record;

	free(r->stack);
	free(r->stamp);
	json_decref(r->builds);
	r->stack = cryo_strdup(cryo_json_str(meta, "stack"));
	r->stamp = cryo_strdup(cryo_json_str(meta, "stamp"));
	r->builds = json_incref(json_object_get(meta, "builds"));
	json_decref(r->flags);
	r->flags = json_incref(json_object_get(meta, "flags"));
}

static int open_snapshot(struct up *u, struct template *t, struct cryo_err *err)
{
	const char *name = u->opts->from;
	cryo_auto(cryo_free) char *why = NULL;
	int rc = cryo_cluster_good_name(name) ? template_open(name, t, err) : 1;

	if (rc == 1)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "no snapshot '%s' (see cryopod snapshot list)", name);
	if (rc < 0)
		return rc;
	why = template_snapshot_unfit(name, t->meta);
	if (why)
		return cryo_err_set(
		    err, CRYO_E_UNFIT,
		    "snapshot '%s' cannot be restored here: %s. Memory can only be restored where "
		    "it was saved; otherwise start a new cluster and fill it again",
		    name, why);
	memcpy(u->key, name, strlen(name) + 1);
	describe_snapshot_origin(u, t->meta);
	return 0;
}

static int start_from_snapshot(struct up *u, const struct template *t, struct template_times *times,
			       struct cryo_err *err)
{
	int rc = up_restore(u, t, times, err);

	if (rc == 0)
		rc = snapshot_pods_start(u->l, err);
	return rc < 0 ? rc : up_wait_quietly(u, err);
}

static int restore_from_snapshot(struct up *u, const struct template *t, struct cryo_err *err)
{
	struct template_times times = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	int64_t begin = cryo_now_ms();
	int rc;

	cryo_step_begin("restored from snapshot");
	rc = start_from_snapshot(u, t, &times, err);
	if (rc == 0) {
		up_say_restored(u, t, &times, cryo_now_ms() - begin);
		return 0;
	}
	cryo_step_fail("%s", err->msg);
	cryo_intr_hold();
	up_forget(u, &ignored);
	cryo_intr_release();
	return cryo_err_wrap(err, rc,
			     "snapshot '%s' (CRIU's log, if there is one: "
			     "%s/logs/template-restore.log)",
			     u->key, cryo_dir_cache());
}

bool up_has_snapshot(struct up *u)
{
	cryo_auto(template_release) struct template t = TEMPLATE_INIT;
	struct cryo_err ignored = CRYO_ERR_INIT;

	return open_snapshot(u, &t, &ignored) == 0;
}

int up_from_snapshot(struct up *u, struct cryo_err *err)
{
	cryo_auto(template_release) struct template t = TEMPLATE_INIT;
	int rc = open_snapshot(u, &t, err);

	if (rc == 0)
		rc = restore_from_snapshot(u, &t, err);
	if (rc == 0)
		u->pods = json_incref(cryo_json_at(t.meta, "holds.pods"));
	return rc;
}
