/* SPDX-License-Identifier: Apache-2.0 */
#include "source/data.h"
#include "source/stack.h"
#include "sys/fs.h"
#include "tests/scratch.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD                                                                                       \
	"apiVersion: cryopod.dev/v1alpha1\nkind: Stack\nmetadata: {name: s}\nspec:\n  "            \
	"components:\n"
#define SUM "\"h1:bmH31xUdSzeA5vk0wZAK9MZp11mdLuzUSeKk0qN3hPQ=\""

static int load(const char *text, struct cryo_stack *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = scratch_path("s.yaml");

	scratch_put("s.yaml", text);
	return cryo_stack_load(path, s, err);
}

static void upstream_ships(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_stack s = { 0 };
	const struct cryo_component *c;
	char *shown;

	(void)state;
	assert_int_equal(cryo_stack_load("upstream", &s, &err), 0);
	assert_string_equal(s.name, "upstream");
	assert_int_equal(s.file[0], '/');
	c = cryo_stack_find(&s, "kubernetes");
	assert_int_equal(c->source.kind, CRYO_SOURCE_MODULE);
	assert_non_null(c->source.sum);
	assert_string_equal(c->recipe, "kubernetes");
	assert_true(cryo_strv_has(&c->programs, "kubelet"));
	shown = cryo_source_show(&c->source);
	assert_string_equal(shown, "k8s.io/kubernetes v1.37.2");
	free(shown);
	c = cryo_stack_find(&s, "node");
	assert_int_equal(c->source.kind, CRYO_SOURCE_DEBIAN);
	assert_string_equal(c->source.suite, "trixie");
	assert_true(cryo_strv_has(&c->source.packages, "etcd-server"));
	assert_string_equal(c->recipe, "debian");
	assert_int_equal(c->programs.n, 0);
	assert_null(cryo_stack_find(&s, "nothing"));
	cryo_stack_release(&s);
	cryo_stack_release(&s);
}

/* The same in everything but the patches, so that what one can and the other cannot is by them. */
static void stock_is_upstream_without_patches(void **state)
{
	cryo_auto(cryo_stack_release) struct cryo_stack upstream = { 0 }, stock = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_stack_load("upstream", &upstream, &err), 0);
	assert_int_equal(cryo_stack_load("stock", &stock, &err), 0);
	assert_string_equal(stock.name, "stock");
	assert_int_equal(stock.n, upstream.n);
	for (size_t i = 0; i < stock.n; i++) {
		const struct cryo_component *a = &stock.component[i], *b = &upstream.component[i];
		cryo_auto(cryo_free) char *shown = cryo_source_show(&a->source);
		cryo_auto(cryo_free) char *other = cryo_source_show(&b->source);

		assert_string_equal(a->name, b->name);
		assert_string_equal(shown, other);
		assert_true(cryo_streq(a->source.sum, b->source.sum));
		assert_null(a->patches);
		assert_int_equal(!b->patches, cryo_streq(b->name, "node") ||
						  cryo_streq(b->name, "criu") ||
						  cryo_streq(b->name, "coredns"));
	}
}

static void directories_are_from_the_file(void **state)
{
	cryo_auto(cryo_free) char *expected = scratch_path("../src");
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_stack s = { 0 };

	(void)state;
	assert_int_equal(load(HEAD "    runc: {source: {dir: ../src}}\n"
				   "    x: {recipe: runc, source: {dir: /abs}}\n",
			      &s, &err),
			 0);
	assert_string_equal(s.component[0].source.dir, expected);
	assert_int_equal(s.component[0].line, 6);
	assert_string_equal(s.component[1].source.dir, "/abs");
	assert_string_equal(s.component[1].recipe, "runc");
	cryo_stack_release(&s);
}

