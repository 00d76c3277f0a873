/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network. The `git` program does it where it is there: it knows every proxy,
 * credential helper and ssh configuration that its user has, and takes a single
 * commit instead of a whole history. Where it is not, libgit2 does.
 */
#include "source/git.h"

#include "base/clock.h"
#include "base/event.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/proc.h"

#include <errno.h>
#include <git2.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_MS   120000
#define MAX_LIST   (16u << 20)
#define MAX_REFS   200000
#define HAS_DEPTH  (LIBGIT2_VER_MAJOR > 1 || (LIBGIT2_VER_MAJOR == 1 && LIBGIT2_VER_MINOR >= 7))
#define REFS	   "refs/cryopod/"
#define ALL_HEADS  "+refs/heads/*:refs/cryopod-all/heads/*"
#define ALL_TAGS   "+refs/tags/*:refs/cryopod-all/tags/*"
#define NOTE_EVERY 200

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

/* --- the git program --- */

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
		    err, CRYO_E_REMOTE,
		    "cannot fetch '%s': it wants a name and password, and no "
		    "credential helper of git has them (some hosts say so of what is "
		    "not there, too)",
		    f->shown);
	return cryo_err_set(err, CRYO_E_REMOTE, "cannot fetch '%s': %s", f->shown,
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

static bool has_git_program(void)
{
	cryo_auto(cryo_free) char *path = cryo_fs_which("git");

	return path && !getenv("CRYOPOD_NO_GIT");
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

static int list_by_program(const struct cryo_gitfetch *f, struct cryo_git_refs *out,
			   struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv args = { 0 };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct talk talk = { 0 };
	int rc;

	cryo_strv_addl(&args, "ls-remote", "--heads", "--tags", "--", f->ask, NULL);
	rc = run_git_program(f, &args, &res, &talk, err);
	free(talk.cause);
	if (rc == 0)
		parse_ref_list(res.out.p, out);
	return rc;
}

static int fetch_by_program(const struct cryo_gitfetch *f, const char *depth, const char *spec,
			    const char *spec2, struct talk *talk, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv args = { 0 };

	cryo_strv_addl(&args, "fetch", "--progress", "--no-tags", "--no-write-fetch-head",
		       "--no-recurse-submodules", "--force", NULL);
	if (depth)
		cryo_strv_add(&args, depth);
	cryo_strv_addl(&args, "--", f->ask, spec, NULL);
	if (spec2)
		cryo_strv_add(&args, spec2);
	return run_git_program(f, &args, NULL, talk, err);
}

/* --- libgit2 --- */

struct transfer {
	struct cryo_err err; /* why we stopped it */
	unsigned asked;	     /* for credentials */
	int64_t began, noted;
	size_t bytes;
};

/* The user's ssh agent, once; passwords are nothing that we ask for. */
static int gitfetch_on_credentials(git_credential **out, const char *url, const char *user,
				   unsigned allowed, void *arg)
{
	struct transfer *t = arg;

	if (t->asked++ == 0 && (allowed & GIT_CREDENTIAL_SSH_KEY))
		return git_credential_ssh_key_from_agent(out, user ? user : "git");
	if (t->asked == 1 && (allowed & GIT_CREDENTIAL_USERNAME))
		return git_credential_username_new(out, user ? user : "git");
	cryo_err_set(
	    &t->err, CRYO_E_REMOTE,
	    "cannot fetch '%s': it wants a name and password; install the git program, whose "
	    "credential helpers know them",
	    url);
	return GIT_EUSER;
}

static int gitfetch_on_progress(const git_indexer_progress *p, void *arg)
{
	struct transfer *t = arg;
	int64_t now = cryo_now_ms(), ms = now - t->began;

	if (cryo_intr_check(&t->err) < 0)
		return GIT_EUSER;
	if (now - t->noted < NOTE_EVERY)
		return 0;
	t->noted = now;
	cryo_step_note("Receiving objects: %u of %u, %.1f MiB/s", p->received_objects,
		       p->total_objects,
		       ms > 0 ? (double)p->received_bytes / 1048.576 / (double)ms : 0.0);
	return 0;
}

static int gitfetch_on_sideband(const char *text, int n, void *arg)
{
	struct transfer *t = arg;

	(void)text;
	(void)n;
	return cryo_intr_check(&t->err) < 0 ? GIT_EUSER : 0;
}

static int judge_git_transfer(const struct cryo_gitfetch *f, const struct transfer *t, int grc,
			      struct cryo_err *err)
{
	if (grc >= 0)
		return 0;
	if (t->err.status != CRYO_OK) {
		*err = t->err;
		return -(int)err->status;
	}
	return cryo_git_err(err, CRYO_E_REMOTE, "cannot fetch '%s'", f->shown);
}

static void set_callbacks(git_remote_callbacks *cb, struct transfer *t)
{
	t->began = cryo_now_ms();
	cb->credentials = gitfetch_on_credentials;
	cb->transfer_progress = gitfetch_on_progress;
	cb->sideband_progress = gitfetch_on_sideband;
	cb->payload = t;
}

static int open_git_remote(const struct cryo_gitfetch *f, git_repository **repo,
			   git_remote **remote, struct cryo_err *err)
{
	cryo_git_ready();
	if (git_repository_open_bare(repo, f->dir) < 0 ||
	    git_remote_create_anonymous(remote, *repo, f->ask) < 0)
		return cryo_git_err(err, CRYO_E_REMOTE, "cannot ask '%s'", f->shown);
	return 0;
}

static int list_by_library(const struct cryo_gitfetch *f, struct cryo_git_refs *out,
			   struct cryo_err *err)
{
	git_remote_callbacks cb;
	git_proxy_options proxy;
	const git_remote_head **heads;
	git_repository *repo = NULL;
	git_remote *remote = NULL;
	struct transfer t = { 0 };
	char hex[CRYO_COMMIT_HEX];
	size_t n = 0;
	int rc = open_git_remote(f, &repo, &remote, err), grc;

	git_remote_init_callbacks(&cb, GIT_REMOTE_CALLBACKS_VERSION);
	git_proxy_options_init(&proxy, GIT_PROXY_OPTIONS_VERSION);
	set_callbacks(&cb, &t);
	proxy.type = GIT_PROXY_AUTO;
	if (rc == 0) {
		grc = git_remote_connect(remote, GIT_DIRECTION_FETCH, &cb, &proxy, NULL);
		if (grc == 0)
			grc = git_remote_ls(&heads, &n, remote);
		rc = judge_git_transfer(f, &t, grc, err);
	}
	for (size_t i = 0; rc == 0 && i < n; i++) {
		git_oid_tostr(hex, sizeof(hex), &heads[i]->oid);
		if (cryo_starts_with(heads[i]->name, "refs/heads/") ||
		    cryo_starts_with(heads[i]->name, "refs/tags/"))
			add_remote_ref(out, heads[i]->name, hex);
	}
	git_remote_free(remote);
	git_repository_free(repo);
	return rc;
}

static int fetch_by_library(const struct cryo_gitfetch *f, bool shallow, const char *spec,
			    const char *spec2, struct cryo_err *err)
{
	git_fetch_options opts;
	char *specs[] = { (char *)spec, (char *)spec2 };
	git_strarray list = { specs, spec2 ? 2 : 1 };
	git_repository *repo = NULL;
	git_remote *remote = NULL;
	struct transfer t = { 0 };
	int rc = open_git_remote(f, &repo, &remote, err);

	git_fetch_options_init(&opts, GIT_FETCH_OPTIONS_VERSION);
	set_callbacks(&opts.callbacks, &t);
	opts.proxy_opts.type = GIT_PROXY_AUTO;
	opts.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
	opts.update_fetchhead = 0;
#if HAS_DEPTH
	opts.depth = shallow		   ? 1
		     : is_fetch_shallow(f) ? GIT_FETCH_DEPTH_UNSHALLOW
					   : GIT_FETCH_DEPTH_FULL;
#else
	(void)shallow;
#endif
	if (rc == 0)
		rc = judge_git_transfer(f, &t, git_remote_fetch(remote, &list, &opts, NULL), err);
	git_remote_free(remote);
	git_repository_free(repo);
	return rc;
}

/* --- either --- */

int cryo_gitfetch_list(const struct cryo_gitfetch *f, struct cryo_git_refs *out,
		       struct cryo_err *err)
{
	cryo_step_note("asking %s", f->ask);
	return has_git_program() ? list_by_program(f, out, err) : list_by_library(f, out, err);
}

int cryo_gitfetch_commit(const struct cryo_gitfetch *f, const char *commit, bool shallow,
			 bool *no_such, bool *cannot, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *spec = cryo_asprintf("+%s:" REFS "%s", commit, commit);
	const char *depth = shallow ? "--depth=1" : is_fetch_shallow(f) ? "--unshallow" : NULL;
	struct talk talk = { 0 };
	int rc;

	cryo_step_note("fetching %.12s from %s", commit, f->ask);
	if (has_git_program()) {
		rc = fetch_by_program(f, depth, spec, NULL, &talk, err);
	} else {
		rc = fetch_by_library(f, shallow, spec, NULL, err);
		talk.cannot = rc < 0 && err->status == CRYO_E_REMOTE;
	}
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
	if (has_git_program())
		rc = fetch_by_program(f, is_fetch_shallow(f) ? "--unshallow" : NULL, ALL_HEADS,
				      ALL_TAGS, &talk, err);
	else
		rc = fetch_by_library(f, false, ALL_HEADS, ALL_TAGS, err);
	free(talk.cause);
	return rc;
}
