/* SPDX-License-Identifier: Apache-2.0 */
/* A cache of empty builds, and who uses them. What real trees say is test_source_tree's. */
#include "cache/cache.h"
#include "tests/scratch.h"

#include "recipe/users.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/lock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define A   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B   "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C   "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define GIT "0123456789abcdef0123456789abcdef"

static struct cryo_err err;

static bool there(const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", scratch_dir, name);

	return cryo_fs_exists(path);
}

static int setup(void **state)
{
	cryo_auto(cryo_free) char *cache = NULL;

	if (scratch_setup(state) < 0)
		return -1;
	cache = scratch_path("cache");
	scratch_setenv_path("CRYOPOD_CACHE_DIR", "cache");
	scratch_setenv_path("CRYOPOD_STATE_DIR", "state");
	scratch_put_program("cache/builds/part/" A "/program", "a");
	scratch_put_program("cache/builds/part/" B "/program", "b");
	scratch_put_program("cache/builds/part/" B ".packages", "a list");
	scratch_put_program("cache/builds/part/" B ".used", "");
	return 0;
}

/* A stack file, used with that build of its component. */
static void use_or_make(const char *file, const char *more, const char *stamp, bool made)
{
	cryo_auto(cryo_free) char *text =
	    cryo_asprintf("apiVersion: cryopod.dev/v1alpha1\nkind: Stack\nmetadata: {name: s}\n"
			  "spec:\n  components:\n    part: {recipe: runc, %s}\n",
			  more);
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", scratch_dir, file);
	cryo_auto(cryo_stack_release) struct cryo_stack stack = { 0 };
	cryo_auto(cryo_free) char *dir =
	    cryo_asprintf("%s/builds/part/%s", cryo_dir_cache(), stamp ? stamp : "");
	struct cryo_built item = { .dir = dir, .up_to_date = made };
	const struct cryo_build b = { &item, 1 };

	scratch_put_program(file, text);
	assert_int_equal(cryo_stack_load(path, &stack, &err), 0);
	item.component = &stack.component[0];
	if (stamp)
		memcpy(item.stamp, stamp, sizeof(item.stamp));
	cryo_users_note_stack(&stack, stamp ? &b : NULL);
}

static void use(const char *file, const char *more, const char *stamp)
{
	use_or_make(file, more, stamp, true);
}

#define MODULE "source: {module: example.org/x, version: v1.0.0}"

static void put_cluster(const char *state, const char *stamp)
{
	cryo_auto(cryo_free) char *name = cryo_asprintf("%s/demo/cluster.json", state);
	cryo_auto(cryo_free) char *text =
	    cryo_asprintf("{\"builds\": [{\"component\": \"part\", \"stamp\": \"%s\"}]}", stamp);

	scratch_put_program(name, text);
}

/* How many things; all of them were, or would be, removed. */
static size_t prune(const struct cryo_cache_opts *o)
{
	json_t *removed = NULL;
	size_t n;

	assert_int_equal(cryo_cache_prune(o, &removed, &err), 0);
	n = json_array_size(removed);
	for (size_t i = 0; i < n; i++)
		print_message("# %s %s\n", cryo_json_str(json_array_get(removed, i), "kind"),
			      cryo_json_str(json_array_get(removed, i), "name"));
	json_decref(removed);
	return n;
}

static const struct cryo_cache_opts defaults = { 0 }, all = { .all = true },
				    dry = { .dry_run = true };

/* What the list says of the thing at that path below the base. Caller frees. */
static char *users_of(const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", scratch_dir, name);
	json_t *list = NULL, *one;
	char *users = NULL;
	size_t i;

	assert_int_equal(cryo_cache_list(&list, &err), 0);
	json_array_foreach(list, i, one)
		if (cryo_streq(cryo_json_str(one, "path"), path))
			users = cryo_strdup(
			    cryo_json_str(one, "users") ? cryo_json_str(one, "users") : "nobody");
	json_decref(list);
	return users;
}

static void is_used_by(const char *name, const char *who)
{
	cryo_auto(cryo_free) char *users = users_of(name);

	assert_non_null(users);
	print_message("# %s: %s\n", name, users);
	assert_non_null(strstr(users, who));
}

