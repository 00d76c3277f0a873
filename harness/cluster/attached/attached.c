/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters that somebody else runs, known by their API. */
#include "cluster/attached/attached.h"

#include "cluster/kind.h"
#include "base/event.h"
#include "conf/json.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int attached_open(const struct cryo_record *r, struct cryo_cluster *t, struct cryo_err *err)
{
	struct attached *a = (struct attached *)t;

	(void)err;
	if (!r)
		return 0;
	t->kubeconfig = cryo_strdup(cryo_json_str(r->config, "kubeconfig"));
	a->context = cryo_strdup(cryo_json_str(r->config, "context"));
	a->k = (struct cryo_kubectl){ .kubeconfig = t->kubeconfig, .context = a->context };
	cryo_cluster_take_nodes(t, r->node, r->nodes);
	return 0;
}

void attached_release(struct cryo_cluster *t)
{
	struct attached *a = (struct attached *)t;

	cryo_kubectl_proxy_end(&a->proxy);
	free(a->context);
}

int attached_kube(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err)
{
	struct attached *a = (struct attached *)t;

	if (t->dir && !t->kubeconfig)
		return cryo_err_set(err, CRYO_E_CHECK,
				    "cluster '%s' is not attached (cryopod attach %s --kubeconfig "
				    "FILE)",
				    t->name, t->name);
	/* kubectl would take one that is not there for an empty one, and ask for a server. */
	if (t->kubeconfig && access(t->kubeconfig, R_OK) < 0)
		return cryo_err_sys(err, errno, "kubeconfig of cluster '%s': cannot open '%s'",
				    t->name, t->kubeconfig);
	return cryo_kubectl_client(&a->proxy, &a->k, out, err);
}

int attached_down(struct cryo_cluster *t, struct cryo_err *err)
{
	int rc = 0;

	cryo_step_begin("down %s", t->name);
	if (!cryo_fs_exists(t->dir)) {
		cryo_step_same("nothing to remove");
		return 0;
	}
	rc = cryo_fs_rmtree(t->dir, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("forgotten; the cluster itself is untouched");
	rmdir(cryo_dir_state()); /* goes with the last one */
	return rc;
}

const char *attached_state(struct cryo_cluster *t)
{
	return t->kubeconfig ? "attached" : "absent";
}
