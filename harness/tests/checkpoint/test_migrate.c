/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Migration, and what becomes of the pod when a part of it fails: checkpoint, restore
 * and server are this file's, so the linker does not take the real ones.
 */
#include "checkpoint/migrate.h"
#include "tests/scratch.h"

#include "checkpoint/migrate_image.h"
#include "checkpoint/nodefile.h"
#include "checkpoint/sealing.h"
#include "cluster/kind.h"
#include "criu/archive.h"
#include "sys/fs.h"
#include "verify/restored_log.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NONCE	"0123456789abcdef"
#define LINE(n) "2026-11-30T10:00:0" #n "Z count=" #n " nonce=" NONCE " mono_ns=" #n "000000000\n"
#define CRI(n)                                                                                     \
	"2026-11-30T10:00:0" #n "Z stdout F count=" #n " nonce=" NONCE " mono_ns=" #n "000000000"  \
	"\n"

#define FAKE_LOG CRI(1) CRI(2)
#include "tests/checkpoint/fake_checkpoint.h"

/* Zeroed: a pod that counts on n2 of three nodes that are Ready, and all goes well. */
static struct {
	bool absent, no_image, other_process, no_counter;
	const char *not_ready, *cordoned; /* nodes */
	const char *refuses;		  /* a node on which no restore works; "*": none */
	enum cryo_checkpoint_form form;
	int checkpoint_rc;
	struct cryo_str did;
} fake;

void cryo_kube_free(struct cryo_kube *k)
{
	(void)k;
}

static json_t *make_node(const char *name)
{
	bool ready = !cryo_streq(name, fake.not_ready);

	return json_pack("{s{sb} s{s[{ss ss}]}}", "spec", "unschedulable",
			 cryo_streq(name, fake.cordoned), "status", "conditions", "type", "Ready",
			 "status", ready ? "True" : "False");
}

int cryo_kube_get(struct cryo_kube *k, const struct cryo_kube_ref *ref, json_t **out,
		  struct cryo_err *err)
{
	(void)k;
	(void)err;
	*out = NULL;
	if (strcmp(ref->resource, "nodes") == 0)
		*out = make_node(ref->name);
	else if (!fake.absent)
		*out = json_pack("{s{ss} s{ss} s{s[{ss ss ss}]}}", "metadata", "uid", "u1", "spec",
				 "nodeName", "n2", "status", "containerStatuses", "name", "main",
				 "image", "counter", "imageID", "sha256:1");
	return 0;
}

int cryo_kube_test_condition(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	const json_t *c =
	    json_array_get(json_object_get(json_object_get(object, "status"), "conditions"), 0);

	(void)arg;
	(void)why;
	(void)err;
	return cryo_streq(json_string_value(json_object_get(c, "status")), "True");
}

int cryo_kube_delete_uid(struct cryo_kube *k, const struct cryo_kube_ref *ref, const char *uid,
			 int grace_s, int64_t wait_ms, struct cryo_err *err)
{
	(void)k;
	(void)err;
	assert_true(wait_ms > 0);
	cryo_str_addf(&fake.did, "gone %s/%s %s %d\n", ref->ns, ref->name, uid, grace_s);
	return 0;
}

int cryo_podlog_read(struct cryo_kube *k, const struct cryo_podlog *p, struct cryo_str *out,
		     struct cryo_err *err)
{
	(void)k;
	(void)p;
	(void)err;
	cryo_str_add(out, fake.no_counter ? "2026-11-30T10:00:01Z hello\n" : LINE(1) LINE(2));
	return 1;
}

int cryo_restored_log_read(struct cryo_kube *k, const struct cryo_podlog *p,
			   const struct cryo_count_format *format, const char *copied,
			   struct cryo_str *out, struct cryo_err *err)
{
	(void)format;
	(void)k;
	(void)err;
	assert_string_equal(copied, CRI(1) CRI(2));
	cryo_str_addf(&fake.did, "log of %s\n", p->pod);
	cryo_str_add(out, LINE(1) LINE(2));
	cryo_str_add(out, fake.other_process
			      ? "2026-11-30T10:00:03Z count=1 nonce=ffff456789abcdef mono_ns=3\n"
				"2026-11-30T10:00:04Z count=2 nonce=ffff456789abcdef mono_ns=4\n"
			      : LINE(3) LINE(4) LINE(5));
	return 0;
}

int cryo_migrate_image(struct cryo_cluster *t, const struct cryo_cluster_node *from,
		       const struct cryo_cluster_node *to, const char *name, const char *id,
		       struct cryo_err *err)
{
	(void)t;
	cryo_str_addf(&fake.did, "image %s %s %s > %s\n", name, id, from->name, to->name);
	return fake.no_image ? cryo_err_set(err, CRYO_E_CHECK, "no image") : 0;
}

