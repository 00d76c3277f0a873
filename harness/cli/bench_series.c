/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench.h"

#include <stdlib.h>

void cryo_bench_add(struct cryo_bench_series *s, double value)
{
	if (s->n < CRYO_BENCH_MAX_RUNS)
		s->v[s->n++] = value;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct cryo_bench_series sorted(const struct cryo_bench_series *s)
{
	struct cryo_bench_series copy = *s;

	qsort(copy.v, copy.n, sizeof(*copy.v), by_value);
	return copy;
}

double cryo_bench_median(const struct cryo_bench_series *s)
{
	struct cryo_bench_series by = sorted(s);

	if (by.n == 0)
		return 0;
	return by.n % 2 ? by.v[by.n / 2] : (by.v[by.n / 2 - 1] + by.v[by.n / 2]) / 2;
}

json_t *cryo_bench_summary(const struct cryo_bench_series *s)
{
	struct cryo_bench_series by = sorted(s);

	return json_pack("{sf sf sf}", "median", cryo_bench_median(s), "min", by.n ? by.v[0] : 0.0,
			 "max", by.n ? by.v[by.n - 1] : 0.0);
}

void cryo_bench_ratios(const struct cryo_bench_series *a, const struct cryo_bench_series *b,
		       struct cryo_bench_series *out)
{
	out->n = 0;
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (a->v[i] > 0)
			cryo_bench_add(out, b->v[i] / a->v[i]);
}
