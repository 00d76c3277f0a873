/* SPDX-License-Identifier: Apache-2.0 */
#include "image/names.h"
#include "tests/scratch.h"

#include "image/builtin.h"
#include "image/tar.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char *file;

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	file = scratch_path("image.tar");
	return 0;
}

static int teardown(void **state)
{
	cryo_freep(&file);
	return scratch_teardown(state);
}

static void write_image(const char *member, const char *text)
{
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = NULL;
	cryo_auto(cryo_fd_close) int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct cryo_err err;

	w = cryo_tar_writer_new(fd);
	assert_int_equal(cryo_tar_add_data(w, "blobs/sha256/x", 0644, "x", 1, &err), 0);
	assert_int_equal(cryo_tar_add_data(w, member, 0644, text, strlen(text), &err), 0);
	assert_int_equal(cryo_tar_finish(w, &err), 0);
}

#define CONTAINERD "io.containerd.image.name"
#define OCI	   "org.opencontainers.image.ref.name"

static const struct {
	const char *member, *text;
	const char *names; /* joined by blanks; NULL: refused */
	const char *error;
} rows[] = {
	{ "index.json", "{\"manifests\":[{\"annotations\":{\"" OCI "\":\"r.example/a:1\"}}]}",
	  "r.example/a:1", NULL },
	/* containerd and docker ≥ 25 write both; the other one is then only the tag. */
	{ "index.json",
	  "{\"manifests\":[{\"annotations\":{\"" OCI "\":\"1\",\"" CONTAINERD
	  "\":\"r.example/a:1\"}}]}",
	  "r.example/a:1", NULL },
	{ "index.json",
	  "{\"manifests\":[{\"annotations\":{\"" OCI "\":\"a:1\"}},{},"
	  "{\"annotations\":{\"" OCI "\":\"b:1\"}},{\"annotations\":{\"" OCI "\":\"a:1\"}}]}",
	  "a:1 b:1", NULL },
	{ "manifest.json", "[{\"RepoTags\":[\"a:1\",\"b:2\"]},{\"RepoTags\":null}]", "a:1 b:2",
	  NULL },
	{ "index.json", "{\"manifests\":7}", "", NULL },
	{ "index.json", "{", NULL, "index.json" },
	{ "manifest.json", "[{\"RepoTags\":[\"a\\u001b[2J:1\"]}]", NULL,
	  "characters that are not valid in an image name" },
	{ "other.json", "{}", NULL, "neither index.json (OCI layout) nor manifest.json" },
};

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(rows); i++) {
		cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
		cryo_auto(cryo_free) char *joined = NULL;
		struct cryo_err err = CRYO_ERR_INIT;
		int rc;

		write_image(rows[i].member, rows[i].text);
		rc = cryo_image_names(file, &names, &err);
		joined = cryo_strv_join(&names, " ");
		if (rows[i].names) {
			assert_int_equal(rc, 0);
			assert_string_equal(joined, rows[i].names);
			continue;
		}
		assert_int_equal(rc, -CRYO_E_CONFIG);
		assert_non_null(strstr(err.msg, rows[i].error));
	}
}

static void test_replaced_builtin(void **state)
{
	static const struct {
		const char *ref, *name;
	} refs[] = {
		{ "docker.io/library/counter:latest", "counter" },
		{ "docker.io/library/counter", "counter" },
		{ "counter:latest", "counter" },
		{ "counter", "counter" },
		{ "registry.k8s.io/pause:3.10", "pause" },
		{ "registry.k8s.io/pause:3.9", NULL },
		{ "r.example/counter:latest", NULL },
		{ "counter:1", NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(refs); i++) {
		const struct cryo_builtin *b = cryo_builtin_of_ref(refs[i].ref);

		if (refs[i].name)
			assert_string_equal(b->name, refs[i].name);
		else
			assert_null(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_replaced_builtin),
	};

	return cmocka_run_group_tests(tests, setup, teardown) ? EXIT_FAILURE : EXIT_SUCCESS;
}
