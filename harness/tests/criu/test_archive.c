/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/archive.h"
#include "tests/scratch.h"

#include "image/tar.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CONFIG                                                                                     \
	"{\"id\":\"c0ffee\",\"name\":\"counter-container_counter_default_6d1f_0\","                \
	"\"rootfsImage\":\"counter:latest\","                                                      \
	"\"rootfsImageName\":\"docker.io/library/counter:latest\","                                \
	"\"rootfsImageRef\":\"sha256:17a9\",\"runtime\":\"io.containerd.runc.v2\","                \
	"\"createdTime\":\"2026-11-23T22:00:00Z\","                                                \
	"\"checkpointedTime\":\"2026-11-23T22:01:02.5Z\",\"restored\":false}"
#define SPEC                                                                                       \
	"{\"ociVersion\":\"1.2.0\",\"annotations\":{"                                              \
	"\"io.kubernetes.cri.container-name\":\"from-spec\","                                      \
	"\"io.kubernetes.cri.sandbox-name\":\"pod-of-spec\","                                      \
	"\"io.kubernetes.cri.sandbox-namespace\":\"ns-of-spec\"}}"
#define STATUS                                                                                     \
	"{\"id\":\"c0ffee\",\"labels\":{\"io.kubernetes.container.name\":\"from-status\","         \
	"\"io.kubernetes.pod.name\":\"pod-of-status\","                                            \
	"\"io.kubernetes.pod.namespace\":\"ns-of-status\"}}"
#define INVENTORY "checkpoint/inventory.img"

struct member {
	const char *name, *text; /* a name that ends in '/' is a directory */
};

#define MAX_MEMBERS 12

static char *archive;

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	archive = scratch_path("archive.tar");
	return 0;
}

static int teardown(void **state)
{
	cryo_freep(&archive);
	return scratch_teardown(state);
}