static void patches_lie_beside_the_file(void **state)
{
	cryo_auto(cryo_free) char *expected = scratch_path("../patches/x");
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_stack s = { 0 };

	(void)state;
	assert_int_equal(load(HEAD
			      "    x: {source: {module: a.b/c, version: v1.0.0}, "
			      "patches: ../patches/x}\n"
			      "    y: {source: {module: a.b/c, version: v1.0.0}, patches: /p}\n"
			      "    z: {source: {module: a.b/c, version: v1.0.0}}\n",
			      &s, &err),
			 0);
	assert_string_equal(s.component[0].patches, expected);
	assert_string_equal(s.component[1].patches, "/p");
	assert_null(s.component[2].patches);
	cryo_stack_release(&s);
}

static void refuses(void **state)
{
	static const struct {
		unsigned line; /* 0: the message has none */
		const char *text, *message;
	} row[] = {
		{ 0, "", "holds 0 documents" },
		{ 0, "a: 1\n---\nb: 1\n", "holds 2 documents" },
		{ 1, "- a", "expected a map" },
		{ 1, "kind: Stack", "'apiVersion' is missing" },
		{ 2, "apiVersion: cryopod.dev/v1alpha1\nkind: Pod\nmetadata: {name: a}\nspec: {}",
		  "kind is 'Pod'" },
		{ 1, "apiVersion: v1\nkind: Stack\nmetadata: {name: a}\nspec: {}",
		  "apiVersion is 'v1'" },
		{ 3, "apiVersion: cryopod.dev/v1alpha1\nkind: Stack\nmetadata: {nam: a}\nspec: {}",
		  "unknown key 'nam', did you mean 'name'?" },
		{ 4,
		  "apiVersion: cryopod.dev/v1alpha1\nkind: Stack\nmetadata: {name: a}\n"
		  "spec: {component: {}}",
		  "unknown key 'component', did you mean 'components'?" },
		{ 6, HEAD "    []\n", "'components' must be a map" },
		{ 6, HEAD "    x: 5\n", "expected a map" },
		{ 6, HEAD "    x: {}\n", "'source' is missing" },
		{ 6, HEAD "    x: {source: {dir: a}, program: []}\n",
		  "unknown key 'program', did you mean 'programs'?" },
		{ 6, HEAD "    x: {source: {dir: a}, programs: []}\n", "'programs' is empty" },
		{ 7, HEAD "    x: {source: {dir: a},\n  programs: [../a]}\n",
		  "'../a' is not a valid name of a program" },
		{ 6, HEAD "    x: {source: {dir: a}, programs: [a, b, a]}\n",
		  "program 'a' is there twice" },
		{ 7, HEAD "    x: {source: {module: a.b/c, version: v1.0.0},\n  patches: \"\"}\n",
		  "'patches' is empty" },
		{ 6, HEAD "    x: {source: {dir: a}, patches: p}\n",
		  "such a source cannot be patched" },
		{ 6, HEAD "    x: {source: {module: a.b/c}, patches: p}\n",
		  "'version' is missing" },
		{ 6, HEAD "    ../x: {source: {dir: a}}\n",
		  "'../x' is not a valid name of a component" },
		{ 6, HEAD "    x: {source: a}\n", "a source is a map" },
		{ 6, HEAD "    x: {source: {}}\n", "a source needs one of: module, dir, debian" },
		{ 6, HEAD "    x: {source: {modul: a, version: v1}}\n",
		  "unknown key 'modul', did you mean 'module'?" },
		{ 6, HEAD "    x: {source: {module: a.b/c, dir: d}}\n",
		  "either 'module' or 'dir', not both" },
		{ 6, HEAD "    x: {source: {module: a.b/c}}\n", "'version' is missing" },
		{ 6, HEAD "    x: {source: {module: a.b/c, verson: v1.0.0}}\n",
		  "unknown key 'verson', did you mean 'version'?" },
		{ 6, HEAD "    x: {source: {module: -x, version: v1.0.0}}\n",
		  "'-x' is not a valid module path" },
		{ 6, HEAD "    x: {source: {module: a/../b, version: v1.0.0}}\n",
		  "'a/../b' is not a valid module path" },
		{ 6, HEAD "    x: {source: {module: a b, version: v1.0.0}}\n",
		  "'a b' is not a valid module path" },
		{ 6, HEAD "    x: {source: {module: a.b/c, version: latest}}\n",
		  "'latest' is not an exact version" },
		{ 6, HEAD "    x: {source: {module: a.b/c, version: \"v1 -x\"}}\n",
		  "'v1 -x' is not an exact version" },
		{ 6, HEAD "    x: {source: {module: a.b/c, version: v1.0.0, sum: abc}}\n",
		  "'abc' is not a checksum" },
		{ 6, HEAD "    x: {source: {dir: \"\"}}\n", "'dir' is empty" },
		{ 6, HEAD "    x: {source: {git: /a}}\n", "needs 'ref', 'commit' or both" },
		{ 6, HEAD "    x: {source: {git: \"ext::sh\", ref: main}}\n",
		  "address 'ext::sh' is refused" },
		{ 6, HEAD "    x: {source: {git: -x, ref: main}}\n", "looks like an option" },
		{ 6, HEAD "    x: {source: {git: /a, ref: -x}}\n",
		  "'-x' is not a valid name of a branch or tag" },
		{ 6, HEAD "    x: {source: {git: /a, ref: a..b}}\n",
		  "not a valid name of a branch" },
		{ 6, HEAD "    x: {source: {git: /a, ref: b, commit: abc}}\n",
		  "'abc' is not a valid commit" },
		{ 6, HEAD "    x: {source: {git: /a, ref: b, commit: ABCDEF0123}}\n",
		  "'ABCDEF0123' is not a valid commit" },
		{ 6, HEAD "    x: {source: {git: /a, commit: abcdef0123}}\n",
		  "is shortened: that needs the 'ref'" },
		{ 6, HEAD "    x: {source: {git: /a, ref: b, version: \"1 -x\"}}\n",
		  "not a version such as v1.2.3" },
		{ 6, HEAD "    x: {source: {git: /a, branch: b}}\n", "unknown key 'branch'" },
		{ 6, HEAD "    x: {source: {superproject: /a, ref: b}}\n", "'path' is missing" },
		{ 6, HEAD "    x: {source: {superproject: /a, ref: b, path: ../x}}\n",
		  "'../x' is not a path inside" },
		{ 6, HEAD "    x: {source: {superproject: /a, ref: b, path: x/.git}}\n",
		  "not a path inside" },
		{ 6, HEAD "    x: {source: {archive: a.tar}}\n", "'sha256' is missing" },
		{ 6, HEAD "    x: {source: {archive: a.tar, sha256: abc}}\n",
		  "'abc' is not a SHA-256" },
		{ 6, HEAD "    x: {source: {archive: \"ftp://h/a\", sha256: abc}}\n",
		  "neither https, http nor" },
		{ 6, HEAD "    x: {source: {archive: \"debian://pool/../../x\", sha256: abc}}\n",
		  "it holds '..'" },
		{ 6, HEAD "    x: {source: {archive: \"debian://pool/x\", sha256: abc}}\n",
		  "'abc' is not a SHA-256" },
		{ 6, HEAD "    x: {source: {dir: a}, upstream: {dir: b}}\n",
		  "'upstream' must be a source of kind git" },
		{ 6, HEAD "    x: {source: {debian: trixie}}\n", "expected a map" },
		{ 6, HEAD "    x: {source: {debian: {suite: trixie}}}\n", "'packages' is missing" },
		{ 6, HEAD "    x: {source: {debian: {suite: -o, packages: [a]}}}\n",
		  "'-o' is not a valid name of a suite" },
		{ 7, HEAD "    x: {source: {debian: {suite: trixie, packages: [a,\n  \"-b\"]}}}\n",
		  "'-b' is not a valid name of a package" },
		{ 6, HEAD "    x: {source: {debian: {suite: trixie, packages: [a]}, dir: x}}\n",
		  "either 'dir' or 'debian', not both" },
		{ 7, HEAD "    x: {source: {dir: a}}\n    x: {source: {dir: a}}\n",
		  "duplicate key 'x'" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *where =
		    cryo_asprintf("%s/s.yaml:%u: ", scratch_dir, row[i].line);
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_stack s = { 0 };

		assert_int_equal(load(row[i].text, &s, &err), -CRYO_E_CONFIG);
		print_message("# %s\n", err.msg);
		assert_non_null(strstr(err.msg, row[i].message));
		assert_true(row[i].line == 0 || cryo_starts_with(err.msg, where));
		assert_int_equal(s.n, 0);
	}
}

static void expect_fork(const struct cryo_stack *s, const char *part, enum cryo_source_kind kind)
{
	const struct cryo_component *c = cryo_stack_find(s, part);

	assert_non_null(c);
	assert_int_equal(c->source.kind, kind);
	assert_non_null(c->source.commit);
	assert_non_null(c->upstream.git);
	if (kind == CRYO_SOURCE_SUPERPROJECT)
		assert_string_equal(c->source.path, part);
}

/* By what the super-project pins, or each by a commit of its own; and the trap in the former. */
static void forks_ship(void **state)
{
	static const char *const parts[] = { "kubernetes", "containerd", "runc", "criu", "kind" };
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_stack s = { 0 };

	(void)state;
	assert_int_equal(cryo_stack_load("forks", &s, &err), 0);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(parts); i++)
		expect_fork(&s, parts[i], CRYO_SOURCE_SUPERPROJECT);
	assert_non_null(strstr(cryo_stack_find(&s, "containerd")->note, "no encryption"));
	cryo_stack_release(&s);
	assert_int_equal(cryo_stack_load("forks-encrypting", &s, &err), 0);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(parts); i++)
		expect_fork(&s, parts[i], CRYO_SOURCE_GIT);
	assert_null(cryo_stack_find(&s, "containerd")->note);
	cryo_stack_release(&s);
}

