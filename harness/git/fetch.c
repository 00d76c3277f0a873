/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network, by the `git` program: it knows every proxy, credential helper and ssh
 * configuration that its user has, and takes a single commit instead of a whole history.
 */
#include "git/git.h"

#include "base/clock.h"
#include "base/event.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/proc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_MS  120000
#define MAX_LIST  (16u << 20)
#define MAX_REFS  200000
#define REFS	  "refs/cryopod/"
#define ALL_HEADS "+refs/heads/*:refs/cryopod-all/heads/*"
#define ALL_TAGS  "+refs/tags/*:refs/cryopod-all/tags/*"

void cryo_git_refs_release(struct cryo_git_refs *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i].name);
	free(r->v);
	*r = (struct cryo_git_refs){ 0 };
}

/* A tag that is an object of its own comes twice: the second time, with "^{}", as its commit. */
static void add_remote_ref(struct cryo_git_refs *refs, const char *name, const char *hex)
{
	cryo_auto(cryo_free) char *base = cryo_strdup(name);
	struct cryo_git_ref *r;

	if (!cryo_git_is_full(hex) || refs->n >= MAX_REFS)
		return;
	if (cryo_ends_with(base, "^{}"))
		base[strlen(base) - strlen("^{}")] = '\0';
	if (refs->n == 0 || strcmp(refs->v[refs->n - 1].name, base) != 0) {
		refs->v = cryo_realloc(refs->v, refs->n + 1, sizeof(*refs->v));
		refs->v[refs->n++] = (struct cryo_git_ref){ .name = cryo_steal(&base) };
	}
	r = &refs->v[refs->n - 1];
	memcpy(r->commit, hex, strlen(hex) + 1);
}

static bool is_fetch_shallow(const struct cryo_gitfetch *f)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/shallow", f->dir);

	return cryo_fs_size(path) > 0;
}

/*
 * What is ours to say: no hook, no clean-up behind our back, packs always whole (loose
 * objects of a killed run could make a commit look complete), an end when nothing comes.
 */
static const char *const settings[] = {
	"core.hooksPath=/dev/null",	"gc.auto=0",
	"maintenance.auto=false",	"fetch.unpackLimit=1",
	"transfer.unpackLimit=1",	"fetch.recurseSubmodules=false",
	"fetch.writeCommitGraph=false", "fetch.bundleURI=",
	"credential.interactive=false", "advice.fetchShowForcedUpdates=false",
	"http.lowSpeedLimit=1"
};

/* Nobody sits at a terminal for it, and no repository that we happen to stand in counts. */
static const char *const environment[] = { "GIT_TERMINAL_PROMPT=0",
					   "GIT_ALLOW_PROTOCOL=https:http:ssh:git:file",
					   "SSH_ASKPASS=/bin/false",
					   "SSH_ASKPASS_REQUIRE=force",
					   "LC_ALL=C",
					   "GIT_DIR",
					   "GIT_WORK_TREE",
					   "GIT_INDEX_FILE",
					   "GIT_OBJECT_DIRECTORY",
					   "GIT_ALTERNATE_OBJECT_DIRECTORIES",
					   "GIT_COMMON_DIR",
					   "GIT_NAMESPACE",
					   "GIT_SHALLOW_FILE",
					   "GIT_TRACE",
					   "GIT_EXTERNAL_DIFF",
					   NULL };

struct talk {
	char *cause; /* the first complaint: what follows is mostly advice */
	bool no_such, cannot, no_space, wants_name;
};

static bool contains_any_word(const char *line, const char *const *words)
{
	for (; *words; words++)
		if (strstr(line, *words))
			return true;
	return false;
}

static void note_git_complaint(struct talk *t, const char *line)
{
	static const char *const complaints[] = {
		"fatal: ", "error: ", "ERROR: ", "ssh: ", "Permission denied", "Host key", NULL
	};
	static const char *const no_such[] = { "not our ref", "no such remote ref", NULL };
	static const char *const cannot[] = { "unadvertised object", "does not support shallow",
					      "dumb http transport", NULL };

	static const char *const wants_name[] = { "could not read Username",
						  "could not read Password",
						  "unable to read askpass response", NULL };

	t->wants_name |= contains_any_word(line, wants_name);
	t->no_such |= contains_any_word(line, no_such);
	t->cannot |= contains_any_word(line, cannot);
	t->no_space |= strstr(line, strerror(ENOSPC)) != NULL;
	/* "unable to connect to HOST:", and the reason on a line of its own */
	if (t->cause && cryo_ends_with(t->cause, ":")) {
		char *both = cryo_asprintf("%s %s", t->cause, line);

		free(t->cause);
		t->cause = both;
	}
	if (!t->cause && contains_any_word(line, complaints)) {
		const char *colon = cryo_starts_with(line, "fatal: ") ? strchr(line, ' ') + 1
								      : line;

		t->cause = cryo_strdup(colon);
	}
}

