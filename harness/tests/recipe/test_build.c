/* SPDX-License-Identifier: Apache-2.0 */
/* A fake go on PATH that logs how it was called and answers from files. */
#include "recipe/build.h"
#include "tests/scratch.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "tests/source/git_world.h"
#include "sys/fs.h"
#include "sys/lock.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SUM "h1:bmH31xUdSzeA5vk0wZAK9MZp11mdLuzUSeKk0qN3hPQ="

static const char fake_go[] =
    "#!/bin/sh\n"
    "cd_is=$PWD\n"
    "cd \"$FAKE_DIR\"\n"
    "echo \"$* [$GOFLAGS] in $cd_is\" >> log\n"
    "case \"$1 $2\" in\n"
    "'env -json') echo '{\"GOVERSION\": \"'$(cat version)'\", \"GOCACHE\": \"'$PWD/c'\", "
    "\"GOMODCACHE\": \"'$PWD/m'\", \"GOENV\": \"'$PWD/e'\"}';;\n"
    "'env GOVERSION') cat version;;\n"
    "'mod download') cat answer; ! grep -q Error answer;;\n"
    "'mod edit') [ \"$3\" != -json ] || cat mod.json\n"
    "  [ ! -e show-mod ] || echo \"go.mod: $(cat $cd_is/go.mod)\" >> log;;\n"
    "'build -v')\n"
    "  for package; do [ \"$out\" != next ] || out=$package\n"
    "    [ \"$package\" != -o ] || out=next; done\n"
    "  program=${out##*/}\n"
    "  echo internal/abi >&2; echo k8s.io/api/core/v1 >&2\n"
    "  [ ! -e fail-$program ] || { cat fail-$program >&2; exit 1; }\n"
    "  [ ! -e hang ] || { echo half > $out; touch started; exec sleep 60; }\n"
    "  [ ! -e slow ] || sleep 0.3\n"
    "  echo program > $out;;\n"
    "esac\n";

static const char mod_json[] =
    "{\"Module\": {\"Path\": \"k8s.io/kubernetes\"}, \"Require\": ["
    "{\"Path\": \"k8s.io/api\", \"Version\": \"v0.0.0\"},"
    "{\"Path\": \"k8s.io/newer\", \"Version\": \"v0.0.0\"},"
    "{\"Path\": \"k8s.io/klog/v2\", \"Version\": \"v2.130.1\"}], \"Replace\": ["
    "{\"Old\": {\"Path\": \"k8s.io/api\"}, \"New\": {\"Path\": \"./staging/src/k8s.io/api\"}},"
    "{\"Old\": {\"Path\": \"a.b/local\", \"Version\": \"v1.0.0\"}, \"New\": {\"Path\": \"../x\"}},"
    "{\"Old\": {\"Path\": \"a.b/fork\"}, \"New\": {\"Path\": \"c.d/fork\", \"Version\": "
    "\"v1.0.0\"}}]}";

static void gone(const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", scratch_dir, name);

	unlink(path);
}

static bool there(const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", scratch_dir, name);

	return cryo_fs_exists(path);
}

