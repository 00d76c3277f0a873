/* SPDX-License-Identifier: Apache-2.0 */
#include "source/source.h"

#include "base/mask.h"
#include "source/kinds.h"
#include "sys/fs.h"

#include <ctype.h>
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- module: through the Go tool, from the module proxy --- */

static const struct cryo_field module_rows[] = {
	{ "module", CRYO_FIELD_STR, offsetof(struct cryo_source, module), true },
	{ "version", CRYO_FIELD_STR, offsetof(struct cryo_source, version), true },
	{ "sum", CRYO_FIELD_STR, offsetof(struct cryo_source, sum), false },
	{ 0 },
};

static int check_module_source(const struct cryo_node *n, const char *base, struct cryo_source *src,
			       struct cryo_err *err)
{
	const char *v = src->version;

	(void)base;
	if (!isalnum((unsigned char)src->module[0]) ||
	    !cryo_source_has_only(src->module, "-._~/") || strstr(src->module, ".."))
		return cryo_node_err(cryo_node_get(n, "module"), err,
				     "'%s' is not a valid module path", src->module);
	if (!cryo_source_is_version(v))
		return cryo_node_err(cryo_node_get(n, "version"), err,
				     "'%s' is not an exact version such as v1.2.3", v);
	if (src->sum && (!cryo_starts_with(src->sum, "h1:") || strlen(src->sum) != 47 ||
			 !cryo_source_has_only(src->sum + 3, "+/=")))
		return cryo_node_err(
		    cryo_node_get(n, "sum"), err,
		    "'%s' is not a checksum as in go.sum (h1:… with 44 characters)", src->sum);
	return 0;
}

static char *describe_module_source(const struct cryo_source *src)
{
	return cryo_asprintf("%s %s", src->module, src->version);
}

static int hash_module_source(const struct cryo_source *src, struct cryo_hash *h,
			      struct cryo_err *err)
{
	(void)err;
	cryo_hash_item(h, src->module);
	cryo_hash_item(h, src->version);
	cryo_hash_item(h, src->sum ? src->sum : "");
	return 0;
}

/* --- dir: a tree on this machine --- */

static const struct cryo_field dir_rows[] = {
	{ "dir", CRYO_FIELD_STR, offsetof(struct cryo_source, dir), true },
	{ 0 },
};

static int check_dir_source(const struct cryo_node *n, const char *base, struct cryo_source *src,
			    struct cryo_err *err)
{
	char *absolute;

	if (!src->dir[0])
		return cryo_node_err(n, err, "'dir' is empty");
	if (src->dir[0] == '/')
		return 0;
	absolute = cryo_asprintf("%s/%s", base, src->dir);
	free(src->dir);
	src->dir = absolute;
	return 0;
}

static char *describe_dir_source(const struct cryo_source *src)
{
	return cryo_strdup(src->dir);
}

static int source_compare_entries(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void hash_file_stat(struct cryo_hash *h, const char *name, const struct stat *st)
{
	char text[128];

	cryo_hash_item(h, name);
	snprintf(text, sizeof(text), "%o", st->st_mode);
	cryo_hash_item(h, text);
	if (S_ISDIR(st->st_mode))
		return;
	snprintf(text, sizeof(text), "%jd %jd.%09ld %jd.%09ld", (intmax_t)st->st_size,
		 (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (intmax_t)st->st_ctim.tv_sec,
		 st->st_ctim.tv_nsec);
	cryo_hash_item(h, text);
}

/*
 * Names, modes, sizes and times, as make and git's index do it: Kubernetes has
 * 25000 files and 300 MB, whose contents take seconds to hash. The change time
 * cannot be set back, so no edit is missed; a false alarm (a fresh checkout)
 * costs little, as the Go build cache looks at contents.
 */
static int hash_dir_source(const struct cryo_source *src, struct cryo_hash *h, struct cryo_err *err)
{
	char *const roots[] = { src->dir, NULL };
	FTS *fts;
	FTSENT *e;
	int rc = 0;

	if (!cryo_fs_is_dir(src->dir))
		return cryo_err_set(err, CRYO_E_CONFIG, "no directory '%s'", src->dir);
	cryo_hash_item(h, src->dir);
	fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, source_compare_entries);
	if (!fts)
		return cryo_err_sys(err, errno, "cannot read '%s'", src->dir);
	while (rc == 0 && (e = fts_read(fts))) {
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS)
			rc = cryo_err_sys(err, e->fts_errno, "cannot read '%s'", e->fts_path);
		else if (strcmp(e->fts_name, ".git") == 0)
			fts_set(fts, e, FTS_SKIP);
		else if (e->fts_info != FTS_DP)
			hash_file_stat(h, e->fts_path, e->fts_statp);
	}
	fts_close(fts);
	return rc;
}

/* --- debian: packages of a suite --- */

static const struct cryo_field debian_rows[] = {
	{ "suite", CRYO_FIELD_STR, offsetof(struct cryo_source, suite), true },
	{ "packages", CRYO_FIELD_STRV, offsetof(struct cryo_source, packages), true },
	{ 0 },
};

struct debian_outer {
	const struct cryo_node *debian;
};

static const struct cryo_field debian_outer_rows[] = {
	{ "debian", CRYO_FIELD_NODE, offsetof(struct debian_outer, debian), true },
	{ 0 },
};

