/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint archive as containerd (2.0 and later) writes it: what is in it,
 * checked (docs/architecture.md, "Archives"; containerd
 * internal/cri/server/container_checkpoint_linux.go). Hostile input.
 */
#ifndef CRYO_CRIU_ARCHIVE_H
#define CRYO_CRIU_ARCHIVE_H

#include "base/err.h"
#include "base/str.h"

struct cryo_archive {
	char *container; /* config.dump / status.dump: Kubernetes container name */
	char *pod;	 /* "" if the archive does not say (containerd 2.0) */
	char *ns;
	char *image;	  /* rootfsImage: what the user wrote in the pod */
	char *image_name; /* rootfsImageName: full reference */
	char *image_ref;  /* rootfsImageRef */
	char *runtime;
	char *checkpointed; /* RFC 3339 */
	char *log;	    /* container.log: CRI log lines, "" if absent */
	bool has_status;    /* status.dump: without it CRI restore refuses */
	uint64_t bytes;	    /* of the file */
	size_t members;
};

/* -CRYO_E_CONFIG with what is wrong: empty, no tar, cut short, no config.dump, no
 * checkpoint/inventory.img … */
int cryo_archive_load(const char *path, struct cryo_archive *out, struct cryo_err *err);
void cryo_archive_release(struct cryo_archive *a);
#define cryo_archive_releasep cryo_archive_release

#endif
