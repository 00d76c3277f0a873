/* SPDX-License-Identifier: Apache-2.0 */
/* Trees from repositories, each test in a world of its own; most run with both transports. */
#include "base/clock.h"
#include "base/event.h"
#include "tests/net/fake_http.h"
#include "tests/source/git_world.h"
#include "git/git.h"
#include "git/repo.h"
#include "source/stack.h"
#include "source/status.h"
#include "sys/proc.h"
#include "tests/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

/* What libgit2 1.5 itself loses: for each address that it splits, and where it gives up. */
#ifdef __SANITIZE_ADDRESS__
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libpcre2\n";
}
void __lsan_disable(void);
void __lsan_enable(void);
#else
#define __lsan_disable() (void)0
#define __lsan_enable()	 (void)0
#endif

static char *repo;
static struct cryo_err err;
static struct cryo_tree tree;
static struct cryo_fetch_opts opts;
static struct cryo_str warnings;
static pid_t helper;
static char first[CRYO_COMMIT_HEX], second[CRYO_COMMIT_HEX];

static void sink(const struct cryo_event *ev, void *arg)
{
	(void)arg;
	if (ev->kind == CRYO_EVENT_WARN)
		cryo_str_addf(&warnings, "%s\n", ev->detail);
}

/* A repository with two commits on main, a branch "old" at the first, a tag at the second. */
static int setup(void **state)
{
	static const struct world_file one[] = { { "f", "1\n", NULL }, { "d/g", "g\n", NULL } };
	static const struct world_file two[] = { { "f", "2\n", NULL } };

	if (scratch_setup(state) < 0)
		return -1;
	scratch_setenv_path("CRYOPOD_CACHE_DIR", "cache");
	scratch_setenv_path("XDG_CONFIG_HOME", "none");
	scratch_setenv_path("HOME", "none");
	repo = scratch_path("repo.git");
	world_commit(repo, "main", one, 2, first);
	world_commit(repo, "old", one, 2, first);
	world_commit(repo, "main", two, 1, second);
	world_tag(repo, "v1.2.3", second);
	opts = (struct cryo_fetch_opts){ 0 };
	err = (struct cryo_err)CRYO_ERR_INIT;
	cryo_event_set_sink(sink, NULL);
	return 0;
}

static int teardown(void **state)
{
	world_end(helper);
	helper = 0;
	cryo_tree_release(&tree);
	cryo_str_release(&warnings);
	free(repo);
	return scratch_teardown(state);
}

/* cryo_dir_cache() looks at the environment each time. */
static int sync_to(const char *url, const char *ref, const char *commit)
{
	struct cryo_source src = { .kind = CRYO_SOURCE_GIT,
				   .git = (char *)url,
				   .ref = (char *)ref,
				   .commit = (char *)commit };

	cryo_tree_release(&tree);
	cryo_str_clear(&warnings);
	return cryo_source_tree(&src, "comp", &opts, &tree, &err);
}

static void fine(int rc)
{
	if (rc < 0)
		print_message("# %s\n", err.msg);
	assert_int_equal(rc, 0);
}

static void refused(int rc, enum cryo_status status, const char *text)
{
	print_message("# %s\n", rc < 0 ? err.msg : "not refused");
	assert_int_equal(rc, -(int)status);
	assert_non_null(strstr(err.msg, text));
}

static void holds(const char *root, const char *name, const char *text)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", root, name);
	cryo_auto(cryo_str_release) struct cryo_str got = { 0 };

	assert_int_equal(cryo_fs_read(path, 4096, &got, &err), 0);
	assert_string_equal(cryo_str_get(&got), text);
}

static void holds_all(const char *root, const char *name, const char *text)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", root, name);
	cryo_auto(cryo_str_release) struct cryo_str got = { 0 };

	assert_int_equal(cryo_fs_read(path, 1u << 20, &got, &err), 0);
	assert_true(strcmp(cryo_str_get(&got), text) == 0);
}

static bool have_git(void)
{
	cryo_auto(cryo_free) char *git = cryo_fs_which("git");

	if (!git)
		print_message("# skipped: there is no git program\n");
	return git != NULL;
}

/* --- fetching --- */

