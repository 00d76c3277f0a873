/* SPDX-License-Identifier: Apache-2.0 */
/* Under which names an image archive brings its images into a container runtime. */
#ifndef CRYO_IMAGE_NAMES_H
#define CRYO_IMAGE_NAMES_H

#include "base/err.h"
#include "base/str.h"

/*
 * The full names ("docker.io/library/counter:latest"), appended as the archive has them: of an OCI
 * layout (image-spec 1.1, annotations io.containerd.image.name and
 * org.opencontainers.image.ref.name) and of a docker-archive (RepoTags of manifest.json). Hostile
 * input: at most 256 names, no control characters. -CRYO_E_CONFIG   no image archive, or not a
 * readable one
 */
int cryo_image_names(const char *path, struct cryo_strv *out, struct cryo_err *err);

#endif
