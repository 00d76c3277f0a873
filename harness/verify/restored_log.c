/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/restored_log.h"

/* Two values are needed; the third shows people a count and not a pair. */
#define OWN_VALUES 3

struct own_lines {
	const struct cryo_count_format *format;
	size_t copied, seen, own;
};

static bool has_enough_own_lines(const char *line, int64_t ns, void *arg)
{
	struct own_lines *l = arg;
	struct cryo_count c;

	(void)ns;
	if (l->seen++ >= l->copied && cryo_count_read(l->format, line, &c) == CRYO_LOGLINE_COUNT)
		l->own++;
	return l->own >= OWN_VALUES;
}

int cryo_restored_log_read(struct cryo_kube *k, const struct cryo_podlog *p,
			   const struct cryo_count_format *format, const char *copied,
			   struct cryo_str *out, struct cryo_err *err)
{
	cryo_auto(cryo_counterlog_release) struct cryo_counterlog copy = { 0 };
	struct cryo_podlog follow = *p;
	struct own_lines own = { .format = format };
	int rc;

	cryo_counterlog_parse(CRYO_LOG_CRI, format, copied, &copy);
	own.copied = copy.n;
	follow.enough = has_enough_own_lines;
	follow.arg = &own;
	rc = cryo_podlog_read(k, &follow, out, err);
	return rc == -CRYO_E_TIMEOUT || rc == 1 ? 0 : rc;
}
