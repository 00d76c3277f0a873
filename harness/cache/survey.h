/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of cache/: everything that lies in the cache, and what is to become of it. */
#ifndef CRYO_CACHE_SURVEY_H
#define CRYO_CACHE_SURVEY_H

#include "cache/cache.h"
#include "cache/refs.h"

struct cache_survey;

struct cache_item {
	const char *kind;
	char *name, *path;
	char *component, *stamp; /* of a build; else NULL */
	char *key;		 /* of a template; else NULL */
	struct cryo_strv users;	 /* who they are, or why it stays */
	bool pinned;		 /* not even `all` removes it */
	bool goes;
	uint64_t bytes;	   /* 0 until cache_item_measure() */
	int64_t changed_s; /* when it was used last, roughly */
};

struct cache_survey {
	const struct cryo_cache_opts *o;
	struct cache_refs refs;
	bool busy; /* somebody builds or reads sources: what that could need is pinned */
	struct cache_item *item;
	size_t n;
};

/* In this order: what one kind keeps may depend on what of the kinds before goes. */
int cache_survey_make(const struct cryo_cache_opts *o, bool busy, struct cache_survey *out,
		      struct cryo_err *err);
void cache_survey_release(struct cache_survey *s);
#define cache_survey_releasep cache_survey_release

/* Takes `path`, copies `name`. Valid until the next one is added. */
struct cache_item *cache_survey_add(struct cache_survey *s, const char *kind, const char *name,
				    char *path);
void cache_item_use(struct cache_item *i, const char *who);
void cache_item_pin(struct cache_item *i, const char *why);
void cache_item_measure(struct cache_item *i);
void cache_item_release(struct cache_item *i);
/* Who refers to that build, but for templates that go. */
void cache_item_find_users(const struct cache_survey *s, struct cache_item *i);

/* The kinds: add what there is of them, with its users. */
int cache_scan_templates(struct cache_survey *s, struct cryo_err *err);
int cache_scan_builds(struct cache_survey *s, struct cryo_err *err);
int cache_scan_roots(struct cache_survey *s, struct cryo_err *err);
int cache_scan_trees(struct cache_survey *s, struct cryo_err *err);
int cache_scan_repositories(struct cache_survey *s, struct cryo_err *err);
int cache_scan_archives(struct cache_survey *s, struct cryo_err *err);
int cache_scan_go(struct cache_survey *s, struct cryo_err *err);
int cache_scan_rest(struct cache_survey *s, struct cryo_err *err);
int cache_scan_peoples(struct cache_survey *s, struct cryo_err *err);

/* Names in a directory of the cache ("builds/node"), sorted; those that begin with a dot too. */
void cache_names(const char *below, struct cryo_strv *names);
char *cache_path(const char *below, const char *name); /* caller frees */
/* As many hex digits as that, and nothing else. */
bool cache_is_hex(const char *name, size_t digits);

#endif
