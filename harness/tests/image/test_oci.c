/* SPDX-License-Identifier: Apache-2.0 */
#include "image/oci.h"
#include "tests/scratch.h"

#include "conf/json.h"
#include "image/builtin.h"
#include "image/tar.h"
#include "sys/fs.h"
#include "sys/hash.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

/* Names of the members, and the text of one. */
struct seen {
	struct cryo_strv names;
	const char *want;
	struct cryo_str text;
};

static int note(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
		struct cryo_err *err)
{
	struct seen *s = arg;
	char buf[4096];
	ssize_t n;

	(void)err;
	cryo_strv_add(&s->names, e->name);
	while (s->want && strcmp(s->want, e->name) == 0 &&
	       (n = cryo_tar_read(r, buf, sizeof(buf))) > 0)
		cryo_str_addn(&s->text, buf, (size_t)n);
	return 0;
}

static void seen_release(struct seen *s)
{
	cryo_strv_release(&s->names);
	cryo_str_release(&s->text);
}

static void read_member(const char *tar, const char *name, struct cryo_str *out)
{
	struct seen s = { .want = name };
	struct cryo_err err;

	assert_int_equal(cryo_tar_walk(tar, note, &s, &err), 0);
	*out = s.text;
	cryo_strv_release(&s.names);
}

/* The blob a descriptor speaks of; its digest and size must be true. */
static void read_blob(const char *tar, const json_t *descriptor, struct cryo_str *out)
{
	const char *digest = cryo_json_str(descriptor, "digest");
	char hex[CRYO_HASH_HEX], name[128];

	assert_non_null(digest);
	snprintf(name, sizeof(name), "blobs/sha256/%s", digest + strlen("sha256:"));
	read_member(tar, name, out);
	cryo_hash_bytes(cryo_str_get(out), out->len, hex);
	assert_string_equal(hex, digest + strlen("sha256:"));
	assert_int_equal(cryo_json_int(descriptor, "size", -1), out->len);
}

static json_t *read_json(const char *tar, const json_t *descriptor)
{
	struct cryo_str text = { 0 };
	struct cryo_err err;
	json_t *j = NULL;

	if (descriptor)
		read_blob(tar, descriptor, &text);
	else
		read_member(tar, "index.json", &text);
	assert_int_equal(cryo_json_parse("blob", cryo_str_get(&text), text.len, &j, &err), 0);
	cryo_str_release(&text);
	return j;
}

static const char *const entrypoint[] = { "/bin/deep/prog", "--x", NULL };

static int write_files_image(const char *from, const char *path, struct cryo_err *err)
{
	char a[300], b[300];
	const struct cryo_oci_file file[] = {
		{ "bin/deep/prog", a, 0755 },
		{ "bin/other", b, 0644 },
	};
	const struct cryo_oci_image img = {
		.ref = "docker.io/library/thing:7",
		.entrypoint = entrypoint,
		.file = file,
		.n_files = 2,
	};

	snprintf(a, sizeof(a), "%s/prog", from);
	snprintf(b, sizeof(b), "%s/other", from);
	return cryo_oci_write(&img, path, err);
}

