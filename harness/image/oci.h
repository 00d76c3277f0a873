/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCI image layouts as one tar file, byte for byte reproducible (source: OCI
 * image-spec 1.1, image-layout.md). Same input, same bytes. One image, as a rule with
 * one layer, for this machine's platform, as `ctr images import` wants it.
 */
#ifndef CRYO_IMAGE_OCI_H
#define CRYO_IMAGE_OCI_H

#include "base/err.h"

struct cryo_oci_file {
	const char *name; /* path in the image, no leading slash */
	const char *path; /* file on this machine */
	unsigned mode;
};

struct cryo_oci_image {
	const char *ref; /* full name with a tag: "docker.io/library/counter:latest" */
	const char *const *entrypoint;	  /* NULL-terminated; NULL: none */
	const struct cryo_oci_file *file; /* becomes the one layer, with the directories above */
	size_t n_files;
	/* More of its configuration; NULL: none. */
	const char *const *env; /* "KEY=VALUE" */
	const char *stop_signal;
	/* Layers below that one, in order: uncompressed tars as with layer_path. NULL: none. */
	const char *const *lower;
	bool docker; /* manifest.json as well, for loaders that read no layout (docker before 25) */
	/*
	 * An uncompressed tar that is the layer as it is (a checkpoint archive) instead of files;
	 * NULL otherwise. It is copied, and may not change meanwhile.
	 */
	const char *layer_path;
	/* Manifest annotations, "key=value" list; NULL: none. */
	const char *const *annotations;
};

/*
 * Publishes the layout tar at `path` (mode 0600, as a layer may be somebody's
 * memory) whole or not at all. While it is written a directory `.oci-XXXXXX` is
 * beside it.
 *   -CRYO_E_CONFIG   no name with a tag, an annotation without '=', text that is no UTF-8
 *   -CRYO_E_SYSTEM, -CRYO_E_INTERRUPTED
 */
int cryo_oci_write(const struct cryo_oci_image *img, const char *path, struct cryo_err *err);

/* The platform's name in OCI terms: "amd64", "arm64". */
const char *cryo_oci_arch(void);

#endif
