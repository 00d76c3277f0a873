/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a pod's container as one text, read to its end or followed until it says enough. */
#ifndef CRYO_VERIFY_PODLOG_H
#define CRYO_VERIFY_PODLOG_H

#include "kube/kube.h"
#include "verify/counterlog.h"

struct cryo_podlog {
	const char *ns, *pod, *container; /* container NULL: the only one */
	int64_t timeout_ms;
	/*
	 * NULL: read what is there. Else follow: asked for each line, `ns` is its
	 * stamp; true ends it.
	 */
	bool (*enough)(const char *line, int64_t ns, void *arg);
	void *arg;
};

/*
 * Appends lines with their stamps to `out`, also when it fails. At most 64 MiB.
 *   1   the log ended (a followed one: the container did) without `enough`
 *   0   done: `enough` said so
 *   -CRYO_E_TIMEOUT and others
 */
int cryo_podlog_read(struct cryo_kube *k, const struct cryo_podlog *p, struct cryo_str *out,
		     struct cryo_err *err);

#endif
