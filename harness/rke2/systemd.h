/* SPDX-License-Identifier: Apache-2.0 */
/* The service of a node: started again, awaited, looked into when it does not come back. */
#ifndef CRYO_RKE2_SYSTEMD_H
#define CRYO_RKE2_SYSTEMD_H

#include "base/err.h"

#include <jansson.h>

/* `arg` is handed to each. */
struct cryo_rke2_service {
	/* Does the unit run? */
	bool (*is_active)(void *arg, const char *unit);
	int (*restart)(void *arg, const char *unit, struct cryo_err *err);
	/*
	 * Until the node is Ready and containerd and the kubelet are those of `plan`, with `ours`,
	 * or any others. -CRYO_E_TIMEOUT: what is still missing.
	 */
	int (*wait)(void *arg, const json_t *plan, bool ours, struct cryo_err *err);
	/* What tells why, into a directory. */
	void (*collect)(void *arg, const json_t *plan, const char *dir);
	void *arg;
};

struct cryo_rke2_limits {
	int64_t restart_ms, ready_ms;
	const char *root; /* "" */
};

/* systemctl, kubectl of the node, /proc. `limits` is borrowed. */
void cryo_rke2_systemd(struct cryo_rke2_limits *limits, struct cryo_rke2_service *out);

#endif
