/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, files and the store of templates; dump and restore are the e2e chapter's. */
#include "tests/net/expired.h"
#include "tests/local/local_world.h"
#include "tests/scratch.h"

#include "base/clock.h"
#include "conf/json.h"
#include "sys/lock.h"
#include "cluster/snapshot.h"
#include "cluster/local/template/template.h"
#include "cluster/local/up/up.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int setup(void **state)
{
	int rc = world_setup(state);

	scratch_setenv("CRYOPOD_CACHE_DIR", scratch_dir);
	return rc;
}

static bool there(const char *key, const char *suffix)
{
	cryo_auto(cryo_free) char *path = template_path(key, suffix);

	return cryo_fs_exists(path);
}

static json_t *inputs(void)
{
	return json_pack("{ss ss ss ss ss ss ss ss ss ss}", "stamp", "s", "criu", "4.1.1",
			 "packages", "p", "kernel", "k", "cpu", "c", "cgroups", "v1", "program",
			 "x", "interposer", "i", "preload", "l", "revision", "1");
}

static void any_input_counts(void **state)
{
	cryo_auto(cryo_json_decref) json_t *base = inputs();
	char first[CRYO_HASH_HEX], again[CRYO_HASH_HEX], other[CRYO_HASH_HEX];
	const char *key;
	json_t *value;

	(void)state;
	template_key(base, first);
	template_key(base, again);
	assert_string_equal(first, again);
	json_object_foreach(base, key, value) {
		cryo_auto(cryo_json_decref) json_t *changed = json_copy(base);

		print_message("# %s\n", key);
		json_object_set_new(changed, key, json_string("different"));
		template_key(changed, other);
		assert_string_not_equal(first, other);
	}
}

/* One text cannot move from one input to the next. */
static void inputs_are_apart(void **state)
{
	cryo_auto(cryo_json_decref) json_t *a = json_pack("{ss ss}", "kernel", "ab", "cpu", "c");
	cryo_auto(cryo_json_decref) json_t *b = json_pack("{ss ss}", "kernel", "a", "cpu", "bc");
	char x[CRYO_HASH_HEX], y[CRYO_HASH_HEX];

	(void)state;
	template_key(a, x);
	template_key(b, y);
	assert_string_not_equal(x, y);
}

/* Our own machine: everything is found out, and twice the same. */
static void this_machine(void **state)
{
	static const char *const keys[] = { "kernel",	    "cpu",     "cgroups", "cache",
					    "capabilities", "program", "revision" };
	cryo_auto(cryo_json_decref) json_t *a = json_object();
	cryo_auto(cryo_json_decref) json_t *b = json_object();

	(void)state;
	if (template_machine(a, &world.err) < 0) {
		print_message("# skipped: %s\n", world.err.msg);
		skip();
	}
	assert_int_equal(template_machine(b, &world.err), 0);
	assert_true(json_equal(a, b));
	for (size_t i = 0; i < CRYO_ARRAY_LEN(keys); i++) {
		print_message("# %s: %s\n", keys[i], cryo_json_str(a, keys[i]));
		assert_true(cryo_json_str(a, keys[i]) && *cryo_json_str(a, keys[i]));
	}
}

