/* SPDX-License-Identifier: Apache-2.0 */
#include "report/sink.h"

#include <stdlib.h>

void *cryo_lanes_get(struct cryo_lanes *l, unsigned lane)
{
	if (lane >= l->n) {
		l->v = cryo_realloc(l->v, lane + 1u, sizeof(*l->v));
		while (l->n <= lane)
			l->v[l->n++] = NULL;
	}
	if (!l->v[lane])
		l->v[lane] = cryo_alloc(l->size);
	return l->v[lane];
}

void cryo_lanes_release(struct cryo_lanes *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	l->v = NULL;
	l->n = 0;
}
