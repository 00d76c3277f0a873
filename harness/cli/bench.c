/* SPDX-License-Identifier: Apache-2.0 */
/* Measured tables, on clusters of their own: medians with ranges. Judges nothing. */
#include "bench/bench.h"
#include "bench/kind.h"
#include "bench/restore.h"
#include "bench/sealed.h"
#include "bench/stacks.h"
#include "bench/story.h"
#include "bench/template.h"
#include "cli/cli.h"

#include "sys/fs.h"

#include <string.h>

#define DEFAULT_RUNS 5

struct bench_opts {
	unsigned runs;
	const char *output, *sizes, *kinds, *stacks, *against;
	bool restore, sealed, templates, kind;
};

static const struct cryo_opt opts_table[] = {
	{ "runs", 0, CRYO_OPT_COUNT, offsetof(struct bench_opts, runs), "N",
	  "rounds (default: 5)" },
	{ "restore", 0, CRYO_OPT_FLAG, offsetof(struct bench_opts, restore), NULL,
	  "measure what a restore costs, plain and sealed" },
	{ "against", 0, CRYO_OPT_STR, offsetof(struct bench_opts, against), "DIR",
	  "--restore: compare with the build in that directory" },
	{ "sealed", 0, CRYO_OPT_FLAG, offsetof(struct bench_opts, sealed), NULL,
	  "compare plain and encrypted checkpoints and restores" },
	{ "stacks", 0, CRYO_OPT_STR, offsetof(struct bench_opts, stacks), "A,B",
	  "compare checkpoints on two stacks; --restore: on these (stock,upstream)" },
	{ "templates", 0, CRYO_OPT_FLAG, offsetof(struct bench_opts, templates), NULL,
	  "compare cold starts and restores from a template" },
	{ "kind", 0, CRYO_OPT_FLAG, offsetof(struct bench_opts, kind), NULL,
	  "compare kind's own cluster creation, ours, and local clusters" },
	{ "sizes", 0, CRYO_OPT_STR, offsetof(struct bench_opts, sizes), "LIST",
	  "memory of the counter (--sealed: 64Mi,256Mi,1Gi; --restore: 64Mi,1Gi; --stacks: 1Gi)" },
	{ "kinds", 0, CRYO_OPT_STR, offsetof(struct bench_opts, kinds), "LIST",
	  "contents of that memory (--sealed: random,zero,repeat; else random)" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct bench_opts, output), "FORMAT",
	  "table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

/* What all kinds get. */
struct request {
	const struct bench_opts *opts;
	unsigned runs;
	struct cryo_bench_ballasts ballasts;
	struct cryo_strv stacks;
	const char *target, *name;
};

/* Its own cluster: one that is there must neither be measured nor taken down. */
static int open_absent_cluster(const struct request *r, const char *name, struct cryo_cluster **out,
			       struct cryo_err *err)
{
	int rc = cryo_cluster_open(r->target, name, out, err);

	if (rc < 0)
		return rc;
	if (strcmp(cryo_cluster_state(*out), "absent") != 0)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "cluster '%s' exists: bench needs an unused name (--name)",
				    name);
	return 0;
}

static int run_story_bench(const struct request *r, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	int rc = open_absent_cluster(r, r->name, &t, err);

	return rc < 0 ? rc : cryo_bench_story(t, r->runs, out, err);
}

static int run_template_bench(const struct request *r, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	int rc = open_absent_cluster(r, r->name, &t, err);

	return rc < 0 ? rc : cryo_bench_templates(t, r->runs, out, err);
}

static int run_sealed_bench(const struct request *r, json_t **out, struct cryo_err *err)
{
	const struct cryo_up_opts up = CRYO_UP_OPTS_INIT;
	struct cryo_bench_sealed_opts sealed = { .runs = r->runs, .ballasts = &r->ballasts };
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_free) char *tmp = NULL;
	int rc = open_absent_cluster(r, r->name, &t, err);

	if (rc < 0)
		return rc;
	rc = cryo_cluster_up(t, &up, err);
	/* On the cluster's disk, and gone with it: it takes whole archives. */
	if (rc == 0)
		rc = cryo_fs_tmpdir(t->dir, ".bench-", &tmp, err);
	sealed.tmp = tmp;
	if (rc == 0)
		rc = cryo_bench_sealed(t, &sealed, out, err);
	return cryo_bench_down(t, rc, err);
}

static int run_stacks_bench(const struct request *r, json_t **out, struct cryo_err *err)
{
	struct cryo_bench_stacks_opts o = { .runs = r->runs, .ballasts = &r->ballasts };
	struct cryo_cluster *t[CRYO_BENCH_STACKS] = { NULL };
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < CRYO_BENCH_STACKS; i++) {
		cryo_auto(cryo_free) char *name = cryo_asprintf("%s-%u", r->name, i + 1);

		o.stacks[i] = r->stacks.v[i];
		rc = open_absent_cluster(r, name, &t[i], err);
	}
	if (rc == 0)
		rc = cryo_bench_stacks(t, &o, out, err);
	for (unsigned i = 0; i < CRYO_BENCH_STACKS; i++)
		cryo_cluster_free(t[i]);
	return rc;
}

static int run_kind_bench(const struct request *r, json_t **out, struct cryo_err *err)
{
	static const char *const kinds[] = { "kind", "kind", "local" };
	static const char *const tails[] = { "anchor", "kind", "local" };
	struct cryo_cluster *t[CRYO_ARRAY_LEN(kinds)] = { NULL };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(kinds); i++) {
		cryo_auto(cryo_free) char *name = cryo_asprintf("%s-%s", r->name, tails[i]);
		struct request of = *r;

		of.target = kinds[i];
		rc = open_absent_cluster(&of, name, &t[i], err);
	}
	if (rc == 0)
		rc = cryo_bench_kind(&(struct cryo_bench_kind_clusters){ t[0], t[1], t[2] },
				     r->runs, out, err);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(kinds); i++)
		cryo_cluster_free(t[i]);
	return rc;
}