static unsigned calls_of(const char *what)
{
	cryo_auto(cryo_free) char *log = scratch_get("log");
	unsigned n = 0;

	for (const char *p = log; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

static void answer_with(const char *sum)
{
	cryo_auto(cryo_free) char *text = cryo_asprintf(
	    "{\"Path\": \"x\", \"Dir\": \"%s/src\", \"Sum\": \"%s\"}", scratch_dir, sum);

	scratch_put_program("answer", text);
}

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	scratch_add_to_path("bin");
	scratch_setenv_path("CRYOPOD_CACHE_DIR", "cache");
	scratch_setenv("FAKE_DIR", scratch_dir);
	scratch_put_program("bin/go", fake_go);
	scratch_put_program("version", "go1.26.8");
	scratch_put_program("log", "");
	scratch_put_program("mod.json", mod_json);
	scratch_put_program("src/go.mod", "module k8s.io/kubernetes\n");
	scratch_put_program("src/go.sum", "a.b/c v1.0.0 h1:x\n");
	answer_with(SUM);
	return 0;
}

static int teardown(void **state)
{
	cryo_event_set_sink(NULL, NULL);
	return scratch_teardown(state);
}

#define KUBERNETES                                                                                 \
	"kubernetes: {source: {module: k8s.io/kubernetes, version: v1.33.13, sum: \"" SUM          \
	"\"}, programs: [kubelet, kubectl]}"

/* The stack stays for the test's time: what is planned borrows from it. */
static struct cryo_stack stack;

static int plan(const char *component, struct cryo_build *b, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *text = cryo_asprintf("apiVersion: cryopod.dev/v1alpha1\n"
							"kind: Stack\nmetadata: {name: t}\n"
							"spec:\n  components:\n    %s\n",
							component);
	cryo_auto(cryo_free) char *path = scratch_path("stack.yaml");

	scratch_put_program("stack.yaml", text);
	cryo_stack_release(&stack);
	assert_int_equal(cryo_stack_load(path, &stack, err), 0);
	return cryo_build_plan(&stack, NULL, b, err);
}

static int build(const char *component, struct cryo_err *err)
{
	struct cryo_build b = { 0 };
	int rc = plan(component, &b, err);

	if (rc == 0)
		rc = cryo_build_run(&b, NULL, err);
	cryo_build_release(&b);
	cryo_stack_release(&stack);
	return rc;
}

/* Files below builds/<component>/, all of it on one line; "" if there is nothing. */
static char *published(const char *component)
{
	cryo_auto(cryo_free) char *top =
	    cryo_asprintf("%s/cache/builds/%s", scratch_dir, component);
	struct cryo_str s = { 0 };
	const struct dirent *stamp, *e;
	DIR *outer = opendir(top), *inner;

	while (outer && (stamp = readdir(outer))) {
		cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/%s", top, stamp->d_name);

		inner = stamp->d_name[0] == '.' ? NULL : opendir(dir);
		while (inner && (e = readdir(inner)))
			if (e->d_name[0] != '.' && strcmp(e->d_name, "build.json") != 0)
				cryo_str_addf(&s, "%s ", e->d_name);
		if (inner)
			closedir(inner);
	}
	if (outer)
		closedir(outer);
	return cryo_str_detach(&s);
}

static void builds_and_then_has_nothing_to_do(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_build b = { 0 };
	cryo_auto(cryo_free) char *json = NULL, *text = NULL;
	cryo_auto(cryo_json_decref) json_t *record = NULL;

	(void)state;
	assert_int_equal(plan(KUBERNETES, &b, &err), 0);
	assert_int_equal(b.n, 1);
	assert_false(b.item[0].up_to_date);
	assert_false(there("cache"));
	assert_int_equal(cryo_build_run(&b, NULL, &err), 0);
	assert_true(b.item[0].up_to_date);
	assert_ptr_equal(cryo_build_find(&b, "kubernetes"), &b.item[0]);
	assert_null(cryo_build_find(&b, "runc"));
	json = cryo_asprintf("%s/build.json", b.item[0].dir);
	assert_int_equal(cryo_json_load(json, 1 << 20, &record, &err), 0);
	assert_string_equal(cryo_json_str(record, "go"), "go1.26.8");
	assert_string_equal(cryo_json_str(record, "source.sum"), SUM);
	assert_string_equal(cryo_json_str(record, "stamp"), b.item[0].stamp);
	assert_int_equal(cryo_json_int(record, "programs.kubelet.size", 0), 8);
	assert_int_equal(cryo_json_int(record, "programs.kubectl.compiledPackages", 0), 2);
	cryo_build_release(&b);

	assert_int_equal(calls_of("build -v"), 2);
	assert_int_equal(build(KUBERNETES, &err), 0);
	assert_int_equal(calls_of("build -v"), 2);
	assert_int_equal(calls_of("mod download"), 1);
	text = scratch_get("log");
	assert_non_null(strstr(text, " -X k8s.io/component-base/version.gitVersion=v1.33.13 "));
	assert_non_null(strstr(text, "version.gitMinor=33 "));
	assert_non_null(strstr(text, "kubelet k8s.io/kubernetes/cmd/kubelet [-mod=mod "));
}

/* From the plan, or the build, to the release nobody can prune it. */
static void what_is_planned_is_held(void **state)
{
	cryo_auto(cryo_free) char *dir = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_build b = { 0 };
	int fd;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(plan(KUBERNETES, &b, &err), 0);
		assert_int_equal(b.item[0].up_to_date, i == 1);
		if (i == 0)
			assert_int_equal(cryo_build_run(&b, NULL, &err), 0);
		free(dir);
		dir = cryo_strdup(b.item[0].dir);
		assert_int_equal(cryo_lock_only_dir(dir), -1);
		cryo_build_release(&b);
		fd = cryo_lock_only_dir(dir);
		assert_true(fd >= 0);
		/* One that goes away just now is not there. */
		assert_int_equal(plan(KUBERNETES, &b, &err), 0);
		assert_false(b.item[0].up_to_date);
		cryo_build_release(&b);
		close(fd);
	}
}

static void one_more_program_builds_only_that(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *log = NULL;

	(void)state;
	assert_int_equal(build("containerd: {source: {module: a.b/c, version: v2.2.5}, "
			       "programs: [ctr]}",
			       &err),
			 0);
	assert_int_equal(build("containerd: {source: {module: a.b/c, version: v2.2.5}}", &err), 0);
	assert_int_equal(calls_of("/ctr a.b/c/cmd/ctr"), 1);
	assert_int_equal(calls_of("build -v"), 3);
	log = scratch_get("log");
	assert_non_null(strstr(log, "-X a.b/c/version.Version=v2.2.5 "));
}

static void wraps_the_module(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *log = NULL;

	(void)state;
	assert_int_equal(build(KUBERNETES, &err), 0);
	log = scratch_get("log");
	assert_non_null(strstr(log, "mod edit -module=cryopod.dev/build/kubernetes "
				    "-require=k8s.io/kubernetes@v1.33.13 "
				    "-dropreplace=k8s.io/api "
				    "-replace=k8s.io/api=k8s.io/api@v0.33.13 "
				    "-dropreplace=a.b/local@v1.0.0 "
				    "-replace=k8s.io/api=k8s.io/api@v0.33.13 "
				    "-replace=k8s.io/newer=k8s.io/newer@v0.33.13 ["));
}

static void trees_are_built_where_they_are(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *log = NULL, *expected = NULL;

	(void)state;
	assert_int_equal(build("containerd: {source: {dir: src}, programs: [ctr]}", &err), 0);
	log = scratch_get("log");
	expected =
	    cryo_asprintf("/ctr ./cmd/ctr [-trimpath -buildvcs=false] in %s/src\n", scratch_dir);
	assert_non_null(strstr(log, expected));
	assert_null(strstr(log, "mod "));
	assert_null(strstr(log, "-X "));
}

