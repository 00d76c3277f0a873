/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/rke2/rke2_world.h"

#include "image/tar.h"
#include "rke2/bundle.h"

static char *make_bundle(const char *name)
{
	cryo_auto(cryo_json_decref) json_t *components =
	    json_pack("[{ss ss ss s{ss} s[{ss ss}]}]", "name", "runc", "version", "v1.2.8",
		      "licence", "Apache-2.0", "source", "module", "github.com/opencontainers/runc",
		      "patches", "name", "0001-x.patch", "sha256", "00");
	const struct cryo_bundle_opts opts = { .components = components };
	char *path = node_path(name);

	if (cryo_bundle_create(path, &node.build, &opts, &node.err) < 0)
		fail_msg("%s", node.err.msg);
	return path;
}

static void same_input_same_bytes(void **state)
{
	cryo_auto(cryo_free) char *a = make_bundle("a.tar.gz"), *b = make_bundle("b.tar.gz");
	char x[CRYO_HASH_HEX], y[CRYO_HASH_HEX];

	(void)state;
	assert_int_equal(cryo_hash_file(a, x, &node.err), 0);
	assert_int_equal(cryo_hash_file(b, y, &node.err), 0);
	assert_string_equal(x, y);
}

static void what_is_unpacked_can_be_installed(void **state)
{
	cryo_auto(cryo_free) char *bundle = make_bundle("a.tar.gz"), *dir = node_path("unpacked");
	cryo_auto(cryo_json_decref) json_t *manifest = NULL;
	cryo_auto(cryo_free) char *text = NULL;
	size_t files = node.build.n;

	(void)state;
	assert_int_equal(cryo_bundle_verify(bundle, &manifest, &node.err), 0);
	assert_int_equal(json_array_size(json_object_get(manifest, "files")), files);
	cryo_rke2_build_release(&node.build);
	assert_int_equal(cryo_fs_mkdirs(dir, 0700, &node.err), 0);
	assert_int_equal(cryo_bundle_unpack(bundle, dir, &node.build, &node.err), 0);
	assert_int_equal(node.build.n, files);
	assert_int_equal(node_install(), 0);
	text = node_program("kubelet");
	assert_string_equal(text, "kubelet of ours 1\n");
	assert_int_equal(node_roll_back(), 0);
}

/* kubectl goes into bin and into the image of the API server. */
static void the_same_bytes_are_there_once(void **state)
{
	cryo_auto(cryo_free) char *bundle = NULL, *dir = node_path("unpacked");
	cryo_auto(cryo_json_decref) json_t *manifest = NULL, *sbom = NULL;
	size_t n;

	(void)state;
	node_add_product("kubectl", "kubectl of ours\n", false);
	n = node.build.n;
	bundle = make_bundle("a.tar.gz");
	assert_int_equal(cryo_bundle_verify(bundle, &manifest, &node.err), 0);
	assert_string_equal(
	    cryo_json_str(json_array_get(json_object_get(manifest, "files"), n - 1), "path"),
	    "files/image/usr/local/bin/kubectl");
	sbom = rke2_make_sbom(&node.build, NULL);
	assert_int_equal(json_array_size(json_object_get(sbom, "files")), n - 1);
	cryo_rke2_build_release(&node.build);
	assert_int_equal(cryo_fs_mkdirs(dir, 0700, &node.err), 0);
	assert_int_equal(cryo_bundle_unpack(bundle, dir, &node.build, &node.err), 0);
	assert_int_equal(node.build.n, n);
	assert_string_equal(node.build.product[n - 1].name, "kubectl");
	assert_int_equal(cryo_fs_size(node.build.product[n - 1].source), 16);
}

/* A bundle with a manifest of the test's own and one file. */
static char *make_bad_bundle(const char *manifest, const char *file)
{
	char *path = node_path("bad.tar.gz");
	cryo_auto(cryo_fd_close) int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = cryo_tar_writer_new_gzip(fd);

	assert_int_equal(
	    cryo_tar_add_data(w, "bundle.json", 0644, manifest, strlen(manifest), &node.err), 0);
	if (file)
		assert_int_equal(cryo_tar_add_data(w, file, 0755, "x", 1, &node.err), 0);
	assert_int_equal(cryo_tar_finish(w, &node.err), 0);
	return path;
}

