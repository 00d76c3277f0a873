/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/counter.h"

#include "base/clock.h"
#include "bench/bench.h"
#include "conf/json.h"
#include "criu/stats.h"
#include "verify/podlog.h"
#include "source/data.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/nodefile.h"
#include "verify/pause.h"

#include <string.h>
#include <unistd.h>

#define COUNTER	    "counter"
#define INTERVAL    "5ms"
#define SHIPPED_MS  60000
#define STEADY	    50 /* counts around a checkpoint that show the usual interval */
#define MAX_BALLAST (UINT64_C(16) << 30)

static const struct cryo_kube_ref counter = { "pods", CRYO_BENCH_NS, COUNTER };

/* ---- ballast ---- */

void cryo_bench_ballasts_release(struct cryo_bench_ballasts *b)
{
	cryo_strv_release(&b->sizes);
	cryo_strv_release(&b->kinds);
}

static int check_ballast_size(const char *size, struct cryo_err *err)
{
	uint64_t bytes;
	int rc = cryo_size_parse(size, &bytes, err);

	if (rc == 0 && bytes > MAX_BALLAST)
		rc = cryo_err_set(err, CRYO_E_USAGE, "at most 16Gi, not '%s'", size);
	return cryo_err_wrap(err, cryo_err_as(err, rc, CRYO_E_USAGE), "--sizes");
}

static int check_ballast_kind(const char *kind, struct cryo_err *err)
{
	static const char *const known[] = { "random", "zero", "repeat" };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(known); i++)
		if (strcmp(known[i], kind) == 0)
			return 0;
	return cryo_err_set(err, CRYO_E_USAGE,
			    "--kinds: '%s' is not valid (valid values: random, zero, repeat)",
			    kind);
}

int cryo_bench_ballasts_read(const char *sizes, const char *kinds, struct cryo_bench_ballasts *out,
			     struct cryo_err *err)
{
	int rc = 0;

	cryo_bench_split(sizes, &out->sizes);
	cryo_bench_split(kinds, &out->kinds);
	if (out->sizes.n == 0 || out->kinds.n == 0)
		return cryo_err_set(err, CRYO_E_USAGE, "--sizes and --kinds: an empty list");
	for (size_t i = 0; rc == 0 && i < out->sizes.n; i++)
		rc = check_ballast_size(out->sizes.v[i], err);
	for (size_t i = 0; rc == 0 && i < out->kinds.n; i++)
		rc = check_ballast_kind(out->kinds.v[i], err);
	return rc;
}

/* ---- the counter ---- */

/* Counts at least up to `least`: `last` is the newest value seen. */
struct counting {
	uint64_t least, last;
};

static bool has_counted_enough(const char *line, int64_t ns, void *arg)
{
	struct counting *c = arg;
	struct cryo_count count;

	(void)ns;
	if (cryo_count_parse(line, &count) == CRYO_LOGLINE_COUNT)
		c->last = count.count;
	return c->last >= c->least;
}

int cryo_bench_log(struct cryo_kube *k, const char *pod,
		   bool (*enough)(const char *line, int64_t ns, void *arg), void *arg,
		   struct cryo_str *out, struct cryo_err *err)
{
	const struct cryo_podlog p = { .ns = CRYO_BENCH_NS,
				       .pod = pod,
				       .timeout_ms = CRYO_BENCH_WAIT_MS,
				       .enough = enough,
				       .arg = arg };
	int rc = cryo_podlog_read(k, &p, out, err);

	return rc == 1 && enough ? cryo_err_set(err, CRYO_E_CHECK, "pod '%s' no longer counts", pod)
				 : rc;
}

/* The newest value, and whole again after STEADY more. */
static int wait_steady_counter(const struct cryo_bench_counter *c, uint64_t *last,
			       struct cryo_str *text, struct cryo_err *err)
{
	struct counting counting = { .least = STEADY };
	cryo_auto(cryo_str_release) struct cryo_str past = { 0 };
	cryo_auto(cryo_counterlog_release) struct cryo_counterlog log = { 0 };
	int rc = cryo_bench_log(c->kube, COUNTER, NULL, NULL, &past, err);

	if (rc < 0)
		return rc;
	cryo_counterlog_parse(CRYO_LOG_API, NULL, cryo_str_get(&past), &log);
	if (cryo_counterlog_last(&log))
		counting.least += cryo_counterlog_last(&log)->count;
	rc = cryo_bench_log(c->kube, COUNTER, has_counted_enough, &counting, text, err);
	*last = counting.last;
	return rc;
}

