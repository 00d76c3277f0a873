/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Series on trees, ours beside `git am -3`: the same trees, authors, dates and messages, or both
 * stop at the same mail. Kinds of changes and mails as rows, and random series:
 *   CRYOPOD_SERIES=500 CRYOPOD_SEED=7 build/tests/test_beside_git
 * Trees are lists of "path=text", "path*text" (executable), "path>target" (link) and
 * "path#bytes" ('@' stands for NUL).
 */
#include "patches/apply.h"
#include "patches/compose.h"
#include "git/repo.h"
#include "sys/fs.h"
#include "sys/proc.h"
#include "tests/scratch.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_FILES 24
#define SERIES	  40

struct file {
	char *path, *data;
	size_t len;
	git_filemode_t mode;
};
struct world {
	struct file f[MAX_FILES];
	size_t n;
};

static char *repository, *mails;
static git_repository *repo;

/* --- git --- */

static int try_git(const char *const *argv, char **out)
{
	static const char *const env[] = { "GIT_CONFIG_NOSYSTEM=1",
					   "GIT_CONFIG_GLOBAL=/dev/null",
					   "GIT_COMMITTER_NAME=c",
					   "GIT_COMMITTER_EMAIL=c@d",
					   "GIT_ADVICE=0",
					   "LC_ALL=C",
					   NULL };
	struct cryo_proc p = { .argv = argv, .env = env, .cwd = repository, .timeout_ms = 60000 };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	int rc = cryo_proc_run(&p, &res, &err);

	if (rc < 0 && err.status != CRYO_E_CHILD)
		fail_msg("%s", err.msg);
	if (out) /* NUL ends a commit: shown as one more line */
		for (size_t i = 0; i < res.out.len; i++)
			if (!res.out.p[i])
				res.out.p[i] = '\f';
	if (out)
		*out = cryo_asprintf("%s%s", cryo_str_get(&res.out),
				     rc == 0 ? "" : cryo_str_get(&res.err));
	return rc;
}
#define GIT(...) ((const char *const[]){ "git", __VA_ARGS__, NULL })

static void git(const char *const *argv)
{
	cryo_auto(cryo_free) char *said = NULL;

	if (try_git(argv, &said) < 0)
		fail_msg("git %s: %s", argv[1], said);
}

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	repository = scratch_path("r");
	mails = scratch_path("series");
	cryo_git_ready();
	return git_repository_init(&repo, repository, false);
}

static int teardown(void **state)
{
	git_repository_free(repo);
	free(repository);
	free(mails);
	return scratch_teardown(state);
}

/* --- worlds --- */

static void drop_file(struct world *w, size_t i)
{
	free(w->f[i].path);
	free(w->f[i].data);
	w->f[i] = w->f[--w->n];
}

static void clear_world(struct world *w)
{
	while (w->n > 0)
		drop_file(w, 0);
}

static struct file *find_file(struct world *w, const char *path)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->f[i].path, path) == 0)
			return &w->f[i];
	return NULL;
}

static void set_file(struct world *w, const char *path, const char *data, size_t len,
		     git_filemode_t mode)
{
	struct file *f = find_file(w, path);

	if (!f && w->n == MAX_FILES)
		return;
	if (!f) {
		f = &w->f[w->n++];
		*f = (struct file){ .path = cryo_strdup(path) };
	}
	free(f->data);
	f->data = malloc(len + 1);
	assert_non_null(f->data);
	memcpy(f->data, data, len);
	f->data[len] = '\0';
	f->len = len;
	f->mode = mode;
}

static void copy_world(const struct world *from, struct world *to)
{
	clear_world(to);
	for (size_t i = 0; i < from->n; i++)
		set_file(to, from->f[i].path, from->f[i].data, from->f[i].len, from->f[i].mode);
}

static void fill_world(struct world *w, const char *const *spec)
{
	clear_world(w);
	for (; *spec; spec++) {
		size_t n = strcspn(*spec, "=*>#"), len = strlen(*spec + n + 1);
		cryo_auto(cryo_free) char *path = cryo_strndup(*spec, n);
		cryo_auto(cryo_free) char *text = cryo_strdup(*spec + n + 1);
		char kind = (*spec)[n];

		for (char *c = text; kind == '#' && (c = strchr(c, '@'));)
			*c++ = '\0';
		set_file(w, path, text, len,
			 kind == '>'   ? GIT_FILEMODE_LINK
			 : kind == '*' ? GIT_FILEMODE_BLOB_EXECUTABLE
				       : GIT_FILEMODE_BLOB);
	}
}

struct about {
	const char *name, *email, *message;
	git_time_t when;
	int offset;
};
static const struct about plain = { "Ann", "a@b.c", "change\n\nWhy.\n", 1793628245, 60 };

static void commit_world(const struct world *w, const char *parent, const struct about *a,
			 char hex[CRYO_COMMIT_HEX])
{
	cryo_auto(git_index_free) git_index *index = NULL;
	cryo_auto(git_signature_free) git_signature *who = NULL;
	cryo_auto(git_commit_free) git_commit *above = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	git_oid tree, id;

	assert_int_equal(git_index_new(&index), 0);
	for (size_t i = 0; i < w->n; i++) {
		git_index_entry e = { .mode = w->f[i].mode, .path = w->f[i].path };

		assert_int_equal(
		    git_blob_create_from_buffer(&e.id, repo, w->f[i].data, w->f[i].len), 0);
		assert_int_equal(git_index_add(index, &e), 0);
	}
	assert_int_equal(git_index_write_tree_to(&tree, index, repo), 0);
	assert_int_equal(git_signature_new(&who, a->name, a->email, a->when, a->offset), 0);
	if (parent)
		assert_int_equal(cryo_repo_commit(repo, parent, &above, &err), 0);
	assert_int_equal(cryo_repo_add_commit(repo, above, &tree, who, a->message, &id, &err), 0);
	git_oid_tostr(hex, CRYO_COMMIT_HEX, &id);
}

/* --- side by side --- */

static void begin_mails(void)
{
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_fs_rmtree(mails, &err), 0);
	assert_int_equal(cryo_fs_mkdirs(mails, 0755, &err), 0);
}

static void write_mails(const char *from, const char *to, const char *const *options)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };

	begin_mails();
	cryo_strv_addl(&argv, "git", "format-patch", "-q", "-N", "--binary", "-o", mails, NULL);
	cryo_strv_addv(&argv, options);
	cryo_strv_addf(&argv, "%s..%s", from, to);
	git(cryo_strv_get(&argv));
}

/* Without those that change nothing: git makes them of a patch that is there already and yet can
 * be applied (a mode); for us it is contained. */
static char *describe_commits(const char *base, const char *head)
{
	cryo_auto(cryo_free) char *range = cryo_asprintf("%s..%s", base, head);
	cryo_auto(cryo_free) char *of_base = cryo_asprintf("%s^{tree}", base);
	cryo_auto(cryo_free) char *text = NULL, *tree = NULL;
	struct cryo_str out = { 0 };
	char *rest, *commit;

	assert_int_equal(try_git(GIT("rev-parse", of_base), &tree), 0);
	assert_int_equal(try_git(GIT("log", "-z", "--reverse", "--date=raw",
				     "--format=%T%n%an%n%ae%n%ad%n%B", range),
				 &text),
			 0);
	rest = text;
	while ((commit = strsep(&rest, "\f")) && *commit) {
		if (strncmp(commit, tree, 40) != 0)
			cryo_str_addf(&out, "%s\f", commit);
		memcpy(tree, commit, 40);
	}
	return cryo_str_detach(&out);
}

static bool has_windows_lines(const struct cryo_series *s)
{
	const char *text = cryo_str_get(&s->patch[0].text), *newline = strchr(text, '\n');

	return newline && newline > text && newline[-1] == '\r';
}

/* How far git comes; true: to the end. */
static bool apply_by_git(const struct cryo_series *s, const char *base, char **commits, char **said)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	bool whole;

	try_git(GIT("am", "--abort"), NULL);
	git(GIT("checkout", "-q", "-f", "--detach", base));
	git(GIT("clean", "-qfdx"));
	/* CRs at the ends of all lines are the mail program's. */
	cryo_strv_addl(&argv, "git", "am", "-3",
		       has_windows_lines(s) ? "--no-keep-cr" : "--keep-cr", NULL);
	for (size_t i = 0; i < s->n; i++)
		cryo_strv_add(&argv, s->patch[i].path);
	whole = try_git(cryo_strv_get(&argv), said) == 0;
	*commits = describe_commits(base, "HEAD");
	return whole;
}

