/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner against a fake cluster: this file defines the functions of kube/,
 * criu/ and target/ that steps call, so the linker does not take the real ones.
 * Each writes a line into the journal.
 */
#include "cluster/kind.h"
#include "base/clock.h"
#include "base/event.h"
#include "base/str.h"
#include "conf/json.h"
#include "criu/archive.h"
#include "image/tar.h"
#include "scenario/runner.h"
#include "sys/fs.h"
#include "checkpoint/pod_checkpoint.h"
#include "checkpoint/migrate.h"
#include "verify/canary.h"
#include "tests/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LINE(at, n)                                                                                \
	"2026-11-23T22:00:0" #at "Z count=" #n " nonce=aaaaaaaaaaaaaaaa mono_ns=" #n "\n"
#define CRI(at, n)                                                                                 \
	"2026-11-23T22:00:0" #at "Z stdout F count=" #n " nonce=aaaaaaaaaaaaaaaa mono_ns=" #n "\n"

#define FAKE_LOG CRI(0, 4) CRI(1, 5)
#include "tests/checkpoint/fake_checkpoint.h"

/* What the fake cluster is like; the defaults make the whole story work. */
static struct {
	struct cryo_str journal; /* one line per call */
	struct cryo_str events;
	char *ns, *copy;
	const char *source_log, *restored_log;
	int up_rc, down_rc, kube_rc, checkpoint_rc, checkpoint_code, wait_rc, delete_rc;
	json_t *applied;		     /* the last object */
	json_t *secret;			     /* the last one created */
	bool not_judged;		     /* a migration's log */
	enum cryo_continuity_reason verdict; /* on it */
	bool leaky;			     /* what is called encrypted is not */
	enum cryo_checkpoint_form form;
	const char *object; /* what a waiting for the end sees; NULL: nothing any more */
} fake;

static char *scenario_path;

static void note(const char *fmt, ...) CRYO_PRINTF(1, 2);
static void note(const char *fmt, ...)
{
	va_list ap;
	cryo_auto(cryo_free) char *text = NULL;

	va_start(ap, fmt);
	text = cryo_vasprintf(fmt, ap);
	va_end(ap);
	cryo_str_addf(&fake.journal, "%s\n", text);
}

void cryo_kube_free(struct cryo_kube *k)
{
	(void)k;
}

int cryo_kube_create(struct cryo_kube *k, const json_t *object, const char *ns,
		     struct cryo_err *err)
{
	(void)k;
	(void)err;
	note("create %s", cryo_json_str(object, "kind"));
	if (ns) {
		assert_string_equal(ns, fake.ns);
		fake.secret = json_deep_copy(object);
		return 0;
	}
	free(fake.ns);
	fake.ns = cryo_strdup(cryo_json_str(object, "metadata.name"));
	return 0;
}

int cryo_kube_apply(struct cryo_kube *k, const json_t *object, const char *ns,
		    enum cryo_kube_change *change, struct cryo_err *err)
{
	(void)k;
	(void)err;
	if (cryo_streq(cryo_json_str(object, "kind"), "Node"))
		note("%s %s", cryo_json_bool(object, "spec.unschedulable") ? "close" : "open",
		     cryo_json_str(object, "metadata.name"));
	else
		note("apply %s%s", cryo_json_str(object, "metadata.name"),
		     strcmp(ns, fake.ns) == 0 ? "" : " elsewhere");
	*change = CRYO_KUBE_CREATED;
	json_decref(fake.applied);
	fake.applied = json_deep_copy(object);
	return 0;
}

int cryo_kube_delete(struct cryo_kube *k, const struct cryo_kube_ref *ref, int grace_s,
		     int64_t wait_ms, struct cryo_err *err)
{
	(void)k;
	(void)grace_s;
	(void)err;
	note("delete %s%s", strcmp(ref->name, fake.ns) == 0 ? "the namespace" : ref->name,
	     wait_ms ? " and wait" : "");
	return strcmp(ref->resource, "pods") == 0 ? fake.delete_rc : 0;
}

int cryo_kube_wait(struct cryo_kube *k, const struct cryo_kube_ref *ref, cryo_kube_test test,
		   void *arg, int64_t timeout_ms, json_t **last, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *object = NULL;
	cryo_auto(cryo_free) char *why = NULL;

	(void)k;
	(void)last;
	note("wait %s %s %s", ref->resource, ref->name, arg ? (const char *)arg : "");
	assert_true(timeout_ms > 0);
	if (fake.object) {
		object = json_loads(fake.object, 0, NULL);
		return test(object, arg, &why, err) < 0 ? -(int)err->status : 0;
	}
	if (fake.wait_rc == 0 || !arg)
		return 0;
	cryo_err_set(err, (enum cryo_status) - fake.wait_rc, "pod 'p' not ready");
	err->signal = 2;
	return fake.wait_rc;
}

int cryo_kube_test_condition(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	(void)object;
	(void)arg;
	(void)why;
	(void)err;
	return 1;
}

int cryo_kube_test_exists(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	return cryo_kube_test_condition(object, arg, why, err);
}

int cryo_kube_test_gone(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	(void)arg, (void)why, (void)err;
	return object == NULL;
}

int cryo_kube_test_pod_running(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	return cryo_kube_test_condition(object, arg, why, err);
}

char *cryo_kube_events(struct cryo_kube *k, const char *ns, const char *kind, const char *name)
{
	(void)k;
	(void)ns;
	(void)kind;
	note("events %s", name);
	return cryo_strdup("Warning: BackOff\n");
}

