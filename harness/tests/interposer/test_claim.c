/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/claim.h"
#include "tests/scratch.h"

#include "sys/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define POD   "01234567-89ab-cdef-0123-456789abcdef"
#define OTHER "11234567-89ab-cdef-0123-456789abcdef"
#define OURS  "9:memory:/kubepods/besteffort/pod" POD "/c0ffee\n"

static struct cryo_err err;

static void put(const char *name, mode_t mode, const char *text)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", scratch_dir, name);

	assert_int_equal(cryo_fs_write(path, text, strlen(text), 0600, &err), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static bool is_there(const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", scratch_dir, name);

	return cryo_fs_exists(path);
}

/* As the kubelet names the groups of a pod, with either driver, on either version. */
static void whose_group(void **state)
{
	static const struct {
		const char *text, *uid; /* NULL: no pod's */
	} row[] = {
		{ OURS, POD },
		{ "0::/kubepods.slice/kubepods-besteffort.slice/"
		  "kubepods-besteffort-pod01234567_89ab_cdef_0123_456789abcdef.slice/"
		  "cri-containerd-c0ffee.scope\n",
		  POD },
		{ "1:cpu:/cryopod/x/k8s/kubepods/pod" POD "/a\n0::/\n", POD },
		{ "1:cpu:/pod" OTHER "/kubepods/pod" POD "/a\n", POD },
		{ "0::/\n", NULL },
		{ "", NULL },
		{ "0::/kubepods/podium/x", NULL },
		{ "0::/kubepods/pod01234567-89ab-cdef-0123-456789abcde", NULL },
		{ "0::/kubepods/pod0123456789abcdef0123456789abcdef/x", NULL }, /* of a file */
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		char uid[37] = "";

		print_message("# %s\n", row[i].text);
		assert_int_equal(cryo_claim_pod_uid(row[i].text, uid), row[i].uid != NULL);
		assert_string_equal(uid, row[i].uid ? row[i].uid : "");
	}
}

/* One restore of that pod has it, and nobody else. */
static void one_use(void **state)
{
	struct cryo_policy p = { 0 }, again = { 0 };

	(void)state;
	put("restore-a.call", 0600, "pod-uid " OTHER "\ntls-key /other\n");
	put("restore-b.call", 0600,
	    "pod-uid " POD "\nrequire-encryption\ntls-key /k\ntls-cert /c\n");
	assert_false(cryo_claim_take(scratch_dir, "0::/\n", &p));
	assert_false(cryo_claim_take(scratch_dir, NULL, &p));
	assert_true(cryo_claim_take(scratch_dir, OURS, &p));
	assert_string_equal(p.key, "/k");
	assert_string_equal(p.cert, "/c");
	assert_true(p.require);
	assert_false(is_there("restore-b.call"));
	assert_false(cryo_claim_take(scratch_dir, OURS, &again));
	assert_null(again.key);
	assert_true(is_there("restore-a.call"));
	cryo_policy_release(&p);
}

/* Of a pod with two containers each has one. */
static void two_uses(void **state)
{
	struct cryo_policy p = { 0 }, q = { 0 };

	(void)state;
	put("restore-a.call", 0600, "pod-uid " POD "\ntls-key /a\n");
	put("restore-b.call", 0600, "pod-uid " POD "\ntls-key /b\n");
	assert_true(cryo_claim_take(scratch_dir, OURS, &p));
	assert_true(cryo_claim_take(scratch_dir, OURS, &q));
	assert_string_not_equal(p.key, q.key);
	cryo_policy_release(&p);
	cryo_policy_release(&q);
}

/* What is no such call, or whose owner is not sure, is nobody's; and nobody's restore fails by it.
 */
static void none_of_them(void **state)
{
	struct cryo_policy p = { 0 };

	(void)state;
	put("restore-a.conf", 0600, "pod-uid " POD "\ntls-key /k\n");
	put("a.call", 0600, "pod-uid " POD "\ntls-key /k\n");
	put("restore-b.call", 0666, "pod-uid " POD "\ntls-key /k\n");
	put("restore-c.call", 0600, "pod-uid " POD " x\ntls-key /k\n");
	put("restore-d.call", 0600, "tls-key /k\n");
	put("restore-e.call", 0600, "pod-uid\ntls-key");
	assert_false(cryo_claim_take(scratch_dir, OURS, &p));
	assert_null(p.key);
	assert_true(is_there("restore-b.call") && is_there("restore-e.call"));
	assert_false(cryo_claim_take("/nowhere", OURS, &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whose_group),
		cmocka_unit_test_setup_teardown(one_use, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(two_uses, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(none_of_them, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests_name("claim", tests, NULL, NULL) ? EXIT_FAILURE
								       : EXIT_SUCCESS;
}
