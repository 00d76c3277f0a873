/* SPDX-License-Identifier: Apache-2.0 */
/* From containers in which kubeadm has been to a cluster that is used. */
#include "cluster/kind/kindc.h"

#include "base/clock.h"
#include "base/event.h"
#include "cluster/forward.h"
#include "conf/yaml.h"
#include "image/builtin.h"
#include "source/data.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define API_PORT 6443
#define POLL_MS	 100

/* The port that kind wrote down is one of the private daemon's network. */
int kindc_point_kubeconfig(const struct kindc *c, struct cryo_err *err)
{
	cryo_auto(cryo_yaml_release) struct cryo_yaml y = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_json_decref) json_t *config = NULL;
	int rc = cryo_yaml_load(c->base.kubeconfig, &y, err);

	if (rc < 0)
		return rc;
	if (y.n != 1)
		return cryo_err_set(err, CRYO_E_PROVISION, "'%s' is damaged", c->base.kubeconfig);
	config = cryo_node_to_json(y.doc[0]);
	rc = cryo_json_set(config, "clusters[0].cluster.server",
			   json_sprintf("https://127.0.0.1:%u", c->port), err);
	if (rc < 0)
		return rc;
	cryo_yaml_emit(config, &text);
	return cryo_fs_write(c->base.kubeconfig, text.p, text.len, 0600, err);
}

int kindc_open_way_in(struct kindc *c, const struct cryo_engine *e, struct cryo_err *err)
{
	int rc;

	(void)e;
	if (!c->private || (c->forwarder.pid > 0 && cryo_pid_alive(&c->forwarder)))
		return 0;
	rc = cryo_forward_start(c->group, &c->init[0], API_PORT, &c->port, &c->forwarder, err);
	/* The port of last time is only a wish. */
	if (rc == -(int)CRYO_E_UNFIT && c->port) {
		c->port = 0;
		rc = cryo_forward_start(c->group, &c->init[0], API_PORT, &c->port, &c->forwarder,
					err);
	}
	if (rc == 0)
		rc = kindc_save(c, err);
	return rc < 0 ? rc : kindc_point_kubeconfig(c, err);
}

static int apply_manifest(struct cryo_kube *k, const char *file, struct cryo_err *err)
{
	cryo_auto(cryo_yaml_release) struct cryo_yaml y = { 0 };
	cryo_auto(cryo_free) char *path = NULL;
	int rc = cryo_data_path(file, &path, err);

	if (rc == 0)
		rc = cryo_yaml_load(path, &y, err);
	for (size_t i = 0; rc == 0 && i < y.n; i++) {
		cryo_auto(cryo_json_decref) json_t *object = cryo_node_to_json(y.doc[i]);
		enum cryo_kube_change change;

		rc = cryo_kube_apply(k, object, NULL, &change, err);
	}
	return rc;
}

/* kubeadm lets the API server ask kubelets for much, but not for a checkpoint; and where kind does
 * not apply the node image's network manifest (disableDefaultCNI) its rights are missing. */
static int grant_rights(struct cryo_kube *k, struct cryo_err *err)
{
	static const char *const files[] = { "kube-deployments/checkpoint-rbac.yaml",
					     "images/node/files/kind/manifests/default-cni.yaml" };
	int rc = 0;

	cryo_step_begin("rights");
	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(files); i++)
		rc = apply_manifest(k, files[i], err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("nodes/checkpoint for the API server");
	return rc;
}

static int load_counter(struct kindc *c, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *tar = cryo_asprintf("%s/counter.tar", c->base.dir);
	int rc;

	cryo_step_begin("load images");
	rc = cryo_image_builtin("counter", tar, err);
	if (rc == 0)
		rc = cryo_cluster_load_image(&c->base, NULL, tar, err);
	unlink(tar);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("counter");
	return rc;
}

static int wait_for_kind_api(struct kindc *c, struct cryo_kube *k, int64_t deadline,
			     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *why = NULL;
	int rc;

	cryo_step_begin("API server");
	while ((rc = cryo_kube_ready(k, &why, err)) == 1) {
		if (!kindc_runs(c))
			rc = cryo_err_set(err, CRYO_E_PROVISION,
					  "a node died while waiting for the API server");
		else if (cryo_now_ms() >= deadline)
			rc = cryo_err_set(err, CRYO_E_TIMEOUT, "the API server is not ready: %s",
					  why ? why : "no answer");
		else
			rc = cryo_intr_sleep(POLL_MS, err);
		free(cryo_steal(&why));
		if (rc < 0)
			break;
	}
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("ready");
	return rc;
}

static int wait_for_kind_nodes(struct kindc *c, struct cryo_kube *k, int64_t deadline,
			       struct cryo_err *err)
{
	const struct cryo_kube_ref account = { "serviceaccounts", "default", "default" };
	char ready[] = "Ready";
	int rc = 0;

	cryo_step_begin("nodes Ready");
	for (size_t i = 0; rc == 0 && i < c->base.nodes; i++) {
		const struct cryo_kube_ref node = { "nodes", NULL, c->base.node[i].name };

		cryo_step_note("%s", c->base.node[i].name);
		rc = cryo_kube_wait(k, &node, cryo_kube_test_condition, ready,
				    deadline - cryo_now_ms(), NULL, err);
	}
	/* Without it the first pod of somebody who is quick is refused. */
	if (rc == 0)
		rc = cryo_kube_wait(k, &account, cryo_kube_test_exists, NULL,
				    deadline - cryo_now_ms(), NULL, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("%zu", c->base.nodes);
	return rc;
}

int kindc_settle(struct kindc *c, int64_t deadline, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	int rc = kindc_kube(&c->base, &k, err);

	if (rc == 0)
		rc = wait_for_kind_api(c, k, deadline, err);
	if (rc == 0 && !c->complete)
		rc = grant_rights(k, err);
	if (rc == 0 && !c->complete)
		rc = load_counter(c, err);
	return rc < 0 ? rc : wait_for_kind_nodes(c, k, deadline, err);
}
