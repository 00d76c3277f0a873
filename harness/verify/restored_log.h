/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a restored pod, followed until it has shown enough for the judge (continuity.h). */
#ifndef CRYO_VERIFY_RESTORED_LOG_H
#define CRYO_VERIFY_RESTORED_LOG_H

#include "verify/counterlog.h"
#include "verify/podlog.h"

/*
 * `p` without `enough`. `format`: of its lines; NULL: the counter's own. `copied`: container.log of
 * the archive, with which the log begins. Appends to `out`. Too few lines of its own within the
 * time, or a container that ended, is no failure here but a finding for the judge, which has the
 * better words.
 */
int cryo_restored_log_read(struct cryo_kube *k, const struct cryo_podlog *p,
			   const struct cryo_count_format *format, const char *copied,
			   struct cryo_str *out, struct cryo_err *err);

#endif