static bool apply_by_us(const struct cryo_series *s, const char *base, char **commits, char **said)
{
	struct cryo_applied *how = cryo_alloc((s->n + 1) * sizeof(*how));
	struct cryo_series good = *s;
	struct cryo_err err = CRYO_ERR_INIT;
	char head[CRYO_COMMIT_HEX];
	int rc = cryo_series_try(repository, base, s, how, head, &err);

	*said = cryo_strdup(rc < 0 ? err.msg : "");
	for (good.n = 0; rc == 0 && good.n < s->n && how[good.n].kind != CRYO_FIT_CONFLICT;)
		good.n++;
	if (rc == 0 && good.n < s->n) {
		free(*said);
		*said = cryo_asprintf("%s: %s: %s", s->patch[good.n].name, how[good.n].where,
				      how[good.n].why);
	}
	cryo_applied_release(how, s->n);
	/* Behind a mail that does not go on nothing counts. */
	if (rc == 0 && good.n < s->n)
		assert_int_equal(cryo_series_try(repository, base, &good, how, head, &err), 0);
	*commits = rc == 0 ? describe_commits(base, head) : cryo_strdup("");
	cryo_applied_release(how, good.n);
	free(how);
	return rc == 0 && good.n == s->n;
}

enum both { SAME, BOTH_REFUSE, DIFFERENT };

static enum both compare_series(const char *base)
{
	cryo_auto(cryo_free) char *theirs = NULL, *ours = NULL, *git_said = NULL, *we_said = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_series s = { 0 };
	bool by_git, by_us;

	assert_int_equal(cryo_series_load(mails, &s, &err), 0);
	by_git = apply_by_git(&s, base, &theirs, &git_said);
	by_us = apply_by_us(&s, base, &ours, &we_said);
	cryo_series_release(&s);
	if (by_git == by_us && strcmp(theirs, ours) == 0)
		return by_git ? SAME : BOTH_REFUSE;
	/* Refused before anything is applied: git has done the mails before it. */
	if (!by_git && !by_us && !*ours)
		return BOTH_REFUSE;
	/* "CONFLICT (add/add)", and yet it commits: git 2.39, of an empty new file over another. */
	if (by_git && !by_us && strstr(git_said, "CONFLICT ("))
		return BOTH_REFUSE;
	print_message("# git %s:\n%s%s\n# we %s:\n%s%s\n", by_git ? "goes to the end" : "stops",
		      theirs, by_git ? "" : git_said, by_us ? "go to the end" : "stop", ours,
		      we_said);
	return DIFFERENT;
}

static bool is_expected(enum both got, enum both expected)
{
	static const char *const names[] = { "the same", "refused by both", "different" };

	if (got != expected)
		print_message("# WRONG: it is %s, not %s\n", names[got], names[expected]);
	return got == expected;
}

/* --- kinds of changes --- */

