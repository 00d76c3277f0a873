/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/archive_pages.h"

#include "criu/entry.h"
#include "image/tar.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK	  512
#define MAX_FILES 4096
/* Of what stands in front of a header (long names, times): more is not what anybody writes. */
#define MAX_FRONT 16

/* Of a header (POSIX.1-1988, 10.1.1). */
#define SIZE_AT	  124
#define SIZE_LEN  12
#define TYPE_AT	  156
#define CHECK_AT  148
#define CHECK_LEN 8

struct find {
	int fd;
	uint64_t size;
	struct cryo_pages *out;
	bool unfit; /* something is not simply there */
};

static uint64_t round_to_blocks(uint64_t n)
{
	return (n + BLOCK - 1) / BLOCK * BLOCK;
}

/* UINT64_MAX: it is not an octal number. */
static uint64_t read_header_size(const char *block)
{
	char text[SIZE_LEN + 1] = { 0 };
	char *end;
	uint64_t n;

	memcpy(text, block + SIZE_AT, SIZE_LEN);
	if (strspn(text, "01234567 ") != strlen(text))
		return UINT64_MAX;
	n = strtoull(text, &end, 8);
	return end == text ? UINT64_MAX : n;
}

/* Where the bytes of the member begin whose first header is at `at`; 0: they are not simply there.
 */
static uint64_t find_member_bytes(const struct find *f, uint64_t at, uint64_t size)
{
	for (unsigned i = 0; i < MAX_FRONT; i++) {
		char block[BLOCK];
		uint64_t n;

		if (pread(f->fd, block, sizeof(block), (off_t)at) != (ssize_t)sizeof(block))
			return 0;
		n = read_header_size(block);
		if (n > f->size)
			return 0;
		at += BLOCK;
		if (block[TYPE_AT] == '0' || block[TYPE_AT] == '\0')
			return n == size && at + n <= f->size ? at : 0;
		if (!strchr("xgLK", block[TYPE_AT]))
			return 0;
		at += round_to_blocks(n);
	}
	return 0;
}

static int note_pages_member(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
			     struct cryo_err *err)
{
	struct find *f = arg;
	struct cryo_pages *p = f->out;
	struct cryo_pages_file *file;
	const char *name = cryo_criu_image_of(e->name);

	(void)r;
	if (!name)
		return 0;
	if (strcmp(name, CRYO_PAGES_REF) == 0)
		return cryo_err_set(err, CRYO_E_CONFIG, "it has a '%s', which is not for archives",
				    e->name);
	if (e->is_dir || !cryo_pages_is_name(name))
		return 0;
	f->unfit |= cryo_pages_find(p, name) || p->n == MAX_FILES;
	if (f->unfit)
		return 0;
	p->file = cryo_realloc(p->file, p->n + 1, sizeof(*p->file));
	file = &p->file[p->n++];
	*file = (struct cryo_pages_file){ .size = e->size, .header = e->at };
	strcpy(file->name, name);
	file->at = find_member_bytes(f, e->at, e->size);
	f->unfit |= !file->at;
	return 0;
}

/* What stands between the members that are left out, piece by piece. */
typedef int (*visit_rest)(const void *data, size_t n, void *arg, struct cryo_err *err);

static int read_stretch(int fd, uint64_t from, uint64_t to, visit_rest visit, void *arg,
			struct cryo_err *err)
{
	char buf[65536];

	while (from < to) {
		size_t n = to - from < sizeof(buf) ? (size_t)(to - from) : sizeof(buf);
		ssize_t got = pread(fd, buf, n, (off_t)from);
		int rc;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return cryo_err_sys(err, got < 0 ? errno : EIO, "cannot read the archive");
		rc = visit(buf, (size_t)got, arg, err);
		if (rc < 0)
			return rc;
		from += (uint64_t)got;
	}
	return 0;
}

/* From behind file i - 1 up to file i. */
static int read_rest(int fd, uint64_t size, const struct cryo_pages *p, size_t i, visit_rest visit,
		     void *arg, struct cryo_err *err)
{
	uint64_t from = i ? p->file[i - 1].at + round_to_blocks(p->file[i - 1].size) : 0;

	return read_stretch(fd, from, i < p->n ? p->file[i].header : size, visit, arg, err);
}