int cryo_sealing_secret(struct cryo_kube *k, const char *ns, const char *name, const char *key,
			struct cryo_str *out, struct cryo_err *err)
{
	(void)k;
	(void)ns;
	(void)name;
	(void)err;
	assert_string_equal(key, "tls.key");
	cryo_str_add(out, "nonsense");
	return 0;
}

int cryo_nodefile_remove(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			 const char *path, struct cryo_err *err)
{
	(void)t;
	(void)err;
	cryo_str_addf(&fake.did, "rm %s:%s\n", node->name, path);
	return 0;
}

int cryo_checkpoint_run(struct cryo_cluster *t, const struct cryo_checkpoint_opts *opts,
			struct cryo_checkpoint *out, struct cryo_err *err)
{
	(void)t;
	assert_int_equal(opts->leave, CRYO_LEAVE_STOPPED);
	cryo_str_addf(&fake.did, "checkpoint %s\n", opts->pod);
	if (fake.checkpoint_rc)
		return cryo_err_set(err, CRYO_E_REMOTE, "no dump");
	*out = (struct cryo_checkpoint){ .container = cryo_strdup("main"),
					 .archive = cryo_strdup("/a.tar"),
					 .source = cryo_strdup("{}"),
					 .form = fake.form ? fake.form : CRYO_CHECKPOINT_PODS };
	return 0;
}

int cryo_restore_run(struct cryo_cluster *t, const struct cryo_restore_opts *opts,
		     struct cryo_restore *out, struct cryo_err *err)
{
	(void)t;
	(void)out;
	assert_string_equal(opts->source, "{}");
	cryo_str_addf(&fake.did, "restore %s on %s\n", opts->pod, opts->node);
	if (fake.refuses && (*fake.refuses == '*' || strcmp(fake.refuses, opts->node) == 0))
		return cryo_err_set(err, CRYO_E_REMOTE, "no restore on %s", opts->node);
	return 0;
}

static int fake_kube(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err)
{
	(void)t;
	(void)err;
	*out = NULL;
	return 0;
}

static int fake_exec(struct cryo_cluster *t, const struct cryo_cluster_node *n,
		     const struct cryo_exec *p, struct cryo_proc_result *res, struct cryo_err *err)
{
	(void)t;
	(void)n;
	(void)p;
	(void)res;
	(void)err;
	return 0;
}

static const struct cryo_cluster_ops ops = { .kind = "fake", .kube = fake_kube, .exec = fake_exec };
static struct cryo_cluster_node node[3] = { { .name = (char *)"n1" },
					    { .name = (char *)"n2", .role = CRYO_NODE_WORKER },
					    { .name = (char *)"n3", .role = CRYO_NODE_WORKER } };
static struct cryo_cluster cluster = { .ops = &ops, .name = (char *)"x", .node = node, .nodes = 3 };

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	cluster.nodes = 3;
	*state = NULL;
	if (scratch_setup(state) < 0)
		return -1;
	cluster.dir = scratch_dir;
	return 0;
}

static int teardown(void **state)
{
	cryo_str_release(&fake.did);
	return scratch_teardown(state);
}

static void goes_on_elsewhere(void **state)
{
	const struct cryo_migrate_opts opts = { .pod = "p" };
	cryo_auto(cryo_migration_release) struct cryo_migration m = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	if (cryo_migrate_run(&cluster, &opts, &m, &err) < 0)
		fail_msg("%s", err.msg);
	/* the other worker, not the control plane; no grace: the container is dead already */
	assert_string_equal(cryo_str_get(&fake.did), "image counter sha256:1 n2 > n3\n"
						     "checkpoint p\n"
						     "gone default/p u1 0\n"
						     "restore p on n3\n"
						     "rm n2:/a.tar\n"
						     "log of p\n");
	assert_string_equal(m.from, "n2");
	assert_string_equal(m.to, "n3");
	assert_true(m.judged);
	assert_int_equal(m.verdict.reason, CRYO_CONTINUITY_OK);
}

/* Of one that still runs after the dump every further second is lost. */
static void by_a_stock_server(void **state)
{
	const struct cryo_migrate_opts opts = { .pod = "p", .to_node = "n1" };
	cryo_auto(cryo_migration_release) struct cryo_migration m = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	fake.form = CRYO_CHECKPOINT_PROXY;
	assert_int_equal(cryo_migrate_run(&cluster, &opts, &m, &err), 0);
	assert_non_null(strstr(cryo_str_get(&fake.did), "gone default/p u1 1\nrestore p on n1\n"));
}