#define TEN    "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"
#define FIVED  "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n"
#define THREED "1\n2\nthree\n4\n5\n6\n7\n8\n9\n10\n"
#define FILES(...)                                                                                 \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static void kinds_of_changes(void **state)
{
	static const struct {
		const char *what;
		const char *before[6], *after[6], *on[6]; /* on: NULL: `before` */
		const char *options[4];
		enum both both;
	} row[] = {
		{ "edit", FILES("a=" TEN), FILES("a=" FIVED), { 0 }, { 0 }, SAME },
		{ "renamed program and link",
		  FILES("t.sh*" TEN, "l>t.sh", "a=1\n"),
		  FILES("r.sh*" TEN, "m>t.sh", "a=1\n"),
		  { 0 },
		  { "-M" },
		  SAME },
		{ "renamed and edited program",
		  FILES("a*" TEN),
		  FILES("b*" FIVED),
		  { 0 },
		  { "-M" },
		  SAME },
		{ "rename without detection",
		  FILES("a*" TEN),
		  FILES("b*" TEN),
		  { 0 },
		  { "--no-renames" },
		  SAME },
		{ "copied program",
		  FILES("a*" TEN),
		  FILES("a*" TEN, "b*" TEN),
		  { 0 },
		  { "-C", "-C" },
		  SAME },
		{ "copy of a file that changes",
		  FILES("a=" TEN),
		  FILES("a=" FIVED, "b=" TEN),
		  { 0 },
		  { "-C" },
		  SAME },
		{ "swapped",
		  FILES("a=" TEN, "b=x\ny\nz\n"),
		  FILES("b=" TEN, "a=x\ny\nz\n"),
		  { 0 },
		  { "-M", "-B" },
		  SAME },
		{ "mode of the base only",
		  FILES("a=" TEN, "b*" TEN),
		  FILES("a=" FIVED, "b*" FIVED),
		  FILES("a*" TEN, "b=" TEN),
		  { 0 },
		  SAME },
		{ "executable", FILES("a=1\n"), FILES("a*1\n"), { 0 }, { 0 }, SAME },
		{ "empty file", FILES("a=1\n"), FILES("a=1\n", "b=", "c*"), { 0 }, { 0 }, SAME },
		{ "empty file goes", FILES("a=1\n", "b="), FILES("a=1\n"), { 0 }, { 0 }, SAME },
		{ "empty between others",
		  FILES("f=1\n"),
		  FILES("f=2\n", "p/__init__.py=", "p/m=1\n"),
		  { 0 },
		  { "--no-signature" },
		  SAME },
		{ "file to link", FILES("a=1\n"), FILES("a>b"), { 0 }, { 0 }, SAME },
		{ "link to file", FILES("a>b"), FILES("a=1\n"), { 0 }, { 0 }, SAME },
		{ "link elsewhere", FILES("a>b"), FILES("a>c"), { 0 }, { 0 }, SAME },
		{ "file to directory",
		  FILES("a=1\n", "z=1\n"),
		  FILES("a/b=1\n", "z=1\n"),
		  { 0 },
		  { "--no-renames" },
		  SAME },
		{ "file to directory, renamed",
		  FILES("a=" TEN),
		  FILES("a/b=" TEN),
		  { 0 },
		  { "-M" },
		  SAME },
		{ "directory to file",
		  FILES("a/b=1\n", "z=1\n"),
		  FILES("a=2\n", "z=1\n"),
		  { 0 },
		  { "--no-renames" },
		  SAME },
		{ "directory to link",
		  FILES("a/b=1\n", "z=1\n"),
		  FILES("a>z", "z=1\n"),
		  { 0 },
		  { 0 },
		  SAME },
		{ "names beside a directory",
		  FILES("a/b=1\n", "a-b=1\n", "a.b=1\n"),
		  FILES("a/c=2\n", "a-b=2\n", "a.b=2\n", "a0=1\n"),
		  { 0 },
		  { 0 },
		  SAME },
		{ "last file of directories",
		  FILES("d/e/f=1\n", "z=1\n"),
		  FILES("z=1\n"),
		  { 0 },
		  { 0 },
		  SAME },
		{ "blanks in names",
		  FILES("a b/c d=1\n"),
		  FILES("a b/c d=2\n", " e=1\n", "f =1\n"),
		  { 0 },
		  { 0 },
		  SAME },
		{ "empty with blanks in its name",
		  FILES("a=1\n"),
		  FILES("a=1\n", "b c="),
		  { 0 },
		  { 0 },
		  SAME },
		{ "odd names",
		  FILES("a=1\n"),
		  FILES("a=1\n", "-x=1\n", "\tb=1\n", "back\\slash=1\n", "quo\"te=1\n"),
		  { 0 },
		  { 0 },
		  SAME },
		{ "names beyond ASCII",
		  FILES("\303\274=1\n", "\374=1\n"),
		  FILES("\303\274=2\n", "\374=2\n", "\343\201\202/\303\251=1\n"),
		  { 0 },
		  { 0 },
		  SAME },
		{ "renamed from and to odd names",
		  FILES("a b=" TEN, "\303\274=" FIVED),
		  FILES("c\td=" TEN, "x \303\274=" FIVED),
		  { 0 },
		  { "-M" },
		  SAME },
		{ "binary",
		  FILES("b#x@@y", "c#a@b"),
		  FILES("b#x@longer@y", "d#n@"),
		  { 0 },
		  { 0 },
		  SAME },
		{ "text becomes binary", FILES("a=" TEN), FILES("a#x@"), { 0 }, { 0 }, SAME },
		{ "no newline at the end",
		  FILES("a=" TEN "11"),
		  FILES("a=" TEN "12"),
		  { 0 },
		  { 0 },
		  SAME },
		{ "newline comes", FILES("a=1"), FILES("a=1\n"), { 0 }, { 0 }, SAME },
		{ "lines of Windows",
		  FILES("a=1\r\n2\r\n", "b=1\n2\r\n"),
		  FILES("a=1\r\ntwo\r\n", "b=one\n2\r\n"),
		  { 0 },
		  { 0 },
		  SAME },
		{ "white space at ends of lines",
		  FILES("a=1 \n2\t\n\n\n"),
		  FILES("a=1 \nzwei \t\n\n \n"),
		  { 0 },
		  { 0 },
		  SAME },
		{ "lines like a patch",
		  FILES("a=-- \n@@ -1 +1 @@\n"),
		  FILES("a=++ \n@@ -1 +2 @@\ndiff --git a/b b/b\n"),
		  { 0 },
		  { 0 },
		  SAME },
		{ "lines like a mail",
		  FILES("a=1\n"),
		  FILES("a=1\nFrom me\n>From you\n---\n"),
		  { 0 },
		  { 0 },
		  SAME },
		{ "moved down",
		  FILES("a=" TEN),
		  FILES("a=" FIVED),
		  FILES("a=0\n0\n" TEN),
		  { 0 },
		  SAME },
		{ "two places as near",
		  FILES("a=x\n1\n2\n3\nx\n1\n2\n3\nx\n1\n2\n3\n"),
		  FILES("a=x\n1\n2\n3\nx\n1\ntwo\n3\nx\n1\n2\n3\n"),
		  FILES("a=x\n1\n2\n3\nx\n1\n2\n3\n0\n0\nx\n1\n2\n3\n"),
		  { "-U1" },
		  SAME },
		{ "no context at all",
		  FILES("a=" TEN),
		  FILES("a=" FIVED),
		  { 0 },
		  { "-U0" },
		  BOTH_REFUSE },
		{ "three ways",
		  FILES("a=" TEN),
		  FILES("a=" FIVED),
		  FILES("a=1\n2\nthree\n4\n5\n6\n7\n8\n9\n10\n", "b=1\n"),
		  { 0 },
		  SAME },
		{ "three ways, renamed there",
		  FILES("a=" TEN),
		  FILES("a=" FIVED),
		  FILES("b=" TEN),
		  { 0 },
		  SAME },
		{ "three ways, beside a delete",
		  FILES("a=" TEN, "b=1\n"),
		  FILES("a=" FIVED),
		  FILES("a=1\n2\nthree\n4\n5\n6\n7\n8\n9\n10\n", "b=1\n"),
		  { 0 },
		  SAME },
		{ "three ways, a directory renamed there",
		  FILES("d/a=" TEN, "d/b=" FIVED),
		  FILES("d/a=" TEN, "d/b=" FIVED, "d/c=1\n"),
		  FILES("e/a=" TEN, "e/b=" FIVED),
		  { 0 },
		  SAME },
		{ "there already",
		  FILES("a=" TEN),
		  FILES("a=" FIVED),
		  FILES("a=" FIVED),
		  { 0 },
		  SAME },
		{ "there already, with more",
		  FILES("a=" TEN, "b=1\n"),
		  FILES("a=" FIVED, "b=2\n"),
		  FILES("a=0\n" FIVED, "b=2\n", "c=1\n"),
		  { 0 },
		  SAME },
		{ "half of it there",
		  FILES("a=" TEN, "b=1\n"),
		  FILES("a=" FIVED, "b=2\n"),
		  FILES("a=" FIVED, "b=1\n"),
		  { 0 },
		  SAME },
		{ "renamed there already",
		  FILES("c=" TEN),
		  FILES("d=" TEN),
		  FILES("d=other\n"),
		  { "-M" },
		  BOTH_REFUSE },
		{ "another change there",
		  FILES("a=" TEN),
		  FILES("a=" FIVED),
		  FILES("a=1\n2\n3\n4\nV\n6\n7\n8\n9\n10\n"),
		  { 0 },
		  BOTH_REFUSE },
		{ "the file is gone",
		  FILES("a=" TEN, "b=1\n"),
		  FILES("a=" FIVED, "b=1\n"),
		  FILES("b=1\n"),
		  { 0 },
		  BOTH_REFUSE },
		{ "a new file is there",
		  FILES("a=1\n"),
		  FILES("a=1\n", "b=1\n"),
		  FILES("a=1\n", "b=2\n"),
		  { 0 },
		  BOTH_REFUSE },
		{ "renamed and executable",
		  FILES("a=" TEN),
		  FILES("b*" TEN),
		  { 0 },
		  { "-M" },
		  SAME },
		{ "copied and executable",
		  FILES("a=" TEN),
		  FILES("a=" TEN, "b*" TEN),
		  { 0 },
		  { "-C", "-C" },
		  SAME },
		{ "copied link",
		  FILES("l>aaaaaaaa", "a=1\n"),
		  FILES("l>aaaaaaaa", "m>aaaaaaaa", "a=1\n"),
		  { 0 },
		  { "-C", "-C" },
		  SAME },
		{ "empty file renamed", FILES("e="), FILES("f*"), { 0 }, { "-M" }, SAME },
		{ "empty file executable", FILES("e="), FILES("e*"), { 0 }, { 0 }, SAME },
		{ "empty file to link", FILES("e="), FILES("e>x"), { 0 }, { 0 }, SAME },
		{ "link to empty file", FILES("e>x"), FILES("e="), { 0 }, { 0 }, SAME },
		{ "filled and emptied",
		  FILES("e=", "a=" TEN),
		  FILES("e=" TEN, "a="),
		  { 0 },
		  { 0 },
		  SAME },
		{ "file and directory swapped",
		  FILES("d/a=1\n", "f=2\n"),
		  FILES("d=2\n", "f/a=1\n"),
		  { 0 },
		  { "--no-renames" },
		  SAME },
		{ "link and directory swapped",
		  FILES("d/a=1\n", "l>x"),
		  FILES("d>x", "l/a=1\n"),
		  { 0 },
		  { "--no-renames" },
		  SAME },
		{ "into a directory that was a file",
		  FILES("a=" TEN, "b=x\ny\n"),
		  FILES("b/a=" TEN),
		  { 0 },
		  { "-M" },
		  SAME },
		{ "only capitals differ", FILES("a=" TEN), FILES("A=" TEN), { 0 }, { "-M" }, SAME },
		{ "a newline in a name",
		  FILES("a\nb=" TEN),
		  FILES("a\nb=" FIVED, "c\nd/e=1\n"),
		  { 0 },
		  { 0 },
		  SAME },
		{ "hidden files",
		  FILES(".gitignore=x\n"),
		  FILES(".gitignore=*\n", ".gitattributes=* text eol=crlf\n", ".github/x=1\n"),
		  { 0 },
		  { 0 },
		  SAME },
		{ "deep down", FILES("a=1\n"), FILES("b/c/d/e/f/g/h/i/j=1\n"), { 0 }, { 0 }, SAME },
		{ "three ways, executable here",
		  FILES("a=" TEN),
		  FILES("a*" FIVED),
		  FILES("a=" THREED),
		  { 0 },
		  SAME },
		{ "three ways, executable there",
		  FILES("a=" TEN),
		  FILES("a=" FIVED),
		  FILES("a*" THREED),
		  { 0 },
		  SAME },
		{ "three ways, renamed and executable there",
		  FILES("a=" TEN, "c=1\n"),
		  FILES("a=" FIVED, "c=1\n"),
		  FILES("b*" TEN, "c=1\n"),
		  { 0 },
		  SAME },
		{ "three ways, renamed here",
		  FILES("a=" TEN),
		  FILES("b=" FIVED),
		  FILES("a=" THREED),
		  { "-M" },
		  SAME },
		{ "three ways, deleted on both sides",
		  FILES("a=" TEN, "b=1\n"),
		  FILES("a=" FIVED),
		  FILES("a=" THREED),
		  { 0 },
		  SAME },
		{ "three ways, made on both sides",
		  FILES("a=" TEN),
		  FILES("a=" FIVED, "n=1\n"),
		  FILES("a=" THREED, "n=1\n"),
		  { 0 },
		  SAME },
		{ "three ways, lines of Windows",
		  FILES("a=1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n"),
		  FILES("a=1\r\n2\r\n3\r\n4\r\n5\r\nsix\r\n7\r\n"),
		  FILES("a=1\r\n2\r\nthree\r\n4\r\n5\r\n6\r\n7\r\n"),
		  { 0 },
		  SAME },
		{ "three ways, no newline at the end",
		  FILES("a=" TEN "11"),
		  FILES("a=" FIVED "11"),
		  FILES("a=" THREED "11"),
		  { 0 },
		  SAME },
		{ "binary there already",
		  FILES("b#x@@y"),
		  FILES("b#z@"),
		  FILES("b#z@"),
		  { 0 },
		  SAME },
		{ "another binary there",
		  FILES("b#x@@y"),
		  FILES("b#z@"),
		  FILES("b#q@"),
		  { 0 },
		  BOTH_REFUSE },
		{ "binary there, text here",
		  FILES("a=" TEN),
		  FILES("a=" FIVED),
		  FILES("a#x@"),
		  { 0 },
		  BOTH_REFUSE },
		{ "link there already", FILES("l>b"), FILES("l>c"), FILES("l>c"), { 0 }, SAME },
		{ "link elsewhere there",
		  FILES("l>b"),
		  FILES("l>c"),
		  FILES("l>d"),
		  { 0 },
		  BOTH_REFUSE },
		{ "a link there",
		  FILES("a=" TEN),
		  FILES("a=" FIVED),
		  FILES("a>x"),
		  { 0 },
		  BOTH_REFUSE },
		{ "a directory there",
		  FILES("a=" TEN),
		  FILES("a=" FIVED),
		  FILES("a/b=1\n"),
		  { 0 },
		  BOTH_REFUSE },
		{ "a new file where a directory is",
		  FILES("z=1\n"),
		  FILES("z=1\n", "a=1\n"),
		  FILES("z=1\n", "a/b=1\n"),
		  { 0 },
		  BOTH_REFUSE },
		{ "a new file below a file",
		  FILES("z=1\n"),
		  FILES("z=1\n", "a/b=1\n"),
		  FILES("z=1\n", "a=1\n"),
		  { 0 },
		  BOTH_REFUSE },
		{ "a new file behind a link",
		  FILES("d/x=1\n"),
		  FILES("d/x=1\n", "l/b=1\n"),
		  FILES("d/x=1\n", "l>d"),
		  { 0 },
		  BOTH_REFUSE },
		{ "three ways, a link where the directory was",
		  FILES("d/a=" TEN),
		  FILES("d/a=" FIVED),
		  FILES("d>e", "e/a=" TEN),
		  { 0 },
		  SAME },
		{ "as attachment",
		  FILES("a=" TEN),
		  FILES("a=" FIVED, "\303\274=\303\274\n"),
		  { 0 },
		  { "--attach" },
		  SAME },
		{ "inline", FILES("a=" TEN), FILES("a=" FIVED), { 0 }, { "--inline" }, SAME },
		{ "with its base",
		  FILES("a=" TEN),
		  FILES("a*" TEN),
		  { 0 },
		  { "--signature=ok" },
		  SAME },
	};
	struct world w = { .n = 0 };
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		char from[CRYO_COMMIT_HEX], to[CRYO_COMMIT_HEX], on[CRYO_COMMIT_HEX];

		print_message("# %s\n", row[i].what);
		fill_world(&w, row[i].before);
		commit_world(&w, NULL, &plain, from);
		memcpy(on, from, sizeof(on));
		fill_world(&w, row[i].after);
		commit_world(&w, from, &plain, to);
		if (row[i].on[0]) {
			fill_world(&w, row[i].on);
			commit_world(&w, NULL, &plain, on);
		}
		write_mails(from, to, row[i].options);
		wrong += !is_expected(compare_series(on), row[i].both);
	}
	clear_world(&w);
	assert_int_equal(wrong, 0);
}