/* A branch that nobody looked up yet: fetched, planned again, built; the commit is in the program.
 */
static void trees_from_git(void **state)
{
	static const struct world_file file[] = { { "go.mod", "module x\n", NULL } };
	static const struct world_file more[] = { { "new", "x\n", NULL } };
	cryo_auto(cryo_free) char *repo = scratch_path("repo");
	cryo_auto(cryo_free) char *component =
	    cryo_asprintf("containerd: {source: {git: %s, ref: main, version: v2.0.1}, "
			  "programs: [ctr]}",
			  repo);
	cryo_auto(cryo_free) char *log = NULL, *expected = NULL, *list = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	char commit[CRYO_COMMIT_HEX], later[CRYO_COMMIT_HEX];
	struct cryo_build b = { 0 };

	(void)state;
	world_commit(repo, "main", file, 1, commit);
	assert_int_equal(plan(component, &b, &err), 0);
	assert_false(b.item[0].up_to_date);
	assert_int_equal(cryo_build_run(&b, NULL, &err), 0);
	assert_true(b.item[0].up_to_date);
	assert_true(cryo_fs_is_dir(b.item[0].dir));
	cryo_build_release(&b);
	log = scratch_get("log");
	expected = cryo_asprintf("-X github.com/containerd/containerd/v2/version.Version=v2.0.1 -X "
				 "github.com/containerd/containerd/v2/version.Revision=%s -o ",
				 commit);
	assert_non_null(strstr(log, expected));
	free(expected);
	expected = cryo_asprintf("in %s/cache/trees/containerd/%s\n", scratch_dir, commit);
	assert_non_null(strstr(log, expected));
	assert_int_equal(build(component, &err), 0);
	/* A branch that moved is not followed by a build. */
	world_commit(repo, "main", more, 1, later);
	assert_int_equal(build(component, &err), 0);
	assert_int_equal(calls_of("build -v"), 1);
	list = published("containerd");
	assert_string_equal(list, "ctr ");
}

/* runc keeps its version in a file, and is "unknown" if nobody looks there. */
static void a_tree_says_its_version(void **state)
{
	static const struct {
		const char *text, *named, *flag;
	} row[] = {
		{ "1.2.3+dev\n", "", " -X main.version=1.2.3+dev -X main.gitCommit=" },
		{ "1.2.3\n", ", version: v1.2.4", " -X main.version=1.2.4 -X main.gitCommit=" },
		{ "1.2 -extld=/evil\n", "", " -static -X main.gitCommit=" },
		{ "", "", " -static -X main.gitCommit=" },
	};
	cryo_auto(cryo_free) char *repo = scratch_path("repo");
	struct cryo_err err = CRYO_ERR_INIT;
	char commit[CRYO_COMMIT_HEX];

	(void)state;
	/* A host that can build C code. */
	scratch_put_program("bin/gcc", "#!/bin/sh\necho /lib/libseccomp.a\n");
	scratch_put_program("bin/pkg-config", "#!/bin/sh\necho 2.5\n");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *component = NULL, *log = NULL;

		print_message("# row %zu\n", i);
		world_commit(repo, "main",
			     (struct world_file[]){ { "go.mod", "module x\n", NULL },
						    { "VERSION", row[i].text, NULL } },
			     2, commit);
		component = cryo_asprintf("runc: {source: {git: %s, commit: %s%s}}", repo, commit,
					  row[i].named);
		gone("log");
		assert_int_equal(build(component, &err), 0);
		log = scratch_get("log");
		assert_non_null(strstr(log, row[i].flag));
	}
}

static void put_patch(const char *name, const char *file, const char *from, const char *to)
{
	cryo_auto(cryo_free) char *text = cryo_asprintf(
	    "From: Ann <a@b.c>\nSubject: change %s\n\nWhy.\n---\ndiff --git a/%s b/%s\n--- a/%s\n"
	    "+++ b/%s\n@@ -1 +1 @@\n-%s\n+%s\n",
	    file, file, file, file, file, from, to);
	cryo_auto(cryo_free) char *path = cryo_asprintf("series/%s", name);

	scratch_put_program(path, text);
}

/* A file of the tree that was built, where the log says it was; caller frees. */
static char *in_patched_tree(const char *name)
{
	cryo_auto(cryo_free) char *log = scratch_get("log"), *path = NULL;
	const char *tree = strstr(log, "/patched-");

	assert_non_null(tree);
	path = cryo_asprintf("cache/trees/containerd%.*s/%s", (int)strcspn(tree, "\n"), tree, name);
	return scratch_get(path);
}