static int add_rest_to_hash(const void *data, size_t n, void *arg, struct cryo_err *err)
{
	(void)err;
	cryo_hash_add(arg, data, n);
	return 0;
}

/* Of all that is in it; of a sealed one, the pages are named by the rest, which holds their key. */
static int name_pages_source(int fd, uint64_t size, struct cryo_pages *p, struct cryo_err *err)
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();
	int rc = 0;

	for (size_t i = 0; rc == 0 && i <= p->n; i++) {
		rc = read_rest(fd, size, p, i, add_rest_to_hash, h, err);
		if (i < p->n) {
			cryo_auto(cryo_free) char *where = cryo_asprintf(
			    "%s %llu %llu %s", p->file[i].name, (unsigned long long)p->file[i].at,
			    (unsigned long long)p->file[i].size, p->file[i].sum);

			cryo_hash_item(h, where);
		}
	}
	cryo_hash_hex(h, p->source);
	return rc;
}

int cryo_archive_pages(const char *path, int fd, uint64_t size, bool sealed, struct cryo_pages *out,
		       struct cryo_err *err)
{
	struct find f = { .fd = fd, .size = size, .out = out };
	int rc;

	*out = (struct cryo_pages){ 0 };
	rc = cryo_tar_walk(path, note_pages_member, &f, err);
	if (f.unfit)
		cryo_pages_release(out);
	for (size_t i = 0; rc == 0 && !sealed && i < out->n; i++)
		rc = cryo_err_wrap(err,
				   cryo_pages_sum(fd, out->file[i].at, out->file[i].size, -1,
						  out->file[i].sum, err),
				   "'%s'", out->file[i].name);
	if (rc == 0 && out->n > 0)
		rc = name_pages_source(fd, size, out, err);
	if (rc < 0)
		cryo_pages_release(out);
	return rc;
}

static int write_rest(const void *data, size_t n, void *arg, struct cryo_err *err)
{
	return fwrite(data, 1, n, arg) == n ? 0
					    : cryo_err_sys(err, errno, "cannot write the layer");
}

static void write_octal(char *at, size_t n, uint64_t value)
{
	snprintf(at, n, "%0*llo", (int)n - 1, (unsigned long long)value);
}

/* A member as every writer makes one: root's, 0600, time 0. */
static int write_reference(const struct cryo_pages *p, FILE *to, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	char header[BLOCK] = CRYO_ARCHIVE_IMAGES CRYO_PAGES_REF, zeros[BLOCK] = { 0 };
	unsigned check = 0;
	int rc;

	cryo_pages_show(p, &text);
	write_octal(header + 100, 8, 0600);
	write_octal(header + 108, 8, 0);
	write_octal(header + 116, 8, 0);
	write_octal(header + SIZE_AT, SIZE_LEN, text.len);
	write_octal(header + 136, 12, 0);
	header[TYPE_AT] = '0';
	memcpy(header + 257, "ustar\00000", 8);
	memset(header + CHECK_AT, ' ', CHECK_LEN);
	for (size_t i = 0; i < BLOCK; i++)
		check += (unsigned char)header[i];
	write_octal(header + CHECK_AT, CHECK_LEN - 1, check);
	rc = write_rest(header, BLOCK, to, err);
	if (rc == 0)
		rc = write_rest(text.p, text.len, to, err);
	return rc < 0 ? rc : write_rest(zeros, round_to_blocks(text.len) - text.len, to, err);
}

int cryo_archive_strip(int fd, uint64_t size, const struct cryo_pages *p, const char *path,
		       struct cryo_err *err)
{
	int made = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *to = made < 0 ? NULL : fdopen(made, "w");
	int rc = 0;

	if (!to)
		return cryo_err_sys(err, errno, "cannot write '%s'", path);
	for (size_t i = 0; rc == 0 && i <= p->n; i++) {
		rc = read_rest(fd, size, p, i, write_rest, to, err);
		if (rc == 0 && i == 0)
			rc = write_reference(p, to, err);
	}
	if (fclose(to) != 0 && rc == 0)
		rc = cryo_err_sys(err, errno, "cannot write '%s'", path);
	return rc;
}
