/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/internal.h"

#include <string.h>

static void keep_partial_line(struct cryo_kube_lines *l, const char *data, size_t n)
{
	size_t room = l->max - l->partial.len;

	l->cut = l->cut || n > room;
	cryo_str_addn(&l->partial, data, n < room ? n : room);
}

static int hand_over_line(struct cryo_kube_lines *l)
{
	int rc = l->on_line(cryo_str_get(&l->partial), l->partial.len, l->arg);

	cryo_str_clear(&l->partial);
	l->cut = false;
	return rc;
}

int cryo_kube_lines_add(struct cryo_kube_lines *l, const char *data, size_t n)
{
	const char *newline;
	int rc = 0;

	while (rc == 0 && (newline = memchr(data, '\n', n))) {
		size_t used = (size_t)(newline - data);

		keep_partial_line(l, data, used);
		rc = hand_over_line(l);
		data += used + 1;
		n -= used + 1;
	}
	if (rc == 0)
		keep_partial_line(l, data, n);
	return rc;
}

int cryo_kube_lines_end(struct cryo_kube_lines *l)
{
	return l->partial.len > 0 ? hand_over_line(l) : 0;
}
