/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint archive as containerd (2.0 and later) writes it: what is in it,
 * checked (docs/architecture.md, "Archives"; containerd
 * internal/cri/server/container_checkpoint_linux.go). Hostile input: what comes
 * out is bounded text without control characters, and names that are Kubernetes
 * names.
 */
#ifndef CRYO_CRIU_ARCHIVE_H
#define CRYO_CRIU_ARCHIVE_H

#include "base/err.h"
#include "base/str.h"
#include "criu/rights.h"

struct cryo_archive {
	char *container; /* Kubernetes container name */
	char *pod;	 /* "" if the archive does not say */
	char *ns;
	char *image;	  /* rootfsImage: containerd 2.2 writes the full reference here too */
	char *image_name; /* rootfsImageName: full reference; never "" */
	char *image_ref;  /* rootfsImageRef */
	char *runtime;
	char *checkpointed; /* RFC 3339; "" if the archive does not say */
	/* container.log: CRI log lines, "" if absent; of a long one whole lines of its end */
	char *log;
	/*
	 * Where the pod's volumes were mounted (bind mounts of spec.dump without those that
	 * every pod has, also without the termination log): a restored container must have
	 * them too. Any text without control characters. At most 256.
	 */
	struct cryo_strv volumes;
	char *criu_options; /* it was dumped with, as lines (criu/options.h); "" if none */
	struct cryo_strv image_volumes; /* VOLUMEs of its image: not in any pod's spec */
	/* Namespaces of its node or of its whole pod; what is not here was the container's own. */
	bool host_network, host_pid, host_ipc, shared_pid;
	bool read_only_root;
	bool sealed; /* says so of itself; what it is shows when it is opened */
	bool forked; /* its images are encrypted by CRIU itself */
	/* What its processes may do; nothing where it is sealed or forked. */
	struct cryo_rights rights;
	bool has_status; /* status.dump: without it CRI restore refuses */
	uint64_t bytes;	 /* of the file */
	size_t members;
};

/*
 * Reads all of the archive's directory, so that one that is cut short shows.
 * -CRYO_E_CONFIG with what is wrong: empty, no tar, cut short, no config.dump,
 * no spec.dump, no checkpoint/inventory.img, a member twice, JSON that is not
 * what it should be … After a failure *out is released.
 */
int cryo_archive_load(const char *path, struct cryo_archive *out, struct cryo_err *err);
void cryo_archive_release(struct cryo_archive *a);
#define cryo_archive_releasep cryo_archive_release

/*
 * Is it a checkpoint at all: an archive of any origin, or a directory of CRIU's images? That
 * it is whole is not looked at. -CRYO_E_CONFIG: it is not, or it is sealed.
 */
int cryo_checkpoint_recognize(const char *path, struct cryo_err *err);

#endif
