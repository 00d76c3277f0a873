/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of staging, as RKE2's own code showed them with images of ours: what the stand-in has to
 * follow for the other tests to mean anything.
 */
#include "tests/rke2/rke2_world.h"

#include "image/oci.h"

#include <sys/wait.h>

#define REF    "cryopod/rke2-runtime:v9-test"
#define DROPIN "etc/rancher/rke2/config.yaml.d/50.yaml"
#define IMAGES "var/lib/rancher/rke2/agent/images"

/* An archive of an image with bin/kubelet and charts/a.yaml. */
static void write_image(const char *to, const char *tag)
{
	cryo_auto(cryo_free) char *path = node_path(to), *kubelet = node_path("img/kubelet");
	cryo_auto(cryo_free) char *chart = node_path("img/a.yaml");
	const struct rke2_archive_file file[] = { { "bin/kubelet", kubelet },
						  { "charts/a.yaml", chart } };

	node_write("img/kubelet", "of the image\n", 0755);
	node_write("img/a.yaml", "chart\n", 0644);
	assert_int_equal(cryo_fs_mkparents(path, 0755, &node.err), 0);
	assert_int_equal(rke2_write_archive(path, tag, file, 2, &node.err), 0);
}

/* The bytes of a file through a filter of libarchive, into another. */
static void recompress(const char *from, const char *to, int (*add)(struct archive *))
{
	cryo_auto(cryo_free) char *in = node_path(from), *out = node_path(to);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();

	assert_int_equal(cryo_fs_read(in, 1u << 24, &text, &node.err), 0);
	archive_write_set_format_raw(a);
	assert_int_equal(add(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_filename(a, out), ARCHIVE_OK);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_write_header(a, e);
	archive_write_data(a, text.p, text.len);
	archive_entry_free(e);
	assert_int_equal(archive_write_free(a), ARCHIVE_OK);
	unlink(in);
}

/* What a layout without manifest.json is: the tar that `ctr images import` takes. */
static void write_layout(const char *to)
{
	cryo_auto(cryo_free) char *path = node_path(to), *kubelet = node_path("img/kubelet");
	const struct cryo_oci_file file = { "bin/kubelet", kubelet, 0755 };
	const struct cryo_oci_image img = { .ref = "docker.io/" REF, .file = &file, .n_files = 1 };

	node_write("img/kubelet", "of the image\n", 0755);
	assert_int_equal(cryo_oci_write(&img, path, &node.err), 0);
}

static void write_damaged(const char *to)
{
	cryo_auto(cryo_free) char *path = node_path(to);

	write_image(to, REF);
	assert_int_equal(truncate(path, 700), 0);
}

enum form { TAR, GZIP, BZIP2, ZSTD, XZ, LAYOUT, DAMAGED };

static const struct {
	const char *what, *file, *tag;
	enum form form;
	bool found;
} archive_rows[] = {
	{ "docker's format", "a.tar", REF, TAR, true },
	{ "with a registry", "a.tar", "docker.io/" REF, TAR, true },
	{ "another tag", "a.tar", "cryopod/rke2-runtime:v8-test", TAR, false },
	{ "a layout without manifest.json", "a.tar", REF, LAYOUT, false },
	{ "a damaged one", "a.tar", REF, DAMAGED, false },
	{ "gzip", "a.tar.gz", REF, GZIP, true },
	{ "gzip, short", "a.tgz", REF, GZIP, true },
	{ "upper case", "A.TAR.GZ", REF, GZIP, true },
	{ "bzip2", "a.tar.bz2", REF, BZIP2, true },
	{ "bzip2, short", "a.tbz", REF, BZIP2, true },
	{ "zstd", "a.tar.zst", REF, ZSTD, true },
	{ "zstd, short", "a.tzst", REF, ZSTD, true },
	{ "zstd by the name of tar", "a.tar", REF, ZSTD, false },
	{ "xz is not known", "a.tar.xz", REF, XZ, false },
	{ "another ending", "a.img", REF, TAR, false },
	{ "a dot file", ".a.tar", REF, TAR, false },
	{ "a sub-folder", "sub/a.tar", REF, TAR, true },
};

static int add_bzip2(struct archive *a)
{
	return archive_write_add_filter_bzip2(a);
}
static int add_gzip(struct archive *a)
{
	return archive_write_add_filter_gzip(a);
}
static int add_zstd(struct archive *a)
{
	return archive_write_add_filter_zstd(a);
}
static int add_xz(struct archive *a)
{
	return archive_write_add_filter_xz(a);
}

static void write_row(size_t i)
{
	static int (*const filter[])(struct archive *) = {
		[GZIP] = add_gzip, [BZIP2] = add_bzip2, [ZSTD] = add_zstd, [XZ] = add_xz
	};
	cryo_auto(cryo_free) char *to = cryo_asprintf(IMAGES "/%s", archive_rows[i].file);
	enum form form = archive_rows[i].form;

	if (form == LAYOUT)
		write_layout(to);
	else if (form == DAMAGED)
		write_damaged(to);
	else
		write_image(form == TAR ? to : "img/raw", archive_rows[i].tag);
	if (form == GZIP || form == BZIP2 || form == ZSTD || form == XZ)
		recompress("img/raw", to, filter[form]);
}

static int start(struct standin_result *r)
{
	standin_result_release(r);
	return standin_start(&node.standin, r, &node.err);
}

static void archives_are_taken_or_not(void **state)
{
	(void)state;
	node_write(DROPIN, "runtime-image: " REF "\n", 0600);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(archive_rows); i++) {
		cryo_auto(standin_result_release) struct standin_result r = { 0 };
		cryo_auto(cryo_free) char *dir = NULL;
		int rc;

		node_remove(IMAGES);
		cryo_fs_mkdirs((dir = node_path(IMAGES)), 0755, &node.err);
		write_row(i);
		rc = start(&r);
		if ((rc == 0) != archive_rows[i].found)
			fail_msg("%s: %d %s", archive_rows[i].what, rc, node.err.msg);
		if (rc == 0)
			assert_true(r.extracted);
		node_remove("var/lib/rancher/rke2/data");
	}
}