/* Built is a tree beside that of the commit, which stays as it is. */
static void trees_from_git_with_patches(void **state)
{
	static const struct world_file file[] = { { "go.mod", "module x\n", NULL },
						  { "a.go", "old\n", NULL } };
	cryo_auto(cryo_free) char *repo = scratch_path("repo");
	cryo_auto(cryo_free) char *component = cryo_asprintf(
	    "containerd: {source: {git: %s, ref: main}, programs: [ctr], patches: series}", repo);
	cryo_auto(cryo_free) char *log = NULL, *expected = NULL, *tree = NULL, *name = NULL;
	cryo_auto(cryo_free) char *patched = NULL, *kept = NULL, *json = NULL;
	cryo_auto(cryo_json_decref) json_t *record = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	char commit[CRYO_COMMIT_HEX];
	struct cryo_build b = { 0 };

	(void)state;
	world_commit(repo, "main", file, 2, commit);
	put_patch("0001-a.patch", "a.go", "old", "new");
	assert_int_equal(plan(component, &b, &err), 0);
	assert_int_equal(cryo_build_run(&b, NULL, &err), 0);
	json = cryo_asprintf("%s/build.json", b.item[0].dir);
	assert_int_equal(cryo_json_load(json, 1 << 20, &record, &err), 0);
	assert_string_equal(cryo_json_str(record, "source.commit"), commit);
	assert_string_equal(cryo_json_str(record, "source.patches[0].name"), "0001-a.patch");
	tree = cryo_asprintf("patched-%.16s", cryo_json_str(record, "source.patchedCommit"));
	cryo_build_release(&b);
	log = scratch_get("log");
	expected = cryo_asprintf("in %s/cache/trees/containerd/%s\n", scratch_dir, tree);
	assert_non_null(strstr(log, expected));
	name = cryo_asprintf("cache/trees/containerd/%s/a.go", tree);
	patched = scratch_get(name);
	assert_string_equal(patched, "new\n");
	free(name);
	name = cryo_asprintf("cache/trees/containerd/%s/a.go", commit);
	kept = scratch_get(name);
	assert_string_equal(kept, "old\n");
	assert_int_equal(build(component, &err), 0);
	assert_int_equal(calls_of("build -v"), 1);
}

/* What is patched is the component; what it brings along is there as without patches. */
static void trees_from_git_with_patches_and_submodules(void **state)
{
	static const struct world_file lib[] = { { "lib.c", "lib\n", NULL } };
	static const char of_part[] = "[submodule \"lib\"]\n\tpath = d/lib\n\turl = ../lib\n";
	static const char of_repo[] = "[submodule \"part\"]\n\tpath = p/part\n\turl = ../part\n"
				      "[submodule \"lost\"]\n\tpath = lost\n\turl = ../lost\n";
	cryo_auto(cryo_free) char *repo = scratch_path("repo");
	cryo_auto(cryo_free) char *part = scratch_path("part");
	cryo_auto(cryo_free) char *deep = scratch_path("lib");
	cryo_auto(cryo_free) char *component = cryo_asprintf(
	    "containerd: {source: {git: %s, ref: main}, programs: [ctr], patches: series}", repo);
	cryo_auto(cryo_free) char *outer = NULL, *inner = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	char in_part[CRYO_COMMIT_HEX], in_repo[CRYO_COMMIT_HEX], commit[CRYO_COMMIT_HEX];

	(void)state;
	world_commit(deep, "main", lib, 1, in_part);
	world_commit(part, "main",
		     (struct world_file[]){ { ".gitmodules", of_part, NULL },
					    { "part.c", "part\n", NULL },
					    { "d/lib", NULL, in_part } },
		     3, in_repo);
	world_commit(repo, "main",
		     (struct world_file[]){ { ".gitmodules", of_repo, NULL },
					    { "go.mod", "module x\n", NULL },
					    { "p/a.go", "old\n", NULL },
					    { "p/part", NULL, in_repo } },
		     4, commit);
	put_patch("0001-a.patch", "p/a.go", "old", "new");
	assert_int_equal(build(component, &err), 0);
	outer = in_patched_tree("p/part/part.c");
	assert_string_equal(outer, "part\n");
	inner = in_patched_tree("p/part/d/lib/lib.c");
	assert_string_equal(inner, "lib\n");
}

static void a_changed_checkout_is_not_built(void **state)
{
	static const struct world_file file[] = { { "go.mod", "module x\n", NULL } };
	cryo_auto(cryo_free) char *repo = scratch_path("repo");
	cryo_auto(cryo_free) char *component =
	    cryo_asprintf("containerd: {source: {git: %s, ref: main}, programs: [ctr]}", repo);
	cryo_auto(cryo_free) char *another = cryo_asprintf(
	    "containerd: {source: {git: %s, ref: main}, programs: [containerd]}", repo);
	struct cryo_err err = CRYO_ERR_INIT;
	char commit[CRYO_COMMIT_HEX], name[256];

	(void)state;
	world_commit(repo, "main", file, 1, commit);
	assert_int_equal(build(component, &err), 0);
	snprintf(name, sizeof(name), "cache/trees/containerd/%s/mine.go", commit);
	scratch_put_program(name, "package main\n");
	assert_int_equal(build(another, &err), -CRYO_E_PROVISION);
	print_message("# %s\n", err.msg);
	assert_non_null(strstr(err.msg, "'mine.go' first"));
}

/* Minutes for a build root, and then the source cannot be had? The other way round. */
static void sources_come_before_a_build_root(void **state)
{
	cryo_auto(cryo_free) char *repo = scratch_path("repo");
	cryo_auto(cryo_free) char *component = cryo_asprintf(
	    "containerd: {source: {git: %s, commit: 0123456789012345678901234567890123456789}}",
	    repo);
	struct cryo_err err = CRYO_ERR_INIT;
	char commit[CRYO_COMMIT_HEX];

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: only root can make a build root\n");
		skip();
	}
	world_commit(repo, "main", &(struct world_file){ "go.mod", "module x\n", NULL }, 1, commit);
	scratch_put_program("version", "go1.19.8");
	scratch_put_program("bin/mmdebstrap",
			    "#!/bin/sh\necho mmdebstrap >>$FAKE_DIR/log\nexit 1\n");
	assert_int_equal(build(component, &err), -CRYO_E_CONFIG);
	print_message("# %s\n", err.msg);
	assert_non_null(strstr(err.msg, "no commit '0123"));
	assert_int_equal(calls_of("mmdebstrap"), 0);
}

