/* SPDX-License-Identifier: Apache-2.0 */
/* CRIU's dump.log and restore.log (and the error texts that quote them): the line that decides, and
 * what it means. */
#ifndef CRYO_CRIU_LOG_H
#define CRYO_CRIU_LOG_H

#include "base/err.h"

/*
 * The first "Error (file.c:123): …" line that is not known to be harmless, without
 * its time stamp; the errors after it are mostly its consequences. NULL if there is none. Caller
 * frees.
 */
char *cryo_criu_log_decisive(const char *log);
/* In plain words, with what to do; NULL for what is not known. Static text. */
const char *cryo_criu_log_explain(const char *text);

#endif