/* --- kinds of mails --- */

#define ZERO   "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n"
#define WHO    "From: Ann <a@b.c>\n"
#define WHEN   "Date: Mon, 2 Nov 2026 15:04:05 +0100\n"
#define DIFF   "---\n f | 2 +-\n\ndiff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n"
#define SECOND "---\n\ndiff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-2\n+3\n"

static void kinds_of_mails(void **state)
{
	static const char *const files[] = { "f=1\n", NULL };
	static const struct {
		const char *what, *mail;
		enum both both;
	} row[] = {
		{ "plain", ZERO WHO WHEN "Subject: [PATCH] change\n\nWhy.\n" DIFF "-- \n2.39.5\n\n",
		  SAME },
		{ "without a first line", WHO WHEN "Subject: change\n\n" DIFF, SAME },
		{ "marks in the subject",
		  ZERO WHO WHEN "Subject: [PATCH v2 3/7] [RFC] area: change [now]\n\n" DIFF, SAME },
		{ "an answer", ZERO WHO WHEN "Subject: Re: [PATCH] re: change\n\n" DIFF, SAME },
		{ "a long subject",
		  ZERO WHO WHEN "Subject: [PATCH] a subject that is longer than a line of a mail\n"
				" should be and\n\tgoes on twice\n\nWhy.\n" DIFF,
		  SAME },
		{ "an encoded subject in two words",
		  ZERO WHO WHEN "Subject: [PATCH] =?UTF-8?q?gr=C3=B6=C3=9Fer?= "
				"=?UTF-8?b?IHVuZCBrbGVpbmVy?=\n\n" DIFF,
		  SAME },
		{ "KOI8-R",
		  ZERO
		  "From: =?koi8-r?B?6dfBzg==?= <i@v.ru>\n" WHEN
		  "Subject: =?koi8-r?B?8NLJ18XU?=\nMIME-Version: 1.0\nContent-Type: text/plain; "
		  "charset=koi8-r\nContent-Transfer-Encoding: "
		  "8bit\n\n\360\322\311\327\305\324\n" DIFF,
		  SAME },
		{ "Latin-1 as it says",
		  ZERO WHO WHEN
		  "Subject: change\nMIME-Version: 1.0\nContent-Type: text/plain; "
		  "charset=ISO-8859-1\nContent-Transfer-Encoding: 8bit\n\nk\366rper\n" DIFF,
		  SAME },
		{ "Latin-1 and nothing said", ZERO WHO WHEN "Subject: change\n\nk\366rper\n" DIFF,
		  SAME },
		{ "Latin-1 that says UTF-8",
		  ZERO WHO WHEN "Subject: change\nContent-Type: text/plain; charset=UTF-8\n\n"
				"k\366rper\n" DIFF,
		  SAME },
		{ "quoted-printable",
		  ZERO WHO WHEN
		  "Subject: change\nContent-Type: text/plain; charset=UTF-8\n"
		  "Content-Transfer-Encoding: quoted-printable\n\ngr=C3=B6=C3=9Fer, a "
		  "line that goes =\non\n---\n\ndiff --git a/f b/f\n--- a/f\n+++ b/f\n@@ "
		  "-1 +1 @@\n-1\n+=3D2=\n2\n",
		  SAME },
		{ "base64",
		  ZERO WHO WHEN
		  "Subject: change\nContent-Type: text/plain; charset=UTF-8\n"
		  "Content-Transfer-Encoding: base64\n\n"
		  "V2h5LgotLS0KCmRpZmYgLS1naXQgYS9mIGIvZgotLS0gYS9mCisrKyBiL2YKQEAgLTEg\n"
		  "KzEgQEAKLTEKKzIK\n",
		  SAME },
		{ "parts",
		  ZERO WHO WHEN
		  "Subject: change\nMIME-Version: 1.0\nContent-Type: multipart/mixed; "
		  "boundary=\"XX\"\n\nfor no reader\n--XX\nContent-Type: text/plain; "
		  "charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nWhy =E2=82"
		  "=AC.\n--XX\nContent-Type: text/x-patch\n\n" DIFF "--XX\nContent-Type: "
		  "text/plain\n\n-- \nlist footer\n--XX--\n",
		  SAME },
		{ "From in the body",
		  ZERO WHO WHEN
		  "Subject: change\n\nFrom: Bob <b@c.d>\nDate: Tue, 3 Nov 2026 01:02:03 "
		  "-0230\nSubject: another\n\nWhy.\n" DIFF,
		  SAME },
		{ "something like it further down",
		  ZERO WHO WHEN "Subject: change\n\nWhy.\n\nFrom: Bob <b@c.d>\n" DIFF, SAME },
		{ "a body that begins with an indent",
		  ZERO WHO WHEN "Subject: change\n\n  * one\n    * two\n" DIFF, SAME },
		{ "a body with indented diff",
		  ZERO WHO WHEN
		  "Subject: change\n\nLike\n\n    diff --git a/x b/x\n    --- a/x\n\nso.\n"
		  "\n\n\nMore.  \n" DIFF,
		  SAME },
		{ "a body with a diff",
		  ZERO WHO WHEN "Subject: change\n\nLike\ndiff -u x y\nso.\n" DIFF, SAME },
		{ "three dashes in the body",
		  ZERO WHO WHEN "Subject: change\n\nWhy.\n---\nnot this\n" DIFF, SAME },
		{ "scissors",
		  ZERO WHO WHEN "Subject: change\n\nHello\n-- >8 --\nSubject: x\n\nWhy.\n" DIFF,
		  SAME },
		{ "headers of filters",
		  ZERO "X-Spam_score_int: -27\nX-Spam_bar: --\n" WHO
		       "Received: from x by y; Mon, 2 Nov 2026\n" WHEN "Subject: change\n\n" DIFF,
		  SAME },
		{ "quotes in a name",
		  ZERO "From: \"Jo \\\"the Nick\\\" Doe\" <j@d.e>\n" WHEN
		       "Subject: change\n\n" DIFF,
		  SAME },
		{ "a name with a comma and dots",
		  ZERO "From: \"Doe, J. R., Jr.\" <j@d.e>\n" WHEN "Subject: change\n\n" DIFF,
		  SAME },
		{ "a comment behind the address",
		  ZERO "From: j@d.e (Jo Doe)\n" WHEN "Subject: change\n\n" DIFF, SAME },
		{ "only an address", ZERO "From: j@d.e\n" WHEN "Subject: change\n\n" DIFF, SAME },
		{ "nobody", ZERO WHEN "Subject: change\n\n" DIFF, BOTH_REFUSE },
		{ "no subject", ZERO WHO WHEN "\nWhy.\n" DIFF, SAME },
		{ "only a diff", "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n",
		  BOTH_REFUSE },
		{ "no diff", ZERO WHO WHEN "Subject: change\n\nWhy.\n", BOTH_REFUSE },
		{ "a diff without git's headers",
		  ZERO WHO WHEN
		  "Subject: change\n\nWhy.\n---\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n",
		  SAME },
		{ "dates as others write them",
		  ZERO WHO "Date: 2026-11-02 15:04:05 -0800\nSubject: change\n\n" DIFF, SAME },
		{ "a date with a comment",
		  ZERO WHO "Date: Mon, 2 Nov 2026 15:04:05 +0000 (UTC)\nSubject: change\n\n" DIFF,
		  SAME },
		{ "a date without a weekday",
		  ZERO WHO "Date: 2 Nov 2026 15:04 +0530\nSubject: change\n\n" DIFF, SAME },
		{ "a zone by its name",
		  ZERO WHO "Date: Mon, 2 Nov 2026 15:04:05 EST\nSubject: change\n\n" DIFF, SAME },
		{ "a leap second",
		  ZERO WHO "Date: Sat, 31 Dec 2016 23:59:60 +0000\nSubject: c\n\n" DIFF, SAME },
		{ "a date of 1969",
		  ZERO WHO "Date: Wed, 31 Dec 1969 23:59:59 +0000\nSubject: c\n\n" DIFF,
		  BOTH_REFUSE },
		{ "mails of Windows",
		  "From: Ann <a@b.c>\r\nDate: Mon, 2 Nov 2026 15:04:05 +0100\r\n"
		  "Subject: change\r\n\r\nWhy.\r\n---\r\ndiff --git a/f b/f\r\n--- "
		  "a/f\r\n+++ b/f\r\n@@ -1 +1 @@\r\n-1\r\n+2\r\n",
		  SAME },
		{ "two in a box",
		  ZERO WHO WHEN "Subject: [PATCH 1/2] one\n\nWhy.\n" DIFF "-- \n2.39.5\n\n" ZERO
				"From: Bob <b@c.d>\n" WHEN
				"Subject: [PATCH 2/2] two\n\nToo.\n" SECOND "-- \n2.39.5\n\n",
		  SAME },
		{ "another name for ASCII",
		  ZERO WHO WHEN "Subject: change\nContent-Type: text/plain; charset=us-ascii; "
				"format=flowed; delsp=yes\n\nWhy.\n" DIFF,
		  SAME },
		{ "quotes of Windows",
		  ZERO WHO WHEN
		  "Subject: =?windows-1252?Q?=93change=94?=\nContent-Type: text/plain; "
		  "charset=windows-1252\nContent-Transfer-Encoding: 8bit\n\n\223Why.\224\n" DIFF,
		  SAME },
		{ "an unknown charset",
		  ZERO WHO WHEN "Subject: change\nContent-Type: text/plain; charset=x-nobody\n"
				"Content-Transfer-Encoding: 8bit\n\nk\366rper\n" DIFF,
		  BOTH_REFUSE },
		{ "base64 with lines of Windows",
		  ZERO WHO WHEN
		  "Subject: change\nContent-Type: text/plain; charset=UTF-8\n"
		  "Content-Transfer-Encoding: base64\n\n"
		  "V2h5Lg0KLS0tDQpkaWZmIC0tZ2l0IGEvZiBiL2YNCi0tLSBhL2YNCisrKyBiL2YNCkBAIC0xICsx\n"
		  "IEBADQotMQ0KKzINCg==\n",
		  BOTH_REFUSE },
		{ "parts in parts",
		  ZERO WHO WHEN
		  "Subject: change\nMIME-Version: 1.0\nContent-Type: multipart/mixed; "
		  "boundary=AA\n\n--AA\nContent-Type: multipart/alternative; boundary=BB\n\n--BB\n"
		  "Content-Type: text/plain\n\nWhy.\n--BB\nContent-Type: text/html\n\n<p>Why.</p>\n"
		  "--BB--\n--AA\nContent-Type: text/x-patch\nContent-Transfer-Encoding: "
		  "base64\n\nZGlmZiAtLWdpdCBhL2YgYi9mCi0tLSBhL2YKKysrIGIvZgpAQCAtMSArMSBAQAotMQor\n"
		  "Mgo=\n--AA--\n",
		  SAME },
		{ "a part that never ends",
		  ZERO WHO WHEN
		  "Subject: change\nContent-Type: multipart/mixed; boundary=AA\n\n--AA\n"
		  "Content-Type: text/plain\n\nWhy.\n" DIFF,
		  SAME },
		{ "nothing of a name but dots",
		  ZERO "From: \"...\" <a@b.c>\n" WHEN "Subject: change\n\n" DIFF, BOTH_REFUSE },
		{ "a name that ends with a dot",
		  ZERO "From: Jo Doe Jr. <a@b.c>\n" WHEN "Subject: change\n\n" DIFF, SAME },
		{ "a tab in a name", ZERO "From: Jo\tDoe <a@b.c>\n" WHEN "Subject: c\n\n" DIFF,
		  SAME },
		{ "a control character in a name",
		  ZERO "From: Jo\001Doe <a@b.c>\n" WHEN "Subject: c\n\n" DIFF, SAME },
		{ "an encoded name in quotes",
		  ZERO "From: \"=?UTF-8?q?J=C3=B6rg?= Doe\" <a@b.c>\n" WHEN "Subject: c\n\n" DIFF,
		  SAME },
		{ "an address without a host",
		  ZERO "From: Jo <jo>\n" WHEN "Subject: change\n\n" DIFF, SAME },
		{ "two authors",
		  ZERO "From: Ann <a@b.c>, Bob <b@c.d>\n" WHEN "Subject: change\n\n" DIFF, SAME },
		{ "a folded author",
		  ZERO "From: Ann\n Author\n <a@b.c>\n" WHEN "Subject: change\n\n" DIFF, SAME },
		{ "headers in small letters",
		  ZERO "from: Ann <a@b.c>\ndate: Mon, 2 Nov 2026 15:04:05 +0100\n"
		       "subject: [patch] change\n\nWhy.\n" DIFF,
		  SAME },
		{ "lines in front", "\n\n" ZERO WHO WHEN "Subject: change\n\n" DIFF, SAME },
		{ "an empty subject", ZERO WHO WHEN "Subject: [PATCH]\n\nWhy.\n" DIFF, SAME },
		{ "trailers and a footer",
		  ZERO WHO WHEN "Subject: change\n\nWhy.\n\nSigned-off-by: Ann <a@b.c>\n" DIFF
				"-- \n2.39.5\n_______\nlist mailing list\nhttp://x.y/\n",
		  SAME },
		{ "two diffs of one file",
		  ZERO WHO WHEN "Subject: change\n\nWhy.\n" DIFF
				"diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-2\n+3\n",
		  SAME },
		{ "From at the begin of a line",
		  ZERO WHO WHEN "Subject: change\n\nWhy.\n\n>From here on\nFrom there\n" DIFF,
		  SAME },
	};
	struct world w = { .n = 0 };
	char base[CRYO_COMMIT_HEX];
	unsigned wrong = 0;

	(void)state;
	fill_world(&w, files);
	commit_world(&w, NULL, &plain, base);
	clear_world(&w);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/0001-x.patch", mails);
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %s\n", row[i].what);
		begin_mails();
		assert_int_equal(cryo_fs_write(path, row[i].mail, strlen(row[i].mail), 0644, &err),
				 0);
		wrong += !is_expected(compare_series(base), row[i].both);
	}
	assert_int_equal(wrong, 0);
}

