/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CANNOT 77

/* In a user namespace with so many instances: 0 as it has to be, 1 not, CANNOT. */
static int judge_with(unsigned instances, unsigned left)
{
	struct cryo_err err = CRYO_ERR_INIT;
	int fd, n, rc;
	char text[16];

	if (unshare(CLONE_NEWUSER) < 0)
		return CANNOT;
	fd = open("/proc/sys/user/max_inotify_instances", O_WRONLY);
	n = snprintf(text, sizeof(text), "%u", instances);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		return CANNOT;
	if (local_inotify_free(64) != left)
		return 1;
	rc = local_check_inotify(&err);
	if (left >= LOCAL_INOTIFY)
		return rc != 0;
	return rc != -(int)CRYO_E_UNFIT ||
	       !strstr(err.msg, "a node needs 13 (sysctl -w fs.inotify");
}

static void enough_or_not(void **state)
{
	static const unsigned row[] = { 0, 1, LOCAL_INOTIFY - 1, LOCAL_INOTIFY, 20 };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		int wstatus;
		pid_t pid = fork();

		if (pid == 0)
			_exit(judge_with(row[i], row[i]));
		assert_int_equal(waitpid(pid, &wstatus, 0), pid);
		if (WEXITSTATUS(wstatus) == CANNOT) {
			print_message("# skipped: no user namespaces here\n");
			skip();
		}
		print_message("# %u\n", row[i]);
		assert_int_equal(WEXITSTATUS(wstatus), 0);
	}
}

/* Looking takes nothing away. */
static void nothing_is_kept(void **state)
{
	unsigned before = local_inotify_free(8);

	(void)state;
	for (int i = 0; i < 200; i++)
		assert_int_equal(local_inotify_free(8), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enough_or_not),
		cmocka_unit_test(nothing_is_kept),
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL) ? EXIT_FAILURE
									: EXIT_SUCCESS;
}