/* Addresses are from the file as well; a tag is a version. */
static void trees_are_from_the_file(void **state)
{
	cryo_auto(cryo_free) char *repo = scratch_path("repo");
	cryo_auto(cryo_free) char *archive = scratch_path("../a.tar");
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_stack s = { 0 };

	(void)state;
	assert_int_equal(
	    load(HEAD "    a: {source: {git: ./repo, ref: v1.2.3}}\n"
		      "    b: {source: {git: /x, ref: main, version: v2.0.0+x}, note: text}\n"
		      "    c: {source: {superproject: 'git@h:x', ref: main, path: a/b}}\n"
		      "    d: {source: {archive: ../a.tar, sha256: "
		      "0123456789012345678901234567890123456789012345678901234567890123}}\n",
		 &s, &err),
	    0);
	assert_string_equal(s.component[0].source.git, repo);
	assert_string_equal(s.component[0].source.version, "v1.2.3");
	assert_string_equal(s.component[1].source.version, "v2.0.0+x");
	assert_string_equal(s.component[1].note, "text");
	assert_int_equal(s.component[2].source.kind, CRYO_SOURCE_SUPERPROJECT);
	assert_string_equal(s.component[3].source.archive, archive);
	assert_null(s.component[3].upstream.git);
	cryo_stack_release(&s);
}