static void cold_and_warm(void **state)
{
	cryo_auto(cryo_git_state_release) struct cryo_git_state s = { 0 };
	const char *url = repo;
	struct stat st;
	char *cache;

	(void)state;
	fine(sync_to(url, NULL, second));
	assert_true(tree.made);
	assert_string_equal(tree.commit, second);
	holds(tree.dir, "f", "2\n");
	holds(tree.dir, "d/g", "g\n");
	assert_int_equal(cryo_git_state(tree.dir, &s, &err), 0);
	assert_string_equal(s.head, second);
	assert_int_equal(s.changed, 0);
	fine(sync_to(url, NULL, second));
	assert_false(tree.made);
	/* Both commits beside each other. */
	fine(sync_to(url, NULL, first));
	assert_true(tree.made);
	holds(tree.dir, "f", "1\n");
	cache = cryo_git_cache_dir(url);
	assert_int_equal(stat(cache, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	free(cache);
}

/* What .gitattributes would turn is neither turned nor called a change. */
static void bytes_are_taken_as_they_are(void **state)
{
	static const struct world_file f[] = { { ".gitattributes", "* text eol=crlf ident\n",
						 NULL },
					       { "empty", "", NULL },
					       { "mixed", "a\r\nb $Id$\n", NULL } };
	static const char *const name[] = { "empty", "mixed" };
	char commit[CRYO_COMMIT_HEX];

	(void)state;
	world_commit(repo, "main", f, CRYO_ARRAY_LEN(f), commit);
	fine(sync_to(repo, NULL, commit));
	holds(tree.dir, "mixed", "a\r\nb $Id$\n");
	/* With another time on them, they have to be read. */
	for (size_t i = 0; i < CRYO_ARRAY_LEN(name); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", tree.dir, name[i]);

		assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
	}
	fine(sync_to(repo, NULL, commit));
	assert_false(tree.made);
}

static void branches_and_tags(void **state)
{
	(void)state;
	fine(sync_to(repo, "old", NULL));
	assert_string_equal(tree.commit, first);
	fine(sync_to(repo, "v1.2.3", NULL));
	assert_string_equal(tree.commit, second);
	fine(sync_to(repo, "refs/heads/main", NULL));
	assert_string_equal(tree.commit, second);
}

static void a_moved_branch_is_not_followed(void **state)
{
	static const struct world_file three[] = { { "f", "3\n", NULL } };
	char third[CRYO_COMMIT_HEX];

	(void)state;
	fine(sync_to(repo, "main", NULL));
	world_commit(repo, "main", three, 1, third);
	fine(sync_to(repo, "main", NULL));
	assert_string_equal(tree.commit, second);
	opts.update = true;
	fine(sync_to(repo, "main", NULL));
	assert_string_equal(tree.commit, third);
	assert_string_equal(cryo_str_get(&warnings), "");
	opts.update = false;
	fine(sync_to(repo, "main", NULL));
	assert_string_equal(tree.commit, third);
}

static void a_pin_wins_over_its_branch(void **state)
{
	(void)state;
	fine(sync_to(repo, "main", first));
	assert_string_equal(tree.commit, first);
	print_message("# %s", cryo_str_get(&warnings));
	assert_non_null(strstr(cryo_str_get(&warnings), "'main' of"));
	assert_non_null(strstr(cryo_str_get(&warnings), "the stack pins"));
	/* Where it stands is no news while the pin is there. */
	fine(sync_to(repo, "main", first));
	assert_string_equal(cryo_str_get(&warnings), "");
	opts.update = true;
	fine(sync_to(repo, "main", first));
	assert_string_equal(tree.commit, first);
	assert_non_null(strstr(cryo_str_get(&warnings), "the stack pins"));
}

static void a_pin_outlives_its_branch(void **state)
{
	(void)state;
	fine(sync_to(repo, "gone", first));
	assert_string_equal(tree.commit, first);
	assert_non_null(strstr(cryo_str_get(&warnings), "no branch or tag 'gone'"));
}

static void shortened_commits(void **state)
{
	char eight[9] = "", nine[10] = "";

	(void)state;
	memcpy(eight, first, 8);
	memcpy(nine, second, 9);
	fine(sync_to(repo, "main", eight));
	assert_string_equal(tree.commit, first);
	fine(sync_to(repo, "main", nine));
	assert_string_equal(tree.commit, second);
	opts.offline = true;
	fine(sync_to(repo, "main", eight));
	assert_string_equal(tree.commit, first);
	opts.offline = false;
	refused(sync_to(repo, "main", "deadbeef"), CRYO_E_CONFIG, "no commit 'deadbeef'");
}

static void what_is_not_there(void **state)
{
	static const char nowhere[] = "0123456789012345678901234567890123456789";
	cryo_auto(cryo_free) char *empty = scratch_path("nothing.git");

	(void)state;
	refused(sync_to(repo, "maim", NULL), CRYO_E_CONFIG, "did you mean 'main'?");
	refused(sync_to(repo, "something-else", NULL), CRYO_E_CONFIG,
		"no branch or tag 'something-else'");
	refused(sync_to(repo, NULL, nowhere), CRYO_E_CONFIG, "no commit '0123");
	refused(sync_to(repo, "main", nowhere), CRYO_E_CONFIG, "no commit '0123");
	/* Where the branch stands instead, and no word of a pin that "is used". */
	assert_non_null(strstr(err.msg, ", where 'main' is at "));
	assert_string_equal(cryo_str_get(&warnings), "");
	assert_int_equal(sync_to(empty, "main", NULL), -CRYO_E_PROVISION);
	print_message("# %s\n", err.msg);
	/* Nothing of that is taken for something. */
	fine(sync_to(repo, "main", NULL));
}

static void offline(void **state)
{
	(void)state;
	opts.offline = true;
	refused(sync_to(repo, "main", NULL), CRYO_E_PROVISION, "--offline forbids");
	refused(sync_to(repo, NULL, first), CRYO_E_PROVISION, "not in the cache");
	opts.offline = false;
	fine(sync_to(repo, "main", NULL));
	opts.offline = opts.update = true;
	fine(sync_to(repo, "main", NULL));
	refused(sync_to(repo, NULL, first), CRYO_E_PROVISION, first);
}

static void mirrors(void **state)
{
	cryo_auto(cryo_free) char *mirror =
	    cryo_asprintf("https://nowhere.invalid/=%s/", scratch_dir);
	const char *const list[] = { mirror, NULL };

	(void)state;
	opts.mirrors = list;
	fine(sync_to("https://nowhere.invalid/repo", "main", NULL));
	assert_string_equal(tree.commit, second);
	/* The cache belongs to the address, whoever answered for it. */
	opts.mirrors = NULL;
	fine(sync_to("https://nowhere.invalid/repo", "main", NULL));
	assert_false(tree.made);
	/* Who did not have it is said. */
	opts.mirrors = list;
	refused(sync_to("https://nowhere.invalid/repo", "maim", NULL), CRYO_E_CONFIG,
		"'https://nowhere.invalid/repo', asked for at /");
	refused(sync_to("https://nowhere.invalid/repo", "something-else", NULL), CRYO_E_CONFIG,
		"'https://nowhere.invalid/repo', asked for at /");
}

static void one_commit_or_all(void **state)
{
	cryo_auto(cryo_free) char *cache = cryo_git_cache_dir(repo), *shallow = NULL;
	struct cryo_git_base b;

	(void)state;
	if (!have_git())
		skip();
	shallow = cryo_asprintf("%s/shallow", cache);
	fine(sync_to(repo, "main", NULL));
	assert_true(cryo_fs_size(shallow) > 0);
	assert_int_equal(cryo_git_base(repo, second, repo, second, &b, &err), 0);
	opts.history = true;
	fine(sync_to(repo, "main", NULL));
	assert_true(cryo_fs_size(shallow) <= 0);
	fine(sync_to(repo, NULL, first));
	assert_int_equal(cryo_git_base(repo, second, repo, first, &b, &err), 0);
	assert_string_equal(b.commit, first);
	assert_int_equal(b.ahead, 1);
	assert_int_equal(b.behind, 0);
	/* What has its history keeps it. */
	opts.history = false;
	fine(sync_to(repo, "old", NULL));
	assert_true(cryo_fs_size(shallow) <= 0);
}

/* --- trees --- */

static void changed_trees(void **state)
{
	cryo_auto(cryo_free) char *path = NULL, *more = NULL;

	(void)state;
	fine(sync_to(repo, "main", NULL));
	path = cryo_strdup(tree.dir);
	assert_false(cryo_source_tree_is_theirs(path));
	scratch_put_in(path, "f", "mine\n");
	assert_true(cryo_source_tree_is_theirs(path));
	refused(sync_to(repo, "main", NULL), CRYO_E_PROVISION, "1 file, 'f' first");
	opts.force = true;
	fine(sync_to(repo, "main", NULL));
	assert_true(tree.made);
	holds(tree.dir, "f", "2\n");
	opts.force = false;
	scratch_put_in(path, "new", "mine\n");
	refused(sync_to(repo, "main", NULL), CRYO_E_PROVISION, "'new' first");
	more = cryo_asprintf("%s/new", path);
	assert_int_equal(unlink(more), 0);
	fine(sync_to(repo, "main", NULL));
}

static void foreign_trees(void **state)
{
	cryo_auto(cryo_free) char *path = cryo_source_tree_dir("comp", second);
	struct cryo_component c = { .name = (char *)"comp", .file = "s.yaml" };
	json_t *j = NULL;

	(void)state;
	c.source = (struct cryo_source){ .kind = CRYO_SOURCE_GIT, .git = repo, .commit = second };
	scratch_put_in(path, "important", "mine\n");
	opts.force = true;
	refused(sync_to(repo, "main", NULL), CRYO_E_PROVISION, "is not from cryopod");
	holds(path, "important", "mine\n");
	assert_true(cryo_source_tree_is_theirs(path));
	assert_int_equal(cryo_source_status(&c, &j, &err), 0);
	assert_string_equal(json_string_value(json_object_get(j, "state")), "foreign");
	json_decref(j);
}

/* What was committed there is nowhere else. */
static void a_commit_by_hand(void **state)
{
	git_repository *r = NULL;
	git_commit *head = NULL;
	git_signature *who = NULL;
	git_tree *same = NULL;
	git_oid oid;

	(void)state;
	fine(sync_to(repo, "main", NULL));
	assert_false(cryo_source_tree_is_theirs(tree.dir));
	must(git_repository_open(&r, tree.dir));
	must(git_reference_name_to_id(&oid, r, "HEAD"));
	must(git_commit_lookup(&head, r, &oid));
	must(git_commit_tree(&same, head));
	must(git_signature_new(&who, "w", "w@localhost", 1000000000, 0));
	must(git_commit_create_v(&oid, r, "HEAD", who, who, NULL, "mine", same, 1, head));
	git_signature_free(who);
	git_tree_free(same);
	git_commit_free(head);
	git_repository_free(r);
	assert_true(cryo_source_tree_is_theirs(tree.dir));
}

/* A cache that somebody deleted takes its trees' objects away; they come back. */
static void trees_without_objects(void **state)
{
	cryo_auto(cryo_free) char *cache = cryo_git_cache_dir(repo);

	(void)state;
	fine(sync_to(repo, "main", NULL));
	assert_int_equal(cryo_fs_rmtree(cache, &err), 0);
	opts.offline = true;
	refused(sync_to(repo, "main", NULL), CRYO_E_PROVISION, "--offline forbids");
	opts.offline = false;
	fine(sync_to(repo, "main", NULL));
	holds(tree.dir, "f", "2\n");
}

/* --- submodules --- */

static char *project(const char *modules, const char *at, const char *commit)
{
	const struct world_file f[] = { { ".gitmodules", modules, NULL }, { at, NULL, commit } };
	char *super = scratch_path("super.git");
	char hex[CRYO_COMMIT_HEX];

	world_commit(super, "main", f, 2, hex);
	return super;
}

static int sync_part(char *super, const char *path)
{
	struct cryo_source src = { .kind = CRYO_SOURCE_SUPERPROJECT,
				   .superproject = super,
				   .path = (char *)path,
				   .ref = (char *)"main" };

	cryo_tree_release(&tree);
	return cryo_source_tree(&src, "part", &opts, &tree, &err);
}

static void parts_of_a_project(void **state)
{
	static const char modules[] =
	    "[submodule \"x\"]\n\tpath = parts/repo\n\turl = ../repo.git\n";
	cryo_auto(cryo_free) char *super = project(modules, "parts/repo", first);
	struct cryo_source src = { .kind = CRYO_SOURCE_SUPERPROJECT,
				   .superproject = super,
				   .path = (char *)"parts/repo",
				   .ref = (char *)"main" };
	char known[CRYO_COMMIT_HEX];

	(void)state;
	assert_int_equal(cryo_source_commit(&src, known, &err), 0);
	assert_string_equal(known, "");
	fine(sync_part(super, "parts/repo"));
	assert_string_equal(tree.commit, first);
	holds(tree.dir, "f", "1\n");
	assert_int_equal(cryo_source_commit(&src, known, &err), 0);
	assert_string_equal(known, first);
	refused(sync_part(super, "parts/other"), CRYO_E_CONFIG, "has no submodule 'parts/other'");
}

static void submodules_left_out(void **state)
{
	static const char modules[] =
	    "[submodule \"x\"]\n\tpath = deep/x\n\turl = ../repo.git\n\tupdate = none\n";
	cryo_auto(cryo_free) char *super = project(modules, "deep/x", second);
	cryo_auto(cryo_free) char *inside = NULL;

	(void)state;
	fine(sync_to(super, "main", NULL));
	inside = cryo_asprintf("%s/deep/x/f", tree.dir);
	assert_false(cryo_fs_exists(inside));
	assert_string_equal(cryo_str_get(&warnings), "");
	fine(sync_to(super, "main", NULL));
	assert_false(tree.made);
	fine(sync_part(super, "deep/x")); /* asked for by name */
	assert_string_equal(tree.commit, second);
}

static void submodules_without_an_entry(void **state)
{
	cryo_auto(cryo_free) char *super = project("[submodule \"y\"]\n\tpath = y\n", "x", second);

	(void)state;
	fine(sync_to(super, "main", NULL));
	assert_non_null(strstr(cryo_str_get(&warnings), "submodule 'x' of "));
	assert_non_null(strstr(cryo_str_get(&warnings), ".gitmodules has no entry for it"));
	fine(sync_to(super, "main", NULL));
	assert_false(tree.made);
}

/* --- what git makes and libgit2 does not --- */

/* In the test's directory. */
static void by_git(const char *script)
{
	const char *const argv[] = { "sh", "-ec", script, NULL };
	static const char *const env[] = { "GIT_CONFIG_NOSYSTEM=1",   "GIT_AUTHOR_NAME=a",
					   "GIT_AUTHOR_EMAIL=a@b",    "GIT_COMMITTER_NAME=a",
					   "GIT_COMMITTER_EMAIL=a@b", NULL };
	struct cryo_proc p = { .argv = argv, .env = env, .cwd = scratch_dir, .timeout_ms = 60000 };

	fine(cryo_proc_run(&p, NULL, &err));
}

static char *file_address(const char *name)
{
	return cryo_asprintf("file://%s/%s", scratch_dir, name);
}

static long count_commits(const char *repository)
{
	const char *const argv[] = { "git", "-C", repository, "rev-list", "--count", "HEAD", NULL };
	cryo_auto(cryo_free) char *n = NULL;

	fine(cryo_proc_output(argv, 60000, &n, &err));
	return strtol(n, NULL, 10);
}

/* A tree made before `--history` shows the whole log afterwards. */
static void history_of_a_tree(void **state)
{
	cryo_auto(cryo_free) char *url = file_address("long");

	(void)state;
	if (!have_git())
		skip();
	by_git("git init -q -b main long; cd long; for i in 1 2 3 4 5; do echo $i >f; git add f; "
	       "git commit -q -m $i; done");
	fine(sync_to(url, "main", NULL));
	assert_int_equal(count_commits(tree.dir), 1);
	opts.history = true;
	fine(sync_to(url, "main", NULL));
	assert_false(tree.made);
	assert_int_equal(count_commits(tree.dir), 5);
}

/* A commit with modes as old gits wrote them: an index never has them. */
static void modes_of_old(void **state)
{
	static const char *const mode[] = { "100664", "100600", "100660", "100775", NULL };

	(void)state;
	if (!have_git())
		skip();
	for (size_t i = 0; mode[i]; i++) {
		cryo_auto(cryo_free) char *script = cryo_asprintf(
		    "rm -rf old; git init -q -b main old; cd old; echo 1 >f; tree=$(printf '%s "
		    "blob "
		    "%%s\\tf\\n' $(git hash-object -w f) | git mktree); git update-ref HEAD $(git "
		    "commit-tree -m %zu $tree); git cat-file tree $tree | grep -qa '^%s f'",
		    mode[i], i, mode[i]);
		cryo_auto(cryo_free) char *old = scratch_path("old");

		print_message("# %s\n", mode[i]);
		by_git(script);
		opts.update = true;
		fine(sync_to(old, "main", NULL));
		assert_true(tree.made);
		fine(sync_to(old, "main", NULL));
		assert_false(tree.made);
		assert_false(cryo_source_tree_is_theirs(tree.dir));
	}
}

static void servers_that_lack_something(void **state)
{
	cryo_auto(cryo_free) char *shallow = file_address("shallow");
	cryo_auto(cryo_free) char *sha256 = file_address("sha256");
	cryo_auto(cryo_free) char *empty = file_address("empty");

	(void)state;
	if (!have_git())
		skip();
	by_git(
	    "git init -q -b main whole; cd whole; for i in 1 2 3; do echo $i >f; git add f; git "
	    "commit -q -m $i; done; cd ..; git clone -q --depth 1 file://$PWD/whole shallow; "
	    "git init -q -b main --object-format=sha256 sha256; cd sha256; echo 1 >f; git add f; "
	    "git commit -q -m 1; git init -q ../empty");
	fine(sync_to(shallow, "main", NULL));
	holds(tree.dir, "f", "3\n");
	refused(sync_to(sha256, "main", NULL), CRYO_E_CONFIG, "is a repository with SHA-256 ids");
	refused(sync_to(empty, "main", NULL), CRYO_E_CONFIG, "(it has none)");
	opts.history = true;
	refused(sync_to(shallow, "main", NULL), CRYO_E_PROVISION, "sent no whole history");
}

static void ids_of_tags(void **state)
{
	cryo_auto(git_repository_free) git_repository *r = NULL;
	char hex[CRYO_COMMIT_HEX];
	git_oid id;

	(void)state;
	world_tag(repo, "v9", first);
	must(git_repository_open_bare(&r, repo));
	must(git_reference_name_to_id(&id, r, "refs/tags/v9"));
	git_oid_tostr(hex, sizeof(hex), &id);
	refused(sync_to(repo, NULL, hex), CRYO_E_CONFIG, "is the id of a tag in");
	refused(sync_to(repo, NULL, hex), CRYO_E_CONFIG, first);
}

static void submodules_of_a_component(void **state)
{
	static const char modules[] = "[submodule \"x\"]\n\tpath = deep/x\n\turl = ../repo.git\n"
				      "[submodule \"gone\"]\n\tpath = gone\n\turl = ../gone.git\n";
	cryo_auto(cryo_free) char *super = project(modules, "deep/x", second);
	cryo_auto(cryo_free) char *inside = NULL, *borrowed = NULL;
	cryo_auto(cryo_strv_release) struct cryo_strv borrows = { 0 };

	(void)state;
	fine(sync_to(super, "main", NULL));
	holds(tree.dir, "deep/x/f", "2\n");
	inside = cryo_asprintf("%s/deep/x", tree.dir);
	fine(sync_to(super, "main", NULL));
	assert_false(tree.made);
	borrowed = cryo_git_cache_dir(repo);
	cryo_source_tree_borrows(tree.dir, &borrows);
	assert_int_equal(borrows.n, 2);
	assert_true(cryo_strv_has(&borrows, borrowed));
	assert_false(cryo_source_tree_is_theirs(tree.dir));
	scratch_put_in(inside, "f", "mine\n");
	assert_true(cryo_source_tree_is_theirs(tree.dir));
	refused(sync_to(super, "main", NULL), CRYO_E_PROVISION, "was changed by hand");
}

static void evil_projects(void **state)
{
	static const struct {
		const char *modules, *at, *want, *why;
	} row[] = {
		{ "[submodule \"x\"]\n\tpath = ../x\n\turl = ../repo.git\n", "x", "x",
		  "'../x' is refused" },
		{ "[submodule \"x\"]\n\tpath = x/.git/hooks\n\turl = ../repo.git\n", "x", "x",
		  "is refused" },
		{ "[submodule \"x\"]\n\tpath = x\n\turl = ext::sh -c id\n", "x", "x",
		  "is refused" },
		{ "[submodule \"x\"]\n\tpath = x\n\turl = --upload-pack=id\n", "x", "x",
		  "looks like an option" },
		{ "[submodule \"x\"]\n\tpath = x\n\turl = ../../../../../../x\n", "x", "x",
		  "climbs out" },
		{ "[include]\n\tpath = /etc/passwd\n", "x", "x", "includes other files" },
		{ "[ includeIf \"gitdir:/\"]\n\tpath = /dev/zero\n", "x", "x",
		  "includes other files" },
		{ "[submodule \"x\"]\n\tpath = d\n\turl = ../repo.git\n", "x", "d",
		  "no submodule 'd'" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *super = project(row[i].modules, row[i].at, first);

		opts.update = true;
		refused(sync_to(super, "main", NULL) < 0 ? -CRYO_E_CONFIG
							 : sync_part(super, row[i].want),
			CRYO_E_CONFIG, row[i].why);
	}
}

/* Names that no honest git writes into a tree; libgit2's builder would not either. */
struct raw_entry {
	const char *mode, *name;
	char of; /* what it is: 'b'lob, 't'ree with a file `pwn`, 'l'ink to the directory above */
};

static void add_raw(struct cryo_str *tree_text, const struct raw_entry *e, const git_oid *id)
{
	cryo_str_addf(tree_text, "%s %s", e->mode, e->name);
	cryo_str_addn(tree_text, "", 1);
	cryo_str_addn(tree_text, (const char *)id->id, 20);
}

static void raw_commit(const struct raw_entry *e, size_t n, char out[CRYO_COMMIT_HEX])
{
	static const struct raw_entry inner = { "100755", "pwn", 'b' };
	cryo_auto(cryo_str_release) struct cryo_str sub = { 0 }, top = { 0 }, text = { 0 };
	git_repository *r = NULL;
	git_odb *odb = NULL;
	git_oid blob, link, subtree, id;

	must(git_repository_open_bare(&r, repo));
	must(git_repository_odb(&odb, r));
	must(git_odb_write(&blob, odb, "#!/bin/sh\n", 10, GIT_OBJECT_BLOB));
	must(git_odb_write(&link, odb, scratch_dir, strlen(scratch_dir), GIT_OBJECT_BLOB));
	add_raw(&sub, &inner, &blob);
	must(git_odb_write(&subtree, odb, sub.p, sub.len, GIT_OBJECT_TREE));
	for (size_t i = 0; i < n && e[i].name; i++)
		add_raw(&top, &e[i], e[i].of == 't' ? &subtree : e[i].of == 'l' ? &link : &blob);
	must(git_odb_write(&id, odb, top.p, top.len, GIT_OBJECT_TREE));
	cryo_str_addf(&text, "tree %s\nauthor w <w@l> 1 +0000\ncommitter w <w@l> 1 +0000\n\nx\n",
		      git_oid_tostr_s(&id));
	must(git_odb_write(&id, odb, text.p, text.len, GIT_OBJECT_COMMIT));
	git_oid_tostr(out, CRYO_COMMIT_HEX, &id);
	git_odb_free(odb);
	git_repository_free(r);
}

static bool is_in(const char *root, const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", root, name);

	return cryo_fs_exists(path);
}

static void evil_names(void **state)
{
	static const struct raw_entry row[][3] = {
		{ { "40000", "..", 't' } },
		{ { "100644", "../pwn", 'b' } },
		{ { "40000", ".git", 't' } },
		{ { "100644", ".git/hooks/post-checkout", 'b' } },
		{ { "100644", "", 'b' } },
		{ { "100644", ".", 'b' } },
		{ { "100644", "/tmp/cryopod-pwn", 'b' } },
		/* Through a link of the same name, which one or the other may come first. */
		{ { "120000", "x", 'l' }, { "40000", "x", 't' } },
		{ { "40000", "x", 't' }, { "120000", "x", 'l' } },
		{ { "120000", "x", 'l' }, { "100644", "x/pwn", 'b' } },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		char commit[CRYO_COMMIT_HEX];
		cryo_auto(cryo_free) char *ref = cryo_asprintf("%s/refs/heads/evil", repo);
		cryo_auto(cryo_free) char *line = NULL;
		int rc;

		raw_commit(row[i], 3, commit);
		line = cryo_asprintf("%s\n", commit);
		assert_int_equal(cryo_fs_write(ref, line, strlen(line), 0644, &err), 0);
		rc = sync_to(repo, NULL, commit);
		print_message("# %zu: %s\n", i, rc < 0 ? err.msg : "not refused");
		assert_true(rc < 0);
		assert_false(is_in(scratch_dir, "pwn"));
		assert_false(cryo_fs_exists("/tmp/cryopod-pwn"));
	}
}

static void a_broken_gitmodules(void **state)
{
	cryo_auto(cryo_free) char *super = project("[submodule \"x\"\npath", "x", first);

	(void)state;
	__lsan_disable();
	refused(sync_to(super, "main", NULL), CRYO_E_CONFIG, "missing ']' in section header");
	__lsan_enable();
}

/* --- bad luck --- */

/* What libgit2 says is nothing that a user could act on. */
static void words_of_libgit2(void **state)
{
	(void)state;
	git_error_set_str(GIT_ERROR_INTERNAL, "unrecoverable internal error: 'writer.open == 0'");
	cryo_git_err(&err, CRYO_E_PROVISION, "cannot check out %s", "x");
	assert_string_equal(err.msg, "cannot check out x: the content of a file cannot be read or "
				     "turned (too little memory?)");
	git_error_set_str(GIT_ERROR_OS, "could not write to 'x': No space left on device");
	assert_int_equal(cryo_git_err(&err, CRYO_E_PROVISION, "x"), -CRYO_E_UNFIT);
}

static void a_hanging_server(void **state)
{
	int port, fd = world_listen(&port);
	cryo_auto(cryo_free) char *url = cryo_asprintf("git://127.0.0.1:%d/x", port);
	int64_t begin = cryo_now_ms();

	(void)state;
	if (!have_git()) {
		close(fd);
		skip();
	}
	opts.quiet_ms = 300;
	refused(sync_to(url, "main", NULL), CRYO_E_TIMEOUT, "said nothing for 300 ms");
	close(fd);
	assert_true(cryo_now_ms() - begin >= 300);
	/* Nobody there at all. */
	refused(sync_to(url, "main", NULL), CRYO_E_PROVISION, "cannot fetch");
}

static void over_the_network(void **state)
{
	cryo_auto(cryo_free) char *url = NULL;
	int port;

	(void)state;
	helper = world_daemon(scratch_dir, &port);
	if (!helper) {
		print_message("# skipped: there is no git daemon\n");
		skip();
	}
	url = cryo_asprintf("git://127.0.0.1:%d/repo.git", port);
	fine(sync_to(url, "main", NULL));
	holds(tree.dir, "f", "2\n");
	fine(sync_to(url, NULL, first));
	holds(tree.dir, "f", "1\n");
	refused(sync_to(url, "maim", NULL), CRYO_E_CONFIG, "did you mean 'main'?");
}

/* Also what some hosts say of a repository that is not there. */
static void a_server_that_wants_a_password(void **state)
{
	static const struct fake_step no = { "GET /repo.git/info/refs", 0,
					     "HTTP/1.1 401 Who\r\nContent-Length: 0\r\n"
					     "WWW-Authenticate: Basic realm=\"x\"\r\n\r\n",
					     false, 0 };
	const struct fake_step step[] = { no, no, no };
	struct fake_http f = { 0 };
	cryo_auto(cryo_free) char *url = NULL;

	(void)state;
	fake_start(&f, step, CRYO_ARRAY_LEN(step));
	url = cryo_asprintf("%s/repo.git", f.url);
	refused(sync_to(url, "main", NULL), CRYO_E_PROVISION, "it wants a name and password");
	fake_stop(&f);
	cryo_str_release(&f.seen);
}

/* Whenever it is cut off, nothing half is taken for whole, and the next run has it. */
static void a_server_that_goes_away(void **state)
{
	static const long after[] = { 1, 200, 4000, 100000, 200000 };
	volatile long *left =
	    mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *noise = cryo_alloc(300000), commit[CRYO_COMMIT_HEX];
	const struct world_file f = { "noise", noise, NULL };
	cryo_auto(cryo_free) char *url = NULL;
	uint32_t x = 1;
	int at, port;
	pid_t relay;

	(void)state;
	/* Nothing that a pack makes smaller than what we cut at. */
	for (size_t i = 0; i < 299999; i++)
		noise[i] = (char)('!' + (x = x * 1664525 + 1013904223, x >> 24) % 90);
	world_commit(repo, "main", &f, 1, commit);
	helper = world_daemon(scratch_dir, &at);
	if (!helper) {
		free(noise);
		skip();
	}
	relay = world_relay(at, &port, left);
	url = cryo_asprintf("git://127.0.0.1:%d/repo.git", port);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(after); i++) {
		*left = after[i];
		refused(sync_to(url, NULL, commit), CRYO_E_PROVISION, "cannot fetch");
		assert_false(cryo_git_has(url, commit));
	}
	*left = 10000000;
	fine(sync_to(url, NULL, commit));
	holds_all(tree.dir, "noise", noise);
	world_end(relay);
	free(noise);
	munmap((void *)left, sizeof(*left));
}

/* One object of the server's is damaged. */
static void a_broken_repository(void **state)
{
	cryo_auto(cryo_free) char *objects = cryo_asprintf("%s/objects", repo);
	const struct dirent *e;
	bool broken = false;
	DIR *d = opendir(objects);

	(void)state;
	chmod(objects, 0755);
	while (!broken && (e = readdir(d))) {
		cryo_auto(cryo_free) char *at = cryo_asprintf("%s/%s", objects, e->d_name);
		const struct dirent *f;
		DIR *in = strlen(e->d_name) == 2 && e->d_name[0] != '.' ? opendir(at) : NULL;

		while (in && (f = readdir(in))) {
			cryo_auto(cryo_free) char *file = cryo_asprintf("%s/%s", at, f->d_name);

			/* "2\n" is 0cfbf088… */
			if (strcmp(e->d_name, "0c") == 0 && strncmp(f->d_name, "fbf088", 6) == 0)
				broken = truncate(file, 5) == 0;
		}
		if (in)
			closedir(in);
	}
	closedir(d);
	assert_true(broken);
	__lsan_disable();
	assert_true(sync_to(repo, "main", NULL) < 0);
	__lsan_enable();
	print_message("# %s\n", err.msg);
	assert_false(cryo_git_has(repo, second));
}

/* Enough files for a kill to meet it at every stage. */
static void make_large(char hex[CRYO_COMMIT_HEX])
{
	enum { FILES = 400 };
	struct world_file f[FILES];
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 }, texts = { 0 };

	for (size_t i = 0; i < FILES; i++) {
		cryo_strv_addf(&names, "many/%zu/file", i);
		cryo_strv_addf(&texts, "%zu %0500zu\n", i, i * 7919);
		f[i] = (struct world_file){ names.v[i], texts.v[i], NULL };
	}
	world_commit(repo, "main", f, FILES, hex);
}

static pid_t sync_in_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(sync_to(repo, "main", NULL) < 0);
	return pid;
}

