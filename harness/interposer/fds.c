/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/fds.h"

#include "base/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void cryo_fds_close_others(const int *keep, size_t n)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	DIR *d = opendir("/proc/self/fd");

	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	for (struct dirent *e; d && (e = readdir(d));) {
		int fd = atoi(e->d_name);
		bool kept = fd <= 2 || fd == dirfd(d);

		for (size_t i = 0; i < n; i++)
			kept |= fd == keep[i];
		if (!kept)
			close(fd);
	}
	if (d)
		closedir(d);
}
