/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an archive: no crash; what is taken for sound has what restore
 * needs. As hardly a changed tar gets past its checksums, bytes that begin with
 * '{' are the texts of a sound archive's members instead, with NULs between them.
 */
#include "criu/archive.h"
#include "criu/contents.h"
#include "image/tar.h"
#include "sys/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_members(int fd, const char *text, size_t left)
{
	static const char *const name[] = { "config.dump",	     "spec.dump",
					    "status.dump",	     "container.log",
					    "checkpoint/pstree.img", "checkpoint/core-1.img" };
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = cryo_tar_writer_new(fd);
	struct cryo_err err;
	int rc = cryo_tar_add_data(w, "checkpoint/inventory.img", 0600, "x", 1, &err);

	for (size_t i = 0; rc == 0 && left > 0 && i < CRYO_ARRAY_LEN(name); i++) {
		const char *nul = memchr(text, '\0', left);
		size_t n = nul ? (size_t)(nul - text) : left, used = n + (nul != NULL);

		rc = cryo_tar_add_data(w, name[i], 0600, text, n, &err);
		text += used;
		left -= used;
	}
	if (rc < 0 || cryo_tar_finish(w, &err) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cryo_auto(cryo_fd_close) int fd = memfd_create("archive", MFD_CLOEXEC);
	cryo_auto(cryo_archive_release) struct cryo_archive a = { 0 };
	cryo_auto(cryo_contents_release) struct cryo_contents c = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	char path[64];

	if (fd < 0)
		abort();
	if (size > 0 && data[0] == '{')
		put_members(fd, (const char *)data, size);
	else if (write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (cryo_archive_load(path, &a, &err) == 0 && (!*a.container || !*a.image_name))
		abort();
	if (cryo_contents_load(path, &c, &err) == 0 && (c.n > 4096 || (c.n && c.encryption)))
		abort();
	for (size_t i = 0; i < c.n; i++)
		for (const char *p = c.process[i].name; *p; p++)
			if (*p <= ' ' || *p >= 0x7f)
				abort();
	return 0;
}
