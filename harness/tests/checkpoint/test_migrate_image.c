/* SPDX-License-Identifier: Apache-2.0 */
/* The image that the other node lacks, with nodes whose `ctr` is this file's. */
#include "checkpoint/migrate_image.h"
#include "tests/scratch.h"

#include "cluster/kind.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ID    "sha256:11"
#define OTHER "sha256:22"

/* What the second node has, and what came of an import there. */
static struct {
	const char *has, *after;
	bool no_export;
	struct cryo_str did;
} fake;

static bool says(const struct cryo_exec *x, const char *word)
{
	for (const char *const *a = x->argv; *a; a++)
		if (strcmp(*a, word) == 0)
			return true;
	return false;
}

static int fake_exec(struct cryo_cluster *t, const struct cryo_cluster_node *n,
		     const struct cryo_exec *x, struct cryo_proc_result *res, struct cryo_err *err)
{
	(void)t;
	if (says(x, "export")) {
		cryo_str_addf(&fake.did, "export from %s\n", n->name);
		if (fake.no_export)
			return cryo_err_set(err, CRYO_E_CHILD, "content not found");
		return write(x->out_fd, "tar", 3) == 3 ? 0 : -1;
	}
	if (says(x, "import")) {
		cryo_str_addf(&fake.did, "import into %s\n", n->name);
		fake.has = fake.after;
	}
	if (says(x, "ls") && fake.has)
		cryo_str_addf(&res->out,
			      "REF TYPE DIGEST SIZE\n%s x sha256:9 1\nc:1 x sha256:9 1\n",
			      fake.has);
	return 0;
}

static int fake_put(struct cryo_cluster *t, const struct cryo_cluster_node *n, int from,
		    const char *to, struct cryo_err *err)
{
	char text[8] = "";

	(void)t;
	(void)to;
	(void)err;
	assert_int_equal(pread(from, text, sizeof(text) - 1, 0), 3);
	assert_string_equal(text, "tar");
	assert_string_equal(n->name, "n2");
	return 0;
}

static const struct cryo_cluster_ops ops = { .kind = "fake", .exec = fake_exec, .put = fake_put };
static struct cryo_cluster_node node[2];
static struct cryo_cluster cluster = { .ops = &ops, .name = (char *)"x", .node = node, .nodes = 2 };

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	for (size_t i = 0; i < CRYO_ARRAY_LEN(node); i++) {
		node[i].name = cryo_asprintf("n%zu", i + 1);
		cryo_node_paths_default(&node[i].path);
	}
	if (scratch_setup(state) < 0)
		return -1;
	cluster.dir = scratch_dir;
	return 0;
}

static int teardown(void **state)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(node); i++)
		cryo_node_release(&node[i]);
	cryo_str_release(&fake.did);
	return scratch_teardown(state);
}

static int bring(struct cryo_err *err)
{
	return cryo_migrate_image(&cluster, &node[0], &node[1], "c:1", ID, err);
}

static void is_there(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	fake.has = ID;
	assert_int_equal(bring(&err), 0);
	assert_int_equal(fake.did.len, 0);
}

/* Also where another one has its name. */
static void is_copied(void **state)
{
	static const char *const before[] = { NULL, OTHER };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(before); i++) {
		struct cryo_err err = CRYO_ERR_INIT;

		fake.has = before[i];
		fake.after = ID;
		cryo_str_clear(&fake.did);
		if (bring(&err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(cryo_str_get(&fake.did), "export from n1\nimport into n2\n");
	}
}

static void cannot_be_copied(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	fake.no_export = true;
	assert_int_equal(bring(&err), -CRYO_E_CHECK);
	assert_non_null(strstr(err.msg, "'c:1' is not on node 'n2'"));
	assert_non_null(strstr(err.msg, "content not found"));
	/* What came is another one. */
	fake.no_export = false;
	fake.after = OTHER;
	assert_int_equal(bring(&err), -CRYO_E_CHECK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(is_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(cannot_be_copied, setup, teardown),
	};

	return cmocka_run_group_tests_name("migrate_image", tests, NULL, NULL);
}
