/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of source that become trees: git, superproject, archive. */
#include "git/git.h"
#include "source/kinds.h"
#include "source/tree.h"
#include "git/url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int check_commit(const struct cryo_node *n, const struct cryo_source *src,
			struct cryo_err *err)
{
	const char *c = src->commit;

	if (!src->ref && !c)
		return cryo_node_err(n, err, "a source from git needs 'ref', 'commit' or both");
	if (!c)
		return 0;
	if (strlen(c) < 8 || strlen(c) > 64 || c[strspn(c, "0123456789abcdef")])
		return cryo_node_err(cryo_node_get(n, "commit"), err,
				     "'%s' is not a valid commit (8 to 64 of 0-9a-f)", c);
	if (!src->ref && !cryo_git_is_full(c))
		return cryo_node_err(cryo_node_get(n, "commit"), err,
				     "commit '%s' is shortened: that needs the 'ref' it is on", c);
	return 0;
}

static int check_ref_field(const struct cryo_node *n, const struct cryo_source *src,
			   struct cryo_err *err)
{
	if (src->ref && !cryo_git_is_ref(src->ref))
		return cryo_node_err(cryo_node_get(n, "ref"), err,
				     "'%s' is not a valid name of a branch or tag", src->ref);
	return check_commit(n, src, err);
}

/* It ends up in the linker's flags. */
static int check_version(const struct cryo_node *n, const struct cryo_source *src,
			 struct cryo_err *err)
{
	const char *v = src->version;

	if (!v || (v[0] == 'v' && isdigit((unsigned char)v[1]) && cryo_source_is_name(v)))
		return 0;
	return cryo_node_err(cryo_node_get(n, "version"), err,
			     "'%s' is not a version such as v1.2.3", v);
}

/* A path from the stack file's directory becomes absolute, ".." and all: as `dir` does it. */
static void make_url_absolute(char **url, const char *base)
{
	char *absolute;

	if (!cryo_url_is_relative(*url))
		return;
	absolute = cryo_asprintf("%s/%s", base, *url + (cryo_starts_with(*url, "./") ? 2 : 0));
	free(*url);
	*url = absolute;
}

static int check_source_url(const struct cryo_node *n, const char *key, const char *base,
			    char **url, const char *(*refusal)(const char *url),
			    struct cryo_err *err)
{
	const char *why;

	make_url_absolute(url, base);
	why = refusal(*url);
	return why ? cryo_node_err(cryo_node_get(n, key), err, "address '%s' is refused: %s", *url,
				   why)
		   : 0;
}

static int hash_git_source(const struct cryo_source *src, struct cryo_hash *h, struct cryo_err *err)
{
	char commit[CRYO_COMMIT_HEX];
	int rc = cryo_source_commit(src, commit, err);

	if (rc < 0)
		return rc;
	/* Not fetched yet: this stamp only says that nothing is there. */
	cryo_hash_item(h, *commit ? commit : "unknown");
	cryo_hash_item(h, src->version ? src->version : "");
	return 0;
}

static char *describe_git_place(const struct cryo_source *src, const char *url, const char *inside)
{
	struct cryo_str s = { 0 };

	cryo_str_add(&s, url);
	if (inside)
		cryo_str_addf(&s, " %s", inside);
	if (src->ref)
		cryo_str_addf(&s, " %s", src->ref);
	if (src->commit)
		cryo_str_addf(&s, " %.12s", src->commit);
	return cryo_str_detach(&s);
}

/* --- git --- */

static const struct cryo_field git_rows[] = {
	{ "git", CRYO_FIELD_STR, offsetof(struct cryo_source, git), true },
	{ "ref", CRYO_FIELD_STR, offsetof(struct cryo_source, ref), false },
	{ "commit", CRYO_FIELD_STR, offsetof(struct cryo_source, commit), false },
	{ "version", CRYO_FIELD_STR, offsetof(struct cryo_source, version), false },
	{ 0 },
};

