/* SPDX-License-Identifier: Apache-2.0 */
#include "archives/archive.h"

#include "base/clock.h"
#include "base/event.h"
#include "net/download.h"
#include "archives/debian.h"
#include "git/url.h"
#include "sys/fs.h"
#include "sys/lock.h"
#include "sys/places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUIET_MS 120000
#define MAX_FILE ((uint64_t)8 << 30)

/* *same: it is the file that the stack means. */
static int check_archive_hash(const char *path, const struct cryo_tarball *a,
			      char hex[CRYO_HASH_HEX], bool *same, struct cryo_err *err)
{
	int rc = cryo_hash_file(path, hex, err);

	*same = rc == 0 && strcmp(hex, a->sha256) == 0;
	return rc;
}

static int report_hash_mismatch(const struct cryo_tarball *a, const char *hex, struct cryo_err *err)
{
	return cryo_err_set(err, CRYO_E_CONFIG, "checksum of '%s' is %s, the stack wants %s",
			    a->address, hex, a->sha256);
}

static int take_local_archive(const struct cryo_tarball *a, const char *file, char **path,
			      struct cryo_err *err)
{
	char hex[CRYO_HASH_HEX];
	bool same = false;
	int rc;

	if (cryo_fs_size(file) < 0)
		return cryo_err_set(err, CRYO_E_CONFIG, "no archive '%s'", file);
	rc = check_archive_hash(file, a, hex, &same, err);
	if (rc == 0 && !same)
		rc = report_hash_mismatch(a, hex, err);
	if (rc == 0)
		*path = cryo_strdup(file);
	return rc;
}

/* A wrong file that was put together from two attempts gets a second chance, as a whole. */
static int fetch_archive_file(const struct cryo_tarball *a, const struct cryo_download *d,
			      const char *path, struct cryo_err *err)
{
	bool resumed = cryo_fs_size(d->path) > 0, same = false;
	char hex[CRYO_HASH_HEX];
	int rc = cryo_download(d, err);

	/* An archive that cannot be had is a build that cannot be made. */
	if (rc == -CRYO_E_REMOTE)
		rc = -(int)(err->status = CRYO_E_PROVISION);
	if (rc == 0)
		rc = check_archive_hash(d->path, a, hex, &same, err);
	if (rc < 0)
		return rc;
	if (!same) {
		unlink(d->path);
		return resumed ? fetch_archive_file(a, d, path, err)
			       : report_hash_mismatch(a, hex, err);
	}
	if (rename(d->path, path) < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", path);
	return 0;
}

static int fetch_archive_locked(const struct cryo_tarball *a, const char *ask,
				const struct cryo_fetch_opts *o, const char *path,
				struct cryo_err *err)
{
	cryo_auto(cryo_free) char *part = cryo_asprintf("%s.part", path);
	cryo_auto(cryo_free) char *lock_path = cryo_asprintf("%s.lock", path);
	struct cryo_download d = { .url = ask,
				   .path = part,
				   .max = MAX_FILE,
				   .quiet_ms = o->quiet_ms ? o->quiet_ms
							   : cryo_limit_ms(QUIET_MS) };
	int lock = -1, rc = cryo_lock_wait(lock_path, CRYO_LOCK_BUILD_MS, &lock, err);

	if (rc < 0)
		return rc;
	cryo_step_note("fetching %s", ask);
	if (!cryo_fs_exists(path))
		rc = fetch_archive_file(a, &d, path, err);
	cryo_lock_remove(lock_path, &lock);
	return rc;
}

char *cryo_tarball_place(const char *sha256)
{
	return cryo_cache_path(CRYO_CACHE_ARCHIVES "/%s", sha256);
}

int cryo_tarball_obtain(const struct cryo_tarball *a, const struct cryo_fetch_opts *o, char **path,
			struct cryo_err *err)
{
	cryo_auto(cryo_free) char *cached = cryo_tarball_place(a->sha256);
	cryo_auto(cryo_free) char *ask = NULL;
	int rc = cryo_url_mirror(a->address, o->mirrors, &ask, err);

	if (rc < 0)
		return rc;
	if (cryo_starts_with(ask, "file://") || ask[0] == '/')
		return take_local_archive(a, ask[0] == '/' ? ask : ask + strlen("file://"), path,
					  err);
	cryo_fs_touch(cached, false);
	/* Whole when it was renamed; damage since then shows here. */
	if (cryo_fs_exists(cached) && take_local_archive(a, cached, path, err) == 0)
		return 0;
	if (o->offline)
		return cryo_err_set(err, CRYO_E_PROVISION,
				    "archive '%s' is not in the cache, and --offline forbids to "
				    "fetch it",
				    a->address);
	if (cryo_debian_is_address(ask)) {
		free(cryo_steal(&ask));
		rc = cryo_debian_resolve(a->address, &ask, err);
		if (rc < 0)
			return rc;
	}
	if (cryo_url_archive_refusal(ask))
		return cryo_err_set(err, CRYO_E_CONFIG, "mirror '%s' of '%s' is refused: %s", ask,
				    a->address, cryo_url_archive_refusal(ask));
	unlink(cached);
	rc = cryo_fs_mkparents(cached, 0700, err);
	if (rc == 0)
		rc = fetch_archive_locked(a, ask, o, cached, err);
	if (rc == 0)
		*path = cryo_steal(&cached);
	return rc;
}
