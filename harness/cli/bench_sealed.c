/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What encryption costs: plain and encrypted checkpoints and restores of a
 * counter in turns, for ballasts of several sizes and kinds. Each round is a
 * pair, so that the quotient of the two says more than either.
 */
#include "cli/bench.h"

#include "base/clock.h"
#include "base/event.h"
#include "criu/stats.h"
#include "net/pki.h"
#include "scenario/podlog.h"
#include "sys/intr.h"
#include "target/checkpoint.h"
#include "target/nodefile.h"
#include "verify/pause.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS	    "default"
#define COUNTER	    "counter"
#define RESTORED    "counter-restored"
#define SECRET	    "bench"
#define INTERVAL    "5ms"
#define STEADY	    50 /* counts around a checkpoint that show the usual interval */
#define WAIT_MS	    120000
#define DUMP_MS	    300000
#define MAX_BALLAST (UINT64_C(16) << 30)

enum side { PLAIN, SEALED, SIDES };
static const char *const side_names[SIDES] = { "plain", "sealed" };

enum value { CALL, PAUSE, FROZEN, MEMDUMP, RESTORE, TICK, VALUES };
static const struct {
	const char *key, *text;
} values[VALUES] = {
	[CALL] = { "call", "checkpoint call" },
	[PAUSE] = { "pause", "pause of the counter" },
	[FROZEN] = { "frozen", "frozen, says CRIU" },
	[MEMDUMP] = { "memdump", "memory dump, says CRIU" },
	[RESTORE] = { "restore", "archive to running" },
	[TICK] = { "firstTick", "archive to first tick" },
};

struct ballast {
	const char *size, *kind; /* as in the options */
	struct cryo_bench_series ms[SIDES][VALUES];
	struct cryo_bench_series rest, peak; /* encrypted only: ms and MB */
};

struct sealed_bench {
	struct cryo_target *target;
	struct cryo_kube *kube;
	const struct cryo_bench_sealed_opts *o;
	struct ballast *now;
	char *copy;		 /* of the archive */
	struct cryo_strv images; /* on the node before */
};

/* ---- the options ---- */

struct lists {
	struct cryo_strv sizes, kinds;
};

static void lists_release(struct lists *l)
{
	cryo_strv_release(&l->sizes);
	cryo_strv_release(&l->kinds);
}
#define lists_releasep lists_release

static void split(const char *list, struct cryo_strv *out)
{
	while (*list) {
		size_t n = strcspn(list, ",");

		cryo_strv_addf(out, "%.*s", (int)n, list);
		list += n + (list[n] == ',');
	}
}

static int read_lists(const struct cryo_bench_sealed_opts *o, struct lists *l, struct cryo_err *err)
{
	static const char *const known[] = { "random", "zero", "repeat", NULL };
	int rc = 0;

	split(o->sizes ? o->sizes : "64Mi,256Mi,1Gi", &l->sizes);
	split(o->kinds ? o->kinds : "random,zero,repeat", &l->kinds);
	if (l->sizes.n == 0 || l->kinds.n == 0)
		return cryo_err_set(err, CRYO_E_USAGE, "--sizes and --kinds: an empty list");
	for (size_t i = 0; rc == 0 && i < l->sizes.n; i++) {
		uint64_t bytes;

		rc = cryo_size_parse(l->sizes.v[i], &bytes, err);
		if (rc == 0 && bytes > MAX_BALLAST)
			rc = cryo_err_set(err, CRYO_E_USAGE, "at most 16Gi, not '%s'",
					  l->sizes.v[i]);
	}
	rc = cryo_err_wrap(err, cryo_err_as(err, rc, CRYO_E_USAGE), "--sizes");
	for (size_t i = 0; rc == 0 && i < l->kinds.n; i++) {
		bool found = false;

		for (size_t k = 0; known[k]; k++)
			found |= strcmp(known[k], l->kinds.v[i]) == 0;
		if (!found)
			rc = cryo_err_set(err, CRYO_E_USAGE,
					  "--kinds: '%s' is none of random, zero, repeat",
					  l->kinds.v[i]);
	}
	return rc;
}