static void what_a_stack_file_uses_stays(void **state)
{
	(void)state;
	use("my.yaml", MODULE, A);
	is_used_by("cache/builds/part/" A, "/my.yaml");
	is_used_by("cache/builds/part/" B, "nobody");
	assert_int_equal(prune(&dry), 1);
	assert_true(there("cache/builds/part/" B "/program"));
	assert_int_equal(prune(&defaults), 1);
	assert_true(there("cache/builds/part/" A "/program"));
	assert_false(there("cache/builds/part/" B));
	assert_false(there("cache/builds/part/" B ".packages"));
	assert_false(there("cache/builds/part/" B ".used"));
	assert_false(there("cache/trash"));
	assert_int_equal(prune(&defaults), 0);
}

/* The file was changed and built again: the old build is nobody's. */
static void of_a_stack_file_the_last_use_counts(void **state)
{
	(void)state;
	use("my.yaml", MODULE, A);
	use("my.yaml", MODULE, B);
	assert_int_equal(prune(&defaults), 1);
	assert_false(there("cache/builds/part/" A));
	assert_true(there("cache/builds/part/" B));
}

static void several_stack_files_count_each(void **state)
{
	(void)state;
	use("my.yaml", MODULE, A);
	use("other.yaml", MODULE, B);
	assert_int_equal(prune(&defaults), 0);
}

/* Written down before it is built, and no trace of a use where nothing is. */
static void what_is_about_to_be_built(void **state)
{
	(void)state;
	use("my.yaml", MODULE, A);
	use_or_make("my.yaml", MODULE, C, false);
	use_or_make("my.yaml", MODULE, C, false);
	assert_false(there("cache/builds/part/" C ".used"));
	scratch_put_program("cache/builds/part/" C "/program", "c");
	is_used_by("cache/builds/part/" C, "/my.yaml");
	assert_int_equal(prune(&defaults), 1);
	/* It may still fail: the one before stays until then. */
	assert_true(there("cache/builds/part/" A));
	assert_true(there("cache/builds/part/" C));
	use("my.yaml", MODULE, C);
	assert_int_equal(prune(&defaults), 1);
	assert_false(there("cache/builds/part/" A));
	assert_true(there("cache/builds/part/" C));
}

/* Only its sources were fetched: that does not make it forget what it was built to. */
static void a_use_of_sources_forgets_no_build(void **state)
{
	(void)state;
	use("my.yaml", MODULE, A);
	use("my.yaml", MODULE, NULL);
	assert_int_equal(prune(&defaults), 1);
	assert_true(there("cache/builds/part/" A));
}

static void a_stack_file_that_is_gone_counts_no_more(void **state)
{
	cryo_auto(cryo_free) char *path = scratch_path("my.yaml");
	cryo_auto(cryo_free) char *records = cryo_users_dir();

	(void)state;
	use("my.yaml", MODULE, A);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(prune(&defaults), 2);
	assert_false(there("cache/builds/part/" A));
	assert_int_equal(rmdir(records), 0); /* nothing is in it any more */
}

static void all_takes_what_a_stack_file_uses(void **state)
{
	(void)state;
	use("my.yaml", MODULE, A);
	assert_int_equal(prune(&all), 2);
	assert_false(there("cache/builds/part/" A));
}

static void what_a_cluster_needs_stays_in_any_case(void **state)
{
	cryo_auto(cryo_free) char *own = cryo_strdup(cryo_dir_state());
	cryo_auto(cryo_free) char *other = scratch_path("elsewhere");

	(void)state;
	put_cluster("state", A);
	/* One that another state directory has told of. */
	put_cluster("elsewhere", B);
	setenv("CRYOPOD_STATE_DIR", other, 1);
	cryo_users_note_state();
	setenv("CRYOPOD_STATE_DIR", own, 1);
	is_used_by("cache/builds/part/" A, "cluster demo");
	is_used_by("cache/builds/part/" B, "cluster demo in /");
	assert_int_equal(prune(&all), 0);
	assert_int_equal(cryo_fs_rmtree(other, &err), 0);
	assert_int_equal(prune(&all), 1);
	assert_true(there("cache/builds/part/" A));
}

static void what_a_snapshot_needs_stays_in_any_case(void **state)
{
	(void)state;
	scratch_put_program(
	    "state/.snapshots/shop/template.json",
	    "{\"key\": \"shop\", \"builds\": [{\"component\": \"part\", \"stamp\": \"" A "\"}]}");
	is_used_by("cache/builds/part/" A, "snapshot shop");
	assert_int_equal(prune(&all), 1);
	assert_true(there("cache/builds/part/" A));
	assert_true(there("state/.snapshots/shop"));
}