static void put_archive(const struct member *m)
{
	cryo_auto(cryo_fd_close) int fd = open(archive, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = cryo_tar_writer_new(fd);
	struct cryo_err err;

	for (; m->name; m++)
		if (cryo_ends_with(m->name, "/"))
			assert_int_equal(cryo_tar_add_dir(w, m->name, 0700, &err), 0);
		else
			assert_int_equal(
			    cryo_tar_add_data(w, m->name, 0600, m->text, strlen(m->text), &err), 0);
	assert_int_equal(cryo_tar_finish(w, &err), 0);
}

/* As containerd 2.2 writes it. */
static const struct member whole[] = {
	{ "checkpoint/", NULL },
	{ INVENTORY, "\x16\x31\x31\x58" },
	{ "checkpoint/pages-1.img", "memory" },
	{ "config.dump", CONFIG },
	{ "container.log", "2026-11-23T22:00:00.1Z stdout F count=1\n" },
	{ "dump.log", "(00.000000) Version: 4.1.1\n" },
	{ "rootfs-diff.tar", "\x1f\x8b" },
	{ "spec.dump", SPEC },
	{ "stats-dump", "x" },
	{ "status", "{}" },
	{ "status.dump", STATUS },
	{ NULL, NULL },
};

static void reads_all_of_it(void **state)
{
	cryo_auto(cryo_archive_release) struct cryo_archive a = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	put_archive(whole);
	if (cryo_archive_load(archive, &a, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(a.container, "from-status");
	assert_string_equal(a.pod, "pod-of-status");
	assert_string_equal(a.ns, "ns-of-status");
	assert_string_equal(a.image, "counter:latest");
	assert_string_equal(a.image_name, "docker.io/library/counter:latest");
	assert_string_equal(a.image_ref, "sha256:17a9");
	assert_string_equal(a.runtime, "io.containerd.runc.v2");
	assert_string_equal(a.checkpointed, "2026-11-23T22:01:02.5Z");
	assert_string_equal(a.log, "2026-11-23T22:00:00.1Z stdout F count=1\n");
	assert_true(a.has_status);
	assert_int_equal(a.members, 11);
	assert_int_equal(a.bytes, cryo_fs_size(archive));
}

static void names_from_elsewhere(void **state)
{
	static const struct {
		const char *status, *spec, *config, *container, *pod, *ns;
	} row[] = {
		{ NULL, SPEC, CONFIG, "from-spec", "pod-of-spec", "ns-of-spec" },
		{ "{\"labels\":null}", SPEC, CONFIG, "from-spec", "pod-of-spec", "ns-of-spec" },
		{ NULL, "{}", CONFIG, "counter-container", "counter", "default" },
		{ "{\"labels\":{}}", "{\"annotations\":{}}", CONFIG, "counter-container", "counter",
		  "default" },
		/* No limit, as the runtime spec's uint64 says it. */
		{ NULL,
		  "{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_MEMLOCK\","
		  "\"hard\":18446744073709551615,\"soft\":18446744073709551615}]}}",
		  CONFIG, "counter-container", "counter", "default" },
		{ "{\"labels\":{\"io.kubernetes.container.name\":\"c\"}}", "{}",
		  "{\"rootfsImageName\":\"i\"}", "c", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const struct member m[] = {
			{ INVENTORY, "x" },
			{ "config.dump", row[i].config },
			{ "spec.dump", row[i].spec },
			{ row[i].status ? "status.dump" : NULL, row[i].status },
			{ NULL, NULL },
		};
		cryo_auto(cryo_archive_release) struct cryo_archive a = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %zu\n", i);
		put_archive(m);
		if (cryo_archive_load(archive, &a, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(a.container, row[i].container);
		assert_string_equal(a.pod, row[i].pod);
		assert_string_equal(a.ns, row[i].ns);
		assert_int_equal(a.has_status, row[i].status != NULL);
		assert_string_equal(a.log, "");
	}
}

/* The sound archive with one member replaced (or left out: NULL text), or one more. */
static void put_changed(const char *name, const char *text)
{
	struct member m[MAX_MEMBERS + 2];
	size_t n = 0;
	bool found = false;

	for (const struct member *w = whole; w->name; w++) {
		m[n] = *w;
		if (strcmp(w->name, name) == 0) {
			found = true;
			if (!text)
				continue;
			m[n].text = text;
		}
		n++;
	}
	if (!found)
		m[n++] = (struct member){ name, text };
	m[n].name = NULL;
	put_archive(m);
}

static void hostile_members(void **state)
{
	static const struct {
		const char *name, *text, *want;
	} row[] = {
		{ "config.dump", NULL, "there is no 'config.dump'" },
		{ "spec.dump", NULL, "there is no 'spec.dump'" },
		{ INVENTORY, NULL, "there is no 'checkpoint/inventory.img'" },
		{ INVENTORY, "", "'checkpoint/inventory.img' is empty" },
		{ "config.dump", "", "'config.dump' is empty" },
		{ "./config.dump", CONFIG, "'config.dump' appears twice" },
		{ "./status.dump", STATUS, "'status.dump' appears twice" },
		{ "config.dump/", NULL, "'config.dump' is a directory" },
		{ "container.log/", NULL, "'container.log' is a directory" },
		{ "/config.dump", CONFIG, "unsafe name" },
		{ "checkpoint/../../x", "", "unsafe name" },
		{ "config.dump", "{", "config.dump: no JSON" },
		{ "config.dump", "[]", "'config.dump' is not a JSON object" },
		{ "config.dump", "{} {}", "config.dump: no JSON" },
		{ "config.dump", "{}", "'rootfsImageName' is missing" },
		{ "config.dump", "{\"rootfsImageName\":null}", "'rootfsImageName' is missing" },
		{ "config.dump", "{\"rootfsImageName\":5}", "'rootfsImageName' is not a string" },
		{ "config.dump", "{\"rootfsImageName\":\"a b\"}", "not plain text" },
		{ "config.dump", "{\"rootfsImageName\":\"a\\u001b[2J\"}", "not plain text" },
		{ "config.dump", "{\"rootfsImageName\":\"a\",\"runtime\":{}}", "'runtime' is no" },
		{ "config.dump", "{\"rootfsImageName\":\"a\",\"checkpointedTime\":\"today\"}",
		  "not an RFC 3339 time" },
		{ "config.dump",
		  "{\"rootfsImageName\":\"a\",\"checkpointedTime\":\"9999-01-01T00:00:00Z\"}",
		  "not an RFC 3339 time" },
		{ "spec.dump", "null", "'spec.dump' is not a JSON object" },
		{ "status.dump", "x", "status.dump: no JSON" },
		{ "status.dump", "7", "'status.dump' is not a JSON object" },
		{ "status.dump", "{\"labels\":[]}", "'labels' is not an object" },
		{ "status.dump", "{\"labels\":{\"io.kubernetes.container.name\":1}}",
		  "not a string" },
		{ "status.dump", "{\"labels\":{\"io.kubernetes.container.name\":\"../x\"}}",
		  "is not valid in Kubernetes" },
		{ "status.dump", "{\"labels\":{\"io.kubernetes.pod.name\":\"A\"}}",
		  "is not valid in Kubernetes" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_archive_release) struct cryo_archive a = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %s: %s\n", row[i].name, row[i].want);
		put_changed(row[i].name, row[i].text);
		assert_int_equal(cryo_archive_load(archive, &a, &err), -CRYO_E_CONFIG);
		if (!strstr(err.msg, row[i].want))
			fail_msg("%s", err.msg);
		assert_non_null(strstr(err.msg, archive));
		assert_null(a.container);
	}
}

static void nobody_named(void **state)
{
	static const struct member m[] = {
		{ INVENTORY, "x" },
		{ "config.dump", "{\"rootfsImageName\":\"i\",\"name\":\"only_four_parts_here\"}" },
		{ "spec.dump", "{\"annotations\":{}}" },
		{ NULL, NULL },
	};
	cryo_auto(cryo_archive_release) struct cryo_archive a = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	put_archive(m);
	assert_int_equal(cryo_archive_load(archive, &a, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "does not name its container"));
}

static void huge_json(void **state)
{
	const size_t size = (4 << 20) + 1;
	cryo_auto(cryo_free) char *text = cryo_alloc(size + 1);
	cryo_auto(cryo_archive_release) struct cryo_archive a = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	memset(text, ' ', size);
	put_changed("status.dump", text);
	assert_int_equal(cryo_archive_load(archive, &a, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "is larger than"));
	memset(text, '[', size - 1);
	text[size - 1] = '\0';
	put_changed("status.dump", text);
	assert_int_equal(cryo_archive_load(archive, &a, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "no JSON"));
}

/* Of 40 MiB of log the end is kept, from the beginning of a line. */
static void long_log(void **state)
{
	const size_t lines = 40 << 20 >> 4;
	cryo_auto(cryo_free) char *text = cryo_alloc(lines * 16 + 1);
	cryo_auto(cryo_archive_release) struct cryo_archive a = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	for (size_t i = 0; i < lines; i++)
		memcpy(text + 16 * i, "abcdefghijklmno\n", 16);
	memcpy(text + 16 * (lines - 1), "the last line!!\n", 16);
	put_changed("container.log", text);
	assert_int_equal(cryo_archive_load(archive, &a, &err), 0);
	assert_in_range(strlen(a.log), (16 << 20) - 100, 16 << 20);
	assert_true(cryo_starts_with(a.log, "abcdefghijklmno\n"));
	assert_true(cryo_ends_with(a.log, "o\nthe last line!!\n"));
}

static void every_cut_is_noticed(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	put_archive(whole);
	assert_int_equal(cryo_fs_read(archive, 1 << 20, &text, &err), 0);
	for (size_t len = 0; len < text.len; len += 512) {
		cryo_auto(cryo_archive_release) struct cryo_archive a = { 0 };

		assert_int_equal(cryo_fs_write(archive, text.p, len, 0600, &err), 0);
		assert_int_equal(cryo_archive_load(archive, &a, &err), -CRYO_E_CONFIG);
		assert_non_null(strstr(err.msg, len ? "truncated" : "is empty"));
	}
}

static void is_it_a_checkpoint(void **state)
{
	static const struct {
		struct member m[4];
		const char *why; /* NULL: it is */
	} row[] = {
		{ { { INVENTORY, "x" } }, NULL },
		{ { { "config.dump", "{}" }, { INVENTORY, "x" } }, NULL },
		/* As CRIU leaves them. */
		{ { { "core-1.img", "x" }, { "inventory.img", "x" } }, NULL },
		{ { { "a", "x" } }, "is not a checkpoint: there is no 'inventory.img'" },
		{ { { "checkpoint/inventory.img/", NULL } }, "is not a checkpoint" },
		{ { { "myinventory.img", "x" } }, "is not a checkpoint" },
		{ { { "seal.cms", "x" }, { "checkpoint.tar", "x" } }, "is already sealed" },
	};
	cryo_auto(cryo_free) char *inventory = scratch_path("inventory.img");
	cryo_auto(cryo_free) char *sealed = scratch_path("seal.cms");
	struct cryo_err err;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		int rc;

		put_archive(row[i].m);
		rc = cryo_checkpoint_recognize(archive, &err);
		print_message("# %s\n", rc < 0 ? err.msg : row[i].m[0].name);
		assert_int_equal(rc, row[i].why ? -CRYO_E_CONFIG : 0);
		if (row[i].why)
			assert_non_null(strstr(err.msg, row[i].why));
	}
	assert_int_equal(cryo_checkpoint_recognize(scratch_dir, &err), -CRYO_E_CONFIG);
	assert_int_equal(cryo_fs_write(inventory, "x", 1, 0600, &err), 0);
	assert_int_equal(cryo_checkpoint_recognize(scratch_dir, &err), 0);
	assert_int_equal(cryo_fs_write(sealed, "x", 1, 0600, &err), 0);
	assert_int_equal(cryo_checkpoint_recognize(scratch_dir, &err), -CRYO_E_CONFIG);
}

static void no_archive(void **state)
{
	cryo_auto(cryo_archive_release) struct cryo_archive a = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_archive_load(archive, &a, &err), -CRYO_E_CONFIG);
	assert_int_equal(err.sys_errno, 2);
	assert_int_equal(cryo_archive_load(scratch_dir, &a, &err), -CRYO_E_CONFIG);
	assert_int_equal(cryo_fs_write(archive, "not a tar at all", 16, 0600, &err), 0);
	assert_int_equal(cryo_archive_load(archive, &a, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "is not a tar archive"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_all_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(names_from_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_members, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_named, setup, teardown),
		cmocka_unit_test_setup_teardown(huge_json, setup, teardown),
		cmocka_unit_test_setup_teardown(long_log, setup, teardown),
		cmocka_unit_test_setup_teardown(every_cut_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(is_it_a_checkpoint, setup, teardown),
		cmocka_unit_test_setup_teardown(no_archive, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
