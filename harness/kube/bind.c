/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/internal.h"

#include "conf/json.h"

int cryo_kube_bind(struct cryo_kube *k, const char *ns, const char *pod, const char *node,
		   struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 };
	cryo_auto(cryo_json_decref) json_t *binding = json_pack(
	    "{ss ss s{ss} s{ss ss ss}}", "apiVersion", "v1", "kind", "Binding", "metadata", "name",
	    pod, "target", "apiVersion", "v1", "kind", "Node", "name", node);
	int rc;

	cryo_kube_base("v1", &path);
	rc = cryo_kube_path_below("pods", ns, pod, &path, err);
	cryo_str_add(&path, "/binding");
	return rc < 0 ? rc : cryo_kube_raw(k, "POST", path.p, binding, 0, NULL, err);
}
