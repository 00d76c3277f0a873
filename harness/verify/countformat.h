/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of verify/: lines of a format that the user names. */
#ifndef CRYO_VERIFY_COUNTFORMAT_H
#define CRYO_VERIFY_COUNTFORMAT_H

#include "verify/counterlog.h"

enum cryo_logline_kind cryo_count_format_read(const struct cryo_count_format *f, const char *line,
					      struct cryo_count *out);

#endif
