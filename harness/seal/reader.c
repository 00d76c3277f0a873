/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/reader.h"

#include "seal/dir.h"
#include "seal/envelope.h"
#include "seal/stream.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cryo_seal_is_sealed(int dir_fd, struct cryo_err *err)
{
	struct stat st;

	if (fstatat(dir_fd, CRYO_SEAL_CMS_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	return cryo_err_sys(err, errno, "cannot look for '%s'", CRYO_SEAL_CMS_NAME);
}

int cryo_seal_reader_from(const void *der, size_t len, const struct cryo_seal_reader_opts *o,
			  struct cryo_seal_reader **out, struct cryo_err *err)
{
	cryo_auto(cryo_seal_reader_free) struct cryo_seal_reader *r = cryo_alloc(sizeof(*r));
	cryo_auto(cryo_seal_wipe) struct cryo_str text = { 0 };
	char recipient[CRYO_HASH_HEX];
	int rc;

	r->dir = -1;
	r->opts = *o;
	r->secret = cryo_seal_secret_new();
	rc = cryo_seal_envelope_open(der, len, o, &text, recipient, err);
	if (rc == 0)
		rc = cryo_seal_manifest_parse(cryo_str_get(&text), text.len, &r->manifest,
					      r->secret, err);
	if (rc == 0 && *r->manifest.recipient && strcmp(r->manifest.recipient, recipient) != 0)
		rc =
		    cryo_err_set(err, CRYO_E_TAMPER,
				 "'%s' was changed: its recipients are not those it was sealed for",
				 CRYO_SEAL_CMS_NAME);
	if (rc == 0)
		*out = cryo_steal(&r);
	return rc;
}

static int check_sealed_size(const struct cryo_seal_file *f, uint64_t size, struct cryo_err *err)
{
	if (size == cryo_seal_stream_size(f->plain))
		return 0;
	return cryo_err_set(err, CRYO_E_TAMPER,
			    "'%s' has %llu bytes, and %llu were sealed: it is truncated, longer, "
			    "or not sealed",
			    f->name, (unsigned long long)size,
			    (unsigned long long)cryo_seal_stream_size(f->plain));
}

static const struct cryo_seal_part *find_sealed_part(const struct cryo_seal_reader *r,
						     const char *name)
{
	for (size_t i = 0; i < r->opts.parts; i++)
		if (strcmp(r->opts.part[i].name, name) == 0)
			return &r->opts.part[i];
	return NULL;
}

/* *base: where it begins there. */
static int open_listed_file(struct cryo_seal_reader *r, const struct cryo_seal_file *f, int *fd,
			    uint64_t *base, struct cryo_err *err)
{
	const struct cryo_seal_part *part = find_sealed_part(r, f->name);
	struct stat st;
	int rc;

	*base = part ? part->at : 0;
	if (part) {
		*fd = fcntl(r->opts.source, F_DUPFD_CLOEXEC, 0);
		return *fd < 0 ? cryo_err_sys(err, errno, "'%s'", f->name)
			       : check_sealed_size(f, part->size, err);
	}
	rc = cryo_seal_dir_open(r->dir, f->name, fd, err);
	if (rc < 0 && err->status == CRYO_E_SYSTEM && err->sys_errno == ENOENT)
		return cryo_err_set(err, CRYO_E_TAMPER, "'%s' was sealed but is missing", f->name);
	if (rc < 0)
		return cryo_err_as(err, rc, CRYO_E_TAMPER);
	if (fstat(*fd, &st) < 0)
		return cryo_err_sys(err, errno, "'%s'", f->name);
	return check_sealed_size(f, (uint64_t)st.st_size, err);
}

static int check_sealed_dir(struct cryo_seal_reader *r, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	int rc = cryo_seal_dir_list(r->dir, &names, err);

	for (size_t i = 0; rc == 0 && i < names.n; i++)
		if (!cryo_seal_is_public(names.v[i]) &&
		    strcmp(names.v[i], CRYO_SEAL_CMS_NAME) != 0 &&
		    !cryo_seal_manifest_find(&r->manifest, names.v[i]))
			rc = cryo_err_set(err, CRYO_E_TAMPER, "'%s' does not belong to the set",
					  names.v[i]);
	for (size_t i = 0; rc == 0 && i < r->manifest.n; i++) {
		cryo_auto(cryo_fd_close) int fd = -1;
		uint64_t base;

		rc = open_listed_file(r, &r->manifest.file[i], &fd, &base, err);
	}
	return rc;
}

int cryo_seal_reader_new(int dir, const struct cryo_seal_reader_opts *o,
			 struct cryo_seal_reader **out, struct cryo_err *err)
{
	cryo_auto(cryo_seal_reader_free) struct cryo_seal_reader *r = NULL;
	cryo_auto(cryo_str_release) struct cryo_str der = { 0 };
	int rc = cryo_seal_is_sealed(dir, err);

	if (rc == 0)
		rc = cryo_err_set(err, CRYO_E_TAMPER, "there is no '%s': this set is not sealed",
				  CRYO_SEAL_CMS_NAME);
	if (rc > 0)
		rc = cryo_seal_dir_read(dir, CRYO_SEAL_CMS_NAME, CRYO_SEAL_ENVELOPE_MAX, &der, err);
	if (rc == 0)
		rc = cryo_seal_reader_from(der.p, der.len, o, &r, err);
	if (rc == 0) {
		r->dir = dir;
		rc = check_sealed_dir(r, err);
	}
	if (rc == 0)
		*out = cryo_steal(&r);
	return rc;
}

uint64_t cryo_seal_reader_plain_bytes(const struct cryo_seal_reader *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->manifest.n; i++)
		if (__builtin_add_overflow(sum, r->manifest.file[i].plain, &sum))
			return UINT64_MAX; /* more than anybody has */
	return sum;
}

int cryo_seal_reader_run(struct cryo_seal_reader *r, const struct cryo_seal_file *f, int in,
			 uint64_t in_base, int out, struct cryo_err *err)
{
	cryo_auto(cryo_seal_stream_free) struct cryo_seal_stream *s = NULL;
	const struct cryo_seal_run run = { .in = in,
					   .in_base = in_base,
					   .out = out,
					   .end = cryo_seal_stream_segments(f->plain),
					   .plain = f->plain,
					   .threads = r->opts.threads };
	unsigned char header[CRYO_SEAL_HEADER] = { 0 };
	size_t got;
	int rc = cryo_seal_pread(in, header, sizeof(header), in_base, &got, err);

	if (rc == 0)
		rc = cryo_seal_stream_new(r->secret, f->name, header, &s, err);
	if (rc == 0)
		rc = cryo_seal_stream_open(s, &run, err);
	return rc;
}

int cryo_seal_reader_fd(struct cryo_seal_reader *r, const char *name, int out_fd,
			struct cryo_err *err)
{
	const struct cryo_seal_file *f = cryo_seal_manifest_find(&r->manifest, name);
	cryo_auto(cryo_fd_close) int in = -1;
	uint64_t base;
	int rc;

	if (!f)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not in the set", name);
	rc = open_listed_file(r, f, &in, &base, err);
	if (rc == 0)
		rc = cryo_seal_reader_run(r, f, in, base, out_fd, err);
	return rc;
}

int cryo_seal_reader_take(struct cryo_seal_reader *r, const char *name, int in, int out_fd,
			  struct cryo_err *err)
{
	const struct cryo_seal_file *f = cryo_seal_manifest_find(&r->manifest, name);
	struct stat st;
	int rc;

	if (!f)
		return cryo_err_set(err, CRYO_E_TAMPER, "'%s' does not belong to the set", name);
	if (fstat(in, &st) < 0)
		return cryo_err_sys(err, errno, "'%s'", name);
	rc = check_sealed_size(f, (uint64_t)st.st_size, err);
	return rc < 0 ? rc : cryo_seal_reader_run(r, f, in, 0, out_fd, err);
}

int cryo_seal_reader_all(struct cryo_seal_reader *r, int out_dir, struct cryo_err *err)
{
	size_t made = 0;
	int rc = 0;

	for (; rc == 0 && made < r->manifest.n; made++) {
		const char *name = r->manifest.file[made].name;
		cryo_auto(cryo_fd_close) int out =
		    openat(out_dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (out < 0) {
			rc = cryo_err_sys(err, errno, "cannot create '%s'", name);
			break;
		}
		rc = cryo_seal_reader_fd(r, name, out, err);
	}
	while (rc < 0 && made > 0)
		unlinkat(out_dir, r->manifest.file[--made].name, 0);
	return rc;
}

void cryo_seal_reader_free(struct cryo_seal_reader *r)
{
	if (!r)
		return;
	cryo_seal_manifest_release(&r->manifest);
	cryo_seal_secret_free(r->secret);
	free(r);
}
