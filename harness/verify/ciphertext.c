/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/ciphertext.h"

#include "criu/contents.h"
#include "criu/entry.h"
#include "image/tar.h"
#include "seal/set.h"
#include "verify/canary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CMS    CRYO_ARCHIVE_IMAGES CRYO_SEAL_CMS_NAME
#define CIPHER CRYO_ARCHIVE_IMAGES "cipher.img"

/* The form of a sealed file as docs/seal-format.md has it, not as the library that made it does. */
#define SEGMENT	    (1 << 20)
#define HEADER	    40
#define HEADER_MARK 0x28
#define TAG	    16
/* Every page size is a multiple of it. */
#define PAGE 4096

#define PIECE (256 << 10)
#define HEAD  64 /* bytes of a member that tell what it is */

struct look {
	const char *canary; /* NULL: none known */
	char *piece;
	size_t images;
	bool sealed, forked;		 /* seal.cms, cipher.img */
	enum cryo_ciphertext_reason bad; /* of the first member that is not as it should be */
	char *bad_name;
	uint64_t hits, first; /* of the canary, in members */
	char *first_name;
};

static void look_releasep(struct look *l)
{
	free(l->piece);
	free(l->bad_name);
	free(l->first_name);
}

/* For programs, and (behind a member's name) for people. */
static const struct {
	const char *name, *text;
} reason[] = {
	[CRYO_CIPHERTEXT_OK] = { "ok", NULL },
	[CRYO_CIPHERTEXT_READABLE] = { "readable", NULL },
	[CRYO_CIPHERTEXT_NOT_SEALED] = { "not-sealed", "is not there" },
	[CRYO_CIPHERTEXT_BAD_CMS] = { "bad-cms", "is not a CMS message that could hold a key" },
	[CRYO_CIPHERTEXT_PLAIN_MEMBER] = { "plain-member", "does not begin like a sealed file" },
	[CRYO_CIPHERTEXT_BAD_SIZE] = { "bad-size", "has a size that no sealed file has" },
	[CRYO_CIPHERTEXT_NO_IMAGES] = { "no-images", "exists, but nothing is sealed" },
	[CRYO_CIPHERTEXT_NO_CANARY] = { "no-canary", NULL },
	[CRYO_CIPHERTEXT_CLEAR_PARTS] = { "clear-parts", NULL },
};

const char *cryo_ciphertext_reason_name(enum cryo_ciphertext_reason r)
{
	return reason[r].name;
}

/* An image by its place, or by its name wherever it is. */
static bool is_image_member(const char *name)
{
	const char *image = cryo_criu_image_of(name);

	return image ? !cryo_seal_is_public(image) : cryo_ends_with(name, ".img");
}

/* Outermost content type of a CMS: authenticated encryption, or that in a signature. */
static bool is_cms_content(const char *head, size_t n)
{
	static const char enveloped[] = "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";
	static const char of_a_maker[] = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";

	return n > 0 && head[0] == 0x30 &&
	       (memmem(head, n, enveloped, sizeof(enveloped) - 1) ||
		memmem(head, n, of_a_maker, sizeof(of_a_maker) - 1));
}

/*
 * Memory comes in whole pages: as header and tags never add up to a page, no
 * plain pages-N.img passes, whatever its first byte is.
 */
static bool is_sealed_size(const char *name, uint64_t size)
{
	const char *slash = strrchr(name, '/');
	uint64_t segments = (size + SEGMENT - 1) / SEGMENT, last, plain;

	if (size < HEADER + TAG)
		return false;
	last = size - (segments - 1) * SEGMENT;
	plain = size - HEADER - segments * TAG;
	if (segments > 1 && last <= TAG)
		return false;
	return !cryo_starts_with(slash ? slash + 1 : name, "pages-") || plain % PAGE == 0;
}

static enum cryo_ciphertext_reason judge_image_member(const struct cryo_tar_entry *e,
						      const char *head, size_t n)
{
	if (n == 0 || head[0] != HEADER_MARK)
		return CRYO_CIPHERTEXT_PLAIN_MEMBER;
	return is_sealed_size(e->name, e->size) ? CRYO_CIPHERTEXT_OK : CRYO_CIPHERTEXT_BAD_SIZE;
}

static void judge_archive_member(struct look *l, const struct cryo_tar_entry *e, const char *head,
				 size_t n)
{
	enum cryo_ciphertext_reason bad = CRYO_CIPHERTEXT_OK;

	l->forked = l->forked || (strcmp(e->name, CIPHER) == 0 && e->size > 0);
	if (strcmp(e->name, CMS) == 0) {
		l->sealed = true;
		if (!is_cms_content(head, n))
			bad = CRYO_CIPHERTEXT_BAD_CMS;
	} else if (is_image_member(e->name)) {
		bad = judge_image_member(e, head, n);
		l->images += bad == CRYO_CIPHERTEXT_OK;
	}
	if (bad != CRYO_CIPHERTEXT_OK && !l->bad_name) {
		l->bad = bad;
		l->bad_name = cryo_strdup(e->name);
	}
}

