/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking the archive of a stranger: whatever it says, it happens below one directory. */
#include "archives/archive.h"

#include "base/event.h"
#include "git/git.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_MEMBERS 500000
#define MAX_BYTES   ((int64_t)16 << 30)
#define BLOCK	    65536
#define FLAGS                                                                                      \
	(ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_SECURE_SYMLINKS |           \
	 ARCHIVE_EXTRACT_SECURE_NODOTDOT)

struct unpack {
	const char *path, *dir; /* dir: without links in it */
	const struct cryo_strv *links_outside;
	char *top; /* the directory at its top; NULL before the first member */
	struct archive *in, *out;
	size_t members;
	int64_t bytes;
};

#define LINK_OUT                                                                                   \
	"is a link that leads out of it ('linksOutside' of the source names those that a build "   \
	"needs)"

static int refuse_archive_entry(const struct unpack *u, const char *name, const char *why,
				struct cryo_err *err)
{
	return cryo_err_set(err, CRYO_E_CONFIG, "archive '%s': '%s' %s", u->path, name, why);
}

/* Every part is a real name; ".git" is nobody's but ours. */
static bool is_inside_unpacked(const char *name)
{
	return cryo_git_is_path(name);
}

/* Without "./" in front and "/" at the end. */
static char *trim_entry_name(const char *raw)
{
	size_t n;

	while (raw[0] == '.' && raw[1] == '/')
		raw += 2;
	n = strlen(raw);
	while (n > 0 && raw[n - 1] == '/')
		n--;
	return cryo_strndup(raw, n);
}

/* *rest: the name below the top, NULL for the top itself. Caller frees. */
static int strip_top_directory(struct unpack *u, const char *raw, char **rest, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *name = trim_entry_name(raw);
	size_t n = strcspn(name, "/");

	*rest = NULL;
	if (!*name || strcmp(name, ".") == 0)
		return 0;
	/* "-x" inside of an archive is a name like others; the top is cut off anyway. */
	if (raw[0] == '/' || !is_inside_unpacked(name))
		return refuse_archive_entry(u, raw, "leads out of it or is reserved", err);
	if (!u->top)
		u->top = cryo_strndup(name, n);
	if (strlen(u->top) != n || strncmp(u->top, name, n) != 0)
		return refuse_archive_entry(u, raw, "is beside the one directory at its top", err);
	if (name[n])
		*rest = cryo_strdup(name + n + 1);
	return 0;
}

/* Where a relative link leads, counted in directories: never above the tree. */
static bool is_link_inside_unpack(const char *name, const char *target)
{
	int depth = 0;

	if (target[0] == '/')
		return false;
	for (const char *p = name; *p; p++)
		depth += *p == '/';
	for (;;) {
		size_t n = strcspn(target, "/");

		if (n == 2 && strncmp(target, "..", 2) == 0)
			depth--;
		else if (n > 0 && !(n == 1 && *target == '.'))
			depth++;
		if (depth < 0)
			return false;
		target += n;
		if (!*target)
			return true;
		target++;
	}
}

static int set_entry_place(const struct unpack *u, struct archive_entry *e, const char *name)
{
	cryo_auto(cryo_free) char *whole = cryo_asprintf("%s/%s", u->dir, name);

	archive_entry_set_pathname(e, whole);
	return 0;
}

static int check_hard_link(struct unpack *u, struct archive_entry *e, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *rest = NULL, *whole = NULL;
	int rc = strip_top_directory(u, archive_entry_hardlink(e), &rest, err);

	if (rc == 0 && !rest)
		rc = refuse_archive_entry(u, archive_entry_hardlink(e),
					  "is linked to, but is not a file", err);
	if (rc < 0)
		return rc;
	whole = cryo_asprintf("%s/%s", u->dir, rest);
	archive_entry_set_hardlink(e, whole);
	/* With data of its own it could change the file, and give it a set-id bit. */
	archive_entry_set_size(e, 0);
	archive_entry_set_perm(e, 0644);
	return 0;
}

static int check_entry_type(struct unpack *u, struct archive_entry *e, const char *name,
			    struct cryo_err *err)
{
	unsigned type = archive_entry_filetype(e);

	if (archive_entry_hardlink(e))
		return check_hard_link(u, e, err);
	if (type == AE_IFLNK) {
		const char *target = archive_entry_symlink(e);

		return target && *target &&
			       (is_link_inside_unpack(name, target) ||
				cryo_strv_has(u->links_outside, name))
			   ? 0
			   : refuse_archive_entry(u, name, LINK_OUT, err);
	}
	if (type != AE_IFREG && type != AE_IFDIR)
		return refuse_archive_entry(u, name, "is neither file, directory nor link", err);
	u->bytes += archive_entry_size(e);
	if (archive_entry_size(e) < 0 || u->bytes > MAX_BYTES)
		return refuse_archive_entry(u, name, "unfolds to too much", err);
	archive_entry_set_perm(e, type == AE_IFDIR || (archive_entry_perm(e) & 0111) ? 0755 : 0644);
	return 0;
}

static int report_unpack_failure(const struct unpack *u, struct archive *a, const char *name,
				 struct cryo_err *err)
{
	const char *why = archive_error_string(a);

