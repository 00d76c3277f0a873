/* SPDX-License-Identifier: Apache-2.0 */
/* An RKE2 node in a temporary directory, started by the stand-in, with programs of a few bytes. */
#ifndef CRYO_TESTS_RKE2_WORLD_H
#define CRYO_TESTS_RKE2_WORLD_H

#include "tests/rke2/standin.h"
#include "tests/scratch.h"

#include "conf/json.h"
#include "rke2/durable.h"
#include "rke2/install.h"
#include "rke2/step.h"
#include "sys/lock.h"

#include <fts.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define RELEASE	 "v1.33.5+rke2r1"
#define ORIGINAL "v1.33.5-rke2r1-" /* and 12 digits */

static const char *const world_programs[] = {
	"containerd", "containerd-shim-runc-v2", "ctr", "runc", "kubelet", "crictl", "kubectl",
};

static struct {
	char *dir, *state, *data, *config, *tasks;
	struct standin standin;
	struct cryo_rke2_build build;
	struct cryo_rke2_service service;
	struct cryo_rke2_opts opts;
	struct cryo_err err;
	bool runs;	  /* the service */
	bool never_ready; /* with ours */
	unsigned restarts;
} node;

static inline char *node_path(const char *name)
{
	return cryo_asprintf("%s/%s", node.dir, name);
}

static inline void node_write(const char *name, const char *text, mode_t mode)
{
	scratch_put_bytes(node.dir, name, text, strlen(text), mode);
}

static inline void node_remove(const char *name)
{
	cryo_auto(cryo_free) char *path = node_path(name);

	assert_int_equal(cryo_fs_rmtree(path, &node.err), 0);
}

static inline char *node_read(const char *path)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	return cryo_fs_read(path, 1u << 20, &text, &ignored) < 0 ? NULL : cryo_str_detach(&text);
}

/* An archive with the release's programs, as install.sh leaves one. */
static inline void node_write_release(const char *release, const char *name)
{
	cryo_auto(cryo_free) char *ref = standin_release_ref(release);
	cryo_auto(cryo_free) char *archive = cryo_asprintf("%s/agent/images/%s", node.data, name);
	struct rke2_archive_file file[16];
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 }, sources = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(world_programs); i++) {
		cryo_auto(cryo_free) char *rel =
		    cryo_asprintf("release/%s/%s", release, world_programs[i]);
		cryo_auto(cryo_free) char *text =
		    cryo_asprintf("%s of %s\n", world_programs[i], release);

		node_write(rel, text, 0755);
		cryo_strv_addf(&names, "bin/%s", world_programs[i]);
		cryo_strv_addf(&sources, "%s/%s", node.dir, rel);
	}
	node_write("release/chart.yaml", "kind: HelmChart\n", 0644);
	cryo_strv_add(&names, "charts/chart.yaml");
	cryo_strv_addf(&sources, "%s/release/chart.yaml", node.dir);
	for (n = 0; n < names.n; n++)
		file[n] = (struct rke2_archive_file){ names.v[n], sources.v[n] };
	assert_int_equal(cryo_fs_mkparents(archive, 0755, &node.err), 0);
	assert_int_equal(rke2_write_archive(archive, ref, file, n, &node.err), 0);
}

static inline void node_start(void)
{
	cryo_auto(standin_result_release) struct standin_result r = { 0 };

	if (standin_start(&node.standin, &r, &node.err) < 0)
		fail_msg("%s", node.err.msg);
}

/* The program that `bin` leads to, its text; caller frees. */
static inline char *node_program(const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/bin/%s", node.data, name);

	return node_read(path);
}

static bool node_is_active(void *arg, const char *unit)
{
	(void)arg;
	assert_string_equal(unit, "rke2-server");
	return node.runs;
}

static int node_restart(void *arg, const char *unit, struct cryo_err *err)
{
	cryo_auto(standin_result_release) struct standin_result r = { 0 };

	(void)arg;
	(void)unit;
	node.restarts++;
	return standin_start(&node.standin, &r, err);
}

static int node_wait(void *arg, const json_t *plan, bool ours, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *text = node_program("kubelet");
	bool is_ours = text && strstr(text, "of ours");

	(void)arg;
	(void)plan;
	if (ours != is_ours)
		return cryo_err_set(err, CRYO_E_TIMEOUT, "the kubelet is %s",
				    ours ? "not ours" : "still ours");
	return ours && node.never_ready ? cryo_err_set(err, CRYO_E_TIMEOUT, "node is not Ready")
					: 0;
}

static void node_collect(void *arg, const json_t *plan, const char *dir)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/journal.log", dir);

	(void)arg;
	(void)plan;
	assert_int_equal(cryo_fs_write(path, "log\n", 4, 0600, &node.err), 0);
}

static inline void node_add_product(const char *name, const char *text, bool image)
{
	cryo_auto(cryo_free) char *rel = cryo_asprintf("build/%s", name);
	cryo_auto(cryo_free) char *path = node_path(rel);

	node_write(rel, text, 0755);
	assert_int_equal(cryo_rke2_build_add(&node.build, name, path, NULL, image, &node.err), 0);
}

/* `version` tells two builds apart. */
static inline void node_make_build(const char *version)
{
	static const char *const ours[] = {
		"containerd", "containerd-shim-runc-v2", "ctr", "runc", "kubelet",
		"criu",	      "cryopod-libs/criu"
	};

	cryo_rke2_build_release(&node.build);
	node.build.stack = cryo_strdup("upstream");
	node.build.version = cryo_strdup("v1.33.13");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(ours); i++) {
		cryo_auto(cryo_free) char *text =
		    cryo_asprintf("%s of ours %s\n", ours[i], version);

		node_add_product(ours[i], text, false);
	}
	node_add_product("usr/local/bin/kube-apiserver", "apiserver of ours\n", true);
	node_add_product("usr/local/bin/kubectl", "kubectl of ours\n", true);
}