int cryo_bench_shipped_counter(struct cryo_kube *k, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *manifest = NULL;
	int rc = cryo_data_path("kube-deployments/counter-pod.yaml", &manifest, err);

	if (rc == 0)
		rc = cryo_kube_apply_file(k, manifest, CRYO_BENCH_NS, err);
	return rc < 0 ? rc
		      : cryo_kube_wait(k, &counter, cryo_kube_test_pod_running, NULL, SHIPPED_MS,
				       NULL, err);
}

int cryo_bench_counter_start(const struct cryo_bench_counter *c, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *pod = json_pack(
	    "{ss ss s{ss} s{ss sb si s[{ss ss ss s[ss ss ss]}]}}", "apiVersion", "v1", "kind",
	    "Pod", "metadata", "name", COUNTER, "spec", "restartPolicy", "Never",
	    "automountServiceAccountToken", 0, "terminationGracePeriodSeconds", 1, "containers",
	    "name", "c", "image", "counter:latest", "imagePullPolicy", "Never", "args",
	    "--interval", INTERVAL, "--ballast", c->size, "--ballast-kind", c->kind);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	uint64_t last;
	int rc = cryo_kube_create(c->kube, pod, CRYO_BENCH_NS, err);

	if (rc == 0)
		rc = cryo_kube_wait(c->kube, &counter, cryo_kube_test_pod_running, NULL,
				    CRYO_BENCH_WAIT_MS, NULL, err);
	return rc < 0 ? rc : wait_steady_counter(c, &last, &text, err);
}

int cryo_bench_counter_stop(const struct cryo_bench_counter *c, struct cryo_err *err)
{
	int rc = cryo_kube_delete(c->kube, &counter, 0, CRYO_BENCH_WAIT_MS, err);

	return rc < 0 ? rc : 0;
}

/* ---- a checkpoint ---- */

/* known: the newest count before it. */
static int note_dump_pause(const struct cryo_bench_counter *c, uint64_t known,
			   struct cryo_bench_dump *out, struct cryo_err *err)
{
	cryo_auto(cryo_counterlog_release) struct cryo_counterlog log = { 0 };
	const struct cryo_counterlog none = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_pauses pauses;
	uint64_t last;
	int rc = wait_steady_counter(c, &last, &text, err);

	if (rc < 0)
		return rc;
	cryo_counterlog_parse(CRYO_LOG_API, NULL, cryo_str_get(&text), &log);
	if (cryo_counterlog_last(&log)->damaged)
		return cryo_err_set(err, CRYO_E_CHECK, "the counter's memory has changed");
	cryo_pauses_measure(&log, &none, 0, known, last, &pauses);
	if (pauses.source_ms < 0)
		return cryo_err_set(err, CRYO_E_CHECK, "the counter's log does not show the pause");
	out->pause = (double)pauses.source_ms;
	return 0;
}

static int note_dump_stats(const struct cryo_bench_counter *c, bool sealed,
			   struct cryo_bench_dump *out, struct cryo_err *err)
{
	struct cryo_criu_stats s;
	int rc = cryo_criu_stats_load(c->copy, &s, err);

	if (rc < 0)
		return rc;
	if ((s.rest_ms >= 0) != sealed)
		return cryo_err_set(err, CRYO_E_CHECK,
				    sealed ? "CRIU's log has no line of the interposer"
					   : "a plain checkpoint was sealed");
	out->frozen = s.frozen_us / 1e3;
	out->memdump = s.memdump_us / 1e3;
	out->rest_ms = s.rest_ms;
	out->peak_kb = s.peak_kb;
	return 0;
}

static int remove_bench_archive(const struct cryo_bench_counter *c,
				const struct cryo_checkpoint *done, struct cryo_err *err)
{
	const struct cryo_cluster_node *node;
	int rc = cryo_cluster_find_node(c->target, done->node, &node, err);

	return rc < 0 ? rc : cryo_nodefile_remove(c->target, node, done->archive, err);
}

int cryo_bench_counter_checkpoint(const struct cryo_bench_counter *c, const char *secret,
				  struct cryo_bench_dump *out, struct cryo_err *err)
{
	const struct cryo_checkpoint_opts o = { .ns = CRYO_BENCH_NS,
						.pod = COUNTER,
						.to = c->copy,
						.timeout_ms = CRYO_BENCH_DUMP_MS,
						.encryption_secret = secret };
	cryo_auto(cryo_checkpoint_release) struct cryo_checkpoint done = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	uint64_t known;
	int rc = wait_steady_counter(c, &known, &text, err);

	/* What the last one left to be written must not disturb this one. */
	sync();
	if (rc == 0)
		rc = cryo_checkpoint_run(c->target, &o, &done, err);
	if (rc < 0)
		return rc;
	out->call = (double)done.ms;
	rc = remove_bench_archive(c, &done, err);
	if (rc == 0)
		rc = note_dump_pause(c, known, out, err);
	return rc < 0 ? rc : note_dump_stats(c, secret != NULL, out, err);
}