int cryo_bench_sealed_check(const struct cryo_bench_sealed_opts *o, struct cryo_err *err)
{
	cryo_auto(lists_release) struct lists l = { 0 };

	return read_lists(o, &l, err);
}

/* ---- the counter ---- */

static int make_secret(struct sealed_bench *b, struct cryo_err *err)
{
	const struct cryo_pki_spec spec = { .cn = SECRET, .org = "cryopod", .encrypt = true };
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair pair = { 0 };
	int rc = cryo_pki_self_signed(&spec, CRYO_PKI_RSA_LEAST, &pair, err);

	if (rc == 0) {
		const struct cryo_kube_datum data[] = {
			{ "tls.crt", pair.cert_pem, strlen(pair.cert_pem) },
			{ "tls.key", pair.key_pem, strlen(pair.key_pem) },
		};

		rc = cryo_kube_create_secret(b->kube, NS, SECRET, "kubernetes.io/tls", data,
					     CRYO_ARRAY_LEN(data), err);
	}
	return rc;
}

/* Counts at least up to `least`: *last is the newest value seen. */
struct counting {
	uint64_t least, last;
};

static bool counted(const char *line, int64_t ns, void *arg)
{
	struct counting *c = arg;
	struct cryo_count count;

	(void)ns;
	if (cryo_count_parse(line, &count) == CRYO_LOGLINE_COUNT)
		c->last = count.count;
	return c->last >= c->least;
}

static int read_log(struct sealed_bench *b, const char *pod,
		    bool (*enough)(const char *, int64_t, void *), void *arg, struct cryo_str *text,
		    struct cryo_err *err)
{
	const struct cryo_podlog p = {
		.ns = NS, .pod = pod, .timeout_ms = WAIT_MS, .enough = enough, .arg = arg
	};
	int rc = cryo_podlog_read(b->kube, &p, text, err);

	return rc == 1 && enough
		   ? cryo_err_set(err, CRYO_E_CHECK, "pod '%s' does not count any more", pod)
		   : rc;
}

/* The newest value, and whole again after STEADY more. */
static int settle(struct sealed_bench *b, uint64_t *last, struct cryo_str *text,
		  struct cryo_err *err)
{
	struct counting c = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str past = { 0 };
	cryo_auto(cryo_counterlog_release) struct cryo_counterlog log = { 0 };
	int rc = read_log(b, COUNTER, NULL, NULL, &past, err);

	if (rc < 0)
		return rc;
	cryo_counterlog_parse(CRYO_LOG_API, cryo_str_get(&past), &log);
	c.least = STEADY;
	if (cryo_counterlog_last(&log))
		c.least += cryo_counterlog_last(&log)->count;
	rc = read_log(b, COUNTER, counted, &c, text, err);
	*last = c.last;
	return rc;
}

static int start_counter(struct sealed_bench *b, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", NS, COUNTER };
	cryo_auto(cryo_json_decref) json_t *pod = json_pack(
	    "{ss ss s{ss} s{ss sb si s[{ss ss ss s[ss ss ss]}]}}", "apiVersion", "v1", "kind",
	    "Pod", "metadata", "name", COUNTER, "spec", "restartPolicy", "Never",
	    "automountServiceAccountToken", 0, "terminationGracePeriodSeconds", 1, "containers",
	    "name", "c", "image", "counter:latest", "imagePullPolicy", "Never", "args",
	    "--interval", INTERVAL, "--ballast", b->now->size, "--ballast-kind", b->now->kind);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	uint64_t last;
	int rc = cryo_kube_create(b->kube, pod, NS, err);

	if (rc == 0)
		rc = cryo_kube_wait(b->kube, &ref, cryo_kube_test_pod_running, NULL, WAIT_MS, NULL,
				    err);
	return rc < 0 ? rc : settle(b, &last, &text, err);
}