/* "v1.2.3" as a tag says which version it is. */
static void set_version_from_tag(struct cryo_source *src)
{
	if (!src->version && src->ref && src->ref[0] == 'v' &&
	    isdigit((unsigned char)src->ref[1]) && strchr(src->ref, '.') &&
	    cryo_source_is_name(src->ref))
		src->version = cryo_strdup(src->ref);
}

static int check_git_source(const struct cryo_node *n, const char *base, struct cryo_source *src,
			    struct cryo_err *err)
{
	int rc = check_source_url(n, "git", base, &src->git, cryo_url_refusal, err);

	if (rc == 0)
		rc = check_ref_field(n, src, err);
	if (rc == 0)
		rc = check_version(n, src, err);
	if (rc == 0)
		set_version_from_tag(src);
	return rc;
}

static char *describe_git_source(const struct cryo_source *src)
{
	return describe_git_place(src, src->git, NULL);
}

const struct cryo_source_kind_ops cryo_source_git = { "git", git_rows, check_git_source,
						      describe_git_source, hash_git_source };

/* --- superproject: a submodule of another repository --- */

static const struct cryo_field superproject_rows[] = {
	{ "superproject", CRYO_FIELD_STR, offsetof(struct cryo_source, superproject), true },
	{ "path", CRYO_FIELD_STR, offsetof(struct cryo_source, path), true },
	{ "ref", CRYO_FIELD_STR, offsetof(struct cryo_source, ref), false },
	{ "commit", CRYO_FIELD_STR, offsetof(struct cryo_source, commit), false },
	{ "version", CRYO_FIELD_STR, offsetof(struct cryo_source, version), false },
	{ 0 },
};

static int check_superproject(const struct cryo_node *n, const char *base, struct cryo_source *src,
			      struct cryo_err *err)
{
	int rc =
	    check_source_url(n, "superproject", base, &src->superproject, cryo_url_refusal, err);

	if (rc == 0 && !cryo_git_is_path(src->path))
		rc = cryo_node_err(cryo_node_get(n, "path"), err,
				   "'%s' is not a path inside a repository", src->path);
	if (rc == 0)
		rc = check_ref_field(n, src, err);
	return rc == 0 ? check_version(n, src, err) : rc;
}

static char *describe_superproject(const struct cryo_source *src)
{
	return describe_git_place(src, src->superproject, src->path);
}

const struct cryo_source_kind_ops cryo_source_superproject = { "superproject", superproject_rows,
							       check_superproject,
							       describe_superproject,
							       hash_git_source };

/* --- archive: a tar file --- */

static const struct cryo_field archive_rows[] = {
	{ "archive", CRYO_FIELD_STR, offsetof(struct cryo_source, archive), true },
	{ "sha256", CRYO_FIELD_STR, offsetof(struct cryo_source, sha256), true },
	{ "linksOutside", CRYO_FIELD_STRV, offsetof(struct cryo_source, links_outside), false },
	{ "version", CRYO_FIELD_STR, offsetof(struct cryo_source, version), false },
	{ 0 },
};

static int check_archive_source(const struct cryo_node *n, const char *base,
				struct cryo_source *src, struct cryo_err *err)
{
	const char *sum = src->sha256;
	char *absolute;
	int rc;

	if (src->archive[0] && src->archive[0] != '/' && src->archive[0] != '-' &&
	    !strstr(src->archive, "://")) {
		absolute = cryo_asprintf("%s/%s", base, src->archive);
		free(src->archive);
		src->archive = absolute;
	}
	rc = check_source_url(n, "archive", base, &src->archive, cryo_url_archive_refusal, err);
	if (rc == 0 && !cryo_hash_is_hex(sum))
		rc = cryo_node_err(cryo_node_get(n, "sha256"), err,
				   "'%s' is not a SHA-256 (64 of 0-9a-f)", sum);
	return rc == 0 ? check_version(n, src, err) : rc;
}

static char *describe_archive_source(const struct cryo_source *src)
{
	return cryo_asprintf("%s %.12s", src->archive, src->sha256);
}

const struct cryo_source_kind_ops cryo_source_archive = {
	"archive", archive_rows, check_archive_source, describe_archive_source, hash_git_source
};
