/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repositories through libgit2, and the network through the git program. One bare cache per address
 * below <cache>/git/<hash of the address>; a commit counts as there when the cache has a reference
 * refs/cryopod/<commit>, which is made last, when all its objects are. Beside the cache lies
 * <hash>.pins, which tells what a branch or tag stood for when it was last asked. No function but
 * cryo_git_obtain() uses the network.
 */
#ifndef CRYO_GIT_GIT_H
#define CRYO_GIT_GIT_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define CRYO_COMMIT_HEX 65 /* SHA-1 or SHA-256 in hex and NUL */

struct cryo_fetch_opts {
	bool offline;	  /* only what the caches hold; what is missing is said */
	bool update;	  /* ask the server again where a branch or tag stands, and follow it */
	bool force;	  /* a tree that was changed by hand is made anew instead of refused */
	bool history;	  /* all of it, not only the one commit */
	int64_t quiet_ms; /* the longest a server may say nothing; 0: two minutes */
	/* "PREFIX=PATH-or-URL", NULL-terminated or NULL: before those of the user's files
	 * ($XDG_CONFIG_HOME/cryopod/mirrors, /etc/cryopod/mirrors). */
	const char *const *mirrors;
};

bool cryo_git_is_full(const char *commit); /* 40 or 64 hex digits */
bool cryo_git_is_ref(const char *name);	   /* "main", "v1.2.3", "refs/heads/main" */
/* Relative, every part a real name, none ".git": nothing that leads out of a tree. */
bool cryo_git_is_path(const char *path);

struct cryo_git_want {
	const char *url;    /* of the stack: the cache's name; mirrors only change whom we ask */
	const char *ref;    /* or NULL */
	const char *commit; /* full or shortened, or NULL */
};

/* The full commit as far as it is known here: pinned, or written down; "" if not. */
int cryo_git_known(const struct cryo_git_want *w, char out[CRYO_COMMIT_HEX], struct cryo_err *err);
/* Is all of this commit in the cache? */
bool cryo_git_has(const char *url, const char *commit);
/* See to it that it is; fetches only what is missing. */
int cryo_git_obtain(const struct cryo_git_want *w, const struct cryo_fetch_opts *o,
		    char out[CRYO_COMMIT_HEX], struct cryo_err *err);

struct cryo_git_submodule {
	char *path, *url; /* url: resolved and checked */
	bool left_out;	  /* `update = none`: only for who asks for it by name */
	char commit[CRYO_COMMIT_HEX];
};
struct cryo_git_submodules {
	struct cryo_git_submodule *v;
	size_t n;
};
/*
 * The submodules of a cached commit, from its .gitmodules and its tree: those that
 * have both an address and a commit. `only`: just that path, refused if it is none.
 */
int cryo_git_submodules(const char *url, const char *commit, const char *only,
			struct cryo_git_submodules *out, struct cryo_err *err);
void cryo_git_submodules_release(struct cryo_git_submodules *s);
#define cryo_git_submodules_releasep cryo_git_submodules_release

/* What a checked-out tree has as submodules and `s` has not, for want of an entry; appended. */
void cryo_git_find_unnamed(const char *dir, const struct cryo_git_submodules *s,
			   struct cryo_strv *paths);

/* A repository with a work tree at `dir` (empty or not there), its objects in the cache. */
int cryo_git_checkout(const char *url, const char *commit, const char *dir, struct cryo_err *err);
/* Its history is as long as the cache has it now: `--history` counts for trees made before. */
int cryo_git_share_history(const char *url, const char *dir, struct cryo_err *err);
/* All that is in `dir` becomes the one commit of a repository there. */
int cryo_git_import(const char *dir, const char *message, struct cryo_err *err);

struct cryo_git_state {
	char head[CRYO_COMMIT_HEX];
	size_t changed; /* files that differ from it, unknown ones included */
	char *first;	/* one of them, or NULL */
};
/* -CRYO_E_PROVISION: no repository, or one whose objects are gone. */
int cryo_git_state(const char *dir, struct cryo_git_state *out, struct cryo_err *err);
void cryo_git_state_release(struct cryo_git_state *s);
#define cryo_git_state_releasep cryo_git_state_release

struct cryo_git_base {
	char commit[CRYO_COMMIT_HEX]; /* where both histories were last one */
	size_t ahead, behind;	      /* commits since then, of ours and of theirs */
};
/* -CRYO_E_CHECK: there is none, or not enough history is cached to tell. */
int cryo_git_base(const char *url, const char *commit, const char *other_url,
		  const char *other_commit, struct cryo_git_base *out, struct cryo_err *err);

/* --- fetch.c: the network --- */

struct cryo_git_ref {
	char *name; /* "refs/heads/main" */
	char commit[CRYO_COMMIT_HEX];
};
struct cryo_git_refs {
	struct cryo_git_ref *v;
	size_t n;
};
struct cryo_gitfetch {
	const char *dir;   /* of the cache */
	const char *ask;   /* whom */
	const char *shown; /* how it is called in messages */
	int64_t quiet_ms;
};
int cryo_gitfetch_list(const struct cryo_gitfetch *f, struct cryo_git_refs *out,
		       struct cryo_err *err);
void cryo_git_refs_release(struct cryo_git_refs *r);
#define cryo_git_refs_releasep cryo_git_refs_release
/*
 * One commit into refs/cryopod/<commit>: alone if `shallow`, else with its history,
 * also what was missing of it. *no_such: the server has no such commit; *cannot: it
 * does not hand out single commits, take all of it.
 */
int cryo_gitfetch_commit(const struct cryo_gitfetch *f, const char *commit, bool shallow,
			 bool *no_such, bool *cannot, struct cryo_err *err);
/* All branches and tags below refs/cryopod-all/. */
int cryo_gitfetch_all(const struct cryo_gitfetch *f, struct cryo_err *err);

/* --- cache.c --- */

/* <cache>/git/<hash>; caller frees. */
char *cryo_git_cache_dir(const char *url);

/* --- lib.c --- */

/* libgit2 is initialized once, with limits of ours. */
void cryo_git_ready(void);
/* libgit2's last words: "<text>: <its message>"; no space is -CRYO_E_UNFIT. */
int cryo_git_err(struct cryo_err *err, enum cryo_status status, const char *fmt, ...)
    CRYO_PRINTF(3, 4);

#endif
