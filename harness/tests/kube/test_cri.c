/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of a container runtime; the requests are the snapshots' end-to-end test's. */
#include "kube/cri.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(text) text, sizeof(text) - 1

static void lists(void **state)
{
	static const struct {
		const char *what, *body;
		size_t n;
		const char *ids; /* NULL: refused */
	} row[] = {
		{ "nothing", BYTES(""), NULL },
		{ "half a head", BYTES("\0\0\0"), NULL },
		{ "empty", BYTES("\0\0\0\0\0"), "" },
		{ "one", BYTES("\0\0\0\0\4\n\2\n\0"), "" },
		{ "one with an id", BYTES("\0\0\0\0\6\n\4\n\2ab"), "ab" },
		{ "two", BYTES("\0\0\0\0\014\n\4\n\2ab\n\4\n\2cd"), "ab cd" },
		{ "fields that we do not know", BYTES("\0\0\0\0\012\n\6\n\2ab\x18\1\x10\7"), "ab" },
		{ "compressed", BYTES("\1\0\0\0\6\n\4\n\2ab"), NULL },
		{ "longer than it is", BYTES("\0\0\0\0\7\n\4\n\2ab"), NULL },
		{ "shorter than it is", BYTES("\0\0\0\0\5\n\4\n\2ab"), NULL },
		{ "much longer", BYTES("\0\377\377\377\377\n\4\n\2ab"), NULL },
		{ "an item beyond the end", BYTES("\0\0\0\0\6\n\5\n\2ab"), NULL },
		{ "no message", BYTES("\0\0\0\0\4HTTP"), NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_strv_release) struct cryo_strv ids = { 0 };
		cryo_auto(cryo_free) char *all = NULL;
		struct cryo_err err = CRYO_ERR_INIT;
		int rc = cryo_cri_sandboxes(row[i].body, row[i].n, &ids, &err);

		print_message("# %s\n", row[i].what);
		assert_int_equal(rc, row[i].ids ? 0 : -CRYO_E_REMOTE);
		all = cryo_strv_join(&ids, " ");
		assert_string_equal(all, row[i].ids ? row[i].ids : "");
	}
}

/* A pair in the map `info` of a status; with the lengths of key, value, pair and message. */
#define INFO(key, klen, value, vlen, mlen, len)                                                    \
	BYTES("\0\0\0\0" len "\x12" mlen "\n" klen key "\x12" vlen value)

static void ability_to_restore(void **state)
{
	static const struct {
		const char *what, *body;
		size_t n;
		int rc;
		enum cryo_cri_restore want;
	} row[] = {
		{ "no answer", BYTES(""), -CRYO_E_REMOTE, CRYO_CRI_RESTORE_UNKNOWN },
		{ "nothing said", BYTES("\0\0\0\0\0"), 0, CRYO_CRI_RESTORE_UNKNOWN },
		{ "on",
		  INFO("config", "\6", "{\"enableExperimentalRestoreViaCreate\":true}", "\x2b",
		       "\x35", "\x37"),
		  0, CRYO_CRI_RESTORE_ON },
		{ "off",
		  INFO("config", "\6", "{\"enableExperimentalRestoreViaCreate\":false}", "\x2c",
		       "\x36", "\x38"),
		  0, CRYO_CRI_RESTORE_OFF },
		{ "a text is neither",
		  INFO("config", "\6", "{\"enableExperimentalRestoreViaCreate\":\"y\"}", "\x2a",
		       "\x34", "\x36"),
		  0, CRYO_CRI_RESTORE_UNKNOWN },
		{ "another key",
		  INFO("golang", "\6", "{\"enableExperimentalRestoreViaCreate\":true}", "\x2b",
		       "\x35", "\x37"),
		  0, CRYO_CRI_RESTORE_UNKNOWN },
		{ "no such option", INFO("config", "\6", "{}", "\2", "\x0c", "\x0e"), 0,
		  CRYO_CRI_RESTORE_UNKNOWN },
		{ "no JSON", INFO("config", "\6", "{[", "\2", "\x0c", "\x0e"), 0,
		  CRYO_CRI_RESTORE_UNKNOWN },
		{ "no value", BYTES("\0\0\0\0\x0a\x12\x08\n\6config"), 0,
		  CRYO_CRI_RESTORE_UNKNOWN },
		{ "longer than the answer", BYTES("\0\0\0\0\3\x12\x09\n"), -CRYO_E_REMOTE,
		  CRYO_CRI_RESTORE_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		enum cryo_cri_restore got = CRYO_CRI_RESTORE_ON;
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %s\n", row[i].what);
		assert_int_equal(cryo_cri_read_restore(row[i].body, row[i].n, &got, &err),
				 row[i].rc);
		assert_int_equal(got, row[i].want);
	}
}

static void pod_of_container(void **state)
{
	static const struct {
		const char *what, *body;
		size_t n;
		const char *pod; /* NULL: refused */
	} row[] = {
		{ "nothing", BYTES(""), NULL },
		{ "none", BYTES("\0\0\0\0\0"), NULL },
		{ "one", BYTES("\0\0\0\0\012\n\010\n\2ab\x12\2cd"), "cd" },
		{ "without a pod", BYTES("\0\0\0\0\6\n\4\n\2ab"), NULL },
		{ "two", BYTES("\0\0\0\0\014\n\4\x12\2ab\n\4\x12\2cd"), NULL },
		{ "cut short", BYTES("\0\0\0\0\012\n\011\n\2ab\x12\2cd"), NULL },
		{ "compressed", BYTES("\1\0\0\0\012\n\010\n\2ab\x12\2cd"), NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *pod = NULL;
		struct cryo_err err = CRYO_ERR_INIT;
		int rc = cryo_cri_read_sandbox(row[i].body, row[i].n, &pod, &err);

		print_message("# %s\n", row[i].what);
		assert_int_equal(rc, row[i].pod ? 0 : -CRYO_E_REMOTE);
		if (row[i].pod)
			assert_string_equal(pod, row[i].pod);
	}
}

static void nobody_there(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	size_t n = 7;
	bool there = true;

	(void)state;
	assert_int_equal(cryo_cri_remove_all("/nowhere/containerd.sock", &n, &err), -CRYO_E_REMOTE);
	assert_non_null(strstr(err.msg, "container runtime, ListPodSandbox: cannot connect"));
	assert_int_equal(n, 0);
	err = (struct cryo_err)CRYO_ERR_INIT;
	assert_int_equal(cryo_cri_has_pod_checkpoint("/nowhere/containerd.sock", &there, &err),
			 -CRYO_E_REMOTE);
	assert_false(there);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(ability_to_restore),
		cmocka_unit_test(pod_of_container),
		cmocka_unit_test(nobody_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