/* ---- one checkpoint and what comes of it ---- */

static void note(struct sealed_bench *b, enum side side, enum value v, double ms)
{
	cryo_bench_add(&b->now->ms[side][v], ms);
}

static int note_pause(struct sealed_bench *b, enum side side, uint64_t known, struct cryo_err *err)
{
	cryo_auto(cryo_counterlog_release) struct cryo_counterlog log = { 0 };
	const struct cryo_counterlog none = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_pauses pauses;
	uint64_t last;
	int rc = settle(b, &last, &text, err);

	if (rc < 0)
		return rc;
	cryo_counterlog_parse(CRYO_LOG_API, cryo_str_get(&text), &log);
	if (cryo_counterlog_last(&log)->damaged)
		return cryo_err_set(err, CRYO_E_CHECK, "the counter's memory has changed");
	cryo_pauses_measure(&log, &none, 0, known, last, &pauses);
	if (pauses.source_ms < 0)
		return cryo_err_set(err, CRYO_E_CHECK, "the counter's log does not show the pause");
	note(b, side, PAUSE, (double)pauses.source_ms);
	return 0;
}

static int note_stats(struct sealed_bench *b, enum side side, struct cryo_err *err)
{
	struct cryo_criu_stats s;
	int rc = cryo_criu_stats_load(b->copy, &s, err);

	if (rc < 0)
		return rc;
	if ((s.rest_ms >= 0) != (side == SEALED))
		return cryo_err_set(err, CRYO_E_CHECK,
				    side == SEALED ? "CRIU's log has no line of the interposer"
						   : "a plain checkpoint was sealed");
	note(b, side, FROZEN, s.frozen_us / 1e3);
	note(b, side, MEMDUMP, s.memdump_us / 1e3);
	if (side == SEALED) {
		cryo_bench_add(&b->now->rest, (double)s.rest_ms);
		cryo_bench_add(&b->now->peak, (double)s.peak_kb * 1.024e-3);
	}
	return 0;
}

static int checkpoint(struct sealed_bench *b, enum side side, struct cryo_err *err)
{
	const struct cryo_checkpoint_opts o = { .ns = NS,
						.pod = COUNTER,
						.to = b->copy,
						.timeout_ms = DUMP_MS,
						.encryption_secret = side == SEALED ? SECRET
										    : NULL };
	cryo_auto(cryo_checkpoint_release) struct cryo_checkpoint c = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	uint64_t known;
	int rc = settle(b, &known, &text, err);

	/* What the last one left to be written must not disturb this one. */
	sync();
	if (rc == 0)
		rc = cryo_checkpoint_run(b->target, &o, &c, err);
	if (rc < 0)
		return rc;
	note(b, side, CALL, (double)c.ms);
	cryo_nodefile_remove(b->target, c.node, c.archive);
	rc = note_pause(b, side, known, err);
	return rc < 0 ? rc : note_stats(b, side, err);
}

/* The first line that is younger than the restore: what was copied from the source is older. */
struct tick {
	int64_t since, at;
};

static bool ticked(const char *line, int64_t ns, void *arg)
{
	struct tick *t = arg;
	struct cryo_count count;

	if (ns > t->since && cryo_count_parse(line, &count) == CRYO_LOGLINE_COUNT)
		t->at = ns;
	return t->at > 0;
}

