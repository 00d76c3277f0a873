/* SPDX-License-Identifier: Apache-2.0 */
/* One bare repository per address, and what its branches stood for when last asked. */
#include "git/git.h"

#include "base/clock.h"
#include "base/event.h"
#include "base/mask.h"
#include "conf/json.h"
#include "git/url.h"
#include "sys/hash.h"
#include "sys/fs.h"
#include "sys/lock.h"
#include "sys/places.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PINS  (1u << 20)
#define MAX_SHOWN 8
#define REFS	  "refs/cryopod/"

/* One cache while it is worked on. */
struct cache {
	const struct cryo_git_want *w;
	const struct cryo_fetch_opts *o;
	char *dir, *ask;
	struct cryo_gitfetch fetch;
	int lock;
	char tip[CRYO_COMMIT_HEX]; /* where the branch or tag stands; "" if nobody was asked */
};

char *cryo_git_cache_dir(const char *url)
{
	char hex[CRYO_HASH_HEX];

	cryo_hash_bytes(url, strlen(url), hex);
	return cryo_cache_path(CRYO_CACHE_GIT "/%.32s", hex);
}

/* --- pins --- */

static char *make_pins_path(const char *url)
{
	cryo_auto(cryo_free) char *dir = cryo_git_cache_dir(url);

	return cryo_asprintf("%s.pins", dir);
}

/* A shortened commit is found on its branch once and written down as well. */
static char *make_pin_key(const struct cryo_git_want *w)
{
	return w->commit ? cryo_asprintf("%s %s", w->ref, w->commit) : cryo_strdup(w->ref);
}

int cryo_git_known(const struct cryo_git_want *w, char out[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = make_pins_path(w->url), *key = NULL;
	cryo_auto(cryo_json_decref) json_t *pins = NULL;
	const char *hex;
	int rc;

	out[0] = '\0';
	if (w->commit && cryo_git_is_full(w->commit)) {
		memcpy(out, w->commit, strlen(w->commit) + 1);
		return 0;
	}
	if (!cryo_fs_exists(path))
		return 0;
	rc = cryo_json_load(path, MAX_PINS, &pins, err);
	if (rc < 0)
		return rc;
	key = make_pin_key(w);
	hex = json_string_value(json_object_get(json_object_get(pins, "refs"), key));
	if (hex && cryo_git_is_full(hex))
		memcpy(out, hex, strlen(hex) + 1);
	return 0;
}

static int write_git_pin(const struct cryo_git_want *w, const char *hex, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = make_pins_path(w->url), *key = NULL;
	cryo_auto(cryo_json_decref) json_t *pins = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (!w->ref || (w->commit && cryo_git_is_full(w->commit)))
		return 0;
	/* One that cannot be read is written anew. */
	if (cryo_json_load(path, MAX_PINS, &pins, &ignored) < 0 ||
	    !json_is_object(json_object_get(pins, "refs"))) {
		json_decref(pins);
		pins = json_pack("{s:s, s:{}}", "url", w->url, "refs");
	}
	key = make_pin_key(w);
	json_object_set_new(json_object_get(pins, "refs"), key, json_string(hex));
	cryo_json_dump_pretty(pins, &text);
	cryo_str_add(&text, "\n");
	return cryo_fs_write(path, cryo_str_get(&text), text.len, 0600, err);
}

/* --- what is there --- */

static git_repository *open_cache_repository(const char *dir)
{
	git_repository *repo = NULL;

	cryo_git_ready();
	return git_repository_open_bare(&repo, dir) == 0 ? repo : NULL;
}

static bool is_commit_cached(const char *dir, const char *commit)
{
	cryo_auto(cryo_free) char *name = cryo_asprintf(REFS "%s", commit);
	git_repository *repo = cryo_fs_is_dir(dir) ? open_cache_repository(dir) : NULL;
	git_commit *c = NULL;
	git_oid oid, want;
	bool there;

	if (!repo)
		return false;
	there = git_oid_fromstr(&want, commit) == 0 &&
		git_reference_name_to_id(&oid, repo, name) == 0 && git_oid_equal(&oid, &want) &&
		git_commit_lookup(&c, repo, &oid) == 0;
	git_commit_free(c);
	git_repository_free(repo);
	return there;
}

bool cryo_git_has(const char *url, const char *commit)
{
	cryo_auto(cryo_free) char *dir = cryo_git_cache_dir(url);

	return cryo_git_is_full(commit) && is_commit_cached(dir, commit);
}

static bool is_cache_shallow(const char *dir)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/shallow", dir);

	return cryo_fs_size(path) > 0;
}