static void a_damaged_record_stops_it(void **state)
{
	json_t *removed = NULL;

	(void)state;
	scratch_put_program("state/demo/cluster.json", "{");
	assert_int_equal(cryo_cache_prune(&all, &removed, &err), -CRYO_E_PROVISION);
	assert_non_null(strstr(err.msg, "cannot determine what cluster demo uses"));
	assert_int_equal(json_array_size(removed), 0);
	json_decref(removed);
	assert_true(there("cache/builds/part/" A));
	assert_true(there("cache/builds/part/" B));
}

/* One that nobody can use takes its builds along, at once and also in a dry run. */
static void a_template_that_goes_keeps_nothing(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: templates are root's\n");
		skip();
	}
	use("my.yaml", MODULE, B);
	scratch_put_program("cache/templates/" C "/template.json",
			    "{\"key\": \"" C "\", \"stack\": \"s\", \"stamp\": \"x\", \"builds\": "
			    "[{\"component\": \"part\", \"stamp\": \"" A "\"}]}");
	assert_int_equal(prune(&dry), 2);
	assert_int_equal(prune(&defaults), 2);
	assert_false(there("cache/templates/" C));
	assert_false(there("cache/builds/part/" A));
	assert_true(there("cache/builds/part/" B));
}

/* It was used just now, so it stays for a week, and what it refers to with it. */
static void a_template_that_stays_keeps_its_builds(void **state)
{
	const struct cryo_cache_opts old = { .all = true, .older_ms = 7 * 86400000ll };
	cryo_auto(cryo_free) char *build = scratch_path("cache/builds/part/" A);
	const struct timespec then[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: templates are root's\n");
		skip();
	}
	assert_int_equal(utimensat(AT_FDCWD, build, then, 0), 0);
	scratch_put_program("cache/templates/" C "/template.json",
			    "{\"key\": \"" C "\", \"stack\": \"s\", \"stamp\": \"x\", \"builds\": "
			    "[{\"component\": \"part\", \"stamp\": \"" A "\"}]}");
	assert_int_equal(prune(&old), 0);
	assert_true(there("cache/builds/part/" A));
}

static void what_somebody_holds_stays(void **state)
{
	cryo_auto(cryo_free) char *dir = scratch_path("cache/builds/part/" A);
	int fd = cryo_lock_hold_dir(dir);

	(void)state;
	assert_true(fd >= 0);
	is_used_by("cache/builds/part/" A, "a running cryopod");
	assert_int_equal(prune(&all), 1);
	assert_true(there("cache/builds/part/" A));
	close(fd);
	assert_int_equal(prune(&all), 1);
	assert_false(there("cache/builds/part/" A));
}

static void what_is_being_built_stays(void **state)
{
	cryo_auto(cryo_free) char *lock = scratch_path("cache/builds/part.lock");
	int fd = -1;

	(void)state;
	assert_int_equal(cryo_lock_take(lock, 0, &fd, &err), 0);
	assert_int_equal(prune(&all), 0);
	assert_true(there("cache/builds/part/" A));
	cryo_lock_remove(lock, &fd);
	assert_int_equal(prune(&all), 2);
}

