/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void below_their_directories(void **state)
{
	cryo_auto(cryo_free) char *cache = NULL, *kept = NULL, *run = NULL, *odd = NULL;

	(void)state;
	setenv("CRYOPOD_CACHE_DIR", "/c", 1);
	setenv("CRYOPOD_STATE_DIR", "/s", 1);
	setenv("CRYOPOD_RUN_DIR", "/r", 1);
	cache = cryo_cache_path(CRYO_CACHE_BUILDS "/%s/%d", "runc", 7);
	kept = cryo_state_path(CRYO_STATE_SNAPSHOTS "/%s", "one");
	run = cryo_run_path("%s.lock", "x");
	odd = cryo_state_path("%s", "%s");
	assert_string_equal(cache, "/c/builds/runc/7");
	assert_string_equal(kept, "/s/.snapshots/one");
	assert_string_equal(run, "/r/x.lock");
	assert_string_equal(odd, "/s/%s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_their_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