/* Nothing has been fetched into it yet: then a single commit will do. */
static bool is_cache_empty(const char *dir)
{
	git_repository *repo = open_cache_repository(dir);
	git_strarray refs = { 0 };
	bool empty = !repo || git_reference_list(&refs, repo) < 0 || refs.count == 0;

	git_strarray_dispose(&refs);
	git_repository_free(repo);
	return empty;
}

/* --- making and filling it --- */

/* Beside its place, then renamed: what has the name is a repository. */
static int make_cache_repository(const char *dir, const char *url, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *about = cryo_asprintf("%s.new/description", dir);
	cryo_auto(cryo_free) char *shown = cryo_asprintf("%s\n", url);
	cryo_auto(cryo_free) char *fresh = cryo_asprintf("%s.new", dir);
	git_repository *repo = NULL;
	int rc;

	if (cryo_fs_is_dir(dir))
		return 0;
	rc = cryo_fs_rmtree(fresh, err);
	if (rc == 0)
		rc = cryo_fs_mkdirs(fresh, 0700, err);
	if (rc < 0)
		return rc;
	cryo_git_ready();
	if (git_repository_init(&repo, fresh, 1) < 0)
		return cryo_git_err(err, CRYO_E_SYSTEM, "cannot make '%s'", fresh);
	git_repository_free(repo);
	cryo_mask_addresses(shown);
	rc = cryo_fs_write(about, shown, strlen(shown), 0600, err);
	if (rc == 0 && rename(fresh, dir) < 0)
		rc = cryo_err_sys(err, errno, "cannot make '%s'", dir);
	return rc;
}

/* No reference may have a name that ends so. */
static int remove_stale_ref_lock(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)at;
	if (type == FTW_F && cryo_ends_with(path, ".lock"))
		unlink(path);
	return 0;
}

/* What a killed fetch left: half packs, and locks whose holder is gone (we hold the cache's). */
static void clean_up_git_cache(const char *dir)
{
	static const char *const half[] = { "shallow.lock", "packed-refs.lock", "config.lock" };
	cryo_auto(cryo_free) char *packs = cryo_asprintf("%s/objects/pack", dir);
	cryo_auto(cryo_free) char *refs = cryo_asprintf("%s/refs", dir);
	const struct dirent *e;
	DIR *d = opendir(packs);

	while (d && (e = readdir(d))) {
		if (cryo_starts_with(e->d_name, "tmp_") || cryo_ends_with(e->d_name, ".temp"))
			unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(half); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, half[i]);

		unlink(path);
	}
	nftw(refs, remove_stale_ref_lock, 16, FTW_PHYS);
}

static int open_cache_locked(struct cache *c, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *lock = cryo_asprintf("%s.lock", c->dir);
	int rc = cryo_fs_mkparents(lock, 0700, err);

	if (rc == 0)
		rc = cryo_lock_wait(lock, CRYO_LOCK_BUILD_MS, &c->lock, err);
	if (rc == 0)
		rc = make_cache_repository(c->dir, c->w->url, err);
	if (rc == 0)
		rc = cryo_url_mirror(c->w->url, c->o->mirrors, &c->ask, err);
	if (rc == 0)
		clean_up_git_cache(c->dir);
	c->fetch = (struct cryo_gitfetch){
		.dir = c->dir, .ask = c->ask, .shown = c->w->url, .quiet_ms = c->o->quiet_ms
	};
	return rc;
}

static void close_locked_cache(struct cache *c)
{
	cryo_fd_closep(&c->lock);
	free(c->dir);
	free(c->ask);
}
#define close_locked_cachep close_locked_cache

/* ", asked for at MIRROR"; nothing where it was the address itself. Caller frees. */
static char *describe_mirror(const struct cache *c)
{
	bool mirror = strcmp(c->ask, c->w->url) != 0;

	return cryo_asprintf("%s%s", mirror ? ", asked for at " : "", mirror ? c->ask : "");
}

static int report_no_such_commit(const struct cache *c, const char *commit, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *at = describe_mirror(c), *tip = NULL;

	if (*c->tip)
		tip = cryo_asprintf(", where '%s' is at %.12s", c->w->ref, c->tip);
	return cryo_err_set(err, CRYO_E_CONFIG, "no commit '%s' in '%s'%s%s", commit, c->w->url, at,
			    tip ? tip : "");
}

/* After everything was fetched: the full commit of a full or shortened one; keeps it. */
static int keep_cached_commit(const struct cache *c, const char *commit, char out[CRYO_COMMIT_HEX],
			      struct cryo_err *err)
{
	git_repository *repo = open_cache_repository(c->dir);
	cryo_auto(cryo_free) char *name = NULL;
	git_reference *ref = NULL;
	git_object *object = NULL;
	git_oid prefix;
	int rc = repo ? git_oid_fromstrn(&prefix, commit, strlen(commit)) : -1;