#define HEAD "{\"kind\": \"Bundle\", \"for\": \"rke2\", \"files\": ["
#define ENTRY                                                                                      \
	"{\"name\": \"x\", \"path\": \"files/bin/x\", \"bytes\": 1, \"sha256\": "                  \
	"\"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\"}"

static const struct {
	const char *manifest, *file;
	int rc;
} bad_rows[] = {
	{ HEAD ENTRY "]}", "files/bin/x", 0 },
	{ HEAD ENTRY "]}", NULL, -CRYO_E_TAMPER },
	{ HEAD "]}", "files/bin/x", -CRYO_E_TAMPER },
	{ HEAD "{\"path\": \"files/bin/x\", \"sha256\": \"00\"}]}", "files/bin/x", -CRYO_E_TAMPER },
	{ HEAD "{\"path\": \"files/bin/x\"}]}", "files/bin/x", -CRYO_E_TAMPER },
	{ HEAD "{}]}", NULL, -CRYO_E_TAMPER },
	{ HEAD "3]}", NULL, -CRYO_E_TAMPER },
	{ "{\"kind\": \"Bundle\", \"for\": \"kind\"}", NULL, -CRYO_E_CONFIG },
	{ "[]", NULL, -CRYO_E_CONFIG },
	{ "no json", NULL, -CRYO_E_CONFIG },
};

static void what_is_not_as_it_should_be_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(bad_rows); i++) {
		cryo_auto(cryo_free) char *path =
		    make_bad_bundle(bad_rows[i].manifest, bad_rows[i].file);
		int rc = cryo_bundle_verify(path, NULL, &node.err);

		if (rc != bad_rows[i].rc)
			fail_msg("row %zu: %d %s", i, rc, node.err.msg);
	}
}

/* Names that would lead out of bin/, and another machine's programs. */
static void hostile_names_and_other_machines(void **state)
{
	static const char *const manifest[] = {
		HEAD "{\"name\": \"../x\", \"path\": \"files/bin/x\", \"sha256\": "
		     "\"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\"}]}",
		"{\"kind\": \"Bundle\", \"for\": \"rke2\", \"arch\": \"mips\", \"files\": [" ENTRY
		"]}",
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(manifest); i++) {
		cryo_auto(cryo_free) char *path = make_bad_bundle(manifest[i], "files/bin/x");
		cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/u%zu", node.dir, i);

		cryo_rke2_build_release(&node.build);
		assert_int_equal(cryo_fs_mkdirs(dir, 0700, &node.err), 0);
		assert_true(cryo_bundle_unpack(path, dir, &node.build, &node.err) < 0);
	}
}

static void the_sbom_names_components_and_files(void **state)
{
	cryo_auto(cryo_json_decref) json_t *components =
	    json_pack("[{ss ss ss s{ss}}]", "name", "runc", "version", "v1.2.8", "licence",
		      "Apache-2.0", "source", "module", "github.com/opencontainers/runc");
	cryo_auto(cryo_json_decref) json_t *s = rke2_make_sbom(&node.build, components);

	(void)state;
	assert_string_equal(cryo_json_str(s, "spdxVersion"), "SPDX-2.3");
	assert_string_equal(cryo_json_str(s, "packages[0].externalRefs[0].referenceLocator"),
			    "pkg:golang/github.com/opencontainers/runc@v1.2.8");
	assert_string_equal(cryo_json_str(s, "packages[0].licenseDeclared"), "Apache-2.0");
	assert_int_equal(json_array_size(json_object_get(s, "files")), node.build.n);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, node_setup, node_teardown)
	const struct CMUnitTest tests[] = {
		T(same_input_same_bytes),
		T(what_is_unpacked_can_be_installed),
		T(the_same_bytes_are_there_once),
		T(what_is_not_as_it_should_be_is_refused),
		T(hostile_names_and_other_machines),
		T(the_sbom_names_components_and_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
