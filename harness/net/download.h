/* SPDX-License-Identifier: Apache-2.0 */
/* A file from the web onto the disk, going on where a former attempt was cut off. */
#ifndef CRYO_NET_DOWNLOAD_H
#define CRYO_NET_DOWNLOAD_H

#include "base/err.h"

struct cryo_download {
	const char
	    *url; /* http or https; redirections are followed, proxies are the environment's */
	const char *path; /* what is there already is its beginning */
	uint64_t max;	  /* a larger file is refused */
	int64_t quiet_ms; /* the longest the server may send nothing */
};

/*
 * Interruptible; emits step notes. Whoever knows a checksum has to look at it: a file
 * that changed on the server between two attempts is a mixture.
 *   -CRYO_E_REMOTE    no connection, cut off (what came stays), an HTTP code (in http_code)
 *   -CRYO_E_TIMEOUT, -CRYO_E_INTERRUPTED
 *   -CRYO_E_UNFIT     no space
 */
int cryo_download(const struct cryo_download *d, struct cryo_err *err);

#endif