static void image_of_files(void **state)
{
	cryo_auto(cryo_json_decref) json_t *index = NULL, *manifest = NULL, *config = NULL;
	struct seen layer = { 0 };
	struct cryo_str text = { 0 };
	struct cryo_err err;
	struct stat st;

	(void)state;
	scratch_put("prog", "program");
	scratch_put("other", "other");
	assert_int_equal(write_files_image(scratch_dir, scratch_at("image.tar"), &err), 0);
	assert_int_equal(stat(scratch_at("image.tar"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	read_member(scratch_at("image.tar"), "oci-layout", &text);
	assert_string_equal(cryo_str_get(&text), "{\"imageLayoutVersion\":\"1.0.0\"}");
	cryo_str_release(&text);

	index = read_json(scratch_at("image.tar"), NULL);
	assert_int_equal(cryo_json_int(index, "schemaVersion", 0), 2);
	manifest = cryo_json_at(index, "manifests[0].annotations");
	assert_string_equal(
	    json_string_value(json_object_get(manifest, "io.containerd.image.name")),
	    "docker.io/library/thing:7");
	assert_string_equal(
	    json_string_value(json_object_get(manifest, "org.opencontainers.image.ref.name")), "7");
	manifest = read_json(scratch_at("image.tar"), cryo_json_at(index, "manifests[0]"));
	assert_null(cryo_json_at(manifest, "annotations"));
	config = read_json(scratch_at("image.tar"), cryo_json_at(manifest, "config"));
	assert_string_equal(cryo_json_str(config, "architecture"), cryo_oci_arch());
	assert_string_equal(cryo_json_str(config, "config.Entrypoint[1]"), "--x");
	assert_string_equal(cryo_json_str(config, "rootfs.diff_ids[0]"),
			    cryo_json_str(manifest, "layers[0].digest"));

	read_blob(scratch_at("image.tar"), cryo_json_at(manifest, "layers[0]"), &text);
	assert_int_equal(cryo_fs_write(scratch_at("layer.tar"), text.p, text.len, 0600, &err), 0);
	cryo_str_release(&text);
	assert_int_equal(cryo_tar_walk(scratch_at("layer.tar"), note, &layer, &err), 0);
	text.p = cryo_strv_join(&layer.names, " ");
	assert_string_equal(text.p, "bin bin/deep bin/deep/prog bin/other");
	free(text.p);
	seen_release(&layer);
}

static void image_of_a_layer(void **state)
{
	static const char *const notes[] = { "org.criu.checkpoint.container.name=c=1", NULL };
	const struct cryo_oci_image img = {
		.ref = "localhost/restore:1",
		.layer_path = scratch_at("given.tar"),
		.annotations = notes,
	};
	cryo_auto(cryo_json_decref) json_t *index = NULL, *manifest = NULL, *config = NULL;
	cryo_auto(cryo_str_release) struct cryo_str layer = { 0 };
	struct cryo_err err;

	(void)state;
	scratch_put("given.tar", "the bytes of a layer are not looked at");
	assert_int_equal(cryo_oci_write(&img, scratch_at("image.tar"), &err), 0);
	index = read_json(scratch_at("image.tar"), NULL);
	manifest = read_json(scratch_at("image.tar"), cryo_json_at(index, "manifests[0]"));
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(manifest, "annotations"),
					      "org.criu.checkpoint.container.name")),
	    "c=1");
	config = read_json(scratch_at("image.tar"), cryo_json_at(manifest, "config"));
	assert_int_equal(json_object_size(cryo_json_at(config, "config")), 0);
	read_blob(scratch_at("image.tar"), cryo_json_at(manifest, "layers[0]"), &layer);
	assert_string_equal(cryo_str_get(&layer), "the bytes of a layer are not looked at");
}

static void same_bytes_again(void **state)
{
	char first[CRYO_HASH_HEX], second[CRYO_HASH_HEX];
	struct cryo_err err;
	mode_t old;

	(void)state;
	scratch_put("prog", "program");
	scratch_put("other", "other");
	assert_int_equal(write_files_image(scratch_dir, scratch_at("a.tar"), &err), 0);
	usleep(1100000); /* tar times are whole seconds */
	scratch_put("elsewhere/prog", "program");
	scratch_put("elsewhere/other", "other");
	assert_int_equal(chmod(scratch_at("elsewhere/prog"), 0711), 0);
	old = umask(0077);
	assert_int_equal(write_files_image(scratch_at("elsewhere"), scratch_at("x/b.tar"), &err),
			 0);
	umask(old);
	assert_int_equal(cryo_hash_file(scratch_at("a.tar"), first, &err), 0);
	assert_int_equal(cryo_hash_file(scratch_at("x/b.tar"), second, &err), 0);
	assert_string_equal(first, second);
}

