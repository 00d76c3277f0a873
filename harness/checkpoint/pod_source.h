/* SPDX-License-Identifier: Apache-2.0 */
/* The pod in a manifest file: a Pod, the template of a workload, or one of them in a List. */
#ifndef CRYO_CHECKPOINT_POD_SOURCE_H
#define CRYO_CHECKPOINT_POD_SOURCE_H

#include "conf/json.h"
#include "criu/archive.h"

struct cryo_pod_source {
	json_t *pod; /* owned; metadata and spec as the file has them */
	char *from;  /* "template of Deployment 'web'"; NULL: a Pod */
};

/*
 * YAML (any number of documents) or JSON of at most 4 MiB. Of several candidates the
 * one is taken that has the archive's container, then the one whose name is the
 * pod's or the beginning of it. -CRYO_E_CONFIG: none, or several fit alike.
 */
int cryo_pod_source_read(const char *path, const struct cryo_archive *a,
			 struct cryo_pod_source *out, struct cryo_err *err);
void cryo_pod_source_release(struct cryo_pod_source *s);
#define cryo_pod_source_releasep cryo_pod_source_release

#endif