static void stamps(void **state)
{
	static const struct {
		const char *go, *component;
		bool same; /* as the first row */
	} row[] = {
		{ "go1.26.8", KUBERNETES, true },
		{ "go1.26.8",
		  "kubernetes: {source: {module: k8s.io/kubernetes, version: v1.33.13, sum: \"" SUM
		  "\"}, programs: [kubeadm]}",
		  true },
		{ "go1.26.9", KUBERNETES, false },
		{ "go1.26.8",
		  "kubernetes: {source: {module: k8s.io/kubernetes, version: v1.33.14, sum: \"" SUM
		  "\"}}",
		  false },
		{ "go1.26.8",
		  "kubernetes: {source: {module: k8s.io/kubernetes, version: v1.33.13}}", false },
		{ "go1.26.8",
		  "kubernetes: {recipe: containerd, source: {module: k8s.io/kubernetes, version: "
		  "v1.33.13, sum: \"" SUM "\"}}",
		  false },
		{ "go1.26.8", "kubernetes: {source: {dir: src}}", false },
	};
	char first[CRYO_HASH_HEX] = "", whole[CRYO_HASH_HEX], first_whole[CRYO_HASH_HEX] = "";

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_build b = { 0 };

		scratch_put_program("version", row[i].go);
		assert_int_equal(plan(row[i].component, &b, &err), 0);
		cryo_build_stamp(&b, whole);
		if (i == 0) {
			memcpy(first, b.item[0].stamp, sizeof(first));
			memcpy(first_whole, whole, sizeof(whole));
		}
		print_message("# row %zu\n", i);
		assert_int_equal(strcmp(first, b.item[0].stamp) == 0, row[i].same);
		assert_int_equal(strcmp(first_whole, whole) == 0, row[i].same);
		cryo_build_release(&b);
	}
	cryo_stack_release(&stack);
}

/* A local cluster has no use for kind, whatever the stack has it for. */
static void nodes_without_tools(void **state)
{
	char with[CRYO_HASH_HEX], without[CRYO_HASH_HEX];
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_build all = { 0 }, nodes = { 0 };

	(void)state;
	assert_int_equal(plan(KUBERNETES "\n    kind: {source: {dir: src}}", &all, &err), 0);
	assert_int_equal(all.n, 2);
	assert_int_equal(cryo_build_plan_nodes(&stack, &nodes, &err), 0);
	assert_int_equal(nodes.n, 1);
	assert_string_equal(nodes.item[0].component->name, "kubernetes");
	cryo_build_stamp(&all, with);
	cryo_build_stamp(&nodes, without);
	assert_string_equal(with, without);
	cryo_build_release(&nodes);
	cryo_build_release(&all);
	cryo_stack_release(&stack);
}

/* A build without patches must not become out of date. */
static void no_patches_no_other_stamp(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_build b = { 0 };

	(void)state;
	assert_int_equal(plan(KUBERNETES, &b, &err), 0);
	assert_string_equal(b.item[0].stamp,
			    "a086a8a1b8fec79677a6f9a5e1f05e4b051e1c1252b112cbc153643a428d3124");
	cryo_build_release(&b);
	cryo_stack_release(&stack);
}

/* --- patches --- */

#define PATCHED                                                                                    \
	"kubernetes: {source: {module: k8s.io/kubernetes, version: v1.33.13, sum: \"" SUM          \
	"\"}, programs: [kubelet], patches: series}"

/* The name of the tree that was built last. */
static char *tree_name(void)
{
	cryo_auto(cryo_free) char *log = scratch_get("log");
	const char *at = log, *last = NULL;

	while ((at = strstr(at, "/patched-")))
		last = ++at;
	assert_non_null(last);
	return cryo_strndup(last, strcspn(last, "/ "));
}

static unsigned trees_there(void)
{
	cryo_auto(cryo_free) char *path = scratch_path("cache/trees/kubernetes");
	const struct dirent *e;
	DIR *d = opendir(path);
	unsigned n = 0;

	while (d && (e = readdir(d)))
		n += cryo_starts_with(e->d_name, "patched-");
	if (d)
		closedir(d);
	return n;
}