/* A followed log that nobody ends goes on for ever: the time limit comes. */
int cryo_kube_logs(struct cryo_kube *k, const struct cryo_kube_log_opts *opts, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *text =
	    cryo_strdup(strcmp(opts->pod, "p") == 0 ? fake.source_log : fake.restored_log);
	char *save = NULL;

	(void)k;
	note("%s %s", opts->follow ? "follow" : "logs", opts->pod);
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (opts->on_line(l, opts->arg))
			return 0;
	return opts->follow ? cryo_err_set(err, CRYO_E_TIMEOUT, "no more lines") : 0;
}

/* The memory of the counter whose nonce is in the logs, sealed or as it is. */
static void put_archive(const char *path, bool sealed)
{
	static const char cms[] = "\x30\x80\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";
	cryo_auto(cryo_fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = cryo_tar_writer_new(fd);
	char page[4096 + 56] = { 0x28 };
	size_t n = sealed ? sizeof(page) : 4096;
	struct cryo_err err;

	if (!sealed || fake.leaky)
		cryo_canary_text("aaaaaaaaaaaaaaaa", page + 100);
	assert_int_equal(cryo_tar_add_data(w, "checkpoint/pages-1.img", 0600, page, n, &err), 0);
	if (sealed)
		assert_int_equal(
		    cryo_tar_add_data(w, "checkpoint/seal.cms", 0600, cms, sizeof(cms) - 1, &err),
		    0);
	assert_int_equal(cryo_tar_finish(w, &err), 0);
}

int cryo_checkpoint_form_parse(const char *text, enum cryo_checkpoint_form *out,
			       struct cryo_err *err)
{
	*out = CRYO_CHECKPOINT_PROXY;
	return strcmp(text, "proxy") == 0 ? 0 : cryo_err_set(err, CRYO_E_USAGE, "no form");
}

/* What the step asked for beyond pod and Secret. */
static void note_opts(const struct cryo_checkpoint_opts *opts)
{
	static const char *const leave[] = { "", " leave running", " stop" };

	if (opts->timeout_ms || opts->leave || opts->form || opts->body || opts->user ||
	    opts->container)
		note("asked for%s%s %lld ms%s form %d body %s user %s", opts->container ? " " : "",
		     opts->container ? opts->container : "", (long long)opts->timeout_ms,
		     leave[opts->leave], (int)opts->form, opts->body ? opts->body : "-",
		     opts->user ? strrchr(opts->user, ':') + 1 : "-");
	assert_true(opts->limit_ms > 0);
}

int cryo_checkpoint_run(struct cryo_cluster *t, const struct cryo_checkpoint_opts *opts,
			struct cryo_checkpoint *out, struct cryo_err *err)
{
	(void)t;
	note("checkpoint %s%s%s", opts->pod, opts->encryption_secret ? " for " : "",
	     opts->encryption_secret ? opts->encryption_secret : "");
	note_opts(opts);
	if (fake.checkpoint_rc) {
		cryo_err_set(err, (enum cryo_status) - fake.checkpoint_rc, "pod '%s' said no",
			     opts->pod);
		err->http_code = fake.checkpoint_code;
		return fake.checkpoint_rc;
	}
	*out = (struct cryo_checkpoint){ .bytes = 180000, .ms = 400, .form = fake.form };
	out->deleted = opts->leave == CRYO_LEAVE_STOPPED;
	out->node = cryo_strdup("node");
	out->pod = cryo_strdup(opts->pod);
	out->archive = cryo_strdup("/var/lib/kubelet/checkpoints/a.tar");
	out->copy = cryo_strdup(opts->to);
	out->source = cryo_strdup("{}");
	out->ended_ns = cryo_wall_ns();
	free(fake.copy);
	fake.copy = cryo_strdup(opts->to);
	out->sealed = opts->encryption_secret != NULL;
	put_archive(opts->to, out->sealed);
	return 0;
}

int cryo_restore_run(struct cryo_cluster *t, const struct cryo_restore_opts *opts,
		     struct cryo_restore *out, struct cryo_err *err)
{
	(void)t;
	*out = (struct cryo_restore){ .ms = 1200 };
	if (opts->key_secret)
		note("with %s", opts->key_secret);
	else if (cryo_streq(opts->pod, "locked"))
		return cryo_err_set(err, CRYO_E_CHECK, "it is sealed: a key is needed");
	note("restore %s%s%s", opts->pod, cryo_streq(opts->archive, fake.copy) ? "" : " otherwise",
	     opts->source ? "" : " without source");
	return 0;
}

int cryo_kube_list(struct cryo_kube *k, const char *resource, const char *ns,
		   const char *label_selector, json_t **items, struct cryo_err *err)
{
	(void)k;
	(void)resource;
	(void)label_selector;
	(void)err;
	assert_string_equal(ns, fake.ns);
	*items = json_pack("[{s{ss} s{ss}} {s{ss} s{ss}}]", "metadata", "name", "p", "spec",
			   "nodeName", "n1", "metadata", "name", "other", "spec", "nodeName", "n2");
	return 0;
}

int cryo_migrate_run(struct cryo_cluster *t, const struct cryo_migrate_opts *opts,
		     struct cryo_migration *out, struct cryo_err *err)
{
	(void)t;
	(void)err;
	note("migrate %s to %s%s%s", opts->pod, opts->to_node ? opts->to_node : "any",
	     opts->secret ? " for " : "", opts->secret ? opts->secret : "");
	*out = (struct cryo_migration){ .ns = cryo_strdup(opts->ns),
					.pod = cryo_strdup(opts->pod),
					.from = cryo_strdup("n1"),
					.to = cryo_strdup("n2"),
					.ms = 900,
					.judged = !fake.not_judged,
					.verdict = { .reason = fake.verdict, .text = "words" } };
	return 0;
}

void cryo_migration_release(struct cryo_migration *m)
{
	free(m->ns);
	free(m->pod);
	free(m->from);
	free(m->to);
	*m = (struct cryo_migration){ 0 };
}

/* Not run here (e2e 38-pod.sh): its own object would bring what is stood in for above. */
int cryo_pod_checkpoint_run(struct cryo_cluster *t, const struct cryo_checkpoint_opts *opts,
			    struct cryo_pod_checkpoint *out, struct cryo_err *err)
{
	(void)t;
	(void)opts;
	(void)out;
	return cryo_err_set(err, CRYO_E_CHECK, "not in this test");
}

int cryo_kube_get(struct cryo_kube *k, const struct cryo_kube_ref *ref, json_t **out,
		  struct cryo_err *err)
{
	(void)k;
	(void)ref;
	(void)out;
	return cryo_err_set(err, CRYO_E_CHECK, "not in this test");
}

void cryo_pod_checkpoint_release(struct cryo_pod_checkpoint *c)
{
	(void)c;
}

void cryo_pod_checkpoint_names(const json_t *pod, struct cryo_strv *names)
{
	(void)pod;
	(void)names;
}

static int target_kube(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err)
{
	(void)t;
	*out = NULL;
	return fake.kube_rc ? cryo_err_set(err, CRYO_E_CHECK, "cluster 'x' does not run") : 0;
}

static int target_status(struct cryo_cluster *t, struct cryo_cluster_status *s,
			 struct cryo_err *err)
{
	(void)t;
	(void)err;
	s->state = "running";
	s->runs = true;
	return 0;
}

void cryo_cluster_probe(struct cryo_cluster *t, struct cryo_cluster_status *s)
{
	s->can[CRYO_CAN_CHECKPOINT] = (struct cryo_ability){ true, cryo_strdup("proxy"), NULL };
	s->can[CRYO_CAN_RESTORE] = (struct cryo_ability){ true, cryo_strdup("image"), NULL };
	s->can[CRYO_CAN_ENCRYPT].why_not = cryo_strdup("no provider");
	s->can[CRYO_CAN_ACCESS_NODES].there = true;
	s->can[CRYO_CAN_SEVERAL_NODES].there = t->nodes > 1;
	if (t->nodes <= 1)
		s->can[CRYO_CAN_SEVERAL_NODES].why_not = cryo_strdup("it has one node");
}

static int target_up(struct cryo_cluster *t, const struct cryo_up_opts *opts, struct cryo_err *err)
{
	(void)t;
	(void)opts;
	note("up");
	return fake.up_rc ? cryo_err_set(err, (enum cryo_status) - fake.up_rc, "no luck") : 0;
}

static int target_down(struct cryo_cluster *t, struct cryo_err *err)
{
	(void)t;
	note("down");
	return fake.down_rc ? cryo_err_set(err, CRYO_E_SYSTEM, "it stays") : 0;
}

static int target_exec(struct cryo_cluster *t, const struct cryo_cluster_node *n,
		       const struct cryo_exec *x, struct cryo_proc_result *res,
		       struct cryo_err *err)
{
	(void)t, (void)n, (void)x, (void)res;
	return cryo_err_set(err, CRYO_E_SYSTEM, "nobody asked for that");
}

static const struct cryo_cluster_ops fake_ops = { .exec = target_exec,
						  .kube = target_kube,
						  .status = target_status,
						  .up = target_up,
						  .down = target_down };
static struct cryo_cluster target = { .ops = &fake_ops, .name = (char *)"own" };

static void on_event(const struct cryo_event *ev, void *arg)
{
	static const char *const mark[] = { "begin", NULL,   "ok",   "same",
					    "FAIL",  "skip", "info", "warn" };

	(void)arg;
	if (mark[ev->kind] && ev->kind != CRYO_EVENT_BEGIN)
		cryo_str_addf(&fake.events, "%*s%s %s: %s\n", (int)ev->depth * 2, "",
			      mark[ev->kind], ev->what, ev->detail);
}

static int setup(void **state)
{
	static const char pod[] = "kind: Pod\n"
				  "metadata: {name: p, namespace: other}\n"
				  "spec: {containers: [{name: c}]}\n";
	cryo_auto(cryo_free) char *path = NULL;
	struct cryo_err err;

	memset(&fake, 0, sizeof(fake));
	fake.source_log = LINE(0, 4) LINE(1, 5);
	fake.restored_log = LINE(0, 4) LINE(1, 5) LINE(2, 6) LINE(3, 7) LINE(4, 8);
	cryo_event_set_sink(on_event, NULL);
	if (scratch_setup(state) < 0)
		return -1;
	scratch_setenv("TMPDIR", scratch_dir);
	target.dir = scratch_dir;
	scenario_path = scratch_path("s.yaml");
	path = scratch_path("pod.yaml");
	return cryo_fs_write(path, pod, strlen(pod), 0600, &err);
}

static int teardown(void **state)
{
	cryo_event_set_sink(NULL, NULL);
	cryo_str_release(&fake.journal);
	cryo_str_release(&fake.events);
	json_decref(fake.applied);
	json_decref(fake.secret);
	free(fake.ns);
	free(fake.copy);
	free(scenario_path);
	return scratch_teardown(state);
}

static int run_text(const char *spec, bool keep, struct cryo_scenario_totals *out,
		    struct cryo_err *err)
{
	cryo_auto(cryo_free) char *text =
	    cryo_asprintf("apiVersion: cryopod.dev/v1alpha1\nkind: Scenario\n"
			  "metadata: {name: s}\nspec:\n%s",
			  spec);
	const char *const files[] = { scenario_path, NULL };
	struct cryo_scenario_opts opts = { .keep = keep };
	struct cryo_err ignored;

	assert_int_equal(cryo_fs_write(scenario_path, text, strlen(text), 0600, &ignored), 0);
	return cryo_scenario_run_files(&target, files, &opts, out, err);
}

#define STORY                                                                                      \
	"  needs: [checkpoint, restore]\n"                                                         \
	"  steps:\n"                                                                               \
	"    - apply: {file: pod.yaml}\n"                                                          \
	"    - wait: {pod: p, condition: Ready}\n"                                                 \
	"    - wait: {pod: p, counter: {atLeast: 5}}\n"                                            \
	"    - checkpoint: {pod: p}\n"                                                             \
	"      as: cp\n"                                                                           \
	"    - delete: {pod: p}\n"                                                                 \
	"    - restore: {archive: \"${cp.archive}\", pod: q}\n"                                    \
	"    - continuity: {from: p, to: q, checkpoint: \"${cp}\"}\n"                              \
	"  catch:\n"                                                                               \
	"    - logs: {pod: p}\n"

static void story(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(run_text(STORY, true, &t, &err), 0);
	assert_string_equal(cryo_str_get(&fake.journal), "create Namespace\n"
							 "wait serviceaccounts default \n"
							 "apply p\n"
							 "wait pods p Ready\n"
							 "follow p\n"
							 "logs p\n"
							 "checkpoint p\n"
							 "follow p\n"
							 "delete p and wait\n"
							 "restore q\n"
							 "follow q\n"
							 "delete the namespace\n");
	assert_string_equal(cryo_str_get(&fake.events),
			    "  ok apply pod.yaml: Pod 'p' created\n"
			    "  ok wait until p is Ready: \n"
			    "  ok wait until p counts to 5: at 5\n"
			    "  ok checkpoint p: 180 kB in 400 ms\n"
			    "  ok delete p: gone\n"
			    "  ok restore q: running after 1.2 s\n"
			    "  ok continuity of p in q: the same process went on: 5 → 6…8, it was "
			    "away for 999 ms and felt 0 ms\n"
			    "ok s: \n");
	assert_int_equal(t.passed, 1);
	assert_int_equal(t.result[0].steps, 7);
	assert_int_equal(t.result[0].checkpoint_ms, 400);
	assert_int_equal(t.result[0].restore_ms, 1200);
	assert_int_equal(t.result[0].archive_bytes, 180000);
	assert_true(t.result[0].judged);
	assert_null(t.result[0].kept);
	assert_false(cryo_fs_exists(fake.copy));
	assert_null(cryo_json_str(fake.applied, "metadata.namespace"));
	assert_int_equal(cryo_scenario_exit_code(&t), 0);
}

static void outcomes(void **state)
{
	static const struct {
		const char *name, *spec;
		int checkpoint_rc, code;
		int exit;
		const char *msg; /* of the failure */
	} row[] = {
		{ "expected code",
		  "    - checkpoint: {pod: x}\n      expect: {error: {code: 404}}\n",
		  -CRYO_E_REMOTE, 404, 0, "" },
		{ "any error will do", "    - checkpoint: {pod: x}\n      expect: {error: {}}\n",
		  -CRYO_E_CHILD, 0, 0, "" },
		{ "expected text",
		  "    - checkpoint: {pod: x}\n      expect: {error: {contains: said no}}\n",
		  -CRYO_E_CONFIG, 0, 0, "" },
		{ "other code", "    - checkpoint: {pod: x}\n      expect: {error: {code: 404}}\n",
		  -CRYO_E_REMOTE, 500, 1,
		  "checkpoint x: failed, but not with code 404: pod 'x' said no" },
		{ "no code", "    - checkpoint: {pod: x}\n      expect: {error: {code: 404}}\n",
		  -CRYO_E_TIMEOUT, 0, 1,
		  "checkpoint x: failed, but not with code 404: pod 'x' said no" },
		{ "a time limit with a code",
		  "    - checkpoint: {pod: x}\n      expect: {error: {code: 504}}\n",
		  -CRYO_E_TIMEOUT, 504, 0, "" },
		{ "other text",
		  "    - checkpoint: {pod: x}\n      expect: {error: {contains: maybe}}\n",
		  -CRYO_E_REMOTE, 500, 1,
		  "checkpoint x: failed, but not with 'maybe': pod 'x' said no" },
		{ "worked", "    - checkpoint: {pod: x}\n      expect: {error: {code: 404}}\n", 0,
		  0, 1, "checkpoint x: it succeeded, but was expected to fail" },
		{ "failure", "    - checkpoint: {pod: x}\n", -CRYO_E_REMOTE, 500, 1,
		  "checkpoint x: pod 'x' said no" },
		{ "time limit", "    - checkpoint: {pod: x}\n", -CRYO_E_TIMEOUT, 0, 5,
		  "checkpoint x: pod 'x' said no" },
		{ "counts not so far", "    - wait: {pod: p, counter: {atLeast: 6}}\n", 0, 0, 5,
		  "wait until p counts to 6: pod 'p' counted to 5 only: the time is up" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
		cryo_auto(cryo_free) char *spec = cryo_asprintf("  steps:\n%s", row[i].spec);
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %s\n", row[i].name);
		fake.checkpoint_rc = row[i].checkpoint_rc;
		fake.checkpoint_code = row[i].code;
		assert_int_equal(run_text(spec, false, &t, &err), 0);
		assert_string_equal(t.result[0].err.msg, row[i].msg);
		assert_int_equal(cryo_scenario_exit_code(&t), row[i].exit);
		assert_true(cryo_ends_with(cryo_str_get(&fake.journal), "delete the namespace\n"));
	}
}

/* The parameters of the API, as the step says them. */
static void parameters(void **state)
{
	static const struct {
		const char *args, *asked; /* NULL: nothing but the pod */
		const char *title;
	} row[] = {
		{ "pod: p", NULL, "checkpoint p" },
		{ "pod: p, encrypt: false", NULL, "checkpoint p" },
		{ "pod: p, container: c, timeout: 130",
		  "asked for c 130000 ms form 0 body - user -", "checkpoint p/c" },
		{ "pod: p, leaveRunning: true", "asked for 0 ms leave running form 0 body - user -",
		  "checkpoint p" },
		{ "pod: p, leaveRunning: false", "asked for 0 ms stop form 0 body - user -",
		  "checkpoint p and stop it" },
		{ "pod: p, form: proxy", "asked for 0 ms form 2 body - user -", "checkpoint p" },
		{ "pod: p, body: {}", "asked for 0 ms form 1 body {} user -",
		  "checkpoint p with the body '{}'" },
		{ "pod: p, body: {timeout: -1, encrypt: \"x\"}",
		  "asked for 0 ms form 1 body {\"timeout\":-1,\"encrypt\":\"x\"} user -",
		  "checkpoint p with the body '{\"timeout\":-1,\"encrypt\":\"x\"}'" },
		{ "pod: p, body: \"\"", "asked for 0 ms form 1 body  user -",
		  "checkpoint p with the body ''" },
		{ "pod: p, serviceAccount: bob", "asked for 0 ms form 1 body - user bob",
		  "checkpoint p as bob" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
		cryo_auto(cryo_free) char *spec =
		    cryo_asprintf("  steps:\n    - checkpoint: {%s}\n", row[i].args);
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %s\n", row[i].args);
		cryo_str_clear(&fake.journal);
		cryo_str_clear(&fake.events);
		assert_int_equal(run_text(spec, false, &t, &err), 0);
		if (row[i].asked)
			assert_non_null(strstr(fake.journal.p, row[i].asked));
		else
			assert_null(strstr(fake.journal.p, "asked"));
		assert_non_null(strstr(fake.events.p, row[i].title));
		assert_int_equal(t.passed, 1);
	}
}

/* One overwrote the other: where that is the kubelet's way, it is not held against it. */
static void names_of_archives(void **state)
{
	static const char spec[] = "  steps:\n    - checkpoint: {pod: p}\n"
				   "    - checkpoint: {pod: p}\n";
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	for (int form = CRYO_CHECKPOINT_PODS; form <= CRYO_CHECKPOINT_PROXY; form++) {
		cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };

		fake.form = (enum cryo_checkpoint_form)form;
		assert_int_equal(run_text(spec, false, &t, &err), 0);
		assert_string_equal(t.result[0].err.msg,
				    form == CRYO_CHECKPOINT_PODS
					? "checkpoint p: it has the name of the archive before: "
					  "'/var/lib/kubelet/checkpoints/a.tar'"
					: "");
	}
}

static void stopped_source(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(run_text("  steps:\n    - checkpoint: {pod: p, leaveRunning: false}\n"
				  "      as: cp\n"
				  "    - wait: {pod: p, gone: true}\n"
				  "    - restore: {archive: \"${cp.archive}\", pod: q}\n"
				  "    - continuity: {from: p, to: q, checkpoint: \"${cp}\"}\n",
				  false, &t, &err),
			 0);
	assert_non_null(strstr(cryo_str_get(&fake.events),
			       "  ok checkpoint p and stop it: 180 kB in 400 ms, the pod is being "
			       "deleted\n  ok wait until p is gone: \n"));
	/* Its log is not waited for any more. */
	assert_null(strstr(fake.journal.p, "follow p"));
	assert_int_equal(t.passed, 1);
	assert_non_null(strstr(fake.journal.p, "wait pods p \n"));
}

/* An end that begins anew is none. */
static void restarted_instead(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	fake.object = "{\"status\":{\"containerStatuses\":[{\"name\":\"a\",\"restartCount\":0},"
		      "{\"name\":\"b\",\"restartCount\":1}]}}";
	assert_int_equal(run_text("  steps:\n    - wait: {pod: p, gone: true}\n", false, &t, &err),
			 0);
	assert_string_equal(t.result[0].err.msg,
			    "wait until p is gone: container 'b' was restarted instead of ending");
}

static void failure_is_caught(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	fake.checkpoint_rc = -CRYO_E_REMOTE;
	assert_int_equal(run_text(STORY, true, &t, &err), 0);
	assert_int_equal(t.failed, 1);
	assert_true(
	    cryo_ends_with(cryo_str_get(&fake.journal), "checkpoint p\nevents p\nlogs p\n"));
	assert_non_null(strstr(cryo_str_get(&fake.events), "info : Warning: BackOff\n"));
	assert_non_null(t.result[0].kept);
	assert_true(cryo_fs_is_dir(t.result[0].kept));
}

static void continuity_fails(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	fake.restored_log = LINE(0, 4) LINE(1, 5) LINE(2, 7) LINE(3, 8) LINE(4, 9);
	assert_int_equal(run_text(STORY, false, &t, &err), 0);
	assert_string_equal(t.result[0].err.msg,
			    "continuity of p in q: gap: first value 7, but 5 was the last one "
			    "printed around the dump");
	assert_int_equal(t.result[0].continuity.reason, CRYO_CONTINUITY_GAP);
	assert_int_equal(cryo_scenario_exit_code(&t), 1);
}

static void delete_of_nothing(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	fake.delete_rc = 1;
	assert_int_equal(run_text("  steps:\n    - delete: {pod: x}\n", false, &t, &err), 0);
	assert_string_equal(t.result[0].err.msg, "delete x: pod 'x' does not exist");
}

static void interrupted(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	fake.wait_rc = -CRYO_E_INTERRUPTED;
	assert_int_equal(run_text(STORY, true, &t, &err), -CRYO_E_INTERRUPTED);
	assert_int_equal(err.signal, 2);
	assert_null(strstr(cryo_str_get(&fake.journal), "logs"));
	assert_true(cryo_ends_with(cryo_str_get(&fake.journal), "delete the namespace\n"));
}

static void skipped(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(run_text("  needs: [restore, encryption]\n"
				  "  steps:\n    - delete: {pod: x}\n",
				  false, &t, &err),
			 0);
	assert_string_equal(cryo_str_get(&fake.events),
			    "skip s: this cluster cannot do 'encryption': no provider\n");
	assert_string_equal(cryo_str_get(&fake.journal), "");
	assert_int_equal(cryo_scenario_exit_code(&t), 77);
}

#define MOVE                                                                                       \
	"  steps:\n"                                                                               \
	"    - migrate: {pod: p, toNode: n2, encryptionSecret: enc}\n"                             \
	"      as: m\n"                                                                            \
	"    - migrate: {pod: \"${m.pod}\", toNode: \"${m.from}\"}\n"                              \
	"    - drain: {node: n1}\n"

static void moved(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	target.nodes = 2;
	assert_int_equal(run_text(MOVE, false, &t, &err), 0);
	assert_string_equal(cryo_str_get(&fake.journal), "create Namespace\n"
							 "wait serviceaccounts default \n"
							 "migrate p to n2 for enc\n"
							 "migrate p to n1\n"
							 "close n1\n"
							 "migrate p to any\n"
							 "open n1\n"
							 "delete the namespace\n");
	assert_int_equal(t.passed, 1);
	assert_true(t.result[0].judged);
}

/* And a node that was closed is open again. */
static void moved_in_vain(void **state)
{
	static const struct {
		bool not_judged;
		const char *says;
	} row[] = { { false, "other-process: words" }, { true, "has no lines of the counter" } };

	(void)state;
	target.nodes = 2;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;

		fake.not_judged = row[i].not_judged;
		fake.verdict = CRYO_CONTINUITY_OTHER_PROCESS;
		cryo_str_clear(&fake.journal);
		run_text("  steps:\n    - drain: {node: n1}\n", false, &t, &err);
		assert_int_equal(t.failed, 1);
		assert_non_null(strstr(t.result[0].err.msg, row[i].says));
		assert_non_null(strstr(cryo_str_get(&fake.journal), "open n1\n"));
	}
}

static void not_moved(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	target.nodes = 1;
	assert_int_equal(run_text(MOVE, false, &t, &err), 0);
	assert_string_equal(cryo_str_get(&fake.events),
			    "skip s: this cluster cannot do 'several-nodes': it has one node\n");
}

static void values_are_set(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(
	    run_text("  steps:\n"
		     "    - checkpoint: {pod: p}\n"
		     "      as: cp\n"
		     "    - apply:\n"
		     "        file: pod.yaml\n"
		     "        set: {\"spec.containers[0].args\": [-n, \"${cp.node}\"], "
		     "spec.x: {y: \"<${cp.pod}>\", z: 5}}\n",
		     false, &t, &err),
	    0);
	assert_int_equal(t.passed, 1);
	assert_string_equal(cryo_json_str(fake.applied, "spec.containers[0].args[1]"), "node");
	assert_string_equal(cryo_json_str(fake.applied, "spec.containers[0].name"), "c");
	assert_string_equal(cryo_json_str(fake.applied, "spec.x.y"), "<p>");
	assert_int_equal(cryo_json_int(fake.applied, "spec.x.z", 0), 5);
}

static void nothing_runs(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(run_text("  steps: []\n", false, &t, &err), -CRYO_E_CONFIG);
	fake.kube_rc = -CRYO_E_CHECK;
	assert_int_equal(run_text(STORY, false, &t, &err), -CRYO_E_CHECK);
	assert_string_equal(err.msg, "cluster 'x' does not run");
	assert_string_equal(cryo_str_get(&fake.journal), "");
	assert_int_equal(t.n, 0);
}

static void lint(void **state)
{
	const char *const files[] = { "/nowhere/a.yaml", scenario_path, NULL };
	struct cryo_err err = CRYO_ERR_INIT, ignored;
	static const char bad[] = "kind: Scenario\n";

	(void)state;
	cryo_fs_write(scenario_path, bad, strlen(bad), 0600, &ignored);
	assert_int_equal(cryo_scenario_lint(files, &err), -CRYO_E_CONFIG);
	assert_string_equal(err.msg, "2 of 2 scenario files have errors");
	assert_non_null(strstr(cryo_str_get(&fake.events), ":1: 'apiVersion' is missing\n"));
}

/* A scenario with a cluster of its own: it comes and goes, whatever happens in between. */
static void alone(void **state)
{
	static const struct {
		const char *name, *steps;
		int up_rc, down_rc, checkpoint_rc, wait_rc;
		bool keep;
		enum cryo_outcome outcome;
		enum cryo_status status;
		const char *msg, *last; /* of the journal */
		bool kept;
	} row[] = {
		{ "passes", "checkpoint: {pod: p}", 0, 0, 0, 0, true, CRYO_PASSED, 0, "", "down\n",
		  false },
		{ "fails", "checkpoint: {pod: p}", 0, 0, -CRYO_E_REMOTE, 0, false, CRYO_FAILED,
		  CRYO_E_REMOTE, "checkpoint p: pod 'p' said no", "down\n", false },
		{ "is kept", "checkpoint: {pod: p}", 0, 0, -CRYO_E_REMOTE, 0, true, CRYO_FAILED,
		  CRYO_E_REMOTE, "checkpoint p: pod 'p' said no", "checkpoint p\n", true },
		{ "is interrupted", "wait: {pod: p, condition: Ready}", 0, 0, 0,
		  -CRYO_E_INTERRUPTED, true, CRYO_FAILED, CRYO_E_INTERRUPTED,
		  "wait until p is Ready: pod 'p' not ready", "down\n", false },
		{ "does not come up", "checkpoint: {pod: p}", -CRYO_E_PROVISION, 0, 0, 0, true,
		  CRYO_FAILED, CRYO_E_PROVISION, "cluster 'own': no luck", "up\ndown\n", false },
		{ "does not go down", "checkpoint: {pod: p}", 0, -1, 0, 0, false, CRYO_FAILED,
		  CRYO_E_SYSTEM, "it stays", "down\n", false },
		{ "neither passes nor goes down", "checkpoint: {pod: p}", 0, -1, -CRYO_E_REMOTE, 0,
		  false, CRYO_FAILED, CRYO_E_REMOTE, "checkpoint p: pod 'p' said no", "down\n",
		  false },
	};
	cryo_auto(cryo_free) char *mark = cryo_asprintf("%s/" CRYO_SCENARIO_KEPT, scratch_dir);

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *text =
		    cryo_asprintf("apiVersion: cryopod.dev/v1alpha1\nkind: Scenario\n"
				  "metadata: {name: s}\nspec: {steps: [%s]}\n",
				  row[i].steps);
		struct cryo_scenario_opts opts = { .keep = row[i].keep,
						   .keep_cluster = row[i].keep };
		cryo_auto(cryo_scenario_release) struct cryo_scenario s = { 0 };
		struct cryo_scenario_result r;
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %s\n", row[i].name);
		cryo_str_clear(&fake.journal);
		fake.up_rc = row[i].up_rc;
		fake.down_rc = row[i].down_rc;
		fake.checkpoint_rc = row[i].checkpoint_rc;
		fake.wait_rc = row[i].wait_rc;
		assert_int_equal(
		    cryo_scenario_parse(scenario_path, 0, text, strlen(text), &s, &err), 0);
		cryo_scenario_run_alone(&target, &s, &opts, &r);
		assert_int_equal(r.outcome, row[i].outcome);
		assert_int_equal(r.err.status, row[i].status);
		assert_string_equal(r.err.msg, row[i].msg);
		assert_true(cryo_ends_with(cryo_str_get(&fake.journal), row[i].last));
		assert_int_equal(cryo_fs_exists(mark), row[i].kept);
		assert_int_equal(r.cluster != NULL, row[i].kept);
		assert_int_equal(r.up_ms >= 0, row[i].up_rc == 0);
		cryo_scenario_result_release(&r);
		unlink(mark);
	}
}

