/* SPDX-License-Identifier: Apache-2.0 */
/* What an archive tells of the pod around its container. Part of archive.c. */
#ifndef CRYO_CRIU_ARCHIVE_POD_H
#define CRYO_CRIU_ARCHIVE_POD_H

#include "conf/json.h"
#include "criu/archive.h"

/* From spec.dump (OCI runtime spec) and status.dump (CRI ContainerStatus; NULL: there is none). */
int cryo_archive_take_pod(const json_t *spec, const json_t *status, struct cryo_archive *a,
			  struct cryo_err *err);

#endif
