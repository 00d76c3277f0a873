/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/migrate.h"

#include "base/clock.h"
#include "base/event.h"
#include "checkpoint/migrate_image.h"
#include "checkpoint/nodefile.h"
#include "checkpoint/sealing.h"
#include "conf/json.h"
#include "criu/archive.h"
#include "seal/cert.h"
#include "sys/fs.h"
#include "verify/restored_log.h"

#include <stdlib.h>
#include <string.h>

#define LOG_MS	 10000
#define JUDGE_MS 20000
#define GONE_MS	 60000

/* One migration on its way. */
struct move {
	struct cryo_cluster *t;
	struct cryo_kube *k;
	const struct cryo_migrate_opts *opts;
	json_t *pod; /* as it was; owned */
	const struct cryo_cluster_node *from, *to;
	struct cryo_checkpoint cp;
	char *dir, *archive, *before; /* owned; before: its log */
	struct cryo_migration *out;
};

static void release_move(struct move *m)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (m->dir)
		cryo_fs_rmtree(m->dir, &ignored);
	json_decref(m->pod);
	cryo_checkpoint_release(&m->cp);
	cryo_kube_free(m->k);
	free(m->dir);
	free(m->archive);
	free(m->before);
}
#define release_movep release_move

static int look_at_source(struct move *m, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", m->out->ns, m->opts->pod };
	int rc = cryo_kube_get(m->k, &ref, &m->pod, err);

	if (rc < 0)
		return rc;
	if (!m->pod)
		return cryo_err_set(err, CRYO_E_REMOTE, "pod '%s/%s' does not exist", ref.ns,
				    ref.name);
	if (!cryo_json_str(m->pod, "spec.nodeName"))
		return cryo_err_set(err, CRYO_E_CHECK, "it is not on a node yet");
	return cryo_cluster_find_node(m->t, cryo_json_str(m->pod, "spec.nodeName"), &m->from, err);
}

static bool is_node_ready(const json_t *node)
{
	char ready[] = "Ready";
	struct cryo_err ignored = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *why = NULL;

	return node && cryo_kube_test_condition(node, ready, &why, &ignored) == 1;
}

static int ask_node_ready(struct move *m, const char *name, bool *ready, bool *cordoned,
			  struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "nodes", NULL, name };
	cryo_auto(cryo_json_decref) json_t *node = NULL;
	int rc = cryo_kube_get(m->k, &ref, &node, err);

	*ready = is_node_ready(node);
	*cordoned = cryo_json_bool(node, "spec.unschedulable");
	return rc;
}

/* Workers first: pods seldom belong on a control plane. */
static int find_other_node(struct move *m, struct cryo_err *err)
{
	static const enum cryo_node_role order[] = { CRYO_NODE_WORKER, CRYO_NODE_CONTROL_PLANE };
	bool ready, cordoned;
	int rc = 0;

	for (size_t r = 0; rc == 0 && r < CRYO_ARRAY_LEN(order); r++)
		for (size_t i = 0; rc == 0 && i < m->t->nodes; i++) {
			const struct cryo_cluster_node *n = &m->t->node[i];

			if (n->role != order[r] || n == m->from)
				continue;
			rc = ask_node_ready(m, n->name, &ready, &cordoned, err);
			if (rc == 0 && ready && !cordoned) {
				m->to = n;
				return 0;
			}
		}
	return rc < 0 ? rc
		      : cryo_err_set(err, CRYO_E_CHECK,
				     "the cluster has no other node that is Ready (for several: "
				     "cryopod up --nodes 3)");
}

static int choose_target_node(struct move *m, struct cryo_err *err)
{
	bool ready, cordoned;
	int rc;

	if (!m->opts->to_node)
		return find_other_node(m, err);
	rc = cryo_cluster_find_node(m->t, m->opts->to_node, &m->to, err);
	if (rc == 0 && m->to == m->from)
		return cryo_err_set(err, CRYO_E_CHECK, "it is on node '%s' already", m->to->name);
	if (rc == 0)
		rc = ask_node_ready(m, m->to->name, &ready, &cordoned, err);
	if (rc < 0 || ready)
		return rc;
	return cryo_err_set(err, CRYO_E_CHECK, "node '%s' is not Ready", m->to->name);
}

/* Of the container that is meant; an unknown one is the checkpoint's to refuse. */
static const json_t *find_container_status(const struct move *m)
{
	const json_t *list = cryo_json_at(m->pod, "status.containerStatuses");

	return m->opts->container ? cryo_json_find(list, "name", m->opts->container)
				  : json_array_get(list, 0);
}