	if (rc == 0)
		rc = git_object_lookup_prefix(&object, repo, &prefix, strlen(commit),
					      GIT_OBJECT_COMMIT);
	if (rc == GIT_EAMBIGUOUS) {
		rc = cryo_err_set(err, CRYO_E_CONFIG,
				  "'%s' is the beginning of more than one commit of '%s'", commit,
				  c->w->url);
	} else if (rc < 0) {
		rc = report_no_such_commit(c, commit, err);
	} else {
		git_oid_tostr(out, CRYO_COMMIT_HEX, git_object_id(object));
		name = cryo_asprintf(REFS "%s", out);
		if (git_reference_create(&ref, repo, name, git_object_id(object), 1, NULL) < 0)
			rc = cryo_git_err(err, CRYO_E_SYSTEM, "cannot write '%s'", name);
	}
	git_reference_free(ref);
	git_object_free(object);
	git_repository_free(repo);
	return rc;
}

/* With everything on disk the commit is there, or the server has none of this name. */
static int fetch_whole_history(const struct cache *c, const char *commit, char out[CRYO_COMMIT_HEX],
			       struct cryo_err *err)
{
	int rc = cryo_gitfetch_all(&c->fetch, err);

	return rc < 0 ? rc : keep_cached_commit(c, commit, out, err);
}

static int fetch_commit(const struct cache *c, const char *commit, struct cryo_err *err)
{
	/* One commit put into a cache with history would cut that off. */
	bool shallow = !c->o->history && (is_cache_empty(c->dir) || is_cache_shallow(c->dir));
	bool no_such = false, cannot = false;
	char full[CRYO_COMMIT_HEX];
	int rc = cryo_gitfetch_commit(&c->fetch, commit, shallow, &no_such, &cannot, err);

	if (rc == 0 || (!no_such && !cannot))
		return rc;
	return no_such ? report_no_such_commit(c, commit, err)
		       : fetch_whole_history(c, commit, full, err);
}

/* --- branches and tags --- */

static const char *const namespaces[] = { "refs/heads/", "refs/tags/" };

static const char *shorten_ref_name(const char *name)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(namespaces); i++)
		if (cryo_starts_with(name, namespaces[i]))
			return name + strlen(namespaces[i]);
	return name;
}

static int report_no_such_ref(const struct cache *c, const struct cryo_git_refs *refs,
			      struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	cryo_auto(cryo_free) char *all = NULL, *at = describe_mirror(c);
	const char *near;

	for (size_t i = 0; i < refs->n; i++)
		cryo_strv_add(&names, shorten_ref_name(refs->v[i].name));
	near = cryo_nearest(c->w->ref, cryo_strv_get(&names));
	if (near)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "no branch or tag '%s' in '%s'%s, did you mean '%s'?",
				    c->w->ref, c->w->url, at, near);
	all = refs->n > MAX_SHOWN ? cryo_asprintf("%zu", refs->n) : cryo_strv_join(&names, ", ");
	return cryo_err_set(err, CRYO_E_CONFIG, "no branch or tag '%s' in '%s'%s (it has %s)",
			    c->w->ref, c->w->url, at, refs->n ? all : "none");
}

