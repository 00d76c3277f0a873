/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/feed.h"

#include "seal/dir.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int report_pages_gone(const struct cryo_feed *f, struct cryo_err *err)
{
	return cryo_err_set(err, CRYO_E_TAMPER,
			    "the pages of this checkpoint (%.12s) are not on the node any more: "
			    "restore its archive again",
			    f->pages.source);
}

static int open_pages_source(const char *dir, struct cryo_feed *f, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int rc;

	if (at < 0 && errno == ENOENT)
		return report_pages_gone(f, err);
	if (at < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", dir);
	rc = cryo_seal_dir_open(at, f->pages.source, &f->source, err);
	if (rc < 0 && err->sys_errno == ENOENT)
		return report_pages_gone(f, err);
	if (rc < 0)
		return rc;
	if (fstat(f->source, &st) < 0)
		return cryo_err_sys(err, errno, "cannot look at the pages");
	for (size_t i = 0; i < f->pages.n; i++)
		if (f->pages.file[i].at + f->pages.file[i].size > (uint64_t)st.st_size)
			return cryo_err_set(err, CRYO_E_TAMPER,
					    "the pages of this checkpoint (%.12s) were cut",
					    f->pages.source);
	return 0;
}

/* Pages without a sum are those of a sealed set, which tells by itself whether they are right. */
static int check_pages_sums(const struct cryo_feed *f, bool sealed, struct cryo_err *err)
{
	for (size_t i = 0; i < f->pages.n; i++)
		if (!sealed && !*f->pages.file[i].sum)
			return cryo_err_set(err, CRYO_E_TAMPER, "'%s' has no sum",
					    f->pages.file[i].name);
	return 0;
}

static void list_sealed_parts(struct cryo_feed *f)
{
	f->part = cryo_alloc(f->pages.n * sizeof(*f->part));
	for (size_t i = 0; i < f->pages.n; i++)
		f->part[i] = (struct cryo_seal_part){ f->pages.file[i].name, f->pages.file[i].at,
						      f->pages.file[i].size };
}

int cryo_feed_find(int images, const char *dir, bool sealed, struct cryo_feed *f,
		   struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = cryo_seal_dir_read(images, CRYO_PAGES_REF, CRYO_PAGES_REF_MAX, &text, err);

	if (rc < 0 && err->status == CRYO_E_SYSTEM && err->sys_errno == ENOENT) {
		*err = (struct cryo_err)CRYO_ERR_INIT;
		return 0;
	}
	if (rc == 0)
		rc = cryo_pages_parse(cryo_str_get(&text), text.len, &f->pages, err);
	if (rc == 0)
		rc = check_pages_sums(f, sealed, err);
	if (rc == 0)
		rc = open_pages_source(dir, f, err);
	if (rc < 0)
		return rc;
	list_sealed_parts(f);
	return 1;
}

uint64_t cryo_feed_bytes(const struct cryo_feed *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < f->pages.n; i++)
		sum += f->pages.file[i].size;
	return sum;
}

static int make_fed_file(int out, const char *name, struct cryo_err *err)
{
	int fd = openat(out, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? cryo_err_sys(err, errno, "cannot create '%s'", name) : fd;
}

static int copy_image(int images, const char *name, int out, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int from = -1, to = -1;
	int rc = cryo_seal_dir_open(images, name, &from, err);

	if (rc < 0)
		return rc;
	to = make_fed_file(out, name, err);
	return to < 0 ? to : cryo_fs_copy_fd(from, to, name, err);
}

static int copy_pages(const struct cryo_feed *f, const struct cryo_pages_file *p, int out,
		      struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int to = make_fed_file(out, p->name, err);
	char sum[CRYO_HASH_HEX];
	int rc;

	if (to < 0)
		return to;
	/* At once, so that it gets pages as large as they can be. */
	if (p->size && ftruncate(to, (off_t)p->size) < 0)
		return cryo_err_sys(err, errno, "cannot make '%s'", p->name);
	rc = cryo_pages_sum(f->source, p->at, p->size, to, sum, err);
	if (rc == 0 && strcmp(sum, p->sum) != 0)
		rc = cryo_err_set(err, CRYO_E_TAMPER,
				  "they are not what they were when the restore began");
	return cryo_err_wrap(err, rc, "the pages '%s'", p->name);
}

int cryo_feed_copy(const struct cryo_feed *f, int images, int out, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	int rc = cryo_seal_dir_list(images, &names, err);

	for (size_t i = 0; rc == 0 && i < names.n; i++)
		if (!cryo_seal_is_public(names.v[i]))
			rc = copy_image(images, names.v[i], out, err);
	for (size_t i = 0; rc == 0 && i < f->pages.n; i++)
		rc = copy_pages(f, &f->pages.file[i], out, err);
	return rc;
}

void cryo_feed_release(struct cryo_feed *f)
{
	cryo_pages_release(&f->pages);
	free(f->part);
	cryo_fd_closep(&f->source);
	f->part = NULL;
}
