/* SPDX-License-Identifier: Apache-2.0 */
#include "report/summary.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

struct page {
	struct cryo_str *out;
	bool colored;
};

static void add_summary_row(const struct page *p, const char *title, const char *fmt, ...)
    CRYO_PRINTF(3, 4);
static void add_summary_row(const struct page *p, const char *title, const char *fmt, ...)
{
	cryo_auto(cryo_free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = cryo_vasprintf(fmt, ap);
	va_end(ap);
	cryo_str_addf(p->out, "  %s%-11s%s ", p->colored ? "\033[1m" : "", title,
		      p->colored ? "\033[0m" : "");
	cryo_text_clean(p->out, text);
	cryo_str_add(p->out, "\n");
}

static void add_outcome_row(const struct page *p, const char *program,
			    const struct cryo_scenario_result *r)
{
	static const struct {
		const char *word, *color;
	} outcome[] = { { "passed", "\033[32m" },
			{ "FAILED", "\033[31m" },
			{ "skipped", "\033[33m" } };
	cryo_auto(cryo_free) char *time = cryo_duration_show(r->ms);

	cryo_str_addf(p->out, "%s%s%s %s", p->colored ? outcome[r->outcome].color : "",
		      outcome[r->outcome].word, p->colored ? "\033[0m" : "", r->name);
	if (r->outcome == CRYO_PASSED)
		cryo_str_addf(p->out, ": %zu steps in %s", r->steps, time);
	if (r->outcome != CRYO_PASSED) {
		cryo_str_add(p->out, ": ");
		cryo_text_clean(p->out, r->err.msg);
	}
	cryo_str_add(p->out, "\n");
	if (r->kept)
		add_summary_row(p, "kept", "%s", r->kept);
	if (r->cluster)
		add_summary_row(
		    p, "cluster",
		    "%s still runs: %s --name %s kubectl get events -A (or shell, logs, "
		    "down)",
		    r->cluster, program, r->cluster);
}

static void add_checkpoint_row(const struct page *p, const struct cryo_scenario_result *r)
{
	cryo_auto(cryo_free) char *time = cryo_duration_show(r->checkpoint_ms);
	cryo_auto(cryo_free) char *size = cryo_size_show(r->archive_bytes);

	add_summary_row(p, "checkpoint", "%s", time);
	add_summary_row(p, "archive", "%s on %s: %s", size, r->node, r->archive);
}

static void add_restore_row(const struct page *p, const struct cryo_scenario_result *r)
{
	cryo_auto(cryo_free) char *time = cryo_duration_show(r->restore_ms);

	add_summary_row(p, "restore", "running after %s", time);
}

/* What encryption was good for. */
static void add_secrecy_rows(const struct page *p, const struct cryo_secrecy *s)
{
	if (s->plain)
		add_summary_row(p, "plain",
				"the canary of the counter's memory is in the archive, %" PRIu64
				" %s",
				s->plain_times, s->plain_times == 1 ? "time" : "times");
	if (s->sealed)
		add_summary_row(p, "encrypted",
				"%zu images, and the canary is nowhere in the archive", s->images);
	if (s->refused)
		add_summary_row(p, "no key", "restore refused");
	if (s->opened)
		add_summary_row(p, "with key", "restored");
}

static void add_story_rows(const struct page *p, const struct cryo_scenario_result *r)
{
	if (r->checkpoint_ms >= 0)
		add_checkpoint_row(p, r);
	if (r->restore_ms >= 0)
		add_restore_row(p, r);
	add_secrecy_rows(p, &r->secrecy);
	if (r->judged && r->continuity.reason == CRYO_CONTINUITY_OK)
		add_summary_row(p, "continuity", "%s%s%s%s", r->continuity.text,
				*r->continuity.nonce ? " (nonce " : "", r->continuity.nonce,
				*r->continuity.nonce ? ")" : "");
}

static void add_next_steps(const struct page *p, const struct cryo_summary_opts *opts)
{
	static const struct {
		const char *args, *why;
	} next[] = {
		{ "status", "what runs, and what this cluster can do" },
		{ "kubectl apply -f kube-deployments/counter-pod.yaml", "a counter of your own" },
		{ "checkpoint counter --to counter.tar", "freeze it into a file" },
		{ "restore counter.tar --pod counter-2", "and wake it up as another pod" },
		{ "shell", "look around in the node" },
		{ "down", "take the cluster away; nothing is left behind" },
	};
	bool named = !cryo_streq(opts->cluster, "default");
	size_t width = 0;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(next); i++)
		if (strlen(next[i].args) > width)
			width = strlen(next[i].args);
	cryo_str_add(p->out, "\nThe cluster still runs. Where to go next:\n");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(next); i++)
		cryo_str_addf(p->out, "  %s %s%s%s%-*s  %s\n", opts->program,
			      named ? "--name " : "", named ? opts->cluster : "", named ? " " : "",
			      (int)width, next[i].args, next[i].why);
}

/* What it was good for to have several at once. */
static void add_time_saving(const struct page *p, const struct cryo_scenario_totals *t,
			    int64_t all_ms)
{
	cryo_auto(cryo_free) char *all = cryo_duration_show(all_ms), *each = NULL;
	int64_t sum = 0;

	for (size_t i = 0; i < t->n; i++)
		sum += t->result[i].ms;
	each = cryo_duration_show(sum);
	cryo_str_addf(p->out, "each in a cluster of its own: %s in all, the sum of theirs is %s\n",
		      all, each);
}

void cryo_summary(const struct cryo_scenario_totals *t, const struct cryo_summary_opts *opts,
		  struct cryo_str *out)
{
	struct page p = { out, opts->colored };

	cryo_str_add(out, "\n");
	if (opts->up_ms >= 0) {
		cryo_auto(cryo_free) char *time = cryo_duration_show(opts->up_ms);

		add_summary_row(&p, "cluster", "%s, up after %s", opts->cluster, time);
	}
	for (size_t i = 0; i < t->n; i++) {
		add_outcome_row(&p, opts->program, &t->result[i]);
		if (t->result[i].outcome == CRYO_PASSED)
			add_story_rows(&p, &t->result[i]);
	}
	if (t->n > 1)
		cryo_str_addf(out, "\n%zu passed, %zu failed, %zu skipped\n", t->passed, t->failed,
			      t->skipped);
	if (opts->all_ms > 0)
		add_time_saving(&p, t, opts->all_ms);
	if (opts->cluster && t->passed > 0 && t->failed == 0)
		add_next_steps(&p, opts);
}