static int find_wanted_ref(const struct cache *c, const struct cryo_git_refs *refs,
			   char out[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	const struct cryo_git_ref *found = NULL;

	for (size_t i = 0; i < refs->n; i++) {
		const struct cryo_git_ref *r = &refs->v[i];

		if (strcmp(r->name, c->w->ref) != 0 &&
		    strcmp(shorten_ref_name(r->name), c->w->ref) != 0)
			continue;
		if (found && strcmp(found->commit, r->commit) != 0)
			return cryo_err_set(
			    err, CRYO_E_CONFIG,
			    "'%s' is a branch and a tag in '%s': write refs/heads/%s "
			    "or refs/tags/%s",
			    c->w->ref, c->w->url, c->w->ref, c->w->ref);
		found = r;
	}
	if (!found)
		return report_no_such_ref(c, refs, err);
	memcpy(out, found->commit, CRYO_COMMIT_HEX);
	return 0;
}

static int ask_branch_tip(const struct cache *c, char tip[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	cryo_auto(cryo_git_refs_release) struct cryo_git_refs refs = { 0 };
	int rc = cryo_gitfetch_list(&c->fetch, &refs, err);

	return rc < 0 ? rc : find_wanted_ref(c, &refs, tip, err);
}

/* Said when the pin is there: before, nobody knows whether it can be used. */
static void tell_branch_moved(const struct cache *c)
{
	const char *pin = c->w->commit;

	if (pin && *c->tip && strncmp(pin, c->tip, strlen(pin)) != 0)
		cryo_warn("'%s' of %s is at %.12s now; the stack pins %.12s, which is used",
			  c->w->ref, c->w->url, c->tip, pin);
}

/* --- obtaining --- */

/* What is to be there; *whole: it can only be found in the whole history. */
static int choose_cache_commit(struct cache *c, char out[CRYO_COMMIT_HEX], bool *whole,
			       struct cryo_err *err)
{
	const char *pin = c->w->commit;
	int rc;

	*whole = false;
	if (!c->w->ref) {
		memcpy(out, pin, strlen(pin) + 1);
		return 0;
	}
	rc = ask_branch_tip(c, c->tip, err);
	if (rc == -CRYO_E_CONFIG && pin && cryo_git_is_full(pin)) {
		/* The branch is gone; its name was only a comment on the pin. */
		cryo_warn("%s; the stack pins %.12s, which is used", err->msg, pin);
		*err = (struct cryo_err)CRYO_ERR_INIT;
		memcpy(out, pin, strlen(pin) + 1);
		return 0;
	}
	if (rc < 0)
		return rc;
	/* A pin that is the beginning of where the branch stands is just that. */
	if (!pin || strncmp(pin, c->tip, strlen(pin)) == 0)
		pin = c->tip;
	*whole = !cryo_git_is_full(pin);
	memcpy(out, pin, strlen(pin) + 1);
	return 0;
}

static bool is_cache_enough(const struct cache *c, const char *commit)
{
	return *commit && is_commit_cached(c->dir, commit) &&
	       !(c->o->history && is_cache_shallow(c->dir));
}

/* The server has answered, and yet the commit is not here. */
static int report_unsent_commit(const struct cache *c, const char *commit, struct cryo_err *err)
{
	git_repository *repo = NULL;
	git_object *object = NULL, *target = NULL;
	git_oid id;
	int rc;

	if (git_repository_open_bare(&repo, c->dir) == 0 && git_oid_fromstr(&id, commit) == 0 &&
	    git_object_lookup(&object, repo, &id, GIT_OBJECT_TAG) == 0 &&
	    git_object_peel(&target, object, GIT_OBJECT_COMMIT) == 0)
		rc = cryo_err_set(err, CRYO_E_CONFIG,
				  "'%s' is the id of a tag in '%s': its commit is %s", commit,
				  c->w->url, git_oid_tostr_s(git_object_id(target)));
	else if (c->o->history)
		rc = cryo_err_set(err, CRYO_E_PROVISION,
				  "'%s' sent no whole history of '%s' (it may be a shallow clone)",
				  c->w->url, commit);
	else
		rc = cryo_err_set(err, CRYO_E_PROVISION, "'%s' sent no commit '%s'", c->w->url,
				  commit);
	git_object_free(target);
	git_object_free(object);
	git_repository_free(repo);
	return rc;
}

static int obtain_commit_locked(struct cache *c, char out[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	bool whole;
	int rc = choose_cache_commit(c, out, &whole, err);

	if (rc < 0)
		return rc;
	if (strlen(out) == 64)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "'%s' is a repository with SHA-256 ids, which cryopod cannot "
				    "read",
				    c->w->url);
	if (whole) {
		char pin[CRYO_COMMIT_HEX];

		memcpy(pin, out, sizeof(pin));
		rc = fetch_whole_history(c, pin, out, err);
	} else if (!is_cache_enough(c, out)) {
		rc = fetch_commit(c, out, err);
	}
	if (rc == 0 && !is_cache_enough(c, out))
		rc = report_unsent_commit(c, out, err);
	if (rc < 0)
		return rc;
	tell_branch_moved(c);
	return write_git_pin(c->w, out, err);
}

static int report_missing_commit(const struct cryo_git_want *w, struct cryo_err *err)
{
	return cryo_err_set(err, CRYO_E_PROVISION,
			    "%s%s%s of '%s' is not in the cache, and --offline forbids to fetch it",
			    w->commit ? "commit '" : "'", w->commit ? w->commit : w->ref, "'",
			    w->url);
}

int cryo_git_obtain(const struct cryo_git_want *w, const struct cryo_fetch_opts *o,
		    char out[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	cryo_auto(close_locked_cache) struct cache c = {
		.w = w, .o = o, .dir = cryo_git_cache_dir(w->url), .lock = -1
	};
	bool ask = o->update && !o->offline && w->ref;
	int rc = cryo_git_known(w, out, err);

	cryo_fs_touch(c.dir, false);
	if (rc < 0 || (!ask && is_cache_enough(&c, out)))
		return rc;
	if (o->offline)
		return *out && is_commit_cached(c.dir, out) ? 0 : report_missing_commit(w, err);
	rc = open_cache_locked(&c, err);
	if (rc < 0)
		return rc;
	/* Somebody else may have done it while we waited. */
	rc = cryo_git_known(w, out, err);
	if (rc < 0 || (!ask && is_cache_enough(&c, out)))
		return rc;
	return obtain_commit_locked(&c, out, err);
}