static int bring_image(struct move *m, struct cryo_err *err)
{
	const json_t *status = find_container_status(m);
	const char *name = cryo_json_str(status, "image"), *id = cryo_json_str(status, "imageID");

	return name && id ? cryo_migrate_image(m->t, m->from, m->to, name, id, err) : 0;
}

/* A Secret that can seal and not open would leave nothing but a sealed archive. */
static int check_key(struct move *m, struct cryo_err *err)
{
	cryo_auto(cryo_seal_key_free) struct cryo_seal_key *key = NULL;
	cryo_auto(cryo_str_release) struct cryo_str pem = { 0 };
	cryo_auto(cryo_free) char *what = NULL;
	int rc;

	if (!m->opts->secret)
		return 0;
	what = cryo_asprintf("tls.key of secret %s", m->opts->secret);
	rc = cryo_sealing_secret(m->k, m->out->ns, m->opts->secret, "tls.key", &pem, err);
	if (rc == 0)
		rc = cryo_seal_key_parse(what, cryo_str_get(&pem), pem.len, &key, err);
	if (pem.p)
		explicit_bzero(pem.p, pem.len);
	return rc;
}

static void warn_of_owner(const struct move *m)
{
	const char *kind = cryo_json_str(m->pod, "metadata.ownerReferences[0].kind");

	if (kind)
		cryo_warn("the pod belongs to a %s, which will start a replacement", kind);
}

static int prepare_move(struct move *m, struct cryo_err *err)
{
	int rc = cryo_cluster_kube(m->t, &m->k, err);

	if (rc == 0)
		rc = look_at_source(m, err);
	if (rc == 0)
		rc = choose_target_node(m, err);
	if (rc == 0)
		rc = check_key(m, err);
	if (rc == 0)
		rc = bring_image(m, err);
	if (rc == 0)
		rc = cryo_cluster_tmpdir(m->t, ".migrate-", &m->dir, err);
	if (rc < 0)
		return rc;
	m->archive = cryo_asprintf("%s/checkpoint.tar", m->dir);
	m->out->from = cryo_strdup(m->from->name);
	m->out->to = cryo_strdup(m->to->name);
	warn_of_owner(m);
	return 0;
}

/* What the counter had said before; a pod without a readable log moves as well. */
static char *read_log_before(const struct move *m)
{
	const struct cryo_podlog p = { .ns = m->out->ns,
				       .pod = m->opts->pod,
				       .container = m->opts->container,
				       .timeout_ms = LOG_MS };
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct cryo_str log = { 0 };

	cryo_podlog_read(m->k, &p, &log, &ignored);
	return cryo_str_detach(&log);
}

static int take_checkpoint(struct move *m, struct cryo_err *err)
{
	const struct cryo_checkpoint_opts opts = { .ns = m->out->ns,
						   .pod = m->opts->pod,
						   .container = m->opts->container,
						   .to = m->archive,
						   .limit_ms = m->opts->timeout_ms,
						   .leave = CRYO_LEAVE_STOPPED,
						   .encryption_secret = m->opts->secret };
	int rc = cryo_checkpoint_run(m->t, &opts, &m->cp, err);

	m->out->container = cryo_strdup(m->cp.container);
	m->out->sealed = m->cp.sealed;
	m->out->bytes = m->cp.bytes;
	m->out->checkpoint_ms = m->cp.ms;
	return rc;
}

/*
 * The name is free when the object is gone. With pods/checkpoint the container is dead by
 * now, so that nothing is lost without a grace; else it still runs, and what it does is lost.
 */
static int wait_until_source_gone(struct move *m, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", m->out->ns, m->opts->pod };

	if (strcmp(m->out->pod, m->opts->pod) != 0)
		return 0;
	return cryo_kube_delete_uid(m->k, &ref, cryo_json_str(m->pod, "metadata.uid"),
				    m->cp.form == CRYO_CHECKPOINT_PODS ? 0 : 1,
				    cryo_limit_ms(GONE_MS), err);
}

