/* SPDX-License-Identifier: Apache-2.0 */
/* The upper layer of a node image, made of fake builds: what is in it, and each trap that was met.
 */
#include "nodeimage/inside.h"
#include "tests/scratch.h"

#include "source/data.h"
#include "sys/fs.h"
#include "sys/proc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cryo_component component[] = {
	{ .name = (char *)"kubernetes" }, { .name = (char *)"containerd" },
	{ .name = (char *)"runc" },	  { .name = (char *)"kind" },
	{ .name = (char *)"coredns" },	  { .name = (char *)"etcd" },
};
static struct cryo_built built[CRYO_ARRAY_LEN(component)];
static struct cryo_nodeimage image = { .build = { built, CRYO_ARRAY_LEN(component) },
				       .version = (char *)"v1.33.13" };

static int setup(void **state)
{
	static const char *const plain[] = {
		"kubernetes/kubelet",
		"kubernetes/kubectl",
		"kubernetes/kube-apiserver",
		"kubernetes/kube-controller-manager",
		"kubernetes/kube-scheduler",
		"kubernetes/kube-proxy",
		"containerd/containerd",
		"containerd/containerd-shim-runc-v2",
		"runc/runc",
		"coredns/coredns",
		"etcd/etcd",
	};

	if (scratch_setup(state) < 0)
		return -1;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(component); i++) {
		built[i].component = &component[i];
		built[i].dir = cryo_asprintf("%s/%s", scratch_dir, component[i].name);
	}
	for (size_t i = 0; i < CRYO_ARRAY_LEN(plain); i++)
		scratch_put_script(plain[i], "exit 0");
	scratch_put_script("kubernetes/kubeadm",
			   "for i in kube-apiserver:v1.33.13 kube-controller-manager:v1.33.13 "
			   "kube-scheduler:v1.33.13 kube-proxy:v1.33.13 coredns/coredns:v1.12.0 "
			   "pause:3.99 etcd:3.5.24-0; do echo registry.example/$i; done");
	scratch_put_script("containerd/ctr",
			   "echo '{\"process\":{\"rlimits\":[1],\"args\":[\"sh\"]},\"hooks\":{}}'");
	scratch_put_script("kind/kind", "exit 0");
	scratch_put_script("kind/files/usr/local/bin/entrypoint", "exit 0");
	scratch_put_script("kind/files/etc/containerd/config.toml", "kind's own");
	return 0;
}

static int teardown(void **state)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(component); i++)
		free(built[i].dir);
	return scratch_teardown(state);
}

static char *make_top(const char *name)
{
	char *path = cryo_asprintf("%s/%s", scratch_dir, name);
	cryo_auto(cryo_free) char *lower = scratch_path("lower.tar");
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_layer *l = NULL;

	if (!cryo_fs_exists(lower)) {
		assert_int_equal(cryo_layer_new(lower, &l, &err), 0);
		assert_int_equal(cryo_layer_data(l, "usr/sbin/nft", 0755, "x", 1, &err), 0);
		assert_int_equal(cryo_layer_finish(l, &err), 0);
		cryo_layer_free(l);
	}
	if (nodeimage_write_top(&image, lower, scratch_dir, path, &err) < 0)
		fail_msg("%s", err.msg);
	return path;
}

static char *run_tar(const char *what, const char *path, const char *member)
{
	const char *const argv[] = { "tar", what, path, member, NULL };
	char *out = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_proc_output(argv, 60000, &out, &err) < 0)
		fail_msg("%s", err.msg);
	return out;
}

static void contents(void **state)
{
	static const char *const there[] = {
		"usr/bin/kubelet\n",
		"usr/bin/kubeadm\n",
		"usr/local/bin/criu\n",
		"usr/local/bin/criu-preload.so\n",
		"usr/local/sbin/runc\n",
		"usr/local/bin/entrypoint\n",
		"etc/cryopod/criu.conf\n",
		"kind/version\n",
		"kind/manifests/default-cni.yaml\n",
		"kind/images/first/etcd.tar\n",
		"kind/images/first/pause.tar\n",
		"kind/images/later/kube-proxy.tar\n",
		"kind/images/later/coredns.tar\n",
		"opt/cni/bin/ptp\n",
		"usr/lib/systemd/system/multi-user.target.wants/.wh..wh..opq\n",
		"usr/lib/systemd/system/sysinit.target.wants/.wh.systemd-tmpfiles-setup.service\n",
	};
	cryo_auto(cryo_free) char *top = make_top("top.tar");
	cryo_auto(cryo_free) char *names = run_tar("-tf", top, NULL);
	cryo_auto(cryo_free) char *list = cryo_asprintf("%s\n", names);

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(there); i++) {
		print_message("# %s", there[i]);
		assert_non_null(strstr(list, there[i]));
	}
	/* kind's file of a name that we have ourselves is left out, not put in twice. */
	assert_null(
	    strstr(strstr(list, "etc/containerd/config.toml") + 1, "etc/containerd/config.toml"));
}

