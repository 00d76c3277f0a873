/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCI image layouts as one tar file, byte for byte reproducible (source: OCI
 * image-spec 1.1, image-layout.md). Same input, same bytes.
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
	const char *ref;		  /* full name: "docker.io/library/counter:latest" */
	const char *const *entrypoint;	  /* NULL-terminated */
	const struct cryo_oci_file *file; /* becomes the one layer */
	size_t n_files;
	/* A tar that is the layer as it is (a checkpoint archive) instead of files; NULL otherwise.
	 */
	const char *layer_path;
	/* Manifest annotations, "key=value" list; NULL: none. */
	const char *const *annotations;
};

/* Publishes the layout tar at `path` whole or not at all. */
int cryo_oci_write(const struct cryo_oci_image *img, const char *path, struct cryo_err *err);

/* The platform's name in OCI terms: "amd64", "arm64". */
const char *cryo_oci_arch(void);

#endif
