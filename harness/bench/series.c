/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench.h"

#include "sys/intr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cryo_bench_add(struct cryo_bench_series *s, double value)
{
	if (s->n < CRYO_BENCH_MAX_RUNS)
		s->v[s->n++] = value;
}

static int compare_series_values(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct cryo_bench_series copy_sorted_series(const struct cryo_bench_series *s)
{
	struct cryo_bench_series copy = *s;

	qsort(copy.v, copy.n, sizeof(*copy.v), compare_series_values);
	return copy;
}

double cryo_bench_median(const struct cryo_bench_series *s)
{
	struct cryo_bench_series by = copy_sorted_series(s);

	if (by.n == 0)
		return 0;
	return by.n % 2 ? by.v[by.n / 2] : (by.v[by.n / 2 - 1] + by.v[by.n / 2]) / 2;
}

json_t *cryo_bench_summary(const struct cryo_bench_series *s)
{
	struct cryo_bench_series by = copy_sorted_series(s);

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

json_t *cryo_bench_compare(const struct cryo_bench_series *a, const struct cryo_bench_series *b,
			   const struct cryo_bench_names *names)
{
	struct cryo_bench_series ratio;

	cryo_bench_ratios(a, b, &ratio);
	return json_pack("{so so so}", names->a, cryo_bench_summary(a), names->b,
			 cryo_bench_summary(b), "ratio", cryo_bench_summary(&ratio));
}

static double read_series_number(const json_t *j, const char *key)
{
	return json_number_value(json_object_get(j, key));
}

void cryo_bench_print_cell(const json_t *j)
{
	printf("  %6.0f (%5.0f … %5.0f)", read_series_number(j, "median"),
	       read_series_number(j, "min"), read_series_number(j, "max"));
}

void cryo_bench_print_head(const json_t *ballast, const struct cryo_bench_names *sides)
{
	cryo_auto(cryo_free) char *what = cryo_asprintf(
	    "%s %s, ms", cryo_json_str(ballast, "ballast"), cryo_json_str(ballast, "kind"));

	printf("\n%-24s%24s%24s  %s/%s\n", what, sides->a, sides->b, sides->b, sides->a);
}

void cryo_bench_print_row(const char *text, const json_t *row, const struct cryo_bench_names *names)
{
	const json_t *ratio = json_object_get(row, "ratio");

	printf("  %-22s", text);
	cryo_bench_print_cell(json_object_get(row, names->a));
	cryo_bench_print_cell(json_object_get(row, names->b));
	printf("  %.2f (%.2f … %.2f)\n", read_series_number(ratio, "median"),
	       read_series_number(ratio, "min"), read_series_number(ratio, "max"));
}

void cryo_bench_split(const char *list, struct cryo_strv *out)
{
	while (*list) {
		size_t n = strcspn(list, ",");

		cryo_strv_addf(out, "%.*s", (int)n, list);
		list += n + (list[n] == ',');
	}
}

json_t *cryo_bench_phases(const char *const *names, const struct cryo_bench_series *ms, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *row = cryo_bench_summary(&ms[i]);

		json_object_set_new(row, "what", json_string(names[i]));
		json_array_append_new(list, row);
	}
	return list;
}

void cryo_bench_phases_print(const json_t *result)
{
	json_t *row;
	size_t i;

	printf("%-40s %9s   %s\n", "phase", "median", "range (ms)");
	json_array_foreach(json_object_get(result, "phases"), i, row)
		printf("%-40s %6.0f ms   %.0f … %.0f\n", cryo_json_str(row, "what"),
		       read_series_number(row, "median"), read_series_number(row, "min"),
		       read_series_number(row, "max"));
}

int cryo_bench_down(struct cryo_cluster *t, int rc, struct cryo_err *err)
{
	struct cryo_err ignored = CRYO_ERR_INIT;
	int down;

	cryo_intr_hold();
	down = cryo_cluster_down(t, rc == 0 ? err : &ignored);
	cryo_intr_release();
	return rc < 0 ? rc : down;
}