static inline int node_setup(void **state)
{
	(void)state;
	memset(&node, 0, sizeof(node));
	/* In memory if there is such a place: thousands of syncs. */
	if (scratch_make_in(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", &node.dir) < 0)
		return -1;
	node.state = node_path("state");
	node.data = node_path("var/lib/rancher/rke2");
	node.config = node_path("etc/rancher/rke2/config.yaml");
	node.tasks = node_path("run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io");
	scratch_setenv("CRYOPOD_STATE_DIR", node.state);
	node.standin = (struct standin){
		node.config, node.data, node.tasks, RELEASE, "version = 3\nroot = \"x\"\n", false
	};
	node.service = (struct cryo_rke2_service){ node_is_active, node_restart, node_wait,
						   node_collect, NULL };
	node.opts = (struct cryo_rke2_opts){ .root = node.dir, .service = &node.service };
	node.runs = true;
	node_write("etc/rancher/rke2/config.yaml",
		   "write-kubeconfig-mode: \"0644\"\n"
		   "kubelet-arg: [\"max-pods=50\"]\n",
		   0600);
	node_write("etc/systemd/system/rke2-server.service", "", 0644);
	node_write("usr/local/bin/rke2", "#!/bin/sh\necho 'rke2 version " RELEASE " (0123abc)'\n",
		   0755);
	node_write("proc/version", "", 0644);
	node_write_release(RELEASE, "rke2-images.tar");
	node_start();
	node_make_build("1");
	return 0;
}

static inline int node_teardown(void **state)
{
	(void)state;
	scratch_restore_env();
	cryo_rke2_set_hook(NULL, NULL);
	cryo_rke2_build_release(&node.build);
	free(node.state);
	free(node.data);
	free(node.config);
	free(node.tasks);
	return scratch_remove(&node.dir);
}

static inline int node_install(void)
{
	return cryo_rke2_install(&node.opts, &node.build, &node.err);
}

static inline int node_roll_back(void)
{
	cryo_auto(cryo_free) char *left = NULL;

	return cryo_rke2_rollback(&node.opts, &left, &node.err);
}

/* A pod whose shim was started from the current bin. */
static inline void node_run_pod(const char *id)
{
	cryo_auto(cryo_free) char *link = cryo_asprintf("%s/bin", node.data);
	cryo_auto(cryo_free) char *real = cryo_fs_resolve(link);
	cryo_auto(cryo_free) char *text = cryo_asprintf("%s/containerd-shim-runc-v2", real);
	cryo_auto(cryo_free) char *name = cryo_asprintf(
	    "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/%s/shim-binary-path", id);
	cryo_auto(cryo_free) char *config = cryo_asprintf(
	    "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/%s/config.json", id);
	cryo_auto(cryo_free) char *json =
	    cryo_asprintf("{\"annotations\":{\"io.kubernetes.cri.sandbox-name\":\"%s\","
			  "\"io.kubernetes.cri.sandbox-namespace\":\"default\"}}",
			  id);

	node_write(name, text, 0644);
	node_write(config, json, 0644);
}

static int node_compare_lines(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Fails with the first line that differs. */
static inline void node_assert_same(const char *before, const char *after, const char *what)
{
	const char *a = before, *b = after;

	while (*a && *b && strcspn(a, "\n") == strcspn(b, "\n") &&
	       strncmp(a, b, strcspn(a, "\n")) == 0) {
		a += strcspn(a, "\n") + (a[strcspn(a, "\n")] == '\n');
		b += strcspn(b, "\n") + (b[strcspn(b, "\n")] == '\n');
	}
	if (*a || *b)
		fail_msg("%s: '%.*s' is not '%.*s'", what, (int)strcspn(b, "\n"), b,
			 (int)strcspn(a, "\n"), a);
}

/* Everything of the node but our own state: types, modes, owners, links, contents. Caller frees. */
static inline char *node_picture(void)
{
	char *const roots[] = { node.dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	cryo_auto(cryo_strv_release) struct cryo_strv lines = { 0 };
	FTSENT *f;

	while ((f = fts_read(fts))) {
		const char *name = f->fts_path + strlen(node.dir);
		char digest[CRYO_HASH_HEX] = "", target[4096] = "";

		if (strcmp(name, "/state") == 0 || strcmp(name, "/build") == 0)
			fts_set(fts, f, FTS_SKIP);
		if (f->fts_info == FTS_DP || strcmp(name, "/state") == 0 ||
		    strcmp(name, "/build") == 0)
			continue;
		if (f->fts_info == FTS_F)
			assert_int_equal(cryo_hash_file(f->fts_path, digest, &node.err), 0);
		if (f->fts_info == FTS_SL || f->fts_info == FTS_SLNONE)
			assert_true(readlink(f->fts_path, target, sizeof(target) - 1) > 0);
		cryo_strv_addf(&lines, "%s %o %u:%u %s%s", name, f->fts_statp->st_mode,
			       f->fts_statp->st_uid, f->fts_statp->st_gid, digest, target);
	}
	fts_close(fts);
	qsort(lines.v, lines.n, sizeof(*lines.v), node_compare_lines);
	return cryo_strv_join(&lines, "\n");
}

#endif