static void what_a_processor_can(void **state)
{
	static const struct {
		const char *text, *counts;
	} row[] = {
		{ "", "" },
		{ "\n", "" },
		{ "processor\t: 0\nmodel name\t: A\ncpu MHz\t\t: 1.5\nflags\t\t: fpu avx\n\n"
		  "processor\t: 1\nmodel name\t: B\n",
		  "model name\t: A\nflags\t\t: fpu avx\n" },
		{ "BogoMIPS\t: 50\nFeatures\t: fp asimd\nCPU part\t: 0xd0c",
		  "Features\t: fp asimd\nCPU part\t: 0xd0c\n" },
		{ "apicid\t: 5", "" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

		template_cpu(row[i].text, &out);
		assert_string_equal(cryo_str_get(&out), row[i].counts);
	}
}

static char *files_dir(void)
{
	return scratch_path("files");
}

static json_t *some_files(void)
{
	cryo_auto(cryo_free) char *dir = files_dir();
	json_t *list = NULL;

	scratch_put("files/images/pages-1.img", "all the memory");
	scratch_put("files/images/core-1.img", "core");
	scratch_put("files/state/db", "");
	scratch_put("files/template.json", "not one of them");
	assert_int_equal(template_files(dir, true, &list, &world.err), 0);
	return list;
}

static void files_are_listed(void **state)
{
	cryo_auto(cryo_json_decref) json_t *list = some_files();

	(void)state;
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(cryo_json_str(list, "[0].name"), "images/core-1.img");
	assert_string_equal(cryo_json_str(list, "[1].name"), "images/pages-1.img");
	assert_string_equal(cryo_json_str(list, "[2].name"), "state/db");
	assert_int_equal(cryo_json_int(list, "[1].size", 0), 14);
	assert_string_not_equal(cryo_json_str(list, "[0].hash"), cryo_json_str(list, "[1].hash"));
}

/* Whatever is not as it was is found, with and without trust in the times. */
static void damage_is_found(void **state)
{
	static const struct {
		const char *name, *text; /* NULL: removed */
		const char *says;
	} row[] = {
		{ "images/pages-1.img", "all the memorx", "'images/pages-1.img' is damaged" },
		{ "images/pages-1.img", "all", "'images/pages-1.img' is damaged: another size" },
		{ "images/core-1.img", NULL, "'images/core-1.img' is not where it was" },
		{ "state/db", NULL, "'state/db' is not where it was" },
		{ "state/dc", "", "there are other files than there were" },
		{ "images/a", "", "'images/core-1.img' is not where it was" },
	};
	cryo_auto(cryo_free) char *dir = files_dir();

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_json_decref) json_t *want = some_files();
		cryo_auto(cryo_free) char *name = cryo_asprintf("files/%s", row[i].name);
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, row[i].name);

		print_message("# %s\n", row[i].says);
		assert_int_equal(template_check(dir, want, true, &world.err), 0);
		assert_int_equal(template_check(dir, want, false, &world.err), 0);
		if (row[i].text)
			scratch_put(name, row[i].text);
		else
			assert_int_equal(unlink(path), 0);
		for (int trusted = 0; trusted < 2; trusted++) {
			assert_int_equal(template_check(dir, want, trusted, &world.err),
					 -CRYO_E_TAMPER);
			assert_string_equal(world.err.msg, row[i].says);
		}
		assert_int_equal(cryo_fs_rmtree(dir, &world.err), 0);
	}
}

/* Same bytes, another time: no damage. Same time, other bytes: trust does not look, doubt does. */
static void trust(void **state)
{
	cryo_auto(cryo_json_decref) json_t *want = some_files();
	cryo_auto(cryo_free) char *dir = files_dir();

	(void)state;
	scratch_put("files/images/core-1.img", "core");
	assert_int_equal(template_check(dir, want, true, &world.err), 0);
	json_object_set_new(json_array_get(want, 1), "hash", json_string("0"));
	assert_int_equal(template_check(dir, want, true, &world.err), 0);
	assert_int_equal(template_check(dir, want, false, &world.err), -CRYO_E_TAMPER);
	json_object_del(json_array_get(want, 1), "hash");
	assert_int_equal(template_check(dir, want, false, &world.err), -CRYO_E_TAMPER);
}

/* A hole and the zeros that were written into it are the same content. */
static void holes_are_zeros(void **state)
{
	cryo_auto(cryo_json_decref) json_t *hole = NULL;
	cryo_auto(cryo_json_decref) json_t *zeros = NULL;
	cryo_auto(cryo_free) char *dir = files_dir();
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/wal", dir);
	char zero[20000] = "";
	int fd;

	(void)state;
	assert_int_equal(cryo_fs_mkdirs(dir, 0700, &world.err), 0);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(pwrite(fd, "x", 1, 500000), 1);
	assert_int_equal(template_files(dir, true, &hole, &world.err), 0);
	assert_int_equal(pwrite(fd, zero, sizeof(zero), 100), sizeof(zero));
	assert_int_equal(template_files(dir, true, &zeros, &world.err), 0);
	close(fd);
	assert_string_equal(cryo_json_str(hole, "[0].hash"), cryo_json_str(zeros, "[0].hash"));
}

static void publish(const char *key)
{
	cryo_auto(local_record_release) struct local_record r = { 0 };
	cryo_auto(cryo_json_decref) json_t *in = inputs();
	cryo_auto(cryo_free) char *images = NULL;
	struct template t = TEMPLATE_INIT;

	r.stack = cryo_strdup("upstream");
	assert_int_equal(template_begin(key, &t, &world.err), 0);
	images = cryo_asprintf("%s/pages-1.img", t.dir);
	assert_int_equal(cryo_fs_write(images, "pages", 5, 0600, &world.err), 0);
	assert_true(there(key, ".new"));
	assert_int_equal(template_publish(&t, in, &r, &world.err), 0);
	template_release(&t);
	assert_true(there(key, "/template.json"));
	assert_false(there(key, ".new") || there(key, ".lock"));
}

