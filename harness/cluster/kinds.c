/* SPDX-License-Identifier: Apache-2.0 */
/* The table of kinds: the one place that names them. */
#include "cluster/kind.h"

#include <string.h>

const struct cryo_cluster_ops *const cryo_cluster_kinds[] = { &cryo_cluster_local,
							      &cryo_cluster_attached,
							      &cryo_cluster_kind_kind, NULL };

int cryo_cluster_find_kind(const char *name, const struct cryo_cluster_ops **out,
			   struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	cryo_auto(cryo_free) char *list = NULL;

	for (size_t i = 0; cryo_cluster_kinds[i]; i++) {
		if (!name || strcmp(name, cryo_cluster_kinds[i]->kind) == 0) {
			*out = cryo_cluster_kinds[i];
			return 0;
		}
		cryo_strv_add(&names, cryo_cluster_kinds[i]->kind);
	}
	list = cryo_strv_join(&names, ", ");
	return cryo_err_set(err, CRYO_E_USAGE, "unknown kind of cluster '%s' (valid values: %s)",
			    name, list);
}
