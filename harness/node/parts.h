/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cryopod puts into a node beside what is built for it, whichever way nodes of
 * that kind are made: files of our own, what they are told, and which versions need
 * what.
 */
#ifndef CRYO_NODE_PARTS_H
#define CRYO_NODE_PARTS_H

#include "base/str.h"

/* Programs of ours: found as that name before the packaged ones in containerd's PATH. */
struct cryo_node_part {
	const char *from; /* for cryo_data_path(): "libexec/cryopod-criu" */
	const char *as;	  /* "criu" */
};
/* What stands between runc and CRIU (docs/architecture.md, "Sealed checkpoints"). */
extern const struct cryo_node_part cryo_node_interposer;
/* What it loads into a CRIU that needs it (cryo_node_needs_preload), if it is beside it. */
extern const struct cryo_node_part cryo_node_preload;

#define CRYO_NODE_CRIU_CONF "/etc/cryopod/criu.conf"
/* What one call lays down in a node lies there, unless its profile says otherwise. */
#define CRYO_NODE_RUN "/run/cryopod"
/* Its text: where the real CRIU is, its libraries (NULL: it finds them), and the node's directory
 * for what one call lays down. Appended. */
void cryo_node_criu_conf(const char *criu, const char *libraries, const char *run,
			 struct cryo_str *out);

/* "4.1.1-1", "6.18.44-fc": at least major.minor? NULL and what is not a version: no. */
bool cryo_node_version_at_least(const char *version, int major, int minor);
/* Since Linux 6.16 two socket options fail for IP sockets, and CRIU before 4.2 takes that as fatal.
 * `criu` NULL: a version that is not known. */
bool cryo_node_can_dump_ip_sockets(const char *criu, const char *kernel);
/* Has this CRIU to be helped on this kernel, by the preload? */
bool cryo_node_needs_preload(const char *criu);
/* Feature gates of a kubelet of that version ("1.33.13"; NULL: not known), as YAML's pairs. */
const char *cryo_node_kubelet_gates(const char *version);

#endif