static void unknown_stacks(void **state)
{
	static const struct {
		const char *name, *message;
	} row[] = {
		{ "upstraem", "did you mean 'upstream'?" },
		{ "zzz", "no stack 'zzz' ships" },
		{ "../../no-such-dir/passwd", "no stack file" },
		{ "/nonexistent/x.yaml", "no stack file" },
		{ "", "no stack ''" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_stack s = { 0 };

		assert_int_equal(cryo_stack_load(row[i].name, &s, &err), -CRYO_E_CONFIG);
		assert_non_null(strstr(err.msg, row[i].message));
	}
}

static void print_of(const struct cryo_source *src, char out[CRYO_HASH_HEX])
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_source_fingerprint(src, h, &err), 0);
	cryo_hash_hex(h, out);
}

static void fingerprints_differ(void **state)
{
	static const char *const sources[] = {
		"{module: a.b/c, version: v1.0.0}",
		"{module: a.b/c, version: v1.0.1}",
		"{module: a.b/d, version: v1.0.0}",
		"{module: a.b/c, version: v1.0.0, sum: " SUM "}",
		"{debian: {suite: trixie, packages: [a, b]}}",
		"{debian: {suite: trixie, packages: [ab]}}",
		"{debian: {suite: sid, packages: [a, b]}}",
	};
	char print[CRYO_ARRAY_LEN(sources)][CRYO_HASH_HEX], again[CRYO_HASH_HEX];

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(sources); i++) {
		cryo_auto(cryo_free) char *text =
		    cryo_asprintf(HEAD "    x: {source: %s}\n", sources[i]);
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_stack s = { 0 };

		assert_int_equal(load(text, &s, &err), 0);
		print_of(&s.component[0].source, print[i]);
		print_of(&s.component[0].source, again);
		assert_string_equal(print[i], again);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(print[i], print[j]);
		cryo_stack_release(&s);
	}
}