static int visit_archive_member(struct cryo_tar_reader *r, const struct cryo_tar_entry *e,
				void *arg, struct cryo_err *err)
{
	struct look *l = arg;
	struct cryo_search search;
	char head[HEAD];
	size_t have = 0;
	ssize_t n;

	(void)err;
	if (e->is_dir)
		return 0;
	if (l->canary)
		cryo_search_begin(&search, l->canary);
	/* -1: the walk fails by itself. */
	while ((n = cryo_tar_read(r, l->piece, PIECE)) > 0) {
		size_t take = (size_t)n < HEAD - have ? (size_t)n : HEAD - have;

		memcpy(head + have, l->piece, take);
		have += take;
		if (l->canary)
			cryo_search_feed(&search, l->piece, (size_t)n);
	}
	if (l->canary && search.hits > 0 && !l->first_name) {
		l->first = search.first;
		l->first_name = cryo_strdup(e->name);
	}
	l->hits += l->canary ? search.hits : 0;
	judge_archive_member(l, e, head, have);
	return 0;
}

static void report_bad_member(struct cryo_ciphertext *v, enum cryo_ciphertext_reason r,
			      const char *name)
{
	v->reason = r;
	snprintf(v->text, sizeof(v->text), "'%s' %s", name, reason[r].text);
}

static void report_readable(struct cryo_ciphertext *v, const struct look *l, uint64_t raw_first)
{
	const char *name = l->first_name ? l->first_name : "the archive, outside of its members";
	const char *quote = l->first_name ? "'" : "";

	v->reason = CRYO_CIPHERTEXT_READABLE;
	snprintf(v->text, sizeof(v->text),
		 "the canary can be read %" PRIu64 " %s, first at byte %" PRIu64 " of %s%s%s",
		 v->hits, v->hits == 1 ? "time" : "times", l->first_name ? l->first : raw_first,
		 quote, name, quote);
}

static void report_sealed(struct cryo_ciphertext *v, const struct look *l)
{
	v->reason = l->canary ? CRYO_CIPHERTEXT_OK : CRYO_CIPHERTEXT_NO_CANARY;
	snprintf(v->text, sizeof(v->text), "%zu %s sealed, %s", l->images,
		 l->images == 1 ? "image" : "images",
		 l->canary ? "the canary is nowhere in the archive"
			   : "but no nonce is known, so there is no canary to look for");
}

/* The form of each image; that memory is ciphertext only the canary can show. */
static void report_forked(struct cryo_ciphertext *v, const struct look *l,
			  const struct cryo_forked *f)
{
	cryo_auto(cryo_free) char *clear = cryo_strv_join(&f->clear, ", ");
	cryo_auto(cryo_free) char *plain = cryo_strv_join(&f->plain, ", ");

	v->sealed = true;
	v->images = f->encrypted;
	v->reason = f->plain.n	 ? CRYO_CIPHERTEXT_PLAIN_MEMBER
		    : f->clear.n ? CRYO_CIPHERTEXT_CLEAR_PARTS
		    : l->canary	 ? CRYO_CIPHERTEXT_OK
				 : CRYO_CIPHERTEXT_NO_CANARY;
	if (f->plain.n || f->clear.n)
		snprintf(v->text, sizeof(v->text), "%zu images fork-encrypted, but not %s",
			 f->encrypted, f->plain.n ? plain : clear);
	else
		snprintf(v->text, sizeof(v->text), "%zu images fork-encrypted, %s", f->encrypted,
			 l->canary ? "the canary is nowhere in the archive"
				   : "but no nonce is known, so there is no canary to look for");
}

static int judge_forked(const char *path, const struct look *l, struct cryo_ciphertext *v,
			struct cryo_err *err)
{
	cryo_auto(cryo_contents_release) struct cryo_contents c = { 0 };
	int rc = cryo_contents_load(path, &c, err);

	if (rc == 0)
		report_forked(v, l, &c.forked);
	return rc;
}

static void conclude_ciphertext(struct cryo_ciphertext *v, const struct look *l, uint64_t raw_first)
{
	if (v->hits > 0)
		report_readable(v, l, raw_first);
	else if (!l->sealed)
		report_bad_member(v, CRYO_CIPHERTEXT_NOT_SEALED, CMS);
	else if (l->bad_name)
		report_bad_member(v, l->bad, l->bad_name);
	else if (l->images == 0)
		report_bad_member(v, CRYO_CIPHERTEXT_NO_IMAGES, CMS);
	else
		report_sealed(v, l);
}

int cryo_ciphertext_judge(const char *path, const char *nonce, struct cryo_ciphertext *out,
			  struct cryo_err *err)
{
	cryo_auto(look_release) struct look l = { .piece = cryo_alloc(PIECE) };
	struct cryo_search raw = { 0 };
	char canary[CRYO_CANARY_LEN];
	int rc;

	*out = (struct cryo_ciphertext){ 0 };
	if (cryo_canary_text(nonce, canary))
		l.canary = canary;
	rc = cryo_tar_walk(path, visit_archive_member, &l, err);
	if (rc == 0 && l.canary) {
		cryo_search_begin(&raw, canary);
		rc = cryo_search_file(&raw, path, err);
	}
	if (rc < 0)
		return rc;
	out->sealed = l.sealed;
	out->images = l.images;
	/* A member of a compressed archive shows only in the walk, padding only in the bytes. */
	out->hits = raw.hits > l.hits ? raw.hits : l.hits;
	if (out->hits == 0 && l.forked && !l.sealed)
		return judge_forked(path, &l, out, err);
	conclude_ciphertext(out, &l, raw.first);
	return 0;
}