static int run_restore_bench(const struct request *r, json_t **out, struct cryo_err *err)
{
	const struct cryo_bench_restore_opts o = { .runs = r->runs,
						   .ballasts = &r->ballasts,
						   .stacks = &r->stacks,
						   .against = r->opts->against };
	cryo_auto(cryo_free) char *other = cryo_asprintf("%s-other", r->name);
	struct cryo_cluster *t[2] = { NULL };
	int rc = open_absent_cluster(r, r->name, &t[0], err);

	if (rc == 0)
		rc = open_absent_cluster(r, other, &t[1], err);
	if (rc == 0)
		rc = cryo_bench_restores(t, &o, out, err);
	cryo_cluster_free(t[0]);
	cryo_cluster_free(t[1]);
	return rc;
}

enum kind { STORY, RESTORE, SEALED, STACKS, TEMPLATES, KIND };
static const struct {
	int (*run)(const struct request *r, json_t **out, struct cryo_err *err);
	void (*print)(const json_t *result);
	const char *sizes, *kinds; /* NULL: without ballast */
} kinds[] = {
	[STORY] = { run_story_bench, cryo_bench_story_print, NULL, NULL },
	[RESTORE] = { run_restore_bench, cryo_bench_restores_print, "64Mi,1Gi", "random" },
	[SEALED] = { run_sealed_bench, cryo_bench_sealed_print, "64Mi,256Mi,1Gi",
		     "random,zero,repeat" },
	[STACKS] = { run_stacks_bench, cryo_bench_stacks_print, "1Gi", "random" },
	[TEMPLATES] = { run_template_bench, cryo_bench_phases_print, NULL, NULL },
	[KIND] = { run_kind_bench, cryo_bench_kind_print, NULL, NULL },
};

static int choose_bench_kind(const struct bench_opts *o, enum kind *out, struct cryo_err *err)
{
	const struct {
		bool wanted;
		enum kind kind;
	} row[] = { { o->restore, RESTORE },
		    { o->sealed, SEALED },
		    { o->templates, TEMPLATES },
		    { o->stacks && !o->restore, STACKS },
		    { o->kind, KIND } };
	unsigned n = 0;

	*out = STORY;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		n += row[i].wanted;
		*out = row[i].wanted ? row[i].kind : *out;
	}
	if (n > 1)
		return cryo_err_set(
		    err, CRYO_E_USAGE,
		    "--restore, --sealed, --stacks, --templates and --kind exclude each other");
	if (o->against && !o->restore)
		return cryo_err_set(err, CRYO_E_USAGE, "--against is for --restore");
	return 0;
}

static int read_bench_request(const struct bench_opts *o, enum kind kind, struct request *r,
			      struct cryo_err *err)
{
	r->runs = o->runs ? o->runs : DEFAULT_RUNS;
	if (r->runs > CRYO_BENCH_MAX_RUNS)
		return cryo_err_set(err, CRYO_E_USAGE, "--runs: at most %d", CRYO_BENCH_MAX_RUNS);
	if (!kinds[kind].sizes && (o->sizes || o->kinds))
		return cryo_err_set(err, CRYO_E_USAGE,
				    "--sizes and --kinds are for --restore, --sealed and --stacks");
	cryo_bench_split(o->stacks	   ? o->stacks
			 : kind == RESTORE ? "stock,upstream"
					   : "",
			 &r->stacks);
	if (o->stacks && r->stacks.n == 0)
		return cryo_err_set(err, CRYO_E_USAGE, "--stacks: an empty list");
	if (kind == STACKS && r->stacks.n != CRYO_BENCH_STACKS)
		return cryo_err_set(err, CRYO_E_USAGE, "--stacks: two names, as in stock,upstream");
	if (!kinds[kind].sizes)
		return 0;
	return cryo_bench_ballasts_read(o->sizes ? o->sizes : kinds[kind].sizes,
					o->kinds ? o->kinds : kinds[kind].kinds, &r->ballasts, err);
}

static void request_release(struct request *r)
{
	cryo_bench_ballasts_release(&r->ballasts);
	cryo_strv_release(&r->stacks);
}
#define request_releasep request_release

static int bench_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			 struct cryo_err *err)
{
	cryo_auto(request_release) struct request r = {
		.opts = opts,
		.target = cli->target,
		.name = strcmp(cli->name, "default") == 0 ? "bench" : cli->name,
	};
	cryo_auto(cryo_json_decref) json_t *result = NULL;
	const struct bench_opts *o = opts;
	enum cryo_output output;
	enum kind kind = STORY;
	int rc = cryo_cli_output(o->output, &output, err);

	(void)args;
	(void)exit_code;
	if (rc == 0)
		rc = choose_bench_kind(o, &kind, err);
	if (rc == 0)
		rc = read_bench_request(o, kind, &r, err);
	if (rc < 0)
		return rc;
	rc = kinds[kind].run(&r, &result, err);
	/* After a failure what was measured before it. */
	if (result && output == CRYO_OUTPUT_TABLE)
		kinds[kind].print(result);
	else if (result)
		cryo_cli_print(result, output);
	return rc;
}

const struct cryo_cmd cryo_cmd_bench = {
	.name = "bench",
	.usage = "",
	.summary = "measure each phase on a cluster of its own",
	.opts = opts_table,
	.size = sizeof(struct bench_opts),
	.run = bench_cmd_run,
};