static int restore_on(struct move *m, const char *node, struct cryo_err *err)
{
	cryo_auto(cryo_restore_release) struct cryo_restore r = { 0 };
	const struct cryo_restore_opts opts = { .archive = m->archive,
						.pod = m->out->pod,
						.ns = m->out->ns,
						.node = node,
						.manifest = m->opts->manifest,
						.source = m->cp.source,
						.timeout_ms = m->opts->timeout_ms,
						/* As it is: it had them here a moment ago. */
						.allow_privileges = true,
						.key_secret = m->opts->secret };
	int rc = cryo_restore_run(m->t, &opts, &r, err);

	m->out->restore_ms = r.ms;
	return rc;
}

/* It was stopped for this: better where it was than nowhere. */
static int go_back(struct move *m, int rc, struct cryo_err *err)
{
	struct cryo_err why = CRYO_ERR_INIT;

	if (restore_on(m, m->from->name, &why) == 0)
		return cryo_err_wrap(err, rc, "it runs on node '%s' again", m->from->name);
	return cryo_err_wrap(err, rc, "it is no longer running; its archive is '%s' on node '%s'",
			     m->cp.archive, m->from->name);
}

static void judge_move(struct move *m)
{
	const struct cryo_podlog p = { .ns = m->out->ns,
				       .pod = m->out->pod,
				       .container = m->out->container,
				       .timeout_ms = cryo_limit_ms(JUDGE_MS) };
	cryo_auto(cryo_counterlog_release) struct cryo_counterlog before = { 0 };
	cryo_auto(cryo_archive_release) struct cryo_archive archive = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str restored = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct cryo_continuity_logs logs = { .before = m->before, .source = "" };

	cryo_counterlog_parse(CRYO_LOG_API, NULL, m->before, &before);
	if (!cryo_counterlog_last(&before) ||
	    cryo_archive_load(m->archive, &archive, &ignored) < 0 ||
	    cryo_restored_log_read(m->k, &p, NULL, archive.log, &restored, &ignored) < 0)
		return;
	logs.copy = archive.log;
	logs.restored = cryo_str_get(&restored);
	cryo_continuity_judge(&logs, &m->out->verdict);
	m->out->judged = true;
}

static int move_pod(struct move *m, struct cryo_err *err)
{
	struct cryo_err ignored = CRYO_ERR_INIT;
	int64_t begin;
	int rc = prepare_move(m, err);

	if (rc < 0)
		return rc;
	m->before = read_log_before(m);
	begin = cryo_now_ms();
	rc = take_checkpoint(m, err);
	if (rc < 0)
		return rc;
	rc = wait_until_source_gone(m, err);
	if (rc == 0)
		rc = restore_on(m, m->to->name, err);
	if (rc < 0)
		return go_back(m, rc, err);
	m->out->ms = cryo_now_ms() - begin;
	/* Only on its way; whoever wants one to keep takes a checkpoint. */
	cryo_nodefile_remove(m->t, m->from, m->cp.archive, &ignored);
	judge_move(m);
	return 0;
}

int cryo_migrate_run(struct cryo_cluster *t, const struct cryo_migrate_opts *opts,
		     struct cryo_migration *out, struct cryo_err *err)
{
	cryo_auto(release_move) struct move m = { .t = t, .opts = opts, .out = out };
	const struct cryo_cluster_node *first;
	int rc = 0;

	*out = (struct cryo_migration){ .ns = cryo_strdup(opts->ns ? opts->ns : "default"),
					.pod = cryo_strdup(opts->as ? opts->as : opts->pod) };
	if (!cryo_cluster_reaches_nodes(t))
		rc = cryo_cluster_find_node(t, NULL, &first, err);
	if (rc == 0)
		rc = move_pod(&m, err);
	if (rc < 0)
		cryo_migration_release(out);
	return cryo_err_wrap(err, rc, "migration of pod '%s'", opts->pod);
}

void cryo_migration_release(struct cryo_migration *m)
{
	free(m->ns);
	free(m->pod);
	free(m->container);
	free(m->from);
	free(m->to);
	*m = (struct cryo_migration){ 0 };
}

json_t *cryo_migration_json(const struct cryo_migration *m)
{
	return json_pack("{ss ss ss ss ss sb sI sI sI sI so}", "namespace", m->ns, "pod", m->pod,
			 "container", m->container, "from", m->from, "to", m->to, "sealed",
			 m->sealed, "bytes", (json_int_t)m->bytes, "checkpointMilliseconds",
			 (json_int_t)m->checkpoint_ms, "restoreMilliseconds",
			 (json_int_t)m->restore_ms, "milliseconds", (json_int_t)m->ms, "continuity",
			 m->judged ? cryo_continuity_json(&m->verdict) : json_null());
}