static void a_patched_module_is_built_from_a_tree(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_build b = { 0 };
	cryo_auto(cryo_free) char *json = NULL, *log = NULL, *tree = NULL, *replace = NULL;
	cryo_auto(cryo_free) char *file = NULL, *staged = NULL, *text = NULL, *below = NULL;
	cryo_auto(cryo_json_decref) json_t *record = NULL;

	(void)state;
	scratch_put_program("src/a.go", "old\n");
	put_patch("0001-a.patch", "a.go", "old", "new");
	put_patch("0002-b.patch", "staging/src/k8s.io/api/a.go", "old", "newer");
	assert_int_equal(plan(PATCHED, &b, &err), 0);
	assert_int_equal(cryo_build_run(&b, NULL, &err), 0);
	json = cryo_asprintf("%s/build.json", b.item[0].dir);
	assert_int_equal(cryo_json_load(json, 1 << 20, &record, &err), 0);
	assert_string_equal(cryo_json_str(record, "source.patches[0].name"), "0001-a.patch");
	assert_int_equal(strlen(cryo_json_str(record, "source.patches[1].sha256")), 64);
	assert_int_equal(strlen(cryo_json_str(record, "source.patchedCommit")), 40);
	cryo_build_release(&b);

	tree = tree_name();
	replace = cryo_asprintf(" -replace=k8s.io/kubernetes=%s/cache/trees/kubernetes/%s "
				"-replace=k8s.io/api=%s/cache/trees/kubernetes/%s/staging/src/"
				"k8s.io/api [",
				scratch_dir, tree, scratch_dir, tree);
	log = scratch_get("log");
	assert_non_null(strstr(log, replace));
	assert_non_null(strstr(log, "mod download -json k8s.io/api@v0.33.13 "));
	file = cryo_asprintf("cache/trees/kubernetes/%s/a.go", tree);
	text = scratch_get(file);
	assert_string_equal(text, "new\n");
	staged = cryo_asprintf("cache/trees/kubernetes/%s/staging/src/k8s.io/api/a.go", tree);
	below = scratch_get(staged);
	assert_string_equal(below, "newer\n");
}

static void a_changed_patch_is_built_again(void **state)
{
	cryo_auto(cryo_free) char *first = NULL, *second = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	scratch_put_program("src/a.go", "old\n");
	put_patch("0001-a.patch", "a.go", "old", "new");
	assert_int_equal(build(PATCHED, &err), 0);
	assert_int_equal(build(PATCHED, &err), 0);
	assert_int_equal(calls_of("build -v"), 1);
	first = tree_name();
	put_patch("0001-a.patch", "a.go", "old", "newer");
	assert_int_equal(build(PATCHED, &err), 0);
	assert_int_equal(calls_of("build -v"), 2);
	second = tree_name();
	assert_string_not_equal(first, second);
	assert_int_equal(trees_there(), 1);
}

static void what_a_patch_adds_to_go_mod_counts(void **state)
{
	cryo_auto(cryo_free) char *log = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	put_patch("0001-a.patch", "go.mod", "module k8s.io/kubernetes", "module patched");
	scratch_put_program("show-mod", "");
	assert_int_equal(build(PATCHED, &err), 0);
	log = scratch_get("log");
	assert_non_null(strstr(log, "go.mod: module patched\n"));
}

/* Nothing is left of it, and with a better patch it goes on. */
static void patches_that_do_not_apply(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *left = NULL;

	(void)state;
	scratch_put_program("src/a.go", "other\n");
	put_patch("0001-a.patch", "a.go", "old", "new");
	assert_int_equal(build(PATCHED, &err), -CRYO_E_CONFIG);
	print_message("# %s\n", err.msg);
	assert_non_null(strstr(err.msg, "build kubernetes: "));
	assert_non_null(strstr(err.msg, "series/0001-a.patch:9: does not apply: a.go:1: the patch "
					"wants 'old', there is 'other'"));
	left = published("kubernetes");
	assert_string_equal(left, "");
	assert_int_equal(trees_there(), 0);
	assert_int_equal(calls_of("build -v"), 0);
	put_patch("0001-a.patch", "a.go", "other", "new");
	assert_int_equal(build(PATCHED, &err), 0);
}

/* As a power cut leaves it: objects that are there and empty. */
static void a_damaged_repository_is_made_anew(void **state)
{
	cryo_auto(cryo_free) char *objects = NULL, *command = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	scratch_put_program("src/a.go", "old\n");
	put_patch("0001-a.patch", "a.go", "old", "new");
	assert_int_equal(build(PATCHED, &err), 0);
	objects = scratch_path("cache/trees/kubernetes/modules.git/objects");
	command =
	    cryo_asprintf("find %s -type f -exec chmod u+w {} + -exec truncate -s 0 {} +", objects);
	assert_int_equal(system(command), 0);
	put_patch("0001-a.patch", "a.go", "old", "newer");
	assert_int_equal(build(PATCHED, &err), 0);
}

static void a_changed_tree_is_built_again(void **state)
{
	static const char component[] = "containerd: {source: {dir: src}, programs: [ctr]}";
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(build(component, &err), 0);
	assert_int_equal(build(component, &err), 0);
	assert_int_equal(calls_of("build -v"), 1);
	scratch_put_program("src/main.go", "package main\n");
	assert_int_equal(build(component, &err), 0);
	assert_int_equal(calls_of("build -v"), 2);
}