/* --- random series --- */

static uint64_t rng;

static unsigned pick(unsigned n)
{
	rng = rng * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(rng >> 33) % n;
}
#define PICK(list) (list)[pick(CRYO_ARRAY_LEN(list))]

/* Few words, so that hunks find more than one place. */
static void add_random_line(struct cryo_str *s)
{
	static const char *const words[] = { "{",
					     "}",
					     "",
					     "	return 0;",
					     "	x = 1;",
					     "int f(void)",
					     "\303\274mlaut",
					     "From here on",
					     "-- ",
					     "--- a/f",
					     "+++ b/f",
					     "@@ -1 +1 @@" };

	if (pick(3))
		cryo_str_addf(s, "%s", PICK(words));
	else
		cryo_str_addf(s, "line %u", pick(1000));
	cryo_str_add(s, pick(40) ? "\n" : "\r\n");
}

static void edit_data(struct file *f)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };
	const char *at = f->data, *end = f->data + f->len;
	unsigned odds = 2 + pick(20);

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *next = newline ? newline + 1 : end;
		unsigned what = pick(odds);

		if (what == 0)
			add_random_line(&s);
		if (what != 1)
			cryo_str_addn(&s, at, (size_t)(next - at));
		at = next;
	}
	if (pick(6) == 0)
		add_random_line(&s);
	if (pick(15) == 0 && s.len > 0)
		s.len--; /* no newline at the end */
	free(f->data);
	f->len = s.len;
	f->data = cryo_alloc(s.len + 1); /* may hold NULs */
	memcpy(f->data, cryo_str_get(&s), s.len);
	cryo_str_release(&s);
}