static int open_rc(const char *key)
{
	struct template t = TEMPLATE_INIT;
	int rc = template_open(key, &t, &world.err);

	if (rc < 0)
		print_message("# %s\n", world.err.msg);
	template_release(&t);
	return rc;
}

static void published_and_opened(void **state)
{
	struct template t = TEMPLATE_INIT;

	(void)state;
	assert_int_equal(open_rc(KEY_A), 1);
	publish(KEY_A);
	assert_int_equal(template_open(KEY_A, &t, &world.err), 0);
	assert_string_equal(cryo_json_str(t.meta, "stack"), "upstream");
	assert_true(template_age_s(t.meta) >= 0 && template_age_s(t.meta) < 60);
	template_release(&t);
	/* Anew over one that is there. */
	publish(KEY_A);
	assert_int_equal(open_rc(KEY_A), 0);
	assert_int_equal(open_rc(KEY_B), 1);
}

static void edit(const char *key, json_t *value)
{
	cryo_auto(cryo_free) char *path = template_path(KEY_A, "/template.json");
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	assert_int_equal(cryo_json_load(path, TEMPLATE_MAX_JSON, &j, &world.err), 0);
	json_object_set_new(j, key, value);
	cryo_json_dump(j, &text);
	assert_int_equal(cryo_fs_write(path, text.p, text.len, 0600, &world.err), 0);
}

static void too_old_or_from_the_future(void **state)
{
	const int64_t s = 1000000000, now = cryo_wall_ns();
	const struct {
		int64_t created;
		int rc;
	} row[] = {
		{ now - 60 * s, 0 },
		{ now - (CRYO_TEMPLATE_MAX_AGE_S - 60) * s, 0 },
		{ now - (CRYO_TEMPLATE_MAX_AGE_S + 60) * s, 1 },
		{ now + 30 * s, 0 },
		{ now + 3600 * s, 1 },
		{ 0, 1 },
	};

	(void)state;
	publish(KEY_A);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		print_message("# %zu\n", i);
		edit("created", json_integer(row[i].created));
		assert_int_equal(open_rc(KEY_A), row[i].rc);
	}
}

static void doubtful(void **state)
{
	static const char *const text[] = { "", "{", "[]", "{}", "{\"key\": \"" KEY_A "\"}" };
	cryo_auto(cryo_free) char *dir = template_path(KEY_A, "");

	(void)state;
	publish(KEY_A);
	edit("key", json_string(KEY_B));
	assert_int_equal(open_rc(KEY_A), -CRYO_E_TAMPER);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(text); i++) {
		print_message("# '%s'\n", text[i]);
		scratch_put("templates/" KEY_A "/template.json", text[i]);
		assert_true(open_rc(KEY_A) != 0);
	}
	publish(KEY_A);
	assert_int_equal(chmod(dir, 0750), 0);
	assert_int_equal(open_rc(KEY_A), -CRYO_E_TAMPER);
}

/* After a reboot contents count, not times: nothing was synced. */
static void another_boot(void **state)
{
	cryo_auto(cryo_free) char *path = template_path(KEY_A, "/pages-1.img");
	struct stat st;

	(void)state;
	publish(KEY_A);
	edit("boot", json_string("another"));
	assert_int_equal(open_rc(KEY_A), 0);
	edit("boot", json_string("another"));
	assert_int_equal(stat(path, &st), 0);
	scratch_put("templates/" KEY_A "/pages-1.img", "pagez");
	assert_int_equal(open_rc(KEY_A), -CRYO_E_TAMPER);
}

static void one_maker(void **state)
{
	struct template a = TEMPLATE_INIT, b = TEMPLATE_INIT, c = TEMPLATE_INIT;

	(void)state;
	assert_int_equal(template_begin(KEY_A, &a, &world.err), 0);
	assert_int_equal(template_begin(KEY_A, &b, &world.err), 1);
	template_release(&b);
	assert_int_equal(template_begin(KEY_B, &c, &world.err), 0);
	template_abandon(&a);
	template_abandon(&c);
	assert_false(there(KEY_A, ".new") || there(KEY_A, ".lock"));
	/* What a maker that was killed left behind is in nobody's way. */
	scratch_put("templates/" KEY_A ".new/images/half", "x");
	scratch_put("templates/" KEY_A ".lock", "4000000");
	assert_int_equal(open_rc(KEY_A), 1);
	publish(KEY_A);
	assert_false(there(KEY_A, "/images/half"));
}