static int check_debian_source(const struct cryo_node *n, const char *base, struct cryo_source *src,
			       struct cryo_err *err)
{
	struct debian_outer outer = { 0 };
	const struct cryo_node *list;
	int rc = cryo_node_decode(n, debian_outer_rows, &outer, err);

	(void)base;
	if (rc == 0)
		rc = cryo_node_decode(outer.debian, debian_rows, src, err);
	if (rc < 0)
		return rc;
	if (!cryo_source_is_name(src->suite))
		return cryo_node_err(outer.debian, err, "'%s' is not a valid name of a suite",
				     src->suite);
	list = cryo_node_get(outer.debian, "packages");
	for (size_t i = 0; i < src->packages.n; i++)
		if (!cryo_source_is_name(src->packages.v[i]))
			return cryo_node_err(list->child[i], err,
					     "'%s' is not a valid name of a package",
					     src->packages.v[i]);
	return 0;
}

static char *describe_debian_source(const struct cryo_source *src)
{
	return cryo_asprintf("Debian %s with %zu packages", src->suite, src->packages.n);
}

static int hash_debian_source(const struct cryo_source *src, struct cryo_hash *h,
			      struct cryo_err *err)
{
	(void)err;
	cryo_hash_item(h, src->suite);
	for (size_t i = 0; i < src->packages.n; i++)
		cryo_hash_item(h, src->packages.v[i]);
	return 0;
}

/* --- the table --- */

static const struct cryo_source_kind_ops module = { "module", module_rows, check_module_source,
						    describe_module_source, hash_module_source };
static const struct cryo_source_kind_ops dir = { "dir", dir_rows, check_dir_source,
						 describe_dir_source, hash_dir_source };
static const struct cryo_source_kind_ops debian = { "debian", NULL, check_debian_source,
						    describe_debian_source, hash_debian_source };

static const struct cryo_source_kind_ops *const kinds[] = {
	[CRYO_SOURCE_MODULE] = &module,
	[CRYO_SOURCE_DIR] = &dir,
	[CRYO_SOURCE_DEBIAN] = &debian,
	[CRYO_SOURCE_GIT] = &cryo_source_git,
	[CRYO_SOURCE_SUPERPROJECT] = &cryo_source_superproject,
	[CRYO_SOURCE_ARCHIVE] = &cryo_source_archive,
};

static int report_no_source_kind(const struct cryo_node *n, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv keys = { 0 };
	cryo_auto(cryo_free) char *all = NULL;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(kinds); i++)
		cryo_strv_add(&keys, kinds[i]->key);
	for (size_t i = 0; i < n->n; i++) {
		const char *near = cryo_nearest(n->key[i], cryo_strv_get(&keys));

		if (near)
			return cryo_err_set(err, CRYO_E_CONFIG,
					    "%s:%u: unknown key '%s', did you mean '%s'?", n->file,
					    n->key_line[i], n->key[i], near);
	}
	all = cryo_strv_join(&keys, ", ");
	return cryo_node_err(n, err, "a source needs one of: %s", all);
}

static int choose_source_kind(const struct cryo_node *n, enum cryo_source_kind *kind,
			      struct cryo_err *err)
{
	const char *chosen = NULL;

	if (n->kind != CRYO_NODE_MAP)
		return cryo_node_err(n, err, "a source is a map such as {dir: PATH}");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(kinds); i++) {
		if (!cryo_node_get(n, kinds[i]->key))
			continue;
		if (chosen)
			return cryo_node_err(n, err, "a source is either '%s' or '%s', not both",
					     chosen, kinds[i]->key);
		chosen = kinds[i]->key;
		*kind = (enum cryo_source_kind)i;
	}
	return chosen ? 0 : report_no_source_kind(n, err);
}

int cryo_source_decode(const struct cryo_node *n, const char *base, struct cryo_source *out,
		       struct cryo_err *err)
{
	int rc = choose_source_kind(n, &out->kind, err);

	if (rc == 0 && kinds[out->kind]->rows)
		rc = cryo_node_decode(n, kinds[out->kind]->rows, out, err);
	if (rc == 0)
		rc = kinds[out->kind]->check(n, base, out, err);
	return rc;
}

void cryo_source_release(struct cryo_source *src)
{
	free(src->module);
	free(src->version);
	free(src->sum);
	free(src->dir);
	free(src->suite);
	cryo_strv_release(&src->packages);
	free(src->git);
	free(src->superproject);
	free(src->path);
	free(src->ref);
	free(src->commit);
	free(src->archive);
	free(src->sha256);
	cryo_strv_release(&src->links_outside);
	*src = (struct cryo_source){ 0 };
}

bool cryo_source_takes_patches(const struct cryo_source *src)
{
	return src->kind != CRYO_SOURCE_DIR && src->kind != CRYO_SOURCE_DEBIAN;
}

char *cryo_source_show(const struct cryo_source *src)
{
	char *shown = kinds[src->kind]->show(src);

	cryo_mask_addresses(shown);
	return shown;
}

int cryo_source_fingerprint(const struct cryo_source *src, struct cryo_hash *h,
			    struct cryo_err *err)
{
	cryo_hash_item(h, kinds[src->kind]->key);
	return kinds[src->kind]->fingerprint(src, h, err);
}

const char *cryo_source_kind_name(const struct cryo_source *src)
{
	return kinds[src->kind]->key;
}
