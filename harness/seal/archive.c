/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/archive.h"

#include "seal/envelope.h"
#include "seal/reader.h"
#include "seal/stream.h"
#include "seal/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY '5' /* a tar member's type */
#define BLOCK	  512
#define PADDING	  1048576 /* zeros behind the end that are accepted: tar fills up its records */
#define OCTAL_11  (UINT64_C(1) << 33)

/* POSIX ustar; a size that needs more than 11 octal digits stands in base 256, as GNU tar does. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header has 512 bytes");

static uint64_t pad_to_tar_block(uint64_t n)
{
	return (n + BLOCK - 1) / BLOCK * BLOCK;
}

static unsigned compute_tar_checksum(const struct header *h)
{
	struct header copy = *h;
	const unsigned char *p = (const unsigned char *)&copy;
	unsigned sum = 0;

	memset(copy.sum, ' ', sizeof(copy.sum));
	for (size_t i = 0; i < sizeof(copy); i++)
		sum += p[i];
	return sum;
}

static void put_octal_size(struct header *h, uint64_t size)
{
	if (size < OCTAL_11) {
		snprintf(h->size, sizeof(h->size), "%011" PRIo64, size);
		return;
	}
	h->size[0] = (char)0x80;
	for (size_t i = sizeof(h->size) - 1; size > 0; size >>= 8)
		h->size[i--] = (char)(size & 0xff);
}

static int put_envelope_header(int fd, uint64_t at, const char *name, uint64_t size,
			       struct cryo_err *err)
{
	struct header h = { .mode = "0000600",
			    .uid = "0000000",
			    .gid = "0000000",
			    .mtime = "00000000000",
			    .type = '0' };

	memcpy(h.magic, "ustar", 6);
	memcpy(h.version, "00", 2);
	snprintf(h.name, sizeof(h.name), "%s", name);
	put_octal_size(&h, size);
	snprintf(h.sum, sizeof(h.sum), "%06o", compute_tar_checksum(&h));
	h.sum[7] = ' ';
	return cryo_seal_pwrite(fd, &h, sizeof(h), at, err);
}

/* Zeros up to the next block and then two blocks of them. */
static int put_archive_end(int fd, uint64_t at, struct cryo_err *err)
{
	static const char zeros[3 * BLOCK];

	return cryo_seal_pwrite(fd, zeros, pad_to_tar_block(at) - at + 2 * BLOCK, at, err);
}

static int seal_archive_member(struct cryo_seal_writer *w, int in, uint64_t size, int out,
			       uint64_t at, struct cryo_err *err)
{
	cryo_auto(cryo_seal_stream_free) struct cryo_seal_stream *s = NULL;
	const struct cryo_seal_run run = { .in = in,
					   .out = out,
					   .out_base = at + BLOCK,
					   .end = cryo_seal_stream_segments(size),
					   .plain = size,
					   .threads = w->opts.threads };
	uint64_t sealed = cryo_seal_stream_size(size);
	int rc = put_envelope_header(out, at, CRYO_SEAL_ARCHIVE_MEMBER, sealed, err);

	if (rc == 0)
		rc = cryo_seal_stream_new(w->secret, CRYO_SEAL_ARCHIVE_MEMBER, NULL, &s, err);
	if (rc == 0)
		rc = cryo_seal_stream_seal(s, &run, err);
	return rc < 0 ? rc : put_archive_end(out, at + BLOCK + sealed, err);
}

static int check_plain_unchanged(int in, uint64_t size, struct cryo_err *err)
{
	uint64_t now;
	int rc = cryo_seal_file_size("archive", in, &now, err);

	if (rc == 0 && now != size)
		rc = cryo_err_set(err, CRYO_E_TAMPER, "the archive changed while it was sealed");
	return rc;
}

int cryo_seal_archive_make(int in, int out, const struct cryo_seal_writer_opts *o,
			   struct cryo_err *err)
{
	cryo_auto(cryo_seal_writer_free) struct cryo_seal_writer *w = NULL;
	cryo_auto(cryo_str_release) struct cryo_str der = { 0 };
	uint64_t size;
	int rc = cryo_seal_file_size("archive", in, &size, err);

	if (rc == 0)
		rc = cryo_seal_writer_new(-1, o, &w, err);
	if (rc == 0)
		rc = cryo_seal_manifest_add(&w->manifest, CRYO_SEAL_ARCHIVE_MEMBER, size, err);
	if (rc == 0)
		rc = cryo_seal_writer_envelope(w, &der, err);
	if (rc < 0)
		return rc;
	w->finished = true; /* no file of its own to remove */
	rc = put_envelope_header(out, 0, CRYO_SEAL_CMS_NAME, der.len, err);
	if (rc == 0)
		rc = cryo_seal_pwrite(out, der.p, der.len, BLOCK, err);
	if (rc == 0)
		rc = seal_archive_member(w, in, size, out, BLOCK + pad_to_tar_block(der.len), err);
	return rc < 0 ? rc : check_plain_unchanged(in, size, err);
}

static int report_malformed_seal(struct cryo_err *err, const char *why)
{
	return cryo_err_set(err, CRYO_E_TAMPER, "this is not a sealed archive: %s", why);
}