static void not_removed_under_a_reader(void **state)
{
	struct template t = TEMPLATE_INIT;

	(void)state;
	publish(KEY_A);
	edit("created", json_integer(1)); /* old: prune would have it */
	t.dir = template_path(KEY_A, "");
	t.lock = open(t.dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(t.lock, LOCK_SH), 0);
	template_prune(NULL);
	assert_true(there(KEY_A, "/pages-1.img"));
	template_release(&t);
	template_prune(NULL);
	assert_false(there(KEY_A, ""));
}

static size_t count(void)
{
	cryo_auto(cryo_json_decref) json_t *list = NULL;

	assert_int_equal(local_template_list(&list, &world.err), 0);
	return json_array_size(list);
}

static void pruned(void **state)
{
	cryo_auto(cryo_free) char *notes = NULL;

	(void)state;
	scratch_put("templates/" KEY_A ".new/x", "");
	scratch_put("templates/" KEY_A ".lock", "");
	scratch_put("templates/" KEY_A ".old/x", "");
	scratch_put("templates/" KEY_A ".failed", "why");
	scratch_put("templates/" KEY_B "/images/x", ""); /* no template.json */
	scratch_put("templates/notes.txt", "somebody's");
	template_prune(NULL);
	assert_false(there(KEY_A, ".new") || there(KEY_A, ".lock") || there(KEY_A, ".old") ||
		     there(KEY_B, ""));
	assert_true(there(KEY_A, ".failed"));
	notes = scratch_path("templates/notes.txt");
	assert_true(cryo_fs_exists(notes));
	for (char c = '0'; c < '7'; c++) {
		char key[CRYO_HASH_HEX] = "";

		memset(key, c, sizeof(key) - 1);
		publish(key);
		template_prune(key); /* as template_make does */
		usleep(2000);
	}
	assert_int_equal(count(), 4 + 1); /* a few, and the one just made */
	assert_true(there("6666666666666666666666666666666666666666666666666666666666666666", ""));
}

