/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which Go builds a component: the host's if it is new enough (or may fetch a
 * newer one, GOTOOLCHAIN), else one in a Debian build root of ours.
 */
#ifndef CRYO_BUILD_TOOLCHAIN_H
#define CRYO_BUILD_TOOLCHAIN_H

#include "base/err.h"
#include "sys/proc.h"

struct cryo_toolchain {
	char *go;      /* path of the go program, inside `root` if there is one */
	char *version; /* "go1.26.8" as it will be used, NULL while a build root is still to be made
			*/
	char *root;    /* build root directory, NULL: the host itself */
	bool root_ready; /* false: cryo_toolchain_prepare() will make it */
	char *
	    why; /* for doctor: "host go1.19.8 is too old for go 1.25.0 and cannot fetch another" */
};

/* `wanted` is the newest go directive among the components, "1.25.0"; probes, makes nothing. */
int cryo_toolchain_find(const char *wanted, struct cryo_toolchain *out, struct cryo_err *err);
/* Make the build root if one is needed. */
int cryo_toolchain_prepare(struct cryo_toolchain *t, struct cryo_err *err);
void cryo_toolchain_release(struct cryo_toolchain *t);
#define cryo_toolchain_releasep cryo_toolchain_release

#endif
