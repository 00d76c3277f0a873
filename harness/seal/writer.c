/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/writer.h"

#include "seal/dir.h"
#include "seal/envelope.h"
#include "seal/stream.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CMS_TEMPORARY "seal.cms.new"

int cryo_seal_writer_new(int out_dir, const struct cryo_seal_writer_opts *o,
			 struct cryo_seal_writer **out, struct cryo_err *err)
{
	cryo_auto(cryo_seal_writer_free) struct cryo_seal_writer *w = cryo_alloc(sizeof(*w));
	int rc;

	w->dir = out_dir;
	w->opts = *o;
	w->secret = cryo_seal_secret_new();
	rc = cryo_seal_secret_random(w->secret, err);
	if (rc == 0 && o->signer_cert &&
	    X509_check_private_key(o->signer_cert->x509, o->signer_key->pkey) != 1)
		rc = cryo_seal_crypto_fail(err, CRYO_E_CONFIG,
					   "the certificate and the key to sign with do not match");
	if (rc == 0)
		*out = cryo_steal(&w);
	return rc;
}

void cryo_seal_writer_free(struct cryo_seal_writer *w)
{
	if (!w)
		return;
	if (w->following)
		w->free_following(w->following);
	for (size_t i = 0; !w->finished && i < w->manifest.n; i++)
		unlinkat(w->dir, w->manifest.file[i].name, 0);
	cryo_seal_manifest_release(&w->manifest);
	cryo_seal_secret_free(w->secret);
	free(w);
}

int cryo_seal_file_size(const char *name, int fd, uint64_t *size, struct cryo_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return cryo_err_sys(err, errno, "'%s'", name);
	if (!S_ISREG(st.st_mode))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a regular file", name);
	if ((uint64_t)st.st_size > CRYO_SEAL_PLAIN_MAX)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is too large", name);
	*size = (uint64_t)st.st_size;
	return 0;
}

int cryo_seal_writer_create(struct cryo_seal_writer *w, const char *name, int *out_fd,
			    struct cryo_err *err)
{
	int fd, rc = cryo_seal_manifest_find(&w->manifest, name)
			 ? cryo_err_set(err, CRYO_E_CONFIG, "'%s' is already in the set", name)
			 : 0;

	if (rc == 0 && !cryo_seal_is_name(name))
		rc = cryo_err_set(err, CRYO_E_CONFIG, "'%s' cannot be the name of an image", name);
	if (rc < 0)
		return rc;
	fd = openat(w->dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot create '%s'", name);
	/* Listed only once it is ours: what was there before is not removed. */
	rc = cryo_seal_manifest_add(&w->manifest, name, 0, err);
	if (rc < 0) {
		unlinkat(w->dir, name, 0);
		close(fd);
		return rc;
	}
	*out_fd = fd;
	return 0;
}

static int seal_file_content(struct cryo_seal_writer *w, const char *name, int fd,
			     struct cryo_err *err)
{
	cryo_auto(cryo_seal_stream_free) struct cryo_seal_stream *s = NULL;
	cryo_auto(cryo_fd_close) int out = -1;
	uint64_t size, after;
	int rc = cryo_seal_file_size(name, fd, &size, err);

	if (rc == 0)
		rc = cryo_seal_stream_new(w->secret, name, NULL, &s, err);
	if (rc == 0)
		rc = cryo_seal_writer_create(w, name, &out, err);
	if (rc == 0) {
		const struct cryo_seal_run run = { .in = fd,
						   .out = out,
						   .end = cryo_seal_stream_segments(size),
						   .plain = size,
						   .threads = w->opts.threads };

		rc = cryo_seal_stream_seal(s, &run, err);
	}
	if (rc == 0)
		rc = cryo_seal_file_size(name, fd, &after, err);
	if (rc == 0 && after != size)
		rc = cryo_err_set(err, CRYO_E_TAMPER, "'%s' changed while it was sealed", name);
	if (rc == 0)
		cryo_seal_manifest_find(&w->manifest, name)->plain = size;
	return rc;
}

static int note_broken_writer(struct cryo_seal_writer *w, int rc)
{
	w->broken |= rc < 0;
	return rc;
}

int cryo_seal_writer_fd(struct cryo_seal_writer *w, const char *name, int fd, struct cryo_err *err)
{
	return note_broken_writer(w, seal_file_content(w, name, fd, err));
}

int cryo_seal_writer_file(struct cryo_seal_writer *w, int src_dir, const char *name,
			  struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = -1;
	int rc = cryo_seal_dir_open(src_dir, name, &fd, err);

	return rc < 0 ? note_broken_writer(w, rc) : cryo_seal_writer_fd(w, name, fd, err);
}

int cryo_seal_writer_dir(struct cryo_seal_writer *w, int src_dir, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	int rc = cryo_seal_dir_list(src_dir, &names, err);

	for (size_t i = 0; rc == 0 && i < names.n; i++)
		if (!cryo_seal_is_public(names.v[i]) &&
		    !cryo_seal_manifest_find(&w->manifest, names.v[i]))
			rc = cryo_seal_writer_file(w, src_dir, names.v[i], err);
	return note_broken_writer(w, rc);
}

int cryo_seal_writer_envelope(struct cryo_seal_writer *w, struct cryo_str *der,
			      struct cryo_err *err)
{
	cryo_auto(cryo_seal_wipe) struct cryo_str text = { 0 };
	int rc = cryo_seal_envelope_recipient(w->opts.recipient, w->manifest.recipient, err);

	if (rc < 0)
		return rc;
	cryo_seal_manifest_text(&w->manifest, w->secret, w->opts.criu, &text);
	return cryo_seal_envelope_make(&w->opts, &text, der, err);
}

static int publish_envelope(struct cryo_seal_writer *w, const struct cryo_str *der,
			    struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = openat(
	    w->dir, CMS_TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot create '%s'", CMS_TEMPORARY);
	rc = cryo_seal_pwrite(fd, der->p, der->len, 0, err);
	if (rc == 0 &&
	    renameat2(w->dir, CMS_TEMPORARY, w->dir, CRYO_SEAL_CMS_NAME, RENAME_NOREPLACE) < 0)
		rc = cryo_err_sys(err, errno, "cannot publish");
	if (rc < 0)
		unlinkat(w->dir, CMS_TEMPORARY, 0);
	return cryo_err_wrap(err, rc, "'%s'", CRYO_SEAL_CMS_NAME);
}

int cryo_seal_writer_finish(struct cryo_seal_writer *w, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str der = { 0 };
	int rc;

	if (w->broken || w->following)
		return cryo_err_set(err, CRYO_E_CONFIG, "the set is incomplete: no '%s' for it",
				    CRYO_SEAL_CMS_NAME);
	rc = cryo_seal_writer_envelope(w, &der, err);
	if (rc == 0)
		rc = publish_envelope(w, &der, err);
	w->finished = rc == 0;
	return note_broken_writer(w, rc);
}