/* Nobody has to wait for a name that nobody wants. */
static void under_another_name(void **state)
{
	const struct cryo_migrate_opts opts = { .pod = "p", .as = "q", .ns = "work" };
	cryo_auto(cryo_migration_release) struct cryo_migration m = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_migrate_run(&cluster, &opts, &m, &err), 0);
	assert_null(strstr(cryo_str_get(&fake.did), "gone"));
	assert_non_null(strstr(cryo_str_get(&fake.did), "restore q on n3\n"));
	assert_string_equal(m.pod, "q");
}

static void what_is_judged(void **state)
{
	const struct cryo_migrate_opts opts = { .pod = "p" };
	struct cryo_migration m = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	fake.other_process = true;
	assert_int_equal(cryo_migrate_run(&cluster, &opts, &m, &err), 0);
	assert_true(m.judged);
	assert_int_equal(m.verdict.reason, CRYO_CONTINUITY_RESET);
	cryo_migration_release(&m);
	fake.no_counter = true;
	assert_int_equal(cryo_migrate_run(&cluster, &opts, &m, &err), 0);
	assert_false(m.judged);
	cryo_migration_release(&m);
}

static void closed_nodes_are_passed_by(void **state)
{
	const struct cryo_migrate_opts opts = { .pod = "p" };
	struct cryo_migration m = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	fake.cordoned = "n3";
	assert_int_equal(cryo_migrate_run(&cluster, &opts, &m, &err), 0);
	assert_string_equal(m.to, "n1");
	cryo_migration_release(&m);
	fake.not_ready = "n1";
	assert_int_equal(cryo_migrate_run(&cluster, &opts, &m, &err), -CRYO_E_CHECK);
	assert_non_null(strstr(err.msg, "no other node"));
}

/* Before anything is stopped. */
static void refused(void **state)
{
	static const struct {
		struct cryo_migrate_opts opts;
		bool absent, no_image;
		const char *not_ready;
		size_t nodes;
		int status;
		const char *says;
	} row[] = {
		{ { .pod = "p" },
		  .absent = true,
		  .status = CRYO_E_REMOTE,
		  .says = "does not exist" },
		{ { .pod = "p" }, .no_image = true, .status = CRYO_E_CHECK, .says = "no image" },
		{ { .pod = "p", .to_node = "n2" }, .status = CRYO_E_CHECK, .says = "already" },
		{ { .pod = "p", .to_node = "n9" }, .status = CRYO_E_USAGE, .says = "n9" },
		{ { .pod = "p", .to_node = "n3" },
		  .not_ready = "n3",
		  .status = CRYO_E_CHECK,
		  .says = "not Ready" },
		{ { .pod = "p", .secret = "s" }, .status = CRYO_E_CONFIG, .says = "tls.key" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_migration m = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;

		fake.absent = row[i].absent;
		fake.no_image = row[i].no_image;
		fake.not_ready = row[i].not_ready;
		assert_int_equal(cryo_migrate_run(&cluster, &row[i].opts, &m, &err),
				 -row[i].status);
		if (!strstr(err.msg, row[i].says))
			fail_msg("row %zu: %s", i, err.msg);
		assert_null(strstr(cryo_str_get(&fake.did), "checkpoint"));
		assert_null(m.to);
	}
}

static void back_where_it_was(void **state)
{
	const struct cryo_migrate_opts opts = { .pod = "p" };
	struct cryo_migration m = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	fake.refuses = "n3";
	assert_int_equal(cryo_migrate_run(&cluster, &opts, &m, &err), -CRYO_E_REMOTE);
	assert_non_null(strstr(err.msg, "it runs on node 'n2' again"));
	assert_non_null(strstr(err.msg, "no restore on n3"));
	assert_non_null(strstr(cryo_str_get(&fake.did), "restore p on n2\n"));
	assert_null(strstr(cryo_str_get(&fake.did), "rm "));
	fake.refuses = "*";
	assert_int_equal(cryo_migrate_run(&cluster, &opts, &m, &err), -CRYO_E_REMOTE);
	assert_non_null(strstr(err.msg, "its archive is '/a.tar' on node 'n2'"));
	assert_null(strstr(cryo_str_get(&fake.did), "rm "));
}

static void no_checkpoint(void **state)
{
	const struct cryo_migrate_opts opts = { .pod = "p" };
	struct cryo_migration m = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	fake.checkpoint_rc = 1;
	assert_int_equal(cryo_migrate_run(&cluster, &opts, &m, &err), -CRYO_E_REMOTE);
	assert_null(strstr(cryo_str_get(&fake.did), "restore"));
	assert_null(strstr(cryo_str_get(&fake.did), "gone"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(goes_on_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(by_a_stock_server, setup, teardown),
		cmocka_unit_test_setup_teardown(under_another_name, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_judged, setup, teardown),
		cmocka_unit_test_setup_teardown(closed_nodes_are_passed_by, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(back_where_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(no_checkpoint, setup, teardown),
	};

	return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