static char *random_path(void)
{
	static const char *const dirs[] = { "", "", "d/", "d/e/", "a b/", "x/\303\251/" };
	static const char *const names[] = { "f",	 "g",	      "main.c", "a b",
					     "\303\274", "tab\tname", "quo\"te" };

	return cryo_asprintf("%s%s%u", PICK(dirs), PICK(names), pick(6));
}

static void add_random_file(struct world *w)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };
	cryo_auto(cryo_free) char *path = random_path();
	unsigned lines = pick(8) ? pick(40) : 0;

	if (pick(12) == 0) {
		set_file(w, path, "f1", 2, GIT_FILEMODE_LINK);
		return;
	}
	for (unsigned i = 0; i < lines; i++)
		add_random_line(&s);
	if (pick(12) == 0)
		cryo_str_addn(&s, "\0\1\2bytes", 8);
	set_file(w, path, cryo_str_get(&s), s.len,
		 pick(6) ? GIT_FILEMODE_BLOB : GIT_FILEMODE_BLOB_EXECUTABLE);
}

static void move_file(struct world *w, size_t i, bool keep)
{
	cryo_auto(cryo_free) char *path = random_path();
	struct file *f = &w->f[i];

	if (find_file(w, path))
		return;
	set_file(w, path, f->data, f->len, f->mode);
	if (pick(2) && f->mode != GIT_FILEMODE_LINK)
		edit_data(find_file(w, path));
	if (!keep)
		drop_file(w, i);
}

/* What was a file becomes a directory; `path` was free. */
static void make_directory_of(struct world *w, size_t i)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/in", w->f[i].path);

	drop_file(w, i);
	set_file(w, path, "in it\n", 6, GIT_FILEMODE_BLOB);
}

static void change_world(struct world *w)
{
	size_t i = w->n ? pick((unsigned)w->n) : 0;
	unsigned what = w->n < 3 ? 20 : pick(24);
	struct file *f = &w->f[i];

	if (what == 0)
		drop_file(w, i);
	else if (what <= 2)
		move_file(w, i, false);
	else if (what == 3)
		move_file(w, i, true);
	else if (what == 4 && f->mode != GIT_FILEMODE_LINK)
		f->mode ^= GIT_FILEMODE_BLOB ^ GIT_FILEMODE_BLOB_EXECUTABLE;
	else if (what == 5)
		set_file(w, f->path, "g1", 2, GIT_FILEMODE_LINK);
	else if (what == 6)
		make_directory_of(w, i);
	else if (what == 7)
		set_file(w, f->path, "", 0, GIT_FILEMODE_BLOB);
	else if (what >= 20 || f->mode == GIT_FILEMODE_LINK)
		add_random_file(w);
	else
		edit_data(f);
}

/* A file where another has a directory: git has none of both. */
static void settle_world(struct world *w)
{
	for (size_t i = 0; i < w->n; i++)
		for (size_t j = 0; j < w->n;) {
			size_t n = strlen(w->f[i].path);

			if (strncmp(w->f[j].path, w->f[i].path, n) == 0 && w->f[j].path[n] == '/') {
				drop_file(w, j);
				i = 0;
				j = 0;
			} else {
				j++;
			}
		}
}

static void random_about(struct about *a)
{
	static const char *const names[] = { "Ann", "J\303\266rg M\303\274ller", "Doe, J. R.",
					     "Jo \"the Nick\" Doe",
					     "\320\230\320\262\320\260\320\275" };
	static const char *const messages[] = {
		"change\n",
		"area: change\n\nWhy it is so.\n\nSigned-off-by: Ann <a@b.c>\n",
		"a subject that is so long that format-patch has to fold it into more than one "
		"line of "
		"header\n\nWhy.\n",
		"gr\303\266\303\237er\n\n  * first\n  * second\n",
		"[area] change\n\n    diff --git a/x b/x\n    --- a/x\n\nas above\n",
		"change: =?x?=\n\nFrom here on\n>From there\n",
		"\320\277\321\200\320\270\320\262\320\265\321\202, \320\274\320\270\321\200, "
		"\320\277\321\200\320\270\320\262\320\265\321\202, \320\274\320\270\321\200, "
		"\320\277\321\200\320\270\320\262\320\265\321\202\n\n\320\277\n",
	};
	static const int offsets[] = { 0, 60, -480, 330, -210, 765 };

	*a = (struct about){ .name = PICK(names),
			     .email = "a@b.c",
			     .message = PICK(messages),
			     .when = 1000000000 + pick(700000000),
			     .offset = PICK(offsets) };
}

static void random_options(const char *out[4])
{
	static const char *const renames[] = { "-M", "-M", "--no-renames", "-C",
					       "--find-copies-harder" };
	static const char *const context[] = { "-U3", "-U3", "-U1", "-U6" };
	static const char *const form[] = { "--full-index", "--no-attach", "--attach", "--inline" };

	out[0] = PICK(renames);
	out[1] = PICK(context);
	out[2] = PICK(form);
	out[3] = NULL;
}

/* A directory in the place of a link that is renamed: git am refuses what format-patch writes. */
static bool does_git_refuse_its_own(const char *base, const char *head)
{
	static const char *options[4] = { "--full-index", "-M", NULL };
	cryo_auto(cryo_free) char *after = NULL, *said = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_series s = { 0 };
	bool applied;

	write_mails(base, head, options);
	assert_int_equal(cryo_series_load(mails, &s, &err), 0);
	applied = apply_by_git(&s, base, &after, &said);
	cryo_series_release(&s);
	return !applied;
}

/* What refresh writes `git am` makes the same commits of, or refresh says why it cannot. */
static bool is_refresh_exact(const char *base, const char *head)
{
	cryo_auto(cryo_composed_release) struct cryo_composed c = { 0 };
	cryo_auto(cryo_free) char *before = describe_commits(base, head), *after = NULL,
				  *said = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_series s = { 0 };
	bool exact;

	if (cryo_compose(repository, base, head, &c, &err) < 0) {
		/* "[area] change" loses its brackets in a mail. */
		exact = strstr(err.msg, "changes nothing") ||
			(strstr(before, "\n[area]") && strstr(err.msg, "a mail cannot carry")) ||
			(strstr(err.msg, "it lies behind a link") &&
			 does_git_refuse_its_own(base, head));
		if (!exact)
			print_message("# refresh: %s\n", err.msg);
		return exact;
	}
	begin_mails();
	for (size_t i = 0; i < c.name.n; i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", mails, c.name.v[i]);

		assert_int_equal(cryo_fs_write(path, c.text.v[i], strlen(c.text.v[i]), 0644, &err),
				 0);
	}
	assert_int_equal(cryo_series_load(mails, &s, &err), 0);
	exact = apply_by_git(&s, base, &after, &said) && strcmp(before, after) == 0;
	if (!exact)
		print_message("# refresh:\n%s\n# git am makes of it:\n%s%s\n", before, after, said);
	cryo_series_release(&s);
	return exact;
}

/* --- what refresh writes --- */

static const struct commit_row {
	const char *what, *name, *message, *encoding;
	enum { EXACT, BUT_SPACES, REFUSED } how; /* SPACES: at the ends of lines git am has none */
} commit_rows[] = {
	{ "plain", "Ann", "change\n\nWhy.\n", NULL, EXACT },
	{ "KOI8-R", "\351\327\301\316", "\360\322\311\327\305\324\n\n\360\322\311.\n", "KOI8-R",
	  EXACT },
	{ "Latin-1", "J\366rg", "gr\366\337er\n\nK\366rper\n", "ISO-8859-1", EXACT },
	{ "a long subject", "Ann",
	  "area: a subject that goes on and on until it does not fit into one line of a mail, or "
	  "two "
	  "of them, as long as it is\n\nWhy.\n",
	  NULL, EXACT },
	{ "a long subject beyond ASCII", "Ann",
	  "\303\244\303\266\303\274 \303\244\303\266\303\274\303\244\303\266\303\274 "
	  "\303\244\303\266\303\274 \303\244\303\266\303\274\303\244\303\266\303\274 "
	  "\303\244\303\266\303\274 \303\244\303\266\303\274\n",
	  NULL, EXACT },
	{ "a word longer than a line", "Ann",
	  "https://x.y/0123456789012345678901234567890123456789012345678901234567890123456789012345"
	  "6789/0123456789\n",
	  NULL, EXACT },
	{ "a body with an indent", "Ann", "change\n\n  * one\n    * two\n", NULL, EXACT },
	{ "an indented diff", "Ann", "change\n\n    diff --git a/f b/f\n    --- a/f\n\nso\n", NULL,
	  EXACT },
	{ "a diff", "Ann", "change\n\ndiff --git a/f b/f\n--- a/f\n", NULL, REFUSED },
	{ "three dashes", "Ann", "change\n\none\n---\ntwo\n", NULL, REFUSED },
	{ "scissors", "Ann", "change\n\none\n-- >8 --\ntwo\n", NULL, EXACT },
	{ "an author in the body", "Ann", "change\n\nFrom: Bob <b@c.d>\n\nWhy.\n", NULL, REFUSED },
	{ "an author further down", "Ann", "change\n\nWhy.\n\nFrom: Bob <b@c.d>\n", NULL, EXACT },
	{ "From", "Ann", "change\n\nFrom here\n>From there\n", NULL, EXACT },
	{ "quotes in a name", "Jo \"the Nick\" Doe", "change\n", NULL, EXACT },
	{ "a comma in a name", "Doe, Jo (x)", "change\n", NULL, EXACT },
	{ "a backslash in a name", "Jo \\ Doe", "change\n", NULL, EXACT },
	{ "encoded words that are none", "=?x?=", "match: =?.*?= too\n\n=?UTF-8?q?x?=\n", NULL,
	  EXACT },
	{ "a header of a filter", "Ann", "X-Spam_score_int: -27\n\nX-Spam_bar: --\n", NULL, EXACT },
	{ "a bracket in front", "Ann", "[area] change\n", NULL, REFUSED },
	{ "an answer", "Ann", "Re: change\n", NULL, REFUSED },
	{ "lines of Windows", "Ann", "change\r\n\r\nWhy.\r\n", NULL, BUT_SPACES },
	{ "only a subject, no newline", "Ann", "change", NULL, BUT_SPACES },
};