static void listed_and_removed(void **state)
{
	cryo_auto(cryo_json_decref) json_t *list = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(count(), 0);
	publish(KEY_A);
	publish(KEY_B);
	assert_int_equal(local_template_list(&list, &world.err), 0);
	assert_int_equal(json_array_size(list), 2);
	assert_false(cryo_json_bool(list, "[0].usable"));
	assert_non_null(cryo_json_str(list, "[0].reason"));
	assert_int_equal(local_template_remove("bbbb", &n, &world.err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(local_template_remove("bbbb", &n, &world.err), 0);
	assert_int_equal(n, 0);
	assert_int_equal(local_template_remove(NULL, &n, &world.err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(count(), 0);
}

static void known_to_fail(void **state)
{
	cryo_auto(cryo_free) char *path = template_path(KEY_A, ".failed");
	cryo_auto(cryo_free) char *why = NULL;
	const struct timespec old[] = { { 1000, 0 }, { 1000, 0 } };

	(void)state;
	assert_null(template_failed(KEY_A));
	scratch_put("templates/" KEY_B ".failed", "x");
	template_set_failed(KEY_A, "CRIU says no");
	why = template_failed(KEY_A);
	assert_string_equal(why, "CRIU says no");
	/* Not for ever: the reason may be gone. */
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_null(template_failed(KEY_A));
	publish(KEY_A);
	assert_false(there(KEY_A, ".failed"));
}

/* What `up --count` asks: is there anything that the first cluster would make for the others? */
static bool nothing_to_make(const char *key)
{
	struct up u = { 0 };

	memcpy(u.key, key, strlen(key) + 1);
	return up_has_template(&u);
}

static void nobody_waits_for_one(void **state)
{
	const int64_t s = 1000000000, old = cryo_wall_ns() - (CRYO_TEMPLATE_MAX_AGE_S + 60) * s;

	(void)state;
	assert_false(nothing_to_make(KEY_A));
	publish(KEY_A);
	assert_true(nothing_to_make(KEY_A));
	assert_false(nothing_to_make(KEY_B));
	edit("created", json_integer(old));
	assert_false(nothing_to_make(KEY_A));
	edit("key", json_string(KEY_B));
	assert_false(nothing_to_make(KEY_A));
	/* Where none can be made, waiting for the first one would be in vain. */
	template_set_failed(KEY_A, "CRIU says no");
	assert_true(nothing_to_make(KEY_A));
}

/* One with pods, from a stack whose only build is the world's directory. */
static void publish_snapshot(const char *name, const char *pem)
{
	cryo_auto(local_record_release) struct local_record r = { 0 };
	cryo_auto(cryo_json_decref) json_t *in = NULL;
	cryo_auto(cryo_json_decref)
	    json_t *holds = json_pack("{ss s[{ss ss sb}]}", "cluster", "demo", "pods", "namespace",
				      "default", "name", "a", "ready", 1);
	cryo_auto(cryo_free) char *rootfs = scratch_path("rootfs");
	cryo_auto(cryo_free) char *cert = NULL;
	struct template t = TEMPLATE_INIT;

	scratch_put("rootfs/etc/hostname", "node1");
	scratch_put("rootfs.packages", "criu 4.1.1-1\n");
	r.stack = cryo_strdup("upstream");
	r.stamp = cryo_strdup("s");
	r.builds = json_pack("[{ss ss}]", "component", "node", "dir", rootfs);
	if (template_inputs("s", rootfs, &in, &world.err) < 0) {
		print_message("# skipped: %s\n", world.err.msg);
		skip();
	}
	assert_int_equal(template_begin(name, &t, &world.err), 0);
	cert = cryo_asprintf("%s/pki/apiserver.crt", t.dir);
	assert_int_equal(cryo_fs_mkparents(cert, 0700, &world.err), 0);
	assert_int_equal(cryo_fs_write(cert, pem, strlen(pem), 0600, &world.err), 0);
	t.holds = holds;
	assert_int_equal(template_publish(&t, in, &r, &world.err), 0);
	template_release(&t);
}

static void snapshots_are_apart(void **state)
{
	cryo_auto(cryo_json_decref) json_t *list = NULL;
	cryo_auto(cryo_free) char *path = template_path("demo", "");
	cryo_auto(cryo_strv_release) struct cryo_strv clusters = { 0 };
	size_t n = 0;

	(void)state;
	publish_snapshot("demo", "pem");
	publish(KEY_A);
	assert_true(cryo_ends_with(path, "/.snapshots/demo"));
	assert_int_equal(count(), 1);
	assert_int_equal(local_snapshot_list(&list, &world.err), 0);
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(cryo_json_str(list, "[0].name"), "demo");
	assert_string_equal(cryo_json_str(list, "[0].cluster"), "demo");
	assert_string_equal(cryo_json_str(list, "[0].pods[0].name"), "a");
	assert_true(cryo_json_bool(list, "[0].usable"));
	/* Neither takes away the other's, and none is taken for a cluster. */
	assert_int_equal(local_template_remove(NULL, &n, &world.err), 0);
	assert_int_equal(open_rc("demo"), 0);
	assert_int_equal(cryo_cluster_list(&clusters, &world.err), 0);
	for (size_t i = 0; i < clusters.n; i++)
		assert_string_not_equal(clusters.v[i], ".snapshots");
	assert_int_equal(local_snapshot_remove("demo", &world.err), 0);
	assert_int_equal(open_rc("demo"), 1);
	assert_int_equal(local_snapshot_remove("demo", &world.err), -CRYO_E_USAGE);
	assert_int_equal(local_snapshot_remove("../demo", &world.err), -CRYO_E_USAGE);
}

/* Also a template.json that is JSON, and says nothing or is of another one. */
static void damaged_ones_are_listed(void **state)
{
	static const char *const text[] = {
		"", "{", "[]", "{}", "{\"builds\": [{}]}", "{\"key\": \"other\"}", "{\"key\": 5}"
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(text); i++) {
		cryo_auto(cryo_json_decref) json_t *list = NULL;
		cryo_auto(cryo_json_decref) json_t *templates = NULL;

		print_message("# '%s'\n", text[i]);
		scratch_put(".snapshots/a/template.json", text[i]);
		scratch_put("templates/" KEY_A "/template.json", text[i]);
		assert_int_equal(local_snapshot_list(&list, &world.err), 0);
		assert_string_equal(cryo_json_str(list, "[0].reason"), "damaged");
		if (local_template_list(&templates, &world.err) < 0)
			continue; /* this machine has no control groups */
		assert_string_equal(cryo_json_str(templates, "[0].reason"), "damaged");
	}
}

static void half_snapshots(void **state)
{
	cryo_auto(cryo_json_decref) json_t *list = NULL;
	struct template t = TEMPLATE_INIT;

	(void)state;
	scratch_put(".snapshots/a.new/images/x", "");
	scratch_put(".snapshots/a.lock", "");
	scratch_put(".snapshots/b.old/x", "");
	assert_int_equal(template_begin("c", &t, &world.err), 0);
	assert_int_equal(local_snapshot_list(&list, &world.err), 0);
	assert_int_equal(json_array_size(list), 0);
	template_prune_snapshots();
	assert_false(there("a", ".new") || there("a", ".lock") || there("b", ".old"));
	assert_true(there("c", ".new")); /* somebody is at it */
	template_abandon(&t);
}

/* Old ones are fine, as long as their certificates are; what says how a node would be made today
 * does not count, everything else does. */
static void snapshots_that_fit(void **state)
{
	static const struct {
		const char *input, *says; /* NULL: it fits */
	} row[] = {
		{ "kernel", "made on another kernel (other)" },
		{ "cpu", "made on another processor" },
		{ "criu", "made by another CRIU" },
		{ "packages", "made with other packages" },
		{ "boot", "made before the last boot" },
		{ "cgroups", "made with other control groups" },
		{ "capabilities", "made with other capabilities" },
		{ "cache", "made with another cache directory" },
		{ "revision", "made by another version of cryopod" },
		{ "program", NULL },
		{ "interposer", NULL },
		{ "preload", NULL },
	};
	struct template t = TEMPLATE_INIT;

	(void)state;
	publish_snapshot("demo", "pem");
	assert_int_equal(template_open("demo", &t, &world.err), 0);
	json_object_set_new(t.meta, "created", json_integer(1));
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_json_decref) json_t *meta = json_deep_copy(t.meta);
		cryo_auto(cryo_free) char *why = NULL;

		print_message("# %s\n", row[i].input);
		json_object_set_new(json_object_get(meta, "inputs"), row[i].input,
				    json_string("other"));
		why = template_snapshot_unfit("demo", meta);
		if (row[i].says)
			assert_string_equal(why, row[i].says);
		else
			assert_null(why);
	}
	template_release(&t);
}

static char *unfit_now(void)
{
	struct template t = TEMPLATE_INIT;
	char *why;

	assert_int_equal(template_open("demo", &t, &world.err), 0);
	why = template_snapshot_unfit("demo", t.meta);
	template_release(&t);
	return why;
}

static void snapshots_out_of_date(void **state)
{
	cryo_auto(cryo_free) char *rootfs = scratch_path("rootfs");
	cryo_auto(cryo_free) char *gone = NULL;
	cryo_auto(cryo_free) char *over = NULL;

	(void)state;
	publish_snapshot("demo", "pem");
	assert_int_equal(cryo_fs_rmtree(rootfs, &world.err), 0);
	gone = unfit_now();
	assert_string_equal(gone, "programs of its stack are gone: cryopod build --stack upstream");
	publish_snapshot("demo", expired_pem);
	over = unfit_now();
	assert_string_equal(over, "its certificates have expired: make it again");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_input_counts),
		TEST(inputs_are_apart),
		TEST(this_machine),
		TEST(what_a_processor_can),
		TEST(files_are_listed),
		TEST(damage_is_found),
		TEST(trust),
		TEST(holes_are_zeros),
		TEST(published_and_opened),
		TEST(too_old_or_from_the_future),
		TEST(doubtful),
		TEST(another_boot),
		TEST(one_maker),
		TEST(not_removed_under_a_reader),
		TEST(pruned),
		TEST(listed_and_removed),
		TEST(known_to_fail),
		TEST(nobody_waits_for_one),
		TEST(snapshots_are_apart),
		TEST(damaged_ones_are_listed),
		TEST(half_snapshots),
		TEST(snapshots_that_fit),
		TEST(snapshots_out_of_date),
	};

	return cmocka_run_group_tests_name("template", tests, NULL, NULL) ? EXIT_FAILURE
									  : EXIT_SUCCESS;
}
