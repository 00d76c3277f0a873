/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages beside an image: of an archive that is restored, the container runtime gets everything but
 * the contents of pages-N.img. These stay in the archive on the node, in CRYO_PAGES_DIR under a
 * name made of what it holds, and a file CRYO_PAGES_REF among CRIU's images says where: cryopod
 * writes it, the interposer reads it. Images may come from anybody, so it is hostile input: it
 * names nothing but a file of that directory.
 *
 * It fits into a static program: nothing but base/, sys/ and conf/json stands behind it.
 */
#ifndef CRYO_CRIU_PAGES_H
#define CRYO_CRIU_PAGES_H

#include "base/err.h"
#include "base/str.h"
#include "sys/hash.h"

#define CRYO_PAGES_REF	   "cryopod-pages.json"
#define CRYO_PAGES_REF_MAX (1u << 20)
#define CRYO_PAGES_DIR	   "/var/lib/cryopod/pages" /* on the node: of root, 0700 */

struct cryo_pages_file {
	char name[32];		 /* "pages-1.img" */
	uint64_t at, size;	 /* where it is in the source */
	char sum[CRYO_HASH_HEX]; /* cryo_pages_sum(); "": its set is sealed, and tells by itself */
	uint64_t header;	 /* of an archive: where its member begins, headers included */
};

struct cryo_pages {
	char source[CRYO_HASH_HEX]; /* name of the file that holds them */
	struct cryo_pages_file *file;
	size_t n;
};

bool cryo_pages_is_name(const char *name);
const struct cryo_pages_file *cryo_pages_find(const struct cryo_pages *p, const char *name);
/* The text of a reference. -CRYO_E_CONFIG: it is not one. After a failure *out is released. */
int cryo_pages_parse(const char *text, size_t n, struct cryo_pages *out, struct cryo_err *err);
void cryo_pages_show(const struct cryo_pages *p, struct cryo_str *out); /* appended */
void cryo_pages_release(struct cryo_pages *p);
#define cryo_pages_releasep cryo_pages_release

/*
 * The sum of a stretch of `in` (SHA-256 of the SHA-256 of each MiB of it, as hex digits, one behind
 * the other), on all processors; with `out` (-1: none) the same bytes are written there, from its
 * beginning: what was summed up is what was written. -CRYO_E_TAMPER: `in` is too short.
 */
int cryo_pages_sum(int in, uint64_t at, uint64_t size, int out, char sum[CRYO_HASH_HEX],
		   struct cryo_err *err);

#endif
