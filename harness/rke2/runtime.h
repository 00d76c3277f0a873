/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of rke2/: what containerd has to be told so that restores work, and the way RKE2 leaves
 * for it. Releases of 2026 import <data-dir>/agent/etc/containerd/config-v3.toml.d/…; before that
 * there is only a template, which may import before it includes RKE2's own.
 */
#ifndef CRYO_RKE2_RUNTIME_H
#define CRYO_RKE2_RUNTIME_H

#include "rke2/node.h"

#define RKE2_RUNTIME_CONF "/etc/cryopod/containerd.toml"

/* Start from zeroed memory. In the order in which they are written. */
struct rke2_runtime {
	struct {
		char *path;
		char *content;
	} file[2];
	size_t n;
	char *unknown;	/* the configuration that cannot be read: restores may not work; or NULL */
	char *template; /* an administrator's own that passes nothing of ours on, or NULL */
};

void rke2_runtime_find(const struct cryo_rke2_node *n, struct rke2_runtime *out);
void rke2_runtime_release(struct rke2_runtime *r);
#define rke2_runtime_releasep rke2_runtime_release

#endif
