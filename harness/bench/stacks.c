/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a patch series does to a checkpoint: two clusters side by side, a counter
 * in each, checkpointed in turns, so that what disturbs the machine disturbs both.
 */
#include "bench/stacks.h"

#include "base/event.h"
#include "bench/bench.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Keys of the result: a stack may be a path. */
static const struct cryo_bench_names sides = { "first", "second" };

enum value { CALL, PAUSE, FROZEN, VALUES };
static const struct {
	const char *key, *text;
} values[VALUES] = {
	[CALL] = { "call", "checkpoint call" },
	[PAUSE] = { "pause", "pause of the counter" },
	[FROZEN] = { "frozen", "frozen, says CRIU" },
};

struct side {
	struct cryo_cluster *target;
	struct cryo_kube *kube;		   /* owned */
	char *copy;			   /* owned */
	struct cryo_bench_counter counter; /* of the ballast of now */
	struct cryo_bench_series ms[VALUES];
};

static int open_stack_side(struct side *s, const char *stack, struct cryo_err *err)
{
	const struct cryo_up_opts up = { .stack = stack };
	cryo_auto(cryo_free) char *tmp = NULL;
	int rc = cryo_cluster_up(s->target, &up, err);

	if (rc == 0)
		rc = cryo_cluster_kube(s->target, &s->kube, err);
	/* On the cluster's disk, and gone with it: it takes whole archives. */
	if (rc == 0)
		rc = cryo_fs_tmpdir(s->target->dir, ".bench-", &tmp, err);
	if (rc == 0)
		s->copy = cryo_asprintf("%s/copy.tar", tmp);
	return cryo_err_wrap(err, rc, "stack '%s'", stack);
}

static int close_stack_side(struct side *s, int rc, struct cryo_err *err)
{
	cryo_kube_free(s->kube);
	free(s->copy);
	return cryo_bench_down(s->target, rc, err);
}

static int time_stack_checkpoint(struct side *s, struct cryo_err *err)
{
	struct cryo_bench_dump d;
	int rc = cryo_intr_check(err);

	if (rc == 0)
		rc = cryo_bench_counter_checkpoint(&s->counter, NULL, &d, err);
	unlink(s->copy);
	if (rc < 0)
		return rc;
	cryo_bench_add(&s->ms[CALL], d.call);
	cryo_bench_add(&s->ms[PAUSE], d.pause);
	cryo_bench_add(&s->ms[FROZEN], d.frozen);
	return 0;
}

static int start_side_counter(struct side *s, const char *size, const char *kind,
			      struct cryo_err *err)
{
	for (int v = 0; v < VALUES; v++)
		s->ms[v].n = 0;
	s->counter = (struct cryo_bench_counter){
		.target = s->target, .kube = s->kube, .copy = s->copy, .size = size, .kind = kind
	};
	return cryo_bench_counter_start(&s->counter, err);
}

static int measure_stack_ballast(struct side *s, const char *size, const char *kind, unsigned runs,
				 struct cryo_err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < CRYO_BENCH_STACKS; i++)
		rc = start_side_counter(&s[i], size, kind, err);
	for (unsigned round = 0; rc == 0 && round < runs; round++) {
		cryo_info("%s %s: round %u of %u", size, kind, round + 1, runs);
		/* Each is first in every other round. */
		for (unsigned i = 0; rc == 0 && i < CRYO_BENCH_STACKS; i++)
			rc = time_stack_checkpoint(&s[(round + i) % CRYO_BENCH_STACKS], err);
	}
	for (unsigned i = 0; rc == 0 && i < CRYO_BENCH_STACKS; i++)
		rc = cryo_bench_counter_stop(&s[i].counter, err);
	return cryo_err_wrap(err, rc, "%s %s", size, kind);
}

static json_t *convert_stack_ballast(const struct side *s, const char *size, const char *kind)
{
	json_t *j = json_pack("{ss ss}", "ballast", size, "kind", kind);

	for (int v = 0; v < VALUES; v++)
		json_object_set_new(j, values[v].key,
				    cryo_bench_compare(&s[0].ms[v], &s[1].ms[v], &sides));
	return j;
}

static int measure_stack_ballasts(struct side *s, const struct cryo_bench_stacks_opts *o,
				  json_t *out, struct cryo_err *err)
{
	const struct cryo_bench_ballasts *l = o->ballasts;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < l->sizes.n * l->kinds.n; i++) {
		const char *size = l->sizes.v[i / l->kinds.n], *kind = l->kinds.v[i % l->kinds.n];

		rc = measure_stack_ballast(s, size, kind, o->runs, err);
		if (rc == 0)
			json_array_append_new(out, convert_stack_ballast(s, size, kind));
	}
	return rc;
}

int cryo_bench_stacks(struct cryo_cluster *const t[CRYO_BENCH_STACKS],
		      const struct cryo_bench_stacks_opts *o, json_t **out, struct cryo_err *err)
{
	struct side *s = cryo_alloc(CRYO_BENCH_STACKS * sizeof(*s));
	json_t *ballasts = json_array();
	int rc = 0, opened = 0;

	for (; rc == 0 && opened < CRYO_BENCH_STACKS; opened++) {
		s[opened].target = t[opened];
		rc = open_stack_side(&s[opened], o->stacks[opened], err);
	}
	if (rc == 0)
		rc = measure_stack_ballasts(s, o, ballasts, err);
	while (opened > 0)
		rc = close_stack_side(&s[--opened], rc, err);
	free(s);
	*out = json_pack("{si s[ss] so}", "runs", (int)o->runs, "stacks", o->stacks[0],
			 o->stacks[1], "ballasts", ballasts);
	return rc;
}

void cryo_bench_stacks_print(const json_t *result)
{
	const struct cryo_bench_names stacks = {
		json_string_value(cryo_json_at(result, "stacks[0]")),
		json_string_value(cryo_json_at(result, "stacks[1]")),
	};
	json_t *j;
	size_t i;

	json_array_foreach(json_object_get(result, "ballasts"), i, j) {
		cryo_bench_print_head(j, &stacks);
		for (int v = 0; v < VALUES; v++)
			cryo_bench_print_row(values[v].text, json_object_get(j, values[v].key),
					     &sides);
	}
}