static unsigned entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void refused(void **state)
{
	static const char *const bad_note[] = { "novalue", NULL }, *const no_key[] = { "=v", NULL },
				 *const no_text[] = { "a=\xff", NULL };
	static const struct {
		const char *ref;
		const char *const *notes;
		const char *layer, *want;
		int status;
	} row[] = {
		{ "counter", NULL, "given", "not a full image name", CRYO_E_CONFIG },
		{ "counter:latest", NULL, "given", "not a full image name", CRYO_E_CONFIG },
		{ "localhost:5/counter", NULL, "given", "not a full image name", CRYO_E_CONFIG },
		{ "localhost/counter:", NULL, "given", "not a full image name", CRYO_E_CONFIG },
		{ "localhost/:1", NULL, "given", "not a full image name", CRYO_E_CONFIG },
		{ "localhost/c:1 2", NULL, "given", "not a full image name", CRYO_E_CONFIG },
		{ "localhost/\xff:1", NULL, "given", "not a full image name", CRYO_E_CONFIG },
		{ "localhost/c@sha256:00", NULL, "given", "not a full image name", CRYO_E_CONFIG },
		{ "localhost/c:1", bad_note, "given", "not an annotation", CRYO_E_CONFIG },
		{ "localhost/c:1", no_key, "given", "not an annotation", CRYO_E_CONFIG },
		{ "localhost/c:1", no_text, "given", "not an annotation", CRYO_E_CONFIG },
		{ "localhost/c:1", NULL, "none", "No such file", CRYO_E_SYSTEM },
		{ "localhost/c:1", NULL, ".", "not a regular file", CRYO_E_CONFIG },
	};

	(void)state;
	scratch_put("given", "layer");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const struct cryo_oci_image img = {
			.ref = row[i].ref,
			.layer_path = scratch_at(row[i].layer),
			.annotations = row[i].notes,
		};
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %zu: %s\n", i, row[i].ref);
		assert_int_equal(-cryo_oci_write(&img, scratch_at("image.tar"), &err),
				 row[i].status);
		if (row[i].want)
			assert_non_null(strstr(err.msg, row[i].want));
		assert_int_equal(entries(scratch_dir), 1);
	}
}

/* Disk full, played by a limit on the size of files. */
static void whole_or_not_at_all(void **state)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY },
			    little = { 65536, RLIM_INFINITY };
	const struct cryo_oci_image img = {
		.ref = "localhost/c:1",
		.layer_path = scratch_at("layer"),
	};
	cryo_auto(cryo_str_release) struct cryo_str old = { 0 };
	cryo_auto(cryo_free) char *big = cryo_alloc(65537);
	struct cryo_err err;

	(void)state;
	memset(big, 'x', 65536);
	scratch_put("layer", big);
	scratch_put("image.tar", "what was there before");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	assert_int_equal(cryo_oci_write(&img, scratch_at("image.tar"), &err), -CRYO_E_SYSTEM);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_int_equal(cryo_fs_read(scratch_at("image.tar"), 4096, &old, &err), 0);
	assert_string_equal(cryo_str_get(&old), "what was there before");
	assert_int_equal(entries(scratch_dir), 2);
}

static void built_in(void **state)
{
	(void)state;
	for (const struct cryo_builtin *b = cryo_builtins; b->name; b++) {
		cryo_auto(cryo_json_decref) json_t *index = NULL, *manifest = NULL, *config = NULL;
		cryo_auto(cryo_free) char *program = cryo_asprintf("/%s", b->program);
		struct cryo_err err = CRYO_ERR_INIT;

		assert_ptr_equal(cryo_builtin_find(b->name), b);
		if (cryo_image_builtin(b->name, scratch_at("image.tar"), &err) < 0)
			fail_msg("%s", err.msg);
		index = read_json(scratch_at("image.tar"), NULL);
		manifest = read_json(scratch_at("image.tar"), cryo_json_at(index, "manifests[0]"));
		config = read_json(scratch_at("image.tar"), cryo_json_at(manifest, "config"));
		assert_string_equal(cryo_json_str(config, "config.Entrypoint[0]"), program);
	}
}

static void no_such_built_in(void **state)
{
	struct cryo_err err;

	(void)state;
	assert_int_equal(cryo_image_builtin("mysql", scratch_at("image.tar"), &err), -CRYO_E_USAGE);
	assert_string_equal(err.msg, "no image 'mysql' (valid values: counter, pause, faces, web)");
	setenv("CRYOPOD_DATA", scratch_dir, 1);
	scratch_put("libexec/counter", "the program");
	assert_int_equal(cryo_image_builtin("counter", scratch_at("image.tar"), &err), 0);
	unsetenv("CRYOPOD_DATA");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(image_of_files, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(image_of_a_layer, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(same_bytes_again, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(refused, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(whole_or_not_at_all, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(built_in, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(no_such_built_in, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