static void alone_skipped(void **state)
{
	static const char text[] = "apiVersion: cryopod.dev/v1alpha1\nkind: Scenario\n"
				   "metadata: {name: s}\n"
				   "spec: {needs: [encryption], steps: [delete: {pod: p}]}\n";
	const struct cryo_scenario_opts opts = { 0 };
	cryo_auto(cryo_scenario_release) struct cryo_scenario s = { 0 };
	struct cryo_scenario_result r;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_scenario_parse(scenario_path, 0, text, strlen(text), &s, &err), 0);
	cryo_scenario_run_alone(&target, &s, &opts, &r);
	assert_int_equal(r.outcome, CRYO_SKIPPED);
	assert_string_equal(cryo_str_get(&fake.journal), "up\ndown\n");
	assert_string_equal(cryo_str_get(&fake.events),
			    "  ok cluster own: \n"
			    "skip s: this cluster cannot do 'encryption': no provider\n");
	cryo_scenario_result_release(&r);
}

#define ENCRYPTED                                                                                  \
	"  steps:\n"                                                                               \
	"    - create-secret: {name: enc, tls: {key: ec}}\n"                                       \
	"    - checkpoint: {pod: p}\n"                                                             \
	"      as: plain\n"                                                                        \
	"    - ciphertext: {checkpoint: \"${plain}\", readable: true}\n"                           \
	"    - checkpoint: {pod: p, encrypt: true, encryptionSecret: enc}\n"                       \
	"      as: cp\n"                                                                           \
	"    - ciphertext: {checkpoint: \"${cp}\"}\n"                                              \
	"    - restore: {archive: \"${cp.archive}\", pod: locked}\n"                               \
	"      expect: {error: {contains: key}}\n"                                                 \
	"    - restore: {archive: \"${cp.archive}\", pod: q, keySecret: enc}\n"

