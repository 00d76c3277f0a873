/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/pod_hostname.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SANDBOX "0123456789abcdef"
#define OF(id)	"{\"annotations\":{\"io.kubernetes.cri.sandbox-id\":\"" id "\"}}"

static void sandbox_of_container(void **state)
{
	static const struct {
		const char *files, *pid;
	} row[] = {
		{ "42" OF(SANDBOX), "42" },
		{ "42\n" OF(SANDBOX), "42" },
		{ "", NULL },
		{ OF(SANDBOX), NULL },
		{ "42", NULL },
		{ "42{", NULL },
		{ "42{}", NULL },
		{ "42" OF("../../x"), NULL },
		{ "42" OF(""), NULL },
		{ "-1" OF(SANDBOX), NULL },
		{ "42{\"annotations\":7}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *pid = NULL;
		cryo_auto(cryo_free) char *sandbox = NULL;
		struct cryo_err err = CRYO_ERR_INIT;
		int rc = cryo_pod_hostname_sandbox(row[i].files, &pid, &sandbox, &err);

		print_message("# %s\n", row[i].files);
		assert_int_equal(rc, row[i].pid ? 0 : -CRYO_E_REMOTE);
		if (!row[i].pid)
			continue;
		assert_string_equal(pid, row[i].pid);
		assert_string_equal(sandbox, SANDBOX);
	}
}

#define LONG64 SANDBOX SANDBOX SANDBOX SANDBOX
static void told_name(void **state)
{
	static const struct {
		const char *config, *name;
		int rc;
	} row[] = {
		{ "{\"hostname\":\"web\"}", "web", 0 },
		/* setHostnameAsFQDN */
		{ "{\"hostname\":\"web.sub.default.svc.cluster.local\"}",
		  "web.sub.default.svc.cluster.local", 0 },
		{ "{\"hostname\":\"" LONG64 "\"}", LONG64, 0 },
		{ "{\"hostname\":\"" LONG64 "x\"}", NULL, -CRYO_E_REMOTE },
		{ "{\"hostname\":\"\"}", NULL, 0 },
		{ "{\"hostname\":7}", NULL, 0 },
		{ "{}", NULL, 0 },
		{ "", NULL, -CRYO_E_REMOTE },
		{ "{", NULL, -CRYO_E_REMOTE },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *name = NULL;
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %s\n", row[i].config);
		assert_int_equal(cryo_pod_hostname_told(row[i].config, &name, &err), row[i].rc);
		if (row[i].name)
			assert_string_equal(name, row[i].name);
		else
			assert_null(name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sandbox_of_container),
					    cmocka_unit_test(told_name) };

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
