/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/reseed.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { RESEEDED = 10, NOT_ALLOWED, OTHER, NO_NAMESPACE };

static int reseed_in_child(int namespaces)
{
	struct cryo_err err = CRYO_ERR_INIT;

	if (namespaces && unshare(namespaces) < 0)
		return NO_NAMESPACE;
	if (cryo_random_reseed(&err) == 0)
		return RESEEDED;
	return err.sys_errno == EPERM ? NOT_ALLOWED : OTHER;
}

static int reseed_in(int namespaces)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(reseed_in_child(namespaces));
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WEXITSTATUS(status);
}

/* Root of the host may; a build user may not, and is told so. */
static void by_the_first_namespace(void **state)
{
	int got = reseed_in(0);

	(void)state;
	assert_true(got == RESEEDED || got == NOT_ALLOWED);
	if (geteuid() != 0)
		assert_int_equal(got, NOT_ALLOWED);
}

static void by_another_user_namespace(void **state)
{
	int got = reseed_in(CLONE_NEWUSER);

	(void)state;
	if (got == NO_NAMESPACE) {
		print_message("# skipped: no user namespaces here\n");
		skip();
	}
	assert_int_equal(got, NOT_ALLOWED);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(by_the_first_namespace),
					    cmocka_unit_test(by_another_user_namespace) };

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