static void links_and_digests(void **state)
{
	cryo_auto(standin_result_release) struct standin_result r = { 0 };
	cryo_auto(cryo_free) char *images = node_path(IMAGES), *other = node_path("other");
	cryo_auto(cryo_free) char *link = node_path(IMAGES "/a.tar"), *to = node_path("img/x");

	(void)state;
	node_write(DROPIN, "runtime-image: " REF "\n", 0600);
	write_image("img/x", REF);
	assert_int_equal(symlink(to, link), 0);
	assert_int_equal(start(&r), 0);
	/* The directory itself may not be a link. */
	node_remove("var/lib/rancher/rke2/data");
	assert_int_equal(rename(images, other), 0);
	assert_int_equal(symlink(other, images), 0);
	assert_true(start(&r) < 0);
	/* A digest never comes from an archive. */
	node_write(DROPIN,
		   "runtime-image: cryopod/rke2-runtime@sha256:"
		   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
		   0600);
	assert_true(start(&r) < 0);
}

/* What is there is not extracted again: bin, charts and a regular file .extracted, all three. */
static void extracted_once(void **state)
{
	static const char *const part[] = { "bin", "charts", ".extracted" };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(part); i++) {
		cryo_auto(standin_result_release) struct standin_result r = { 0 };
		cryo_auto(cryo_free) char *path = NULL;

		assert_int_equal(start(&r), 0);
		assert_false(r.extracted);
		path = cryo_asprintf("var/lib/rancher/rke2/data/%s/%s", r.name, part[i]);
		node_remove(path);
		assert_int_equal(start(&r), 0);
		assert_true(r.extracted);
	}
}

/* A directory made by hand is as good as an extracted one; the marker may be empty. */
static void a_directory_made_by_hand(void **state)
{
	cryo_auto(standin_result_release) struct standin_result r = { 0 };
	cryo_auto(cryo_free) char *name = NULL, *file = NULL, *marker = NULL, *dir = NULL;

	(void)state;
	assert_int_equal(cryo_rke2_data_name(REF, &name, &node.err), 0);
	file = cryo_asprintf("var/lib/rancher/rke2/data/%s/bin/kubelet", name);
	marker = cryo_asprintf("var/lib/rancher/rke2/data/%s/.extracted", name);
	dir = cryo_asprintf("%s/data/%s/charts", node.data, name);
	node_write(file, "by hand\n", 0755);
	node_write(marker, "", 0644);
	assert_int_equal(cryo_fs_mkdirs(dir, 0755, &node.err), 0);
	node_write(DROPIN, "runtime-image: " REF "\n", 0600);
	assert_int_equal(start(&r), 0);
	assert_false(r.extracted);
	assert_string_equal(r.name, name);
}