static void age_counts(void **state)
{
	const struct cryo_cache_opts old = { .older_ms = 7 * 86400000ll };
	cryo_auto(cryo_free) char *used = scratch_path("cache/builds/part/" B ".used");
	const struct timespec then[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	(void)state;
	assert_int_equal(prune(&old), 0);
	assert_int_equal(utimensat(AT_FDCWD, used, then, 0), 0);
	assert_int_equal(prune(&old), 1);
	assert_false(there("cache/builds/part/" B));
	/* To use it counts, and not only that it was made. */
	scratch_put_program("cache/builds/part/" B "/program", "b");
	scratch_put_program("cache/builds/part/" B ".used", "");
	assert_int_equal(utimensat(AT_FDCWD, used, then, 0), 0);
	use("my.yaml", MODULE, B);
	use("my.yaml", MODULE, A);
	assert_int_equal(prune(&old), 0);
}

/* A link to the builds of another cache: its users are not known here. */
static void shared_builds_stay(void **state)
{
	cryo_auto(cryo_free) char *from = scratch_path("cache/builds");
	cryo_auto(cryo_free) char *to = scratch_path("shared");

	(void)state;
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(symlink(to, from), 0);
	assert_int_equal(prune(&all), 0);
	assert_true(there("shared/part/" A "/program"));
}

static void remains_go(void **state)
{
	(void)state;
	use("my.yaml", MODULE, A);
	use("other.yaml", MODULE, B);
	scratch_put_program("cache/trash/x/0/program", "half removed");
	scratch_put_program("cache/work/part/y/z", "");
	scratch_put_program("cache/builds/part/" C ".tmp/bin/sh", "");
	scratch_put_program("cache/builds/part/" C ".packages", "");
	scratch_put_program("cache/trees/part/.new-x/f", "");
	scratch_put_program("cache/archives/" A ".part", "");
	scratch_put_program("cache/.gitmodules-x/f", "");
	assert_int_equal(prune(&dry), 7);
	assert_int_equal(prune(&defaults), 6); /* the trash was emptied before anybody looked */
	assert_false(there("cache/trash"));
	assert_false(there("cache/builds/part/" C ".tmp"));
	assert_true(there("cache/builds/part/" B ".packages"));
	assert_int_equal(prune(&dry), 0);
}

#define SOURCE "source: {git: 'https://h/r', commit: 1111111111111111111111111111111111111111}"
#define TREE   "cache/trees/part/1111111111111111111111111111111111111111"
#define OTHER  "cache/trees/part/2222222222222222222222222222222222222222"

/* As far as anybody looks at it, a tree of ours. */
static void put_tree(const char *tree, const char *borrows)
{
	cryo_auto(cryo_free) char *mark = cryo_asprintf("%s/.git/cryopod", tree);
	cryo_auto(cryo_free) char *name =
	    cryo_asprintf("%s/sub/.git/objects/info/alternates", tree);
	cryo_auto(cryo_free) char *text =
	    cryo_asprintf("%s/git/%s/objects\n", cryo_dir_cache(), borrows);

	scratch_put_program(mark, "cryopod tree\nhttps://h/r\n1\n");
	scratch_put_program(name, text);
}

static void sources_of_known_stacks_stay(void **state)
{
	(void)state;
	use("my.yaml", SOURCE, A);
	use("other.yaml", MODULE, B);
	put_tree(TREE, GIT);
	put_tree(OTHER, "ffffffffffffffffffffffffffffffff");
	scratch_put_program("cache/git/" GIT "/description", "https://h/sub\n");
	scratch_put_program("cache/git/ffffffffffffffffffffffffffffffff/HEAD", "");
	scratch_put_program("cache/git/ffffffffffffffffffffffffffffffff.pins", "");
	scratch_put_program("cache/archives/" C, "");
	is_used_by(TREE, "/my.yaml");
	/* That of a submodule, which no stack file names. */
	is_used_by("cache/git/" GIT, "tree part 1111");
	is_used_by(OTHER, "nobody");
	assert_int_equal(prune(&defaults), 3);
	assert_true(there(TREE));
	assert_true(there("cache/git/" GIT));
	assert_false(there(OTHER));
	assert_false(there("cache/git/ffffffffffffffffffffffffffffffff"));
	assert_false(there("cache/git/ffffffffffffffffffffffffffffffff.pins"));
	assert_false(there("cache/archives/" C));
	assert_int_equal(prune(&all), 4);
	assert_false(there(TREE));
	assert_false(there("cache/git/" GIT));
}

/* Where a branch stood is not forgotten as long as a stack file names it. */
static void pins_stay(void **state)
{
	static const char source[] = "source: {git: /nowhere/r, ref: main}";
	char hex[CRYO_HASH_HEX];
	cryo_auto(cryo_free) char *head = NULL, *pins = NULL;

	(void)state;
	use("my.yaml", source, A);
	cryo_hash_bytes("/nowhere/r", strlen("/nowhere/r"), hex);
	head = cryo_asprintf("cache/git/%.32s/HEAD", hex);
	pins = cryo_asprintf("cache/git/%.32s.pins", hex);
	scratch_put_program(head, "");
	scratch_put_program(pins, "{}");
	assert_int_equal(prune(&all), 3);
	assert_false(there(head));
	assert_true(there(pins));
}

static void a_stack_file_that_cannot_be_read_keeps_sources(void **state)
{
	(void)state;
	use("my.yaml", MODULE, A);
	scratch_put_program("my.yaml", "spec: [");
	put_tree(OTHER, GIT);
	is_used_by(OTHER, "cannot be read now");
	assert_int_equal(prune(&defaults), 1);
	assert_true(there(OTHER));
	assert_true(there("cache/builds/part/" A)); /* it is written down what it was built to */
}

static void what_people_made_stays(void **state)
{
	(void)state;
	scratch_put_program("cache/patching/part/f", "mine");
	scratch_put_program("cache/trees/part/" A "/f", "not of cryopod");
	assert_int_equal(prune(&all), 2);
	assert_true(there("cache/patching/part/f"));
	assert_true(there("cache/trees/part/" A "/f"));
	is_used_by("cache/patching/part", "you");
}

/* Sources wait until nobody reads them; builds that are done need not. */
static void beside_a_build(void **state)
{
	int fd = -1;

	(void)state;
	put_tree(OTHER, GIT);
	scratch_put_program("cache/work/part/x/y", "");
	assert_int_equal(cryo_users_join(&fd, &err), 0);
	is_used_by(OTHER, "running build");
	assert_int_equal(prune(&all), 2);
	assert_true(there(OTHER));
	assert_true(there("cache/work/part/x/y"));
	assert_false(there("cache/builds/part/" A));
	close(fd);
	assert_int_equal(prune(&all), 2);
	assert_false(there(OTHER));
}

/* Killed at any moment: each thing is there whole or not at all, and the next run ends it. */
static void kill_9(void **state)
{
	(void)state;
	for (int ms = 0; ms < 12; ms++) {
		pid_t pid;

		for (int i = 0; i < 200; i++) {
			cryo_auto(cryo_free) char *name =
			    cryo_asprintf("cache/builds/part/%064x/program", i);

			scratch_put_program(name, "x");
		}
		pid = fork();
		if (pid == 0) {
			json_t *removed = NULL;

			_exit(cryo_cache_prune(&all, &removed, &err) < 0);
		}
		usleep((useconds_t)ms * 4000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		for (int i = 0; i < 200; i++) {
			cryo_auto(cryo_free) char *dir =
			    cryo_asprintf("cache/builds/part/%064x", i);
			cryo_auto(cryo_free) char *program = cryo_asprintf("%s/program", dir);

			assert_int_equal(there(dir), there(program));
		}
		prune(&all);
		assert_false(there("cache/trash"));
		assert_false(there("cache/builds/part/" A));
	}
}

static void no_cache_at_all(void **state)
{
	cryo_auto(cryo_free) char *cache = scratch_path("new");
	json_t *list = NULL;
	struct stat st;
	int fd = -1;

	(void)state;
	/* It is made for everybody to read, and where it cannot be made there is nothing to lock.
	 */
	umask(022);
	setenv("CRYOPOD_CACHE_DIR", cache, 1);
	assert_int_equal(cryo_users_join(&fd, &err), 0);
	close(fd);
	assert_int_equal(stat(cache, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	fd = -1;
	setenv("CRYOPOD_CACHE_DIR", "/proc/nothing", 1);
	assert_int_equal(cryo_users_join(&fd, &err), 0);
	assert_int_equal(fd, -1);
	setenv("CRYOPOD_CACHE_DIR", "/nonexistent/cache", 1);
	assert_int_equal(cryo_cache_list(&list, &err), 0);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
	assert_int_equal(prune(&all), 0);
	assert_false(cryo_fs_exists("/nonexistent"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_stack_file_uses_stays),
		TEST(of_a_stack_file_the_last_use_counts),
		TEST(several_stack_files_count_each),
		TEST(what_is_about_to_be_built),
		TEST(a_use_of_sources_forgets_no_build),
		TEST(a_stack_file_that_is_gone_counts_no_more),
		TEST(all_takes_what_a_stack_file_uses),
		TEST(what_a_cluster_needs_stays_in_any_case),
		TEST(what_a_snapshot_needs_stays_in_any_case),
		TEST(a_damaged_record_stops_it),
		TEST(a_template_that_goes_keeps_nothing),
		TEST(a_template_that_stays_keeps_its_builds),
		TEST(what_somebody_holds_stays),
		TEST(what_is_being_built_stays),
		TEST(age_counts),
		TEST(shared_builds_stay),
		TEST(remains_go),
		TEST(sources_of_known_stacks_stay),
		TEST(pins_stay),
		TEST(a_stack_file_that_cannot_be_read_keeps_sources),
		TEST(what_people_made_stays),
		TEST(beside_a_build),
		TEST(kill_9),
		TEST(no_cache_at_all),
	};

	return cmocka_run_group_tests_name("cache", tests, NULL, NULL) ? EXIT_FAILURE
								       : EXIT_SUCCESS;
}
