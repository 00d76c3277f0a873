/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/restore_rights.h"

#include "checkpoint/pod_rights.h"
#include "criu/entry.h"
#include "image/tar.h"
#include "seal/set.h"
#include "sys/fs.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_SEALED (2 * CRYO_CRIU_IMAGE_MAX) /* larger ones are damaged anyway */

/* A walk through a sealed archive: for its envelope, then for its images. */
struct sealed_walk {
	struct cryo_str envelope;
	struct cryo_seal_reader *reader; /* borrowed */
	struct cryo_rights *rights;	 /* borrowed */
};

static int take_envelope(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
			 struct cryo_err *err)
{
	struct sealed_walk *w = arg;

	if (e->is_dir || strcmp(e->name, CRYO_ARCHIVE_IMAGES CRYO_SEAL_CMS_NAME) != 0)
		return 0;
	if (e->size > CRYO_SEAL_ENVELOPE_MAX)
		return cryo_err_set(err, CRYO_E_TAMPER, "'%s' is too large", e->name);
	cryo_tar_read_all(r, &w->envelope);
	return 1;
}

/* A file in memory with that content, -1 without. */
static int make_memory_file(const struct cryo_str *content, struct cryo_err *err)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	if (fd >= 0 &&
	    (!content->len || write(fd, content->p, content->len) == (ssize_t)content->len))
		return fd;
	cryo_err_sys(err, errno, "cannot make a file in memory");
	cryo_fd_closep(&fd);
	return -1;
}

static int open_sealed_image(struct sealed_walk *w, const char *name, const struct cryo_str *sealed,
			     struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str plain = { 0 };
	cryo_auto(cryo_fd_close) int in = make_memory_file(sealed, err);
	cryo_auto(cryo_fd_close) int out = in < 0 ? -1 : make_memory_file(&plain, err);
	char buf[16384];
	ssize_t n;
	int rc = out < 0 ? -(int)err->status : cryo_seal_reader_take(w->reader, name, in, out, err);

	if (rc < 0)
		return rc;
	for (off_t at = 0; (n = pread(out, buf, sizeof(buf), at)) > 0; at += n)
		cryo_str_addn(&plain, buf, (size_t)n);
	cryo_rights_take(w->rights, name, &plain);
	return 0;
}

static int take_sealed_image(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
			     struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str sealed = { 0 };
	const char *name = cryo_criu_image_of(e->name);

	if (e->is_dir || !name || !cryo_rights_is_told_by(name))
		return 0;
	if (e->size > MAX_SEALED)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is too large", e->name);
	cryo_tar_read_all(r, &sealed);
	return open_sealed_image(arg, name, &sealed, err);
}

static int read_sealed_rights(const char *path, const struct cryo_seal_reader_opts *o,
			      struct cryo_rights *rights, struct cryo_err *err)
{
	cryo_auto(cryo_seal_reader_free) struct cryo_seal_reader *reader = NULL;
	struct sealed_walk w = { .rights = rights };
	int rc = cryo_tar_walk(path, take_envelope, &w, err);

	if (rc == 0)
		rc = cryo_seal_reader_from(w.envelope.p, w.envelope.len, o, &reader, err);
	w.reader = reader;
	if (rc == 0)
		rc = cryo_tar_walk(path, take_sealed_image, &w, err);
	cryo_str_release(&w.envelope);
	return rc;
}

static int open_rights(const char *path, const struct cryo_str *key, const struct cryo_str *cert,
		       struct cryo_rights *rights, struct cryo_err *err)
{
	cryo_auto(cryo_seal_key_free) struct cryo_seal_key *k = NULL;
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *c = NULL;
	struct cryo_seal_reader_opts o = { .threads = 1 };
	int rc = cryo_seal_key_parse("the key", key->p, key->len, &k, err);

	if (rc == 0 && cert->len > 0)
		rc = cryo_seal_cert_parse("the certificate", cert->p, cert->len, CRYO_SEAL_IDENTIFY,
					  &c, err);
	o.key = k;
	o.cert = c;
	return rc < 0 ? rc : read_sealed_rights(path, &o, rights, err);
}

static int report_unknown_rights(const struct cryo_archive *a, struct cryo_err *err)
{
	return cryo_err_set(
	    err, CRYO_E_CONFIG,
	    "the archive is encrypted%s, so what its processes may do is not known: "
	    "%s--allow-privileges restores it all the same",
	    a->sealed ? "" : " by CRIU",
	    a->sealed ? "name its key (--key, --key-secret); where the node has it, " : "");
}

int cryo_restore_rights_check(const char *path, struct cryo_archive *a, const json_t *pod,
			      const struct cryo_str *key, const struct cryo_str *cert,
			      struct cryo_err *err)
{
	int rc = 0;

	if (a->forked || (a->sealed && !key->len))
		return report_unknown_rights(a, err);
	if (a->sealed)
		rc = open_rights(path, key, cert, &a->rights, err);
	if (rc == 0)
		rc = cryo_rights_check_whole(&a->rights, err);
	return rc < 0 ? rc : cryo_pod_rights_check(pod, a->container, &a->rights, err);
}
