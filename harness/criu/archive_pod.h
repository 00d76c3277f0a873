/* SPDX-License-Identifier: Apache-2.0 */
/* What an archive tells of the pod around its container. Part of archive.c. */
#ifndef CRYO_CRIU_ARCHIVE_POD_H
#define CRYO_CRIU_ARCHIVE_POD_H

#include "conf/json.h"
#include "criu/archive.h"

/*
 * Of which namespaces CRIU wrote an image. It writes none of those that it shares with
 * the dumped processes, the node's, but of the PID namespace, whose own number it gives it.
 */
struct cryo_archive_namespaces {
	bool net, ipc, node_pid;
};
/* Notes what a member's name tells: contents may be encrypted. */
void cryo_archive_note_namespace(struct cryo_archive_namespaces *n, const char *member);

/* From spec.dump (OCI runtime spec) and status.dump (CRI ContainerStatus; NULL: there is none). */
int cryo_archive_take_pod(const json_t *spec, const json_t *status,
			  const struct cryo_archive_namespaces *namespaces, struct cryo_archive *a,
			  struct cryo_err *err);

#endif
