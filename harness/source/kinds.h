/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of source/: a kind of source as a const object; source.c has the table. */
#ifndef CRYO_SOURCE_KINDS_H
#define CRYO_SOURCE_KINDS_H

#include "git/git.h"
#include "source/source.h"

struct cryo_source_kind_ops {
	const char *key;	       /* its presence chooses the kind */
	const struct cryo_field *rows; /* of the source map; NULL: check() decodes it */
	int (*check)(const struct cryo_node *n, const char *base, struct cryo_source *src,
		     struct cryo_err *err);
	char *(*show)(const struct cryo_source *src);
	int (*fingerprint)(const struct cryo_source *src, struct cryo_hash *h,
			   struct cryo_err *err);
};

/* Letters, digits and these. */
bool cryo_source_has_only(const char *s, const char *punctuation);
/* What it asks a repository for; no address: it is not from git. */
struct cryo_git_want cryo_source_want(const struct cryo_source *src);

extern const struct cryo_source_kind_ops cryo_source_git, cryo_source_superproject,
    cryo_source_archive;

#endif