static void killed_at_any_time(void **state)
{
	cryo_auto(cryo_git_state_release) struct cryo_git_state s = { 0 };
	char hex[CRYO_COMMIT_HEX];
	unsigned killed = 0;

	(void)state;
	make_large(hex);
	for (useconds_t us = 500; us < 120000; us += us / 3) {
		pid_t pid = sync_in_child();
		int status;

		usleep(us);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		killed += WIFSIGNALED(status);
	}
	print_message("# killed %u times\n", killed);
	assert_true(killed > 0);
	fine(sync_to(repo, "main", NULL));
	assert_string_equal(tree.commit, hex);
	assert_int_equal(cryo_git_state(tree.dir, &s, &err), 0);
	assert_int_equal(s.changed, 0);
}

/* One that was killed while it wrote a reference. */
static void locks_of_the_dead(void **state)
{
	char hex[CRYO_COMMIT_HEX];
	cryo_auto(cryo_free) char *refs = NULL, *lock = NULL;
	glob_t found;

	(void)state;
	make_large(hex);
	fine(sync_to(repo, "main", NULL));
	world_commit(repo, "main", &(struct world_file){ "f", "new\n", NULL }, 1, hex);
	refs = cryo_asprintf("%s/git/*/refs/cryopod", cryo_dir_cache());
	assert_int_equal(glob(refs, 0, NULL, &found), 0);
	lock = cryo_asprintf("%s/%s.lock", found.gl_pathv[0], hex);
	globfree(&found);
	assert_int_equal(cryo_fs_write(lock, "", 0, 0600, &err), 0);
	fine(sync_to(repo, NULL, hex));
	assert_string_equal(tree.commit, hex);
	assert_false(cryo_fs_exists(lock));
}

