/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A patch series: a directory of NNNN-name.patch in git's mail format, applied in
 * the order of their names. Paths in them are those of the project's git
 * repository. This file finds them; patches/mail.h reads them, patches/apply.h puts them
 * on a tree.
 */
#ifndef CRYO_PATCHES_SERIES_H
#define CRYO_PATCHES_SERIES_H

#include "base/err.h"
#include "base/str.h"
#include "sys/hash.h"

struct cryo_mail {
	char *author, *email;
	char *date;		 /* as it stands there; "" if it has none */
	char *subject;		 /* without "[PATCH 1/3]"; NULL: none */
	struct cryo_str message; /* of the commit */
	struct cryo_str diff;	 /* decoded, text */
};

struct cryo_mails {
	struct cryo_mail *v;
	size_t n;
};

struct cryo_patch {
	char *name;		    /* of its file, "0001-kubelet-read-a-body.patch" */
	char *path;		    /* of its file, for messages */
	struct cryo_str text;	    /* one mail, or several as an mbox */
	char sha256[CRYO_HASH_HEX]; /* of the file */
	struct cryo_mails mails;    /* none until patches/mail.h has read them */
};

struct cryo_series {
	char *dir;
	struct cryo_patch *patch;
	size_t n;
};

/*
 * All patches of the directory; files that do not end in ".patch" do not count.
 * -CRYO_E_CONFIG for a name that is not NNNN-….patch, a number that is there
 * twice, a directory without patches.
 */
int cryo_series_load(const char *dir, struct cryo_series *out, struct cryo_err *err);
/* The same, but a directory that is not there or has no patch yet is a series of none. */
int cryo_series_load_any(const char *dir, struct cryo_series *out, struct cryo_err *err);
void cryo_series_release(struct cryo_series *s);
#define cryo_series_releasep cryo_series_release
/* Adds names and contents. */
void cryo_series_hash(const struct cryo_series *s, struct cryo_hash *h);

/* `path` is for messages and, its last part, the patch's name. */
void cryo_patch_make(const char *path, const char *text, size_t len, struct cryo_patch *out);
void cryo_patch_release(struct cryo_patch *p);

#endif