static bool parse_octal_digits(const char *text, size_t n, uint64_t *value)
{
	size_t i = 0;

	for (*value = 0; i < n && text[i] >= '0' && text[i] <= '7'; i++)
		*value = *value << 3 | (uint64_t)(text[i] - '0');
	return i > 0 && (i == n || text[i] == '\0' || text[i] == ' ');
}

static bool get_octal_size(const struct header *h, uint64_t *size)
{
	if (h->size[0] != (char)0x80)
		return parse_octal_digits(h->size, sizeof(h->size), size);
	if (memcmp(h->size + 1, "\0\0\0", 3) != 0)
		return false;
	*size = 0;
	for (size_t i = 4; i < sizeof(h->size); i++)
		*size = *size << 8 | (unsigned char)h->size[i];
	return *size >> 62 == 0;
}

/* A regular file; its name is NUL-terminated in h. */
static int get_sealed_header(int fd, uint64_t at, struct header *h, uint64_t *size,
			     struct cryo_err *err)
{
	uint64_t sum;
	size_t got;
	int rc = cryo_seal_pread(fd, h, sizeof(*h), at, &got, err);

	if (rc < 0)
		return rc;
	if (got < sizeof(*h) || memcmp(h->magic, "ustar", 5) != 0 ||
	    !parse_octal_digits(h->sum, sizeof(h->sum), &sum) || sum != compute_tar_checksum(h))
		return report_malformed_seal(err, "a tar header is missing");
	if (h->type != '0' || h->prefix[0] || !get_octal_size(h, size) ||
	    !memchr(h->name, '\0', sizeof(h->name)))
		return report_malformed_seal(err, "a member is not a plain file");
	return 0;
}

static bool is_zero_filled(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static int get_envelope(int in, const struct cryo_seal_reader_opts *o, uint64_t *end,
			struct cryo_seal_reader **r, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *der = NULL;
	struct header h = { 0 };
	uint64_t size;
	size_t got;
	int rc = get_sealed_header(in, 0, &h, &size, err);

	if (rc == -(int)CRYO_E_TAMPER && h.type == DIRECTORY)
		rc = report_malformed_seal(
		    err, "its first member is a directory (one of 'checkpoint --encrypt'"
			 " is for 'restore'; unpacked, its 'checkpoint' can be unsealed)");

	if (rc == 0 && strcmp(h.name, CRYO_SEAL_CMS_NAME) != 0)
		rc = report_malformed_seal(err, "its first member is not 'seal.cms'");
	if (rc == 0 && size > CRYO_SEAL_ENVELOPE_MAX)
		rc = report_malformed_seal(err, "'seal.cms' is too large");
	if (rc < 0)
		return rc;
	der = cryo_alloc(pad_to_tar_block(size) + 1);
	rc = cryo_seal_pread(in, der, pad_to_tar_block(size), BLOCK, &got, err);
	if (rc == 0 && got < pad_to_tar_block(size))
		rc = report_malformed_seal(err, "it ends in 'seal.cms'");
	if (rc == 0 && !is_zero_filled(der + size, pad_to_tar_block(size) - size))
		rc = report_malformed_seal(err, "there is data after 'seal.cms'");
	*end = BLOCK + pad_to_tar_block(size);
	return rc < 0 ? rc : cryo_seal_reader_from(der, size, o, r, err);
}

/* Nothing but zeros from here, and not many. */
static int check_archive_end(int fd, uint64_t at, struct cryo_err *err)
{
	static const char zeros[4096];
	uint64_t size;
	int rc = cryo_seal_file_size("archive", fd, &size, err);

	if (rc == 0 && (size < at || size - at > PADDING))
		rc = report_malformed_seal(err,
					   size < at ? "it is cut" : "there is data after its end");
	for (size_t got; rc == 0 && at < size; at += got) {
		char buf[sizeof(zeros)];

		rc = cryo_seal_pread(fd, buf, sizeof(buf), at, &got, err);
		if (rc == 0 && (got == 0 || memcmp(buf, zeros, got) != 0))
			rc = report_malformed_seal(err, "there is data after its end");
	}
	return rc;
}

int cryo_seal_archive_open(int in, int out, const struct cryo_seal_reader_opts *o,
			   struct cryo_err *err)
{
	cryo_auto(cryo_seal_reader_free) struct cryo_seal_reader *r = NULL;
	const struct cryo_seal_file *f;
	struct header h;
	uint64_t at = 0, size = 0;
	int rc = get_envelope(in, o, &at, &r, err);

	if (rc == 0)
		rc = get_sealed_header(in, at, &h, &size, err);
	if (rc < 0)
		return rc;
	f = r->manifest.file;
	if (r->manifest.n != 1 || strcmp(f->name, h.name) != 0)
		return report_malformed_seal(err, "its members do not match its manifest");
	if (size != cryo_seal_stream_size(f->plain))
		return report_malformed_seal(err,
					     "its member does not have the size that was sealed");
	rc = check_archive_end(in, at + BLOCK + size, err);
	if (rc == 0)
		rc = cryo_seal_reader_run(r, f, in, at + BLOCK, out, err);
	return rc;
}