static void tree_fingerprint(void **state)
{
	struct cryo_source src = { .kind = CRYO_SOURCE_DIR, .dir = scratch_path("tree") };
	char before[CRYO_HASH_HEX], after[CRYO_HASH_HEX];
	struct cryo_err err = CRYO_ERR_INIT;
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();

	(void)state;
	assert_int_equal(cryo_source_fingerprint(&src, h, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "no directory"));
	scratch_put("tree/go.mod", "module x\n");
	scratch_put("tree/cmd/main.go", "package main\n");
	print_of(&src, before);
	scratch_put("tree/.git/index", "noise");
	print_of(&src, after);
	/* .git itself is a new entry that does not count, nor do times of directories */
	assert_string_equal(before, after);
	scratch_put("tree/cmd/main.go", "package mian\n"); /* same size */
	print_of(&src, after);
	assert_string_not_equal(before, after);
	print_of(&src, before);
	scratch_put("tree/cmd/other.go", "");
	print_of(&src, after);
	assert_string_not_equal(before, after);
	cryo_source_release(&src);
}

static void data_path(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	char *path = NULL;

	(void)state;
	assert_int_equal(cryo_data_path("stacks/upstream.yaml", &path, &err), 0);
	assert_int_equal(path[0], '/');
	assert_true(cryo_fs_exists(path));
	free(path);
	scratch_put("stacks/upstream.yaml", "mine");
	setenv("CRYOPOD_DATA", scratch_dir, 1);
	assert_int_equal(cryo_data_path("stacks/upstream.yaml", &path, &err), 0);
	assert_true(cryo_starts_with(path, scratch_dir));
	free(path);
	unsetenv("CRYOPOD_DATA");
	assert_int_equal(cryo_data_path("stacks/nothing.yaml", &path, &err), -CRYO_E_UNFIT);
	assert_non_null(strstr(err.msg, "stacks/nothing.yaml"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(upstream_ships),
		cmocka_unit_test(stock_is_upstream_without_patches),
		cmocka_unit_test(directories_are_from_the_file),
		cmocka_unit_test(patches_lie_beside_the_file),
		cmocka_unit_test(refuses),
		cmocka_unit_test(forks_ship),
		cmocka_unit_test(trees_are_from_the_file),
		cmocka_unit_test(unknown_stacks),
		cmocka_unit_test(fingerprints_differ),
		cmocka_unit_test(tree_fingerprint),
		cmocka_unit_test(data_path),
	};

	return cmocka_run_group_tests_name("stack", tests, scratch_setup, scratch_teardown)
		   ? EXIT_FAILURE
		   : EXIT_SUCCESS;
}