/* Names of images on the node. The runtime has more than one for each. */
static int list_images(struct sealed_bench *b, struct cryo_strv *out, struct cryo_err *err)
{
	const char *const argv[] = { "ctr", "-n", "k8s.io", "images", "ls", "-q", NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_proc p = { .argv = argv, .timeout_ms = WAIT_MS };
	int rc = b->target->ops->exec(b->target, NULL, &p, &res, err);
	char *save = NULL;

	if (rc < 0 || !res.out.p)
		return rc;
	for (char *line = strtok_r(res.out.p, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		cryo_strv_add(out, line);
	return 0;
}

/* The pod, and what was not there before it: a few of them would fill the disk. */
static int remove_restored(struct sealed_bench *b, struct cryo_err *err)
{
	static const char *const first[] = { "ctr",    "-n",	 "k8s.io", "images",
					     "delete", "--sync", NULL };
	const struct cryo_kube_ref ref = { "pods", NS, RESTORED };
	cryo_auto(cryo_strv_release) struct cryo_strv now = { 0 }, argv = { 0 };
	struct cryo_proc p = { .timeout_ms = WAIT_MS };
	int rc = cryo_kube_delete(b->kube, &ref, 0, WAIT_MS, err);

	if (rc >= 0)
		rc = list_images(b, &now, err);
	if (rc < 0)
		return rc;
	cryo_strv_addv(&argv, first);
	for (size_t i = 0; i < now.n; i++)
		if (!cryo_strv_has(&b->images, now.v[i]))
			cryo_strv_add(&argv, now.v[i]);
	p.argv = cryo_strv_get(&argv);
	return b->target->ops->exec(b->target, NULL, &p, NULL, err);
}

static int restore(struct sealed_bench *b, enum side side, struct cryo_err *err)
{
	const struct cryo_restore_opts o = { .archive = b->copy,
					     .pod = RESTORED,
					     .timeout_ms = DUMP_MS,
					     .key_secret = side == SEALED ? SECRET : NULL };
	cryo_auto(cryo_restore_release) struct cryo_restore r = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct tick tick = { 0 };
	int rc;

	sync();
	tick.since = cryo_wall_ns();
	rc = cryo_restore_run(b->target, &o, &r, err);
	if (rc < 0)
		return rc;
	rc = read_log(b, RESTORED, ticked, &tick, &text, err);
	if (rc < 0)
		return rc;
	note(b, side, RESTORE, (double)r.ms);
	note(b, side, TICK, (double)(tick.at - tick.since) / 1e6);
	return remove_restored(b, err);
}

static int one_pair(struct sealed_bench *b, unsigned round, struct cryo_err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < SIDES; i++) {
		/* Each side is first in every other round. */
		enum side side = (round + i) % SIDES ? SEALED : PLAIN;

		rc = cryo_intr_check(err);
		if (rc == 0)
			rc = checkpoint(b, side, err);
		if (rc == 0)
			rc = restore(b, side, err);
		unlink(b->copy);
		rc = cryo_err_wrap(err, rc, "%s, %s", b->now->size, side_names[side]);
	}
	return rc;
}

static int one_ballast(struct sealed_bench *b, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", NS, COUNTER };
	int rc = start_counter(b, err);

	for (unsigned round = 0; rc == 0 && round < b->o->runs; round++) {
		cryo_info("%s %s: round %u of %u", b->now->size, b->now->kind, round + 1,
			  b->o->runs);
		rc = one_pair(b, round, err);
	}
	if (rc == 0)
		rc = cryo_kube_delete(b->kube, &ref, 0, WAIT_MS, err);
	return rc < 0 ? rc : 0;
}

/* ---- the result ---- */

static json_t *compared(const struct ballast *n, enum value v)
{
	struct cryo_bench_series ratio;

	cryo_bench_ratios(&n->ms[PLAIN][v], &n->ms[SEALED][v], &ratio);
	return json_pack("{so so so}", "plain", cryo_bench_summary(&n->ms[PLAIN][v]), "sealed",
			 cryo_bench_summary(&n->ms[SEALED][v]), "ratio",
			 cryo_bench_summary(&ratio));
}

static json_t *ballast_json(const struct ballast *n)
{
	json_t *j = json_pack("{ss ss so so}", "ballast", n->size, "kind", n->kind, "restMs",
			      cryo_bench_summary(&n->rest), "peakMB", cryo_bench_summary(&n->peak));

	for (int v = 0; v < VALUES; v++)
		json_object_set_new(j, values[v].key, compared(n, (enum value)v));
	return j;
}

static int all_ballasts(struct sealed_bench *b, const struct lists *l, json_t *out,
			struct cryo_err *err)
{
	int rc = 0;

	for (size_t s = 0; rc == 0 && s < l->sizes.n; s++)
		for (size_t k = 0; rc == 0 && k < l->kinds.n; k++) {
			struct ballast *n = cryo_alloc(sizeof(*n));

			n->size = l->sizes.v[s];
			n->kind = l->kinds.v[k];
			b->now = n;
			rc = one_ballast(b, err);
			if (rc == 0)
				json_array_append_new(out, ballast_json(n));
			free(n);
		}
	return rc;
}

int cryo_bench_sealed(struct cryo_target *t, const struct cryo_bench_sealed_opts *o, json_t **out,
		      struct cryo_err *err)
{
	cryo_auto(lists_release) struct lists l = { 0 };
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	cryo_auto(cryo_free) char *copy = cryo_asprintf("%s/copy.tar", o->tmp);
	cryo_auto(cryo_json_decref) json_t *ballasts = json_array();
	struct sealed_bench b = { .target = t, .o = o, .copy = copy };
	json_t *cipher = NULL;
	int rc = read_lists(o, &l, err);

	if (rc == 0)
		rc = cryo_bench_cipher(o->runs, &cipher, err);
	if (rc == 0)
		rc = t->ops->kube(t, &k, err);
	b.kube = k;
	if (rc == 0)
		rc = make_secret(&b, err);
	if (rc == 0)
		rc = list_images(&b, &b.images, err);
	if (rc == 0)
		rc = all_ballasts(&b, &l, ballasts, err);
	cryo_strv_release(&b.images);
	if (cipher)
		*out = json_pack("{si sO sO}", "runs", (int)o->runs, "cipher", cipher, "ballasts",
				 ballasts);
	json_decref(cipher);
	return rc;
}

static double number(const json_t *j, const char *path)
{
	return json_number_value(cryo_json_at(j, path));
}

static void print_cell(const json_t *j)
{
	printf("  %6.0f (%5.0f … %5.0f)", number(j, "median"), number(j, "min"), number(j, "max"));
}

static void print_ballast(const json_t *j)
{
	printf("\n%s %-10s %27s  %22s  sealed/plain\n", cryo_json_str(j, "ballast"),
	       cryo_json_str(j, "kind"), "plain, ms", "encrypted, ms");
	for (int v = 0; v < VALUES; v++) {
		const json_t *row = json_object_get(j, values[v].key);

		printf("  %-22s", values[v].text);
		print_cell(json_object_get(row, "plain"));
		print_cell(json_object_get(row, "sealed"));
		printf("  %.2f (%.2f … %.2f)\n", number(row, "ratio.median"),
		       number(row, "ratio.min"), number(row, "ratio.max"));
	}
	printf("  %-22s  %22s", "left after the dump", "");
	print_cell(json_object_get(j, "restMs"));
	printf("\n  %-22s  %22s", "memory at most, MB", "");
	print_cell(json_object_get(j, "peakMB"));
	printf("\n");
}

void cryo_bench_sealed_print(const json_t *result)
{
	json_t *j;
	size_t i;

	json_array_foreach(json_object_get(result, "cipher"), i, j)
		printf("%lld thread%s in memory: seals %.2f GB/s (%.2f … %.2f), opens %.2f GB/s "
		       "(%.2f … %.2f)\n",
		       (long long)cryo_json_int(j, "threads", 0), i ? "s" : " ",
		       number(j, "seal.median"), number(j, "seal.min"), number(j, "seal.max"),
		       number(j, "open.median"), number(j, "open.min"), number(j, "open.max"));
	json_array_foreach(json_object_get(result, "ballasts"), i, j)
		print_ballast(j);
}
