/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linked (--wrap) into the static program for nodes only: its archives are of gzip, and the other
 * compressions would need static libraries that few machines have.
 */
#include <archive.h>

int __wrap_archive_read_support_filter_bzip2(struct archive *a);
int __wrap_archive_read_support_filter_lz4(struct archive *a);
int __wrap_archive_read_support_filter_xz(struct archive *a);
int __wrap_archive_read_support_filter_zstd(struct archive *a);

int __wrap_archive_read_support_filter_bzip2(struct archive *a)
{
	(void)a;
	return ARCHIVE_OK;
}

int __wrap_archive_read_support_filter_xz(struct archive *a)
{
	(void)a;
	return ARCHIVE_OK;
}

int __wrap_archive_read_support_filter_zstd(struct archive *a)
{
	(void)a;
	return ARCHIVE_OK;
}

int __wrap_archive_read_support_filter_lz4(struct archive *a)
{
	(void)a;
	return ARCHIVE_OK;
}