static void plan_refuses(void **state)
{
	static const struct {
		const char *component, *message;
	} row[] = {
		{ "kubernetes: {source: {dir: src}, programs: [kublet]}",
		  "stack.yaml:6: component 'kubernetes': no program 'kublet', did you mean "
		  "'kubelet'?" },
		{ "runc: {source: {dir: src}, programs: [docker]}",
		  "no program 'docker' (valid values: runc)" },
		{ "containerd: {source: {dir: src}, recipe: rnuc}",
		  "no recipe 'rnuc' (valid values: kubernetes, containerd, runc, kind, coredns, "
		  "etcd, "
		  "criu, debian, debian-layer)" },
		{ "debain: {source: {debian: {suite: sid, packages: [a]}}}",
		  "no recipe 'debain', did you mean 'debian'?" },
		{ "runc: {source: {debian: {suite: sid, packages: [a]}}}",
		  "recipe 'runc' cannot build from Debian sid" },
		{ "debian: {source: {dir: src}}", "recipe 'debian' cannot build from /" },
		{ "debian: {source: {debian: {suite: sid, packages: [a]}}, programs: [a]}",
		  "no program 'a'" },
		{ "runc: {source: {module: a.b/c, version: v1.0.0}, patches: nowhere}",
		  "stack.yaml:6: component 'runc': no directory '/" },
		{ "runc: {source: {dir: nowhere}}", "component 'runc': no directory '/" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_build b = { 0 };

		assert_int_equal(plan(row[i].component, &b, &err), -CRYO_E_CONFIG);
		print_message("# %s\n", err.msg);
		assert_non_null(strstr(err.msg, row[i].message));
		assert_int_equal(b.n, 0);
	}
	cryo_stack_release(&stack);
}

static void only_some(void **state)
{
	static const char *const runc[] = { "containerd", NULL };
	static const char *const wrong[] = { "containrd", NULL };
	static const char *const none[] = { NULL };
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_build b = { 0 };

	(void)state;
	assert_int_equal(plan(KUBERNETES "\n    containerd: {source: {dir: src}}", &b, &err), 0);
	assert_int_equal(b.n, 2);
	cryo_build_release(&b);
	assert_int_equal(cryo_build_plan(&stack, none, &b, &err), 0);
	assert_int_equal(b.n, 2);
	cryo_build_release(&b);
	assert_int_equal(cryo_build_plan(&stack, runc, &b, &err), 0);
	assert_int_equal(b.n, 1);
	assert_string_equal(b.item[0].component->name, "containerd");
	cryo_build_release(&b);
	assert_int_equal(cryo_build_plan(&stack, wrong, &b, &err), -CRYO_E_USAGE);
	assert_non_null(strstr(err.msg, "did you mean 'containerd'?"));
	cryo_stack_release(&stack);
}

static void downloads_that_fail(void **state)
{
	static const struct {
		const char *answer, *message;
	} row[] = {
		{ "{\"Error\": \"k8s.io/kubernetes@v1.33.13: reading https://p/x/@v/v1.info: 404 "
		  "Not "
		  "Found\\n\\tserver response: no such version\"}",
		  "stack.yaml:6: k8s.io/kubernetes v1.33.13: the module proxy does not serve it "
		  "(does this version exist?)" },
		{ "{\"Error\": \"k8s.io/kubernetes@v1.33.13: reading https://p/x: 403 Forbidden\"}",
		  "v1.33.13: the module proxy does not serve it" },
		{ "{\"Error\": \"k8s.io/kubernetes@v1.33.13: module lookup disabled by "
		  "GOPROXY=off\"}",
		  "v1.33.13: it is not in Go's module cache, and --offline forbids fetching it" },
		{ "{\"Error\": \"x@v1: Get \\\"https://p/\\\": dial tcp: connection refused\"}",
		  "stack.yaml:6: x@v1: Get \"https://p/\": dial tcp: connection refused" },
		{ "{\"Path\": \"x\", \"Dir\": \"/src\", \"Sum\": \"h1:other=\"}",
		  "the checksum of k8s.io/kubernetes v1.33.13 is h1:other=, but the stack "
		  "requires " SUM },
		{ "{\"Path\": \"x\", \"Dir\": \"/src\"}",
		  "is unknown, but the stack requires " SUM },
		{ "{}", "reported no directory" },
		{ "nonsense", "no JSON" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		cryo_auto(cryo_free) char *left = NULL;

		scratch_put_program("answer", row[i].answer);
		assert_true(build(KUBERNETES, &err) < 0);
		print_message("# %s\n", err.msg);
		assert_non_null(strstr(err.msg, row[i].message));
		left = published("kubernetes");
		assert_string_equal(left, "");
	}
}

static unsigned warnings;
static char last_warning[256];

static void count_warnings(const struct cryo_event *ev, void *arg)
{
	(void)arg;
	if (ev->kind != CRYO_EVENT_WARN)
		return;
	warnings++;
	strncpy(last_warning, ev->detail, sizeof(last_warning) - 1);
}

static void a_failing_build_shows_its_last_lines(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_str s = { 0 };
	cryo_auto(cryo_free) char *left = NULL, *log = NULL;

	(void)state;
	cryo_str_add(&s, "# k8s.io/kubernetes/cmd/kubelet\nkubelet.go:7:2: undefined: x\n");
	for (int i = 0; i < 30; i++)
		cryo_str_addf(&s, "kubelet.go:%d:1: more\n", i);
	scratch_put_program("fail-kubelet", s.p);
	cryo_str_release(&s);
	warnings = 0;
	cryo_event_set_sink(count_warnings, NULL);
	assert_int_equal(build(KUBERNETES, &err), -CRYO_E_PROVISION);
	assert_int_equal(warnings, 15);
	assert_string_equal(last_warning, "kubelet.go:29:1: more");
	assert_non_null(strstr(err.msg, "build kubernetes: kubelet: kubelet.go:7:2: undefined: x"));
	assert_non_null(strstr(err.msg, "/cache/logs/kubernetes.log)"));
	log = scratch_get("cache/logs/kubernetes.log");
	assert_non_null(strstr(log, "undefined: x"));
	left = published("kubernetes");
	assert_string_equal(left, "");
}

static void the_first_complaint_is_the_cause(void **state)
{
	static const struct {
		const char *said, *cause;
	} row[] = {
		{ "a.go:1:2: no package x\n\tmore about it\nb.go:3:4: no package y\n\tmore\n",
		  "kubelet: a.go:1:2: no package x (log" },
		{ "# a.b/c\n/usr/bin/ld: cannot find -lseccomp\ncollect2: error\n",
		  "kubelet: /usr/bin/ld: cannot find -lseccomp (log" },
		{ "a.go:1:2: no package x\ngo: updates to go.mod needed\n",
		  "kubelet: go: updates to go.mod needed (log" },
		{ "go: inconsistent vendoring in /src:\n\ta.b/c: not in go.mod\n\n\tTo sync:\n",
		  "kubelet: go: inconsistent vendoring in /src: a.b/c: not in go.mod (log" },
		{ "a.go:1:2: no module has a.b/c; to add it:\n\tgo get a.b/c\nb.go:3:4: no d:\n",
		  "kubelet: a.go:1:2: no module has a.b/c; to add it: go get a.b/c (log" },
		{ "a.go:1:2: module lookup disabled by GOPROXY=off\n",
		  "kubelet: a required module is not in Go's module cache, and --offline forbids "
		  "fetching it: a.go:1:2 (log" },
		{ "", "failed with exit code 1" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;

		scratch_put_program("fail-kubelet", row[i].said);
		assert_int_equal(build(KUBERNETES, &err), -CRYO_E_PROVISION);
		print_message("# %s\n", err.msg);
		assert_non_null(strstr(err.msg, row[i].cause));
	}
}

static void a_go_that_cannot_be_had(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	scratch_put_program("fail-ctr",
			    "go: download go1.99.0: golang.org/toolchain: 404 Not Found\n");
	assert_int_equal(build("containerd: {source: {dir: src}, programs: [ctr]}", &err),
			 -CRYO_E_PROVISION);
	print_message("# %s\n", err.msg);
	assert_non_null(strstr(err.msg, "the source requires go1.99.0, newer than the installed "
					"Go, and it cannot be fetched: golang.org/toolchain: 404"));
}

static void what_was_done_stays_done(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *left = NULL;

	(void)state;
	scratch_put_program("fail-kubectl", "go: downloading a.b/c v1.0.0\n"
					    "go: a.b/c@v1.0.0: dial tcp: no such host\n");
	assert_int_equal(build(KUBERNETES, &err), -CRYO_E_PROVISION);
	assert_non_null(strstr(err.msg, "kubectl: go: a.b/c@v1.0.0: dial tcp: no such host (log"));
	left = published("kubernetes");
	assert_string_equal(left, "kubelet ");
	gone("fail-kubectl");
	assert_int_equal(build(KUBERNETES, &err), 0);
	assert_int_equal(calls_of("build -v"), 3);
}

static pid_t build_in_child(void)
{
	struct cryo_err err = CRYO_ERR_INIT;
	pid_t pid = fork();

	if (pid == 0)
		_exit(build(KUBERNETES, &err) < 0);
	assert_true(pid > 0);
	return pid;
}

static void kill_9_leaves_no_half_program(void **state)
{
	cryo_auto(cryo_free) char *left = NULL, *whole = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	pid_t pid;
	int status;

	(void)state;
	scratch_put_program("hang", "");
	pid = build_in_child();
	for (int i = 0; i < 1000 && !there("started"); i++)
		usleep(10000);
	assert_true(there("started"));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	left = published("kubernetes");
	assert_string_equal(left, "");
	gone("hang");
	assert_int_equal(build(KUBERNETES, &err), 0);
	whole = published("kubernetes");
	assert_int_equal(strlen(whole), strlen("kubelet kubectl "));
}

static void two_at_once_build_once(void **state)
{
	pid_t one, two;
	int status;

	(void)state;
	scratch_put_program("slow", "");
	one = build_in_child();
	two = build_in_child();
	assert_int_equal(waitpid(one, &status, 0), one);
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(two, &status, 0), two);
	assert_int_equal(status, 0);
	assert_int_equal(calls_of("build -v"), 2);
	assert_false(there("cache/builds/kubernetes.lock"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(builds_and_then_has_nothing_to_do),
		TEST(what_is_planned_is_held),
		TEST(one_more_program_builds_only_that),
		TEST(wraps_the_module),
		TEST(trees_are_built_where_they_are),
		TEST(trees_from_git),
		TEST(a_tree_says_its_version),
		TEST(trees_from_git_with_patches),
		TEST(trees_from_git_with_patches_and_submodules),
		TEST(a_changed_checkout_is_not_built),
		TEST(sources_come_before_a_build_root),
		TEST(stamps),
		TEST(nodes_without_tools),
		TEST(no_patches_no_other_stamp),
		TEST(a_patched_module_is_built_from_a_tree),
		TEST(a_changed_patch_is_built_again),
		TEST(what_a_patch_adds_to_go_mod_counts),
		TEST(patches_that_do_not_apply),
		TEST(a_damaged_repository_is_made_anew),
		TEST(a_changed_tree_is_built_again),
		TEST(plan_refuses),
		TEST(only_some),
		TEST(downloads_that_fail),
		TEST(a_failing_build_shows_its_last_lines),
		TEST(the_first_complaint_is_the_cause),
		TEST(a_go_that_cannot_be_had),
		TEST(what_was_done_stays_done),
		TEST(kill_9_leaves_no_half_program),
		TEST(two_at_once_build_once),
	};

	return cmocka_run_group_tests_name("build", tests, NULL, NULL) ? EXIT_FAILURE
								       : EXIT_SUCCESS;
}