static void two_at_once(void **state)
{
	char hex[CRYO_COMMIT_HEX];
	pid_t pid[4];
	int status;

	(void)state;
	make_large(hex);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(pid); i++)
		pid[i] = sync_in_child();
	for (size_t i = 0; i < CRYO_ARRAY_LEN(pid); i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	fine(sync_to(repo, "main", NULL));
	assert_false(tree.made);
	assert_string_equal(tree.commit, hex);
}

/* --- what the command shows --- */

static void the_status(void **state)
{
	static const struct world_file fork[] = { { "forked", "x\n", NULL } };
	struct cryo_component c = { .name = (char *)"comp",
				    .file = "s.yaml",
				    .note = (char *)"mind the gap" };
	json_t *j = NULL;
	char hex[CRYO_COMMIT_HEX];

	(void)state;
	world_commit(repo, "fork", fork, 1, hex);
	c.source =
	    (struct cryo_source){ .kind = CRYO_SOURCE_GIT, .git = repo, .ref = (char *)"main" };
	c.upstream =
	    (struct cryo_source){ .kind = CRYO_SOURCE_GIT, .git = repo, .ref = (char *)"old" };
	assert_int_equal(cryo_source_status(&c, &j, &err), 0);
	assert_string_equal(json_string_value(json_object_get(j, "state")), "unknown");
	assert_string_equal(json_string_value(json_object_get(j, "note")), "mind the gap");
	json_decref(j);
	opts.history = true;
	fine(sync_to(repo, "main", NULL));
	assert_int_equal(cryo_source_sync_upstream(&c, &opts, &err), 0);
	assert_int_equal(cryo_source_status(&c, &j, &err), 0);
	assert_string_equal(json_string_value(json_object_get(j, "state")), "clean");
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(j, "base"), "commit")), first);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(j, "base"), "ahead")),
			 1);
	json_decref(j);
	scratch_put_in(tree.dir, "f", "mine\n");
	assert_int_equal(cryo_source_status(&c, &j, &err), 0);
	assert_string_equal(json_string_value(json_object_get(j, "state")), "changed");
	json_decref(j);
}

