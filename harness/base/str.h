/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte string (always NUL-terminated, may hold NULs) and a growing,
 * NULL-terminated vector of owned strings. Both start from zeroed memory
 * (`= { 0 }`); release may be called at any time after that, also twice.
 */
#ifndef CRYO_BASE_STR_H
#define CRYO_BASE_STR_H

#include "base/util.h"

struct cryo_str {
	char *p; /* owned; NULL while nothing was added: use cryo_str_get() */
	size_t len;
	size_t cap;
};

void cryo_str_add(struct cryo_str *s, const char *text);
void cryo_str_addn(struct cryo_str *s, const void *data, size_t n);
void cryo_str_addf(struct cryo_str *s, const char *fmt, ...) CRYO_PRINTF(2, 3);
/* One word of a POSIX shell: as it is if nothing in it is special, else in single quotes. */
void cryo_str_add_quoted(struct cryo_str *s, const char *word);
const char *cryo_str_get(const struct cryo_str *s); /* "" if empty, never NULL */
void cryo_str_clear(struct cryo_str *s);	    /* length 0, keeps the memory */
char *cryo_str_detach(struct cryo_str *s);	    /* caller's; never NULL */
void cryo_str_release(struct cryo_str *s);
#define cryo_str_releasep                                                                          \
	cryo_str_release /* cryo_auto(cryo_str_release) struct cryo_str s = { 0 } */

struct cryo_strv {
	char **v; /* owned, NULL-terminated once something was added */
	size_t n;
};

void cryo_strv_add(struct cryo_strv *sv, const char *s); /* copies */
void cryo_strv_addf(struct cryo_strv *sv, const char *fmt, ...) CRYO_PRINTF(2, 3);
void cryo_strv_take(struct cryo_strv *sv, char *s); /* takes */
/* Adds all up to the NULL: cryo_strv_addl(&sv, "a", "b", NULL). */
void cryo_strv_addl(struct cryo_strv *sv, ...) __attribute__((sentinel));
void cryo_strv_addv(struct cryo_strv *sv, const char *const *list); /* copies; NULL is empty */
const char *const *cryo_strv_get(const struct cryo_strv *sv);	    /* never NULL */
bool cryo_strv_has(const struct cryo_strv *sv, const char *s);
char *cryo_strv_join(const struct cryo_strv *sv, const char *sep);
void cryo_strv_release(struct cryo_strv *sv);
#define cryo_strv_releasep cryo_strv_release

/* A DNS label of at most `max` characters (lower case, digits, dashes inside): safe as a path, a
 * control group, a context, a name of Kubernetes. */
bool cryo_is_label(const char *s, size_t max);

/* Standard base64 with padding (RFC 4648, section 4); caller frees. */
char *cryo_base64(const void *data, size_t n);
/* The bytes of such a text, appended; false (and nothing appended) if it is none. */
bool cryo_base64_decode(const char *text, struct cryo_str *out);

/* Of a text of more than `max` (10 or more) bytes the middle becomes "...": names are long, and
 * reasons stand at the end. Never half a character. */
void cryo_cut_middle(char *text, size_t max);

/*
 * The candidate nearest to `word` (edit distance, at most a third of its length
 * and 3), for "did you mean". NULL if none is near. Borrows from `candidates`.
 */
const char *cryo_nearest(const char *word, const char *const *candidates);

#endif