	if (archive_errno(a) == ENOSPC)
		return cryo_err_set(err, CRYO_E_UNFIT, "no space left to unpack '%s'", u->path);
	if (a == u->out && name && why && strstr(why, "symlink"))
		return refuse_archive_entry(u, name, "is behind a link", err);
	return cryo_err_set(err, a == u->in ? CRYO_E_CONFIG : CRYO_E_SYSTEM, "archive '%s': %s: %s",
			    u->path, name ? name : "it is not a tar archive, or damaged",
			    why ? why : "no reason given");
}

static int copy_entry_data(struct unpack *u, const char *name, struct cryo_err *err)
{
	const void *data;
	size_t n;
	la_int64_t offset;
	int r;

	while ((r = archive_read_data_block(u->in, &data, &n, &offset)) == ARCHIVE_OK)
		if (archive_write_data_block(u->out, data, n, offset) < ARCHIVE_OK)
			return report_unpack_failure(u, u->out, name, err);
	return r == ARCHIVE_EOF ? 0 : report_unpack_failure(u, u->in, name, err);
}

static int unpack_entry(struct unpack *u, struct archive_entry *e, struct cryo_err *err)
{
	const char *raw = archive_entry_pathname(e);
	cryo_auto(cryo_free) char *name = NULL;
	int rc = raw ? strip_top_directory(u, raw, &name, err)
		     : refuse_archive_entry(u, "?", "has no name", err);

	if (rc < 0 || !name)
		return rc;
	if (++u->members > MAX_MEMBERS)
		return refuse_archive_entry(u, name, "is one member too many", err);
	rc = check_entry_type(u, e, name, err);
	if (rc == 0)
		rc = set_entry_place(u, e, name);
	if (rc < 0)
		return rc;
	if (archive_write_header(u->out, e) < ARCHIVE_OK)
		return report_unpack_failure(u, u->out, name, err);
	if (archive_entry_size(e) > 0)
		rc = copy_entry_data(u, name, err);
	return rc;
}

static int unpack_all_entries(struct unpack *u, struct cryo_err *err)
{
	struct archive_entry *e;
	int rc = 0, r;

	while (rc == 0 && (r = archive_read_next_header(u->in, &e)) != ARCHIVE_EOF) {
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return report_unpack_failure(u, u->in, NULL, err);
		rc = cryo_intr_check(err);
		if (rc == 0)
			rc = unpack_entry(u, e, err);
	}
	if (rc == 0 && u->members == 0)
		rc = cryo_err_set(err, CRYO_E_CONFIG, "archive '%s' is empty", u->path);
	/* Times of directories are set here. */
	if (rc == 0 && archive_write_close(u->out) < ARCHIVE_OK)
		rc = report_unpack_failure(u, u->out, "its end", err);
	return rc;
}

/* Where a link leads as far as there is anything: a file may come there later. */
static bool resolve_link_target(const char *link, char real[PATH_MAX])
{
	/* The C library leaves the first part that is not there in `real`. */
	return realpath(link, real) || errno == ENOENT;
}

/* A chain of links, each of which stays inside, may still lead out: where does it really end? */
static int check_unpacked_links(const struct unpack *u, struct cryo_err *err)
{
	char *const roots[] = { (char *)u->dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	size_t n = strlen(u->dir);
	FTSENT *e;
	int rc = 0;

	if (!fts)
		return cryo_err_sys(err, errno, "cannot read '%s'", u->dir);
	while (rc == 0 && (e = fts_read(fts))) {
		char real[PATH_MAX] = "";

		if ((e->fts_info != FTS_SL && e->fts_info != FTS_SLNONE) ||
		    cryo_strv_has(u->links_outside, e->fts_path + n + 1) ||
		    !resolve_link_target(e->fts_path, real))
			continue;
		if (strncmp(real, u->dir, n) != 0 || (real[n] && real[n] != '/'))
			rc = refuse_archive_entry(u, e->fts_path + n + 1, LINK_OUT, err);
	}
	fts_close(fts);
	return rc;
}

static void open_unpack_archives(struct unpack *u)
{
	u->in = archive_read_new();
	u->out = archive_write_disk_new();
	if (!u->in || !u->out)
		abort();
	/* Not "all": that would run outside programs for some of them. */
	archive_read_support_filter_gzip(u->in);
	archive_read_support_filter_bzip2(u->in);
	archive_read_support_filter_xz(u->in);
	archive_read_support_filter_zstd(u->in);
	archive_read_support_format_tar(u->in);
	archive_write_disk_set_options(u->out, FLAGS);
}

int cryo_archive_unpack(const char *path, const char *dir, const struct cryo_strv *links_outside,
			struct cryo_err *err)
{
	cryo_auto(cryo_free) char *real = realpath(dir, NULL);
	struct unpack u = { .path = path, .dir = real, .links_outside = links_outside };
	int rc = 0;

	if (!real)
		return cryo_err_sys(err, errno, "cannot read '%s'", dir);
	cryo_step_note("unpacking %s", path);
	open_unpack_archives(&u);
	if (archive_read_open_filename(u.in, path, BLOCK) != ARCHIVE_OK)
		rc = report_unpack_failure(&u, u.in, NULL, err);
	if (rc == 0)
		rc = unpack_all_entries(&u, err);
	if (rc == 0)
		rc = check_unpacked_links(&u, err);
	archive_read_free(u.in);
	archive_write_free(u.out);
	free(u.top);
	return rc;
}