static void encrypted_story(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	const struct cryo_secrecy *s;

	(void)state;
	assert_int_equal(run_text(ENCRYPTED, true, &t, &err), 0);
	assert_string_equal(
	    cryo_str_get(&fake.events),
	    "  ok create secret enc: EC, P-256\n"
	    "  ok checkpoint p: 180 kB in 400 ms\n"
	    "  ok a plain archive can be read: the canary can be read 1 time, first "
	    "at byte 100 of 'checkpoint/pages-1.img'\n"
	    "  ok checkpoint p encrypted for enc: 180 kB in 400 ms, encrypted\n"
	    "  ok an encrypted archive cannot be read: 1 image sealed, the "
	    "canary is nowhere in the archive\n"
	    "  ok restore locked: failed as expected: it is sealed: a key is needed\n"
	    "  ok restore q with the key of enc: running after 1.2 s\n"
	    "ok s: \n");
	assert_non_null(strstr(cryo_str_get(&fake.journal), "checkpoint p for enc\n"));
	assert_non_null(strstr(cryo_str_get(&fake.journal), "with enc\nrestore q\n"));
	s = &t.result[0].secrecy;
	assert_true(s->plain && s->sealed && s->refused && s->opened);
	assert_int_equal(s->plain_times, 1);
	assert_int_equal(s->images, 1);
}

