/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/local/local_world.h"

#include "conf/json.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void absent(void **state)
{
	cryo_auto(local_record_release) struct local_record r = { 0 };

	(void)state;
	assert_int_equal(local_record_load(world.l, &r, &world.err), 1);
	assert_false(local_record_running(&r));
	assert_true(local_running(world.l, &r, &world.err) < 0);
	assert_null(r.stack);
}

static void round_trip(void **state)
{
	cryo_auto(local_record_release) struct local_record r = { 0 }, back = { 0 };
	cryo_auto(cryo_free) char *path = world_path("cluster.json");
	struct stat st;

	(void)state;
	r.stack = cryo_strdup("upstream");
	r.stamp = cryo_strdup("abc");
	r.builds = json_pack("[{ss}]", "component", "runc");
	r.created_ns = 1763935200123456789;
	r.port = 40123;
	r.complete = true;
	r.from = cryo_strdup("0123");
	r.dumping = true;
	r.saving = true;
	r.criu_ms = 320;
	assert_int_equal(cryo_pid_of(getpid(), &r.init, &world.err), 0);
	r.forwarder = (struct cryo_pid){ 4000000, UINT64_C(1) << 40 };
	assert_int_equal(local_record_save(world.l, &r, &world.err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(local_record_load(world.l, &back, &world.err), 0);
	assert_string_equal(back.stack, "upstream");
	assert_string_equal(back.stamp, "abc");
	assert_true(json_equal(back.builds, r.builds));
	assert_true(back.created_ns == r.created_ns);
	assert_int_equal(back.port, 40123);
	assert_true(back.complete);
	assert_string_equal(back.from, "0123");
	assert_true(back.dumping);
	assert_true(back.saving);
	assert_null(local_record_rootfs(&back));
	assert_int_equal(back.criu_ms, 320);
	assert_int_equal(back.forwarder.pid, 4000000);
	assert_true(back.forwarder.start_time == r.forwarder.start_time);
	assert_true(local_record_running(&back));
	local_record_release(&back);
	assert_int_equal(local_running(world.l, &back, &world.err), 0);
}

/* Saved before much is known; nothing of it may be made up later. */
static void early(void **state)
{
	cryo_auto(local_record_release) struct local_record r = { 0 }, back = { 0 };

	(void)state;
	assert_int_equal(local_record_save(world.l, &r, &world.err), 0);
	assert_int_equal(local_record_load(world.l, &back, &world.err), 0);
	assert_null(back.stack);
	assert_null(back.builds);
	assert_null(back.from);
	assert_false(back.dumping);
	assert_false(back.complete);
	assert_false(local_record_running(&back));
}

/* Neither a process that ended nor one that only got its number is ours. */
static void another_process(void **state)
{
	cryo_auto(local_record_release) struct local_record r = { 0 };
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		for (;;)
			pause();
	assert_int_equal(cryo_pid_of(pid, &r.init, &world.err), 0);
	assert_true(local_record_running(&r));
	r.init.start_time++;
	assert_false(local_record_running(&r));
	r.init.start_time--;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_false(local_record_running(&r));
}

/* After a reboot the numbers belong to others, whatever their start time. */
static void another_boot(void **state)
{
	cryo_auto(local_record_release) struct local_record r = { 0 }, back = { 0 };
	cryo_auto(cryo_free) char *path = world_path("cluster.json");
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	(void)state;
	r.stack = cryo_strdup("upstream");
	r.complete = true;
	r.port = 1234;
	assert_int_equal(cryo_pid_of(getpid(), &r.init, &world.err), 0);
	assert_int_equal(local_record_save(world.l, &r, &world.err), 0);
	assert_int_equal(cryo_json_load(path, 65536, &j, &world.err), 0);
	json_object_set_new(json_object_get(j, "own"), "boot",
			    json_string("00000000-0000-0000-0000-000000000000"));
	cryo_json_dump(j, &text);
	world_put("cluster.json", text.p);
	assert_int_equal(local_record_load(world.l, &back, &world.err), 0);
	assert_string_equal(back.stack, "upstream");
	assert_int_equal(back.port, 1234);
	assert_int_equal(back.init.pid, 0);
	assert_int_equal(back.forwarder.pid, 0);
	assert_false(local_record_running(&back));
}

static void damaged(void **state)
{
	static const char *const text[] = { "", "{", "{\"boot\": \"x", "nonsense" };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(text); i++) {
		cryo_auto(local_record_release) struct local_record r = { 0 };

		print_message("# '%s'\n", text[i]);
		world_put("cluster.json", text[i]);
		assert_true(local_record_load(world.l, &r, &world.err) < 0);
		assert_non_null(
		    strstr(world.err.msg, "record of cluster 'demo' (cryopod down --target local"));
		assert_null(r.stack);
	}
}

/* Valid JSON of the wrong shape is a record of nothing, and nothing crashes. */
static void misshapen(void **state)
{
	static const char *const text[] = {
		"[]",
		"{}",
		"{\"own\": {\"boot\": 5, \"init\": 7}, \"nodes\": {}}",
		"{\"own\": [], \"config\": 3, \"nodes\": \"x\"}",
		"{\"own\": {\"boot\": null, \"init\": {\"pid\": -1, \"startTime\": -1}}}",
		"{\"boot\": 5, \"stack\": [], \"builds\": \"x\", \"init\": 7, \"port\": \"a\"}",
		"{\"boot\": null, \"init\": {\"pid\": -1, \"startTime\": -1}}",
		"{\"init\": {\"pid\": 1e99}, \"forwarder\": {\"pid\": \"1\"}}",
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(text); i++) {
		cryo_auto(local_record_release) struct local_record r = { 0 };

		print_message("# %s\n", text[i]);
		world_put("cluster.json", text[i]);
		assert_int_equal(local_record_load(world.l, &r, &world.err), 0);
		assert_null(r.stack);
		assert_false(local_record_running(&r));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(absent, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(round_trip, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(early, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(another_process, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(another_boot, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(damaged, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(misshapen, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
