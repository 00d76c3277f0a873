/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/hash.h"

#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct cryo_hash {
	EVP_MD_CTX *ctx;
};

bool cryo_hash_is_hex(const char *text)
{
	return text && strlen(text) == CRYO_HASH_HEX - 1 &&
	       strspn(text, "0123456789abcdef") == CRYO_HASH_HEX - 1;
}

struct cryo_hash *cryo_hash_new(void)
{
	struct cryo_hash *h = cryo_alloc(sizeof(*h));

	h->ctx = EVP_MD_CTX_new();
	/* Without SHA-256 there is no OpenSSL worth the name: end like without memory. */
	if (!h->ctx || !EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL))
		abort();
	return h;
}

void cryo_hash_add(struct cryo_hash *h, const void *data, size_t n)
{
	EVP_DigestUpdate(h->ctx, data, n);
}

void cryo_hash_item(struct cryo_hash *h, const char *text)
{
	char len[32];
	int n = snprintf(len, sizeof(len), "%zu:", strlen(text));

	cryo_hash_add(h, len, (size_t)n);
	cryo_hash_add(h, text, strlen(text));
}

void cryo_hash_hex(struct cryo_hash *h, char out[CRYO_HASH_HEX])
{
	unsigned char md[32];

	EVP_DigestFinal_ex(h->ctx, md, NULL);
	for (size_t i = 0; i < sizeof(md); i++)
		snprintf(out + 2 * i, 3, "%02x", md[i]);
}

void cryo_hash_free(struct cryo_hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void cryo_hash_bytes(const void *data, size_t n, char out[CRYO_HASH_HEX])
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();

	cryo_hash_add(h, data, n);
	cryo_hash_hex(h, out);
}

int cryo_hash_file(const char *path, char out[CRYO_HASH_HEX], struct cryo_err *err)
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();
	cryo_auto(cryo_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[65536];
	ssize_t n = -1;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		cryo_hash_add(h, buf, (size_t)n);
	if (n < 0)
		return cryo_err_sys(err, errno, "cannot read '%s'", path);
	cryo_hash_hex(h, out);
	return 0;
}

static int compare_hash_names(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int hash_tree_entry(struct cryo_hash *h, const FTSENT *e, size_t skip, struct cryo_err *err)
{
	char text[PATH_MAX];
	ssize_t n;
	int rc;

	cryo_hash_item(h, e->fts_path + skip);
	snprintf(text, sizeof(text), "%o", e->fts_statp->st_mode);
	cryo_hash_item(h, text);
	if (e->fts_info == FTS_SL || e->fts_info == FTS_SLNONE) {
		n = readlink(e->fts_accpath, text, sizeof(text) - 1);
		if (n < 0)
			return cryo_err_sys(err, errno, "cannot read link '%s'", e->fts_path);
		text[n] = '\0';
		cryo_hash_item(h, text);
	} else if (e->fts_info == FTS_F) {
		rc = cryo_hash_file(e->fts_accpath, text, err);
		if (rc < 0)
			return rc;
		cryo_hash_item(h, text);
	}
	return 0;
}

int cryo_hash_tree(const char *dir, char out[CRYO_HASH_HEX], struct cryo_err *err)
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();
	cryo_auto(cryo_free) char *root = cryo_strdup(dir);
	char *const roots[] = { root, NULL };
	size_t skip = strlen(root);
	FTSENT *e;
	FTS *fts;
	int rc = 0;

	/* "dir/" is the same tree: names inside begin behind the slash in both cases. */
	while (skip > 1 && root[skip - 1] == '/')
		root[--skip] = '\0';
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, compare_hash_names);
	if (!fts)
		return cryo_err_sys(err, errno, "cannot read '%s'", dir);
	while (rc == 0 && (e = fts_read(fts))) {
		if (e->fts_info == FTS_DP)
			continue;
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS)
			rc = cryo_err_sys(err, e->fts_errno, "cannot read '%s'", e->fts_path);
		else
			rc = hash_tree_entry(h, e, skip, err);
	}
	fts_close(fts);
	if (rc == 0)
		cryo_hash_hex(h, out);
	return rc;
}