static void a_key_in_a_secret(void **state)
{
	cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(run_text("  steps:\n"
				  "    - create-secret: {name: enc, tls: {key: rsa, bits: 2048}}\n",
				  false, &t, &err),
			 0);
	assert_string_equal(cryo_json_str(fake.secret, "metadata.name"), "enc");
	assert_string_equal(cryo_json_str(fake.secret, "type"), "kubernetes.io/tls");
	/* "-----BEGIN " */
	for (size_t i = 0; i < 2; i++) {
		static const char *const key[] = { "tls.crt", "tls.key" };
		const json_t *data = json_object_get(fake.secret, "data");

		assert_true(cryo_starts_with(json_string_value(json_object_get(data, key[i])),
					     "LS0tLS1CRUdJTi"));
	}
	assert_non_null(strstr(cryo_str_get(&fake.events), "RSA, 2048 bits"));
}

/* The check of the archive can say no, each way. */
static void wrong_archives(void **state)
{
	static const struct {
		const char *title, *spec;
		bool leaky;
		const char *source_log, *msg;
		enum cryo_status status;
	} row[] = {
		{ "encrypted in name only", "pod: p, encrypt: true, encryptionSecret: enc|", true,
		  LINE(1, 5),
		  "an encrypted archive cannot be read: readable: the canary can be read 1 time, "
		  "first at byte 100 of 'checkpoint/pages-1.img'",
		  CRYO_E_TAMPER },
		{ "plain, and of another process", "pod: p|", false,
		  "2026-11-23T22:00:00Z count=1 nonce=bbbbbbbbbbbbbbbb mono_ns=1\n",
		  "an encrypted archive cannot be read: not-sealed: 'checkpoint/seal.cms' is not "
		  "there",
		  CRYO_E_TAMPER },
		{ "no counter", "pod: p, encrypt: true, encryptionSecret: enc|", false,
		  "2026-11-23T22:00:00Z hello\n",
		  "an encrypted archive cannot be read: no-canary: 1 image sealed, but no "
		  "nonce is known, so there is no canary to look for",
		  CRYO_E_CHECK },
		{ "encrypted where it should not be",
		  "pod: p, encrypt: true, encryptionSecret: enc|, readable: true", false,
		  LINE(1, 5), "a plain archive can be read: the archive is encrypted",
		  CRYO_E_CHECK },
		{ "a search that finds nothing", "pod: p|, readable: true", false,
		  "2026-11-23T22:00:00Z count=1 nonce=bbbbbbbbbbbbbbbb mono_ns=1\n",
		  "a plain archive can be read: the counter's canary is not in a plain archive",
		  CRYO_E_CHECK },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_scenario_totals_release) struct cryo_scenario_totals t = { 0 };
		size_t n = strcspn(row[i].spec, "|");
		cryo_auto(cryo_free) char *spec =
		    cryo_asprintf("  steps:\n    - checkpoint: {%.*s}\n      as: cp\n"
				  "    - ciphertext: {checkpoint: \"${cp}\"%s}\n",
				  (int)n, row[i].spec, row[i].spec + n + 1);
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %s\n", row[i].title);
		fake.leaky = row[i].leaky;
		fake.source_log = row[i].source_log;
		assert_int_equal(run_text(spec, false, &t, &err), 0);
		assert_string_equal(t.result[0].err.msg, row[i].msg);
		assert_int_equal(t.result[0].err.status, row[i].status);
		assert_false(t.result[0].secrecy.plain || t.result[0].secrecy.sealed);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(story, setup, teardown),
		cmocka_unit_test_setup_teardown(outcomes, setup, teardown),
		cmocka_unit_test_setup_teardown(parameters, setup, teardown),
		cmocka_unit_test_setup_teardown(names_of_archives, setup, teardown),
		cmocka_unit_test_setup_teardown(stopped_source, setup, teardown),
		cmocka_unit_test_setup_teardown(restarted_instead, setup, teardown),
		cmocka_unit_test_setup_teardown(failure_is_caught, setup, teardown),
		cmocka_unit_test_setup_teardown(continuity_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(delete_of_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(interrupted, setup, teardown),
		cmocka_unit_test_setup_teardown(skipped, setup, teardown),
		cmocka_unit_test_setup_teardown(moved, setup, teardown),
		cmocka_unit_test_setup_teardown(moved_in_vain, setup, teardown),
		cmocka_unit_test_setup_teardown(not_moved, setup, teardown),
		cmocka_unit_test_setup_teardown(alone, setup, teardown),
		cmocka_unit_test_setup_teardown(alone_skipped, setup, teardown),
		cmocka_unit_test_setup_teardown(values_are_set, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(lint, setup, teardown),
		cmocka_unit_test_setup_teardown(encrypted_story, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_in_a_secret, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_archives, setup, teardown),
	};

	return cmocka_run_group_tests_name("runner", tests, NULL, NULL) ? EXIT_FAILURE
									: EXIT_SUCCESS;
}