static void texts(void **state)
{
	cryo_auto(cryo_free) char *top = make_top("top2.tar");
	cryo_auto(cryo_free) char *version = run_tar("-xOf", top, "kind/version");
	cryo_auto(cryo_free) char *config = run_tar("-xOf", top, "etc/containerd/config.toml");
	cryo_auto(cryo_free) char *spec = run_tar("-xOf", top, "etc/containerd/cri-base.json");

	(void)state;
	/* One line: kind refuses more. */
	assert_string_equal(version, "v1.33.13");
	/* kind's patches are for version 2, and it looks for the key. */
	assert_non_null(strstr(config, "\nversion = 2\n"));
	assert_non_null(strstr(config, "sandbox_image = \"registry.example/pause:3.99\""));
	/* The entrypoint replaces these very texts. */
	assert_non_null(strstr(config, "restrict_oom_score_adj = false"));
	assert_non_null(strstr(config, "snapshotter = \"overlayfs\""));
	assert_null(strstr(spec, "rlimits"));
	assert_null(strstr(spec, "mount-product-files"));
}

static void same_twice(void **state)
{
	cryo_auto(cryo_free) char *a = make_top("a.tar");
	cryo_auto(cryo_free) char *b = make_top("b.tar");
	char first[CRYO_HASH_HEX], second[CRYO_HASH_HEX];
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_hash_file(a, first, &err), 0);
	assert_int_equal(cryo_hash_file(b, second, &err), 0);
	assert_string_equal(first, second);
}

/* The name and tag that kubeadm asks for are those of the archive. */
static void control_plane_names(void **state)
{
	cryo_auto(cryo_free) char *top = make_top("c.tar");
	const char *const argv[] = { "tar", "-C", scratch_dir,
				     "-xf", top,  "kind/images/first/etcd.tar",
				     NULL };
	cryo_auto(cryo_free) char *etcd = scratch_path("kind/images/first/etcd.tar");
	cryo_auto(cryo_free) char *index = NULL;
	cryo_auto(cryo_free) char *none = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_proc_output(argv, 60000, &none, &err), 0);
	index = run_tar("-xOf", etcd, "index.json");
	assert_non_null(strstr(index, "registry.example/etcd:3.5.24-0"));
}

static char *read_shipped(const char *name)
{
	cryo_auto(cryo_free) char *path = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_data_path(name, &path, &err), 0);
	assert_int_equal(cryo_fs_read(path, 1 << 20, &text, &err), 0);
	return cryo_str_detach(&text);
}

static void traps(void **state)
{
	cryo_auto(cryo_free) char *images =
	    read_shipped("images/node/files/kind/bin/cryopod-images");
	cryo_auto(cryo_free) char *network =
	    read_shipped("images/node/files/kind/bin/cryopod-network");
	cryo_auto(cryo_free) char *groups =
	    read_shipped("images/node/files/kind/bin/cryopod-cgroups");

	(void)state;
	/* With it a later restore pulls a name that is in no registry. */
	assert_null(strstr(strstr(images, "set -eu"), "--digests"));
	/* kind restarts containerd under an import. */
	assert_non_null(strstr(images, "until ctr"));
	/* Two nodes with one fixed range would give two pods one address. */
	assert_null(strstr(network, "10.244"));
	assert_non_null(strstr(network, ".spec.podCIDR"));
	/* What a stopped node left in the v2 tree of a hybrid host would be the kubelet's end. */
	assert_non_null(strstr(groups, "kubelet-kubepods-burstable.slice"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contents),   cmocka_unit_test(texts),
		cmocka_unit_test(same_twice), cmocka_unit_test(control_plane_names),
		cmocka_unit_test(traps),
	};

	return cmocka_run_group_tests(tests, setup, teardown) ? EXIT_FAILURE : EXIT_SUCCESS;
}