/* The stamp of a build: what counts is the commit, not the way to it. */
static void fingerprints(void **state)
{
	struct cryo_source by_ref = { .kind = CRYO_SOURCE_GIT, .git = repo, .ref = (char *)"main" };
	struct cryo_source by_pin = { .kind = CRYO_SOURCE_GIT,
				      .git = (char *)"https://other.invalid/x",
				      .commit = second };
	char hex[3][CRYO_HASH_HEX];
	const struct cryo_source *src[] = { &by_ref, &by_pin, &by_ref };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(src); i++) {
		struct cryo_hash *h = cryo_hash_new();

		if (i == 2)
			fine(sync_to(repo, "main", NULL));
		assert_int_equal(cryo_source_fingerprint(src[i], h, &err), 0);
		cryo_hash_hex(h, hex[i]);
		cryo_hash_free(h);
	}
	assert_string_not_equal(hex[0], hex[1]);
	assert_string_equal(hex[1], hex[2]);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cold_and_warm),
		TEST(bytes_are_taken_as_they_are),
		TEST(branches_and_tags),
		TEST(a_moved_branch_is_not_followed),
		TEST(a_pin_wins_over_its_branch),
		TEST(a_pin_outlives_its_branch),
		TEST(shortened_commits),
		TEST(what_is_not_there),
		TEST(offline),
		TEST(mirrors),
		TEST(parts_of_a_project),
		TEST(submodules_of_a_component),
		TEST(evil_projects),
		TEST(evil_names),
		TEST(submodules_left_out),
		TEST(submodules_without_an_entry),
		TEST(ids_of_tags),
		TEST(history_of_a_tree),
		TEST(modes_of_old),
		TEST(servers_that_lack_something),
		TEST(a_broken_gitmodules),
		TEST(over_the_network),
		TEST(a_server_that_wants_a_password),
		TEST(a_server_that_goes_away),
		TEST(a_broken_repository),
		TEST(killed_at_any_time),
		TEST(locks_of_the_dead),
		TEST(two_at_once),
		TEST(one_commit_or_all),
		TEST(changed_trees),
		TEST(foreign_trees),
		TEST(a_commit_by_hand),
		TEST(trees_without_objects),
		TEST(a_hanging_server),
		TEST(words_of_libgit2),
		TEST(the_status),
		TEST(fingerprints),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("source_tree", tests, NULL, NULL) ? EXIT_FAILURE
									     : EXIT_SUCCESS;
}