/* Its file is what the row before it has not. */
static void commit_row(const char *above, const struct commit_row *r, char hex[CRYO_COMMIT_HEX])
{
	cryo_auto(git_signature_free) git_signature *who = NULL;
	cryo_auto(git_commit_free) git_commit *parent = NULL;
	cryo_auto(git_index_free) git_index *index = NULL;
	cryo_auto(git_tree_free) git_tree *tree = NULL;
	git_index_entry e = { .mode = GIT_FILEMODE_BLOB, .path = r->what };
	struct cryo_err err = CRYO_ERR_INIT;
	git_oid id;

	assert_int_equal(cryo_repo_commit(repo, above, &parent, &err), 0);
	assert_int_equal(git_index_new(&index), 0);
	assert_int_equal(git_blob_create_from_buffer(&e.id, repo, "1\n", 2), 0);
	assert_int_equal(git_index_add(index, &e), 0);
	assert_int_equal(git_index_write_tree_to(&id, index, repo), 0);
	assert_int_equal(git_tree_lookup(&tree, repo, &id), 0);
	assert_int_equal(git_signature_new(&who, r->name, "a@b.c", plain.when, plain.offset), 0);
	assert_int_equal(git_commit_create_v(&id, repo, NULL, who, who, r->encoding, r->message,
					     tree, 1, parent),
			 0);
	git_oid_tostr(hex, CRYO_COMMIT_HEX, &id);
}

static bool is_carried(const char *base, const char *head)
{
	cryo_auto(cryo_composed_release) struct cryo_composed c = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	int rc = cryo_compose(repository, base, head, &c, &err);

	if (rc < 0)
		print_message("# %s\n", err.msg);
	return rc == 0;
}

/* What refresh writes `git am` makes the same commits of, byte for byte; or nothing is written. */
static void kinds_of_commits(void **state)
{
	static const char *const files[] = { "f=1\n", NULL };
	char base[CRYO_COMMIT_HEX], head[CRYO_COMMIT_HEX];
	struct world w = { .n = 0 };
	unsigned wrong = 0;

	(void)state;
	fill_world(&w, files);
	commit_world(&w, NULL, &plain, base);
	clear_world(&w);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(commit_rows); i++) {
		bool carried, exact;

		print_message("# %s\n", commit_rows[i].what);
		commit_row(base, &commit_rows[i], head);
		carried = is_carried(base, head);
		exact = commit_rows[i].how != EXACT || is_refresh_exact(base, head);
		if (carried != (commit_rows[i].how != REFUSED) || !exact) {
			print_message("# WRONG: %s, %s\n", carried ? "written" : "refused",
				      exact ? "exact" : "not exact");
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static enum both compare_random(void)
{
	char base[CRYO_COMMIT_HEX], head[CRYO_COMMIT_HEX], on[CRYO_COMMIT_HEX];
	struct world w = { .n = 0 }, other = { .n = 0 };
	unsigned commits = 1 + pick(5), changes = pick(2) ? pick(6) : 0;
	const char *options[4];
	enum both both;
	struct about a;

	for (unsigned i = 2 + pick(8); i > 0; i--)
		add_random_file(&w);
	settle_world(&w);
	copy_world(&w, &other);
	commit_world(&w, NULL, &plain, base);
	memcpy(head, base, sizeof(head));
	for (unsigned i = 0; i < commits; i++) {
		char above[CRYO_COMMIT_HEX];

		for (unsigned j = 1 + pick(4); j > 0; j--)
			change_world(&w);
		settle_world(&w);
		memcpy(above, head, sizeof(above));
		random_about(&a);
		commit_world(&w, above, &a, head);
	}
	for (unsigned i = 0; i < changes; i++)
		change_world(&other);
	settle_world(&other);
	commit_world(&other, NULL, &plain, on);
	random_options(options);
	write_mails(base, head, options);
	clear_world(&w);
	clear_world(&other);
	both = compare_series(on);
	return both != DIFFERENT && is_refresh_exact(base, head) ? both : DIFFERENT;
}

static void random_series(void **state)
{
	const char *many = getenv("CRYOPOD_SERIES"), *from = getenv("CRYOPOD_SEED");
	unsigned n = many ? (unsigned)atoi(many) : SERIES, count[3] = { 0 };
	uint64_t seed = from ? strtoull(from, NULL, 10) : (uint64_t)time(NULL);

	(void)state;
	print_message("# CRYOPOD_SERIES=%u CRYOPOD_SEED=%llu\n", n, (unsigned long long)seed);
	for (unsigned i = 0; i < n; i++) {
		enum both both;

		rng = seed + i;
		pick(2);
		both = compare_random();
		count[both]++;
		if (both == DIFFERENT)
			print_message("# differs: CRYOPOD_SERIES=1 CRYOPOD_SEED=%llu\n",
				      (unsigned long long)(seed + i));
	}
	print_message("# %u the same, %u refused by both, %u different\n", count[SAME],
		      count[BOTH_REFUSE], count[DIFFERENT]);
	assert_int_equal(count[DIFFERENT], 0);
	assert_true(count[SAME] > 0 || n < SERIES);
}

/* Random ones that once differed: git merge-tree sees a conflict where git am merges. */
static void series_that_differed(void **state)
{
	static const uint64_t seeds[] = { 1796043511, 1796043743 };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(seeds); i++) {
		rng = seeds[i];
		pick(2);
		assert_int_not_equal(compare_random(), DIFFERENT);
	}
}

/* --- what other people have configured --- */

static const char hostile_config[] =
    "[core]\n\tautocrlf = true\n\thooksPath = HOOKS\n\tattributesFile = ATTRIBUTES\n"
    "\tfsmonitor = HOOKS/touch\n\tpager = HOOKS/touch\n\tignoreCase = true\n\tfileMode = "
    "false\n\tsymlinks = false\n\tquotePath = false\n\tabbrev = 4\n\tcommentChar = C\n"
    "[filter \"touch\"]\n\tclean = HOOKS/touch\n\tsmudge = HOOKS/touch\n\trequired = true\n"
    "[merge \"touch\"]\n\tdriver = HOOKS/touch\n[diff \"touch\"]\n\tcommand = "
    "HOOKS/touch\n\ttextconv "
    "= HOOKS/touch\n"
    "[diff]\n\texternal = HOOKS/touch\n\tnoprefix = true\n\tmnemonicPrefix = true\n\trenames = "
    "false\n\talgorithm = histogram\n\tcontext = 0\n\tinterHunkContext = 9\n\torderFile = "
    "ATTRIBUTES\n\tsuppressBlankEmpty = true\n"
    "[apply]\n\twhitespace = error\n\tignoreWhitespace = change\n[am]\n\tkeepcr = false\n"
    "[mailinfo]\n\tscissors = true\n\tquotedCr = strip\n"
    "[i18n]\n\tcommitEncoding = ISO-8859-1\n\tlogOutputEncoding = KOI8-R\n"
    "[format]\n\tsignOff = true\n\tattach = x\n\tsubjectPrefix = NO\n\tsignature = no\n\tsuffix = "
    ".no\n\tfrom = No <n@o>\n\theaders = X-No: no\\n\n\tnumbered = true\n\tthread = true\n"
    "\tuseAutoBase = true\n\tnotes = true\n\tcoverLetter = true\n\tencodeEmailHeaders = false\n"
    "\toutputDirectory = /nonexistent\n"
    "[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = HOOKS/touch\n[user]\n\tuseConfigOnly = true\n"
    "[log]\n\tshowSignature = true\n\tdate = relative\n\tmailmap = true\n\tfollow = true\n"
    "[merge]\n\trenames = false\n\tconflictStyle = diff3\n\tverbosity = 5\n\trenormalize = true\n"
    "[alias]\n\tapply = !HOOKS/touch\n[extensions]\n\tpartialClone = x\n[index]\n\tversion = 4\n";
static const char hostile_attributes[] =
    "* text eol=crlf filter=touch merge=touch diff=touch ident working-tree-encoding=UTF-16\n";
static const char *const hostile_environment[][2] = {
	{ "GIT_DIR", "/nonexistent" },
	{ "GIT_WORK_TREE", "/nonexistent" },
	{ "GIT_INDEX_FILE", "/nonexistent/index" },
	{ "GIT_OBJECT_DIRECTORY", "/nonexistent" },
	{ "GIT_ALTERNATE_OBJECT_DIRECTORIES", "/nonexistent" },
	{ "GIT_COMMON_DIR", "/nonexistent" },
	{ "GIT_NAMESPACE", "no" },
	{ "GIT_AUTHOR_NAME", "No" },
	{ "GIT_AUTHOR_DATE", "@1 +0100" },
	{ "GIT_COMMITTER_NAME", "No" },
	{ "GIT_COMMITTER_DATE", "@1 +0100" },
	{ "GIT_CONFIG_COUNT", "1" },
	{ "GIT_CONFIG_KEY_0", "apply.whitespace" },
	{ "GIT_CONFIG_VALUE_0", "error" },
	{ "GIT_CONFIG_PARAMETERS", "'diff.noprefix=true'" },
	{ "GIT_DIFF_OPTS", "-u0" },
	{ "GIT_EXTERNAL_DIFF", "/nonexistent" },
	{ "GIT_LITERAL_PATHSPECS", "1" },
	{ "GIT_DEFAULT_HASH", "sha256" },
	{ "GIT_CEILING_DIRECTORIES", "/" },
	{ "GIT_TRACE", "1" },
	{ "GIT_TRACE_PACKET", "1" },
	{ "GIT_PAGER", "/nonexistent" },
	{ "GIT_EDITOR", "/nonexistent" },
	{ "GIT_SHALLOW_FILE", "/nonexistent" },
	{ "GIT_GRAFT_FILE", "/nonexistent" },
	{ "GIT_NOTES_REF", "refs/heads/x" },
	{ "GIT_MERGE_VERBOSITY", "5" },
	{ "GIT_FLUSH", "0" },
	{ "TZ", "America/New_York" },
	{ "LC_ALL", "C.UTF-8" },
	{ "LANGUAGE", "de" },
};

static void put_hostile(const char *name, const char *text, mode_t mode)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", scratch_dir, name);
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	while (*text) {
		size_t n = strcspn(text, "HA");

		cryo_str_addn(&s, text, n);
		text += n;
		if (cryo_starts_with(text, "HOOKS")) {
			cryo_str_addf(&s, "%s/hooks", scratch_dir);
			text += strlen("HOOKS");
		} else if (cryo_starts_with(text, "ATTRIBUTES")) {
			cryo_str_addf(&s, "%s/attributes", scratch_dir);
			text += strlen("ATTRIBUTES");
		} else if (*text) {
			cryo_str_addn(&s, text++, 1);
		}
	}
	assert_int_equal(cryo_fs_mkparents(path, 0755, &err), 0);
	assert_int_equal(cryo_fs_write(path, cryo_str_get(&s), s.len, mode, &err), 0);
}

