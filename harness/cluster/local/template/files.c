/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/local/template/template.h"

#include "conf/json.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK	4096
#define AT_ONCE (64 * BLOCK)

/* What a file says, not how it is stored: holes and zeros are the same, and cost next to nothing.
 */
static void hash_nonzero_blocks(struct cryo_hash *h, const char *buf, size_t n, off_t at)
{
	for (size_t i = 0; i < n; i += BLOCK) {
		size_t piece = n - i < BLOCK ? n - i : BLOCK;
		int64_t where = (int64_t)at + (int64_t)i;

		if (cryo_is_zero(buf + i, piece))
			continue;
		cryo_hash_add(h, &where, sizeof(where));
		cryo_hash_add(h, buf + i, piece);
	}
}

static int hash_file_content(int fd, struct cryo_hash *h)
{
	char buf[AT_ONCE];
	off_t at = 0, end;
	ssize_t n = 0;

	while (n >= 0 && (at = lseek(fd, at, SEEK_DATA)) >= 0) {
		end = lseek(fd, at, SEEK_HOLE);
		at -= at % BLOCK;
		while (at < end && (n = pread(fd, buf, sizeof(buf), at)) > 0) {
			hash_nonzero_blocks(h, buf, (size_t)n, at);
			at += n;
		}
		if (n == 0)
			break;
	}
	return n < 0 || (at < 0 && errno != ENXIO) ? -1 : 0;
}

static int hash_template_file(const char *path, char out[CRYO_HASH_HEX], struct cryo_err *err)
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();
	cryo_auto(cryo_fd_close) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || hash_file_content(fd, h) < 0)
		return cryo_err_sys(err, errno, "cannot read '%s'", path);
	cryo_hash_hex(h, out);
	return 0;
}

static int64_t convert_timespec_ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static json_t *make_file_entry(const char *name, const struct stat *st)
{
	return json_pack(
	    "{ss sI sI sI sI sI}", "name", name, "size", (json_int_t)st->st_size, "disk",
	    (json_int_t)st->st_blocks * 512, "mtime", (json_int_t)convert_timespec_ns(&st->st_mtim),
	    "ctime", (json_int_t)convert_timespec_ns(&st->st_ctim), "ino", (json_int_t)st->st_ino);
}

static int compare_file_names(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int add_template_file(json_t *list, const FTSENT *e, size_t skip, bool with_hash,
			     struct cryo_err *err)
{
	char hash[CRYO_HASH_HEX];
	json_t *file;
	int rc = with_hash ? hash_template_file(e->fts_accpath, hash, err) : 0;

	if (rc < 0)
		return rc;
	file = make_file_entry(e->fts_path + skip, e->fts_statp);
	if (with_hash)
		json_object_set_new(file, "hash", json_string(hash));
	json_array_append_new(list, file);
	return 0;
}

int template_files(const char *dir, bool with_hash, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *root = cryo_strdup(dir);
	cryo_auto(cryo_json_decref) json_t *list = json_array();
	char *const roots[] = { root, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, compare_file_names);
	size_t skip = strlen(dir) + 1;
	int rc = fts ? 0 : cryo_err_sys(err, errno, "cannot read '%s'", dir);
	FTSENT *e;

	while (rc == 0 && (e = fts_read(fts))) {
		if (e->fts_info == FTS_ERR || e->fts_info == FTS_DNR || e->fts_info == FTS_NS)
			rc = cryo_err_sys(err, e->fts_errno, "cannot read '%s'", e->fts_path);
		else if (e->fts_info == FTS_F &&
			 !(e->fts_level == 1 && strcmp(e->fts_name, CRYO_TEMPLATE_RECORD) == 0))
			rc = add_template_file(list, e, skip, with_hash, err);
	}
	if (fts)
		fts_close(fts);
	if (rc == 0)
		*out = json_incref(list);
	return rc;
}

static bool is_untouched_file(const json_t *have, const json_t *want)
{
	static const char *const keys[] = { "mtime", "ctime", "ino" };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(keys); i++)
		if (cryo_json_int(have, keys[i], -1) != cryo_json_int(want, keys[i], -2))
			return false;
	return true;
}

static int check_template_file(const char *dir, const json_t *have, const json_t *want,
			       bool trusted, struct cryo_err *err)
{
	const char *name = cryo_json_str(have, "name"), *hash = cryo_json_str(want, "hash");
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);
	char found[CRYO_HASH_HEX];
	int rc;

	if (cryo_json_int(have, "size", -1) != cryo_json_int(want, "size", -2))
		return cryo_err_set(err, CRYO_E_TAMPER, "'%s' is damaged: another size", name);
	if (trusted && is_untouched_file(have, want))
		return 0;
	rc = hash_template_file(path, found, err);
	if (rc < 0)
		return cryo_err_as(err, rc, CRYO_E_TAMPER);
	return cryo_streq(found, hash) ? 0
				       : cryo_err_set(err, CRYO_E_TAMPER, "'%s' is damaged", name);
}

int template_check(const char *dir, const json_t *want, bool trusted, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *have = NULL;
	size_t n = json_array_size(want);
	int rc = template_files(dir, false, &have, err);

	if (rc < 0)
		return cryo_err_as(err, rc, CRYO_E_TAMPER);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		const json_t *w = json_array_get(want, i), *h = json_array_get(have, i);
		const char *name = cryo_json_str(w, "name");

		if (!name || !cryo_streq(name, cryo_json_str(h, "name")))
			return cryo_err_set(err, CRYO_E_TAMPER, "'%s' is not where it was",
					    name ? name : "?");
		rc = check_template_file(dir, h, w, trusted, err);
	}
	if (rc == 0 && (n == 0 || json_array_size(have) != n))
		return cryo_err_set(err, CRYO_E_TAMPER, "there are other files than there were");
	return rc;
}
