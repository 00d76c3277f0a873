/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a bundle; those that begin with '{' are the manifest of one that holds a single
 * file. What is taken for sound leads to no file outside of bin/.
 */
#include "image/tar.h"
#include "rke2/bundle.h"
#include "sys/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_members(int fd, const uint8_t *manifest, size_t size)
{
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = cryo_tar_writer_new(fd);
	struct cryo_err err;

	if (cryo_tar_add_data(w, "bundle.json", 0644, manifest, size, &err) < 0 ||
	    cryo_tar_add_data(w, "files/bin/x", 0755, "x", 1, &err) < 0 ||
	    cryo_tar_finish(w, &err) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cryo_auto(cryo_fd_close) int fd = memfd_create("bundle", MFD_CLOEXEC);
	cryo_auto(cryo_rke2_build_release) struct cryo_rke2_build b = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	char path[64];

	if (fd < 0)
		abort();
	if (size > 0 && data[0] == '{')
		put_members(fd, data, size);
	else if (write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	cryo_bundle_verify(path, NULL, &err);
	if (cryo_bundle_read(path, &b, &err) < 0)
		return 0;
	for (size_t i = 0; i < b.n; i++)
		if (b.product[i].name[0] == '/' || strstr(b.product[i].name, ".."))
			abort();
	return 0;
}