static void gitfetch_on_line(const char *line, int stream, void *arg)
{
	static const char *const progress[] = { "Receiving objects", "Resolving deltas",
						"Counting objects",  "Compressing objects",
						"Updating files",    NULL };
	size_t n, skip;

	if (stream != 2)
		return;
	if (contains_any_word(line, progress)) {
		/* git pads its lines, to write over longer ones. */
		for (n = strlen(line); n > 0 && line[n - 1] == ' ';)
			n--;
		skip = cryo_starts_with(line, "remote: ") ? strlen("remote: ") : 0;
		cryo_step_note("%.*s", (int)(n - skip), line + skip);
	} else {
		note_git_complaint(arg, line);
	}
}

static int64_t choose_quiet_limit(const struct cryo_gitfetch *f)
{
	return f->quiet_ms ? f->quiet_ms : cryo_limit_ms(QUIET_MS);
}

static int explain_git_failure(const struct cryo_gitfetch *f, const struct talk *t, int rc,
			       struct cryo_err *err)
{
	if (rc == 0 || (err->status != CRYO_E_CHILD && err->status != CRYO_E_TIMEOUT))
		return rc;
	if (t->no_space)
		return cryo_err_set(err, CRYO_E_UNFIT, "no space left for '%s' below '%s'",
				    f->shown, f->dir);
	if (err->status == CRYO_E_TIMEOUT) {
		cryo_auto(cryo_free) char *limit = cryo_duration_show(choose_quiet_limit(f));

		return cryo_err_set(err, CRYO_E_TIMEOUT, "'%s' said nothing for %s", f->shown,
				    limit);
	}
	if (t->wants_name)
		return cryo_err_set(
		    err, CRYO_E_PROVISION,
		    "cannot fetch '%s': it wants a name and password, and no "
		    "credential helper of git has them (some hosts say so of what is "
		    "not there, too)",
		    f->shown);
	return cryo_err_set(err, CRYO_E_PROVISION, "cannot fetch '%s': %s", f->shown,
			    t->cause ? t->cause : err->msg);
}

static int run_git_program(const struct cryo_gitfetch *f, const struct cryo_strv *args,
			   struct cryo_proc_result *res, struct talk *talk, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	struct cryo_proc p = { .env = environment,
			       .cwd = "/",
			       .quiet_ms = choose_quiet_limit(f),
			       .cr_ends_line = true,
			       .on_line = gitfetch_on_line,
			       .on_line_arg = talk,
			       .capture_max = MAX_LIST };
	int rc;

	cryo_strv_add(&argv, "git");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(settings); i++)
		cryo_strv_addl(&argv, "-c", settings[i], NULL);
	cryo_strv_add(&argv, "-c");
	cryo_strv_addf(&argv, "http.lowSpeedTime=%lld",
		       (long long)(choose_quiet_limit(f) / 1000 + 1));
	cryo_strv_addf(&argv, "--git-dir=%s", f->dir);
	cryo_strv_addv(&argv, cryo_strv_get(args));
	p.argv = cryo_strv_get(&argv);
	rc = cryo_proc_run(&p, res, err);
	return explain_git_failure(f, talk, rc, err);
}

static void parse_ref_list(char *text, struct cryo_git_refs *out)
{
	char *line;

	while ((line = strsep(&text, "\n"))) {
		char *name = strchr(line, '\t');

		if (!name)
			continue;
		*name++ = '\0';
		add_remote_ref(out, name, line);
	}
}

int cryo_gitfetch_list(const struct cryo_gitfetch *f, struct cryo_git_refs *out,
		       struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv args = { 0 };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct talk talk = { 0 };
	int rc;

	cryo_step_note("asking %s", f->ask);
	cryo_strv_addl(&args, "ls-remote", "--heads", "--tags", "--", f->ask, NULL);
	rc = run_git_program(f, &args, &res, &talk, err);
	free(talk.cause);
	if (rc == 0)
		parse_ref_list(res.out.p, out);
	return rc;
}

/* `spec2`: one more, or NULL. */
static int fetch_refs(const struct cryo_gitfetch *f, bool shallow, const char *spec,
		      const char *spec2, struct talk *talk, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv args = { 0 };

	cryo_strv_addl(&args, "fetch", "--progress", "--no-tags", "--no-write-fetch-head",
		       "--no-recurse-submodules", "--force", NULL);
	if (shallow)
		cryo_strv_add(&args, "--depth=1");
	else if (is_fetch_shallow(f))
		cryo_strv_add(&args, "--unshallow");
	cryo_strv_addl(&args, "--", f->ask, spec, spec2, NULL);
	return run_git_program(f, &args, NULL, talk, err);
}

int cryo_gitfetch_commit(const struct cryo_gitfetch *f, const char *commit, bool shallow,
			 bool *no_such, bool *cannot, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *spec = cryo_asprintf("+%s:" REFS "%s", commit, commit);
	struct talk talk = { 0 };
	int rc;

	cryo_step_note("fetching %.12s from %s", commit, f->ask);
	rc = fetch_refs(f, shallow, spec, NULL, &talk, err);
	*no_such = talk.no_such;
	*cannot = talk.cannot;
	free(talk.cause);
	return rc;
}

int cryo_gitfetch_all(const struct cryo_gitfetch *f, struct cryo_err *err)
{
	struct talk talk = { 0 };
	int rc;

	cryo_step_note("fetching all of %s", f->ask);
	rc = fetch_refs(f, false, ALL_HEADS, ALL_TAGS, &talk, err);
	free(talk.cause);
	return rc;
}