static void bin_is_made_a_link_again(void **state)
{
	cryo_auto(standin_result_release) struct standin_result r = { 0 };
	cryo_auto(cryo_free) char *link = node_path("var/lib/rancher/rke2/bin");
	struct stat st;

	(void)state;
	assert_int_equal(unlink(link), 0);
	node_write("var/lib/rancher/rke2/bin/mine", "gone\n", 0755);
	assert_int_equal(start(&r), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

/* Without the marker a start writes over programs that run: "text file busy", for ever. */
static void removal_of_the_marker_is_no_way_back(void **state)
{
	cryo_auto(standin_result_release) struct standin_result r = { 0 };
	cryo_auto(cryo_free) char *link = NULL, *real = NULL, *program = NULL, *marker = NULL;
	pid_t pid;

	(void)state;
	assert_int_equal(start(&r), 0);
	link = cryo_asprintf("%s/bin", node.data);
	real = cryo_fs_resolve(link);
	program = cryo_asprintf("%s/runc", real);
	marker = cryo_asprintf("%s/data/%s/.extracted", node.data, r.name);
	assert_int_equal(cryo_fs_copy("/bin/sleep", program, 0755, &node.err), 0);
	pid = fork();
	if (pid == 0) {
		execl(program, "runc", "60", (char *)NULL);
		_exit(1);
	}
	usleep(200000);
	assert_int_equal(unlink(marker), 0);
	assert_true(start(&r) < 0);
	assert_int_equal(node.err.sys_errno, ETXTBSY);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Of other releases, once there are tasks, and none of them runs from it. */
static void others_are_cleaned(void **state)
{
	static const char *const stay[] = { CRYO_RKE2_KEPT "v1-0123456789ab",
					    "0123456789abcdef0123456789abcdef" };
	cryo_auto(standin_result_release) struct standin_result r = { 0 };
	cryo_auto(cryo_free) char *old = node_path("var/lib/rancher/rke2/data/v1-0123456789ab/bin");
	cryo_auto(cryo_free) char *shim = NULL;

	(void)state;
	node_write("var/lib/rancher/rke2/data/v1-0123456789ab/bin/runc", "", 0755);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(stay); i++) {
		cryo_auto(cryo_free) char *path =
		    cryo_asprintf("var/lib/rancher/rke2/data/%s/bin/runc", stay[i]);

		node_write(path, "", 0755);
	}
	/* Right after a boot nothing is. */
	assert_int_equal(start(&r), 0);
	assert_true(cryo_fs_exists(old));
	shim = cryo_asprintf("%s/containerd-shim-runc-v2", old);
	node_write("run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/a/shim-binary-path",
		   shim, 0644);
	assert_int_equal(start(&r), 0);
	assert_true(cryo_fs_exists(old));
	node_remove("run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/a");
	assert_int_equal(start(&r), 0);
	assert_false(cryo_fs_exists(old));
	for (size_t i = 0; i < CRYO_ARRAY_LEN(stay); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/data/%s", node.data, stay[i]);

		assert_true(cryo_fs_exists(path));
	}
}

static void without_an_image_it_does_not_start(void **state)
{
	cryo_auto(standin_result_release) struct standin_result r = { 0 };

	(void)state;
	node_write(DROPIN, "runtime-image: " REF "\n", 0600);
	assert_true(start(&r) < 0);
	assert_non_null(strstr(node.err.msg, "failed to get runtime image"));
	node_write(DROPIN, "runtime-image: \"\"\n", 0600);
	assert_int_equal(start(&r), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, node_setup, node_teardown)
	const struct CMUnitTest tests[] = {
		T(archives_are_taken_or_not),
		T(links_and_digests),
		T(extracted_once),
		T(a_directory_made_by_hand),
		T(bin_is_made_a_link_again),
		T(removal_of_the_marker_is_no_way_back),
		T(others_are_cleaned),
		T(without_an_image_it_does_not_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