static void make_hostile(void)
{
	static const char *const hooks[] = {
		"touch",	  "pre-commit",	       "post-commit",	    "commit-msg",
		"applypatch-msg", "pre-applypatch",    "post-index-change", "reference-transaction",
		"post-checkout",  "prepare-commit-msg"
	};
	cryo_auto(cryo_free) char *home = scratch_path("home");
	cryo_auto(cryo_free) char *script =
	    cryo_asprintf("#!/bin/sh\n>>%s/touched\nexit 1\n", scratch_dir);

	for (size_t i = 0; i < CRYO_ARRAY_LEN(hooks); i++) {
		cryo_auto(cryo_free) char *own = cryo_asprintf("r/.git/hooks/%s", hooks[i]);
		cryo_auto(cryo_free) char *theirs = cryo_asprintf("hooks/%s", hooks[i]);

		put_hostile(own, script, 0755);
		put_hostile(theirs, script, 0755);
	}
	put_hostile("home/.gitconfig", hostile_config, 0644);
	put_hostile("home/git/config", hostile_config, 0644);
	put_hostile("r/.git/config", hostile_config, 0644);
	put_hostile("home/git/attributes", hostile_attributes, 0644);
	put_hostile("attributes", hostile_attributes, 0644);
	put_hostile("r/.git/info/attributes", hostile_attributes, 0644);
	put_hostile("home/.mailmap", "No <n@o> <a@b.c>\n", 0644);
	setenv("HOME", home, 1);
	setenv("XDG_CONFIG_HOME", home, 1);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(hostile_environment); i++)
		setenv(hostile_environment[i][0], hostile_environment[i][1], 1);
}

static char *join_composed(const char *base, const char *head)
{
	cryo_auto(cryo_composed_release) struct cryo_composed c = { 0 };
	struct cryo_str all = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	int rc = cryo_compose(repository, base, head, &c, &err);

	if (rc < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < c.name.n; i++)
		cryo_str_addf(&all, "%s\n%s", c.name.v[i], c.text.v[i]);
	return cryo_str_detach(&all);
}

/* In a process of its own, whose environment is lost with it: 0, or what differs. */
static int run_hostile(const struct cryo_series *s, const char *base, const char *head,
		       const char *composed)
{
	cryo_auto(cryo_free) char *touched = scratch_path("touched"), *again = NULL;
	char there[CRYO_COMMIT_HEX];
	struct cryo_err err = CRYO_ERR_INIT;

	make_hostile();
	if (cryo_series_apply(repository, base, s, there, &err) < 0)
		return fprintf(stderr, "# %s\n", err.msg), 1;
	if (strcmp(there, head) != 0)
		return fprintf(stderr, "# %s, not %s\n", there, head), 2;
	again = join_composed(base, there);
	if (strcmp(again, composed) != 0)
		return fprintf(stderr, "# %s\n# not\n# %s\n", again, composed), 3;
	return cryo_fs_exists(touched) ? 4 : 0;
}

static void nobody_elses_settings(void **state)
{
	static const char *const before[] = { "a=" TEN, "b=1 \r\n2\r\n", "l>a", "m=1\n", NULL };
	static const char *const after[] = { "a=" FIVED, "b=eins \t\r\n2\r\n",	    "l>b",
					     "n=1\n",	 "d/\303\274*#!\n\n$Id$\n", NULL };
	static const char *const on[] = { "a=1\n2\nthree\n4\n5\n6\n7\n8\n9\n10\n",
					  "b=1 \r\n2\r\n",
					  "l>a",
					  "m=1\n",
					  ".gitattributes=* filter=touch merge=touch eol=crlf\n",
					  NULL };
	static const struct about a = { "J\303\266rg", "a@b.c",
					"gr\303\266\303\237er\n\nHi\n-- >8 --\nC not a comment\n",
					1793628245, 60 };
	char base[CRYO_COMMIT_HEX], to[CRYO_COMMIT_HEX], head[CRYO_COMMIT_HEX];
	cryo_auto(cryo_free) char *composed = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_series s = { 0 };
	struct world w = { .n = 0 };
	int status;
	pid_t pid;

	(void)state;
	fill_world(&w, before);
	commit_world(&w, NULL, &plain, base);
	fill_world(&w, after);
	commit_world(&w, base, &a, to);
	write_mails(base, to, (const char *const[]){ "-M", NULL });
	fill_world(&w, on);
	commit_world(&w, NULL, &plain, base);
	clear_world(&w);
	assert_int_equal(cryo_series_load(mails, &s, &err), 0);
	assert_int_equal(cryo_series_apply(repository, base, &s, head, &err), 0);
	composed = join_composed(base, head);
	cryo_series_release(&s); /* its mails are read again */
	assert_int_equal(cryo_series_load(mails, &s, &err), 0);
	pid = fork();
	if (pid == 0)
		_exit(run_hostile(&s, base, head, composed));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	cryo_series_release(&s);
	assert_int_equal(status, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kinds_of_changes),	     TEST(kinds_of_mails),	 TEST(kinds_of_commits),
		TEST(nobody_elses_settings), TEST(series_that_differed), TEST(random_series),
	};

	/* One that differed, again. */
	if (getenv("CRYOPOD_SEED"))
		cmocka_set_test_filter("random_series");
	return cmocka_run_group_tests_name("beside_git", tests, NULL, NULL) ? EXIT_FAILURE
									    : EXIT_SUCCESS;
}
